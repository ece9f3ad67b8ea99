"""Block: changes of one kind to items of one resource, in columns, so that a long plan needs no object for each.

A Block is a sequence of Changes, which are made only when somebody asks for them; a commit that succeeds asks for none.
A ``Rank`` is Blocks whose changes may be written in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, overload

from workbench.domain.resource import Resource, Target
from workbench.state.planning.change import Change, Shape
from workbench.state.state import Entry

PIECE = 500     # so many changes are looked at before others may run
Shapes = Callable[[str, Sequence[Any], Sequence[Any]], list[Shape]]


class Block(Sequence[Change]):
    """Changes of one ``kind``: the ``targets`` of their items, the items as they were in ``befores`` and as they are to
    be in ``afters`` (None where there is none), and their last mutations in ``entries``.

    ``shape``: the shared Shape; None until computed by ``shapes`` of kind, befores and afters, or where the changes
    differ."""

    def __init__(
        self, kind: str, targets: Sequence[Target], befores: Sequence[Resource | None],
        afters: Sequence[Resource | None], entries: Sequence[Entry], shape: Shape | None = None,
        shapes: Shapes | None = None,
    ) -> None:
        self.kind, self.targets, self.befores, self.afters = kind, targets, befores, afters
        self.entries, self.shape, self._shapes = entries, shape, shapes

    @classmethod
    def of(cls, changes: Sequence[Change]) -> Block:
        """A Block of Changes that exist already, all of one shape."""
        block = cls(changes[0].kind, [change.target for change in changes], [change.before for change in changes],
                    [change.after for change in changes], [change.entry for change in changes], changes[0].shape)
        block.changes = tuple(changes)
        return block

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """All of them as Change objects, which are made at the first look."""
        if self.shape is None:
            assert self._shapes is not None
            shapes: Iterable[Shape] = self._shapes(self.kind, self.befores, self.afters)
        else:
            shapes = [self.shape] * len(self.targets)
        return tuple([Change(self.kind, *change) for change in zip(
            self.targets, self.befores, self.afters, shapes, self.entries, strict=True)])

    def etags(self, some: slice = slice(None)) -> list[str | None]:
        """The etags that the rows of some of them must have: as they were fetched (None for an insert); where an insert
        of the same plan is filled in, as that wrote them."""
        filled = self.shape is not None and self.shape.part == "fill"
        return [None if item is None else item._etag for item in (self.afters if filled else self.befores)[some]]

    def __len__(self) -> int:
        return len(self.targets)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    @overload
    def __getitem__(self, place: int) -> Change: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Change, ...]: ...
    def __getitem__(self, place: int | slice) -> Change | tuple[Change, ...]:
        return self.changes[place]

    def some(self, places: Sequence[int], shape: Shape | None = None) -> Block:
        """A Block of those at some places, in that order; ``shape`` is the one that they share, if it is known."""
        block = Block(
            self.kind, [self.targets[place] for place in places], [self.befores[place] for place in places],
            [self.afters[place] for place in places], [self.entries[place] for place in places],
            shape or self.shape, self._shapes)
        if "changes" in vars(self):     # they may be parts, and know more than their columns
            block.changes = tuple([self.changes[place] for place in places])
        return block

    def alike(self) -> Iterator[Block | None]:
        """The same changes as Blocks that have a shape, each in the order of this one; None in between, after every
        ``PIECE`` changes that were looked at, so that the caller can let others run."""
        if self.shape is not None or self._shapes is None:
            yield self
            return
        places: dict[Shape, list[int]] = {}
        for start in range(0, len(self), PIECE):
            shapes = self._shapes(self.kind, self.befores[start:start + PIECE], self.afters[start:start + PIECE])
            if shapes.count(shapes[0]) == len(shapes):
                places.setdefault(shapes[0], []).extend(range(start, start + len(shapes)))
            else:
                for place, shape in enumerate(shapes, start):
                    places.setdefault(shape, []).append(place)
            yield None
        if len(places) == 1:
            [self.shape] = places
            yield self
            return
        for shape, some in places.items():
            yield self.some(some, shape)


def as_touched(blocks: Iterable[Block]) -> list[int]:
    """The places of the changes of some Blocks, counted through all of them, in the order in which their items were
    first touched."""
    places = [entry.place for block in blocks for entry in block.entries]
    return sorted(range(len(places)), key=places.__getitem__)


class Rank(Sequence[Change]):
    """Changes that may be written in any order: as ``blocks``, and as a sequence in the order in which their items were
    first touched. It is made of the one, and makes the other when that is asked for."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Rank:
        """A Rank of Changes that exist already, in their order."""
        rank = cls.__new__(cls)
        rank.changes = tuple(changes)
        return rank

    @cached_property
    def blocks(self) -> Sequence[Block]:
        """All changes in columns, each Block of one shape."""
        groups: dict[Shape, list[Change]] = {}
        for change in self.changes:
            groups.setdefault(change.shape, []).append(change)
        return [Block.of(group) for group in groups.values()]

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """All changes as objects."""
        if len(self.blocks) == 1:
            return self.blocks[0].changes
        return tuple(sorted(chain.from_iterable(self.blocks), key=lambda change: change.entry.place))

    @property
    def columns(self) -> tuple[Sequence[Target], Sequence[Resource | None], Sequence[Resource | None]]:
        """The targets of all changes, in their order, and the items before and after."""
        if "changes" in vars(self):
            return ([change.target for change in self.changes], [change.before for change in self.changes],
                    [change.after for change in self.changes])
        targets = [target for block in self.blocks for target in block.targets]
        befores = [before for block in self.blocks for before in block.befores]
        afters = [after for block in self.blocks for after in block.afters]
        if len(self.blocks) > 1:
            order = as_touched(self.blocks)
            return ([targets[place] for place in order], [befores[place] for place in order],
                    [afters[place] for place in order])
        return targets, befores, afters

    def __len__(self) -> int:
        return len(self.changes) if "changes" in vars(self) else sum(map(len, self.blocks))

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    @overload
    def __getitem__(self, place: int) -> Change: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Change, ...]: ...
    def __getitem__(self, place: int | slice) -> Change | tuple[Change, ...]:
        return self.changes[place]
