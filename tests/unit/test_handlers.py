"""The calls, on a real application with real actors; the journal commits when the test says so."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from boxoffice.actors.ports import DatabaseAway
from boxoffice.actors.values import EventId
from boxoffice.http.app import BODY_SIZE_MAX, application
from boxoffice.http.batch import Batches
from boxoffice.http.catalogue import BY_NAME
from boxoffice.http.desk import Desk
from boxoffice.http.handlers import Handlers, if_match, read_json
from boxoffice.http.idempotency import Keys
from boxoffice.http.problems import ProblemError
from tests.support.doors import UNLIMITED, open_door
from tests.unit.fakes import PATIENCE_S
from tests.unit.test_bridge import Crossing
from tests.unit.test_idempotency import FakeReplies


class FakeReading:
    """Gives out ids, a few more with each question; knows nothing else. Away, if a test says so."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.away = False

    def new_event_ids(self, number: int) -> list[EventId]:
        if self.away:
            raise DatabaseAway("it is away")
        self.asked.append(number)
        return [EventId(100 * len(self.asked) + each) for each in range(number)]


class Front(Crossing):
    """A crossing behind an application, and a client of it."""

    client: TestClient[Any, Any]
    reading: FakeReading

    async def post(self, path: str, body: bytes, commits: int = 1) -> tuple[int, Any]:
        """The status and the body of an answer, for which so many entries have to be committed."""
        before = len(self.journal.entries)
        headers = {"Content-Type": "application/json"}
        asked = asyncio.ensure_future(self.client.post(path, data=body, headers=headers))
        entries = await self.entries(before + commits)
        self.commit(*entries[before:])
        async with asyncio.timeout(PATIENCE_S), await asked as answered:
            return answered.status, await answered.json(content_type=None)


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    """Open, and served on a socket."""
    front = Front(asyncio.get_running_loop())
    front.bridge.open(front.directory)
    replies, front.reading = FakeReplies(), FakeReading()
    reading: Any = front.reading
    desk, keys = Desk(front.bridge, reading, replies), Keys(front.bridge, replies)
    handlers = {**Handlers(desk, keys).handlers(), **Batches(desk, keys, UNLIMITED).handlers()}
    calls = [BY_NAME[name] for name in handlers]
    async with TestClient(TestServer(application(handlers, open_door(), calls))) as client:
        front.client = client
        yield front
    front.close()


# --- the body ---------------------------------------------------------------------------------------


class Gone(BaseProtocol):
    """Never connected, or not any more."""

    ssl_context = peername = sockname = None


async def test_a_client_that_has_gone_before_its_body_is_read_is_no_failure() -> None:
    gone: Any = Gone(asyncio.get_running_loop())
    body = StreamReader(gone, 2**16)
    headers = {"Content-Type": "application/json"}
    request = make_mocked_request("POST", "/book", headers, protocol=gone, transport=None, payload=body)
    with pytest.raises(ConnectionResetError):
        await read_json(request)


# --- If-Match ------------------------------------------------------------------------------------


def version_in(*given: str) -> int | None:
    headers = {"If-Match": given[0]} if given else {}
    return if_match(make_mocked_request("POST", "/adjust", headers=headers))


def test_without_a_condition_any_version_will_do() -> None:
    assert version_in() is None
    assert version_in("*") is None


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ('"17"', 17),
        ('"17-open"', 17),
        ('"17-closed"', 17),
        ('"17", W/"18"', 17),  # a weak tag matches nothing here
        ('"0"', 0),
        ('"' + "9" * 18 + '"', 10**18 - 1),
    ],
)
def test_a_condition_names_a_version_as_an_etag_does(tag: str, version: int) -> None:
    assert version_in(tag) == version


@pytest.mark.parametrize(
    "tag",
    [
        *("", " ", "17", '"17', '17"', '""', '"x"', '"-"', '"-open"', '"1.0"', '"1e3"', '" 17"', '"+1"'),
        *('W/"17"', 'W/"17-open"', '"17", "18"', '"17" "18"', '"17"x', '*, "17"', '"' + "9" * 19 + '"'),
        *('"*"', '"\N{ARABIC-INDIC DIGIT THREE}"', '"\N{SUPERSCRIPT TWO}"', '"1_0"', "x", "17-open"),
    ],
)
def test_a_condition_that_names_no_version_is_not_met(tag: str) -> None:
    with pytest.raises(ProblemError) as caught:
        version_in(tag)
    assert (caught.value.code, caught.value.status) == ("version_moved", 412)


# --- batches -------------------------------------------------------------------------------------

GOOD = b'{"do": "book", "eventId": 7, "userId": "ann"}'
WITH_ESCAPE = rb'{"do": "book", "eventId": 7, "userId": "\n"}'
ORDER = b"7-019a0000-0000-7000-8000-000000000001"
ODD: list[tuple[bytes, int, str | None]] = [
    (b"1", 422, ""),
    (b"{}", 422, "/do"),
    (b'{"do": "rob"}', 422, "/do"),
    (GOOD[:-1] + b', "quantity": 0}', 422, "/quantity"),
    (GOOD[:-1] + b', "extra": 0}', 422, "/extra"),
    (GOOD[:-1] + b', "userId": "bob"}', 400, None),
    (rb'{"do": "book", "eventId": 7, "userId": "\u0000"}', 422, "/userId"),
    (b'{"do": "book", "eventId": 7, "userId": "\xff"}', 400, None),
    (b'{"do": "book", "eventId": %s, "userId": "ann"}' % (b"1" * 5_000), 422, "/eventId"),
    (b"[" * 500 + b"]" * 500, 422, ""),
    (b'{"do": "book", "eventId": "no", "userId": "ann"}', 404, None),
    (b'{"do": "confirm", "orderId": "no"}', 404, None),
    (b'{"do": "cancel", "orderId": "%s", "eventId": 7}' % ORDER, 422, "/orderId"),
    (b'{"do": "adjust", "eventId": 7, "salesOpenAt": "1969-01-01T00:00:00Z"}', 422, "/salesOpenAt"),
    (b'{"do": "initialize", "eventName": "x", "totalTickets": 1, "holdSeconds": 3601}', 422, "/holdSeconds"),
]


@pytest.mark.parametrize(("odd", "status", "pointer"), ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("other", [GOOD, WITH_ESCAPE], ids=["plain", "with an escape"])
async def test_an_odd_entry_of_a_batch_fails_alone(
    front: Front, odd: bytes, status: int, pointer: str | None, other: bytes
) -> None:
    answered, body = await front.post("/batch", b'{"commands": [%s, %s, %s]}' % (other, odd, other))
    assert answered == 200
    first, refused, last = body["results"]
    assert [first["status"], refused["status"], last["status"]] == [201, status, 201]
    pointers = [error["pointer"] for error in refused["body"].get("errors", [])]
    assert pointers == ([] if pointer is None else [f"/commands/1{pointer}"])
    assert refused["body"]["requestId"]


async def test_the_outcomes_of_a_batch_stand_in_the_order_of_its_commands(front: Front) -> None:
    commands = [
        {"do": "book", "eventId": "7", "userId": "ann"},
        {"do": "book", "eventId": "8", "userId": "bob", "quantity": 2},
        {"do": "hold", "eventId": "7", "userId": "cat"},
        {"do": "adjust", "eventId": "8", "totalTickets": 1},
        {"do": "close", "eventId": "7"},
    ]
    _, body = await front.post("/batch", json.dumps({"commands": commands}).encode(), commits=2)
    assert [result["status"] for result in body["results"]] == [201, 201, 201, 409, 200]
    said = [result["body"] for result in body["results"]]
    assert [each.get("userId") for each in said] == ["ann", "bob", "cat", None, None]
    assert (said[3]["code"], said[4]["state"]) == ("capacity_in_use", "closed")


INITIALIZE = {"do": "initialize", "eventName": "x", "totalTickets": 1}


async def test_the_ids_of_all_events_that_a_batch_makes_are_asked_for_at_once(front: Front) -> None:
    book = {"do": "book", "eventId": "7", "userId": "ann"}
    odd = {**INITIALIZE, "maxHoldSeconds": 1}
    commands = [INITIALIZE, book, odd, INITIALIZE, INITIALIZE]
    _, body = await front.post("/batch", json.dumps({"commands": commands}).encode(), commits=4)
    assert [result["status"] for result in body["results"]] == [201, 201, 422, 201, 201]
    assert [result["body"].get("eventId") for result in body["results"]] == ["100", "7", None, "101", "102"]
    assert front.reading.asked == [3]


async def test_when_no_ids_are_to_be_had_the_others_are_served(front: Front) -> None:
    front.reading.away = True
    commands = [INITIALIZE, {"do": "book", "eventId": "7", "userId": "ann"}, INITIALIZE]
    _, body = await front.post("/batch", json.dumps({"commands": commands}).encode())
    assert [result["status"] for result in body["results"]] == [503, 201, 503]
    assert [result["body"].get("code") for result in body["results"]] == ["not_applied", None, "not_applied"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"commands": [%s], "commands": [%s]}' % (GOOD, GOOD), 400),
        (rb'{"commands": [%s], "\u0063ommands": [%s]}' % (GOOD, GOOD), 400),
        (b'{"commands": []}', 422),
        (b'{"commands": [%s], "extra": 1}' % GOOD, 422),
        (b'{"commands": [%s]' % GOOD, 400),
        (b'{"commands": [%s, %s]}' % (WITH_ESCAPE, b"[" * 100_000 + b"]" * 100_000), 400),
    ],
)
async def test_a_batch_that_is_none_does_nothing(front: Front, body: bytes, status: int) -> None:
    assert (await front.post("/batch", body, commits=0))[0] == status
    assert front.directory.in_flight == 0


# --- headers as they come ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Idempotency-Key: \xff", 400),
        (b"Idempotency-Key: k\r\nIf-Match: \xff", 201),
        (b'Idempotency-Key: k\r\nIf-Match: "\xff"', 201),
    ],
)
async def test_a_header_that_is_no_text_is_no_mistake_of_ours(
    front: Front, header: bytes, status: int
) -> None:
    body = b'{"eventId": 7, "userId": "ann"}'
    reader, writer = await asyncio.open_connection("127.0.0.1", cast("int", front.client.port))
    start = b"POST /book HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    writer.write(start + header + b"\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    if status == 201:
        front.commit(*await front.entries(1))
    async with asyncio.timeout(PATIENCE_S):
        answered = await reader.read()
    assert answered.startswith(b"HTTP/1.1 %d " % status)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("more", [0, 1])
async def test_a_body_that_comes_whole_and_at_once_is_measured_too(front: Front, more: int) -> None:
    """Server and client share the event loop: when the server reads, all of it is there."""
    body = b'{"orderId": "7-none"}'.ljust(BODY_SIZE_MAX + more)
    reader, writer = await asyncio.open_connection("127.0.0.1", cast("int", front.client.port))
    start = b"POST /confirm HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    writer.write(start + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    async with asyncio.timeout(PATIENCE_S):
        answered = await reader.read()
    assert answered.startswith(b"HTTP/1.1 413 " if more else b"HTTP/1.1 404 ")
    writer.close()
    await writer.wait_closed()
