"""Idempotency records: written with what they answer or not at all, found again, and gone after a day."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from boxoffice.actors.messages import (
    Answer,
    Booked,
    Cancel,
    EventMoved,
    EventUnknown,
    NotApplied,
    OrderUnknown,
    SoldOut,
)
from boxoffice.actors.ports import Key, Recorded
from boxoffice.actors.values import CustomerId
from boxoffice.persistence import replies as module
from boxoffice.persistence.recovery import DatabaseRecovery
from boxoffice.persistence.replies import DatabaseReplies
from tests.contract.journals import Journal
from tests.contract.support import (
    EVENT,
    OTHER,
    Outlet,
    Owner,
    Stored,
    answers_of,
    book,
    new_order_id,
    taken_over,
)

PRINT = bytes(range(16))
ODD = ['"', "\\", 'a"b\\c', "NULL", "null", "{1,2}", ", ", " ", "\N{SNOWMAN}", "\\x00", "'; --"]


@pytest.fixture
def replies(engine: Engine) -> DatabaseReplies:
    return DatabaseReplies(engine)


def key(text: str = "k", position: int = 0, caller: str = "") -> Key:
    return Key(caller, text, PRINT, position)


def test_an_answer_is_recorded_in_the_transaction_of_its_effect(
    journal: Journal, outlet: Outlet, stored: Stored, replies: DatabaseReplies
) -> None:
    owner = Owner()
    journal.append(owner.open(1))
    outlet.answers(1)
    entry = owner.decide(book(), key=key())
    journal.append(entry)
    outlet.answer_to(entry)
    (answer,) = answers_of(entry)
    assert isinstance(answer, Booked)
    assert stored.replies() == [("", "k", 0, PRINT, answer)]
    assert stored.transactions("replies") == stored.transactions("orders")
    assert replies.find([("", "k"), ("", "other")]) == {("", "k"): {0: Recorded(PRINT, answer)}}


def test_a_refusal_is_recorded_too(journal: Journal, outlet: Outlet, stored: Stored) -> None:
    owner = Owner()
    journal.append(owner.open(1, book()))
    entry = owner.decide(book("bob", waitlist=False), key=key())
    journal.append(entry)
    outlet.answer_to(entry)
    assert [type(row[4]) for row in stored.replies()] == [SoldOut]


def test_what_is_still_to_be_looked_up_is_not_recorded(
    journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owner = Owner()
    entry = owner.open(1)
    journal.append(entry)
    unknown = owner.decide(Cancel(new_order_id()), key=key())
    journal.append(unknown)
    assert [type(answer) for answer in outlet.answer_to(unknown)] == [OrderUnknown]
    assert stored.replies() == []


def lose_the_fence(stored: Stored, recovery: DatabaseRecovery) -> None:
    taken_over(recovery)


def refuse_the_order(stored: Stored, recovery: DatabaseRecovery) -> None:
    stored.run("ALTER TABLE orders ADD CHECK (customer <> 'mallory')")


@pytest.mark.parametrize(
    ("prevent", "answer"), [(lose_the_fence, EventMoved), (refuse_the_order, NotApplied)]
)
def test_what_was_not_applied_leaves_no_record(
    prevent: Callable[[Stored, DatabaseRecovery], None],
    answer: type[Answer],
    journal: Journal,
    outlet: Outlet,
    stored: Stored,
    recovery: DatabaseRecovery,
) -> None:
    owner = Owner()
    opening = owner.open(1)
    journal.append(opening)
    outlet.answer_to(opening)
    prevent(stored, recovery)
    entry = owner.decide(book("mallory"), key=key())
    journal.append(entry)
    assert [type(each) for each in outlet.answer_to(entry)] == [answer]
    assert stored.replies() == []
    assert stored.orders() == []


def test_a_key_that_is_recorded_refuses_its_events_part_and_no_other(
    waiting_journal: Journal, outlet: Outlet, stored: Stored, replies: DatabaseReplies
) -> None:
    replies.record(key("taken"), EventUnknown())
    owner, other = Owner(EVENT), Owner(OTHER)
    waiting_journal.append(owner.open(5))
    waiting_journal.append(other.open(5))
    again, sound = owner.decide(book(), key=key("taken")), other.decide(book(), key=key("free"))
    waiting_journal.append(again)
    waiting_journal.append(sound)
    waiting_journal.start()
    refused = outlet.answer_to(again)
    assert [type(answer) for answer in refused] == [NotApplied]
    outlet.answer_to(sound)
    assert stored.is_as(other)
    assert stored.orders(EVENT) == []
    assert [(row[1], type(row[4])) for row in stored.replies()] == [("free", Booked), ("taken", EventUnknown)]


@pytest.mark.parametrize("text", ODD)
def test_odd_keys_callers_and_answers_come_back_as_they_were(
    text: str, journal: Journal, outlet: Outlet, replies: DatabaseReplies
) -> None:
    owner = Owner()
    entry = owner.open(9)
    journal.append(entry)
    odd = Key(text, text, bytes(range(240, 256)), 999)
    booking = owner.decide(book(CustomerId(text)), key=odd)
    journal.append(booking)
    outlet.answer_to(booking)
    (answer,) = answers_of(booking)
    assert replies.find([(text, text)]) == {(text, text): {999: Recorded(odd.fingerprint, answer)}}
    replies.record(Key(text, text, PRINT, 5), answer)
    assert replies.find([(text, text)])[text, text][5] == Recorded(PRINT, answer)


def test_callers_do_not_see_each_others_keys(replies: DatabaseReplies) -> None:
    replies.record(key("k", caller="ann"), EventUnknown())
    assert replies.find([("bob", "k"), ("", "k")]) == {}


def test_the_first_record_stays(replies: DatabaseReplies) -> None:
    first = replies.record(key(), EventUnknown())
    assert replies.record(key(), OrderUnknown(3)) == first == Recorded(PRINT, EventUnknown())
    assert replies.find([("", "k")])["", "k"][0].answer == EventUnknown()


def test_records_go_after_a_day_and_not_before(
    replies: DatabaseReplies, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRUNED_AT_ONCE", 3)
    for number in range(9):
        replies.record(key(f"k{number}"), EventUnknown())
    stored.run("UPDATE replies SET at = now() - interval '24 hours 1 second' WHERE key < 'k5'")
    stored.run("UPDATE replies SET at = now() - interval '23 hours 59 minutes' WHERE key >= 'k5'")
    assert [replies.prune(), replies.prune(), replies.prune()] == [3, 2, 0]
    assert [row[1] for row in stored.replies()] == ["k5", "k6", "k7", "k8"]
