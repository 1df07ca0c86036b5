"""Changes were sent and nobody said what came of it: the journal asks the database, and says what is true."""

from collections.abc import Callable
from random import Random

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from boxoffice.actors.messages import Answer, EventMoved, NotApplied, OutcomeUnknown
from boxoffice.actors.ports import Entry, Key
from boxoffice.actors.values import EventId
from boxoffice.persistence import journal as journal_module
from boxoffice.persistence import line as line_module
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.conftest import MakeJournal
from tests.contract.faults import Accident, Faults, raising, raising_after
from tests.contract.journals import Journal
from tests.contract.support import (
    EVENT,
    OTHER,
    SLEEPS_AT_COMMIT,
    Outlet,
    Owner,
    Stored,
    answers_of,
    anything,
    book,
    eventually,
    taken_over,
)

NOT_COMMITTED = NotApplied("the database did not commit it")
LOST = psycopg2.OperationalError("the connection is lost")


@pytest.fixture
def owner(journal: Journal, outlet: Outlet) -> Owner:
    """The owner of an event with 100 tickets."""
    owner = Owner()
    journal.append(owner.open(100))
    outlet.answers(1)
    return owner


@pytest.fixture
def told(journal: Journal, outlet: Outlet) -> Callable[[Entry], list[Answer]]:
    """What those who ask in an entry are told."""

    def told(entry: Entry) -> list[Answer]:
        journal.append(entry)
        return outlet.answer_to(entry)

    return told


Told = Callable[[Entry], list[Answer]]


def check_a_next_owner_goes_on(recovery: DatabaseRecovery, told: Told, stored: Stored) -> None:
    """At once, or as soon as the database is tried again."""

    def is_written() -> bool:
        owner = taken_over(recovery)
        entry = owner.decide(book())
        return told(entry) == answers_of(entry) and stored.is_as(owner)

    eventually(is_written)


NEVER_ARRIVED = [
    pytest.param(lambda faults: faults.lost_before, id="the server's process is gone"),
    pytest.param(lambda _: raising(LOST), id="the connection is lost on the way"),
    pytest.param(lambda _: raising(MemoryError("none left")), id="there is no memory to send it"),
    pytest.param(lambda _: raising(SystemExit(3)), id="the process is to end"),
]
COMMITTED = [
    pytest.param(lambda faults: faults.lost_after, id="the server's process is gone"),
    pytest.param(lambda _: raising_after(LOST), id="the connection is lost on the way back"),
    pytest.param(lambda _: raising_after(MemoryError("none left")), id="there is no memory for the answer"),
    pytest.param(lambda _: raising_after(SystemExit(3)), id="the process is to end"),
]


@pytest.mark.parametrize("accident", NEVER_ARRIVED)
def test_what_never_arrived_was_not_applied(
    accident: Callable[[Faults], Accident],
    told: Told,
    faults: Faults,
    stored: Stored,
    owner: Owner,
    recovery: DatabaseRecovery,
) -> None:
    faults.at_commit.append(accident(faults))
    assert told(owner.decide(book(), book())) == [NOT_COMMITTED] * 2
    assert owner.lease.lost
    assert told(owner.decide(book())) == [NotApplied("an earlier change was not written")]
    assert stored.version() == 1
    assert stored.orders() == []
    check_a_next_owner_goes_on(recovery, told, stored)


@pytest.mark.parametrize("accident", COMMITTED)
def test_what_was_committed_is_answered_as_if_nothing_had_been(
    accident: Callable[[Faults], Accident],
    told: Told,
    faults: Faults,
    stored: Stored,
    owner: Owner,
    outlet: Outlet,
) -> None:
    faults.at_commit.append(accident(faults))
    entry = owner.decide(book(), book())
    assert told(entry) == answers_of(entry)
    assert outlet.settled[-1].status == stored.status()
    assert not owner.lease.lost
    following = owner.decide(book())
    assert told(following) == answers_of(following), "the same owner goes on"
    assert stored.is_as(owner)
    assert faults.opened == 2


@pytest.fixture
def put_on_sale(make_journal: MakeJournal, faults: Faults) -> Callable[..., None]:
    """Open events, with a journal that is gone afterwards."""

    def put(*owners: Owner) -> None:
        outlet = Outlet()
        journal = make_journal(faults.connect, outlet)
        for owner in owners:
            journal.append(owner.open(3, book(quantity=3)))
        journal.start()
        outlet.answers(2 * len(owners))
        assert journal.end()

    return put


@pytest.mark.parametrize("committed", [True, False])
def test_all_of_a_batch_are_told_the_same_truth(
    committed: bool,
    put_on_sale: Callable[..., None],
    waiting_journal: Journal,
    faults: Faults,
    outlet: Outlet,
    stored: Stored,
) -> None:
    """One event that is new, some that change, and one that only refuses, under a key."""
    fresh, refusing, *owners = (Owner(EventId(number)) for number in range(1, 8))
    put_on_sale(refusing, *owners)
    key = Key("", "again", b"0123456789abcdef")
    entries = [owner.decide(book(), book()) for owner in owners]
    entries += [fresh.open(5, book()), refusing.decide(book(waitlist=False), key=key)]
    for entry in entries:
        waiting_journal.append(entry)
    faults.at_commit.append(faults.lost_after if committed else faults.lost_before)
    waiting_journal.start()
    for entry in entries:
        truth = answers_of(entry) if committed else [NOT_COMMITTED] * len(entry.answers)
        assert outlet.answer_to(entry) == truth
    assert len(stored.replies()) == int(committed)


def test_refusals_alone_are_not_in_doubt(
    told: Told, faults: Faults, stored: Stored, owner: Owner, recovery: DatabaseRecovery
) -> None:
    """Whether their record was committed or not, nothing was changed: asked again, they are right."""
    assert told(owner.decide(book(quantity=100)))
    faults.at_commit.append(faults.lost_after)
    key = Key("", "again", b"0123456789abcdef")
    assert told(owner.decide(book(waitlist=False), key=key)) == [NotApplied("the database is away")]
    assert len(stored.replies()) == 1
    check_a_next_owner_goes_on(recovery, told, stored)


def test_an_event_that_another_server_has_is_no_part_of_the_doubt(
    put_on_sale: Callable[..., None],
    waiting_journal: Journal,
    faults: Faults,
    outlet: Outlet,
    recovery: DatabaseRecovery,
) -> None:
    owners = [Owner(EVENT), Owner(OTHER)]
    put_on_sale(*owners)
    taken_over(recovery, OTHER)
    mine, theirs = (owner.decide(book()) for owner in owners)
    for entry in (mine, theirs):
        waiting_journal.append(entry)
    faults.at_commit.append(faults.lost_after)
    waiting_journal.start()
    assert outlet.answer_to(mine) == answers_of(mine)
    assert outlet.answer_to(theirs) == [EventMoved()]


@pytest.mark.parametrize("moved", [True, False])
def test_a_refusal_beside_a_commit_in_doubt_is_told_where_its_event_has_stayed(
    moved: bool,
    put_on_sale: Callable[..., None],
    waiting_journal: Journal,
    faults: Faults,
    outlet: Outlet,
    recovery: DatabaseRecovery,
) -> None:
    """If it has not, nobody knows whether it had when the transaction was committed."""
    mine, theirs = owners = [Owner(EVENT), Owner(OTHER)]
    put_on_sale(*owners)
    faults.at_commit.append(then(faults.lost_after, lambda: moved and taken_over(recovery, OTHER)))
    entry, refusal = mine.decide(book()), theirs.decide(book(waitlist=False))
    for each in (entry, refusal):
        waiting_journal.append(each)
    waiting_journal.start()
    assert outlet.answer_to(entry) == answers_of(entry)
    assert outlet.answer_to(refusal) == ([EventMoved()] if moved else answers_of(refusal))


# --- somebody else comes in between --------------------------------------------------------------


def then(accident: Accident, also: Callable[[], object]) -> Accident:
    """Do something else between the accident and its being noticed."""

    def both(cursor: Cursor, call: Callable[[], None]) -> None:
        try:
            accident(cursor, call)
        finally:
            also()

    return both


def book_elsewhere(recovery: DatabaseRecovery, url: str, times: int = 1) -> None:
    """Another server takes the event over, and books on."""
    outlet, faults = Outlet(), Faults(url)
    journal = Journal(faults.connect, outlet)
    journal.start()
    entry = taken_over(recovery).decide(*(book("elsewhere") for _ in range(times)))
    journal.append(entry)
    assert outlet.answer_to(entry) == answers_of(entry)
    assert journal.end()
    faults.close()


def test_what_another_server_wrote_in_its_place_is_not_taken_for_it(
    told: Told,
    faults: Faults,
    stored: Stored,
    owner: Owner,
    recovery: DatabaseRecovery,
    any_database_url: str,
) -> None:
    faults.at_commit.append(
        then(faults.lost_before, lambda: book_elsewhere(recovery, any_database_url, times=2))
    )
    assert told(owner.decide(book("ours"), book("ours"))) == [NOT_COMMITTED] * 2
    assert stored.version() == 3, "the same as if it had been written"
    assert [customer for customer, *_ in stored.orders()] == ["elsewhere"] * 2


def test_what_was_committed_stays_true_when_another_server_goes_on_from_there(
    told: Told,
    faults: Faults,
    stored: Stored,
    owner: Owner,
    recovery: DatabaseRecovery,
    any_database_url: str,
) -> None:
    faults.at_commit.append(then(faults.lost_after, lambda: book_elsewhere(recovery, any_database_url)))
    entry = owner.decide(book("ours"), book("ours"))
    assert told(entry) == answers_of(entry)
    assert [customer for customer, *_ in stored.orders()] == ["ours", "ours", "elsewhere"]
    assert told(owner.decide(book())) == [EventMoved()], "and the event is theirs now"


# --- the last session ----------------------------------------------------------------------------


class Abandoned:
    """The message is lost on its way; PostgreSQL never hears of it, and it may arrive yet."""

    arrive: Callable[[], None]

    def __call__(self, cursor: Cursor, call: Callable[[], None]) -> None:
        self.arrive = call
        for each in (cursor, cursor.connection):
            each.close = lambda: None  # type: ignore[method-assign]
        raise LOST


def test_a_commit_that_arrives_late_finds_its_session_gone(
    told: Told, faults: Faults, stored: Stored, owner: Owner, recovery: DatabaseRecovery
) -> None:
    abandoned = Abandoned()
    faults.at_commit.append(abandoned)
    assert told(owner.decide(book())) == [NOT_COMMITTED]
    with pytest.raises(psycopg2.OperationalError):
        abandoned.arrive()
    assert stored.version() == 1, "what was called not applied never is"
    check_a_next_owner_goes_on(recovery, told, stored)


def test_a_commit_whose_session_lives_on_holds_nobody_up(
    told: Told,
    stored: Stored,
    owner: Owner,
    recovery: DatabaseRecovery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has the event's row, and would keep it for a minute."""
    monkeypatch.setattr(journal_module, "COMMIT_TIMEOUT_S", 0.2)
    stored.run(SLEEPS_AT_COMMIT)
    assert told(owner.decide(book("slow"))) == [NOT_COMMITTED]
    assert stored.rows("SELECT 1 FROM events FOR UPDATE SKIP LOCKED") == [(1,)]
    monkeypatch.undo()
    other = Owner(OTHER).open()
    assert told(other) == answers_of(other)
    check_a_next_owner_goes_on(recovery, told, stored)


def test_what_a_lost_session_holds_is_free_before_anybody_writes_again(
    told: Told, faults: Faults, stored: Stored, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it could not be asked what came of it."""
    monkeypatch.setattr(journal_module, "COMMIT_TIMEOUT_S", 0.2)
    monkeypatch.setattr(journal_module, "RESOLVE_S", 0.1)
    stored.run(SLEEPS_AT_COMMIT)
    faults.at_connect += [psycopg2.OperationalError("connection refused")] * 5
    assert told(owner.decide(book("slow"))) == [OutcomeUnknown()]
    assert stored.sleeps(), "not vacuous"
    eventually(lambda: stored.rows("SELECT 1 FROM events FOR UPDATE SKIP LOCKED") == [(1,)])
    assert stored.version() == 1


# --- whom nobody answers -------------------------------------------------------------------------


def test_a_commit_that_is_not_answered_in_time_is_asked_about(
    told: Told,
    stored: Stored,
    owner: Owner,
    recovery: DatabaseRecovery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "COMMIT_TIMEOUT_S", 0.2)
    stored.run(SLEEPS_AT_COMMIT)
    assert told(owner.decide(book("slow"))) == [NOT_COMMITTED]
    assert stored.version() == 1
    check_a_next_owner_goes_on(recovery, told, stored)


def test_a_commit_that_waits_for_a_row_for_too_long_is_not_applied(
    told: Told,
    stored: Stored,
    owner: Owner,
    recovery: DatabaseRecovery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "COMMIT_TIMEOUT_S", 0.2)
    with stored.holding(EVENT):
        assert told(owner.decide(book())) == [NOT_COMMITTED]
    monkeypatch.undo()
    check_a_next_owner_goes_on(recovery, told, stored)


def test_nobody_knows_while_the_database_cannot_be_asked(
    told: Told,
    faults: Faults,
    stored: Stored,
    owner: Owner,
    recovery: DatabaseRecovery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "RESOLVE_S", 0.5)
    faults.at_commit.append(faults.lost_after)
    faults.at_connect += [psycopg2.OperationalError("connection refused")] * 5
    assert told(owner.decide(book())) == [OutcomeUnknown()]
    assert owner.lease.lost
    check_a_next_owner_goes_on(recovery, told, stored)


def test_it_is_asked_again_until_it_answers(told: Told, faults: Faults, stored: Stored, owner: Owner) -> None:
    faults.at_commit.append(faults.lost_after)
    faults.at_connect += [psycopg2.OperationalError("connection refused"), MemoryError("none left")]
    entry = owner.decide(book())
    assert told(entry) == answers_of(entry)
    assert stored.is_as(owner)


# --- anything at all -----------------------------------------------------------------------------


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is tried again a hundred times a second, and not five."""
    for module in (journal_module, line_module):
        monkeypatch.setattr(module, "RECONNECT_S", 0.01)


@pytest.mark.parametrize("seed", range(10))
def test_any_history_of_doubts_is_answered_truly(
    seed: int, in_a_hurry: None, told: Told, faults: Faults, stored: Stored, recovery: DatabaseRecovery
) -> None:
    chance, owner = Random(seed), Owner()
    assert told(owner.open(5))
    for _ in range(40):
        if chance.random() < 0.5:
            faults.at_commit.append(chance.choice([faults.lost_before, faults.lost_after]))
        version = owner.inventory.version
        entry = owner.decide(*(anything(chance, owner.inventory) for _ in range(chance.randint(1, 3))))
        answers = told(entry)
        if answers == answers_of(entry):
            assert stored.is_as(owner)
        else:
            assert len(set(answers)) == 1
            assert isinstance(answers[0], NotApplied)
            assert stored.version() == version
            owner = taken_over(recovery)
