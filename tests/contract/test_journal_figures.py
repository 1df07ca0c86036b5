"""What the journal counts, and how it numbers its transactions: only what is true, and once."""

import logging

import psycopg2
import pytest

from boxoffice.actors.figures import JournalFigures, Outcome
from boxoffice.actors.messages import Cancel, EventMoved, Find, OutcomeUnknown
from boxoffice.persistence import journal as journal_module
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.faults import Accident, Faults, raising, raising_after, refused
from tests.contract.journals import Journal
from tests.contract.support import EVENT, OTHER, THIRD, Outlet, Owner, Stored, book, new_order_id, taken_over

LOST = psycopg2.OperationalError("the connection is lost")


def outcomes(journal: Journal) -> dict[str, int]:
    """How transactions ended, those that did at all."""
    return {outcome.value: number for outcome, number in journal.figures.outcomes.items() if number}


def sales(figures: JournalFigures) -> dict[str, int]:
    """What was sold, if anything was."""
    return {name: number for name, number in figures.sales.items() if number}


def test_a_transaction_is_counted_with_all_that_is_in_it(waiting_journal: Journal, outlet: Outlet) -> None:
    one, other = Owner(EVENT), Owner(OTHER)
    first = book("ada")
    waiting_journal.append(one.open(1))
    waiting_journal.append(one.decide(first, book("ben"), book("cem"), Cancel(first.order_id)))
    waiting_journal.append(other.open(10, book("dora", 5)))
    waiting_journal.start()
    outlet.answers(7)
    figures = waiting_journal.figures
    assert outcomes(waiting_journal) == {"committed": 1}
    assert sales(figures) == {"bookings": 2, "waits": 2, "cancellations": 1, "promotions": 1}
    assert (sum(figures.commit_s.counts), figures.commit_s.total > 0) == (1, True)
    assert (sum(figures.commit_requests.counts), figures.commit_requests.total) == (1, 7)
    assert figures.fences_lost == 0


def test_each_transaction_has_the_next_number_and_says_so(
    journal: Journal, outlet: Outlet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, journal_module.__name__)
    owner = Owner()
    for number, entry in enumerate(
        [owner.open(), owner.decide(book()), owner.decide(Find(new_order_id()))], 1
    ):
        journal.append(entry)
        outlet.answers(number)
    assert [settled.batch for settled in outlet.settled] == [1, 2, 3]
    assert journal.figures.batch == 3
    told = [record.getMessage().rpartition(",")[0] for record in caplog.records]
    assert told == [
        "batch 1: 1 answer(s), 1 change(s), 1 event(s)",
        "batch 2: 1 answer(s), 1 change(s), 1 event(s)",
        "batch 3: 1 answer(s), 0 change(s), 1 event(s)",
    ]


def test_how_many_orders_there_are_goes_with_the_status(waiting_journal: Journal, outlet: Outlet) -> None:
    owner = Owner()
    for entry in (owner.open(9, book("ada")), owner.decide(book("ben")), owner.decide(book("cem"))):
        waiting_journal.append(entry)
    waiting_journal.start()
    outlet.answers(4)
    assert [settled.live_orders for settled in outlet.settled] == [3]


def test_a_refused_transaction_sells_nothing_and_what_is_written_again_counts_once(
    waiting_journal: Journal, outlet: Outlet, faults: Faults
) -> None:
    owners = [Owner(event_id) for event_id in (EVENT, OTHER, THIRD)]
    for owner in owners:
        waiting_journal.append(owner.open(10, book()))
    faults.at_commit.append(refused)
    waiting_journal.start()
    outlet.answers(6)
    assert outcomes(waiting_journal) == {"refused": 1, "committed": 3}
    assert sales(waiting_journal.figures) == {"bookings": 3}
    assert sorted(settled.batch or 0 for settled in outlet.settled) == [1, 2, 3]


def test_what_a_database_refuses_for_good_has_no_number(
    journal: Journal, outlet: Outlet, faults: Faults
) -> None:
    owner = Owner()
    faults.at_commit.append(refused)
    journal.append(owner.open(10, book()))
    outlet.answers(2)
    assert outcomes(journal) == {"refused": 1}
    assert sales(journal.figures) == {}
    assert [settled.batch for settled in outlet.settled] == [None]
    assert sum(journal.figures.commit_s.counts) == 0


@pytest.mark.parametrize("lost", [False, True], ids=["no connection", "the last one is lost"])
def test_a_database_that_is_away_is_counted_as_that(
    journal: Journal, outlet: Outlet, faults: Faults, stored: Stored, lost: bool
) -> None:
    if lost:
        journal.append(Owner(OTHER).open(10))
        outlet.answers(1)
        assert stored.end_sessions("journal") == 1
    faults.at_connect.append(psycopg2.OperationalError("nobody listens"))
    entry = Owner().open(10, book())
    journal.append(entry)
    outlet.answer_to(entry)
    assert outcomes(journal) == ({"away": 1, "committed": 1} if lost else {"away": 1})
    assert sales(journal.figures) == {}


@pytest.mark.parametrize(
    ("accident", "committed"),
    [(raising_after(LOST), True), (raising(LOST), False)],
    ids=["it was committed", "it was not"],
)
def test_of_a_commit_in_doubt_only_what_turns_out_to_be_written_is_sold(
    journal: Journal, outlet: Outlet, faults: Faults, accident: Accident, committed: bool
) -> None:
    faults.at_commit.append(accident)
    journal.append(Owner().open(10, book()))
    outlet.answers(2)
    assert outcomes(journal) == {"in_doubt": 1}
    assert sales(journal.figures) == ({"bookings": 1} if committed else {})
    assert [settled.batch for settled in outlet.settled] == [1 if committed else None]
    assert sum(journal.figures.commit_s.counts) == 0, "nobody knows how long it took"


def test_a_lost_fence_is_counted_and_what_was_behind_it_is_not_sold(
    journal: Journal, outlet: Outlet, recovery: DatabaseRecovery
) -> None:
    former = Owner()
    journal.append(former.open(10))
    outlet.answers(1)
    taken_over(recovery)
    for answered in (2, 3):
        journal.append(former.decide(book()))
        outlet.answers(answered)
        assert journal.figures.fences_lost == 1, "the lease is lost once, whatever follows"
    assert isinstance(outlet.answers(3)[1], EventMoved)
    assert sales(journal.figures) == {}
    assert [settled.batch for settled in outlet.settled] == [1, None, None]
    assert outcomes(journal) == {"committed": 2}


def test_every_outcome_has_a_number_from_the_beginning() -> None:
    assert dict.fromkeys(Outcome, 0) == JournalFigures().outcomes


def test_a_failure_of_ours_after_the_commit_is_no_refusal(
    journal: Journal, outlet: Outlet, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    owner = Owner()
    journal.append(owner.open(10))
    outlet.answers(1)
    monkeypatch.setattr(journal_module, "_kept", fail)
    journal.append(owner.decide(book()))
    assert outlet.answers(2)[1:] == [OutcomeUnknown()], "it is in the database"
    assert stored.version() == 2
