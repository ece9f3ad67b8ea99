"""Rehearsal: the scenes of a test are played before they are written, to see which go as they went in the session.

A command may depend on what the test does not give: an item that was changed since, what another branch had committed,
an etag that was named. What differs for such a reason is left out of the test. Users and moments are written only if
handlers look at them, that is, if something differs without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from workbench.domain.datadef import values_of
from workbench.domain.entity import Event
from workbench.domain.mutation import Delete, Insert, Update
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.domain.sameness import same
from workbench.errors import WorkbenchError
from workbench.state.refused import RefusedCommand
from workbench.state.retelling.source import is_plain
from workbench.state.retelling.trial import Trial, to_its_end
from workbench.state.step import Step

Scene: TypeAlias = Step | RefusedCommand
Became: TypeAlias = tuple[type[Insert] | type[Update] | type[Delete], dict[str, Any]]


class Played(NamedTuple):
    """A scene and how it went.

    ``fits``: accepted or refused, as it was in the session. ``differs``: what of it is not as it was then: "events",
    "response", or the "words" of a refusal, which may name an item that was made up."""

    scene: Scene
    fits: bool
    differs: tuple[str, ...] = ()


class Rehearsal(NamedTuple):
    """The scenes as they went, with their ``users`` and ``moments`` or without, and whether the ``plan`` came to the
    same; None where it was not compared."""

    users: bool
    moments: bool
    scenes: Sequence[Played]
    plan: bool | None

    @property
    def faults(self) -> int:
        """How many scenes went otherwise than in the session, and the plan if it did."""
        return (self.plan is False) + sum(not one.fits or bool(one.differs) for one in self.scenes)


def rehearsed(
    scenes: Sequence[Scene], items: Mapping[Target, Resource], plan: Mapping[Target, Became] | None, registry: Registry,
) -> Rehearsal:
    """Plays the scenes without users and times, then with users, then with both; returns the first run with the
    fewest differences.

    ``items`` are those that are stored before; ``plan`` is what the scenes came to, None where it is not compared."""
    tried = []
    for users, moments in ((False, False), (True, False), (True, True)):
        tried.append(to_its_end(_played(scenes, items, plan, registry, users, moments)))
        if not tried[-1].faults:
            break
    return min(tried, key=lambda one: one.faults)


async def _played(
    scenes: Sequence[Scene], items: Mapping[Target, Resource], plan: Mapping[Target, Became] | None, registry: Registry,
    users: bool, moments: bool,
) -> Rehearsal:
    trial = Trial(registry, items)
    place, played = trial.place, []
    for scene in scenes:
        step: Step | None = None
        error: WorkbenchError | None = None
        try:
            step = await trial.issue(
                place, scene.command, on=scene.on, made=made_up(scene), user=scene.user if users else None,
                at=scene.at if moments else None)
        except WorkbenchError as raised:
            error = raised
        except Exception:       # which the test would raise
            error = None
        played.append(_compared(scene, step, error))
        if played[-1].fits:     # else the test leaves it out
            place = trial.place
    changed = [(target, entry.origin, entry.current) for target, entry in place.state.changed.items()]
    return Rehearsal(users, moments, played, None if plan is None else _same_plan(differences(changed), plan))


def made_up(scene: Scene) -> list[Target]:
    """The targets that a scene must make up again, without the one that it is issued on."""
    return [] if isinstance(scene, RefusedCommand) else [target for target in scene.made if target != scene.on]


def _compared(scene: Scene, step: Step | None, error: Exception | None) -> Played:
    if isinstance(scene, RefusedCommand):
        return Played(scene, type(error) is scene.kind, () if str(error) == scene.message else ("words",))
    if step is None:
        return Played(scene, fits=False)
    events = len(scene.events) == len(step.events) and all(map(_same_event, scene.events, step.events))
    response = not is_plain(scene.output) or same(scene.output, step.output) or scene.output == step.output
    return Played(scene, True, tuple(name for name, fits in (("events", events), ("response", response)) if not fits))


def _same_event(one: Event, other: Event) -> bool:
    return type(one) is type(other) and one._target == other._target and _same_values(values_of(one), values_of(other))


def _same_values(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())


def _same_plan(one: Mapping[Target, Became], other: Mapping[Target, Became]) -> bool:
    return one.keys() == other.keys() and all(
        verb is other[target][0] and _same_values(values, other[target][1]) for target, (verb, values) in one.items())


def differences(changes: Iterable[tuple[Target, Resource | None, Resource | None]]) -> dict[Target, Became]:
    """The mutation that makes of each item what it became; none for an item that became what it was."""
    found: dict[Target, Became] = {}
    for target, was, became in changes:
        old, new = (None if item is None or is_deleted(item) else values_of(item) for item in (was, became))
        if new is None:
            if old is not None:
                found[target] = (Delete, {})
        elif old is None:
            found[target] = (Insert, new)
        elif values := {name: value for name, value in new.items() if not same(old.get(name), value)}:
            found[target] = (Update, values)
    return found
