"""Taking over while a former owner's transaction is open: the rebuild waits, and sees how it ended."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import EventMoved
from boxoffice.actors.ports import DatabaseAway, Recovered
from boxoffice.persistence.batch import Part, message, prepare
from boxoffice.persistence.database import make_engine
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.journals import Journal
from tests.contract.support import (
    DEADLINE_S,
    EVENT,
    Outlet,
    Owner,
    Stored,
    answers_of,
    book,
    connect,
    eventually,
    taken_over,
)

Rebuild: TypeAlias = Callable[[DatabaseRecovery], Recovered]


def one(recovery: DatabaseRecovery) -> Recovered:
    found = recovery.load(EVENT)
    assert isinstance(found, Recovered)
    return found


def all_of_them(recovery: DatabaseRecovery) -> Recovered:
    (found,) = recovery.load_open()
    assert isinstance(found, Recovered)
    return found


@pytest.fixture
def owner(journal: Journal, outlet: Outlet) -> Owner:
    owner = Owner()
    journal.append(owner.open(10, book()))
    outlet.answers(2)
    return owner


@contextmanager
def in_doubt(url: str, owner: Owner) -> Iterator[Connection]:
    """A booking of this owner's, written and not committed."""
    connection = connect(url, application_name="former owner")
    try:
        prepare(connection)
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(*message([Part([owner.decide(book("in doubt", 3))])]))
            assert cursor.fetchall() == [(EVENT,)]
        yield connection
    finally:
        connection.close()


class Rebuilding:
    """A rebuild on a thread of its own."""

    def __init__(self, rebuild: Rebuild, recovery: DatabaseRecovery) -> None:
        self._found: list[Recovered] = []
        self._thread = threading.Thread(target=lambda: self._found.append(rebuild(recovery)), daemon=True)
        self._thread.start()

    @property
    def waits(self) -> bool:
        return self._thread.is_alive() and not self._found

    def inventory(self) -> Inventory:
        self._thread.join(DEADLINE_S)
        (found,) = self._found
        return found.inventory


@pytest.mark.parametrize("rebuild", [one, all_of_them])
@pytest.mark.parametrize(("how", "version"), [("COMMIT", 3), ("ROLLBACK", 2)])
def test_the_rebuild_waits_for_what_is_in_doubt_and_sees_how_it_ended(
    rebuild: Rebuild, how: str, version: int, any_database_url: str, owner: Owner, stored: Stored,
    recovery: DatabaseRecovery,
) -> None:  # fmt: skip
    with in_doubt(any_database_url, owner) as former, former.cursor() as cursor:
        rebuilding = Rebuilding(rebuild, recovery)
        eventually(stored.waits_for_a_lock)
        assert rebuilding.waits
        cursor.execute(how)
        inventory = rebuilding.inventory()
    assert inventory.version == version
    assert stored.is_as(Owner(EVENT, inventory))
    assert stored.epoch() == 2


def test_the_rebuild_goes_on_when_the_former_owners_session_is_ended(
    any_database_url: str, owner: Owner, stored: Stored, recovery: DatabaseRecovery
) -> None:
    with in_doubt(any_database_url, owner):
        rebuilding = Rebuilding(one, recovery)
        eventually(stored.waits_for_a_lock)
        assert stored.end_sessions("former owner") == 1
        assert rebuilding.inventory().version == 2
    assert stored.orders() == [("ada", 1, "confirmed", None)]


def test_the_former_owner_commits_nothing_afterwards(
    owner: Owner, journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery
) -> None:
    latter = taken_over(recovery)
    late = owner.decide(book("late"))
    journal.append(late)
    assert outlet.answer_to(late) == [EventMoved()]
    assert stored.is_as(latter)
    prompt = latter.decide(book("prompt"))
    journal.append(prompt)
    assert outlet.answer_to(prompt) == answers_of(prompt)
    assert stored.is_as(latter)


def test_a_rebuild_that_waits_for_too_long_is_told_that_the_database_is_away(
    any_database_url: str, owner: Owner, stored: Stored
) -> None:
    engine = make_engine(any_database_url, statement_timeout_s=0.05)
    with stored.holding(), pytest.raises(DatabaseAway):
        DatabaseRecovery(engine).load(EVENT)
    engine.dispose()
    assert stored.epoch() == 1
