"""The Python client against a server that does everything wrong, on real sockets; the waits take no time."""

import asyncio
import copy
import pickle
import traceback
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import pytest

from boxoffice.client import (
    BadAnswer,
    Book,
    BoxOffice,
    BoxOfficeError,
    Cancel,
    EventNotFound,
    EventUnavailable,
    InProgress,
    NotApplied,
    NotReady,
    Order,
    OrderStatus,
    OutcomeUnknown,
    Overloaded,
    Problem,
    RateLimited,
    SoldOut,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from tests.support.fault_server import (
    CLOSE,
    RESET,
    RESET_UNREAD,
    SILENCE,
    FaultServer,
    Move,
    Then,
    answer,
    chunked,
    document,
    page,
    problem,
)
from tests.support.waits import Waits

ORDER = {
    "orderId": "1-a", "eventId": "1", "userId": "ann", "quantity": 1, "status": "confirmed", "version": 2,
    "createdAt": "2026-11-26T04:07:43.410833Z",
}  # fmt: skip
API_KEY = {
    "keyId": "0123456789ab", "name": "shop", "scopes": ["sell"], "limit": None, "expiresAt": None,
    "createdAt": "2026-11-26T04:07:43.410833Z", "revokedAt": "2026-11-26T04:07:43.410833Z",
}  # fmt: skip
BOOKED = document(201, ORDER)
NOT_APPLIED = problem(503, "not_applied")
UNKNOWN = problem(504, "outcome_unknown")
SECRET = "bo_0123456789ab_verysecret"


@pytest.fixture
async def faulty() -> AsyncIterator[FaultServer]:
    async with FaultServer().on() as server:
        yield server


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
async def box(faulty: FaultServer, waits: Waits) -> AsyncIterator[BoxOffice]:
    async with BoxOffice(faulty.url, api_key=SECRET, answer_timeout_s=10, clock=waits.clock) as box:
        yield box


async def failure_of(asked: Any) -> BoxOfficeError:
    with pytest.raises(BoxOfficeError) as raised:
        await asked
    return raised.value


# --- asking again --------------------------------------------------------------------------------

PASSING = {
    "503": NOT_APPLIED,
    "503 of a proxy": page(503),
    "502 of a proxy": page(502),
    "504": UNKNOWN,
    "429": problem(429, "rate_limited"),
    "in progress": problem(409, "in_progress"),
    "reset unread": RESET_UNREAD,
    "reset": RESET,
    "closed": CLOSE,
    "cut short": BOOKED.cut(5),
    "cut in the head": BOOKED.cut(len(BOOKED.said) - 20),
}
passing = pytest.mark.parametrize("move", PASSING.values(), ids=PASSING)


@passing
async def test_what_passes_is_asked_again_under_the_same_key(
    faulty: FaultServer, box: BoxOffice, move: Move
) -> None:
    faulty.plays(move, move, BOOKED)
    assert (await box.book("1", "ann")).status is OrderStatus.CONFIRMED
    assert len(faulty.received) == (3 if move.reads else 1)
    (key,) = set(faulty.keys())
    assert key is not None
    assert UUID(key)
    assert {each.body for each in faulty.received} == {faulty.received[0].body}
    assert {(each.method, each.target) for each in faulty.received} == {("POST", "/book")}
    assert {each.headers["authorization"] for each in faulty.received} == {f"Bearer {SECRET}"}


@passing
async def test_what_only_looks_is_asked_again_without_a_key(
    faulty: FaultServer, box: BoxOffice, move: Move
) -> None:
    faulty.plays(move, document(200, ORDER))
    assert (await box.order("1-a")).order_id == "1-a"
    assert set(faulty.keys()) == {None}


@passing
async def test_a_deletion_is_asked_again(faulty: FaultServer, box: BoxOffice, move: Move) -> None:
    faulty.plays(move, document(200, API_KEY))
    assert (await box.revoke_api_key("0123456789ab")).key_id == "0123456789ab"
    assert {(each.method, each.target) for each in faulty.received} == {("DELETE", "/keys/0123456789ab")}
    faulty.plays(problem(504, "outcome_unknown", Retry_After="99"))
    assert (await failure_of(box.revoke_api_key("0123456789ab"))).maybe_applied


FINAL = [
    (400, "malformed_json"), (401, "unauthenticated"), (403, "forbidden"), (404, "event_not_found"),
    (405, "method_not_allowed"), (408, "request_timeout"), (409, "sold_out"), (412, "version_moved"),
    (413, "body_too_large"), (422, "idempotency_mismatch"), (500, "internal_error"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code"), FINAL)
async def test_what_is_final_is_not_asked_again(
    faulty: FaultServer, box: BoxOffice, waits: Waits, status: int, code: str
) -> None:
    faulty.plays(problem(status, code, Retry_After="1"))
    failure = await failure_of(box.book("1", "ann"))
    assert isinstance(failure, Problem)
    assert (failure.status, failure.code) == (status, code)
    assert (len(faulty.received), waits.slept) == (1, [])


async def test_a_key_of_ones_own_is_sent_as_it_is(faulty: FaultServer, box: BoxOffice) -> None:
    faulty.plays(NOT_APPLIED, BOOKED, BOOKED, BOOKED)
    await box.book("1", "ann", key="mine")
    await box.book("1", "ann"), await box.book("1", "ann")
    first, second, *others = faulty.keys()
    assert (first, second) == ("mine", "mine")
    assert len({*others, "mine"}) == 3, "each call has a key of its own"


async def test_a_server_that_comes_up_meanwhile_is_found(waits: Waits) -> None:
    server = FaultServer()
    server.plays(BOOKED)
    async with server.on():
        port = int(server.url.rpartition(":")[2])
    async with AsyncExitStack() as stack:

        async def come_up() -> None:
            if len(waits.slept) == 3:
                await stack.enter_async_context(server.on(port))

        waits.meanwhile = come_up
        box = await stack.enter_async_context(BoxOffice(server.url, clock=waits.clock))
        assert (await box.book("1", "ann")).order_id == "1-a"
    assert waits.slept == [0.1, 0.2, 0.4]


async def test_who_does_not_answer_in_time_is_asked_again(faulty: FaultServer, waits: Waits) -> None:
    faulty.plays(SILENCE, BOOKED)
    async with BoxOffice(faulty.url, connect_timeout_s=0.1, answer_timeout_s=0.1, clock=waits.clock) as box:
        assert (await box.book("1", "ann")).order_id == "1-a"
    assert len(set(faulty.keys())) == 1
    assert waits.slept == [0.1]


# --- when, and how long --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "waited_s"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "Thu, 26 Nov 2026 04:00:07 GMT", "Date": "Thu, 26 Nov 2026 04:00:00 GMT"}, 7.0),
        ({"Retry_After": "0"}, 0.1),
        ({"Retry_After": "Thu, 26 Nov 2026 04:00:00 GMT", "Date": "Thu, 26 Nov 2026 04:00:07 GMT"}, 0.1),
        ({"Retry_After": "soon"}, 0.1),
        ({"Retry_After": "-1"}, 0.1),
        ({}, 0.1),
    ],
)
@pytest.mark.parametrize("status", [503, 429])
async def test_it_waits_as_long_as_the_server_says(
    faulty: FaultServer, box: BoxOffice, waits: Waits, headers: dict[str, str], waited_s: float, status: int
) -> None:
    faulty.plays(problem(status, "overloaded", **headers), page(status, **headers), BOOKED)
    await box.book("1", "ann")
    assert waits.slept == [waited_s, waited_s if waited_s > 1 else 0.2]


async def test_a_date_is_taken_by_our_clock_if_the_server_does_not_tell_its_own(
    faulty: FaultServer, box: BoxOffice, waits: Waits
) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    faulty.plays(problem(503, "overloaded", Retry_After=soon), BOOKED)
    await box.book("1", "ann")
    assert 1 < waits.slept[0] <= 20


async def test_without_a_word_it_waits_longer_each_time_and_then_gives_up(
    faulty: FaultServer, box: BoxOffice, waits: Waits
) -> None:
    faulty.plays(*[NOT_APPLIED] * 11, problem(503, "overloaded"))
    failure = await failure_of(box.book("1", "ann"))
    assert waits.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0]
    assert isinstance(failure, NotApplied)
    faulty.script.clear()
    faulty.plays(*[NOT_APPLIED] * 3, problem(503, "overloaded", Retry_After="30"))
    assert isinstance(await failure_of(box.book("1", "ann")), Overloaded), "the last problem"


async def test_the_waits_are_drawn_from_all_of_their_range(faulty: FaultServer) -> None:
    waits = Waits(chance=0.25)
    faulty.plays(NOT_APPLIED, NOT_APPLIED, NOT_APPLIED, BOOKED)
    async with BoxOffice(faulty.url, clock=waits.clock) as box:
        await box.book("1", "ann")
    assert waits.slept == [0.025, 0.05, 0.1]


async def test_nobody_waits_for_what_would_come_too_late(
    faulty: FaultServer, box: BoxOffice, waits: Waits
) -> None:
    faulty.plays(problem(503, "event_unavailable", Retry_After="31"))
    failure = await failure_of(box.book("1", "ann"))
    assert isinstance(failure, EventUnavailable)
    assert (failure.retry_after_s, waits.slept) == (31.0, [])


async def test_who_wants_no_patience_asks_once(faulty: FaultServer, waits: Waits) -> None:
    faulty.plays(problem(429, "rate_limited", Retry_After="1"), RESET)
    async with BoxOffice(faulty.url, retry_for_s=0, clock=waits.clock) as box:
        assert isinstance(await failure_of(box.book("1", "ann")), RateLimited)
        assert isinstance(await failure_of(box.book("1", "ann")), Unreachable)
    assert waits.slept == []


async def test_whether_it_is_ready_is_asked_once(faulty: FaultServer, box: BoxOffice) -> None:
    faulty.plays(problem(503, "not_ready", Retry_After="1"))
    assert isinstance(await failure_of(box.ready()), NotReady)


@pytest.mark.parametrize("waiting", [False, True], ids=["for an answer", "for the next attempt"])
async def test_a_call_may_be_cancelled_whatever_it_waits_for(faulty: FaultServer, waiting: bool) -> None:
    faulty.plays(problem(503, "overloaded", Retry_After="25") if waiting else SILENCE)
    async with BoxOffice(faulty.url) as box:
        asked = asyncio.create_task(box.book("1", "ann"))
        await faulty.has_received(1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert len(faulty.received) == 1


async def test_no_more_is_under_way_than_may_be(faulty: FaultServer) -> None:
    faulty.plays(SILENCE, BOOKED)
    async with BoxOffice(faulty.url, connections_max=1) as box:
        first, second = (asyncio.create_task(box.book("1", user)) for user in ("ann", "bob"))
        await faulty.has_received(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.shield(second)
        assert len(faulty.received) == 1
        first.cancel()
        assert (await second).order_id == "1-a"


# --- whether it was done -------------------------------------------------------------------------

UNREADY = problem(503, "overloaded", Retry_After="99")


@pytest.mark.parametrize(
    ("moves", "error", "maybe_applied"),
    [
        ([UNREADY], Overloaded, False),
        ([page(503, Retry_After="99")], BadAnswer, True),
        ([problem(504, "outcome_unknown", Retry_After="99")], OutcomeUnknown, True),
        ([problem(409, "in_progress", Retry_After="99")], InProgress, True),
        ([problem(500, "internal_error")], Problem, True),
        ([problem(429, "rate_limited", Retry_After="99")], RateLimited, False),
        ([page(403)], BadAnswer, False),
        ([RESET, UNREADY], Overloaded, True),
        ([UNKNOWN, UNREADY], Overloaded, True),
        ([NOT_APPLIED, UNREADY], Overloaded, False),
        ([BOOKED.cut(1), problem(401, "unauthenticated")], Unauthenticated, True),
        ([RESET, page(404)], BadAnswer, True),
        ([RESET, problem(409, "sold_out")], SoldOut, False),
        ([RESET, UNREADY.cut(1), NOT_APPLIED, problem(404, "event_not_found")], EventNotFound, False),
    ],
)
async def test_a_failure_says_whether_it_may_have_been_done_all_the_same(
    faulty: FaultServer, box: BoxOffice, moves: list[Move], error: type[BoxOfficeError], maybe_applied: bool
) -> None:
    """An attempt that was not applied says nothing of those before it, unless it got as far as the key."""
    faulty.plays(*moves)
    failure = await failure_of(box.book("1", "ann"))
    assert type(failure) is error or error is Problem
    assert failure.maybe_applied == maybe_applied
    assert {failure.key} == set(faulty.keys())
    faulty.plays(*moves)
    failure = await failure_of(box.order("1-a"))
    assert (failure.maybe_applied, failure.key) == (False, None), "who only looks does nothing"


async def test_where_nobody_listens_nothing_is_done(waits: Waits) -> None:
    server = FaultServer()
    async with server.on():
        pass
    async with BoxOffice(server.url, clock=waits.clock) as box:
        failure = await failure_of(box.book("1", "ann"))
    assert isinstance(failure, Unreachable)
    assert not failure.maybe_applied
    assert sum(waits.slept) > 20


# --- answers that are none -----------------------------------------------------------------------

BAD = {
    "a page": (page(200), 200, 1),
    "a long page": (answer(200, "<p>\u00e9".encode() * 9_999, "text/html"), 200, 1),
    "a page for an error": (page(500), 500, 1),
    "no JSON": (answer(201, b"{", "application/json"), 201, 1),
    "something else": (document(201, {"orderId": 5}), 201, 1),
    "a problem without a code": (answer(409, b'{"title": "No"}', "application/problem+json"), 409, 1),
    "a problem of other makers": (
        answer(409, b'{"code": "sold_out", "errors": 5}', "application/problem+json"), 409, 1,
    ),
    "no JSON for a problem": (answer(409, b"<", "application/problem+json"), 409, 1),
    "a proxy's page": (page(502, Retry_After="99"), 502, 1),
    "no HTTP": (Move(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", Then.CLOSE), 0, 1),
}  # fmt: skip


@pytest.mark.parametrize(("move", "status", "times"), BAD.values(), ids=BAD)
async def test_what_no_box_office_says_is_told_as_that(
    faulty: FaultServer, box: BoxOffice, move: Move, status: int, times: int
) -> None:
    faulty.plays(move)
    failure = await failure_of(box.book("1", "ann"))
    assert isinstance(failure, BadAnswer)
    assert failure.status == status
    assert len(failure.excerpt) <= 200
    assert failure.excerpt in move.said.decode()
    assert len(faulty.received) == times
    assert failure.maybe_applied == (status < 300 or status >= 500)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(faulty: FaultServer, box: BoxOffice, status: int) -> None:
    async with FaultServer().on() as elsewhere:
        faulty.plays(page(status, Location=f"{elsewhere.url}/book"), page(status, Location=elsewhere.url))
        for asked in (box.book("1", "ann"), box.order("1-a")):
            failure = await failure_of(asked)
            assert isinstance(failure, BadAnswer)
            assert "redirect" in str(failure)
    assert elsewhere.received == []


async def test_the_key_is_in_nothing_that_is_raised_or_shown(
    faulty: FaultServer, waits: Waits, box: BoxOffice
) -> None:
    def told(of: BaseException) -> str:
        shown = [repr(of), *traceback.format_exception(of)]
        beneath = [of.__cause__, of.__context__]
        return "".join([*shown, *(told(each) for each in beneath if each is not None)])

    for move in (RESET, page(500), BAD["no HTTP"][0], NOT_APPLIED, problem(401, "unauthenticated")):
        faulty.plays(*[move] * 30)
        assert SECRET not in told(await failure_of(box.book("1", "ann")))
        faulty.script.clear()
        waits.slept.clear()
    assert SECRET not in repr(vars(box))


async def test_who_is_not_secure_is_not_asked_again(faulty: FaultServer, waits: Waits) -> None:
    faulty.plays(Move(page(400).said, Then.CLOSE, reads=False))
    async with BoxOffice(faulty.url.replace("http:", "https:"), clock=waits.clock) as box:
        failure = await failure_of(box.book("1", "ann"))
    assert isinstance(failure, Unreachable)
    assert "secure" in str(failure)
    assert waits.slept == []


# --- a server newer than this client -------------------------------------------------------------


async def test_what_a_newer_server_adds_does_no_harm(faulty: FaultServer, box: BoxOffice) -> None:
    faulty.plays(document(201, {**ORDER, "status": "mailed", "seat": {"row": 5}}))
    order = await box.book("1", "ann")
    assert (order.status, order.status.value, order.status.name) == ("mailed", "mailed", "UNKNOWN")
    assert order.status not in set(OrderStatus)
    assert pickle.loads(pickle.dumps(order)) == order


@pytest.mark.parametrize(
    ("status", "kind"), [(409, Problem), (400, Problem), (503, Unavailable), (500, Problem)]
)
async def test_a_code_that_is_new_is_a_problem(
    faulty: FaultServer, box: BoxOffice, status: int, kind: type[Problem]
) -> None:
    faulty.plays(problem(status, "out_of_cheese", Retry_After="99"))
    failure = await failure_of(box.book("1", "ann"))
    assert type(failure) is kind
    assert isinstance(failure, Problem)
    assert failure.code == "out_of_cheese"


async def test_a_problem_has_all_that_the_document_says(faulty: FaultServer, box: BoxOffice) -> None:
    whole = {
        "type": "/problems/sold_out", "title": "Sold out", "status": 409, "detail": "Gone.",
        "code": "sold_out", "requestId": "r1", "availableTickets": 0, "version": 4,
        "errors": [{"pointer": "/quantity", "detail": "too many", "more": 1}],
    }  # fmt: skip
    faulty.plays(answer(409, msgspec.json.encode(whole), "application/problem+json; charset=utf-8"))
    failure = await failure_of(box.book("1", "ann"))
    for told in (failure, pickle.loads(pickle.dumps(failure)), copy.copy(failure)):
        assert isinstance(told, SoldOut)
        assert (told.status, told.title, told.detail, told.request_id) == (409, "Sold out", "Gone.", "r1")
        assert [(each.pointer, each.detail) for each in told.errors] == [("/quantity", "too many")]
        assert told.more == {"availableTickets": 0, "version": 4}
        assert told.key == faulty.keys()[0]
        assert str(told) == "sold_out (409): Gone. /quantity: too many. [request r1]"


# --- batches -------------------------------------------------------------------------------------

NO = {"status": 503, "body": {"code": "not_applied", "status": 503}}
GONE = {"status": 409, "body": {"code": "sold_out", "status": 409}}
SICK = {"status": 503, "body": {"code": "event_unavailable", "status": 503}}
YES = {"status": 201, "body": ORDER}


def results(*entries: object) -> Move:
    return document(200, {"results": list(entries)})


async def test_what_a_batch_could_not_do_is_asked_for_again_with_all_of_it(
    faulty: FaultServer, box: BoxOffice, waits: Waits
) -> None:
    faulty.plays(results(YES, NO, GONE, NO), results(YES, YES, GONE, NO), results(YES, YES, GONE, YES))
    told = await box.batch([Book("1", "ann")] * 4)
    assert [type(each) for each in told] == [Order, Order, SoldOut, Order]
    assert len(set(faulty.keys())) == 1
    assert len({each.body for each in faulty.received}) == 1
    assert waits.slept == [0.1, 0.2]


async def test_what_a_batch_could_not_do_at_all_is_told(faulty: FaultServer, box: BoxOffice) -> None:
    faulty.plays(*[results(YES, NO)] * 30)
    done, failed = await box.batch([Book("1", "ann")] * 2)
    assert isinstance(done, Order)
    assert isinstance(failed, NotApplied)
    assert failed.key == faulty.keys()[0]
    assert len(faulty.received) == 11


async def test_an_event_that_is_out_of_service_holds_nobody_up(faulty: FaultServer, box: BoxOffice) -> None:
    faulty.plays(results(YES, SICK))
    _, failed = await box.batch([Book("1", "ann"), Cancel(event_id="1", user_id="ann")])
    assert isinstance(failed, EventUnavailable)
    assert len(faulty.received) == 1
    assert faulty.received[0].content == {
        "commands": [
            {"do": "book", "eventId": "1", "userId": "ann", "quantity": 1, "waitlist": True},
            {"do": "cancel", "eventId": "1", "userId": "ann", "quantity": None},
        ]
    }


async def test_a_batch_that_was_done_in_part_may_have_been_applied(
    faulty: FaultServer, box: BoxOffice
) -> None:
    faulty.plays(results(YES, NO), UNREADY)
    failure = await failure_of(box.batch([Book("1", "ann")] * 2))
    assert isinstance(failure, Overloaded)
    assert failure.maybe_applied


@pytest.mark.parametrize(
    "move",
    [results(YES), results(YES, YES, YES), results(YES, {"status": 409, "body": {}}), document(200, {}),
     results(YES, {"status": 201, "body": []}), results(YES, {"status": 500, "body": "no"}),
     results(YES, {"status": 409, "body": {"code": "sold_out", "errors": 5}})],
)  # fmt: skip
async def test_results_that_are_none_are_told_as_that(
    faulty: FaultServer, box: BoxOffice, move: Move
) -> None:
    faulty.plays(move)
    assert isinstance(await failure_of(box.batch([Book("1", "ann")] * 2)), BadAnswer)


# --- a log that breaks off -----------------------------------------------------------------------


def line(version: int, **more: object) -> bytes:
    change = {"version": version, "at": "2026-11-26T04:07:43.410833Z", "type": "ticketsBooked", **more}
    return msgspec.json.encode(change) + b"\n"


@pytest.mark.parametrize("then", [Then.CLOSE, Then.RESET, Then.KEEP], ids=lambda each: str(each.value))
async def test_a_log_that_breaks_off_is_taken_up_where_it_did(
    faulty: FaultServer, box: BoxOffice, waits: Waits, then: Then
) -> None:
    half = line(3)[:20]
    faulty.plays(
        NOT_APPLIED, chunked(line(1) + line(2)[:9], line(2)[9:] + half, then=then), RESET, page(502),
        chunked(line(3), line(4)),
    )  # fmt: skip
    assert [change.version async for change in box.log("1")] == [1, 2, 3, 4]
    assert [each.target.partition("=")[2] for each in faulty.received] == ["0", "0", "2", "2", "2"]
    assert {each.headers["accept"] for each in faulty.received} == {"application/x-ndjson"}
    assert waits.slept == [0.1, 0.1, 0.2], "what came through begins a new time"


async def test_a_log_that_goes_no_further_ends_in_an_error(
    faulty: FaultServer, box: BoxOffice, waits: Waits
) -> None:
    faulty.plays(chunked(line(1), then=Then.CLOSE), *[RESET] * 30)
    log = box.log("1")
    assert (await anext(log)).version == 1
    with pytest.raises(Unreachable):
        await anext(log)
    assert 20 < sum(waits.slept) < 30


async def test_a_line_that_is_no_change_is_told_as_that(faulty: FaultServer, box: BoxOffice) -> None:
    faulty.plays(chunked(line(1), b"what?\n"))
    with pytest.raises(BadAnswer):
        assert [change.version async for change in box.log("1")] == []


async def test_a_line_may_be_longer_than_any_buffer(faulty: FaultServer, box: BoxOffice) -> None:
    promoted = [{"orderId": "1-b", "userId": "b" * 200, "quantity": 1, "status": "confirmed"}] * 3_000
    faulty.plays(chunked(line(1, promoted=promoted), line(2)))
    first, second = [change async for change in box.log("1")]
    assert (len(first.promoted), second.version) == (3_000, 2)


async def test_who_leaves_a_log_early_hangs_up(faulty: FaultServer, box: BoxOffice) -> None:
    faulty.plays(chunked(line(1), line(2), then=Then.SILENCE), document(200, ORDER))
    async with aclosing(box.log("1")) as log:  # type: ignore[type-var]
        async for change in log:
            assert change.version == 1
            break
    assert (await box.order("1-a")).order_id == "1-a"


# --- how it is set up ----------------------------------------------------------------------------


async def test_a_session_may_be_shared_whatever_its_habits(faulty: FaultServer) -> None:
    async with aiohttp.ClientSession(raise_for_status=True, headers={"Accept": "text/html"}) as session:
        faulty.plays(problem(409, "sold_out"), BOOKED)
        async with BoxOffice(
            f"{faulty.url}/shop/", token="a.b.c", session=session, user_agent="shop/1"
        ) as box:
            assert isinstance(await failure_of(box.book("1", "ann")), SoldOut)
        assert not session.closed
        async with BoxOffice(faulty.url, session=session) as box:
            await box.book("1", "ann")
    first, second = faulty.received
    assert first.target == "/shop/book"
    assert first.headers["authorization"] == "Bearer a.b.c"
    assert first.headers["user-agent"] == "shop/1"
    assert first.headers["accept"] == "application/json"
    assert "authorization" not in second.headers


async def test_it_is_used_within_its_block(faulty: FaultServer, box: BoxOffice) -> None:
    outside = BoxOffice(faulty.url)
    with pytest.raises(RuntimeError, match="async with"):
        await outside.book("1", "ann")
    async with outside:
        faulty.plays(BOOKED)
        await outside.book("1", "ann")
    with pytest.raises(RuntimeError, match="async with"):
        outside.events()
    with pytest.raises(RuntimeError, match="once"):
        await box.__aenter__()


@pytest.mark.parametrize(
    ("address", "more"),
    [
        ("localhost:3000", {}),
        ("", {}),
        ("ftp://localhost", {}),
        ("http://", {}),
        ("http://localhost:x", {}),
        ("http://localhost:0", {}),
        ("http://ann:secret@localhost", {}),
        ("http://localhost/?x=secret", {}),
        ("http://localhost", {"api_key": "bo_secret\r\nX: y"}),
        ("http://localhost", {"api_key": ""}),
        ("http://localhost", {"token": "secr\u00e9t"}),
        ("http://localhost", {"api_key": "secret", "token": "secret"}),
    ],
)
def test_what_cannot_be_an_address_or_a_key_is_refused(address: str, more: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"address|API key|[Pp]ort") as refused:
        BoxOffice(address, **more)  # type: ignore[arg-type]
    assert "secret" not in str(refused.value)
