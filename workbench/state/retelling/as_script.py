"""As a script: a session as the cells of a notebook that repeat it.

The cells make new identifiers where the session made some; what was made gets a name, which later cells use.
"""

from __future__ import annotations

from collections.abc import Iterator

from workbench.domain.registry import Registry
from workbench.domain.resource import Target
from workbench.state.decision import Decision
from workbench.state.retelling.source import Source, comment
from workbench.state.state import State
from workbench.state.step import Step


def script_of(state: State, registry: Registry, *, module: str | None = None) -> str:
    """The cells (``# %%``) that repeat the steps and commits that led to a State, and show the plan at the end.

    Raises Invalid for values that are nested too deep to be written."""
    line = _line(state)
    source = Source(module, reserved=["wb", *(f"step_{one.step.number}" for one in line if one.step is not None)])
    source.imported("Workbench")
    cells = []
    user: str | None = None
    issued = False
    for one in line:
        if one.root:
            cells.append("wb.commit()" if issued else "# a commit of decisions alone, which were taken by hand")
            issued = False
        elif one.step is not None:
            issued = issued or not isinstance(one.step.command, Decision)
            lines = [] if one.step.user == user else [f"wb.user = {one.step.user!r}"]
            user = one.step.user
            cells.append("\n".join([*lines, *_issue(one.step, registry, source)]))
    domains = ", ".join(source.domain(domain) for domain in registry.domains.values())
    opening = "\n".join([*source.imports(), "", f"wb = Workbench({domains})"])
    return "\n\n".join(f"# %%\n{cell}" for cell in [opening, *cells, "wb.plan()"]) + "\n"


def _line(state: State) -> list[State]:
    """The States from the first to this one."""
    line: list[State] = []
    walk: State | None = state
    while walk is not None and walk.parent is not None:
        line.append(walk)
        walk = walk.parent
    return line[::-1]


def _issue(step: Step, registry: Registry, source: Source) -> Iterator[str]:
    """The lines that issue a step's command again, and give names to what it makes."""
    if isinstance(step.command, Decision):
        yield comment(f"step {step.number}: {step.address}: a decision about items as they were; take it by hand")
        return
    made = step.on is not None and step.on in step.made
    on = "" if step.on is None else f", on={_resource(step, registry)!r}" if made else f", on={source.value(step.on)}"
    yield f"step_{step.number} = wb.issue({source.record(step.command)}{on})"
    for target in step.made:
        place = f"step_{step.number}.target" if target == step.on else _found(step, target)
        if place is not None:
            yield f"{source.name(target)} = {place}"


def _resource(step: Step, registry: Registry) -> str:
    """The resource of the new item that a step was on, as ``on=`` takes it."""
    assert step.on is not None
    home = registry.known(type(step.command)).domain
    return step.on.resource if step.on.domain == home else f"{step.on.domain}:{step.on.resource}"


def _found(step: Step, target: Target) -> str | None:
    """The expression that finds a target made up by a step's handlers; None where the step does not show it."""
    for place, event in enumerate(step.events):
        if event._target == target:
            return f"step_{step.number}.events[{place}].target"
    for place, mutation in enumerate(step.mutations):
        if mutation.on == target:
            return f"step_{step.number}.mutations[{place}].on"
    return None
