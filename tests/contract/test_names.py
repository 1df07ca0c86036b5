"""Whatever people are called, they are stored and read back exactly, by array literals and in JSON."""

import random

import pytest

from boxoffice.actors.changes import TicketsBooked
from boxoffice.actors.messages import Cancel, Initialize
from boxoffice.actors.values import CustomerId, OrderStatus
from boxoffice.persistence.batch import array_of_texts
from boxoffice.persistence.reading import DatabaseReading
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.journals import Journal
from tests.contract.support import EVENT, OTHER, THIRD, Outlet, Owner, Stored, book, taken_over

AWKWARD = [
    "tab\there", "line\nbreak", "carriage\rreturn", "\r\n", "back\\slash", "\\", "\\\\", "\\N", "\\.", "\\n",
    'Robert "Bobby" Tables', '"', '""', "\\\"", '"\\', "{", "}", "{}", '{"a","b"}', "a,b",
    ",", "NULL", "null",
    " ", "  spaces around  ", "\t", "\n", "''", "'", "O'Brien'); DROP TABLE orders; --", "%s", "%", "%(a)s",
    "$1",
    "Zoë Ångström", "李小龍", "عائشة", "👩‍👩‍👧 family", "e\u0301 is not \u00e9", "\U0010ffff",
    "\u2028\u2029\ufeff\u202e",
    "\x01\x1b[31m\x1f\x7f\x85", "\x0b\x0c", "x" * 200, "😀" * 200, "\\" * 200, '"' * 200,
]  # fmt: skip

SPECIAL = "\t\n\r\\\"'{},%$ NULab0\x01é李😀"


def made_up(number: int, seed: int) -> list[str]:
    """Names of nothing but characters that mean something to somebody on the way."""
    chance = random.Random(seed)
    return ["".join(chance.choices(SPECIAL, k=chance.randint(1, 12))) for _ in range(number)]


@pytest.mark.parametrize("at_once", [True, False], ids=["with their event", "later"])
@pytest.mark.parametrize("names", [AWKWARD, made_up(1_000, seed=1)], ids=["awkward", "made up"])
def test_customers_are_read_back_as_they_are_called(
    names: list[str],
    at_once: bool,
    journal: Journal,
    outlet: Outlet,
    stored: Stored,
    reading: DatabaseReading,
    recovery: DatabaseRecovery,
) -> None:
    owner, bookings = Owner(), [book(name) for name in names]
    if at_once:
        journal.append(owner.open(len(names) - 1, *bookings))
    else:
        journal.append(owner.open(len(names) - 1))
        outlet.answers(1)
        journal.append(owner.decide(*bookings))
    outlet.answers(1 + len(names))
    assert [customer for customer, *_ in stored.orders()] == names
    assert [c.customer for c in stored.changes() if isinstance(c, TicketsBooked)] == names[:-1]
    assert taken_over(recovery).inventory.orders == owner.inventory.orders
    for name in names[:50]:
        last = max(booking.order_id for booking in bookings if booking.customer == name)
        found = reading.last_order_of(EVENT, CustomerId(name), 1 + len(names))
        assert found is not None
        assert (found.order.id, found.order.customer) == (last, name)


def test_a_backslash_means_itself_whatever_the_databases_default(
    journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    ((name,),) = stored.rows("SELECT current_database()")
    stored.run(f"ALTER DATABASE {name} SET standard_conforming_strings = off")
    owner = Owner()
    for entry in (owner.open(), owner.decide(*map(book, AWKWARD))):
        journal.append(entry)
        outlet.answer_to(entry)
    assert [customer for customer, *_ in stored.orders()] == AWKWARD
    assert stored.is_as(owner)


def test_whoever_is_promoted_is_called_the_same_in_the_log(
    journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owner, first = Owner(), book("first", len(AWKWARD))
    journal.append(owner.open(len(AWKWARD), first, *map(book, AWKWARD)))
    outlet.answers(2 + len(AWKWARD))
    journal.append(owner.decide(Cancel(first.order_id)))
    outlet.answers(3 + len(AWKWARD))
    assert stored.is_as(owner)
    assert stored.orders()[1:] == [(name, 1, OrderStatus.CONFIRMED.value, None) for name in AWKWARD]


@pytest.mark.parametrize("name", AWKWARD)
def test_events_are_read_back_as_they_are_called(
    name: str, journal: Journal, outlet: Outlet, stored: Stored, reading: DatabaseReading
) -> None:
    owner = Owner()
    journal.append(owner.decide(Initialize(name, 1)))
    outlet.answers(1)
    assert reading.status(EVENT) == owner.inventory.status
    assert owner.inventory.status.name == name
    assert stored.is_as(owner)


def test_an_array_literal_is_read_by_postgresql_as_the_texts_it_was_made_of(stored: Stored) -> None:
    for texts in ([], [""], ["NULL"], AWKWARD, made_up(2_000, seed=2)):
        assert stored.rows("SELECT %s::text[]", array_of_texts(tuple(texts))) == [(texts,)]


@pytest.mark.parametrize("name", ["\0", "a\0b", "\0\0", "\ud800", "a\udfffb"])
def test_a_name_that_no_database_can_hold_costs_nobody_else_anything(
    name: str, waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    """NUL and lone surrogates are refused at the door; should one get this far, only its event suffers."""
    before, sick, after = Owner(EVENT), Owner(OTHER), Owner(THIRD)
    entries = [before.open(5, book("ada")), sick.open(5, book(name)), after.open(5, book("ben"), book("cem"))]
    for entry in entries:
        waiting_journal.append(entry)
    waiting_journal.start()
    outlet.answers(7)
    assert stored.orders(EVENT) == [("ada", 1, "confirmed", None)]
    assert stored.orders(THIRD) == [("ben", 1, "confirmed", None), ("cem", 1, "confirmed", None)]
    assert [entry.lease.lost for entry in entries] == [False, True, False]
    assert stored.status(OTHER) is None
    assert stored.is_as(before)
    assert stored.is_as(after)
