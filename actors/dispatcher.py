"""A Pykka actor type whose actors share a few threads instead of having one each.

`Dispatcher` owns the threads and a queue of actors that have something to do; `PooledActor` puts itself
into that queue when its inbox stops being empty, and handles at most `MESSAGES_PER_TURN` messages before
the next actor gets the thread. An actor with nothing else to do can also be told something on the spot,
by the thread that has it to say (`PooledRef.tell_here`): to wake another takes longer than most messages.
One actor is never run by two threads at once, and takes its messages in the order they came. 100,000 of
these cost 0.8 KB each; 10,000 of `pykka.ThreadingActor` cost 22 KB each and bring the message rate down to a
tenth.

What differs from Pykka's own actor types, on purpose:

- Whatever a message handler raises, `SystemExit` and `MemoryError` included, ends that one actor. (Pykka
  stops *all* actors on a `SystemExit`.)
- Messages that nobody will handle any more are given to `on_left_behind`, never dropped in silence.
- These actors are not in `pykka.ActorRegistry`, whose `unregister` looks at every actor there is;
  whoever starts one keeps its reference.
"""

import logging
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, Self, TypeVar, cast

import pykka
from pykka._envelope import Envelope

log = logging.getLogger(__name__)

A = TypeVar("A", bound="PooledActor")

MESSAGES_PER_TURN = 16
"""How many messages an actor may handle before others get the thread. A message carries a batch."""


class Dispatcher:
    """`threads` threads that run the turns of all pooled actors. Start it before them, stop it after."""

    def __init__(self, threads: int = 2) -> None:
        self._ready: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"actors-{number}", daemon=True)
            for number in range(threads)
        ]
        self._stopping = False
        self.came = count()
        self.went = count()

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Run all turns that are due, then end the threads. Waits `timeout_s` for each at the most.

        May be called again, by the same thread, to wait for longer.
        """
        if not self._stopping:  # of two marks in the queue each would be in the other's way, for ever
            self._stopping = True
            self._ready.put(None)
        for thread in self._threads:
            thread.join(timeout_s)

    def ready(self, turn: Callable[[], None]) -> None:
        """Have `turn` called, soon, on one of the threads. Called on any thread."""
        self._ready.put(turn)

    @property
    def mailbox_depth(self) -> int:
        """How many messages wait in the inboxes of all pooled actors.

        Each of them is one `next(came)` and one `next(went)`, on any thread: a lock would take ten times as
        long. Looking counts as one that came and went.
        """
        went = next(self.went)
        return next(self.came) - went

    def _run(self) -> None:
        while True:
            turn = self._ready.get()
            if turn is not None:
                try:
                    turn()
                except BaseException:  # no memory, say, between two actors: the thread is for all of them
                    log.exception("a turn failed, and is taken again")
                    self._ready.put(turn)
                continue
            done = self._ready.empty()  # if not, an actor with much to do has asked for another turn
            self._ready.put(None)  # for the other threads, or for ourselves a little later
            if done:
                return


_EMPTY: deque[Envelope[Any]] = deque(maxlen=0)
"""What is in every inbox that is empty, as most are: a deque of its own takes 760 bytes. Never put into."""


class Ended:
    """Whether an actor has ended: of `threading.Event`, which takes 1.1 KB, what Pykka uses of an actor's."""

    __slots__ = ("_ended",)

    def __init__(self) -> None:
        self._ended = False

    def is_set(self) -> bool:
        """Whether it has."""
        return self._ended

    def set(self) -> None:
        """It has, for good. Called in the actor's turn."""
        self._ended = True


class Inbox:
    """An unbounded mailbox that asks for its actor's turn when it stops being empty."""

    __slots__ = ("_dispatcher", "_due", "_envelopes", "_lock", "_turn")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._envelopes = _EMPTY
        self._due = True  # until attached: nobody may run the actor before it has started
        self._dispatcher: Dispatcher | None = None
        self._turn: Callable[[], None] | None = None

    def attach(self, dispatcher: Dispatcher, turn: Callable[[], None]) -> None:
        """From now on, and once at once, have `turn` run when there is something to do."""
        self._dispatcher = dispatcher
        self._turn = turn
        for _ in self._envelopes:
            next(dispatcher.came)
        dispatcher.ready(turn)

    def put(self, envelope: Envelope[Any], /) -> None:
        """Take a message in. Called on any thread."""
        if self._dispatcher is not None:
            next(self._dispatcher.came)
        with self._lock:
            if self._envelopes is _EMPTY:
                self._envelopes = deque()
            self._envelopes.append(envelope)
            if self._due:
                return
            self._due = True
        self._ask_for_turn()

    def begin_turn(self) -> bool:
        """Take a turn that nobody asked for, if there is nothing to do, and nobody at it."""
        with self._lock:
            if self._due:
                return False
            self._due = True
            return True

    def get(self) -> Envelope[Any]:
        """The oldest message; IndexError when there is none. Called in the actor's turn."""
        envelope = self._envelopes.popleft()
        if self._dispatcher is not None:
            next(self._dispatcher.went)
        return envelope

    def empty(self) -> bool:
        """Whether there is nothing to do now."""
        return not self._envelopes

    def end_turn(self) -> None:
        """Ask for another turn if anything is left, else wait for the next `put`."""
        with self._lock:
            if not self._envelopes:
                self._envelopes = _EMPTY
                self._due = False
                return
        self._ask_for_turn()  # it is still due: no `put` has asked

    def _ask_for_turn(self) -> None:
        if self._dispatcher is not None and self._turn is not None:
            self._dispatcher.ready(self._turn)


class PooledRef(pykka.ActorRef[A]):
    """A reference to a pooled actor."""

    def tell_here(self, message: Any) -> None:
        """Have a message handled on this thread, now, if it is quick and the actor has nothing else to do.

        Else tell it. Raises pykka.ActorDeadError if it has ended.
        """
        actor = self._actor_weakref()
        if actor is None or not actor.handle_here(message):
            self.tell(message)


class PooledActor(pykka.Actor):
    """An actor that runs on a `Dispatcher`. Handlers must not block: they hold a thread of all."""

    actor_inbox: Inbox

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self.actor_stopped = cast("threading.Event", Ended())
        self._actor_ref = PooledRef(self)
        self._dispatcher = dispatcher
        self._begun = False

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> PooledRef[Self]:
        """Start an actor without entering it into Pykka's registry."""
        actor = cls(*args, **kwargs)
        actor._start_actor_loop()
        return cast("PooledRef[Self]", actor.actor_ref)

    def handle_here(self, message: Any) -> bool:
        """Handle a message on this thread, if it is quick, would be the next one, and the actor is alive.

        Not for Pykka's own messages. Returns whether it was handled.
        """
        inbox = self.actor_inbox
        if not inbox.begin_turn():  # nor does it, before the actor has begun
            return False
        taken = False
        try:
            if not self.actor_stopped.is_set() and self.is_quick(message):
                taken = True
                self.on_receive(message)
        except BaseException:
            self._fail()
        finally:
            inbox.end_turn()
        return taken

    def is_quick(self, message: Any) -> bool:  # noqa: ARG002
        """Whether a message takes less time than to pass it to another thread. Asked in the actor's turn."""
        return True

    def on_left_behind(self, message: Any) -> None:
        """Answer a message that came too late to be handled. Called once for each, in order."""

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        return Inbox()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self.actor_inbox.attach(self._dispatcher, self._take_turn)

    def _take_turn(self) -> None:
        inbox = self.actor_inbox
        if not self._begun:
            self._begun = True
            self._guarded(self.on_start)
        for _ in range(MESSAGES_PER_TURN):
            if inbox.empty():
                break
            self._take(inbox.get())
        inbox.end_turn()

    def _take(self, envelope: Envelope[Any]) -> None:
        if not self.actor_stopped.is_set():
            self._guarded(lambda: self._answer(envelope))
        elif envelope.reply_to is not None:
            envelope.reply_to.set_exception((pykka.ActorDeadError, pykka.ActorDeadError(str(self)), None))
        else:
            self._guarded(lambda: self.on_left_behind(envelope.message))

    def _answer(self, envelope: Envelope[Any]) -> None:
        try:
            response = self._handle_receive(envelope.message)
        except BaseException as failure:
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception()
            if envelope.reply_to is None or not isinstance(failure, Exception):
                raise
        else:
            if envelope.reply_to is not None:
                envelope.reply_to.set(response)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Run `step`; whatever it raises ends this actor and nobody else."""
        try:
            step()
        except BaseException:
            self._fail()

    def _fail(self) -> None:
        """End this actor because of what was just raised. Called while that is handled."""
        failure = sys.exc_info()
        self._handle_failure(*failure)
        try:
            self.on_failure(*failure)
        except BaseException:
            self._handle_failure(*sys.exc_info())
