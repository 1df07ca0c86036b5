"""Actors on shared threads: their order, their fairness, their ends, and that nothing is lost on the way."""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pykka
import pytest
from pykka._envelope import Envelope

from boxoffice.actors.dispatcher import MESSAGES_PER_TURN, Dispatcher, Inbox, PooledActor, PooledRef
from tests.unit.fakes import PATIENCE_S, Gate, finish_turns


class Recorder(PooledActor):
    """Keeps everything that happens to it. Calls what can be called; else answers with the message."""

    def __init__(self, dispatcher: Dispatcher, told: list[Any] | None = None) -> None:
        super().__init__(dispatcher)
        self.told = [] if told is None else told
        self.left_behind: list[Any] = []
        self.failures: list[object] = []
        self.threads: set[str] = set()

    def on_receive(self, message: Any) -> Any:
        self.threads.add(threading.current_thread().name)
        self.told.append(message)
        return message() if callable(message) else message

    def on_failure(self, *failure: object) -> None:
        self.failures.append(failure[1])

    def on_left_behind(self, message: Any) -> None:
        self.left_behind.append(message)


def raising(failure: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise failure

    return fail


def recorder(dispatcher: Dispatcher, told: list[Any] | None = None) -> tuple[Recorder, pykka.ActorRef[Any]]:
    actor = Recorder(dispatcher, told)
    actor._start_actor_loop()
    return actor, actor.actor_ref


@pytest.fixture
def one_thread() -> Iterator[Dispatcher]:
    """A dispatcher on which everything happens in the order it became due."""
    dispatcher = Dispatcher(threads=1)
    dispatcher.start()
    yield dispatcher
    dispatcher.stop()


@pytest.fixture
def threads() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(threads=3)
    dispatcher.start()
    yield dispatcher
    dispatcher.stop()


@pytest.fixture
def busy_threads(threads: Dispatcher) -> Iterator[Dispatcher]:
    """A dispatcher while Python changes threads as often as it can, so that races are found."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield threads
    sys.setswitchinterval(usual_s)


FAILURES = [
    ValueError("a bug"),
    MemoryError("none left"),
    SystemExit(3),
    KeyboardInterrupt(),
    RecursionError("too deep"),
]


# --- messages ------------------------------------------------------------------------------------


def test_messages_are_handled_in_the_order_they_came(threads: Dispatcher) -> None:
    actor, ref = recorder(threads)
    for number in range(1_000):
        ref.tell(number)
    assert ref.ask("last", timeout=PATIENCE_S) == "last"
    assert actor.told == [*range(1_000), "last"]


def test_what_is_told_before_the_threads_run_is_handled_afterwards() -> None:
    dispatcher = Dispatcher(threads=1)
    actor, ref = recorder(dispatcher)
    ref.tell("early")
    dispatcher.start()
    dispatcher.stop()
    assert actor.told == ["early"]


def test_an_actor_runs_on_the_dispatchers_threads(threads: Dispatcher) -> None:
    actor, ref = recorder(threads)
    ref.ask("anything", timeout=PATIENCE_S)
    assert all(name.startswith("actors-") for name in actor.threads)


def test_an_actor_is_started_once_and_before_its_first_message(one_thread: Dispatcher) -> None:
    class Starting(Recorder):
        def on_start(self) -> None:
            self.told.append("started")

    told: list[Any] = []
    ref = Starting.start(one_thread, told)
    ref.ask("first", timeout=PATIENCE_S)
    ref.ask("second", timeout=PATIENCE_S)
    assert told == ["started", "first", "second"]


def test_actors_are_not_in_pykkas_registry(threads: Dispatcher) -> None:
    ref = Recorder.start(threads)
    assert ref.actor_urn not in {known.actor_urn for known in pykka.ActorRegistry.get_all()}


def test_an_ask_gets_what_the_handler_returns(threads: Dispatcher) -> None:
    _, ref = recorder(threads)
    assert ref.ask(lambda: 42, timeout=PATIENCE_S) == 42


def test_an_ask_gets_what_the_handler_raises_and_the_actor_goes_on(threads: Dispatcher) -> None:
    actor, ref = recorder(threads)
    with pytest.raises(ValueError, match="a bug"):
        ref.ask(raising(ValueError("a bug")), timeout=PATIENCE_S)
    assert ref.ask("next", timeout=PATIENCE_S) == "next"
    assert actor.failures == []


@pytest.mark.parametrize("failure", [SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_an_ask_is_answered_even_when_the_handler_raises_what_ends_the_actor(
    one_thread: Dispatcher, failure: BaseException
) -> None:
    actor, ref = recorder(one_thread)
    with pytest.raises(type(failure)):
        ref.ask(raising(failure), timeout=2.0)
    finish_turns(one_thread)
    assert not ref.is_alive()
    assert actor.failures == [failure]


# --- fairness ------------------------------------------------------------------------------------


def test_a_busy_actor_lets_others_have_the_thread_after_some_messages(one_thread: Dispatcher) -> None:
    order: list[Any] = []
    gate = Gate()
    _, first = recorder(one_thread)
    first.tell(gate)
    gate.wait()
    _, busy = recorder(one_thread, order)
    for number in range(MESSAGES_PER_TURN * 3):
        busy.tell(number)
    _, other = recorder(one_thread, order)
    other.tell("other")
    gate.open()
    busy.ask("last", timeout=PATIENCE_S)
    assert order.index("other") == MESSAGES_PER_TURN
    assert [each for each in order if each != "other"] == [*range(MESSAGES_PER_TURN * 3), "last"]


def test_a_slow_actor_keeps_one_thread_only(threads: Dispatcher) -> None:
    gate = Gate()
    slow, slow_ref = recorder(threads)
    slow_ref.tell(gate)
    gate.wait()
    slow_ref.tell("waits")
    _, other = recorder(threads)
    assert other.ask("goes on", timeout=PATIENCE_S) == "goes on"
    assert slow.told == [gate]
    gate.open()
    slow_ref.ask("last", timeout=PATIENCE_S)
    assert slow.told == [gate, "waits", "last"]


# --- never two threads for one actor -------------------------------------------------------------


class Exclusive(PooledActor):
    """Counts what it handles, and the times when somebody else was handling something, too."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher)
        self.handled: list[tuple[int, int]] = []
        self.collisions = 0
        self._inside = threading.Lock()

    def on_receive(self, message: tuple[int, int]) -> None:
        if not self._inside.acquire(blocking=False):
            self.collisions += 1
            return
        self.handled.append(message)
        self._inside.release()


def test_of_thousands_of_messages_from_several_threads_none_is_lost_or_doubled_or_out_of_order(
    busy_threads: Dispatcher,
) -> None:
    tellers, messages, actors = 3, 1_500, [Exclusive(busy_threads) for _ in range(3)]
    for actor in actors:
        actor._start_actor_loop()

    def tell(teller: int) -> None:
        for number in range(messages):
            for actor in actors:
                actor.actor_ref.tell((teller, number))

    with ThreadPoolExecutor(tellers) as pool:
        list(pool.map(tell, range(tellers)))
    for actor in actors:
        assert actor.actor_ref.stop(timeout=PATIENCE_S)
        assert actor.collisions == 0
        for teller in range(tellers):
            assert [number for who, number in actor.handled if who == teller] == list(range(messages))


class Turns(Dispatcher):
    """Counts the turns that are asked for, and runs none."""

    def __init__(self) -> None:
        super().__init__(threads=0)
        self.asked = 0

    def ready(self, turn: Callable[[], None]) -> None:
        self.asked += 1


class LockWithAfterthought:
    """A lock after whose release, once, something else gets the processor."""

    def __init__(self, afterthought: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._afterthought: Callable[[], None] | None = afterthought

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        afterthought, self._afterthought = self._afterthought, None
        if afterthought is not None:
            afterthought()


def an_attached_inbox() -> tuple[Inbox, Turns]:
    inbox, turns = Inbox(), Turns()
    inbox.attach(turns, lambda: None)
    return inbox, turns


def test_an_inbox_asks_for_one_turn_however_much_comes() -> None:
    inbox, turns = an_attached_inbox()
    assert turns.asked == 1
    for number in range(3):
        inbox.put(Envelope(number))
    assert turns.asked == 1


def test_an_inbox_asks_for_another_turn_when_something_is_left_at_the_end_of_one() -> None:
    inbox, turns = an_attached_inbox()
    inbox.put(Envelope("left"))
    inbox.end_turn()
    assert turns.asked == 2


def test_an_empty_inbox_asks_for_a_turn_at_the_next_message() -> None:
    inbox, turns = an_attached_inbox()
    inbox.end_turn()
    assert turns.asked == 1
    inbox.put(Envelope("next"))
    assert turns.asked == 2


def test_a_message_that_comes_as_a_turn_ends_asks_for_one_turn_and_not_for_two() -> None:
    """Two turns due at once would be two threads in one actor."""
    inbox, turns = an_attached_inbox()
    lock = LockWithAfterthought(lambda: inbox.put(Envelope("just then")))
    inbox._lock = lock  # type: ignore[assignment]
    inbox.end_turn()
    assert turns.asked == 2  # the one of `attach`, and one for the message


# --- an actor's end ------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_whatever_a_told_handler_raises_ends_that_actor_alone(
    one_thread: Dispatcher, failure: BaseException
) -> None:
    actor, ref = recorder(one_thread)
    _, other = recorder(one_thread)
    ref.tell(raising(failure))
    finish_turns(one_thread)
    assert not ref.is_alive()
    assert actor.failures == [failure]
    assert other.ask("goes on", timeout=PATIENCE_S) == "goes on"


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_no_failure_ends_a_thread_of_the_pool_or_an_actor_of_pykkas(
    threads: Dispatcher, failure: BaseException
) -> None:
    threaded = pykka.ThreadingActor.start()
    refs = [Recorder.start(threads) for _ in range(12)]
    for ref in refs:
        ref.tell(raising(failure))
    gates = [Gate() for _ in range(3)]  # as many as there are threads: each needs one of its own
    for gate in gates:
        Recorder.start(threads).tell(gate)
    for gate in gates:
        gate.wait()
    for gate in gates:
        gate.open()
    assert threaded.is_alive()
    threaded.stop()


def test_a_failure_at_the_start_ends_the_actor(one_thread: Dispatcher) -> None:
    class Stillborn(Recorder):
        def on_start(self) -> None:
            raise SystemExit(1)

    actor = Stillborn(one_thread)
    actor.actor_ref.tell("waiting")
    actor._start_actor_loop()
    finish_turns(one_thread)
    assert not actor.actor_ref.is_alive()
    assert len(actor.failures) == 1
    assert actor.told == []
    assert actor.left_behind == ["waiting"]


def test_a_failure_in_on_failure_is_survived(one_thread: Dispatcher) -> None:
    class Clumsy(Recorder):
        def on_failure(self, *failure: object) -> None:
            raise SystemExit(1)

    ref = Clumsy.start(one_thread)
    ref.tell(raising(ValueError("a bug")))
    finish_turns(one_thread)
    assert not ref.is_alive()


def test_a_turn_that_fails_between_two_actors_is_taken_again(one_thread: Dispatcher) -> None:
    """For lack of memory, say: the thread is for all of them."""
    tries: list[int] = []
    done = threading.Event()

    def turn() -> None:
        tries.append(len(tries))
        if len(tries) < 3:
            raise MemoryError
        done.set()

    one_thread.ready(turn)
    assert done.wait(PATIENCE_S)
    assert tries == [0, 1, 2]


def test_what_is_left_in_the_inbox_of_a_failed_actor_is_left_behind_in_order(one_thread: Dispatcher) -> None:
    actor, ref = recorder(one_thread)
    gate = Gate()
    ref.tell(gate)
    gate.wait()
    fail = raising(ValueError("a bug"))
    ref.tell(fail)
    behind = list(range(MESSAGES_PER_TURN * 2))
    for number in behind:
        ref.tell(number)
    asked = ref.ask("asked", block=False)
    gate.open()
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=PATIENCE_S)
    assert actor.told == [gate, fail]
    assert actor.left_behind == behind
    assert len(actor.failures) == 1


def test_what_slips_in_after_the_end_is_left_behind_too(one_thread: Dispatcher) -> None:
    """A teller that has seen the actor alive puts its message into the inbox a moment later."""
    actor, ref = recorder(one_thread)
    ref.tell(raising(ValueError("a bug")))
    finish_turns(one_thread)
    for message in ("late", "later"):
        ref.actor_inbox.put(Envelope(message))
        finish_turns(one_thread)
    assert actor.left_behind == ["late", "later"]


def test_a_failure_over_a_message_left_behind_does_not_hide_the_next(one_thread: Dispatcher) -> None:
    class Clumsy(Recorder):
        def on_left_behind(self, message: Any) -> None:
            super().on_left_behind(message)
            raise SystemExit(1)

    actor = Clumsy(one_thread)
    for message in (raising(ValueError("a bug")), "first", "second"):
        actor.actor_ref.tell(message)
    actor._start_actor_loop()
    finish_turns(one_thread)
    assert actor.left_behind == ["first", "second"]


def test_whoever_asks_a_dead_actor_is_told_so(one_thread: Dispatcher) -> None:
    _, ref = recorder(one_thread)
    assert ref.stop(timeout=PATIENCE_S)
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("anything")
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("anything", timeout=PATIENCE_S)
    assert not ref.stop(timeout=PATIENCE_S)


def test_a_stop_handles_what_came_before_it_and_leaves_behind_what_came_after(
    one_thread: Dispatcher,
) -> None:
    actor, ref = recorder(one_thread)
    gate = Gate()
    ref.tell(gate)
    gate.wait()
    ref.tell("before")
    stopped = ref.stop(block=False)
    ref.tell("after")
    gate.open()
    assert stopped.get(timeout=PATIENCE_S)
    finish_turns(one_thread)
    assert actor.told == [gate, "before"]
    assert actor.left_behind == ["after"]
    assert actor.failures == []


def test_each_message_told_around_an_actors_end_is_handled_left_behind_or_refused_exactly_once(
    busy_threads: Dispatcher,
) -> None:
    for _ in range(40):
        actor, ref = recorder(busy_threads)
        told: list[int] = []

        def tell(ref: pykka.ActorRef[Any] = ref, told: list[int] = told) -> None:
            for number in range(200):
                try:
                    ref.tell(number)
                except pykka.ActorDeadError:
                    return
                told.append(number)

        teller = threading.Thread(target=tell)
        teller.start()
        ref.tell(raising(SystemExit(1)))
        teller.join(PATIENCE_S)
        drained: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        ref.actor_inbox.put(Envelope("last", reply_to=drained))
        with pytest.raises(pykka.ActorDeadError):
            drained.get(timeout=PATIENCE_S)
        handled = [each for each in actor.told if isinstance(each, int)]
        assert handled + actor.left_behind == told
        assert len(actor.failures) == 1


# --- the dispatcher's end ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, MESSAGES_PER_TURN * 4])
def test_stopping_the_dispatcher_runs_what_is_due_first(count: int) -> None:
    dispatcher = Dispatcher(threads=1)
    dispatcher.start()
    gate = Gate()
    Recorder.start(dispatcher).tell(gate)
    gate.wait()
    actors = [recorder(dispatcher) for _ in range(3)]
    for _, ref in actors:
        for number in range(count):
            ref.tell(number)
    dispatcher.stop(timeout_s=0.0)  # cannot wait: the gate is shut
    gate.open()
    for thread in dispatcher._threads:
        thread.join(PATIENCE_S)
    assert [actor.told for actor, _ in actors] == [list(range(count))] * 3


def test_stopping_the_dispatcher_ends_its_threads() -> None:
    before = set(threading.enumerate())
    dispatcher = Dispatcher(threads=2)
    dispatcher.start()
    dispatcher.stop()
    assert set(threading.enumerate()) <= before


def test_stopping_the_dispatcher_does_not_wait_for_ever() -> None:
    dispatcher = Dispatcher(threads=1)
    dispatcher.start()
    gate = Gate()
    _, ref = recorder(dispatcher)
    ref.tell(gate)
    gate.wait()
    dispatcher.stop(timeout_s=0.01)
    assert [thread.is_alive() for thread in dispatcher._threads] == [True]
    gate.open()
    dispatcher.stop()
    assert [thread.is_alive() for thread in dispatcher._threads] == [False], "or it turns in circles"


def test_what_was_put_and_not_taken_is_counted_however_many_put_and_take(busy_threads: Dispatcher) -> None:
    actors = [Recorder.start(busy_threads) for _ in range(20)]

    def tell_all() -> None:
        for number in range(500):
            for actor in actors:
                actor.tell(number)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(tell_all)
    for actor in actors:
        actor.ask("and this", timeout=PATIENCE_S)
    assert busy_threads.mailbox_depth == 0
    assert busy_threads.mailbox_depth == 0, "looking changes nothing"


def test_messages_are_in_the_mailbox_until_their_actor_has_a_turn(one_thread: Dispatcher) -> None:
    gate = Gate()
    one_thread.ready(gate)
    gate.wait()
    actor = Recorder.start(one_thread)
    seen = []
    for number in range(3):
        actor.tell(number)
        seen.append(one_thread.mailbox_depth)
    actor.stop(block=False)
    actor.actor_inbox.put(Envelope("too late"))
    seen.append(one_thread.mailbox_depth)
    gate.open()
    finish_turns(one_thread)
    assert seen == [1, 2, 3, 5]
    assert one_thread.mailbox_depth == 0, "also of an actor that has ended"


# --- told on the spot ----------------------------------------------------------------------------


def here(dispatcher: Dispatcher, told: list[Any] | None = None) -> tuple[Recorder, PooledRef[Any]]:
    """An actor that has begun, and has nothing to do."""
    actor, ref = recorder(dispatcher, told)
    ref.ask("begun", timeout=PATIENCE_S)
    while actor.actor_inbox._due:  # its turn is not quite over
        time.sleep(0.001)
    assert isinstance(ref, PooledRef)
    return actor, ref


def test_an_idle_actor_is_told_on_the_spot(threads: Dispatcher) -> None:
    actor, ref = here(threads)
    ref.tell_here("now")
    assert actor.told == ["begun", "now"]
    assert threading.current_thread().name in actor.threads


def test_one_that_has_not_begun_is_told_later() -> None:
    dispatcher = Dispatcher(threads=1)
    actor, ref = recorder(dispatcher)
    assert isinstance(ref, PooledRef)
    ref.tell_here("early")
    assert actor.told == []
    dispatcher.start()
    dispatcher.stop()
    assert actor.told == ["early"]


class Choosy(Recorder):
    """Takes on the spot what is not a long text."""

    def is_quick(self, message: Any) -> bool:
        return not isinstance(message, str) or len(message) < 5


def test_what_is_not_quick_is_told_and_keeps_its_place(one_thread: Dispatcher) -> None:
    ref = Choosy.start(one_thread)
    actor = cast("Choosy", ref._actor_weakref())
    finish_turns(one_thread)
    gate = Gate()
    one_thread.ready(gate)
    gate.wait()
    for message in ("now", "not now", "then"):
        ref.tell_here(message)
    assert actor.told == ["now"]
    assert one_thread.mailbox_depth == 2
    gate.open()
    finish_turns(one_thread)
    assert actor.told == ["now", "not now", "then"]


def test_a_failure_to_say_whether_it_is_quick_ends_the_actor_and_leaves_the_message_to_its_sender(
    one_thread: Dispatcher,
) -> None:
    class Unsure(Recorder):
        def is_quick(self, message: Any) -> bool:
            raise MemoryError(message)

    ref = Unsure.start(one_thread)
    actor = cast("Unsure", ref._actor_weakref())
    finish_turns(one_thread)
    with pytest.raises(pykka.ActorDeadError):
        ref.tell_here("anything")
    assert (len(actor.failures), actor.told, actor.left_behind) == (1, [], [])


def test_one_that_is_busy_is_told_after_what_it_is_at(threads: Dispatcher) -> None:
    actor, ref = here(threads)
    gate = Gate()
    ref.tell(gate)
    gate.wait()
    ref.tell("queued")
    ref.tell_here("later")
    assert actor.told == ["begun", gate]
    gate.open()
    assert ref.ask("last", timeout=PATIENCE_S) == "last"
    assert actor.told == ["begun", gate, "queued", "later", "last"]


def test_what_it_tells_itself_meanwhile_comes_after_that(threads: Dispatcher) -> None:
    actor, ref = here(threads)
    seen: list[list[Any]] = []

    def tell_itself() -> None:
        ref.tell_here("to itself")
        seen.append(list(actor.told))

    ref.tell_here(tell_itself)
    assert seen == [["begun", tell_itself]]
    ref.ask("last", timeout=PATIENCE_S)
    assert actor.told == ["begun", tell_itself, "to itself", "last"]


def test_what_others_tell_it_meanwhile_is_handled_by_the_threads(threads: Dispatcher) -> None:
    actor, ref = here(threads)
    gate = Gate()
    with ThreadPoolExecutor(1) as other:
        telling = other.submit(ref.tell_here, gate)
        gate.wait()
        ref.tell("meanwhile")
        ref.tell_here("here")
        assert actor.told == ["begun", gate]
        gate.open()
        telling.result(PATIENCE_S)
    ref.ask("last", timeout=PATIENCE_S)
    assert actor.told == ["begun", gate, "meanwhile", "here", "last"]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_on_the_spot_ends_the_actor_and_not_who_told_it(
    threads: Dispatcher, failure: BaseException
) -> None:
    actor, ref = here(threads)
    ref.tell_here(raising(failure))
    assert actor.failures == [failure]
    with pytest.raises(pykka.ActorDeadError):
        ref.tell_here("too late")
    assert actor.left_behind == []


def test_who_comes_while_it_ends_on_the_spot_is_left_behind(threads: Dispatcher) -> None:
    actor, ref = here(threads)
    gate = Gate()

    def end() -> None:
        gate()
        raise ValueError("a bug")

    with ThreadPoolExecutor(1) as other:
        ending = other.submit(ref.tell_here, end)
        gate.wait()
        ref.tell("told")
        ref.tell_here("told here")
        gate.open()
        ending.result(PATIENCE_S)
    while len(actor.left_behind) < 2:
        time.sleep(0.001)
    assert actor.left_behind == ["told", "told here"]


@pytest.mark.parametrize("seed", range(5))
def test_told_on_the_spot_and_not_from_all_sides_an_actor_does_one_thing_at_a_time_and_in_order(
    busy_threads: Dispatcher, seed: int
) -> None:
    """What each thread tells comes in its own order, all of it, once, and no two things at once."""
    inside = 0
    most = 0

    def work(what: tuple[int, int]) -> Callable[[], tuple[int, int]]:
        def do() -> tuple[int, int]:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            for _ in range(what[1] % 7):
                pass
            done.append(what)
            inside -= 1
            return what

        return do

    done: list[tuple[int, int]] = []
    actor, ref = here(busy_threads)
    barrier = threading.Barrier(4)

    def hammer(teller: int) -> None:
        dice = random.Random(f"{seed} {teller}")
        barrier.wait(PATIENCE_S)
        for number in range(2_000):
            step = work((teller, number))
            match dice.randrange(10):
                case 0:
                    ref.ask(step, timeout=PATIENCE_S)
                case 1 | 2 | 3:
                    ref.tell(step)
                case _:
                    ref.tell_here(step)

    with ThreadPoolExecutor(4) as tellers:
        for each in [tellers.submit(hammer, teller) for teller in range(4)]:
            each.result(60)
    ref.ask("last", timeout=PATIENCE_S)
    assert most == 1
    assert len(done) == 8_000
    for teller in range(4):
        assert [number for who, number in done if who == teller] == list(range(2_000))
    threads = actor.threads
    assert any(name.startswith("actors-") for name in threads)
    assert any(name.startswith("ThreadPool") for name in threads)
    assert busy_threads.mailbox_depth == 0
