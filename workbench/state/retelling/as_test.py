"""As a test: a session as a pytest module, given / when / then, with all that came of each command.

The test makes the same identifiers as the session did, so that it can expect the same events, responses and plan.
People may read, keep and change it. As it is written it passes: it was rehearsed, and what cannot be repeated in a test
is left out, with a comment that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from workbench.domain.convert import shown
from workbench.domain.datadef import values_of
from workbench.domain.entity import Event
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target
from workbench.errors import Invalid, Problem
from workbench.state.cache import Cache
from workbench.state.decision import Decision
from workbench.state.history.branch import Branch
from workbench.state.planning.plan import Plan
from workbench.state.refused import RefusedCommand
from workbench.state.retelling.rehearsal import Became, Played, Rehearsal, Scene, differences, made_up, rehearsed
from workbench.state.retelling.source import Source, comment, is_plain
from workbench.state.step import NOT_THERE, Handling, Step
from workbench.wording import counted

_MORE = "in the session it saw what this test does not give"


def recorded_test(
    branch: Branch, refusals: Iterable[RefusedCommand], committed: Sequence[Plan], cache: Cache, registry: Registry,
    *, name: str = "session", module: str | None = None,
) -> str:
    """The source of a test of all steps of a branch; ``committed`` are the plans that were committed meanwhile.

    The test ends before the first decision, which no command can repeat, and names the steps that are left out. To
    rehearse it, the commands are issued once more, in memory. Raises Invalid for a name that no function can have, and
    for values that are nested too deep to be written."""
    if not (isinstance(name, str) and f"test_{name}".isidentifier()):
        bare = re.sub(r"\W+", "_", str(name).removesuffix(".py").removeprefix("test_")).strip("_") or "session"
        raise Invalid("as_test", [Problem("name", name, (
            f"{shown(name)} cannot be the end of a function's name, test_…; give one that can, "
            f'such as as_test("{bare}"), and a file is written by .save("test_{bare}.py")'))])
    source, steps = Source(module, reserved=["outcome", f"test_{name}"]), branch.state.steps()
    told = steps[:next((place for place, step in enumerate(steps) if isinstance(step.command, Decision)), len(steps))]
    for step in told:
        for target in step.made:
            source.name(target)
    scenes = list(_scenes(told, [one for one in refusals if one.branch == branch.name]))
    before, after = _net(branch, committed)
    plan = differences((target, before[target], became) for target, became in after.items())
    items = _given(before, cache, scenes, committed)
    rehearsal = rehearsed(scenes, items, plan if len(told) == len(steps) else None, registry)
    given = ", ".join([*map(source.domain, registry.domains.values()), *map(source.record, items.values())])
    lines = [f"outcome = {source.imported('given')}({given})", *_told(rehearsal, plan, source)]
    if len(told) < len(steps):
        decision, *later = steps[len(told):]
        lines.append(comment(f"step {decision.number}: {decision.address}: a decision, which no command can repeat"))
        lines += [comment(f"step {step.number}: {step.address}: left out, as it came after it") for step in later]
    constants = source.constants()
    head = [f'"""A session of {counted(len(told), "command")}, as it was recorded."""', "", *source.imports(),
            *([""] if constants else [])]
    test = [f"def test_{name}() -> None:",
            '    """What was issued comes to the events, responses, refusals and the plan that it came to."""',
            *(f"    {line}" for line in lines)]
    return "\n".join([*head, *constants, "", "", *test]) + "\n"


def _scenes(told: Iterable[Step], refusals: Sequence[RefusedCommand]) -> Iterable[Scene]:
    """The steps, each followed by what was refused after it; refusals after a step that was undone are left out."""
    yield from (one for one in refusals if one.behind is None and one.after == 0)
    for step in told:
        yield step
        yield from (one for one in refusals if one.behind is step.handling)


def _net(
    branch: Branch, committed: Iterable[Plan],
) -> tuple[dict[Target, Resource | None], dict[Target, Resource | None]]:
    """The items that were changed, as they were at first and as they are in the end."""
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
    """The handlings of some steps, to recognise them by: after a commit a step is another object with the same one."""
    return {step.handling for step in steps}


def _given(
    before: Mapping[Target, Resource | None], cache: Cache, scenes: Iterable[Scene], committed: Iterable[Plan],
) -> dict[Target, Resource]:
    """The items that the test is given: as the session read them, or as they are now where that is not known."""
    items = {target: item for target, item in before.items() if item is not None}
    known = {(change.target, item._etag): item for plan in committed for change in plan.changes
             for item in (change.before, change.after) if item is not None}
    for scene in scenes:
        seen = scene.seen if isinstance(scene, RefusedCommand) else {
            target: known.get((target, etag), cache.items.get(target)) for target, etag in scene.reads.items()
            if etag != NOT_THERE}
        for target, item in seen.items():
            if target not in before and item is not None:
                items.setdefault(target, item)
    return {target: type(item)(_id=item._id, **values_of(item)) for target, item in items.items()}


def _told(rehearsal: Rehearsal, plan: Mapping[Target, Became], source: Source) -> list[str]:
    """The lines of the scenes, and of the plan in the end; where the last scene is refused, its ``then`` has it."""
    lines: list[str] = []
    last = next((played.scene for played in reversed(rehearsal.scenes) if played.fits), None)
    expected = [f"plan={_list(_mutations(plan, source))}"] if rehearsal.plan else []
    for played in rehearsal.scenes:
        scene = played.scene
        if not played.fits:
            lines.append(_left_out(scene))
            continue
        if isinstance(scene, RefusedCommand):
            refused = source.imported(scene.kind) if played.differs else repr(scene.message)
            then = ", ".join([f"refused={refused}", *(expected if scene is last else [])])
        else:
            lines += _otherwise(played)
            then = _then(played, source)
        lines.append(f"outcome = outcome.when({_issued(scene, rehearsal, source)}){then and f'.then({then})'}")
    if rehearsal.plan is False:
        lines.append(comment("the plan is left out: it was made of more than this test tells"))
    elif expected and isinstance(last, Step):
        lines.append(f"outcome.then({expected[0]})")
    return lines


def _left_out(scene: Scene) -> str:
    """The comment that says why a scene is left out."""
    if isinstance(scene, RefusedCommand):
        return comment(f"{scene.address}: left out, as it is not refused here as it was ({scene.error})")
    return comment(f"step {scene.number}: {scene.address}: left out, as it is refused here: {_MORE}")


def _otherwise(played: Played) -> list[str]:
    """The comment that says which of a step's events and response are left out, and why; none where neither is."""
    if not played.differs or isinstance(played.scene, RefusedCommand):
        return []
    what = " and ".join(played.differs)
    return [comment(f"step {played.scene.number}: its {what} left out, otherwise here: {_MORE}")]


def _issued(scene: Scene, rehearsal: Rehearsal, source: Source) -> str:
    """The arguments of ``when``."""
    made = made_up(scene)
    parts = [source.record(scene.command), *([] if scene.on is None else [f"on={source.value(scene.on)}"]),
             *([f"made={_list(map(source.target, made))}"] if made else []),
             *([f"user={scene.user!r}"] if rehearsal.users and scene.user is not None else []),
             *([f"at={source.value(scene.at)}"] if rehearsal.moments else [])]
    return ", ".join(parts)


def _then(played: Played, source: Source) -> str:
    """The arguments of ``then``: a step's events and response, on a line of their own, without those that differ."""
    scene, then = played.scene, []
    assert isinstance(scene, Step)
    if "events" not in played.differs:
        then.append(f"events={_list([_event(event, source) for event in scene.events])}")
    if "response" not in played.differs and scene.output is not None and is_plain(scene.output):
        then.append(f"response={source.value(scene.output)}")
    return f"\n        {', '.join(then)}" if then else ""


def _event(event: Event, source: Source) -> str:
    return source.record(event) + ("" if event._target is None else f".on({source.target(event._target)})")


def _mutations(plan: Mapping[Target, Became], source: Source) -> list[str]:
    """The plan as mutations."""
    return [f"{source.imported(verb.__name__)}("
            f"{', '.join([source.target(target), *(f'{name}={source.value(one)}' for name, one in values.items())])})"
            for target, (verb, values) in plan.items()]


def _list(parts: Iterable[str]) -> str:
    return f"[{', '.join(parts)}]"
