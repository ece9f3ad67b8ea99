"""Workbench: the notebook face of a Session. The same verbs without ``await``, and DataFrames.

It owns a Session and the Bridge on whose loop that session lives: every verb works in a cell, in a widget's callback,
under Run All, inside a running loop, in a plain script. ``await wb.aio.issue(…)`` is for those who prefer to await.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from workbench.domain.convert import shown
from workbench.domain.entity import Command
from workbench.domain.resource import Resource
from workbench.errors import Invalid, ItemsLeftOut, Problem
from workbench.notebook.display import cell
from workbench.notebook.frames.batch import rows_of
from workbench.notebook.frames.rivals import conflict_frame, drift_frame
from workbench.notebook.frames.state import counts_frame, items_frame, pending_frame
from workbench.notebook.frames.time import events_frame, history_frame, steps_frame
from workbench.notebook.pictures.map import map_of
from workbench.notebook.pictures.shown_diagram import ShownDiagram
from workbench.notebook.pictures.step_diagram import step_diagram
from workbench.notebook.pictures.timeline import timeline_of
from workbench.notebook.progress import ProgressBar
from workbench.notebook.shown.batch import ShownBatch
from workbench.notebook.shown.plan import ShownPlan
from workbench.notebook.shown.rebased import ShownRebased
from workbench.notebook.shown.saved_plan import ShownSavedPlan
from workbench.notebook.shown.tables import ShownTables
from workbench.notebook.streams import kept
from workbench.notebook.travelling import Travelling
from workbench.postgres.writing.attempt import WAIT
from workbench.postgres.writing.commit import Commit
from workbench.state.history.branch import Branch
from workbench.state.planning.plan import Plan
from workbench.state.resolution import Way
from workbench.state.saved.plan import SavedPlan
from workbench.state.saved.restored import differences
from workbench.state.step import Step
from workbench.wording import counted, visible

if TYPE_CHECKING:
    import pandas as pd

    from workbench.notebook.forms.form import Form
    from workbench.notebook.panels.panel import Panel


class Workbench(Travelling):
    """Opens domains on a database: ``wb = Workbench(bank)``.

    Without ``dsn`` (or the environment's ``WORKBENCH_DSN``) it is an embedded Postgres whose data is in ``folder``; see
    Session for the other arguments and what opening raises. It closes itself when it is dropped or the kernel ends."""

    # -------------------------------------------------------------------------------------------- the verbs

    def issue(
        self, command: Command | str, /, *unnamed: Never, on: Any = None, data: Mapping[str, Any] | None = None,
        if_match: str | None = None, **fields: Any,
    ) -> Step:
        """Handles a command; nothing is written. Returns the step, which shows what came of it.

            wb.issue(Deposit(amount=10), on=account)
            wb.issue("bank:deposit/account/<id>", amount="10")

        See Session.issue for ``on``, ``data``, ``if_match`` and what is raised; whatever is raised, all is as before.
        """
        __tracebackhide__ = True    # the author of a handler is shown the handler's own lines
        return self._run(kept(
            self._at_work().issue(command, *unnamed, on=on, cell=cell(), data=data, if_match=if_match, **fields)),
            ProgressBar("issue"))

    def issue_many(
        self, commands: Iterable[Any] | pd.DataFrame, /, *, of: type[Command] | None = None, on: Any = None,
        stop: bool = True,
    ) -> ShownBatch:
        """Handles thousands of commands in one call, with a bar that can cancel it; nothing is ever half done.

            wb.issue_many(frame, of=Deposit)            # columns are fields, and "on" is the item of each row

        See Session.issue_many for what is taken and raised. With ``stop=False`` a refused command does not end it: the
        others are handled, and at the end the refusals are counted by cause."""
        bar = ProgressBar("issue_many")
        return ShownBatch(self._run(self._at_work().issue_many(
            rows_of(commands, of), of=of, on=on, stop=stop, progress=bar, cell=cell()), bar))

    def fetch(self, what: Any, identifier: Any = None, /) -> Any:
        """The present item of a Target, an item, ``"account/<id>"``, or of a resource and an identifier.

        Several identifiers give a list of items. Raises NotFound, UnknownName, Invalid; see Session.fetch."""
        bar = ProgressBar("fetch")
        return self._run(self._at_work().fetch(what, identifier, progress=bar), bar)

    def find(self, resource: Any, /, **equals: Any) -> list[Resource]:
        """The items whose fields equal these values, pending changes included, by ``_created``; they are cached from
        now on. See Session.find for what is raised."""
        return self._run(self._at_work().find(resource, **equals))

    def refresh(self, resource: Any) -> int:
        """Fetches the cached items of a resource again, except those changed here; returns how many had changed.

        See Session.refresh for what is raised."""
        return self._run(self._at_work().refresh(resource))

    def plan(self) -> ShownPlan:
        """What a commit would write now; writes nothing."""
        return self._shown(self._at_work().plan())

    def commit(
        self, plan: ShownPlan | Plan | None = None, *, only: Iterable[Any] | None = None, verify_reads: bool = True,
        serializable: bool = False, wait: float = WAIT, after: SavedPlan | str | None = None,
    ) -> Commit:
        """Writes what is pending in one transaction: exactly ``plan``, or the items in ``only`` and what they need.

        ``after`` is a saved plan (or its nonce) that somebody else applies first. See Session.commit for the rest and
        for what is raised; the last Conflict is in ``wb.conflict``."""
        given = plan.plan if isinstance(plan, ShownPlan) else plan
        bar = ProgressBar("commit")
        return self._decide(self._at_work().commit(
            given, only=only, verify_reads=verify_reads, serializable=serializable, wait=wait, after=after,
            progress=bar), bar)

    def tables(self, *, renamed: Mapping[str, str] | None = None) -> ShownTables:
        """The changes that would make the database's tables fit the definitions.

        ``wb.tables().apply()`` makes those that lose nothing, ``wb.tables().apply(all=True)`` the others too.

        For ``renamed`` and what is raised see Session.tables."""
        return ShownTables(self._run(self._at_work().tables(renamed=renamed)), self._run)

    # -------------------------------------------------------------------------------------------- saved plans

    def load_plan(self, path: str | Path) -> ShownSavedPlan:
        """The saved plan in a file, to look at and to apply; what speaks against it is told first (``doubts``).

        ``wb.load_plan(path).check()`` tries it on the database as it is now.

        Raises UnreadablePlan for a file that is not there or holds no plan."""
        saved, registry = SavedPlan.load(path), self._at_work().registry
        registry.refresh()
        return self._shown_saved(saved, differences(saved, registry))

    def apply(self, saved: SavedPlan | str | Path, *, verify_reads: bool = True, wait: float = WAIT) -> Commit:
        """Writes a saved plan, given as itself or by its file, exactly and once only.

        See Session.apply for what is raised; the last Conflict is in ``wb.conflict``."""
        session, bar = self._at_work(), ProgressBar("apply")
        plan = saved if isinstance(saved, SavedPlan) else SavedPlan.load(saved)
        return self._decide(
            session.apply(plan, verify_reads=verify_reads, wait=wait, progress=bar), bar, saved=plan)

    def history(self) -> pd.DataFrame:
        """The commits of this session, one a row: number, time, user, how many items, statements, steps, nonce.

        No log is kept of others. Which saved plans were written, when and by whom, is in the table
        ``workbench_receipt``; an item tells when it was last changed, and by whom where its resource has ``_updater``.
        """
        return history_frame(self._at_work().commits)

    def revert(self, commit: Commit | int) -> ShownPlan:
        """Makes the inverse of a commit of this session pending; returns the new plan.

        The commit is given as itself or by its number in ``wb.history()``. Nothing is written, and ``undo`` takes it
        back. See Session.revert for what is raised; the last Conflict is in ``wb.conflict``."""
        return self._shown(self._decide(self._at_work().revert(commit)))

    # -------------------------------------------------------------------------------------------- rivals

    @property
    def conflict(self) -> pd.DataFrame:
        """The last Conflict, one differing column of an item a row: base, mine, theirs; empty when there was none.

        See ``frames.rivals.conflict_frame`` for its columns, ``frames.columns`` for their dtypes."""
        label = None if self.closed else self._called.label     # it can be looked at after closing too
        return conflict_frame(() if self.last_conflict is None else self.last_conflict.items, label)

    def drift(self) -> pd.DataFrame:
        """What changed in the database since each item was cached, one item a row; the cache stays as it is.

        See ``frames.rivals.drift_frame`` for its columns, ``frames.columns`` for their dtypes."""
        return drift_frame(self._run(self._at_work().drift()), self._called.label)

    def rebase(self) -> ShownRebased:
        """Fetches what changed in the database and issues the pending commands again; says what became of the plan.

        A command that is refused now is reported; the others are pending. Nothing is written. See Session.rebase for
        what is raised."""
        return ShownRebased.of(self._run(self._at_work().rebase()), self._called)

    def resolve(self, item: Any, way: Way) -> ShownPlan:
        """Decides a conflict on one item: "mine", "theirs", "merge", or values such as ``{"balance": 10}``.

        Returns the new plan; nothing is written. See Session.resolve for what is raised."""
        return self._shown(self._run(self._at_work().resolve(item, way)))

    def merge(self, branch: Branch | str | None = None, *, ways: Mapping[Any, Way] | None = None) -> ShownPlan:
        """Merges another branch into this one, or without a name what changed in the database, column by column.

        ``ways`` decides the conflicts of a branch: ``{account: "theirs"}``. See Session.merge for what is raised; the
        Conflict is in ``wb.conflict``."""
        return self._shown(self._decide(self._at_work().merge(branch, ways=ways)))

    def drop(self, what: Any) -> ShownPlan:
        """Gives up a branch (by name), or what is pending of one item. Returns the new plan.

        See Session.drop for what is raised."""
        return self._shown(self._run(self._at_work().drop(what)))

    # -------------------------------------------------------------------------------------------- to look at

    def items(self, resource: Any = None) -> pd.DataFrame:
        """The cached items of a resource, one a row, indexed by identifier; asks nothing of the database. Without one,
        how many there are of every resource.

        Columns: ``state`` ("clean", "new", "changed", "deleted"), the fields, the stamps; in the order of making. Text
        is of dtype ``str``, whole numbers ``int64`` (``Int64`` where None may stand), bools ``bool`` (``boolean``),
        floats ``float64``, moments ``datetime64[us, UTC]``; UUIDs, Decimals, dates and all else stay objects.
        ``.loc`` takes an identifier. All items are in the frame; shown are its head and tail. Those that no longer fit
        the resource as it is defined now are left out, with an ItemsLeftOut warning that says why."""
        session = self._at_work()
        session.registry.refresh()
        if resource is None:
            return counts_frame({f"{domain}:{key}": session.manager.items(f"{domain}:{key}")
                                 for domain, key in session.registry.resources})
        kindred = session.registry.kindred(resource)
        if misfits := session.manager.misfits(f"{kindred[0]}:{kindred[1]}"):
            warnings.warn(ItemsLeftOut(f"{kindred[0]}:{kindred[1]}", misfits), stacklevel=2)
        return items_frame(session.registry.resource(kindred), session.manager.items(f"{kindred[0]}:{kindred[1]}"))

    @property
    def pending(self) -> pd.DataFrame:
        """The mutations that a commit would write, one a row, each with its event, command, step and cell.

        See ``frames.state.pending_frame`` for its columns, ``frames.columns`` for their dtypes."""
        return pending_frame(self._at_work().manager.state, self._called.label)

    @property
    def steps(self) -> pd.DataFrame:
        """The steps of the present branch, one a row, with those undone and the commands that were refused.

        See ``frames.time.steps_frame`` for its columns, ``frames.columns`` for their dtypes."""
        manager = self._at_work().manager
        return steps_frame(manager.here, manager.refusals, self._called.label)

    @property
    def events(self) -> pd.DataFrame:
        """The events of the present branch, one a row, the committed ones too, in the order in which they happened.

        See ``frames.time.events_frame`` for its columns, ``frames.columns`` for their dtypes."""
        return events_frame(self._at_work().steps, self._called.label)

    def map(self) -> ShownDiagram:
        """The domains as a picture: what happened in this session solid, what is only seen in the code dashed."""
        session = self._at_work()
        session.registry.refresh()
        return ShownDiagram(map_of(session.registry, session.steps))

    def diagram(self, step: Step) -> ShownDiagram:
        """What one command did, in order, as a picture. Raises Invalid for what is no step."""
        if not isinstance(step, Step):
            raise Invalid("diagram", [Problem("step", step, (
                f"{shown(step)} is no step; give one, as wb.issue(…) returns it"))])
        return ShownDiagram(step_diagram(step))

    def timeline(self) -> ShownDiagram:
        """All branches and their steps as a picture; what was undone is dashed."""
        manager = self._at_work().manager
        return ShownDiagram(timeline_of(manager.branches.values(), manager.here))

    # -------------------------------------------------------------------------------------------- to click

    def form(self, command: type[Command] | str, /, *, on: Any = None, **initial: Any) -> Form:
        """A form for a command, or its address ``bank:deposit``: filled in and issued by mouse or keyboard.

        ``on`` is what it is issued on, ``initial`` what stands in its fields. Items are chosen by what they are called:
        the field in their Resource's ``_label``, else its first text. Raises UnknownName, Invalid."""
        from workbench.notebook.forms.form import Form  # ipywidgets bring IPython: a script does without

        return Form(self, command, on=on, **initial)

    def panel(self) -> Panel:
        """The workbench to click: commands, plan, items, steps, branches, conflicts. Open as many as you like: they all
        show the same, whoever issued it, a click or a cell."""
        from workbench.notebook.panels.panel import Panel

        return Panel(self)

    def __repr__(self) -> str:
        domains = ", ".join(self.session.registry.domains)
        if self.closed:
            return f"<workbench on {domains}: closed>"
        state, user = self.session.manager.state, f"; user {visible(self.session.user)}" if self.session.user else ""
        steps, items = counted(len(state.pending()), "step"), counted(len(state.changed), "item")
        # What opening did to the database is told until something is issued.
        created = self.session.created if state.number == 0 else ()
        made = f"; made the table{'' if len(created) == 1 else 's'} {', '.join(created)}" if created else ""
        return f"<workbench on {domains}: {steps} pending, {items} changed{user}{made}>"
