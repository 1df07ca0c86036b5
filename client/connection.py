"""One server, asked over HTTP: sends a request until there is an answer that will do, or no more time.

A POST bears an `Idempotency-Key`, the same in every attempt, so that however often it is sent it is done
once; GET and DELETE need none. Knows nothing of tickets. Called on the event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
import msgspec

from boxoffice.client.patience import Clock, Trials, retry_after_s
from boxoffice.client.problems import BadAnswer, BoxOfficeError, Problem, Unreachable, problem_of

SILENCE_MAX_S = 60.0
"""A WebSocket on which nothing came for so long is taken for lost: there is a ping at least every 25 s."""

CLOSE_MAX_S = 1.0
"""How long to wait for the other side's word that a WebSocket is closed."""

EXCERPT_MAX = 200
"""Characters of an answer that is not understood."""

_DECIDED = {404, 409, 412, 422}
"""What is answered only after the key was looked up: an earlier attempt under it was not applied."""

FAILURES = (aiohttp.ClientError, OSError)
"""Whatever aiohttp raises when there is no answer; a TimeoutError is an OSError."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `target`: path and query, percent-encoded. What is safe to repeat needs no key."""

    method: str
    target: str
    body: bytes | None = None
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        """Those of this request: what it is, and its key."""
        headers = dict(self.headers)
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if self.key is not None:
            headers["Idempotency-Key"] = self.key
        return headers


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """The way to one server. `headers` go with every request, of which `connections_max` are sent at a time.

    An attempt takes `connect_timeout_s` and `answer_timeout_s` at the most, and none begins later than
    `retry_for_s` after the first.
    """

    address: str
    headers: Mapping[str, str] = field(repr=False)  # one may be the key or the token
    connect_timeout_s: float
    answer_timeout_s: float
    retry_for_s: float
    connections_max: int
    clock: Clock


class Connection:
    """One server, by way of a session that is somebody else's to close."""

    def __init__(self, session: aiohttp.ClientSession, line: Line) -> None:
        self._session = session
        self._line = line
        self._slots = asyncio.Semaphore(line.connections_max)
        connect_s, answer_s = line.connect_timeout_s, line.answer_timeout_s
        self._whole = aiohttp.ClientTimeout(connect_s + answer_s, sock_connect=connect_s)
        self._piecemeal = aiohttp.ClientTimeout(None, sock_connect=connect_s, sock_read=answer_s)

    def trials(self) -> Trials:
        """The attempts at one call."""
        return Trials(self._line.retry_for_s, self._line.clock)

    async def ask(self, request: Request, read: Callable[[Answer], T], *, once: bool = False) -> T:
        """What `read` makes of the answer. Raises BoxOfficeError, as `read` may, for the last attempt."""
        trials = self.trials()
        doubtful = False
        while True:
            try:
                return read(await self._attempt(request))
            except BoxOfficeError as failure:
                doubtful = _mark(failure, request, doubtful)
                if once or not failure.passing or not await trials.wait(failure.retry_after_s):
                    raise

    async def _attempt(self, request: Request) -> Answer:
        async with self._slots:
            try:
                async with self._send(request, self._whole) as response:
                    return Answer(response.status, response.headers, await response.read())
            except FAILURES as failure:
                told = _told(failure)
            raise told

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[bytes]]:
        """One attempt; the body in pieces, as they come. Raises BoxOfficeError, also amid the pieces."""
        try:
            async with self._send(request, self._piecemeal) as response:
                if response.status != 200:
                    raise refusal(Answer(response.status, response.headers, await response.read()))
                yield response.content.iter_any()
            return
        except FAILURES as failure:
            told = _told(failure)
        raise told

    @asynccontextmanager
    async def socket(self, target: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """One attempt at a WebSocket; the time is for its opening. Raises BoxOfficeError, also amid its use.

        A session of its own, by the connector of the other, so that it is our say what becomes of refusals.
        """
        if self._session.closed:
            raise RuntimeError("the session is closed")
        session = aiohttp.ClientSession(
            connector=self._session.connector,
            connector_owner=False,
            headers=self._session.headers,
            cookie_jar=self._session.cookie_jar,
            trust_env=self._session.trust_env,
            timeout=self._whole,
            middlewares=(_refused_unless_upgraded,),
        )
        limits = aiohttp.ClientWSTimeout(ws_receive=SILENCE_MAX_S, ws_close=CLOSE_MAX_S)
        url, headers = self._line.address + target, self._line.headers
        try:
            async with session, session.ws_connect(url, headers=headers, timeout=limits) as socket:
                yield socket
            return
        except FAILURES as failure:
            told = _told(failure)
        raise told

    def now_s(self) -> float:
        """The time that the waits go by."""
        return self._line.clock.now_s()

    def _send(
        self, request: Request, limits: aiohttp.ClientTimeout
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.request(
            request.method,
            self._line.address + request.target,
            data=request.body,
            headers={**self._line.headers, **request.all_headers},
            timeout=limits,
            allow_redirects=False,  # our key or token is for this server only
            raise_for_status=False,  # whatever a shared session does otherwise
        )


async def _refused_unless_upgraded(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Whatever is no WebSocket, raised with what it says; and no redirect is followed."""
    response = await send(request)
    if response.status != 101:
        raise refusal(Answer(response.status, response.headers, await response.read()))
    return response


def _mark(failure: BoxOfficeError, request: Request, doubtful: bool) -> bool:
    """Tell a failure its key, and whether an attempt may have been applied after all; which is returned.

    An attempt that was not applied says nothing of those before it, unless it got as far as the key.
    """
    failure.key = request.key
    decided = isinstance(failure, Problem) and failure.status in _DECIDED
    failure.maybe_applied |= doubtful and not decided
    failure.maybe_applied &= request.method != "GET"
    return failure.maybe_applied


def _told(failure: Exception) -> BoxOfficeError:
    """The exception for what aiohttp raises when no answer comes, to be raised outside of its `except`."""
    match failure:
        case aiohttp.ClientResponseError():
            # Not chained: it has the request's headers, and so the key or the token.
            return BadAnswer(f"the answer is no HTTP: {failure.message[:EXCERPT_MAX]}", 0)
        case aiohttp.ClientSSLError():
            told = Unreachable(f"no secure connection: {failure}")
            told.passing = False
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            told = Unreachable(f"no connection: {failure}")
        case TimeoutError():
            told = Unreachable("no answer in time")
            told.maybe_applied = True
        case _:
            told = Unreachable(f"the connection was lost: {failure}")
            told.maybe_applied = True
    told.__cause__ = failure
    return told


def refusal(answer: Answer) -> BoxOfficeError:
    """The exception for an answer that is not what was asked for."""
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    after_s = retry_after_s(answer.headers)
    if media_type == "application/problem+json":
        try:
            problem = problem_of(answer.status, msgspec.json.decode(answer.body), after_s)
        except msgspec.DecodeError:
            problem = None
        if problem is not None:
            return problem
    if 300 <= answer.status < 400:
        to = answer.headers.get("Location", "nowhere")[:EXCERPT_MAX]
        return _bad(answer, f"the answer is a redirect to {to}, which is not followed")
    failure = _bad(answer, "the answer is not a box office's")
    failure.retry_after_s = after_s
    return failure


def reader(decoder: "msgspec.json.Decoder[T]") -> Callable[[Answer], T]:
    """Reads a 2xx answer's body; raises a BoxOfficeError for any other answer."""

    def read(answer: Answer) -> T:
        if not 200 <= answer.status < 300:
            raise refusal(answer)
        try:
            return decoder.decode(answer.body)
        except msgspec.DecodeError as failure:  # a ValidationError is one, too
            raise _bad(answer, f"the answer is not what was asked for: {failure}") from failure

    return read


def _bad(answer: Answer, detail: str) -> BadAnswer:
    text = answer.body[: 4 * EXCERPT_MAX].decode("utf-8", "replace")
    return BadAnswer(detail, answer.status, text[:EXCERPT_MAX])
