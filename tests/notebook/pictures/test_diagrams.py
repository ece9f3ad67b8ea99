"""Diagrams: what a map and a step show, that every text in them is text, and that they can be seen and saved."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from re import findall
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.state.domains import Note, Write, notes
from workbench import Command, Delete, Domain, Event, Insert, Invalid, Resource, Update, field
from workbench.domain.registry import Registry
from workbench.errors import WorkbenchError
from workbench.examples.bank import Deposit, OpenAccount, Pay, bank
from workbench.examples.flights import RegisterAirline, flights
from workbench.notebook.pictures.diagram import LIMIT, Diagram, Edge, Node
from workbench.notebook.pictures.layout import layout
from workbench.notebook.pictures.map import map_of
from workbench.notebook.pictures.mermaid import mermaid
from workbench.notebook.pictures.paint import FILLS, LINE, TEXT
from workbench.notebook.pictures.shown_diagram import ShownDiagram
from workbench.notebook.pictures.step_diagram import step_diagram
from workbench.notebook.pictures.svg import svg
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader
from workbench.state.step import Step

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "</text><script>alert('&')</script>\"]\n%%{init: {}}%%\x00"
NAMED = {"bank": bank, "flights": flights}


async def payment() -> tuple[Registry, list[Step]]:
    """Ada pays Bob 4 EUR: four steps."""
    manager = StateManager(Registry([bank]), MemoryReader())
    ada = await manager.issue(OpenAccount(owner="Ada"))
    bob = await manager.issue(OpenAccount(owner="Bob"))
    steps = [ada, bob, await manager.issue(Deposit(amount=10), on=ada)]
    return manager.registry, [*steps, await manager.issue(Pay(amount=4, to=bob.target.identifier), on=ada)]


def arrows(diagram: Diagram, *, dashed: bool) -> set[str]:
    """The edges of one kind, by their labels."""
    labels = {node.key: node.label for node in diagram.nodes}
    return {f"{labels[edge.source]} -> {labels[edge.target]} {edge.label}".rstrip()
            for edge in diagram.edges if edge.dashed == dashed}


def marks(diagram: Diagram) -> dict[str, str]:
    return {node.label: node.mark for node in diagram.nodes if node.mark}


# ------------------------------------------------------------------------------------------------ maps


async def test_what_happened_is_solid_and_counted_and_what_was_read_is_dashed() -> None:
    """A payment runs through the policy to the other account; what the code names besides is dashed."""
    diagram = map_of(*await payment())
    assert arrows(diagram, dashed=False) == {
        "OpenAccount -> AccountOpened 2×", "AccountOpened -> Account +2", "Pay -> MoneySent 1×",
        "MoneySent -> Account ~1", "MoneySent -> money_arrives 1×", "money_arrives -> Deposit 1×",
        "Deposit -> Deposited 2×", "Deposited -> Account ~2"}
    assert arrows(diagram, dashed=True) == {
        "Withdraw -> Withdrawn", "Withdraw -> MoneySent", "Pay -> Withdrawn", "Withdrawn -> Account",
        "CloseAccount -> AccountClosed", "AccountClosed -> Account"}


def test_the_map_of_a_domain_in_which_nothing_happened() -> None:
    """All is dashed, and nothing is marked: the flights are whole."""
    diagram = map_of(Registry([flights]), [])
    assert arrows(diagram, dashed=False) == set()
    assert {"RegisterPlane -> PlaneRegistered", "PlaneRegistered -> Plane", "ScheduleFlight -> FlightScheduled",
            "Cancelled -> Flight"} <= arrows(diagram, dashed=True)
    assert marks(diagram) == {}
    assert diagram.remarks == ("solid: happened in this session; dashed: only seen in the handlers' code",)


def test_what_an_event_changes_is_on_the_map_beside_what_it_names() -> None:
    """A handler that changes its own item and names another resource leads to both."""
    class Author(Resource):
        name = field(str)

    async def written(event: Any, context: Any) -> Any:
        author = await context.fetch(Author, "ada")
        yield Insert(event.target, text=author.name)

    domain = notes(written=written)
    domain.resource(Author)
    domain.command(on=Note)(Write)
    assert {"Written -> Note", "Written -> Author"} <= arrows(map_of(Registry([domain]), []), dashed=True)


async def test_two_domains_are_on_one_map() -> None:
    """Two domains are drawn on one map, and the steps of each count at its own part."""
    manager = StateManager(Registry([bank, flights]), MemoryReader())
    step = await manager.issue(RegisterAirline(name="United"), on="flights:airline/UA")
    diagram = map_of(manager.registry, [step])
    assert arrows(diagram, dashed=False) == {"RegisterAirline -> AirlineRegistered 1×",
                                             "AirlineRegistered -> Airline +1"}
    assert "money_arrives -> Deposit" in arrows(diagram, dashed=True)


def shop() -> Domain:
    """A command and an event without handlers, an event nobody yields, its policy, a resource nobody touches."""
    domain = Domain("shop")

    @domain.resource
    class Article(Resource):
        """What is sold.

        And more."""

        name = field(str)

    @domain.resource
    class Shelf(Resource):
        place = field(str)

    @domain.command(on=Article)
    class Rename(Command):
        name = field(str)

    @domain.command(on=Article)
    class Sell(Command):
        pass

    @domain.event
    class Renamed(Event):
        name = field(str)

    @domain.event
    class Sold(Event):
        pass

    @domain.event
    class Lost(Event):
        pass

    @domain.command_handler(Rename)
    def rename(command: Rename, context: object) -> Event:
        return Renamed(name=command.name)

    @domain.event_handler(Renamed)
    def renamed(event: Renamed, context: object) -> Update:
        return Update(event.target, name=event.name)

    @domain.event_handler(Lost)
    def lost(event: Lost, context: object) -> Delete:
        return Delete(event.target)

    @domain.policy(Lost)
    def sell_again(event: Lost, context: object) -> Command:
        return Sell()

    return domain


def test_unhandled_and_unreachable_parts_are_marked() -> None:
    """By a word, a sign and a colour, and the remarks say what the signs mean."""
    diagram = map_of(Registry([shop()]), [])
    assert marks(diagram) == {"Sell": "unhandled", "Sold": "unhandled", "Lost": "unreachable",
                              "sell_again": "unreachable", "Shelf": "unreachable"}
    assert "✗ Sell (command, unhandled)" in repr(diagram)
    assert "? unreachable: nothing seems to lead there" in diagram.remarks
    picture = svg(diagram)
    assert "✗ Sell" in picture
    assert FILLS["unhandled"] in picture
    assert ':::unreachable' in mermaid(diagram)


def test_nothing_is_called_unreachable_where_code_could_not_be_read() -> None:
    """A handler that imports while it runs may yield anything: the remark says so."""
    domain = shop()

    @domain.command_handler(domain.commands["sell"].cls)
    def sell(command: Command, context: object) -> object:
        from decimal import Decimal

        return Decimal(1)

    diagram = map_of(Registry([domain]), [])
    assert marks(diagram) == {"Sold": "unhandled"}
    assert diagram.remarks[-1] == "some handlers could not be read whole: there may be more than is shown"


async def test_what_was_forgotten_since_is_left_out() -> None:
    """Steps may be older than the domain: they are no hindrance."""
    domain = Domain("notes")

    @domain.resource
    class Note(Resource):
        text = field(str)

    @domain.command(on=Note)
    class Write(Command):
        text = field(str)

    @domain.event
    class Written(Event):
        text = field(str)

    @domain.command_handler(Write)
    def write(command: Write, context: object) -> Event:
        return Written(text=command.text).on(context.target)  # type: ignore[attr-defined]

    @domain.event_handler(Written)
    def written(event: Written, context: object) -> Insert:
        return Insert(event.target, text=event.text)

    manager = StateManager(Registry([domain]), MemoryReader())
    step = await manager.issue(Write(text="a"))
    assert len(map_of(manager.registry, [step]).edges) == 2
    domain.forget(Written)
    assert map_of(manager.registry, [step]).edges == ()


def test_a_note_tells_the_key_the_docstring_and_the_handler() -> None:
    """What hovering shows of a node is its key, its docstring and its handler."""
    notes = {node.label: node.note for node in map_of(Registry([shop(), bank]), []).nodes}
    assert notes["Article"] == "shop:article\nWhat is sold."
    assert notes["Pay"] == "bank:pay\nSends money to another account.\nhandled by take"
    assert notes["money_arrives"] == "bank"


# ------------------------------------------------------------------------------------------------ steps


async def test_a_step_is_drawn_in_its_order() -> None:
    """The numbers tell it: the command, its event, the mutation, the policy, what came of it, the answers.

    Items are known by the beginning of their identifier, as everywhere."""
    _, steps = await payment()
    diagram = step_diagram(steps[-1])
    ada, bob = (str(step.target.identifier)[:8] for step in steps[:2])
    assert [node.label for node in diagram.nodes] == [
        "1 Pay", "2 MoneySent", f"3 ~ account {ada}", "4 money_arrives", "5 Deposit", "6 Deposited",
        f"7 ~ account {bob}", "8 Answer", "9 Answer"]
    assert {(edge.source, edge.target) for edge in diagram.edges} == {
        ("1", "2"), ("2", "3"), ("2", "4"), ("4", "5"), ("5", "6"), ("6", "7"), ("5", "8"), ("1", "9")}
    assert diagram.nodes[2].note == f"update {steps[0].target}\nbalance=6"
    assert diagram.nodes[8].note == "balance=6"
    assert diagram.title == f"step 4: {steps[-1].address}"


# ------------------------------------------------------------------------------------------------ pictures


def evil() -> Diagram:
    """A diagram every text of which is an attack."""
    return Diagram(EVIL, [Node("a", "command", EVIL, EVIL), Node("b", "event", EVIL, EVIL, "unhandled")],
                   [Edge("a", "b", EVIL, dashed=True)], [EVIL])


def test_a_script_in_a_label_is_text_in_the_svg() -> None:
    """The picture is XML whose elements are ours, with the words of the label in its titles."""
    root = ElementTree.fromstring(svg(evil()))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        "svg", "title", "desc", "g", "rect", "path", "text"}
    assert any("<script>alert('&')</script>" in (title.text or "") for title in root.iter(f"{SVG}title"))


def test_mermaid_has_a_legend() -> None:
    """Its boxes do not say what they are: a row of outlines does, of those kinds that are there, with the remarks at
    its end, which JupyterLab tells to readers of the screen alone. Of one kind without a remark there is none."""
    both = Diagram("d", [Node("a", "command", "Pay"), Node("b", "event", "Paid")], remarks=["as it was"])
    for line in ('k1["command"]:::legend', 'k2(["event"]):::legend', 'k0["as it was"]:::remark', "k1 ~~~ k2",
                 "k2 ~~~ k0"):
        assert f"  {line}\n" in mermaid(both)
    assert f"  style k2 stroke:{FILLS['event']}\n" in mermaid(both)
    assert "legend" not in mermaid(Diagram("d", [Node("a", "command", "Pay")]))


def test_a_script_in_a_label_is_text_in_mermaid() -> None:
    """No label ends its quotes, begins a line or a directive; the signs are written as numbers."""
    text = mermaid(evil())
    assert "<script>" not in text
    assert "%%" not in text
    assert "#60;script#62;alert#40;#39;#38;" in text
    assert all(line.count('"') in (0, 2) for line in text.splitlines())
    told = "#60;/text#62;#60;script#62;alert#40;#39;#38;#39;#41;#60;/script#62;#34;#93;"
    assert [line.split()[0] for line in text.splitlines()] == [
        "flowchart", "accTitle:", "accDescr:", f'n1["{told}', 'n2(["#10007;', "n1", 'k1["command"]:::legend',
        'k2(["event"]):::legend', f'k0["{told}', "k1", "k2", "style", "style", *["classDef"] * 4, "linkStyle"]


@pytest.mark.parametrize("name", NAMED)
def test_pictures_of_the_examples_are_xml_with_a_title_and_a_description(name: str) -> None:
    """Each node has its box and its tooltip."""
    diagram = map_of(Registry([NAMED[name]]), [])
    root = ElementTree.fromstring(svg(diagram))
    assert [element.text for element in root[:2]] == [f"map of {name}", repr(diagram)]
    assert len(list(root.iter(f"{SVG}rect"))) == len(diagram.nodes)
    told = {title.text for title in root.iter(f"{SVG}title")}
    assert all(f"{node.label} ({node.kind})\n{node.note}" in told for node in diagram.nodes)


def test_a_picture_names_nothing_that_could_meet_another() -> None:
    """It stands in a page with others of its kind: no identifiers, no styles, no links."""
    picture = svg(map_of(Registry([bank]), []))
    assert not any(word in picture for word in (" id=", "<style", "href", "class=", "url("))


def brightness(colour: str) -> float:
    """Relative luminance, as WCAG has it."""
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((brightness(one), brightness(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_colours_are_legible_on_light_and_on_dark() -> None:
    """Text on a box has a contrast of 4.5; boxes, and lines, have 3 against white and JupyterLab's dark grey."""
    assert min(contrast(TEXT, fill) for fill in FILLS.values()) >= 4.5
    assert min(contrast(colour, behind) for colour in (LINE, *FILLS.values()) for behind in ("#ffffff", "#111111")) >= 3


def overlapping(diagram: Diagram) -> list[tuple[str, str]]:
    """Nodes of which one stands on the other."""
    places = layout(diagram).places
    return [(one, other) for one, other in combinations(places, 2)
            if places[one][0] == places[other][0] and abs(places[one][1] - places[other][1]) < 1]


def test_circles_loops_and_long_ways_are_drawn() -> None:
    """A ring has one edge that leads back; an edge over several ranks takes a place in each; nothing overlaps."""
    nodes = [Node(key, "command", key) for key in "abcd"]
    edges = [Edge("a", "b"), Edge("b", "c"), Edge("c", "a"), Edge("c", "c", "again"), Edge("c", "d"), Edge("a", "d")]
    diagram = Diagram("ring", nodes, edges)
    laid = layout(diagram)
    assert [laid.places[key][0] for key in "abcd"] == [0, 1, 2, 3]
    assert [[rank for rank, _ in way] for way in laid.ways] == [[0, 1], [1, 2], [2, 1, 0], [2, 2], [2, 3], [0, 1, 2, 3]]
    assert overlapping(diagram) == []
    assert len(list(ElementTree.fromstring(svg(diagram)).iter(f"{SVG}path"))) == 2 * len(edges)


def test_a_deep_diagram_goes_down() -> None:
    """To the right it would shrink to a hairline on the page."""
    def proportion(depth: int) -> float:
        chain = Diagram("chain", [Node(str(at), "event", "x") for at in range(depth)],
                        [Edge(str(at), str(at + 1)) for at in range(depth - 1)])
        root = ElementTree.fromstring(svg(chain))
        return float(root.attrib["width"]) / float(root.attrib["height"])

    assert proportion(8) > 1 > proportion(9)
    deep = Diagram("chain", [Node(str(at), "event", "x") for at in range(9)],
                   [Edge(str(at), str(at + 1)) for at in range(8)])
    assert mermaid(deep).startswith("flowchart TD\n")


def test_all_of_a_picture_is_inside_its_frame() -> None:
    """Also the ways of edges around the outermost nodes."""
    keys = [str(at) for at in range(12)]
    diagram = Diagram("outside", [Node(key, "event", key) for key in keys],
                      [*(Edge(one, str(int(one) + 1)) for one in keys[:-1]), Edge("0", "5"), Edge("11", "2")])
    root = ElementTree.fromstring(svg(diagram))
    right = max(float(number.partition(" ")[0]) for path in root.iter(f"{SVG}path")
                for number in path.attrib["d"].replace("M", "L").split("L")[1:])
    assert right < float(root.attrib["width"])


def test_an_empty_diagram_is_a_picture() -> None:
    """A diagram without nodes is drawn as its title alone."""
    assert ElementTree.fromstring(svg(Diagram("nothing", [])))[0].text == "nothing"
    assert mermaid(Diagram("nothing", [])) == "flowchart LR\n  accTitle: nothing\n"


# ------------------------------------------------------------------------------------------------ diagrams


def test_a_diagram_is_a_value() -> None:
    """Diagrams are equal by their parts, and cannot be changed."""
    one, other = (Diagram("a", [Node("n", "event", "N")]) for _ in range(2))
    assert one == other
    assert len({one, other, Diagram("b", [])}) == 2
    with pytest.raises(AttributeError, match="make another one"):
        one.title = "b"


def test_a_diagram_says_all_that_is_wrong_with_it() -> None:
    """Keys that are there twice, and edges into nothing."""
    twice = [Node("n", "event", "N"), Node("n", "event", "M")]
    with pytest.raises(WorkbenchError, match='two nodes have the key "n"; an edge names "m", which is no node'):
        Diagram("a", twice, [Edge("n", "m")])


def test_of_many_nodes_what_hangs_together_is_drawn_and_the_rest_told() -> None:
    """300 at most; the first ones with all they lead to."""
    pairs = 200
    nodes = [Node(f"{kind}{at}", kind, str(at)) for kind in ("command", "event") for at in range(pairs)]
    shown = ShownDiagram(Diagram("many", nodes, [Edge(f"command{at}", f"event{at}") for at in range(pairs)]))
    drawn = shown.diagram.capped()
    assert (len(drawn.nodes), len(drawn.edges)) == (LIMIT, LIMIT // 2)
    remark = "100 more nodes of 400 are not drawn: a picture of more than 300 cannot be read"
    for text in (shown.svg(), shown.mermaid(), repr(shown)):
        assert remark in text
    assert len(findall(":::(command|event)", shown.mermaid())) == LIMIT


# ------------------------------------------------------------------------------------------------ shown


def test_the_bundle_is_mermaid_svg_and_text() -> None:
    """Nothing else: HTML or Markdown would be shown in place of them."""
    shown = ShownDiagram(map_of(Registry([bank]), []))
    assert shown._repr_mimebundle_() == {
        "text/vnd.mermaid": shown.mermaid(), "image/svg+xml": shown.svg(), "text/plain": repr(shown)}


def test_a_diagram_is_saved_by_the_ending_of_the_name(tmp_path: Path) -> None:
    """As .svg or .mmd; what is there already stays, unless one says otherwise."""
    shown = ShownDiagram(map_of(Registry([flights]), []))
    assert shown.save(tmp_path / "map.svg").read_text(encoding="utf-8") == shown.svg()
    assert shown.save(str(tmp_path / "map.mmd")).read_text(encoding="utf-8") == shown.mermaid()
    with pytest.raises(Invalid, match="is there already"):
        shown.save(tmp_path / "map.svg")
    shown.save(tmp_path / "map.svg", overwrite=True)
    with pytest.raises(Invalid, match=r"map\.png says no kind of picture; end it in \.svg"):
        shown.save(tmp_path / "map.png")
