"""A batch is read in one pass if all of it is sound: to the same commands as entry by entry."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.http import entries as module
from boxoffice.http.entries import entries_of
from boxoffice.http.problems import ProblemError
from boxoffice.http.wire import COMMANDS_MAX

BOOK = b'{"do":"book","eventId":"7","userId":"ann"}'
SOUND = [
    BOOK,
    b'{ "userId": 5, "waitlist": false, "do": "book",\n "eventId": 7, "quantity": 2 }',
    b'{"do":"hold","eventId":7,"userId":"b, {c}: [d]","holdSeconds":null}',
    b'{"do":"confirm","orderId":"7-x"}',
    b'{"do":"extend","orderId":"7-x","holdSeconds":60}',
    b'{"do":"cancel","eventId":"7","userId":"ann","quantity":null}',
    b'{"do":"cancel","orderId":"7-x"}',
    '{"do":"adjust","eventId":"7","eventName":"Ünï","salesOpenAt":null}'.encode(),
    b'{"do":"close","eventId":"7"}',
    b'{"do":"initialize","eventName":"x","totalTickets":1,"salesOpenAt":"2026-01-01T00:00:00Z"}',
]
DOUBTFUL = [
    b'{"do":"book","eventId":"7","userId":"userId"}',
    b'{"do":"book","eventId":"7","userId":"commands"}',
    b'{"do":"book","eventId":"7","userId":"\\u0061nn"}',
    b'{"do":"book","eventId":"7","\\u0075serId":"ann"}',
]
WRONG = [
    b'{"do":"book","eventId":"7","userId":"ann","userId":"ann"}',
    b'{"do":"book","eventId":"7","userId":"ann","quantity":1,"quantity":1}',
    b'{"do":"book","do":"book","eventId":"7","userId":"ann"}',
    b'{"do":"book","eventId":"7","userId":"ann","u":1}',
    b'{"do":"book","eventId":"7"}',
    b'{"do":"rob"}',
    b'{"do":"book","eventId":"7","userId":"\\u0000"}',
    b'{"do":"book","eventId":"7","userId":"\\ud800"}',
    b'{"do":"book","eventId":"7","userId":"\xff"}',
    b'{"do":"book","eventId":"7","userId":"\xed\xa0\x80"}',
    b'{"do":"book","eventId":"7","userId":""}',
    b"5",
    b"{}",
]


def batch(*entries: bytes) -> bytes:
    return b'{"commands": [' + b", ".join(entries) + b"]}"


def alike(entries: Any) -> list[Any]:
    """What can be compared: exceptions cannot."""
    return [(e.code, e.detail, e.errors) if isinstance(e, ProblemError) else e for e in entries]


def read_one_by_one(body: bytes) -> tuple[list[Any], list[Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_all_sound", lambda body: None)
        entries, read = entries_of(body)
    return alike(entries), read


def read_all_the_same(body: bytes) -> list[Any]:
    entries, read = entries_of(body)
    assert (alike(entries), read) == read_one_by_one(body)
    return list(entries)


def test_what_is_sound_is_read_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_one_by_one(batch(*SOUND, *[BOOK] * 500))
    monkeypatch.setattr(module, "split", None)
    entries, read = entries_of(batch(*SOUND, *[BOOK] * 500))
    assert (list(entries), read) == expected


@pytest.mark.parametrize("doubtful", DOUBTFUL)
def test_what_may_be_wrong_is_looked_at_one_by_one_and_taken(doubtful: bytes) -> None:
    entries = read_all_the_same(batch(BOOK, doubtful, BOOK))
    assert not any(isinstance(entry, ProblemError) for entry in entries)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("other", SOUND)
def test_what_is_wrong_is_refused_alone(wrong: bytes, other: bytes) -> None:
    entries = read_all_the_same(batch(other, wrong, other))
    assert [isinstance(entry, ProblemError) for entry in entries] == [False, True, False]


def test_a_key_that_is_given_twice_is_not_made_up_for_by_one_that_is_not_given() -> None:
    once = BOOK[:-1] + b',"quantity":1}'
    twice = once[:-1] + b',"quantity":1}'
    entries = read_all_the_same(batch(once, twice, BOOK))
    assert [isinstance(entry, ProblemError) for entry in entries] == [False, True, False]


@pytest.mark.parametrize("number", [0, COMMANDS_MAX + 1])
def test_too_many_commands_and_none_are_refused(number: int) -> None:
    with pytest.raises(ProblemError, match="invalid_request"):
        entries_of(batch(*[BOOK] * number))


@pytest.mark.parametrize("again", [b'"commands"', b'"extra"'])
def test_a_batch_that_gives_more_than_its_commands_is_refused(again: bytes) -> None:
    with pytest.raises(ProblemError):
        entries_of(b'{"commands": [%s], %s: [%s]}' % (BOOK, again, BOOK))


FIELDS = [
    *('"do":"book"', '"do":"hold"', '"do":"confirm"', '"eventId":"7"', '"userId":"do"', '"userId":"a"'),
    *('"quantity":1', '"quantity": 2', '"waitlist" :true', '"orderId":"7-x"', '"holdSeconds":5', '"x":1'),
]
an_entry = st.lists(st.sampled_from(FIELDS), max_size=6).map(lambda each: f"{{{','.join(each)}}}".encode())


@given(entries=st.lists(st.sampled_from(SOUND) | an_entry, min_size=1, max_size=5))
def test_whatever_is_sent_is_read_to_the_same(entries: list[bytes]) -> None:
    read_all_the_same(batch(*entries))
