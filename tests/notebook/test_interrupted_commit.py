"""An interrupt in the middle of a COPY: nothing is half done, nothing pending is lost, and the next commit works."""

from __future__ import annotations

import signal
import threading
from time import monotonic, sleep
from typing import Any

import pytest

from tests.editing import Edit, Note, desk
from workbench import Insert, Target, Workbench
from workbench.notebook.progress import ProgressBar
from workbench.state.turn import STOP

ROWS = 120_000
BUSY = """SELECT count(*) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"""


def test_an_interrupt_in_the_middle_of_a_copy(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """KeyboardInterrupt while wb.commit() sends new rows: none of them is there, all are pending, the pool has its
    connections, none in a transaction, and the next commit writes them; an interrupt again and again does the same."""
    told: list[tuple[int, int]] = []
    plain = ProgressBar.__call__

    def interrupted(bar: ProgressBar, done: int, total: int) -> None:
        """Goes on in the middle of the rows only when the interrupt has arrived: what comes next is its end."""
        told.append((done, total))
        plain(bar, done, total)
        stop, late = STOP.get(), monotonic() + 30
        if done >= total // 2 and stop is not None and not stop.asked:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            while not stop.asked and monotonic() < late:
                sleep(0.001)

    with Workbench(desk(Note), dsn=dsn) as wb:
        wb.issue(Edit(mutations=[Insert(Target("desk", "note", str(number)), number=number) for number in range(ROWS)]))
        state = wb.session.manager.state
        for _ in range(2):
            with monkeypatch.context() as patch:
                patch.setattr(ProgressBar, "__call__", interrupted)
                with pytest.raises(KeyboardInterrupt) as caught:
                    wb.commit()
            assert not hasattr(caught.value, "__notes__")       # neither too late nor still at work
            assert ROWS // 2 <= told[-1][0] < told[-1][1] == ROWS
            assert wb.session.manager.state is state
            assert look(wb, "SELECT count(*) FROM desk_note") == 0
            while look(wb, BUSY):       # the server may need a moment to see that a connection has gone
                sleep(0.01)
        assert wb.commit().plan.counts["insert"] == ROWS
        assert look(wb, "SELECT count(*) FROM desk_note") == ROWS
        assert not wb.session.plan()


def look(wb: Workbench, sql: str) -> Any:
    """One value of the database, by the pool of the session itself."""
    async def asked() -> Any:
        async with wb.session.engine.acquire() as connection:
            return await connection.fetchval(sql)

    return wb._bridge.run(asked())
