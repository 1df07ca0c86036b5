"""The load tester's two loops, before a server that does what it is told. On real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from time import monotonic
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from boxoffice.bench.load.asks import GAVE_UP, Answer, Ask
from boxoffice.bench.load.closed import ClosedLoad
from boxoffice.bench.load.load import Ground, Load
from boxoffice.bench.load.open import OpenLoad
from boxoffice.bench.load.recorder import Recorder
from boxoffice.bench.load.requests import Requests
from boxoffice.bench.scenarios.scenario import Taken
from boxoffice.bench.target import Target
from tests.support.answering import BOOKED, HANG_UP, Answering, Answers, Coming, answering

WITHIN_S = 20.0


class Booker:
    """Books so many times; `asks`: what is different about its requests."""

    def __init__(self, times: int = 1_000_000, **asks: Any) -> None:
        self.left = times
        self.answers: list[Answer] = []
        self._asks = asks

    def next(self) -> Ask | None:
        self.left -= 1
        return Ask("book", "/book", b"{}", **self._asks) if self.left >= 0 else None

    def answered(self, _: Ask, answer: Answer) -> Taken:
        self.answers.append(answer)
        return Taken(1) if answer.status == 201 else Taken(0, "wrong")


class Notes:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, float, float]] = []

    def note(self, _: Ask, answer: Answer, sent_s: float, answered_s: float) -> None:
        self.lines.append((answer.status, sent_s, answered_s))


class Made:
    """A load and all that it stands on."""

    def __init__(self, server: Answering, rate: float | None, patience_s: float) -> None:
        self.recorder, self.notes = Recorder(), Notes()
        requests = Requests(Target("http://server"))
        ground = Ground(server.address, requests, self.recorder, self.notes, patience_s)
        self.load: Load = ClosedLoad(ground) if rate is None else OpenLoad(ground, rate, Random(1))

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait until this is so."""
        async with asyncio.timeout(WITHIN_S):
            while not is_so():  # noqa: ASYNC110 - of things that do not tell
                await asyncio.sleep(0.002)

    async def finish(self, when: Callable[[], object] = lambda: True) -> None:
        """Ask nothing new from when this is so, and wait for the last answer."""
        await self.until(when)
        self.load.end()
        async with asyncio.timeout(WITHIN_S):
            await self.load.finished()


@asynccontextmanager
async def load(
    server: Answering, *bookers: Booker, rate: float | None = None, patience_s: float = 3_600.0
) -> AsyncIterator[Made]:
    made = Made(server, rate, patience_s)
    try:
        await made.load.open(list(bookers))
        made.load.begin()
        yield made
    finally:
        made.load.close()


def never(_number: int, _request: bytes) -> Coming:
    return asyncio.get_running_loop().create_future()


def slowly(seconds: float) -> Answers:
    return lambda _number, _request: asyncio.ensure_future(asyncio.sleep(seconds, BOOKED))


def first(answer: bytes | float | Answers) -> Answers:
    """This, or the booking so late; all others at once."""

    def answers(number: int, request: bytes) -> Coming:
        if number:
            return BOOKED
        if isinstance(answer, bytes):
            return answer
        return (slowly(answer) if isinstance(answer, float) else answer)(number, request)

    return answers


# --- the closed loop -----------------------------------------------------------------------------


async def test_each_client_keeps_its_connection_and_asks_again_when_it_is_answered() -> None:
    async with answering() as server, load(server, Booker(50), Booker(30)) as made:
        await made.finish(lambda: made.load.connections == 0)
    assert (server.connections, len(server.asked), len(made.notes.lines)) == (2, 80, 80)


async def test_a_load_ends_by_itself_when_nobody_has_anything_to_ask() -> None:
    async with answering() as server, load(server, Booker(1)) as made, asyncio.timeout(WITHIN_S):
        await made.load.finished()
    assert [status for status, *_ in made.notes.lines] == [201]


async def test_who_has_waited_for_too_long_hangs_up_and_comes_back_on_another_connection() -> None:
    booker = Booker(patience_s=0.1)
    async with answering(first(never)) as server, load(server, booker) as made:
        await made.finish(lambda: Answer(201, b"{}") in booker.answers)
        assert server.connections >= 2
    assert booker.answers[0] is GAVE_UP


async def test_a_run_has_a_patience_for_those_who_have_none_of_their_own() -> None:
    async with answering(never) as server, load(server, Booker(1), patience_s=0.05) as made:
        await made.finish()
    ((status, sent_s, answered_s),) = made.notes.lines
    assert status == 0
    assert 0.05 <= answered_s - sent_s < WITHIN_S


HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"


@pytest.mark.parametrize("wrong", [HANG_UP, b"SSH-2.0\r\n", BOOKED + BOOKED])
async def test_a_client_without_an_answer_pauses_and_connects_anew(wrong: bytes) -> None:
    booker = Booker(2)
    async with answering(first(wrong)) as server, load(server, booker) as made:
        await made.finish(lambda: len(booker.answers) == 2)
    assert [answer.status for answer in booker.answers] == [0, 201]
    assert server.connections == 2
    (_, _, failed_s), (_, again_s, _) = made.notes.lines
    assert again_s - failed_s >= 0.09


async def test_half_an_answer_is_none() -> None:
    booker = Booker(patience_s=0.1)
    async with answering(first(HALF)) as server, load(server, booker) as made:
        await made.finish(lambda: Answer(201, b"{}") in booker.answers)
    assert booker.answers[0] is GAVE_UP


async def test_who_is_told_to_come_on_another_connection_does() -> None:
    last = BOOKED.replace(b"Content", b"Connection: close\r\nContent", 1)
    booker = Booker(3)
    async with answering(lambda *_: last) as server, load(server, booker) as made:
        await made.finish(lambda: len(booker.answers) == 3)
    assert [answer.status for answer in booker.answers] == [201] * 3
    assert server.connections == 3


async def test_who_thinks_before_asking_is_left_alone_when_the_load_ends() -> None:
    async with answering() as server, load(server, Booker(after_s=3_600.0)) as made:
        await made.finish()
    assert server.asked == []


async def test_who_still_thinks_when_the_load_ends_does_not_ask_any_more() -> None:
    async with answering() as server, load(server, Booker(after_s=0.02)) as made:
        made.load.end()
        await asyncio.sleep(0.1)
    assert server.asked == []


async def test_thinking_takes_as_long_as_it_says_and_is_no_latency() -> None:
    booker = Booker(2, after_s=0.05)
    async with answering() as server:
        began_s = monotonic()
        async with load(server, booker) as made:
            await made.finish(lambda: len(booker.answers) == 2)
    (_, first_s, answered_s), (_, second_s, _) = made.notes.lines
    assert first_s - began_s >= 0.045
    assert second_s - answered_s >= 0.045


async def test_nobody_there_is_told_at_once_and_a_server_that_goes_is_no_end() -> None:
    async with answering() as server:
        pass
    made = Made(server, None, 1.0)
    with pytest.raises(OSError, match=r"[Cc]onnect"):
        await made.load.open([Booker()])
    made.load.begin()
    await made.finish(lambda: len(made.notes.lines) >= 2)
    made.load.close()
    assert {status for status, *_ in made.notes.lines} == {0}


# --- the open loop -------------------------------------------------------------------------------


async def test_people_come_whether_or_not_those_before_them_are_answered() -> None:
    bookers = [Booker() for _ in range(20)]
    async with answering(never) as server, load(server, *bookers, rate=500.0, patience_s=0.5) as made:
        await made.until(lambda: len(server.asked) == 20)
        assert server.connections == 20


async def test_latency_counts_from_when_somebody_came_and_not_from_when_there_was_a_connection() -> None:
    async with answering(first(0.3)) as server, load(server, Booker(), rate=100.0) as made:
        await made.finish(lambda: len(made.notes.lines) >= 40)
    latencies_s = [answered_s - sent_s for _, sent_s, answered_s in made.notes.lines]
    latencies = HdrHistogram.decode(made.recorder.snapshot(1.0, 1).calls["book"].latencies)
    waited = [each for each in latencies.get_recorded_iterator() if each.value_iterated_to > 100_000]
    assert sum(each >= 0.25 for each in latencies_s) == 1  # only one was sent and waited ...
    assert sum(each.count_at_value_iterated_to for each in waited) >= 10  # ... but some twenty came meanwhile


async def test_who_comes_while_the_load_generator_itself_is_busy_has_waited_for_it() -> None:
    async with answering() as server, load(server, *(Booker() for _ in range(9)), rate=100.0) as made:
        time.sleep(0.3)  # noqa: ASYNC251 - that is the point
        await made.finish(lambda: len(made.notes.lines) >= 9)
    latencies = HdrHistogram.decode(made.recorder.snapshot(1.0, 1).calls["book"].latencies)
    assert latencies.get_max_value() > 150_000


async def test_who_waits_in_vain_for_a_connection_goes_away_and_was_never_sent() -> None:
    async with answering(slowly(0.4)) as server, load(server, Booker(), rate=1_000.0, patience_s=0.1) as made:
        await made.finish(lambda: made.recorder.offered >= 500)
        assert made.load.waiting == 0
    assert made.recorder.sent < 20


async def test_what_waits_is_bounded_by_the_patience_of_those_who_wait() -> None:
    async with answering(never) as server, load(server, Booker(), rate=1_000.0, patience_s=0.1) as made:
        waiting = [0]

        def enough() -> bool:
            waiting.append(made.load.waiting)
            return made.recorder.offered >= 600

        await made.finish(enough)
    assert 0 < max(waiting) < 400


async def test_who_waits_when_counting_begins_is_not_served_before_those_who_count() -> None:
    async with answering(slowly(0.2)) as server, load(server, Booker(), rate=1_000.0) as made:

        def behind() -> bool:
            if made.load.waiting < 300:  # a minute's work
                return False
            made.recorder.begin(monotonic())
            made.load.count()
            return True

        await made.until(behind)
        await made.finish(lambda: made.recorder.sent >= 2)


async def test_a_few_who_wait_at_the_end_are_still_served() -> None:
    bookers = [Booker() for _ in range(10)]
    async with answering(slowly(0.2)) as server, load(server, *bookers, rate=1_000.0) as made:
        await made.finish(lambda: 0 < made.load.waiting < 10)
    assert made.recorder.sent == made.recorder.offered


async def test_many_who_wait_at_the_end_are_not() -> None:
    async with answering(slowly(0.2)) as server, load(server, Booker(), rate=1_000.0) as made:
        await made.finish(lambda: made.load.waiting > 10)
    assert made.recorder.sent == 1
