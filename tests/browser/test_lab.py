"""JupyterLab in a real browser: lesson 1 under Run All, in both themes and two widths, and nothing shown is run."""

from __future__ import annotations

from tests.browser.conftest import OpenPage
from tests.browser.pages import notebook_of, theme
from tests.browser.servers import REPOSITORY

EVIL = "<script>document.body.dataset.hurt = 1</script><img src=x onerror='document.body.dataset.hurt = 1'>"


async def test_lesson_1(lab: str, open_page: OpenPage, dsn: str) -> None:
    """Lesson 1 runs under Run All; its plan is seen as one, in both themes, wide and narrow, with no serious fault for
    axe-core; the cells that are meant to end in an error do, and no other."""
    lesson = (REPOSITORY / "notebooks" / "01_first_domain.ipynb").read_text(encoding="utf-8")
    notebook = await open_page(lab, "lesson.ipynb", lesson.replace("Workbench(bank", f"Workbench(bank, dsn={dsn!r}"))
    await notebook.run_all()
    assert len(await notebook.errors()) == lesson.count('"raises-exception"')
    assert "Plan: 1 to add" in "\n".join(await notebook.find(".wb").all_inner_texts())
    for width in (1280, 800):
        await notebook.page.set_viewport_size({"width": width, "height": 1600})
        for name in ("JupyterLab Dark", "JupyterLab Light"):
            await theme([notebook], name)
            await notebook.find(".wb").first.scroll_into_view_if_needed()
            await notebook.keep(f"lesson-{width}-{name[-5:].strip()}")
            assert await notebook.faults(".wb") == []


async def test_what_is_shown_is_text(lab: str, open_page: OpenPage, dsn: str) -> None:
    """A script in an item's value, in an owner's name, in an error and in a plan is text, and is not run."""
    notebook = await open_page(lab, "evil.ipynb", notebook_of(
        "from workbench import Workbench\nfrom workbench.examples.bank import *\n"
        f"wb = Workbench(bank, dsn={dsn!r})\nada = wb.issue(OpenAccount(owner={EVIL!r}))\nada",
        "wb.plan()", "wb.items('account')", "wb.pending", "wb.steps", "wb.plan().check()",
        "wb.issue(Withdraw(amount=5), on=ada)", "wb.commit()"))
    await notebook.run_all()
    assert [error.partition(":")[0] for error in await notebook.errors()] == ["Rejected"]
    assert await notebook.page.evaluate("document.body.dataset.hurt") is None
    assert await notebook.find(".wb").count() >= 3
    assert "<script>" in await notebook.find(".wb").first.inner_text()


async def test_no_formula_is_made_of_values(lab: str, open_page: OpenPage, dsn: str) -> None:
    """What stands between dollars in a value is shown as it is, in outputs and in the panel; MathJax makes no formula
    of it."""
    owner = "owes $5, not $6, or $x_1$"
    notebook = await open_page(lab, "dollars.ipynb", notebook_of(
        "from IPython.display import HTML, display\nfrom workbench import Workbench\n"
        f"from workbench.examples.bank import *\nwb = Workbench(bank, dsn={dsn!r})\n"
        f"ada = wb.issue(OpenAccount(owner={owner!r}))\nada",
        "wb.plan()", "wb.panel()", "wb.form(Deposit, on=ada)", "display(HTML('a formula: $x_2$'))"))
    await notebook.run_all()
    await notebook.page.wait_for_selector("mjx-container")      # that of the last cell: it has been at work
    assert await notebook.find("mjx-container").count() == 1
    shown = await notebook.find(".wb").all_inner_texts()
    assert [owner in text for text in shown[:2]] == [True, True]
