"""The short way of a request: from aiohttp's parser to our handler and back, and nothing in between.

For each request aiohttp wakes its connection's task, makes another one, looks for a route, and has the
response write itself piece by piece: together half of what a booking takes of the event loop. A plain request
to one of our busy calls needs none of that: HTTP/1.1, all of it there, and nothing else under way on its
connection. It goes to the same handler, as the same `web.Request`, and its answer goes out in one piece. All
else goes aiohttp's way: what is asked ahead, what asks for another protocol, what is not as it should be.

It leans on how `web.RequestHandler` keeps its queue; `tests/e2e/test_lane.py` is red if that changes. On the
event loop.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextvars import copy_context
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.http import HttpVersion11, RawRequestMessage

from boxoffice.http.said import Said

Answer: TypeAlias = Said | web.StreamResponse

Walk: TypeAlias = Callable[[web.Request], Coroutine[Any, Any, Answer]]
"""How a request is handled, from the door on. On the short way there is no task: it must not ask for one."""


class Lane:
    """Which requests may go the short way, and to what: by method and path, of which the last part may be a
    name in braces, and stands for any.
    """

    def __init__(self, walks: Mapping[tuple[str, str], Walk]) -> None:
        self._walks: dict[tuple[str, str], Walk] = {}
        self._with_a_name: dict[tuple[str, str], tuple[Walk, str]] = {}
        for (method, path), walk in walks.items():
            head, _, last = path.rpartition("/")
            if last.startswith("{"):
                self._with_a_name[method, head] = walk, last.strip("{}")
            else:
                self._walks[method, path] = walk

    def find(self, message: RawRequestMessage) -> tuple[Walk, dict[str, str]] | None:
        """How this request is handled, and what its path names; None if it has to go the long way."""
        if (
            message.version != HttpVersion11
            or message.should_close
            or message.upgrade
            or message.chunked
            or "Expect" in message.headers
        ):
            return None
        method, path = message.method, message.path
        walk = self._walks.get((method, path))
        if walk is not None:
            return walk, {}
        head, _, last = path.rpartition("/")
        found = self._with_a_name.get((method, head))
        if found is None or not last.replace("-", "0").isalnum():  # escaped, or with a query
            return None
        return found[0], {found[1]: last}


class Errand:
    """A request on the short way: a little task, that goes on when what it waits for is there."""

    __slots__ = ("_done", "_send")

    def __init__(self, walk: Coroutine[Any, Any, Answer], done: Callable[[Answer | None], None]) -> None:
        self._send = walk.send
        self._done = done

    def begin(self) -> None:
        """Go as far as it goes, in a context of its own, which whatever it waits for keeps for it. `done` is
        called, now or later, with the answer, or with None for none.
        """
        copy_context().run(self._go_on)

    def _go_on(self, _: object = None) -> None:
        try:
            waited_for = self._send(None)
        except StopIteration as end:
            self._done(end.value)
        except asyncio.CancelledError:  # what it waited for was given up
            self._done(None)
        except BaseException:
            self._done(None)
            raise
        else:
            if waited_for is None:  # somebody lets others go first
                asyncio.get_running_loop().call_soon(self._go_on)
            else:
                waited_for._asyncio_future_blocking = False
                waited_for.add_done_callback(self._go_on)


_receive = web.RequestHandler.data_received


class Roadside(web.RequestHandler):
    """A connection of aiohttp's from which a request may go the short way."""

    __slots__ = ("_lane",)

    def __init__(self, manager: web.Server, lane: Lane | None, **how: Any) -> None:
        super().__init__(manager, **how)
        self._lane = lane

    def is_idle(self) -> bool:
        """Whether it waits for a request. Its task does, too, while one is on the short way."""
        waiter = self._waiter
        return waiter is not None and not waiter.done() and self._current_request is None

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Go on with what was held up. aiohttp calls this when a body ends and when it is read, and has its
        parser look for what it has kept back, although as a rule that is nothing: 3 % of a booking.
        """
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def parse(self, data: bytes) -> None:
        """Take in what has come, as aiohttp does, but leave its task asleep. To be followed by `set_out`."""
        waiter, self._waiter = self._waiter, None
        try:
            _receive(self, data)
        finally:
            self._waiter = waiter

    def set_out(self, *, whole: bool) -> None:
        """Send what has come on its way: the short one, if it is one request, `whole`, and may."""
        if not self.is_idle():
            return  # it is looked at when what is under way is over
        messages = self._messages
        if whole and len(messages) == 1 and self._lane is not None and not self._paused:
            message, body = messages[0]
            found = self._lane.find(message) if isinstance(message, RawRequestMessage) else None
            if found is not None:
                messages.clear()
                self._begin(message, body, *found)
                return
        self._wake()

    def _begin(self, message: Any, body: Any, walk: Walk, named: dict[str, str]) -> None:
        manager, parser, make_request = self._manager, self._parser, self._request_factory
        if manager is None or parser is None or make_request is None:  # the connection is lost
            return
        parser.message_consumed()
        manager.requests_count += 1
        no_writer: Any = None  # the answer goes out as it is
        task: Any = self._task_handler
        request: Any = make_request(message, body, self, no_writer, task)
        request._match_info = named
        self._request_in_progress = True
        self._current_request = request
        Errand(walk(request), self._come_back).begin()

    def _come_back(self, answer: Answer | None) -> None:
        self._request_in_progress = False
        self._current_request = None
        if self._handler_waiter is not None and not self._handler_waiter.done():  # a shutdown waits for us
            self._handler_waiter.set_result(None)
        transport = self.transport
        if transport is None:
            return
        if not self._say(answer, transport) or self._close:
            self.force_close()
            return
        self._keepalive = True
        self._next_keepalive_close_time = at = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(at, self._process_keepalive)
        if self._messages:
            self._wake()

    def _say(self, answer: Answer | None, transport: asyncio.Transport) -> bool:
        if not isinstance(answer, Said):
            return False
        try:
            transport.write(answer.sent())
        except Exception:  # whatever is wrong with it, nobody may be kept waiting for it
            self.log_exception("an answer could not be sent")
            return False
        return True

    def _process_keepalive(self) -> None:
        """A connection is kept for so long when it is idle; the time begins at the answer."""
        if self._current_request is not None:
            self._keepalive_handle = None
        else:
            super()._process_keepalive()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
