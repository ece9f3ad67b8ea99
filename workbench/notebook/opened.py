"""Opened: a Session and the Bridge on whose loop it lives, opened and closed; the base of the Workbench's verbs."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

from workbench.domain.domain import Domain
from workbench.errors import Conflict, ConstraintViolated, WorkbenchError
from workbench.notebook.awaited import Awaited
from workbench.notebook.blame import blame, named_in
from workbench.notebook.bridge import Bridge
from workbench.notebook.display import register
from workbench.notebook.html.called import Called
from workbench.notebook.progress import ProgressBar
from workbench.notebook.shown.plan import ShownPlan
from workbench.notebook.shown.saved_plan import ShownSavedPlan
from workbench.notebook.slips import Slips
from workbench.notebook.watchers import Watchers
from workbench.postgres.pool import CLOSING
from workbench.postgres.trial.explain import Explained
from workbench.postgres.trial.violation import Checked
from workbench.session import Session
from workbench.state.manager import now
from workbench.state.planning.plan import Plan
from workbench.state.saved.plan import SavedPlan

T = TypeVar("T")
_BACK = "wb.goto(0) takes back all that is pending, wb.undo() the last step, wb.drop(item) what is pending of one item"
_INSTEAD = MappingProxyType({
    "rollback": _BACK, "reset": _BACK, "discard": _BACK,
    "trace": "wb.timeline() draws all branches and their steps, wb.diagram(step) what one command did, and "
             "wb.plan().why(item) tells what led to a change"})


class Opened(Slips):
    """A session that is open on a bridge of its own."""

    _noun = "a workbench"
    _instead = _INSTEAD

    def __init__(
        self, *domains: Domain, dsn: str | None = None, folder: str | Path = ".workbench", user: str | None = None,
        clock: Callable[[], datetime] = now, identifiers: Callable[[], UUID] = uuid4, tables_differ: bool = False,
    ) -> None:
        self.session = Session(*domains, dsn=dsn, folder=folder, user=user, clock=clock, identifiers=identifiers,
                               tables_differ=tables_differ)
        self._bridge = Bridge()
        self._watchers = Watchers(self._bridge)
        self._conflict: Conflict | None = None
        self._sources: dict[str, Any] = {"clock": clock, "identifiers": identifiers, "tables_differ": tables_differ}
        self._rivals: list[Opened] = []
        try:
            self._bridge.run(self.session.open())
        except BaseException:
            self._bridge.close()
            raise
        self.session.manager.history.moved = self._watchers.tell
        self._finalizer = weakref.finalize(self, _close, self.session, self._bridge)
        self._finalizer.atexit = False
        # Exit hooks run last in, first out: the pool is closed before the embedded server's own hook stops the server,
        # or asyncpg would log that its connections went.
        self._at_exit = atexit.register(partial(_disconnect, weakref.ref(self), os.getpid()))
        register(self.session.manager)

    @property
    def aio(self) -> Awaited:
        """The session's verbs for those who await, from any loop: ``step = await wb.aio.issue(…)``."""
        return Awaited(self._at_work(), self._bridge, self._watchers, self._deciding)

    def close(self) -> None:
        """Closes the session and its rivals; what is pending is dropped. A second time does nothing."""
        for rival in self._rivals:
            rival.close()
        atexit.unregister(self._at_exit)
        self._finalizer()
        self._watchers.tell()

    @property
    def closed(self) -> bool:
        """Whether it was closed, or is being closed: then nothing can be done with it any more."""
        return not self._finalizer.alive

    @property
    def last_conflict(self) -> Conflict | None:
        """The Conflict that the last commit, merge or revert ended in, if it did; ``conflict`` is its table."""
        return self._conflict

    def _at_work(self) -> Session:
        """The session, while it is open."""
        if self.closed:
            raise WorkbenchError("this workbench is closed, and what was pending went with it; "
                                 f"open another one: Workbench({', '.join(self.session.registry.domains)})")
        return self.session

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def user(self) -> str | None:
        """Who issues; may be changed between commands."""
        return self._at_work().user

    @user.setter
    def user(self, user: str | None) -> None:
        self._at_work().user = user
        self._watchers.tell()

    def rival(self, user: str = "rival") -> Self:
        """A second user on the same database: a workbench of the same domains with a session of its own.

            bob = wb.rival("Bob")
            bob.issue(Deposit(amount=1), on=account); bob.commit()

        It is closed with this one, if not before."""
        session = self._at_work()
        rival = type(self)(*session.registry.domains.values(), dsn=session.dsn, user=user, **self._sources)
        self._rivals.append(rival)
        return rival

    # -------------------------------------------------------------------------------------------- for the verbs

    def watch(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Calls ``callback()`` after every verb that may have changed anything; returns a function that ends that."""
        return self._watchers.add(callback)

    def _wait_for(self, verb: Coroutine[Any, Any, T], bar: ProgressBar | None = None) -> T:
        """Runs a verb, with a bar and its Cancel button if it takes long."""
        __tracebackhide__ = True
        with bar or ProgressBar(getattr(verb, "__name__", "the verb")) as bar:
            return self._bridge.run(verb, begun=bar.begin)

    def _run(self, verb: Coroutine[Any, Any, T], bar: ProgressBar | None = None) -> T:
        """Runs a verb, and tells whoever watches."""
        __tracebackhide__ = True
        try:
            return self._wait_for(verb, bar)
        finally:
            self._watchers.tell()

    def _move(self, verb: str, deed: Callable[[], T]) -> T:
        """Calls what moves the pointer, on the loop's thread as all that moves it: from here it could be in the middle
        of it while a command, of a click on another thread, moves on from where it was, and that step would be lost.

        Raises LoopError while a command or a commit is at work, also where that keeps the loop busy."""
        __tracebackhide__ = True

        async def moving() -> T:
            return deed()

        self._at_work().manager.history.check_idle(verb)
        return self._run(moving(), ProgressBar(verb))

    def _decide(
        self, verb: Coroutine[Any, Any, T], bar: ProgressBar | None = None, *, saved: SavedPlan | None = None,
    ) -> T:
        """Runs a verb that may end in a Conflict or a broken constraint; see ``_deciding``."""
        __tracebackhide__ = True
        with self._deciding(saved):
            return self._wait_for(verb, bar)

    @contextmanager
    def _deciding(self, saved: SavedPlan | None) -> Iterator[None]:
        """Context of a verb that may end in a Conflict, which is kept to be looked at, or in a broken constraint. To
        both is added what the items are called, to the latter where they come from; of a ``saved`` plan that is not
        the one pending here that is not known. Tells whoever watches."""
        self._conflict = None
        try:
            yield
        except Conflict as conflict:
            self._conflict = conflict
            for note in named_in(conflict, self._called):
                conflict.add_note(note)
            raise
        except ConstraintViolated as broken:
            manager = self.session.manager
            if saved is None or saved.nonce == manager.saved.nonce(manager.state):
                for note in blame(broken, manager.plan(), self._called):
                    broken.add_note(note)
            raise
        finally:
            self._watchers.tell()

    @property
    def _called(self) -> Called:
        """Tells what items are called here."""
        return Called(self.session.manager)

    def _check(self, plan: Plan | SavedPlan, **how: Any) -> Checked:
        return self._wait_for(self._at_work().check(plan, **how))

    def _shown_saved(self, saved: SavedPlan, differences: Sequence[str]) -> ShownSavedPlan:
        return ShownSavedPlan(saved.document, saved.faults, differences, check=self._check, called=self._called)

    def _shown(self, plan: Plan) -> ShownPlan:
        def explain(plan: Plan) -> list[Explained]:
            return self._wait_for(self._at_work().explain(plan))

        return ShownPlan(plan, check=self._check, explain=explain, called=self._called)


def _close(session: Session, bridge: Bridge) -> None:
    try:
        bridge.run(session.close())
    finally:
        bridge.close()


def _disconnect(opened: weakref.ref[Opened], pid: int) -> None:
    """Closes the pool at exit, when no thread can be started any more; the bridge and the server have own hooks."""
    open_one = opened()
    if open_one is not None and not open_one.closed and os.getpid() == pid:     # in a fork it is the parent's
        with suppress(TimeoutError):        # a handler may never end
            open_one._bridge.run(open_one.session.engine.close(), within=CLOSING + 1)
