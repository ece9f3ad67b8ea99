"""What is typed in cells: magics with their completion and help, findings as a table, and outputs to be downloaded."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.pages import notebook_of, theme

OPENING = """\
from workbench import *
from workbench.examples.bank import *
%load_ext workbench
wb = Workbench(bank, dsn={dsn!r})
ada = %issue bank:open-account/account owner='Ada Lovelace'"""
SHOP = """\
shop = Domain("shop")

@shop.resource
class Article(Resource):
    name = field(str)

@shop.event
class Price(Event):
    amount = field(int)

@shop.command(on=Article)
class SetPrice(Command):
    amount = field(int)

shop.check()"""
LETTER = """\
@bank.response(key="letter")
class Letter(Response):
    text = field(str)

@bank.response_handler(Letter)
def letter(response, context):
    return File("letter <1>.txt", response.text)

@bank.command(key="write")
class Write(Command):
    text = field(str)

@bank.command_handler(Write)
async def write(command, context):
    yield Letter(text=command.text)

wb.issue(Write(text="Dear Ada"))"""


async def test_tab_and_help(lab: str, open_page: OpenPage, dsn: str) -> None:
    """Tab completes a command and offers an item's identifier with its owner beside it; a question mark opens the
    command's fields."""
    notebook = await open_page(lab, "tab.ipynb", notebook_of(OPENING.format(dsn=dsn), ""))
    await notebook.run_all()
    keyboard, cell, offered = notebook.page.keyboard, notebook.find(".jp-Cell .cm-content").last, notebook.find(
        ".jp-Completer")
    await cell.click()
    for typed, offer, whole in (("%issue bank:dep", "bank:deposit", "bank:deposit"),
                                ("/account/", "Ada\u00a0Lovelace", "-"), (" am", "field", "amount=")):
        await keyboard.type(typed)
        await keyboard.press("Tab")
        await expect(offered).to_contain_text(offer, ignore_case=True)      # JupyterLab writes kinds small
        await keyboard.press("Enter")
        await expect(offered).to_be_hidden()
        await expect(cell).to_contain_text(whole)
    await keyboard.type("10")
    await keyboard.press("Control+Enter")
    await expect(notebook.find(".jp-Cell").last).to_contain_text("Deposited")
    await notebook.run("wb.issue(OpenAccount(owner='Bob'))")
    await notebook.find(".jp-Cell .cm-content").last.click()
    await keyboard.press("Control+A")
    await keyboard.type("wb.issue('bank:deposit/account/")
    await keyboard.press("Tab")
    await expect(offered).to_contain_text("Bob", ignore_case=True)
    await expect(offered).to_contain_text("Ada\u00a0Lovelace", ignore_case=True)
    await notebook.keep("tab-items")
    await keyboard.press("Escape")
    await notebook.run("Deposit?")
    await expect(notebook.find(".jp-OutputArea-output").last).to_contain_text("amount  a Decimal, required")
    assert await notebook.errors() == []


async def test_findings(lab: str, open_page: OpenPage, dsn: str) -> None:
    """What a domain's check finds is a table that can be read in both themes and at both widths."""
    for width in (1280, 800):
        notebook = await open_page(lab, f"findings-{width}.ipynb", notebook_of(OPENING.format(dsn=dsn), SHOP),
                                   width=width)
        await notebook.run_all()
        table = notebook.find(".jp-Cell").last.locator(".wb")
        await expect(table).to_contain_text("✗ fault")
        for name in ("JupyterLab Dark", "JupyterLab Light"):
            await theme([notebook], name)
            await table.scroll_into_view_if_needed()
            await notebook.keep(f"findings-{width}-{name[-5:].strip()}")
            assert await notebook.faults(".wb") == []


async def test_a_file_of_a_response(lab: str, open_page: OpenPage, dsn: str, tmp_path: Path) -> None:
    """What a response handler returns is shown in the step, and its link downloads it under its name."""
    notebook = await open_page(lab, "letter.ipynb", notebook_of(
        OPENING.format(dsn=dsn).replace("wb =", LETTER.rpartition("\n")[0] + "\n\nwb ="), LETTER.rpartition("\n")[2]))
    await notebook.run_all()
    link = notebook.find(".jp-Cell").last.locator("a[download]")
    await expect(link).to_contain_text("letter <1>.txt")
    async with notebook.page.expect_download() as waiting:
        await link.click()
    download = await waiting.value
    await download.save_as(tmp_path / "letter")
    assert (tmp_path / "letter").read_text() == "Dear Ada"
    assert await notebook.errors() == []
