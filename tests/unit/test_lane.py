"""Which requests go the short way, the little task that carries them, and how an answer is put in bytes."""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, RawRequestMessage
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.http.lane import Answer, Errand, Lane
from boxoffice.http.said import Said


async def walk(_: web.Request) -> Answer:
    """Where all of them go."""
    return Said(200, b"")


LANE = Lane({("POST", "/book"): walk, ("GET", "/status/{eventId}"): walk})


def plain(target: bytes, *headers: bytes, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    line = method + b" " + target + b" HTTP/" + version
    return b"\r\n".join([line, b"Host: x", *headers, b"", b""])


def found(request: bytes) -> dict[str, str] | None:
    """What the path of a request names, as aiohttp's parser reads it; None if it goes the long way."""
    loop = asyncio.get_running_loop()
    messages, _, _ = HttpRequestParser(BaseProtocol(loop), loop, 2**16).feed_data(request)
    ((message, _),) = messages
    assert isinstance(message, RawRequestMessage)
    way = LANE.find(message)
    return None if way is None else way[1]


# --- which ---------------------------------------------------------------------------------------


async def test_a_plain_request_to_a_busy_call_goes_the_short_way() -> None:
    assert found(plain(b"/book", method=b"POST")) == {}
    assert found(plain(b"/status/17")) == {"eventId": "17"}
    assert found(plain(b"/status/17-0a")) == {"eventId": "17-0a"}
    assert found(plain(b"/status/17", b"Connection: keep-alive", b"X: y")) == {"eventId": "17"}


@pytest.mark.parametrize(
    "target",
    [
        *(b"/", b"//book", b"/book/", b"/Book", b"/book?", b"/book?a=b", b"/book#a", b"/%62ook", b"/./book"),
        *(b"/status", b"/status/", b"/status//7", b"/status/7/", b"/status/7/live", b"/status/7?"),
        *(b"/status/7#a", b"/status/%37", b"/status/7;a", b"/status/a.b", b"/status/..", b"/x/status/7"),
        *(b"http://x/status/7", b"http://x/book", b"/status/7_1", b"/status/~", b"/status/{eventId}"),
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_every_other_target_goes_the_long_way(method: bytes, target: bytes) -> None:
    assert found(plain(target, method=method)) is None


@pytest.mark.parametrize("method", [b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"])
async def test_so_does_every_other_method(method: bytes) -> None:
    assert found(plain(b"/book", method=method)) is None
    assert found(plain(b"/status/7", method=method)) is None


@pytest.mark.parametrize(
    "header",
    [b"Connection: close", b"connection: CLOSE", b"Expect: 100-continue", b"expect: x", b"Expect:"],
)
async def test_so_does_what_asks_for_more_than_an_answer(header: bytes) -> None:
    assert found(plain(b"/status/7", header)) is None


async def test_so_does_what_is_chunked_or_old_or_asks_for_another_protocol() -> None:
    assert found(plain(b"/book", b"Transfer-Encoding: chunked", method=b"POST")) is None
    assert found(plain(b"/status/7", version=b"1.0")) is None
    assert found(plain(b"/status/7", b"Connection: keep-alive", version=b"1.0")) is None
    assert found(plain(b"/status/7", b"Connection: Upgrade", b"Upgrade: websocket")) is None


# --- the errand ----------------------------------------------------------------------------------

_whose: ContextVar[str] = ContextVar("whose", default="nobody's")


class Sent:
    """What an errand has come back with."""

    def __init__(self) -> None:
        self.answers: list[Answer | None] = []

    def begin(self, walk: Coroutine[Any, Any, Answer]) -> None:
        Errand(walk, self.answers.append).begin()

    async def answer(self) -> Answer | None:
        async with asyncio.timeout(10):
            while not self.answers:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        (answer,) = self.answers
        return answer


async def test_one_that_need_not_wait_is_back_at_once() -> None:
    sent, said = Sent(), Said(200, b"")

    async def at_once() -> Answer:
        return said

    sent.begin(at_once())
    assert sent.answers == [said]


async def test_one_may_wait_for_futures_tasks_threads_locks_and_others() -> None:
    sent, said = Sent(), Said(200, b"")
    loop, lock = asyncio.get_running_loop(), asyncio.Lock()
    await lock.acquire()
    loop.call_later(0.001, lock.release)

    async def turn() -> str:
        await asyncio.sleep(0)
        return "done"

    async def waits() -> Answer:
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert await asyncio.create_task(turn()) == "done"
        assert await loop.run_in_executor(None, lambda: "read") == "read"
        async with lock:
            assert set(await asyncio.gather(turn(), turn())) == {"done"}
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)
        return said

    sent.begin(waits())
    assert sent.answers == []
    assert await sent.answer() is said


async def test_each_has_a_context_of_its_own() -> None:
    seen: list[str] = []

    async def walk(name: str) -> Answer:
        _whose.set(name)
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append(_whose.get() + name)
        return Said(200, b"")

    errands = [Sent() for _ in range(3)]
    for number, errand in enumerate(errands):
        errand.begin(walk(str(number)))
    for errand in errands:
        await errand.answer()
    assert seen == ["00", "11", "22"] * 3
    assert _whose.get() == "nobody's"


async def test_what_it_waits_for_may_be_given_up() -> None:
    sent, future = Sent(), asyncio.get_running_loop().create_future()
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def waits() -> Answer:
        await future
        raise AssertionError

    sent.begin(waits())
    future.cancel()
    assert await sent.answer() is None
    assert complaints == []


async def test_what_nobody_expects_is_told_the_loop() -> None:
    sent = Sent()
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def fails() -> Answer:
        await asyncio.sleep(0)
        raise ValueError("a bug")

    sent.begin(fails())
    assert await sent.answer() is None
    assert [str(each["exception"]) for each in complaints] == ["a bug"]


# --- in bytes ------------------------------------------------------------------------------------

anything = st.text(st.characters(blacklist_categories=["Cs"]))


@given(anything, anything, st.binary())
def test_no_header_is_ever_two(name: str, value: str, body: bytes) -> None:
    said = Said(200, body, {name: value, "Z": "z"}, request_id="a")
    try:
        sent = said.sent()
    except ValueError:
        assert any(ord(each) < 32 or ord(each) == 127 for each in name + value)
        return
    head, _, rest = sent.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[-2:] == [f"{name}: {value}".encode(), b"Z: z"]
    assert rest == body


@pytest.mark.parametrize("control", [*map(chr, range(9)), *map(chr, range(10, 32)), "\x7f", "\ud800"])
def test_a_header_with_a_control_character_is_not_sent(control: str) -> None:
    with pytest.raises(ValueError, match=r"control character|surrogates"):
        Said(200, b"", {"X": f"a{control}b"}).sent()


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_does_not_speak_of_one(status: int) -> None:
    sent = Said(status, b"").sent()
    assert b"\r\nContent" not in sent
    assert sent.endswith(b"\r\n\r\n")
