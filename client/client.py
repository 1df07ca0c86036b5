"""`BoxOffice`: every call of the server as a method. Made and used on one event loop.

Says what is sent and what comes back; how it is sent, and sent again, is `connection.py`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload
from uuid import uuid4

import aiohttp
import msgspec
from msgspec import UNSET, UnsetType

from boxoffice.client import lists
from boxoffice.client.address import authorization, checked, segment
from boxoffice.client.batch import UnfinishedError, body_of, encode, results_of
from boxoffice.client.commands import (
    Adjust,
    Book,
    Cancel,
    Close,
    Command,
    Confirm,
    Extend,
    Hold,
    Initialize,
    Terms,
)
from boxoffice.client.connection import Answer, Connection, Line, Request, reader
from boxoffice.client.patience import REAL_CLOCK, Clock
from boxoffice.client.problems import Problem
from boxoffice.client.statuses import Statuses
from boxoffice.client.types import (
    Adjusted,
    ApiKey,
    Cancelled,
    Change,
    Event,
    Order,
    OrderStatus,
    Ready,
    Result,
)
from boxoffice.client.watching import OnConnection, WatchedEvent, WatchedOrder, newest_of

PAGE_SIZE = 100
"""Items that are asked for at a time; the server gives 500 at the most."""

R = TypeVar("R", bound=Result)

_read_api_key = reader(msgspec.json.Decoder(ApiKey))
_read_order = reader(msgspec.json.Decoder(Order))
_read_ready = reader(msgspec.json.Decoder(Ready))
_READERS: dict[type[Any], Callable[[Answer], Any]] = {
    each: reader(msgspec.json.Decoder(each)) for each in (Event, Order, Cancelled, Adjusted)
}


class BoxOffice:
    """A box office, by its address: `async with BoxOffice("http://localhost:3000") as box: …`.

    `api_key` (`bo_…`) or a customer's `token` (a JWT) says who asks. One client is for one event loop, and
    for as many tasks as you like; `connections_max` requests are under way at a time, and the others wait
    their turn. A `session` of your own is used and left open; let its connector have as many connections,
    since to wait for one of those takes of an attempt's time.

    Every call that changes something is sent under an `Idempotency-Key`: `key`, of 1 to 255 printable ASCII
    characters, or one of its own. So it may be, and is, sent again without being done twice: after 429, 502,
    503, 504 and `in_progress`, a lost connection or a time that was up. It waits as long as `Retry-After`
    says, or else at random up to 0.1, 0.2, 0.4 … 5 s. Nothing is sent again later than `retry_for_s` after
    the first time (0: never), and each attempt takes `connect_timeout_s` and `answer_timeout_s` at the most.
    Give a `key`, and keep it, if you want to ask again after a crash of your own.

    Every call may raise `BoxOfficeError`: a `Problem` (what the server refused, by its code; any call may be
    `Unauthenticated`, `Forbidden` or `RateLimited`), `Unreachable` or `BadAnswer`. That of the last attempt
    is raised, and its `maybe_applied` speaks for all of them.
    Cancelling a call takes nothing back: what the server has read is done.

    Raises ValueError for an address, a key or a token that cannot be one. `clock` is for tests.
    """

    def __init__(
        self,
        address: str,
        *,
        api_key: str | None = None,
        token: str | None = None,
        session: aiohttp.ClientSession | None = None,
        connect_timeout_s: float = 5.0,
        answer_timeout_s: float = 25.0,
        retry_for_s: float = 30.0,
        connections_max: int = 100,
        statuses_kept_max: int = 100,
        user_agent: str = "boxoffice-python",
        clock: Clock = REAL_CLOCK,
    ) -> None:
        headers = {"User-Agent": user_agent, "Accept": "application/json", **authorization(api_key, token)}
        self._line = Line(
            checked(address),
            headers,
            connect_timeout_s,
            answer_timeout_s,
            retry_for_s,
            connections_max,
            clock,
        )
        self._own: aiohttp.ClientSession | None = None
        self._session = session
        self._connected: Connection | None = None
        self._statuses = Statuses(statuses_kept_max)

    async def __aenter__(self) -> Self:
        if self._connected is not None:
            raise RuntimeError("a BoxOffice is entered once at a time")
        session = self._session
        if session is None:
            connector = aiohttp.TCPConnector(limit=0)  # the connection counts, so waiting is not timed
            session = self._own = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
        self._connected = Connection(session, self._line)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connected = None
        if self._own is not None:
            await self._own.close()
            self._own = None

    @property
    def _connection(self) -> Connection:
        if self._connected is None:
            raise RuntimeError("a BoxOffice is used within `async with`")
        return self._connected

    # --- events ----------------------------------------------------------------------------------

    async def initialize(
        self, event_name: str, total_tickets: int, *, key: str | None = None, **terms: Unpack[Terms]
    ) -> Event:
        """Put an event on sale: its name 1 to 200 characters, 1 to 10,000,000 tickets, on these terms.

        Raises InvalidRequest, also for terms that contradict each other.
        """
        return await self._do(Initialize(event_name, total_tickets, **terms), key)

    async def adjust(
        self,
        event_id: str | int,
        *,
        event_name: str | UnsetType = UNSET,
        total_tickets: int | UnsetType = UNSET,
        if_version: int | None = None,
        key: str | None = None,
        **terms: Unpack[Terms],
    ) -> Adjusted:
        """Change what is given, `if_version` only if the event is at that version; may promote.

        Raises EventNotFound, CapacityInUse, TermsContradictory, VersionMoved, SalesClosed, InvalidRequest.
        """
        headers = {} if if_version is None else {"If-Match": f'"{if_version}"'}
        return await self._do(Adjust(event_id, event_name, total_tickets, **terms), key, headers)

    async def close(self, event_id: str | int, *, key: str | None = None) -> Event:
        """End the sale for good; what is held or offered may still be confirmed.

        Raises EventNotFound, SalesClosed.
        """
        return await self._do(Close(event_id), key)

    async def status(self, event_id: str | int) -> Event:
        """The event's committed numbers. Of `statuses_kept_max` events, the last status is kept here and
        not sent again while it is the same.

        Raises EventNotFound.
        """
        return await self._statuses.ask(self._connection, f"/status/{segment(event_id)}")

    def watch(
        self, event_id: str | int, *, since: int = 0, on_connection: OnConnection | None = None
    ) -> AsyncGenerator[Event, None]:
        """The event's status as it is now, if its version is above `since`, and every newer one.

        Newest wins: whoever takes long gets the newest status next, never those that it has replaced.
        Versions never go back; the same one comes again only if its `state` is another, which time alone
        may do. A connection that is lost, or on which nothing was heard for a minute, is followed by
        another, for ever; but after `retry_for_s` without one, why is raised: wait for ever with
        `retry_for_s=inf`. What does not pass is raised at once, `Unauthenticated` also for a key that is
        revoked meanwhile. `on_connection` is told None when a connection stands, and why when there is
        none any more. It has a connection of its own, and a task that listens, until it is closed:
        `async with aclosing(box.watch(…)) as statuses`.
        Raises EventNotFound, TooManyListeners, UpgradeRequired.
        """
        return newest_of(self._connection, WatchedEvent(event_id, since), on_connection)

    def events(self, *, newest: bool = False, page_size: int = PAGE_SIZE) -> AsyncIterator[Event]:
        """All events by id, or the `newest` first, `page_size` (1 to 500) of them asked for at a time."""
        query = {"order": "newest" if newest else "oldest", "limit": str(page_size)}
        return lists.every(self._connection, "/events", query, lists.EVENTS)

    def changes(
        self, event_id: str | int, *, after: int = 0, page_size: int = PAGE_SIZE
    ) -> AsyncIterator[Change]:
        """The event's log after a version, oldest first, `page_size` (1 to 500) entries at a time.

        Raises EventNotFound.
        """
        query = {"after": str(after), "limit": str(page_size)}
        return lists.every(self._connection, _log_of(event_id), query, lists.CHANGES)

    def log(self, event_id: str | int, *, after: int = 0) -> AsyncIterator[Change]:
        """The same in one stream, for a long log; where it breaks off, it goes on by itself.

        It has a connection of its own, which whoever leaves it early closes: `async with aclosing(…)`.
        Raises EventNotFound.
        """
        return lists.log(self._connection, _log_of(event_id), after)

    # --- orders ----------------------------------------------------------------------------------

    async def book(
        self,
        event_id: str | int,
        user_id: str | int,
        quantity: int = 1,
        *,
        waitlist: bool = True,
        key: str | None = None,
    ) -> Order:
        """Book all of the quantity (1 to 1,000) or nothing: `CONFIRMED`, or `WAITLISTED` with a `position`.

        Raises SoldOut if `waitlist` is false, WaitlistFull, ExceedsCapacity, LimitExceeded, SalesNotOpen,
        SalesClosed, EventNotFound, InvalidRequest.
        """
        return await self._do(Book(event_id, user_id, quantity, waitlist), key)

    async def hold(
        self,
        event_id: str | int,
        user_id: str | int,
        quantity: int = 1,
        *,
        waitlist: bool = True,
        hold_seconds: int | None = None,
        key: str | None = None,
    ) -> Order:
        """Book, but only for `hold_seconds` (None: the event's) unless confirmed: `HELD` or `WAITLISTED`.

        Raises what `book` does.
        """
        return await self._do(Hold(event_id, user_id, quantity, waitlist, hold_seconds), key)

    async def confirm(self, order_id: str, *, key: str | None = None) -> Order:
        """Keep what is held, or accept what is offered.

        Raises HoldExpired, AlreadyConfirmed, AlreadyCancelled, NotHeld, OrderNotFound.
        """
        return await self._do(Confirm(order_id), key)

    async def extend(
        self, order_id: str, hold_seconds: int | None = None, *, key: str | None = None
    ) -> Order:
        """Hold for `hold_seconds` (None: the event's) from now on, within the event's `max_hold_seconds`.

        Raises HoldNotExtended, SalesClosed, and what `confirm` does.
        """
        return await self._do(Extend(order_id, hold_seconds), key)

    @overload
    async def cancel(
        self, order_id: str, *, quantity: int | None = None, key: str | None = None
    ) -> Cancelled: ...

    @overload
    async def cancel(
        self,
        *,
        event_id: str | int,
        user_id: str | int,
        quantity: int | None = None,
        key: str | None = None,
    ) -> Cancelled: ...

    async def cancel(
        self,
        order_id: str | UnsetType = UNSET,
        *,
        event_id: str | int | UnsetType = UNSET,
        user_id: str | int | UnsetType = UNSET,
        quantity: int | None = None,
        key: str | None = None,
    ) -> Cancelled:
        """Cancel an order, or the only live order of a customer in an event; or `quantity` of its tickets.

        What was held is let go, an offer declined, the line left; whoever gets the tickets is in `promoted`.
        Raises AlreadyCancelled, HoldExpired, ExceedsOrder, AmbiguousOrder, OrderNotFound, EventNotFound.
        """
        return await self._do(Cancel(order_id, event_id, user_id, quantity), key)

    async def order(self, order_id: str) -> Order:
        """One order, live or settled. Raises OrderNotFound."""
        return await self._connection.ask(Request("GET", f"/orders/{segment(order_id)}"), _read_order)

    def watch_order(
        self, order_id: str, *, on_connection: OnConnection | None = None
    ) -> AsyncGenerator[Order, None]:
        """The order as it is now, and whenever its status, quantity, position or expiry is another.

        Ends by itself after `CANCELLED` or `EXPIRED`; else like `watch`. Raises OrderNotFound,
        TooManyListeners, UpgradeRequired.
        """
        return newest_of(self._connection, WatchedOrder(order_id), on_connection)

    def orders(
        self,
        *,
        event_id: str | int | None = None,
        user_id: str | int | None = None,
        status: OrderStatus | None = None,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Order]:
        """Orders by event and age, `page_size` (1 to 500) of them asked for at a time."""
        wanted = {"eventId": event_id, "userId": user_id, "status": status, "limit": page_size}
        query = {name: str(value) for name, value in wanted.items() if value is not None}
        return lists.every(self._connection, "/orders", query, lists.ORDERS)

    # --- many at once, and the server itself -----------------------------------------------------

    async def batch(self, commands: Iterable[Command[R]], *, key: str | None = None) -> list[R | Problem]:
        """1 to 1,000 commands in one request; what became of each, in their order.

        Refusals of single commands are among the results and not raised. What was `NotApplied`,
        `Overloaded`, `EventMoved`, `InProgress` or `OutcomeUnknown` is tried again, as long as a call of its
        own would be; what was done stays as it was answered.
        """
        asked, key = list(commands), _new_key() if key is None else key
        request = Request("POST", "/batch", body_of(asked), key)
        try:
            return await self._connection.ask(request, partial(results_of, asked, key))
        except UnfinishedError as unfinished:
            return unfinished.results

    def api_keys(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[ApiKey]:
        """All API keys, the oldest first, revoked and expired ones too, without their secrets.

        `page_size` (1 to 500) of them are asked for at a time.
        """
        return lists.every(self._connection, "/keys", {"limit": str(page_size)}, lists.API_KEYS)

    async def revoke_api_key(self, key_id: str) -> ApiKey:
        """Take a key no more: this server from now on, others within two seconds. Again changes nothing.

        `key_id` is the part between the underscores of `bo_…_…`. Raises ApiKeyNotFound.
        """
        return await self._connection.ask(Request("DELETE", f"/keys/{segment(key_id)}"), _read_api_key)

    async def ready(self, *, verbose: bool = False) -> Ready:
        """That bookings are taken; `verbose`, for administrators: what is under way, and what is the matter.

        Asks once. Raises NotReady, whose `more` has the same.
        """
        target = "/readyz?verbose" if verbose else "/readyz"
        return await self._connection.ask(Request("GET", target), _read_ready, once=True)

    async def _do(self, command: Command[R], key: str | None, headers: Mapping[str, str] | None = None) -> R:
        """One command by its own call."""
        request = Request(
            "POST", command.path, encode(command), _new_key() if key is None else key, headers or {}
        )
        answer: R = await self._connection.ask(request, _READERS[command.answer])
        return answer


def _new_key() -> str:
    return str(uuid4())


def _log_of(event_id: str | int) -> str:
    return f"/events/{segment(event_id)}/changes"
