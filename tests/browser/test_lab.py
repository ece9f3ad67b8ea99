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
