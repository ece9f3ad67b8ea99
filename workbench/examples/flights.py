"""Flights: airlines, airports and planes that are registered, and flights that are scheduled, depart and arrive.

An airline, airport or plane is named by whoever registers it, by its natural key; the key of a flight is made of its
day, number and origin. Moments are moments: aware, UTC. The zones of the airports are for those who read clocks.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from workbench import Command, Context, Domain, Event, Insert, Rejected, Resource, Update, field, invariant, values_of

flights = Domain("flights")

NEW_YORK = "America/New_York"
EARLIEST = timedelta(hours=1)       # so long before its time a flight may leave; 43 minutes was the most in 2013
LONGEST = timedelta(hours=24)       # no flight is under way for so long

# ------------------------------------------------------------------------------------------------ what there is


def of_form(pattern: str) -> Callable[[str], bool]:
    """A check that the whole of a text has a form."""
    return lambda text: re.fullmatch(pattern, text) is not None


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):     # unknown, a path upwards, a folder of zones such as "America"
        return False
    return True


@flights.resource
class Airline(Resource):
    _id = field(str, check=of_form("[A-Z0-9]{2}"), doc="two letters or digits, as in UA")
    name = field(str)


@flights.resource
class Airport(Resource):
    _id = field(str, check=of_form("[A-Z0-9]{3}"), doc="three letters or digits, as in JFK")
    name = field(str)
    zone = field(str, check=is_zone, doc="a time zone, as in America/New_York")


@flights.resource
class Plane(Resource):
    """A plane by its tail number; of many no more than that is known."""

    _id = field(str, check=of_form("[A-Z0-9]{2,6}"), doc="a tail number, as in N14228")
    manufacturer = field(str | None)
    model = field(str | None)
    seats = field(int | None, check=lambda seats: seats > 0, doc="above zero")


class Status(StrEnum):
    SCHEDULED = "scheduled"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    CANCELLED = "cancelled"


@flights.resource
class Flight(Resource):
    _id = field(str)
    airline = field(str, references=Airline)
    number = field(int, check=lambda number: number > 0, doc="above zero")
    origin = field(str, references=Airport)
    destination = field(str, references=Airport)
    plane = field(str | None, references=Plane)
    distance = field(int, check=lambda miles: miles > 0, doc="miles, above zero")
    planned_departure = field(datetime)
    planned_arrival = field(datetime)
    departure = field(datetime | None)
    arrival = field(datetime | None)
    status = field(Status, initial=Status.SCHEDULED)
    diverted = field(bool, initial=False, doc="landed somewhere else first, or only")

    @invariant
    def goes_somewhere(self) -> bool:
        """a flight goes to another airport than its origin"""
        return self.destination != self.origin

    @invariant
    def is_planned_forwards(self) -> bool:
        """a flight is planned to arrive after it departs, within 24 hours"""
        return timedelta(0) < self.planned_arrival - self.planned_departure < LONGEST

    @invariant
    def arrives_after_departing(self) -> bool:
        """a flight arrives after it departed"""
        return self.arrival is None or (self.departure is not None and self.departure < self.arrival)

    @invariant
    def has_the_times_of_its_status(self) -> bool:
        """a flight has a departure once it departed, and an arrival once it arrived"""
        left, landed = self.departure is not None, self.arrival is not None
        return left == (self.status in (Status.DEPARTED, Status.ARRIVED)) and landed == (self.status is Status.ARRIVED)


# ------------------------------------------------------------------------------------------------ registering


@flights.command(on=Airline)
class RegisterAirline(Command):
    name = field(str)


@flights.event
class AirlineRegistered(Event):
    name = field(str)


@flights.command(on=Airport)
class RegisterAirport(Command):
    name = field(str)
    zone = field(str, check=is_zone, doc="a time zone, as in America/New_York")


@flights.event
class AirportRegistered(Event):
    name = field(str)
    zone = field(str)


@flights.command(on=Plane)
class RegisterPlane(Command):
    manufacturer = field(str | None)
    model = field(str | None)
    seats = field(int | None)


@flights.event
class PlaneRegistered(Event):
    manufacturer = field(str | None)
    model = field(str | None)
    seats = field(int | None)


@flights.command_handler(RegisterAirline)
def register_airline(command: RegisterAirline, context: Context) -> Event:
    return AirlineRegistered(name=command.name).on(context.target)


@flights.event_handler(AirlineRegistered)
def airline_registered(event: AirlineRegistered, context: Context) -> Insert:
    return Insert(event.target, name=event.name)


@flights.command_handler(RegisterAirport)
def register_airport(command: RegisterAirport, context: Context) -> Event:
    return AirportRegistered(name=command.name, zone=command.zone).on(context.target)


@flights.event_handler(AirportRegistered)
def airport_registered(event: AirportRegistered, context: Context) -> Insert:
    return Insert(event.target, name=event.name, zone=event.zone)


@flights.command_handler(RegisterPlane)
def register_plane(command: RegisterPlane, context: Context) -> Event:
    return PlaneRegistered(**values_of(command)).on(context.target)


@flights.event_handler(PlaneRegistered)
def plane_registered(event: PlaneRegistered, context: Context) -> Insert:
    return Insert(event.target, **values_of(event))


# ------------------------------------------------------------------------------------------------ flying


@flights.command
class ScheduleFlight(Command):
    """Names no flight: its key follows from its own fields, so the two cannot disagree."""

    airline = field(str, references=Airline)
    number = field(int)
    origin = field(str, references=Airport)
    destination = field(str, references=Airport)
    plane = field(str | None, references=Plane)
    distance = field(int, doc="miles, above zero")
    departure = field(datetime)
    arrival = field(datetime)


@flights.event
class FlightScheduled(Event):
    airline = field(str)
    number = field(int)
    origin = field(str)
    destination = field(str)
    plane = field(str | None)
    distance = field(int)
    departure = field(datetime)
    arrival = field(datetime)


@flights.command(on=Flight)
class Depart(Command):
    at = field(datetime)


@flights.event
class Departed(Event):
    at = field(datetime)


@flights.command(on=Flight)
class Divert(Command):
    """The flight lands, or has landed, somewhere else; it may still arrive."""


@flights.event
class Diverted(Event):
    pass


@flights.command(on=Flight)
class Arrive(Command):
    at = field(datetime)


@flights.event
class Arrived(Event):
    at = field(datetime)


@flights.command(on=Flight)
class Cancel(Command):
    pass


@flights.event
class Cancelled(Event):
    pass


@flights.command_handler(ScheduleFlight)
async def schedule(command: ScheduleFlight, context: Context) -> AsyncIterator[Any]:
    mentioned = [context.new(Airline, command.airline), context.new(Airport, command.origin),
                 context.new(Airport, command.destination)]
    if command.plane is not None:
        mentioned.append(context.new(Plane, command.plane))
    await context.fetch(mentioned)      # or NotFound, with all that are missing
    day = command.departure.astimezone(ZoneInfo(NEW_YORK)).date()
    key = key_of(day, command.airline, command.number, command.origin)
    yield FlightScheduled(**values_of(command)).on(context.new(Flight, key))
    yield context.respond(flight=key)


@flights.event_handler(FlightScheduled)
def scheduled(event: FlightScheduled, context: Context) -> Insert:
    return Insert(
        event.target, airline=event.airline, number=event.number, origin=event.origin, destination=event.destination,
        plane=event.plane, distance=event.distance, planned_departure=event.departure, planned_arrival=event.arrival)


@flights.command_handler(Depart)
async def depart(command: Depart, context: Context) -> AsyncIterator[Any]:
    flight = await context.fetch(context.target)
    demand(flight, Status.SCHEDULED, "depart")
    early = flight.planned_departure - command.at
    if early > EARLIEST:
        raise Rejected(f"{flight.identifier} would depart {early} before its time; an hour is the most", early=early)
    yield Departed(at=command.at).on(flight)
    yield context.respond(delay=-early)


@flights.command_handler(Divert)
async def divert(command: Divert, context: Context) -> AsyncIterator[Any]:
    flight = await context.fetch(context.target)
    demand(flight, Status.DEPARTED, "be diverted")
    yield Diverted().on(flight)


@flights.command_handler(Arrive)
async def arrive(command: Arrive, context: Context) -> AsyncIterator[Any]:
    flight = await context.fetch(context.target)
    demand(flight, Status.DEPARTED, "arrive")
    under_way = command.at - flight.departure
    if under_way <= timedelta(0):
        raise Rejected(f"{flight.identifier} departed at {flight.departure:%Y-%m-%d %H:%M} UTC and cannot arrive at "
                       f"{command.at:%Y-%m-%d %H:%M} UTC, which is not after it", departure=flight.departure)
    if under_way >= LONGEST:
        raise Rejected(f"{flight.identifier} would be under way for {under_way}; 24 hours is the most",
                       under_way=under_way)
    yield Arrived(at=command.at).on(flight)
    yield context.respond(delay=command.at - flight.planned_arrival)


@flights.command_handler(Cancel)
async def cancel(command: Cancel, context: Context) -> AsyncIterator[Any]:
    flight = await context.fetch(context.target)
    demand(flight, Status.SCHEDULED, "be cancelled")
    yield Cancelled().on(flight)


@flights.event_handler(Departed)
def departed(event: Departed, context: Context) -> Update:
    return Update(event.target, departure=event.at, status=Status.DEPARTED)


@flights.event_handler(Diverted)
def diverted(event: Diverted, context: Context) -> Update:
    return Update(event.target, diverted=True)


@flights.event_handler(Arrived)
def arrived(event: Arrived, context: Context) -> Update:
    return Update(event.target, arrival=event.at, status=Status.ARRIVED)


@flights.event_handler(Cancelled)
def cancelled(event: Cancelled, context: Context) -> Update:
    return Update(event.target, status=Status.CANCELLED)


def demand(flight: Flight, status: Status, deed: str) -> None:
    """Raises Rejected when a flight is not as a deed needs it."""
    if flight.status is not status:
        raise Rejected(f"{flight.identifier} is {flight.status} and cannot {deed}; only a flight that is {status} can",
                       status=flight.status)


def key_of(day: date, airline: str, number: int, origin: str) -> str:
    """The key of a flight: ``2013-07-10-UA-1545-EWR``; ``day`` is that of its planned departure in New York."""
    return f"{day:%Y-%m-%d}-{airline}-{number}-{origin}"
