"""Recorded: a session as a pytest module: given / when / then, with all that came of each command.

The same identifiers are made as were made in the session, so that events, responses and the plan can be expected as
they were. The test is to be read, kept, and changed by people; as it is written it passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from workbench.domain.datadef import Datadef, same
from workbench.domain.mutation import Delete, Insert, Update
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.state.history.branch import Branch
from workbench.state.history.comparison import public
from workbench.state.merge import Decision
from workbench.state.planning.plan import Plan
from workbench.state.refused import RefusedCommand
from workbench.state.retelling.source import Source
from workbench.state.state import Cache
from workbench.state.step import Handling, Step

_IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PLAIN = (str, int, float, bool, Decimal, UUID, date, time, timedelta, bytes, Datadef, type(None))


def recorded_test(
    branch: Branch, refusals: Iterable[RefusedCommand], committed: Sequence[Plan], cache: Cache, registry: Registry,
    *, name: str = "session", module: str | None = None,
) -> str:
    """The source of a test of all steps of a branch; ``committed`` are the plans that were committed on the way.

    It ends before the first decision, which no command can repeat, and names the steps that are left out."""
    source, steps = Source(module), branch.state.steps()
    told = steps[:next((place for place, step in enumerate(steps) if isinstance(step.command, Decision)), len(steps))]
    for step in told:
        for target in step.made:
            source.name(target)
    before, after = _net(branch, committed)
    given = ", ".join(_given(before, cache, told, registry, source))
    lines = [f"outcome = {source.imported('given')}({given})"]
    refused = [one for one in refusals if one.branch == branch.name]
    for number in range(len(told) + 1):
        lines += [_when(step, source) for step in told[max(0, number - 1):number]]
        lines += [_refusal(one, source) for one in refused if one.after == number]
    if len(told) < len(steps):
        decision, *later = steps[len(told):]
        lines.append(f"# step {decision.number}: {decision.address}: a decision, which no command can repeat")
        lines += [f"# step {step.number}: {step.address}: left out, as it came after it" for step in later]
    elif told and _all_here(steps, committed):
        lines.append(f"outcome.then(plan={_list(_plan(before, after, source))})")
    count = "1 command" if len(told) == 1 else f"{len(told)} commands"
    constants = source.constants()
    head = [f'"""A session of {count}, as it was recorded."""', "", *source.imports(), *([""] if constants else [])]
    test = [f"def test_{name}() -> None:",
            '    """What was issued comes to the events, responses, refusals and the plan that it came to."""',
            *(f"    {line}" for line in lines)]
    return "\n".join([*head, *constants, "", "", *test]) + "\n"


def _net(
    branch: Branch, committed: Iterable[Plan],
) -> tuple[dict[Target, Resource | None], dict[Target, Resource | None]]:
    """Each item that was changed, as it was at first and as it is at last."""
    before: dict[Target, Resource | None] = {}
    after: dict[Target, Resource | None] = {}
    here = _handled(branch.state.steps())
    changes = [(change.target, change.before, change.after) for plan in committed
               if here & _handled(plan.steps) for change in plan.changes]
    changes += [(target, entry.origin, entry.current) for target, entry in branch.state.changed.items()]
    for target, was, became in changes:
        before.setdefault(target, was)
        after[target] = became
    return before, after


def _handled(steps: Iterable[Step]) -> set[Handling]:
    """What some steps handled: a step that was carried over a commit is another object, with the same handling."""
    return {step.handling for step in steps}


def _all_here(steps: Sequence[Step], committed: Iterable[Plan]) -> bool:
    """Whether no commit wrote steps of this line together with those of another one, that went on from it."""
    here = _handled(steps)
    return all(here >= _handled(plan.steps) for plan in committed if here & _handled(plan.steps))


def _given(
    before: Mapping[Target, Resource | None], cache: Cache, steps: Iterable[Step], registry: Registry, source: Source,
) -> list[str]:
    """The domains, and the items that were stored before."""
    items = {target: item for target, item in before.items() if item is not None}
    for step in steps:
        for target in step.reads:
            if target not in before and target in cache.items:
                items[target] = cache.items[target]
    return [*map(source.domain, registry.domains.values()), *map(source.record, items.values())]


def _when(step: Step, source: Source) -> str:
    made = [target for target in step.made if target != step.on]
    then = [f"events={_list([_event(event, source) for event in step.events])}"]
    if _is_plain(step.output):
        then.append(f"response={source.value(step.output)}")
    return (f"outcome = outcome.when({_issued(step.command, step.on, source)}"
            f"{f', made={_list(map(source.target, made))}' if made else ''}).then(\n        {', '.join(then)})")


def _issued(command: Any, on: Any, source: Source) -> str:
    return f"{source.record(command)}{'' if on is None else f', on={source.value(on)}'}"


def _event(event: Any, source: Source) -> str:
    return source.record(event) + ("" if event._target is None else f".on({source.target(event._target)})")


def _refusal(one: RefusedCommand, source: Source) -> str:
    """A refusal by its words; by its class where these name an item that was made up for it."""
    known = {str(target.identifier) for target in source.names}
    strange = any(found.group() not in known for found in _IDENTIFIER.finditer(one.message))
    refused = source.imported(one.kind) if strange else repr(one.message)
    return f"outcome = outcome.when({_issued(one.command, one.on, source)}).then(refused={refused})"


def _plan(
    before: Mapping[Target, Resource | None], after: Mapping[Target, Resource | None], source: Source,
) -> list[str]:
    """What is otherwise at last than it was at first, as mutations."""
    lines = []
    for target, became in after.items():
        old, new = (None if item is None or is_deleted(item) else public(item) for item in (before[target], became))
        verb: type[Insert] | type[Update] | type[Delete]
        if new is None:
            verb, values = Delete, {}
        elif old is None:
            verb, values = Insert, new
        else:
            verb, values = Update, {name: value for name, value in new.items() if not same(old.get(name), value)}
        if (old or new) and (values or verb is Delete):
            inner = ", ".join([source.target(target), *(f"{k}={source.value(v)}" for k, v in values.items())])
            lines.append(f"{source.imported(verb.__name__)}({inner})")
    return lines


def _is_plain(value: Any) -> bool:
    """Whether a response can be written as Python."""
    if isinstance(value, Mapping):
        return all(_is_plain(one) for pair in value.items() for one in pair)
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN) and value is not None


def _list(parts: Iterable[str]) -> str:
    return f"[{', '.join(parts)}]"
