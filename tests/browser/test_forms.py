"""Forms in JupyterLab: filled in wrongly and rightly, by mouse and by keyboard alone, and nothing shown is run."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import OpenPage
from tests.browser.pages import NotebookPage, notebook_of, theme

EVIL = "<script>document.body.dataset.hurt = 1</script><img src=x onerror='document.body.dataset.hurt = 1'>"
SHOP = '''\
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID
from workbench import *

shop = Domain("shop")

class Packing(Enum):
    PAPER = "paper"
    WOOD = "wood"

@shop.resource
class Article(Resource):
    title = field(str)

@shop.resource
class Order(Resource):
    customer = field(str)
    note = field(str | None)
    lines = field(list, initial=[])

class Place(Datadef):
    """Where to."""
    street = field(str)
    city = field(str, doc="without its code")

class Line(Datadef):
    article = field(UUID, references=Article)
    quantity = field(int, initial=1, check=lambda n: 0 < n < 100, doc="1 to 99")

@shop.command(on=Article)
class AddArticle(Command):
    title = field(str)

@shop.event
class ArticleAdded(Event):
    title = field(str)

@shop.command(on=Order)
class PlaceOrder(Command):
    """Orders articles."""
    customer = field(str, doc="who orders")
    lines = field(list[Line], check=lambda lines: (len(lines) > 0, "at least one line"), doc="what is ordered")
    to = field(Place)
    bill = field(Place | None, doc="where the bill goes, if not there as well")
    due = field(datetime | None, doc="when it must be there")
    day = field(date | None)
    packing = field(Packing)
    discount = field(Decimal, initial=Decimal("0"), check=lambda d: 0 <= d < 1)
    gift = field(bool, initial=False)
    note = field(str | None)
    extra = field(dict, initial={})

@shop.event
class OrderPlaced(Event):
    customer = field(str)
    note = field(str | None)
    lines = field(list)

@shop.command_handler(AddArticle)
async def add(command, context):
    yield ArticleAdded(title=command.title).on(context.target)

@shop.event_handler(ArticleAdded)
async def added(event, context):
    yield Insert(event.target, title=event.title)

@shop.command_handler(PlaceOrder)
async def place(command, context):
    lines = [{"article": str(line.article), "quantity": line.quantity} for line in command.lines]
    yield OrderPlaced(customer=command.customer, note=command.note, lines=lines).on(context.target)
    yield context.respond(order=context.target.identifier)

@shop.event_handler(OrderPlaced)
async def placed(event, context):
    yield Insert(event.target, customer=event.customer, note=event.note, lines=event.lines)
'''


async def opened(open_page: OpenPage, lab: str, dsn: str, name: str, *cells: str, width: int = 1280) -> NotebookPage:
    """A notebook with the shop on the test's database and three articles; all cells were run."""
    articles = (f"wb = Workbench(shop, dsn={dsn!r})\nfor title in ('Apple', 'Pear', 'Plum'):\n"
                "    wb.issue(AddArticle(title=title), on='article')\nwb.commit()")
    notebook = await open_page(lab, name, notebook_of(SHOP, articles, *cells), width=width)
    await notebook.run_all()
    return notebook


def field(form: Locator, *names: str) -> Locator:
    """The input of a field, or of one within it."""
    for name in names:
        form = form.locator(f".wb-field-{name}")
    return form.locator("input:not([type=checkbox]), select, textarea").first


async def tabbed(notebook: NotebookPage, *keys: str) -> None:
    """Presses keys, one after the other; a text of several letters that is no key's name is typed."""
    for key in keys:
        if key in ("Tab", "Enter", "Space", "Backspace"):
            await notebook.page.keyboard.press(key)
        else:
            await notebook.page.keyboard.type(key, delay=20)
        await notebook.page.wait_for_timeout(150)       # as fast as somebody types: each key is answered


@pytest.mark.parametrize("width", [1280, 800])
async def test_by_mouse(lab: str, open_page: OpenPage, dsn: str, width: int) -> None:
    """What is wrong is said where it is, in fields, rows and nested ones; what is right is issued, and had as code."""
    notebook = await opened(open_page, lab, dsn, f"mouse-{width}.ipynb", "wb.form(PlaceOrder)", width=width)
    form = notebook.find(".wb-form")
    await form.locator(".wb-issue").click()
    await expect(form.get_by_text("✗ is required")).to_have_count(4)
    await expect(form.locator(".wb-field-lines")).to_contain_text("at least one line")
    await field(form, "customer").fill("Ada")
    for _ in range(2):
        await form.locator(".wb-field-lines .wb-add").click()
    rows = form.locator(".wb-row")
    await expect(rows).to_have_count(2)
    await field(rows.nth(0), "article").fill("p")
    await expect(rows.nth(0)).to_contain_text("3 found: Plum")
    await field(rows.nth(0), "article").fill("pear")
    await expect(rows.nth(0)).to_contain_text("Pear · ")
    await field(rows.nth(1), "article").fill("Cherry")
    await expect(rows.nth(1)).to_contain_text("no article has 'Cherry' in its title; type a part of it")
    await field(rows.nth(1), "quantity").fill("100")
    await expect(rows.nth(1)).to_contain_text("100 failed its check: 1 to 99")
    await field(form, "to", "street").fill("Via Appia 1")
    await field(form, "to", "city").fill("Rome")
    await field(form, "packing").select_option("wood")
    await field(form, "discount").fill("2")
    await form.locator(".wb-field-bill .wb-none input").click()
    await field(form, "due").fill("2026-12-24T18:00")
    await form.locator(".wb-field-due .wb-zone input").fill("Europe/Rome")
    await form.locator(".wb-field-gift input").check()
    await field(form, "extra").fill("{")
    await expect(form.locator(".wb-field-extra")).to_contain_text("this is not JSON in line 1")
    for name in ("JupyterLab Dark", "JupyterLab Light"):
        await theme([notebook], name)
        await form.scroll_into_view_if_needed()
        await notebook.keep(f"form-wrong-{width}-{name[-5:].strip()}")
        assert await notebook.faults(".wb-form") == []
    await field(form, "extra").fill('{"wrap": true}')
    await field(form, "discount").fill("0.1")
    await form.locator(".wb-field-bill .wb-none input").click()
    await rows.nth(1).locator(".wb-up").click()
    await expect(field(rows.nth(0), "article")).to_have_value("Cherry")
    await field(rows.nth(0), "article").fill("plum")
    await field(rows.nth(0), "quantity").fill("3")
    await form.locator(".wb-issue").dblclick()
    await expect(form.locator(".wb-outcome")).to_contain_text("OrderPlaced")
    await expect(form.locator(".wb-code")).to_contain_text("packing='wood'")
    await notebook.keep(f"form-issued-{width}")
    await notebook.run("*_, order = wb.session.steps; c = order.command\nprint(len(wb.session.steps), [(wb.fetch("
                       "'article', line.article).title, line.quantity) for line in c.lines], c.to.city, c.bill, c.due, "
                       "c.gift, c.note, dict(c.extra))")
    await expect(notebook.find(".jp-Cell").last).to_contain_text(
        "4 [('Plum', 3), ('Pear', 1)] Rome None 2026-12-24 17:00:00+00:00 True None {'wrap': True}")
    assert await notebook.errors() == []


async def test_by_keyboard_alone(lab: str, open_page: OpenPage, dsn: str) -> None:
    """Tab reaches everything in its order, Enter takes what a picker found, Space presses, Enter issues; after a
    refusal the keyboard is where something is wrong."""
    notebook = await opened(open_page, lab, dsn, "keyboard.ipynb", "wb.form(PlaceOrder, packing='paper')")
    form = notebook.find(".wb-form")
    await form.locator(".wb-on input").focus()
    await tabbed(notebook, "Tab", "Enter")
    await expect(form.get_by_text("✗ is required").first).to_be_visible()
    await expect(field(form, "customer")).to_be_focused()
    await tabbed(notebook, "Ada", "Tab", "Space")
    await expect(field(form, "article")).to_be_focused()
    await tabbed(notebook, "pea")
    await expect(form.locator(".wb-row")).to_contain_text("1 found: Pear")
    await tabbed(notebook, "Enter")
    await expect(field(form, "article")).to_have_value(re.compile("^Pear · "))
    await tabbed(notebook, "Tab")
    await expect(field(form, "quantity")).to_be_focused()
    await notebook.run("print(len(wb.session.steps), 'steps')")
    await expect(notebook.find(".jp-Cell").last).to_contain_text("3 steps")     # Enter took it, and issued nothing
    await field(form, "quantity").focus()
    await tabbed(notebook, "Backspace", "7")
    await field(form, "to", "street").focus()
    await tabbed(notebook, "Via Appia 1", "Tab", "Rome", "Enter")
    await expect(form.locator(".wb-outcome")).to_contain_text("OrderPlaced")
    await notebook.run("print(wb.session.steps[-1].command.lines[0].quantity, 'of', "
                       "wb.fetch('article', wb.session.steps[-1].command.lines[0].article).title)")
    await expect(notebook.find(".jp-Cell").last).to_contain_text("7 of Pear")
    assert await notebook.errors() == []


async def test_keys_stay_in_the_form(lab: str, open_page: OpenPage, dsn: str) -> None:
    """A letter or an arrow pressed in a chooser chooses there: JupyterLab, for which X cuts the cell and an arrow leads
    out of it, does not hear of it. The same in a panel; Escape leads back to the notebook."""
    notebook = await opened(open_page, lab, dsn, "keys-of-a-form.ipynb", "wb.form(PlaceOrder)", "wb.panel()")
    keys = notebook.page.keyboard
    cells = await notebook.find(".jp-Cell").count()
    packing = field(notebook.find(".wb-form").first, "packing")
    await packing.focus()
    for key in ("w", "x", "a", "d", "d"):
        await keys.press(key)
    await expect(packing).to_be_focused()
    await expect(packing).to_have_value("wood")
    await keys.press("ArrowUp")
    await expect(packing).to_have_value("paper")
    for css in (".wb-form .wb-issue", ".wb-panel .wb-command select", ".wb-panel .wb-issue"):
        await notebook.find(css).first.focus()
        for key in ("x", "ArrowDown", "b"):
            await keys.press(key)
        await expect(notebook.find(css).first).to_be_focused()
        if css.endswith("select"):      # another command has another form, in a moment
            chosen = await notebook.find(css).first.input_value()
            await expect(notebook.find(".wb-panel .wb-issue").first).to_have_attribute("title", f"issue {chosen}")
    assert await notebook.find(".jp-Cell").count() == cells
    await keys.press("Escape")
    await expect(notebook.find(".wb-panel :focus")).to_have_count(0)


async def test_what_a_line_of_a_browser_cannot_hold(lab: str, open_page: OpenPage, dsn: str) -> None:
    """A text with line breaks keeps them when somebody types; a time finer than a browser shows is shown, and stays as
    it is until it is changed; an item whose name has a break or a blank at its end is chosen as any other."""
    remark = """\
from datetime import time, timezone

@shop.command
class Remark(Command):
    text = field(str | None)
    at = field(datetime)
    until = field(time)
    since = field(time)
    about = field(UUID, references=Article)

@shop.command_handler(Remark)
async def remark(command, context):
    yield context.respond(text=command.text)

for title in ("Alpha\\nbeta", " Gamma"):
    wb.issue(AddArticle(title=title))
form = wb.form(Remark, text="first\\nsecond", at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc),
               until=time(1, 2, 3, 456789), since=time(1, 2, 3, 456789))
form"""
    notebook = await opened(open_page, lab, dsn, "lines.ipynb", remark)
    form = notebook.find(".wb-form")
    await expect(field(form, "text")).to_have_value("first\nsecond")
    await field(form, "text").press("End")
    await field(form, "text").press("!")
    await expect(field(form, "at")).to_have_value("2026-01-02T03:04:05.678")
    await expect(field(form, "until")).to_have_value("01:02:03.456")
    await field(form, "since").focus()
    await notebook.page.keyboard.press("ArrowUp")
    about = field(form, "about")
    for part, whole in (("alph", "Alpha beta · "), ("gam", "Gamma · ")):
        await about.fill(part)
        await expect(form.locator(".wb-field-about")).to_contain_text(f"1 found: {whole}")
        await about.press("Enter")
        await expect(about).to_have_value(re.compile(f"^{whole}"))
        await form.locator(".wb-issue").click()
        await expect(form.locator(".wb-outcome")).to_contain_text("Remark")
        await notebook.page.wait_for_timeout(700)       # no double click
        await notebook.run("c = wb.session.steps[-1].command\nprint(repr(c.text), c.at.microsecond, c.until, c.since, "
                           "repr(wb.fetch('article', c.about).title))")
        title = "'Alpha\\nbeta'" if part == "alph" else "' Gamma'"
        await expect(notebook.find(".jp-Cell").last).to_contain_text(
            f"'first\\nsecond!' 678901 01:02:03.456789 02:02:03.456000 {title}")
    assert await notebook.errors() == []


async def test_a_day_that_is_typed_in_part(lab: str, open_page: OpenPage, dsn: str) -> None:
    """A day of which the browser has a part, and tells the kernel nothing, is told beneath it as soon as one leaves it,
    whether or not the field may be left out; a whole one, and none, are not."""
    meet = """\
@shop.command(on=Article)
class Meet(Command):
    day = field(date)
    until = field(date | None)

wb.form(Meet)"""
    notebook = await opened(open_page, lab, dsn, "days.ipynb", meet)
    form = notebook.find(".wb-form")
    told = """form => [...form.querySelectorAll("*")].map(one => getComputedStyle(one, "::after"))
        .filter(style => style.content.includes("a part of the day")).map(style => style.content)"""
    for name in ("day", "until"):
        day = form.locator(f".wb-field-{name} input[type=date]")
        await day.focus()
        await notebook.page.keyboard.type("12")
        assert await form.evaluate(told) == []
        await day.blur()
        assert await form.evaluate(told) == ['"✗ only a part of the day is filled in, so that there is none"']
        await notebook.keep("day_in_part")
        await day.fill("2026-12-24")
        assert await form.evaluate(told) == []
        await day.fill("")
        await day.blur()
        assert await form.evaluate(told) == []
    assert await notebook.errors() == []


async def test_a_form_follows_its_command(lab: str, open_page: OpenPage, dsn: str) -> None:
    """When the cell of a command runs again with one more field, the open form has it, and what was typed stays."""
    notebook = await opened(open_page, lab, dsn, "follows.ipynb", "wb.form(AddArticle)")
    form = notebook.find(".wb-form")
    await field(form, "title").fill("Cherry")
    await notebook.run("@shop.command(on=Article)\nclass AddArticle(Command):\n    title = field(str)\n"
                       "    pieces = field(int, initial=6, doc='in a box')\n\n"
                       "shop.command_handler(AddArticle)(add)")
    await expect(form).to_contain_text("in a box")
    await expect(field(form, "title")).to_have_value("Cherry")
    await field(form, "title").press("Enter")
    await expect(form.locator(".wb-outcome")).to_contain_text("pieces=6")
    assert await notebook.errors() == []


async def test_the_button_and_a_form_whose_kernel_is_gone(lab: str, open_page: OpenPage, dsn: str) -> None:
    """The button keeps the keyboard when it has issued, and one sees that it has it; after a restart the form says that
    it is of no use any more, once and in words, where ipywidgets puts a broken link beside each part of it."""
    notebook = await opened(open_page, lab, dsn, "gone.ipynb", "wb.form(AddArticle, title='Cherry')")
    form = notebook.find(".wb-form")
    button = form.locator(".wb-issue")
    await field(form, "title").focus()
    await tabbed(notebook, "Tab", "Enter")
    await expect(form.locator(".wb-outcome")).to_contain_text("ArticleAdded")
    await expect(button).to_be_focused()
    await expect(button).to_have_css("outline-width", "2px")
    await expect(form.locator(".wb-gone")).to_be_hidden()
    await notebook.restart()
    await expect(form.locator(".wb-gone")).to_contain_text("The kernel was restarted or is gone, and with it this form")
    await expect(form.locator(".wb-gone")).to_be_visible()
    assert await button.evaluate("one => getComputedStyle(one, '::before').content") == "none"
    await notebook.keep("form-gone")


async def test_what_is_wrong_stands_beneath_its_row(lab: str, open_page: OpenPage, dsn: str) -> None:
    """The reason beneath a member of a list begins where its input does, as that of a field does."""
    cell = ("@shop.command\nclass Tag(Command):\n    names = field(list[str], initial=[''])\n    by = field(str)\n"
            "@shop.command_handler(Tag)\nasync def tag(command, context):\n    yield context.respond()\n"
            "wb.form(Tag)")
    notebook = await opened(open_page, lab, dsn, "beneath.ipynb", cell)
    form = notebook.find(".wb-form")
    await form.locator(".wb-issue").click()
    await expect(form.get_by_text("✗ is required")).to_have_count(2)
    left = "e => e.getBoundingClientRect().left"
    for name in ("names", "by"):
        problem = form.locator(f".wb-field-{name} .wb-problem").first
        distance = await problem.evaluate(left) - await field(form, name).evaluate(left)
        assert abs(distance) <= 3


async def test_a_command_that_takes_long(lab: str, open_page: OpenPage, dsn: str) -> None:
    """While a command is at work its form cannot be issued again, and shows a bar that cancels it; what its handler
    prints stands in the form."""
    slow = """\
import asyncio

@shop.command(on=Article)
class Wait(Command):
    seconds = field(int)

@shop.command_handler(Wait)
async def wait(command, context):
    print("waiting", command.seconds)
    await asyncio.sleep(command.seconds)
    yield context.respond(waited=command.seconds)

wb.form(Wait, seconds=60)"""
    notebook = await opened(open_page, lab, dsn, "slow.ipynb", slow)
    form = notebook.find(".wb-form")
    await form.locator(".wb-issue").click()
    await expect(form.locator(".wb-issue")).to_be_disabled()
    await expect(form).to_contain_text("waiting 60")
    await form.locator(".wb-progress button").click()
    await expect(form.locator(".wb-outcome")).to_contain_text("issue was cancelled")
    await expect(form.locator(".wb-issue")).to_be_enabled()
    await field(form, "seconds").fill("0")
    await field(form, "seconds").press("Enter")
    await expect(form.locator(".wb-outcome")).to_contain_text("waited=0")
    await expect(form).not_to_contain_text("waiting 60")
    assert await notebook.errors() == []


async def test_nothing_shown_is_run(lab: str, open_page: OpenPage, dsn: str) -> None:
    """A script as choice, doc, label, placeholder, typed text, problem or outcome is text."""
    evil = f"EVIL = {EVIL!r}\n" + """\
@shop.command(on=Article)
class Evil(Command):
    __doc__ = EVIL
    title = field(str, initial=EVIL, doc=EVIL)
    choice = field(str, choices=[EVIL, "b"], doc=EVIL)
    like = field(UUID, references=Article, doc=EVIL)
    more = field(list[Place], doc=EVIL)

@shop.command_handler(Evil)
async def evil(command, context):
    raise Rejected(EVIL, given=EVIL)

wb.issue(AddArticle(title=EVIL), on="article")
wb.form(Evil, choice=EVIL, more=[Place(street=EVIL, city=EVIL)])"""
    notebook = await opened(open_page, lab, dsn, "evil-form.ipynb", evil)
    form = notebook.find(".wb-form")
    await field(form, "like").fill("script")
    await expect(form.locator(".wb-field-like")).to_contain_text("<script>")
    await form.locator(".wb-on input").fill(EVIL + "no")
    await expect(form.locator(".wb-on")).to_contain_text("no article has")
    await form.locator(".wb-on input").fill("")
    await field(form, "like").fill(EVIL)
    await expect(form.locator(".wb-field-like")).to_contain_text("· ")
    await form.locator(".wb-issue").click()
    await expect(form.locator(".wb-outcome")).to_contain_text("<script>")
    assert await notebook.page.evaluate("document.body.dataset.hurt") is None
    assert await notebook.faults(".wb-form") == []
    assert await notebook.errors() == []
