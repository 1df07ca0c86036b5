"""The connection is lost before PostgreSQL has committed, or there is none: nothing was applied, and the
journal is back at work by itself. (What is lost at the commit itself: `test_journal_doubt.py`.)
"""

import itertools
from collections.abc import Callable

import psycopg2
import pytest

from boxoffice.actors.figures import Outcome
from boxoffice.actors.messages import Answer, NotApplied
from boxoffice.actors.values import EventId
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.faults import Faults, given_up, left_open, refused
from tests.contract.journals import Journal
from tests.contract.support import (
    OTHER,
    SLEEPS_AT_COMMIT,
    Outlet,
    Owner,
    Stored,
    answers_of,
    book,
    eventually,
    taken_over,
)

AWAY = NotApplied("the database is away")
REFUSED = NotApplied("the database refused it")
NOT_COMMITTED = NotApplied("the database did not commit it")


@pytest.fixture
def owner(journal: Journal, outlet: Outlet) -> Owner:
    """The owner of an event with 100 tickets."""
    owner = Owner()
    journal.append(owner.open(100))
    outlet.answers(1)
    return owner


class AtWork:
    """A journal, and the question whether it goes on after whatever happened."""

    def __init__(self, journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery) -> None:
        self._journal, self._outlet, self._stored, self._recovery = journal, outlet, stored, recovery

    def told(
        self, owner: Owner, customer: str = "ada", meanwhile: Callable[[], object] = lambda: None
    ) -> list[Answer]:
        """What this owner's next customers hear; whoever comes after them is refused."""
        entry, behind = owner.decide(book(customer), book(customer)), owner.decide(book())
        self._journal.append(entry)
        meanwhile()
        answers = self._outlet.answer_to(entry)
        assert owner.lease.lost
        self._journal.append(behind)
        assert self._outlet.answer_to(behind) == [NotApplied("an earlier change was not written")]
        return answers

    def goes_on(self) -> bool:
        """Whether the next owner's bookings, and those of a new event, are written."""
        rebuilt, other = taken_over(self._recovery), Owner(OTHER)
        for owner, entry in ((rebuilt, rebuilt.decide(book())), (other, other.open(5, book()))):
            self._journal.append(entry)
            assert self._outlet.answer_to(entry) == answers_of(entry)
            assert self._stored.is_as(owner)
        return True


@pytest.fixture
def at_work(journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery) -> AtWork:
    return AtWork(journal, outlet, stored, recovery)


def test_a_connection_lost_between_two_batches_is_noticed_before_anything_is_sent(
    journal: Journal, outlet: Outlet, faults: Faults, stored: Stored, owner: Owner
) -> None:
    assert stored.end_sessions("journal") == 1
    entry = owner.decide(book(), book())
    journal.append(entry)
    assert outlet.answer_to(entry) == answers_of(entry)
    assert stored.is_as(owner)
    assert faults.opened == 2
    assert journal.figures.outcomes[Outcome.IN_DOUBT] == 0


def test_a_connection_lost_between_two_batches_and_not_to_be_had_again(
    at_work: AtWork, faults: Faults, stored: Stored, owner: Owner
) -> None:
    assert stored.end_sessions("journal") == 1
    faults.at_connect.append(psycopg2.OperationalError("connection refused"))
    assert at_work.told(owner) == [AWAY] * 2
    assert stored.version() == 1
    eventually(lambda: faults.opened == 2)  # by itself
    assert at_work.goes_on()


def test_a_connection_lost_before_the_batch_arrives(
    at_work: AtWork, faults: Faults, stored: Stored, owner: Owner
) -> None:
    faults.at_commit.append(faults.lost_before)
    assert at_work.told(owner) == [NOT_COMMITTED] * 2
    assert stored.version() == 1
    assert at_work.goes_on()


def test_a_connection_lost_while_the_batch_is_written(at_work: AtWork, stored: Stored, owner: Owner) -> None:
    """It waits for the event's row, with all that comes behind the fence still to do."""

    def end_it() -> None:
        eventually(stored.waits_for_a_lock)
        assert stored.end_sessions("journal") == 1

    with stored.holding():
        assert at_work.told(owner, meanwhile=end_it) == [NOT_COMMITTED] * 2
    assert stored.version() == 1
    assert at_work.goes_on()


def test_a_connection_lost_when_all_is_written_and_nothing_committed(
    at_work: AtWork, stored: Stored, owner: Owner
) -> None:
    def end_it() -> None:
        eventually(stored.sleeps)
        assert stored.end_sessions("journal") == 1

    stored.run(SLEEPS_AT_COMMIT)
    assert at_work.told(owner, "slow", meanwhile=end_it) == [NOT_COMMITTED] * 2
    assert stored.version() == 1
    assert stored.orders() == []
    assert at_work.goes_on()


def test_what_the_database_refuses_is_a_refusal(
    at_work: AtWork, faults: Faults, stored: Stored, owner: Owner
) -> None:
    faults.at_commit.append(refused)
    assert at_work.told(owner) == [REFUSED] * 2
    assert stored.version() == 1
    assert faults.opened == 1
    assert at_work.goes_on()


def test_a_connection_that_is_no_good_any_more_is_not_used_again(
    at_work: AtWork, faults: Faults, stored: Stored, owner: Owner
) -> None:
    faults.at_commit.append(given_up)
    assert at_work.told(owner) == [AWAY] * 2
    assert stored.version() == 1
    assert at_work.goes_on()
    assert faults.opened == 2


def test_what_is_written_and_not_committed_is_no_commit(
    at_work: AtWork, faults: Faults, stored: Stored, owner: Owner
) -> None:
    """PostgreSQL gives the rows of all whose fence holds, and says that a transaction is open."""
    faults.at_commit.append(left_open)
    assert at_work.told(owner) == [NOT_COMMITTED] * 2
    assert stored.version() == 1
    assert at_work.goes_on(), "and nobody else commits it"
    assert len(stored.orders()) == 1


def test_a_commit_refused_by_a_deferred_constraint_is_a_refusal_of_that_event_alone(
    waiting_journal: Journal, faults: Faults, outlet: Outlet, stored: Stored
) -> None:
    stored.run("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = 'check_violation'; END $$;
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.customer = 'ben') EXECUTE FUNCTION refuse();
    """)
    sound, sick = Owner(), Owner(OTHER)
    entries = [sound.open(5, book("ada")), sick.open(5, book("ben"))]
    for entry in entries:
        waiting_journal.append(entry)
    waiting_journal.start()
    assert outlet.answer_to(entries[0]) == answers_of(entries[0])
    assert outlet.answer_to(entries[1]) == [REFUSED] * 2
    assert stored.is_as(sound)
    assert stored.status(OTHER) is None
    assert faults.opened == 1


def test_a_database_that_cannot_be_reached_is_away_until_it_is_back(
    waiting_journal: Journal, faults: Faults, outlet: Outlet, stored: Stored
) -> None:
    faults.at_connect += [psycopg2.OperationalError("connection refused"), RuntimeError("a bug")]
    waiting_journal.start()
    for number in itertools.count(1):
        owner = Owner(EventId(number))
        entry = owner.open(5, book())
        waiting_journal.append(entry)
        answers = outlet.answer_to(entry)
        assert answers in ([AWAY] * 2, answers_of(entry))
        assert owner.lease.lost == (answers == [AWAY] * 2)
        if not owner.lease.lost:
            break
    assert faults.at_connect == []
    assert number > 2, "not vacuous"
    assert stored.rows("SELECT id FROM events") == [(number,)]


def test_a_database_that_is_away_is_not_tried_for_every_request(
    waiting_journal: Journal, faults: Faults, outlet: Outlet
) -> None:
    faults.at_connect += [psycopg2.OperationalError("connection refused")] * 1_000
    waiting_journal.start()
    for number in range(1, 201):
        entry = Owner(EventId(number)).open(5)
        waiting_journal.append(entry)
        assert outlet.answer_to(entry) == [AWAY]
    assert len(faults.at_connect) > 900


def test_a_database_that_is_away_is_so_for_every_event_of_the_batch(
    waiting_journal: Journal, faults: Faults, outlet: Outlet
) -> None:
    faults.at_connect.append(psycopg2.OperationalError("connection refused"))
    for number in range(1, 21):
        waiting_journal.append(Owner(EventId(number)).open(5, book()))
    waiting_journal.start()
    assert outlet.answers(40) == [AWAY] * 40
    assert faults.opened == 0, "it is not tried again for each of them"


def test_stopping_without_a_database_leaves_nobody_waiting(
    waiting_journal: Journal, faults: Faults, outlet: Outlet
) -> None:
    faults.at_connect += [psycopg2.OperationalError("connection refused")] * 10
    for number in range(1, 6):
        waiting_journal.append(Owner(EventId(number)).open(5, book()))
    waiting_journal.start()
    assert waiting_journal.end()
    assert outlet.answers(10) == [AWAY] * 10
