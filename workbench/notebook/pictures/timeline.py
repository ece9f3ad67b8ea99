"""Timeline: all branches of a session as a Diagram, each step once, from the first to where each branch stands.

Steps that branches share are drawn once. Undone steps are dashed: redo leads there.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from workbench.notebook.pictures.diagram import Diagram, Edge, Node
from workbench.state.history.branch import Branch
from workbench.state.step import Step
from workbench.wording import counted

DRAWN = 60      # steps; a picture of more is longer than somebody looks through


def timeline_of(branches: Iterable[Branch], here: Branch) -> Diagram:
    """The steps of all branches, the newest 60 at most; the branch that is ``here`` says so."""
    branches = list(branches)
    lines = {branch.name: branch.line for branch in branches}
    present = {name: state.steps() for name, (state, _) in lines.items()}
    undone = {name: [state.step for state in left if state.step is not None] for name, (_, left) in lines.items()}
    gone = {step for steps in undone.values() for step in steps} - {step for line in present.values() for step in line}
    every = dict.fromkeys(step for branch in branches for step in [*present[branch.name], *undone[branch.name]])
    newest = sorted(every, key=lambda step: step.number)
    left = max(len(newest) - DRAWN, 0)
    kept = set(newest[left:])
    names = {step: f"step {number}" for number, step in enumerate(newest)}
    nodes = [Node(names[step], "command", f"{step.number} {type(step.command).__name__}", _note(step, step in gone))
             for step in newest[left:]]
    edges: dict[Edge, None] = {}
    for branch in branches:
        tip = f"branch {branch.name}"
        nodes.append(Node(tip, "branch", f"{branch.name}{', here' if branch is here else ''}", _told(branch)))
        line = present[branch.name]
        if line and line[-1] in kept:
            edges[Edge(names[line[-1]], tip)] = None
        for one, other in pairwise([*line, *undone[branch.name]]):
            if one in kept and other in kept:
                edges[Edge(names[one], names[other], dashed=other in gone)] = None
    remarks = ["dashed: undone, redo leads there"] if gone else []
    if left:
        remarks.append(f"the oldest {left} of {len(newest)} steps are not drawn; wb.steps has them")
    return Diagram("timeline", nodes, edges, remarks)


def _note(step: Step, undone: bool) -> str:
    facts = [f"{step.at:%Y-%m-%d %H:%M:%S} UTC", *([f"by {step.user}"] if step.user else []),
             *([f"cell {step.cell}"] if step.cell is not None else []), *(["undone"] if undone else [])]
    return f"{step.address}\n{', '.join(facts)}"


def _told(branch: Branch) -> str:
    """What hovering over a branch shows."""
    origin = "" if branch.forked_from is None else f"forked from {branch.forked_from}, "
    return f"{origin}{counted(len(branch.state.pending()), 'step')} pending"
