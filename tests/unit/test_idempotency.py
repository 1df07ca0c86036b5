"""Idempotency keys: what is one, what it is a key to, and that duplicates pass one at a time."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from boxoffice.actors.messages import Answer, Book, OutcomeUnknown, Overloaded, SoldOut
from boxoffice.actors.ports import Caller, DatabaseAway, Key, Recorded
from boxoffice.actors.values import CustomerId, OrderId
from boxoffice.http import bridge as bridge_module
from boxoffice.http import idempotency as module
from boxoffice.http.commands import COMMANDS
from boxoffice.http.idempotency import HEADER, Keys, key_of
from boxoffice.http.problems import ProblemError
from tests.unit.fakes import Gate
from tests.unit.test_bridge import EVENT, Crossing, until

BOOK = b'{"eventId": "7", "userId": "ann"}'
PRINT = b"f" * 16


def key(
    *given: str, path: str = "/book", body: bytes = BOOK, reader: Any = COMMANDS["book"], **headers: str
) -> Key | None:
    """The key of a request with these headers; the others by their names, `_` for `-`."""
    more = [(name.replace("_", "-"), value) for name, value in headers.items()]
    every = CIMultiDict([*((HEADER, each) for each in given), *more])
    request: web.Request = make_mocked_request("POST", path, headers=every)
    return key_of(request, reader.read(body))


def text(given: str) -> str:
    found = key(given)
    assert found is not None
    return found.text


def fingerprint(**request: Any) -> bytes:
    found = key("k", **request)
    assert found is not None
    return found.fingerprint


# --- what is a key -------------------------------------------------------------------------------


def test_a_request_without_the_header_has_no_key() -> None:
    assert key() is None


@pytest.mark.parametrize(
    ("given_key", "meant"),
    [
        *(("a", "a"), ("a b", "a b"), ('a"b', 'a"b'), ('a"', 'a"'), ("a\\b", "a\\b"), ("!~", "!~")),
        *((" a ", "a"), ("\ta", "a"), ('"a"', "a"), (' "a" ', "a"), ('" a "', " a "), ('" "', " ")),
        *((r'"a\"b"', 'a"b'), (r'"a\\b"', "a\\b"), (r'"\\\""', '\\"')),
        *(("x" * 255, "x" * 255), ('"' + "x" * 255 + '"', "x" * 255)),
        ('"' + r"\"" * 255 + '"', '"' * 255),
    ],
)
def test_a_key_is_given_bare_or_in_quotes(given_key: str, meant: str) -> None:
    assert text(given_key) == meant


@pytest.mark.parametrize(
    "given_key",
    [
        *("", " ", '""', "x" * 256, '"' + "x" * 256 + '"', '"' + r"\\" * 256 + '"'),
        *('"', '"a', r'"a\"', '"a"b', '"a"b"', r'"a\b"', '"a" "b"', '"a", "b"'),
        *("é", '"é"', "a\tb", "a\x7fb", "ключ", "a\x01"),
    ],
)
def test_what_is_no_key_is_refused(given_key: str) -> None:
    with pytest.raises(ProblemError, match="invalid_idempotency_key"):
        key(given_key)


@pytest.mark.parametrize("second", ["a", "b", ""])
def test_two_keys_are_refused_even_if_they_are_the_same(second: str) -> None:
    with pytest.raises(ProblemError, match="invalid_idempotency_key"):
        key("a", second)


@given(meant=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255))
def test_the_same_text_is_the_same_key_bare_or_in_quotes(meant: str) -> None:
    quoted = '"' + meant.replace("\\", r"\\").replace('"', r"\"") + '"'
    assert text(quoted) == meant
    if meant == meant.strip() and not meant.startswith('"'):
        assert key(meant) == key(quoted)


# --- what it is a key to -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/hold"},
        {"body": b'{"eventId": "8", "userId": "ann"}'},
        {"body": b'{"eventId": "7", "userId": "ann", "quantity": 2}'},
        {"If_Match": '"1"'},
        {"If_Match": ""},
    ],
)
def test_another_request_has_another_fingerprint(other: dict[str, Any]) -> None:
    assert len(fingerprint()) == 16
    assert fingerprint(**other) != fingerprint()


def test_another_if_match_has_another_fingerprint() -> None:
    prints = {fingerprint(If_Match=given) for given in ('"1"', '"2"', "*", "", "None")} | {fingerprint()}
    assert len(prints) == 6


@pytest.mark.parametrize(
    "body",
    [
        b' {"eventId":"7",\n\t"userId":"ann"} ',
        b'{"userId": "ann", "eventId": "7"}',
        rb'{"\u0065ventId": "7", "userId": "\u0061nn"}',
        b'{"eventId": "7", "userId": "ann", "quantity": 1, "waitlist": true}',
    ],
)
def test_the_same_request_written_otherwise_has_the_same_fingerprint(body: bytes) -> None:
    assert fingerprint(body=body) == fingerprint()


def test_other_headers_are_no_part_of_the_fingerprint() -> None:
    assert fingerprint(X_Request_ID="1", User_Agent="x") == fingerprint()


# --- one at a time -------------------------------------------------------------------------------


class FakeReplies:
    """Finds what a test has put into `found`, once `gate` is passed; keeps what it was asked."""

    def __init__(self) -> None:
        self.found: dict[Caller, dict[int, Recorded]] = {}
        self.asked: list[list[Caller]] = []
        self.gates: list[Gate] = []
        self.failure: Exception | None = None

    def find(self, keys: Sequence[Caller]) -> Mapping[Caller, Mapping[int, Recorded]]:
        self.asked.append(list(keys))
        if self.gates:
            self.gates.pop(0)()
        if self.failure is not None:
            raise self.failure
        return {name: self.found[name] for name in keys if name in self.found}

    def record(self, key: Key, answer: Answer) -> Recorded:
        records = self.found.setdefault((key.caller, key.text), {})
        return records.setdefault(key.position, Recorded(key.fingerprint, answer))

    def prune(self) -> int:
        return 0


class Counter:
    """A bridge, keys on it, and what is recorded."""

    def __init__(self) -> None:
        self.crossing = Crossing(asyncio.get_running_loop())
        self.replies = FakeReplies()
        self.keys = Keys(self.crossing.bridge, self.replies)

    async def claimed(self, name: str = "k", given: bytes = PRINT) -> Mapping[int, Answer]:
        """What was answered under a key before, if one may have it."""
        async with self.keys.claim(Key("", name, given)) as answered:
            return answered

    def looks_up(self, name: str = "k") -> "asyncio.Task[Mapping[int, Answer]]":
        return asyncio.ensure_future(self.claimed(name))


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    """Open; at its end no claim may be left."""
    counter = Counter()
    counter.crossing.bridge.open(counter.crossing.directory)
    yield counter
    counter.crossing.close()
    assert counter.keys._claims == {}
    assert counter.keys._wanted == {}


async def refused(claiming: "asyncio.Future[Mapping[int, Answer]]") -> str:
    with pytest.raises(ProblemError) as caught:
        await claiming
    return caught.value.code


async def test_under_a_new_key_nothing_was_answered(counter: Counter) -> None:
    assert await counter.claimed() == {}


async def test_what_was_answered_before_is_found_by_its_place_in_the_batch(counter: Counter) -> None:
    for position, answer in ((0, SoldOut(1, 2, 3)), (4, SoldOut(0, 0, 5))):
        counter.replies.record(Key("", "k", PRINT, position), answer)
    assert await counter.claimed() == {0: SoldOut(1, 2, 3), 4: SoldOut(0, 0, 5)}
    assert await counter.claimed("another") == {}


async def test_a_duplicate_waits_and_finds_what_the_first_one_left(counter: Counter) -> None:
    async with counter.keys.claim(Key("", "k", PRINT)) as answered:
        assert answered == {}
        duplicates = [counter.looks_up() for _ in range(3)]
        assert await counter.claimed("another") == {}, "others need not wait"
        assert not any(duplicate.done() for duplicate in duplicates)
        counter.replies.record(Key("", "k", PRINT), Overloaded())
    assert await asyncio.gather(*duplicates) == [{0: Overloaded()}] * 3


async def test_duplicates_have_the_key_one_at_a_time(counter: Counter) -> None:
    inside = most = 0

    async def claim() -> None:
        nonlocal inside, most
        async with counter.keys.claim(Key("", "k", PRINT)):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(claim() for _ in range(20)))
    assert most == 1


async def test_whoever_waits_too_long_for_a_key_is_told_that_it_is_in_progress(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_TIMEOUT_S", 0.0)
    async with counter.keys.claim(Key("", "k", PRINT)):
        assert await refused(counter.looks_up()) == "in_progress"
        assert await counter.claimed("another") == {}
    assert await counter.claimed() == {}


async def test_a_key_whose_outcome_is_not_known_yet_is_in_progress(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_module, "SWEEP_S", 0.005)
    counter.crossing.bridge._answer_timeout_s = 0.0
    counter.crossing.bridge._sweep()
    bridge, book = counter.crossing.bridge, Book(OrderId("ann"), CustomerId("ann"))
    assert await bridge.submit(EVENT, book, Key("", "k", PRINT)) == OutcomeUnknown()
    assert await refused(counter.looks_up()) == "in_progress"
    assert counter.replies.asked == [], "what is recorded may not be all"
    counter.crossing.commit(*await counter.crossing.entries(1))
    await until(lambda: not bridge.is_unsettled(("", "k")))
    assert await counter.claimed() == {}


async def test_a_key_that_was_given_with_another_request_is_refused(counter: Counter) -> None:
    counter.replies.record(Key("", "k", PRINT), Overloaded())
    assert await refused(asyncio.ensure_future(counter.claimed(given=b"g" * 16))) == "idempotency_mismatch"
    assert await counter.claimed() == {0: Overloaded()}


# --- looking up ----------------------------------------------------------------------------------


async def test_while_one_query_runs_the_next_look_ups_gather_into_one(counter: Counter) -> None:
    gate = Gate()
    counter.replies.gates = [gate]
    counter.replies.record(Key("", "c", PRINT), Overloaded())
    first = counter.looks_up("a")
    await asyncio.to_thread(gate.wait)
    others = [counter.looks_up(name) for name in "bcd"]
    await until(lambda: len(counter.keys._wanted) == 3)
    gate.open()
    assert await first == {}
    assert await asyncio.gather(*others) == [{}, {0: Overloaded()}, {}]
    assert counter.replies.asked == [[("", "a")], [("", "b"), ("", "c"), ("", "d")]]


@pytest.mark.parametrize("failure", [DatabaseAway("it is away"), MemoryError("none left")])
async def test_a_look_up_that_fails_is_told_to_all_who_wait_and_the_next_one_goes_on(
    counter: Counter, failure: Exception
) -> None:
    counter.replies.failure = failure
    outcomes = await asyncio.gather(*(counter.looks_up(name) for name in "abc"), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(failure, DatabaseAway):
            assert isinstance(outcome, ProblemError)
            assert outcome.code == "not_applied"
        else:
            assert outcome is failure
    counter.replies.failure = None
    assert await counter.claimed("a") == {}


# --- letting go ----------------------------------------------------------------------------------


async def test_a_request_that_fails_lets_its_key_go(counter: Counter) -> None:
    with pytest.raises(ZeroDivisionError):
        async with counter.keys.claim(Key("", "k", PRINT)):
            raise ZeroDivisionError
    assert await counter.claimed() == {}


async def test_a_client_that_goes_away_while_it_waits_for_a_key_lets_it_go(counter: Counter) -> None:
    async with counter.keys.claim(Key("", "k", PRINT)):
        gone, stays = counter.looks_up(), counter.looks_up()
        await until(lambda: counter.keys._claims["", "k"].users == 3)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        assert counter.keys._claims["", "k"].users == 2
    assert await stays == {}


async def test_a_client_that_goes_away_while_its_key_is_looked_up_lets_it_go(counter: Counter) -> None:
    gate = Gate()
    counter.replies.gates = [gate]
    gone = counter.looks_up()
    await asyncio.to_thread(gate.wait)
    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone
    assert counter.keys._claims == {}
    again = counter.looks_up()
    await until(lambda: bool(counter.keys._wanted))
    gate.open()
    assert await again == {}
    assert len(counter.replies.asked) == 2
