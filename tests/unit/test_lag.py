"""How late the event loop is: on a real loop, and on a clock that the test moves on."""

import asyncio
import time
from contextlib import suppress

from boxoffice.http.operating.lag import EVERY_S, WINDOW_S, LoopLag
from tests.unit.fakes import FakeTime


async def test_a_loop_that_stands_still_is_late_then_and_afterwards() -> None:
    lag = LoopLag()
    assert lag.worst_s == 0.0
    task = asyncio.create_task(lag.watch())
    await asyncio.sleep(0)
    time.sleep(EVERY_S + 0.3)  # noqa: ASYNC251 - that is what we are after
    assert lag.worst_s > 0.25, "it can be seen before the loop goes on"
    await asyncio.sleep(2 * EVERY_S)
    assert lag.worst_s > 0.25
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_the_worst_is_remembered_for_one_window_and_forgotten_after_two() -> None:
    clock = FakeTime()
    lag = LoopLag(clock)

    def wake(late_s: float) -> None:
        """The loop comes to us that late."""
        lag.sleep()
        clock.now_s += EVERY_S + late_s
        lag.wake()

    wake(0.0)
    wake(1.5)
    seen = []
    for _ in range(int(2 * WINDOW_S / EVERY_S) + 5):
        seen.append(lag.worst_s)
        wake(0.0)
    assert seen[: int(WINDOW_S / EVERY_S)] == [1.5] * int(WINDOW_S / EVERY_S)
    assert lag.worst_s < 0.001


def test_what_was_long_before_a_long_pause_is_forgotten() -> None:
    clock = FakeTime()
    lag = LoopLag(clock)
    lag.sleep()
    clock.now_s += EVERY_S + 9.0
    lag.wake()
    assert lag.worst_s == 9.0
    clock.now_s += 3 * WINDOW_S
    lag.sleep()
    clock.now_s += EVERY_S
    lag.wake()
    assert lag.worst_s < 0.001
