"""The Python client against the real server: every call, every way of saying no, and nothing done twice."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from boxoffice.actors.principals import ALL_SCOPES, Rate
from boxoffice.actors.principals import Scope as Role
from boxoffice.client import (
    Adjust,
    Adjusted,
    AlreadyCancelled,
    AlreadyConfirmed,
    AmbiguousOrder,
    ApiKeyNotFound,
    Book,
    BoxOffice,
    BoxOfficeError,
    Cancel,
    Cancelled,
    CapacityInUse,
    ChangeType,
    Close,
    Confirm,
    Event,
    EventNotFound,
    ExceedsCapacity,
    ExceedsOrder,
    Extend,
    Forbidden,
    Hold,
    HoldExpired,
    HoldNotExtended,
    IdempotencyMismatch,
    Initialize,
    InvalidIdempotencyKey,
    InvalidRequest,
    LimitExceeded,
    NotApplied,
    NotHeld,
    NotReady,
    Order,
    OrderNotFound,
    OrderStatus,
    OutcomeUnknown,
    Problem,
    RateLimited,
    SalesClosed,
    SalesNotOpen,
    SaleState,
    Scope,
    SoldOut,
    TermsContradictory,
    Unauthenticated,
    VersionMoved,
    WaitlistFull,
    WaitlistMode,
)
from tests.e2e.house import House
from tests.support.log import Log, database
from tests.support.people import TAKES_TOKENS, api_key, id_of, token_of
from tests.support.postgres import Cluster
from tests.support.server import Server, a_port_that_stays

NOBODY = "1-01a0b2c3-0000-7000-8000-000000000000"


@pytest.fixture
async def box(server: Server, audited: None) -> AsyncIterator[BoxOffice]:
    async with BoxOffice(server.url) as box:
        yield box


async def an_event(box: BoxOffice, tickets: int = 1, **terms: object) -> str:
    event = await box.initialize("Tech Conference 2025", tickets, **terms)  # type: ignore[arg-type]
    return event.event_id


# --- every call ----------------------------------------------------------------------------------


async def test_an_event_is_put_on_sale_on_all_its_terms(box: BoxOffice) -> None:
    opens = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    closes = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    event = await box.initialize(
        "Concert", 7, sales_open_at=opens, sales_close_at=closes, max_per_order=2, max_per_customer=3,
        waitlist_limit=4, waitlist_mode=WaitlistMode.OFFER, offer_seconds=5, hold_seconds=6,
        max_hold_seconds=7,
    )  # fmt: skip
    assert event == Event(
        event_id=event.event_id, event_name="Concert", total_tickets=7, available_tickets=7, booked_tickets=0,
        held_tickets=0, offered_tickets=0, waiting_list_count=0, waiting_tickets=0, state=SaleState.OPEN,
        version=1, sales_open_at=opens, sales_close_at=closes, closed_at=None, max_per_order=2,
        max_per_customer=3, waitlist_limit=4, waitlist_mode=WaitlistMode.OFFER, offer_seconds=5,
        hold_seconds=6, max_hold_seconds=7,
    )  # fmt: skip
    assert await box.status(event.event_id) == event


async def test_orders_are_booked_held_confirmed_extended_and_cancelled(box: BoxOffice) -> None:
    event = await an_event(box, 4, waitlist_mode=WaitlistMode.OFFER)
    ann = await box.book(event, "ann", 3)
    assert (ann.event_id, ann.user_id, ann.quantity, ann.version) == (event, "ann", 3, 2)
    assert ann.status is OrderStatus.CONFIRMED
    assert (ann.position, ann.expires_at) == (None, None)
    assert ann.created_at.utcoffset() == timedelta(0)
    bob = await box.hold(event, "bob", hold_seconds=60)
    assert bob.status is OrderStatus.HELD
    assert bob.expires_at == bob.created_at + timedelta(seconds=60)
    extended = await box.extend(bob.order_id, 120)
    assert bob.expires_at is not None
    assert extended.expires_at is not None
    assert extended.expires_at > bob.expires_at
    assert (await box.confirm(bob.order_id)).status is OrderStatus.CONFIRMED
    cleo = await box.book(event, 5)
    assert (cleo.status, cleo.position, cleo.user_id) == (OrderStatus.WAITLISTED, 1, "5")
    part = await box.cancel(ann.order_id, quantity=1)
    assert (part.status, part.quantity, part.cancelled_quantity) == (OrderStatus.CONFIRMED, 2, 1)
    (promoted,) = part.promoted
    assert (promoted.order_id, promoted.status) == (cleo.order_id, OrderStatus.OFFERED)
    assert promoted.expires_at is not None
    assert (await box.order(cleo.order_id)).expires_at == promoted.expires_at
    assert (await box.confirm(cleo.order_id)).status is OrderStatus.CONFIRMED
    whole = await box.cancel(event_id=int(event), user_id="ann")
    assert (whole.status, whole.cancelled_quantity, whole.promoted) == (OrderStatus.CANCELLED, 2, ())


async def test_an_event_is_adjusted_and_closed(box: BoxOffice) -> None:
    event = await an_event(box, 1, max_per_order=3)
    await box.book(event, "ann")
    bob = await box.book(event, "bob")
    adjusted = await box.adjust(
        event, event_name="Larger", total_tickets=5, max_per_order=None, if_version=bob.version
    )
    assert (adjusted.event_name, adjusted.total_tickets, adjusted.max_per_order) == ("Larger", 5, None)
    assert (adjusted.promoted_count, [each.user_id for each in adjusted.promoted]) == (1, ["bob"])
    assert (await box.adjust(event, waitlist_limit=0)).total_tickets == 5, "what is not given stays"
    closed = await box.close(event)
    assert closed.state is SaleState.CLOSED
    assert closed.closed_at is not None


async def test_a_status_that_is_the_same_is_not_sent_again(box: BoxOffice) -> None:
    event = await an_event(box, 2)
    first = await box.status(event)
    assert await box.status(event) is first
    await box.book(event, "ann")
    second = await box.status(event)
    assert (second.booked_tickets, second.version) == (1, 2)
    assert await box.status(int(event)) is second


async def test_only_so_many_statuses_are_kept(server: Server) -> None:
    async with BoxOffice(server.url, statuses_kept_max=2) as box:
        one, two, three = [await an_event(box) for _ in range(3)]
        of_one, of_two = await box.status(one), await box.status(two)
        assert await box.status(one) is of_one, "which is now the last that was asked for"
        await box.status(three)
        assert await box.status(one) is of_one
        assert await box.status(two) is not of_two
    async with BoxOffice(server.url, statuses_kept_max=0) as box:
        assert await box.status(one) is not await box.status(one)


async def test_the_server_says_whether_it_is_ready(box: BoxOffice) -> None:
    ready = await box.ready()
    assert (ready.status, ready.events_resident) == ("ready", None)
    ready = await box.ready(verbose=True)
    assert ready.events_resident is not None
    assert ready.events_quarantined == ()


async def test_a_batch_has_a_result_for_each_command_in_their_order(box: BoxOffice) -> None:
    event = await an_event(box, 2)
    held = await box.hold(event, "held")
    told = await box.batch(
        [
            Book(event, "ann"),
            Book(event, "bob", waitlist=False),
            Hold(event, "cy", hold_seconds=5),
            Extend(held.order_id, 700),
            Confirm(held.order_id),
            Cancel(event_id=event, user_id="ann"),
            Cancel(order_id=NOBODY),
            Adjust(event, total_tickets=9, max_per_order=None),
            Initialize("New", 3, waitlist_mode=WaitlistMode.OFFER),
            Book(event, "dan", 0),
            Close(event),
        ]
    )
    assert [type(each) for each in told] == [
        Order, SoldOut, Order, Order, Order, Cancelled, OrderNotFound, Adjusted, Event, InvalidRequest, Event,
    ]  # fmt: skip
    ann, refused, waiting, extended, confirmed, cancelled, _, adjusted, new, invalid, closed = told
    assert isinstance(ann, Order)
    assert isinstance(waiting, Order)
    assert isinstance(extended, Order)
    assert isinstance(confirmed, Order)
    assert isinstance(cancelled, Cancelled)
    assert isinstance(adjusted, Adjusted)
    assert isinstance(new, Event)
    assert isinstance(closed, Event)
    assert isinstance(refused, Problem)
    assert isinstance(invalid, Problem)
    assert (ann.user_id, waiting.status, confirmed.status) == ("ann", "waitlisted", "confirmed")
    assert cancelled.promoted[0].order_id == waiting.order_id
    assert (new.event_name, new.waitlist_mode) == ("New", WaitlistMode.OFFER)
    assert (adjusted.total_tickets, closed.state) == (9, SaleState.CLOSED)
    assert refused.more["waitingListCount"] == 0
    assert invalid.errors[0].pointer == "/commands/9/quantity"
    assert refused.key == invalid.key


# --- lists ---------------------------------------------------------------------------------------


async def test_lists_go_on_over_all_their_pages(box: BoxOffice) -> None:
    events = [await an_event(box, 9) for _ in range(3)]
    name = f"wanderer & co {events[0]}"
    orders = [await box.book(event, name) for event in events for _ in range(2)]
    await box.cancel(orders[1].order_id)
    listed = [each async for each in box.orders(user_id=name, page_size=2)]
    assert [each.order_id for each in listed] == [each.order_id for each in orders]
    cancelled = [each async for each in box.orders(user_id=name, status=OrderStatus.CANCELLED)]
    assert [each.order_id for each in cancelled] == [orders[1].order_id]
    of_one = [each async for each in box.orders(event_id=events[1], page_size=1)]
    assert [each.order_id for each in of_one] == [orders[2].order_id, orders[3].order_id]
    assert [each async for each in box.orders(user_id="nobody at all")] == []
    all_events = {each.event_id: each async for each in box.events(page_size=2)}
    assert [all_events[event] for event in events] == [await box.status(event) for event in events]
    newest_first = [each.event_id async for each in box.events(newest=True, page_size=2)]
    assert newest_first == [*reversed(all_events)]


async def test_the_log_is_read_by_pages_or_as_a_stream(box: BoxOffice) -> None:
    event = await an_event(box, 2)
    ann = await box.book(event, "ann", 2)
    await box.book(event, "bob")
    await box.cancel(ann.order_id)
    await box.adjust(event, event_name="Renamed", max_per_order=None)
    log = [each async for each in box.log(event)]
    assert [each async for each in box.changes(event, page_size=2)] == log
    assert [each.version for each in log] == [1, 2, 3, 4, 5]
    assert [each.type for each in log] == [
        ChangeType.EVENT_INITIALIZED, ChangeType.TICKETS_BOOKED, ChangeType.CUSTOMER_WAITLISTED,
        ChangeType.ORDER_CANCELLED, ChangeType.EVENT_ADJUSTED,
    ]  # fmt: skip
    assert (log[1].order_id, log[1].user_id, log[1].quantity) == (ann.order_id, "ann", 2)
    assert log[1].at == ann.created_at
    assert [each.user_id for each in log[3].promoted] == ["bob"]
    assert (log[4].event_name, log[4].max_hold_seconds) == ("Renamed", 3600)
    assert [each async for each in box.log(event, after=3)] == log[3:]
    assert [each async for each in box.changes(event, after=3, page_size=1)] == log[3:]
    assert [each async for each in box.log(event, after=5)] == []


async def test_a_log_of_long_lines_is_streamed(box: BoxOffice) -> None:
    event = await an_event(box, 1)
    users = [f"{n:0200}" for n in range(1_000)]
    await box.batch([Book(event, user) for user in users])
    adjusted = await box.adjust(event, total_tickets=1_000)
    assert adjusted.promoted_count == 999
    *_, last = [each async for each in box.log(event)]
    assert [each.user_id for each in last.promoted] == users[1:]


# --- every way of saying no ----------------------------------------------------------------------


async def refusal(asked: object, kind: type[Problem]) -> Problem:
    with pytest.raises(BoxOfficeError) as refused:
        await asked  # type: ignore[misc]
    assert type(refused.value) is kind
    assert isinstance(refused.value, Problem)
    assert refused.value.request_id
    assert refused.value.detail
    return refused.value


async def test_tickets_that_are_not_to_be_had_are_refused(box: BoxOffice) -> None:
    event = await an_event(box, 2, max_per_order=2, waitlist_limit=0)
    await refusal(box.book(event, "ann", 3), LimitExceeded)
    await box.book(event, "ann", 2)
    sold_out = await refusal(box.book(event, "bob", waitlist=False), SoldOut)
    assert (sold_out.status, sold_out.more["availableTickets"]) == (409, 0)
    await refusal(box.hold(event, "bob"), WaitlistFull)
    await box.adjust(event, max_per_order=None)
    await refusal(box.book(event, "bob", 3), ExceedsCapacity)
    await refusal(box.adjust(event, total_tickets=1), CapacityInUse)
    later = datetime.now(UTC) + timedelta(hours=1)
    await box.adjust(event, sales_open_at=later)
    assert "salesOpenAt" in (await refusal(box.book(event, "bob"), SalesNotOpen)).more
    earlier = later - timedelta(minutes=1)
    contradiction = await refusal(box.adjust(event, sales_close_at=earlier), TermsContradictory)
    assert contradiction.more["field"] in ("salesOpenAt", "salesCloseAt")
    assert (await refusal(box.adjust(event, if_version=1), VersionMoved)).more["version"] > 1
    await box.close(event)
    await refusal(box.book(event, "bob"), SalesClosed)


async def test_orders_that_are_not_in_that_state_are_refused(box: BoxOffice) -> None:
    event = await an_event(box, 9, max_hold_seconds=700)
    ann = await box.hold(event, "ann", 2)
    await refusal(box.cancel(ann.order_id, quantity=3), ExceedsOrder)
    await refusal(box.extend(ann.order_id, 1), HoldNotExtended)
    await box.confirm(ann.order_id)
    await refusal(box.confirm(ann.order_id), AlreadyConfirmed)
    await box.cancel(ann.order_id)
    await refusal(box.cancel(ann.order_id), AlreadyCancelled)
    await box.book(event, "bob"), await box.book(event, "bob")
    ambiguous = await refusal(box.cancel(event_id=event, user_id="bob"), AmbiguousOrder)
    assert (ambiguous.more["orderCount"], len(ambiguous.more["orderIds"])) == (2, 2)
    brief = await box.hold(event, "cy", hold_seconds=1)
    await asyncio.sleep(1.01)  # by then it has ended, even if nobody has noticed
    await refusal(box.confirm(brief.order_id), HoldExpired)
    full = await an_event(box, 1)
    await box.book(full, "ann")
    await refusal(box.confirm((await box.book(full, "bob")).order_id), NotHeld)


@pytest.mark.parametrize("nowhere", ["..", "a/b", "1?x", "99999999999999999", "\u00e9", "%2e"])
async def test_what_is_not_there_is_not_found(box: BoxOffice, nowhere: str) -> None:
    await refusal(box.status(nowhere), EventNotFound)
    await refusal(box.book(nowhere, "ann"), EventNotFound)
    await refusal(anext(box.changes(nowhere)), EventNotFound)
    await refusal(anext(box.log(nowhere)), EventNotFound)
    await refusal(box.order(nowhere), OrderNotFound)
    await refusal(box.confirm(nowhere), OrderNotFound)


async def test_what_is_not_valid_is_refused_with_the_place(box: BoxOffice) -> None:
    event = await an_event(box)
    invalid = await refusal(box.book(event, "ann", 0), InvalidRequest)
    assert [each.pointer for each in invalid.errors] == ["/quantity"]
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - on purpose
    invalid = await refusal(box.initialize("x", 1, sales_open_at=naive), InvalidRequest)
    assert [each.pointer for each in invalid.errors] == ["/salesOpenAt"]
    await refusal(box.batch([]), InvalidRequest)
    await refusal(anext(box.orders(page_size=501)), InvalidRequest)
    await refusal(box.book(event, "ann", key=""), InvalidIdempotencyKey)


async def test_a_key_of_ones_own_answers_the_same_again(box: BoxOffice) -> None:
    event = await an_event(box, 5)
    first = await box.book(event, "ann", key=f"mine-{event}")
    assert await box.book(event, "ann", key=f"mine-{event}") == first
    assert (await box.status(event)).booked_tickets == 1
    mismatch = await refusal(box.book(event, "bob", key=f"mine-{event}"), IdempotencyMismatch)
    assert mismatch.key == f"mine-{event}"
    batch = [Book(event, "cy"), Book(event, "cy")]
    assert await box.batch(batch, key=f"batch-{event}") == await box.batch(batch, key=f"batch-{event}")


# --- who asks ------------------------------------------------------------------------------------


@dataclass
class Guarded:
    """A server that takes keys and tokens, and keys: for everything, for looking, for five sales a second."""

    server: Server
    everything: str
    reading: str
    selling: str


@pytest.fixture(scope="module")
def guarded(embedded_cluster: Cluster) -> Iterator[Guarded]:
    with embedded_cluster.database() as url:
        keys = api_key(url, *ALL_SCOPES), api_key(url, Role.READ), api_key(url, Role.SELL, limit=Rate(5, 1))
        server = Server("--database-url", url, env=TAKES_TOKENS)
        yield Guarded(server, *keys)
        server.stop()


async def test_who_has_no_key_or_the_wrong_one_is_told_so(guarded: Guarded) -> None:
    url = guarded.server.url
    async with (
        BoxOffice(url) as nobody,
        BoxOffice(url, api_key=guarded.everything[:-1]) as cut,
        BoxOffice(url, api_key=guarded.everything) as box,
        BoxOffice(url, api_key=guarded.reading) as reader,
    ):
        event = await an_event(box)
        await refusal(nobody.status(event), Unauthenticated)
        await refusal(cut.status(event), Unauthenticated)
        assert await reader.status(event) == await box.status(event)
        forbidden = await refusal(reader.book(event, "ann"), Forbidden)
        assert (forbidden.status, forbidden.more["scope"]) == (403, "sell")


async def test_a_customer_has_their_own_orders_and_no_others(guarded: Guarded) -> None:
    url = guarded.server.url
    async with (
        BoxOffice(url, api_key=guarded.everything) as box,
        BoxOffice(url, token=token_of("ann")) as ann,
    ):
        event = await an_event(box, 9)
        of_bob = await box.book(event, "bob")
        of_ann = await ann.book(event, "ann")
        assert [each.order_id async for each in ann.orders(event_id=event)] == [of_ann.order_id]
        await refusal(ann.order(of_bob.order_id), OrderNotFound)
        await refusal(ann.cancel(of_bob.order_id), OrderNotFound)
        await refusal(ann.close(event), Forbidden)
        own, others = await ann.batch([Cancel(of_ann.order_id), Cancel(of_bob.order_id)])
        assert isinstance(own, Cancelled)
        assert isinstance(others, OrderNotFound)


async def test_keys_are_listed_and_revoked(guarded: Guarded) -> None:
    other = api_key(guarded.server.database_url, Role.READ, Role.SELL)
    async with BoxOffice(guarded.server.url, api_key=guarded.everything) as box:
        keys = {each.key_id: each async for each in box.api_keys(page_size=1)}
        assert set(keys) == {
            id_of(each) for each in (guarded.everything, guarded.reading, guarded.selling, other)
        }
        assert set(keys[id_of(guarded.everything)].scopes) == set(Scope)
        assert set(keys[id_of(other)].scopes) == {Scope.READ, Scope.SELL}
        assert keys[id_of(other)].revoked_at is None
        revoked = await box.revoke_api_key(id_of(other))
        assert revoked.revoked_at is not None
        assert await box.revoke_api_key(id_of(other)) == revoked
        await refusal(box.revoke_api_key("000000000000"), ApiKeyNotFound)


async def test_who_asks_too_often_waits_their_turn(guarded: Guarded) -> None:
    url = guarded.server.url
    async with BoxOffice(url, api_key=guarded.everything) as box:
        event = await an_event(box, 99)
        async with BoxOffice(url, api_key=guarded.selling, retry_for_s=0) as hasty:
            for _ in range(5):
                await hasty.book(event, "hasty")
            limited = await refusal(hasty.book(event, "hasty"), RateLimited)
            assert limited.retry_after_s is not None
            assert not limited.maybe_applied
        async with BoxOffice(url, api_key=guarded.selling) as patient:
            assert (await patient.book(event, "patient")).status is OrderStatus.CONFIRMED
        assert (await box.status(event)).booked_tickets == 6


# --- when the server, or its database, goes away -------------------------------------------------


BOOKINGS, CANCELLATIONS = 900, 180


@pytest.mark.parametrize(
    "dies", ["", "journal.committed=kill@9"], ids=["SIGTERM", "killed before the answers"]
)
async def test_every_booking_is_done_once_whatever_happens_to_the_server(
    database_url: str, dies: str
) -> None:
    options, port = ("--database-url", database_url), str(a_port_that_stays())
    mortal = {"BOXOFFICE_FAILPOINTS": dies} if dies else {}
    server = await asyncio.to_thread(Server, *options, env={"PORT": port, **mortal})
    booked, sent = Counter[str](), Counter[str]()

    async def buy(number: int) -> Order:
        order = await box.book(events[number % 3], f"user-{number}")
        booked[order.user_id] += 1
        if booked.total() == 300 and not dies:
            server.process.send_signal(signal.SIGTERM)
        return await box.cancel(order.order_id) if number % 5 == 0 else order

    async def start_again() -> Server:
        code = await asyncio.to_thread(server.process.wait, 60)
        assert code == (-signal.SIGKILL if dies else 0)
        return await asyncio.to_thread(Server, *options, env={"PORT": port})

    again = asyncio.create_task(start_again())
    try:
        async with (
            aiohttp.ClientSession(trace_configs=[counting(sent)]) as session,
            BoxOffice(server.url, session=session, retry_for_s=60) as box,
        ):
            events = [await an_event(box, 250) for _ in range(3)]
            told = await asyncio.gather(*(buy(number) for number in range(BOOKINGS)))
            stored = {each.order_id: each async for each in box.orders(page_size=500)}
    finally:
        server.process.kill()  # which it is not there for any more, unless something has gone wrong
        (await again).stop()
    assert sent.total() > 3 + BOOKINGS + CANCELLATIONS, "not vacuous: some had to ask again"
    assert booked == {f"user-{number}": 1 for number in range(BOOKINGS)}
    assert {each.order_id for each in told} == set(stored), "all that was answered, and nothing else"
    assert booked == Counter(each.user_id for each in stored.values())
    cancelled = [each for each in told if isinstance(each, Cancelled)]
    assert len(cancelled) == CANCELLATIONS
    assert all(stored[each.order_id].status is OrderStatus.CANCELLED for each in cancelled)
    assert [len(Log(database_url, event).order_ids) for event in events] == [BOOKINGS // 3] * 3  # and audited
    with database(database_url) as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT customer) FROM orders")
        assert cursor.fetchall() == [(BOOKINGS, BOOKINGS)]


def counting(sent: Counter[str]) -> aiohttp.TraceConfig:
    """Has a session count what it sends, by method."""

    async def count(_: object, __: object, request: aiohttp.TraceRequestStartParams) -> None:
        sent[request.method] += request.method == "POST"

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(count)
    return trace


async def test_who_is_patient_does_not_notice_that_the_database_was_away(house: House) -> None:
    async with BoxOffice(house.server.url) as box:
        event = await an_event(box, 50)
        await box.book(event, "before")
        await asyncio.to_thread(house.postgres.stop, "immediate")
        hasty = await hastily(house, event)
        assert isinstance(hasty, NotApplied | OutcomeUnknown)
        assert hasty.maybe_applied == isinstance(hasty, OutcomeUnknown)
        assert hasty.retry_after_s in (1, 2, 3)
        await refusal(box.ready(), NotReady)
        asked = [asyncio.create_task(box.book(event, f"user-{n}")) for n in range(20)]
        batch = asyncio.create_task(box.batch([Book(event, f"batch-{n}") for n in range(20)]))
        await asyncio.sleep(0.2)  # for all of them to be refused at least once
        await asyncio.to_thread(house.postgres.start)
        orders = [*await asyncio.gather(*asked), *await batch]
        assert {type(each) for each in orders} == {Order}
        assert (await box.status(event)).booked_tickets == 41 + (await times(box, event, "hasty"))
        assert len(Log(house.url, event).order_ids) == 41 + (await times(box, event, "hasty"))


async def hastily(house: House, event: str) -> Problem:
    """What is said at once."""
    async with BoxOffice(house.server.url, retry_for_s=0) as box:
        with pytest.raises(Problem) as refused:
            await box.book(event, "hasty")
    return refused.value


async def times(box: BoxOffice, event: str, user: str) -> int:
    """How often somebody has booked."""
    return len([each async for each in box.orders(event_id=event, user_id=user)])
