"""What all benchmarks share: peers that run in turns, and the table of their ratios.

    table = Table("commits")                          # reads --quick, --json PATH and sizes from the command line
    await table.race("mixed commit, 1k", Peer("workbench", ours, setup=pend),
                     Peer("by hand", theirs, setup=pend, goal="<= 1.05"))
    table.close()                                     # prints what is left to say, writes the JSON

A `Peer` is a callable with its setup, which is outside the time. `Table.race` runs the first peer and the others in
turns, so that a slow minute of the machine falls on all of them, and makes a `Row` of the medians for each other peer.
Peers that need packages of their own live in a virtual environment of their own, `.venv-peers`: see `installed`.
"""

from __future__ import annotations

import argparse
import gc
import inspect
import json
import platform
import statistics
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-peers"
UNITS = {"s": ((1.0, "s", 1.0), (1e-3, "ms", 1e3), (0.0, "µs", 1e6)), "B": ((1e6, "MB", 1e-6), (0.0, "B", 1.0))}


@dataclass(frozen=True)
class Peer:
    """Something to be timed: ``run(*what setup gave)``; both may be async, and so may ``after``, which tidies up.

    Where ``run`` returns a float, it has measured itself. ``goal`` is for the first peer against this one: "<= 1.05"
    bounds its time as a share of this one's, ">= 30" how many times faster it is; without one the ratio is reported."""

    name: str
    run: Callable[..., Any]
    setup: Callable[[], Any] | None = None
    after: Callable[[], Any] | None = None
    goal: str = ""


@dataclass(frozen=True)
class Row:
    """One ratio: ``ours`` and ``theirs`` are medians in ``unit`` ("s" or "B"); ``reached`` is None without a goal, and
    where the peer was not run, which ``skipped`` tells the reason of."""

    what: str
    beside: str
    ours: float | None
    theirs: float | None
    ratio: float | None
    goal: str
    reached: bool | None
    unit: str = "s"
    runs: int = 0
    skipped: str = ""

    def __str__(self) -> str:
        if self.skipped:
            return f"{self.what:<44} {self.beside:<34} skipped: {self.skipped}"
        ratio = "" if self.ratio is None else f"{self.ratio:.3g}"
        reached = {True: "yes", False: "NO", None: ""}[self.reached]
        figures = f"{shown(self.ours, self.unit):>10} {shown(self.theirs, self.unit):>10} {ratio:>7}"
        return f"{self.what:<44} {self.beside:<34} {figures} {self.goal:>9} {reached:>4}"


class Table:
    """The rows of one benchmark, printed as they come; ``quick`` asks for small sizes and few runs."""

    def __init__(self, title: str, *, runs: int = 5, arguments: Sequence[str] | None = None) -> None:
        parser = argparse.ArgumentParser(description=f"benchmark: {title}")
        parser.add_argument("--quick", action="store_true", help="small sizes, few runs: does it work at all")
        parser.add_argument("--json", type=Path, metavar="PATH", help="write the rows there as well")
        parser.add_argument("sizes", type=int, nargs="*", help="sizes in place of the benchmark's own")
        options = parser.parse_args(arguments)
        self.title, self.quick, self.path = title, bool(options.quick), options.json
        self.runs = 2 if self.quick else runs
        self._sizes: list[int] = options.sizes
        self.rows: list[Row] = []
        print(f"{'what':<44} {'beside':<34} {'ours':>10} {'theirs':>10} {'ratio':>7} {'goal':>9} reached", flush=True)

    def sizes(self, *usual: int) -> list[int]:
        """The sizes given on the command line; else the usual ones, of which ``--quick`` takes the smallest."""
        return self._sizes or ([min(usual)] if self.quick else list(usual))

    async def race(self, what: str, ours: Peer, *others: Peer, runs: int | None = None, unit: str = "s") -> list[Row]:
        """Runs the peers in turns, and adds a row for each of the others."""
        taken: dict[str, list[float]] = {peer.name: [] for peer in (ours, *others)}
        count = self.runs if runs is None or self.quick else runs
        order, drawn = [ours, *others], Random(what)
        for _ in range(count):
            drawn.shuffle(order)        # none is always behind the same one, which may leave the server something to do
            for peer in order:
                taken[peer.name].append(await measured(peer))
        mine = statistics.median(taken[ours.name])
        if not others:
            return [self.report(what, mine, unit=unit, runs=count)]
        return [self.add(what, peer.name, mine, statistics.median(taken[peer.name]), goal=peer.goal, unit=unit,
                         runs=count) for peer in others]

    def add(
        self, what: str, beside: str, ours: float, theirs: float, *, goal: str = "", unit: str = "s", runs: int = 1,
        faster: bool = False,
    ) -> Row:
        """Adds a row of two figures that were measured elsewhere; its ratio says how much ``faster`` ours is, or how
        much slower."""
        faster = faster or goal.startswith(">=")
        ratio = theirs / ours if faster else ours / theirs
        bound = float(goal.split()[1]) if goal else None
        reached = None if bound is None else ratio >= bound if faster else ratio <= bound
        return self._add(Row(what, beside, ours, theirs, ratio, goal, reached, unit, runs))

    def report(self, what: str, ours: float, *, unit: str = "s", runs: int = 1) -> Row:
        """Adds a row of a figure that stands alone."""
        return self._add(Row(what, "", ours, None, None, "", None, unit, runs))

    def skip(self, what: str, beside: str, why: str) -> Row:
        """Adds a row that says why a peer was not run."""
        return self._add(Row(what, beside, None, None, None, "", None, skipped=why))

    def _add(self, row: Row) -> Row:
        self.rows.append(row)
        print(row, flush=True)
        return row

    def close(self, words: str = "") -> None:
        """Says how many goals were reached, with more words where given; writes the JSON where it was asked for."""
        judged = [row.reached for row in self.rows if row.reached is not None]
        print(f"{self.title}: {sum(judged)} of {len(judged)} goals reached"
              f"{' (quick: sizes too small to judge by)' if self.quick else ''}{words and f'; {words}'}")
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Several benchmarks of one `make bench` write into the same file.
            written = json.loads(self.path.read_text()) if self.path.exists() else {}
            written[self.title] = {"python": platform.python_version(), "machine": platform.platform(),
                                   "quick": self.quick, "rows": [asdict(row) for row in self.rows]}
            self.path.write_text(json.dumps(written, indent=1) + "\n")


async def measured(peer: Peer) -> float:
    """Seconds that one run of a peer takes, its setup and what it leaves behind not counted."""
    given = () if peer.setup is None else (await settled(peer.setup()),)
    gc.collect()        # of what was before; within the run it works as in life
    begun = perf_counter()
    result = await settled(peer.run(*given))
    taken = perf_counter() - begun
    if peer.after is not None:
        await settled(peer.after())
    return result if isinstance(result, float) else taken


async def settled(value: Any) -> Any:
    """A value, awaited where it can be."""
    return await value if inspect.isawaitable(value) else value


def shown(figure: float | None, unit: str) -> str:
    """A figure in the unit that suits its size."""
    if figure is None:
        return ""
    name, factor = next((name, factor) for least, name, factor in UNITS[unit] if figure >= least)
    return f"{figure * factor:.4g} {name}"


# ------------------------------------------------------------------------------------------------ other packages


class NotInstalled(Exception):
    """Packages of a peer could not be installed; the words are pip's last line."""


def installed(*requirements: str) -> Path:
    """The interpreter of ``.venv-peers`` with some packages in it, made and filled on demand; else `NotInstalled`."""
    python = PEERS / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    held = PEERS / "peers.txt"
    try:
        if not python.exists():
            venv.create(PEERS, with_pip=True)
        there = set(held.read_text().split("\n")) if held.exists() else set()
        missing = [one for one in requirements if one not in there]
        if missing:
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *missing],
                           check=True, capture_output=True, text=True, timeout=600)
            held.write_text("\n".join(sorted(there | set(missing))))
    except (OSError, subprocess.SubprocessError) as error:
        words = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise NotInstalled(words[-1] if words else type(error).__name__) from error
    return python


def peers_python(*requirements: str) -> Path | None:
    """As `installed`; None, and a line that says why, where that is impossible: then `Table.skip` the rows."""
    try:
        return installed(*requirements)
    except NotInstalled as error:
        print(f"peers are skipped: {', '.join(requirements)} could not be installed into {PEERS.name}: {error}",
              file=sys.stderr)
        return None


def told_by(python: Path | str, source: str, *arguments: str) -> Any:
    """What a program in another interpreter prints as its last line, as JSON; raises RuntimeError with its words."""
    done = subprocess.run([python, "-c", source, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=1800,
                          check=False)
    if done.returncode:
        raise RuntimeError(f"the peer ended with {done.returncode}:\n{done.stderr.strip()}")
    return json.loads(done.stdout.strip().splitlines()[-1])
