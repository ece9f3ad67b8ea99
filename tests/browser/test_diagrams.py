"""Diagrams in a real JupyterLab: Mermaid draws them as we write them, and no label is run."""

from __future__ import annotations

from tests.browser.conftest import OpenPage
from tests.browser.pages import notebook_of, theme

EVIL = "</text><script>document.body.dataset.hurt = 1</script>\"] 1. - `a` style: #60; %%{init: {}}%%"

CELLS = (
    "from workbench.domain.registry import Registry\nfrom workbench.examples.bank import bank\n"
    "from workbench.notebook.pictures.diagram import Diagram, Edge, Node\n"
    "from workbench.notebook.pictures.map import map_of\n"
    "from workbench.notebook.pictures.shown_diagram import ShownDiagram\n"
    "ShownDiagram(map_of(Registry([bank]), []))",
    f"evil = {EVIL!r}\n"
    "ShownDiagram(Diagram(evil, [Node('a', 'command', evil, evil), Node('b', 'policy', 'end'), "
    "Node('c', 'resource', '1. - list'), Node('d', 'response', '', mark='unreachable')], "
    "[Edge('a', 'b', evil), Edge('b', 'c', dashed=True), Edge('c', 'd', '- x')], [evil]))")
DRAWN = ".jp-RenderedMermaid img"


async def test_mermaid_draws_maps_and_labels_are_text(lab: str, open_page: OpenPage) -> None:
    """Both pictures come without an error, in both themes, and the labels read as they were written."""
    notebook = await open_page(lab, "diagrams.ipynb", notebook_of(*CELLS))
    await notebook.run_all()
    assert await notebook.errors() == []
    await notebook.find(DRAWN).nth(1).wait_for()
    for name in ("JupyterLab Dark", "JupyterLab Light"):
        await theme([notebook], name)
        assert await notebook.find(DRAWN).count() == 2
        assert await notebook.find(".jp-RenderedMermaid.jp-mod-warning").count() == 0
        await notebook.keep(f"diagrams-{name[-5:].strip()}")
    told = await notebook.find(".jp-RenderedMermaid figcaption").all_inner_texts()
    assert told[0] == "solid: happened in this session, dashed: only seen in the handlers' code"
    assert len(told) == 2
    source = await notebook.find(DRAWN).nth(1).get_attribute("src")
    assert source is not None
    words = await notebook.page.evaluate(
        "source => new DOMParser().parseFromString(decodeURIComponent(source.split(',').slice(1).join(',')), "
        "'text/html').body.textContent", source)
    assert "<script>document.body.dataset.hurt = 1</script>" in words
    assert "1. - list" in words
    assert await notebook.page.evaluate("document.body.dataset.hurt") is None
