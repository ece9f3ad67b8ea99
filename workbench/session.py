"""Session: some domains on a StateManager on a database. Everything here is async; the Workbench is its notebook face.

    async with Session(bank) as session:
        step = await session.issue(OpenAccount(owner="Ada"))
        await session.commit()

``issue`` handles only; ``commit`` writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Never
from uuid import UUID

from workbench.domain.convert import shown
from workbench.domain.entity import Command
from workbench.domain.resource import Resource, Target, targets_of
from workbench.errors import Invalid, NothingTo, Problem, StalePlan, WorkbenchError
from workbench.postgres.tables.ddl_plan import Altered, TablesPlan, alter, tables_plan
from workbench.postgres.trial.check import check
from workbench.postgres.trial.explain import Explained, explain
from workbench.postgres.trial.violation import Checked
from workbench.postgres.writing.after import After, wait_for
from workbench.postgres.writing.apply import apply, verified_nonce
from workbench.postgres.writing.attempt import WAIT, How
from workbench.postgres.writing.commit import Commit, commit
from workbench.postgres.writing.receipt import Receipt
from workbench.postgres.writing.reread import reread
from workbench.postgres.writing.revert import commit_of
from workbench.reconciling import Reconciling
from workbench.state.batch import Batch, issue_many
from workbench.state.held import hold
from workbench.state.manager import StateManager
from workbench.state.planning.plan import Plan, moved_since
from workbench.state.progress import Progress
from workbench.state.saved.plan import SavedPlan
from workbench.state.saved.restored import restored
from workbench.state.step import Step
from workbench.state.uncollected import uncollected


class Session(Reconciling):
    """Domains at work on a database; opened by ``await Session(…)`` or ``async with``.

    ``dsn`` names a server of your own; without it the environment's ``WORKBENCH_DSN``, and without that an embedded
    Postgres whose data is in ``folder``. ``user`` is written into the stamps and steps. ``clock`` (aware, UTC) and
    ``identifiers`` can be given so that a lesson or a test repeats exactly.

    Opening raises DefinitionError (all faults of the domains at once), TablesDiffer, EmbeddedError, ConnectionLost.
    With ``tables_differ=True`` it opens on tables that do not fit: what reads or writes raises TablesDiffer until they
    do; see ``tables``."""

    # -------------------------------------------------------------------------------------------- commands

    async def issue(
        self, command: Command | str, /, *unnamed: Never, on: Any = None, cell: int | None = None,
        data: Mapping[str, Any] | None = None, if_match: str | None = None, **fields: Any,
    ) -> Step:
        """Handles a command; nothing is written. Returns the Step: the response, events and mutations.

        The command is a Command, or an address ``bank:deposit/account/<id>`` with its fields as keywords (or in
        ``data``). ``on`` is a Target, an item, a Step, ``"account/<id>"``, or a resource for a new item.
        ``if_match`` is the etag of the item as the caller saw it: with another one by now it is a Conflict.

        Raises Invalid, UnknownName, NotFound, Rejected …; whatever is raised, the session is as before."""
        __tracebackhide__ = True
        if unnamed:
            raise Invalid("issue", [Problem("on", unnamed[0], (
                f"{shown(unnamed[0])} has no name; what a command is on is given by on=: issue(…, on=…)"))])
        manager = await self._renew()
        if isinstance(command, str):
            command, there = self.registry.command_at(command, {**(data or {}), **fields})
            if there is not None and on is not None:
                raise Invalid("issue", [Problem("on", on, f"the address already says on what: {there}")])
            on = there if on is None else on
        elif not isinstance(command, Command):
            raise self.registry.no_command(command)
        elif fields or data:
            raise Invalid("issue", [Problem(name, value, "the command carries its fields already; set it there")
                                    for name, value in {**(data or {}), **fields}.items()])
        return await manager.issue(command, on=on, cell=cell, if_match=if_match)

    async def issue_many(
        self, commands: Iterable[Any], /, *, of: type[Command] | None = None, on: Any = None, stop: bool = True,
        progress: Progress | None = None, cell: int | None = None,
    ) -> Batch:
        """Handles thousands of commands in one call; nothing is written. Their items are fetched in one query each
        resource, and the session moves once, at the end.

        Each is a Command, an address, ``(command, on)``, ``(address, fields)``, or a mapping of the fields of the class
        ``of`` (and ``on``). With ``stop`` the first refusal is raised and nothing was done; without it the Batch tells
        what was refused, by cause. ``progress(done, total)`` is called now and then.

        Raises Invalid, before any command runs, for all that is no command, and what ``issue`` raises."""
        return await issue_many(await self._renew(), commands, of=of, on=on, stop=stop, progress=progress, cell=cell)

    async def fetch(self, what: Any, identifier: Any = None, /, *, progress: Progress | None = None) -> Any:
        """The present item of a Target, an item, ``"account/<id>"``, or of a resource and an identifier; a list for
        several identifiers. ``progress(done, total)`` is called as many come.

        Raises NotFound, UnknownName, Invalid, and TablesDiffer and ConnectionLost where it must read the database."""
        manager = await self._renew()
        if identifier is None:
            return (await manager.fetch(what))[0]
        kindred = self.registry.kindred(what)
        if isinstance(identifier, str | int | UUID):
            return (await manager.fetch(Target(*kindred, identifier)))[0]
        identifiers = list(identifier)
        with uncollected(len(identifiers)):
            return await manager.fetch(*targets_of(kindred, identifiers), progress=progress)

    async def find(self, resource: Any, /, **equals: Any) -> list[Resource]:
        """The items of a resource whose fields equal these values, what is pending included; by ``_created``.

        Raises UnknownName, Invalid for a name that is no field or a value that does not fit it, TablesDiffer,
        ConnectionLost."""
        return await (await self._renew()).find(resource, **equals)

    async def refresh(self, resource: Any) -> int:
        """Fetches the cached items of a resource anew, except those that are changed here; says how many had moved.
        Of those that were deleted softly here it is seen whether their rows are still as they were left.

        Raises UnknownName, TablesDiffer, ConnectionLost."""
        manager = await self._renew()
        return await manager.refresh(resource) + await manager.refresh_gone(
            resource, partial(self.reader.stored, doing="reading rows that were deleted softly"))

    # -------------------------------------------------------------------------------------------- plan and commit

    def plan(self) -> Plan:
        """What a commit would write now."""
        return self.manager.plan()

    async def check(
        self, plan: Plan | SavedPlan | None = None, *, verify_reads: bool = True,
        timeout: float = 10.0,  # noqa: ASYNC109  # the server keeps it, statement by statement
    ) -> Checked:
        """Tries a plan, a saved one, or what is pending, in a transaction that is rolled back; finds all in its way.

        Takes about ``timeout`` seconds at most. Nothing pending is touched.

        Raises TablesDiffer, ConnectionLost, and Invalid for a ``timeout`` that is no number; of a saved plan also
        UnreadablePlan, TamperedPlan and OtherDefinition."""
        manager = await self._renew()
        if isinstance(plan, SavedPlan):
            nonces = [verified_nonce(plan)]
            self.reader.check_fit()     # before it is said that its definitions are others
            plan = restored(plan, manager.registry, manager.tables)
        else:
            plan = manager.plan() if plan is None else plan
            nonces = manager.saved.nonces(plan.state)
        return await check(self.engine, self.reader, plan, verify_reads=verify_reads, timeout=timeout, nonces=nonces)

    async def explain(self, plan: Plan | None = None) -> list[Explained]:
        """Postgres' estimates for each statement of a plan, or of what is pending; nothing is run.

        Raises ConnectionLost, DatabaseError."""
        manager = await self._renew()
        return await explain(self.engine, manager.plan() if plan is None else plan)

    async def commit(
        self, plan: Plan | None = None, *, only: Iterable[Any] | None = None, verify_reads: bool = True,
        serializable: bool = False, wait: float = WAIT,
        after: After | None = None, progress: Progress | None = None,
    ) -> Commit:
        """Writes what is pending in one transaction: exactly ``plan`` when one is given, or the part of it that the
        items in ``only`` stand on; that part must be closed.

        Items that the steps read but did not change must still have the version that was read, and those that they did
        not find must still not be there, unless ``verify_reads=False``. With ``serializable=True`` what the steps
        searched for must be found the same as well. Other transactions are waited for, and a deadlock or serialization
        failure is tried again, for ``wait`` seconds in all. ``after`` is awaited first, as the commit of another
        session in a task; when it fails, so does this. Where it is a saved plan (or its nonce, as text), the commit
        waits until whoever it be has applied that one, for ``wait`` seconds as well. ``progress(done, total)`` is
        called now and then; a commit that is cancelled has written nothing.

        Raises Conflict, ConstraintViolated, CannotOrder, Busy, ConnectionLost, StalePlan, NotClosed, and NothingTo when
        nothing is pending; whatever is raised, everything pending is kept."""
        if plan is not None and not isinstance(plan, Plan):
            raise Invalid("commit", [Problem("plan", plan, (
                f"{shown(plan)} is no plan; commit() takes no message, it writes all that is pending, and commit(plan) "
                "what plan() gave; a saved plan is written by apply(…)"))])
        if after is not None:
            await wait_for(self.engine, after, wait)
        if plan is not None and only is not None:
            raise Invalid("commit", [Problem("only", only, "a plan is committed whole; give the one or the other")])
        manager = await self._renew()
        async with hold(manager, "commit") as held:
            if plan is not None and plan.state is not held.state:
                raise StalePlan(moved_since(plan, held.state))
            if not held.state.reach(1):
                raise NothingTo("commit", "there is nothing to commit: no step is pending; issue a command first")
            self.reader.check_fit()
            if plan is None:
                plan = held.plan() if only is None else held.part(only)
            if not plan.steps:
                raise NothingTo("commit", "there is nothing to commit: no pending step changed the items in only=[…]")
            receipts = [Receipt(nonce, None, manager.clock(), manager.user)
                        for nonce in manager.saved.nonces(plan.state)]
            statements, attempts, items = await commit(
                self.engine, self.reader, plan, How(verify_reads, serializable, wait, receipts, progress))
            own = manager.saved.nonce(plan.state)
            held.settle(plan, items)
            return await self._done(Commit(plan, statements, manager.clock(), manager.user, attempts, own), manager)

    async def apply(
        self, saved: SavedPlan | str | Path, *, verify_reads: bool = True, wait: float = WAIT,
        progress: Progress | None = None,
    ) -> Commit:
        """Writes a saved plan, given as itself or by its file, in one transaction: exactly what was saved, once only.

        What is pending here stays; where the plan is just that, it is settled as by a commit. For ``verify_reads``,
        ``wait`` and ``progress`` see ``commit``; phantoms are not looked for.

        Raises UnreadablePlan, TamperedPlan, AlreadyApplied, OtherDefinition, Conflict when the database moved since it
        was saved, and what else ``commit`` raises; nothing is written then."""
        if not isinstance(saved, SavedPlan):
            saved = SavedPlan.load(saved)
        manager = await self._renew()
        async with hold(manager, "apply") as held:
            done = await apply(self.engine, self.reader, held, saved, verify_reads=verify_reads, wait=wait,
                               progress=progress)
            return await self._done(done, manager)

    async def _done(self, done: Commit, manager: StateManager) -> Commit:
        """A commit as it is kept, with what the database made of it; also where the session is closed meanwhile."""
        self.commits.append(done)       # whatever becomes of the reading: it is written
        done = done._replace(stored=await reread(self.reader, manager.cache, done.plan))
        self.commits[-1] = done
        return done

    async def revert(self, commit: Commit | int) -> Plan:
        """Makes the inverse of a commit of this session pending, one step that can be undone; returns the new plan.

        The commit is given as itself or by its number, from 1 (-1 is the last one). Nothing is written. What else
        changed meanwhile stays; raises Conflict, and leaves all as it was, where the same columns were changed again or
        an item is gone, and NothingTo where everything is as it was before that commit."""
        manager = await self._renew()
        done = commit_of(commit, self.commits)
        async with hold(manager, "revert") as held:
            targets = [change.target for change in done.changes]
            return held.revert(done, await self.reader.stored(targets, doing="reading what is to be reverted"))

    # -------------------------------------------------------------------------------------------- tables

    async def tables(self, *, renamed: Mapping[str, str] | None = None) -> TablesPlan:
        """What would make the database's tables those of the definitions; nothing is changed, ``apply`` of it does so.

        ``renamed`` says which columns have another name now: ``{"bank_account.owner": "holder"}``; else the one is
        dropped and the other made. Raises Invalid for what cannot be renamed so, and DefinitionError."""
        await self._renew()
        return await tables_plan(self.engine, self.models, renamed=renamed or {}, run=self._alter)

    async def _alter(self, plan: TablesPlan, all: bool) -> Altered:
        manager = await self._renew()
        async with hold(manager, "tables().apply") as held:
            try:
                altered = await alter(self.engine, self.models, plan, all=all)
            finally:        # whatever became of it; and not while another verb says that the tables of before fit
                async with self._renewing:
                    self._renewed = False
            with suppress(WorkbenchError):      # it is altered; what is wrong by now the next verb tells
                await self._renew()
                if self.reader.unfit is None:       # rows that are there got values, or other ones
                    for kindred in sorted({it.kindred for it in altered.done}):
                        with suppress(Invalid):     # a row that fits no more is told when it is asked for
                            await manager.refresh(":".join(kindred))
                            await held.adopt(kindred, partial(self.reader.stored, doing="reading altered tables"))
        return altered
