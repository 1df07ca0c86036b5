"""What changes mean for the tables, and how times and texts are written for PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from types import SimpleNamespace

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy.engine import make_url

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventAdjusted,
    EventInitialized,
    HoldExtended,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderReduced,
    SaleClosed,
    TicketsBooked,
    TicketsHeld,
)
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.values import (
    CustomerId,
    EventId,
    EventStatus,
    Instant,
    Order,
    OrderId,
    OrderStatus,
    Promotion,
    Terms,
    WaitlistMode,
)
from boxoffice.persistence.batch import array_of_texts
from boxoffice.persistence.rows import (
    STATUS_COLUMNS,
    OrderRow,
    OrderRows,
    OrderUpdate,
    instant,
    instant_if_any,
    status_of,
    timestamp,
)
from tests.support.postgres import Cluster
from tests.unit.crowd import Crowd

NOW = Instant(1_000)
EVENT = EventId(7)
ANN, BOB, CAT = OrderId("ann"), OrderId("bob"), OrderId("cat")


def booked(version: int, order: OrderId, quantity: int = 1) -> TicketsBooked:
    return TicketsBooked(version, Instant(version), order, CustomerId(order), quantity)


def held(version: int, order: OrderId, until: int, quantity: int = 1) -> TicketsHeld:
    return TicketsHeld(version, Instant(version), order, CustomerId(order), quantity, Instant(until))


def waitlisted(version: int, order: OrderId, quantity: int = 1) -> CustomerWaitlisted:
    return CustomerWaitlisted(version, Instant(version), order, CustomerId(order), quantity)


def confirmed(version: int, order: OrderId) -> OrderConfirmed:
    return OrderConfirmed(version, Instant(version), order)


def extended(version: int, order: OrderId, until: int) -> HoldExtended:
    return HoldExtended(version, Instant(version), order, Instant(until))


def promotions(orders: tuple[OrderId, ...], until: int | None) -> tuple[Promotion, ...]:
    end = None if until is None else Instant(until)
    return tuple(Promotion(each, CustomerId(each), 1, end) for each in orders)


def cancelled(version: int, order: OrderId, *promoted: OrderId, until: int | None = None) -> OrderCancelled:
    return OrderCancelled(version, Instant(version), order, promotions(promoted, until))


def expired(version: int, order: OrderId, *promoted: OrderId, until: int | None = None) -> OrderExpired:
    return OrderExpired(version, Instant(version), order, promotions(promoted, until))


def reduced(
    version: int, order: OrderId, quantity: int, *promoted: OrderId, until: int | None = None
) -> OrderReduced:
    return OrderReduced(version, Instant(version), order, quantity, promotions(promoted, until))


def adjusted(version: int, *promoted: OrderId, until: int | None = None) -> EventAdjusted:
    return EventAdjusted(version, Instant(version), "Encore", 9, Terms(), promotions(promoted, until))


def a_row(
    order: OrderId,
    status: str,
    created: int,
    version: int,
    place: int | None = None,
    quantity: int = 1,
    until: int | None = None,
) -> OrderRow:
    end = None if until is None else Instant(until)
    return OrderRow(CustomerId(order), quantity, status, place, end, version, Instant(created))


def an_update(
    status: str | None, version: int, quantity: int | None = None, until: int | None = None
) -> OrderUpdate:
    return OrderUpdate(version, status, quantity, None if until is None else Instant(until))


# --- folding: orders that the database does not have ---------------------------------------------


def test_an_initialised_event_has_no_orders() -> None:
    rows = OrderRows([EventInitialized(1, NOW, "Concert", 5)])
    assert rows.added == {}
    assert rows.altered == {}
    assert not rows.adjusted


def test_new_orders_are_added() -> None:
    rows = OrderRows([booked(5, ANN), waitlisted(6, BOB), held(7, CAT, until=90)])
    assert rows.added == {
        ANN: a_row(ANN, "confirmed", 5, 5),
        BOB: a_row(BOB, "waitlisted", 6, 6, place=6),
        CAT: a_row(CAT, "held", 7, 7, until=90),
    }
    assert rows.altered == {}
    assert not rows.adjusted


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ([booked(5, ANN), cancelled(6, ANN)], a_row(ANN, "cancelled", 5, 6)),
        ([booked(5, ANN, 3), reduced(6, ANN, 2)], a_row(ANN, "confirmed", 5, 6, quantity=2)),
        ([held(5, ANN, 90), confirmed(6, ANN)], a_row(ANN, "confirmed", 5, 6)),
        ([held(5, ANN, 90), extended(6, ANN, 95)], a_row(ANN, "held", 5, 6, until=95)),
        ([held(5, ANN, 90), expired(90, ANN)], a_row(ANN, "expired", 5, 90)),
        ([held(5, ANN, 90), cancelled(6, ANN)], a_row(ANN, "cancelled", 5, 6)),
        ([held(5, ANN, 90, 3), reduced(6, ANN, 2)], a_row(ANN, "held", 5, 6, quantity=2, until=90)),
        (
            [held(5, ANN, 90, 3), extended(6, ANN, 95), reduced(7, ANN, 2), confirmed(8, ANN)],
            a_row(ANN, "confirmed", 5, 8, quantity=2),
        ),
        ([waitlisted(5, ANN), cancelled(6, ANN)], a_row(ANN, "cancelled", 5, 6)),
        ([waitlisted(5, ANN), cancelled(6, BOB, ANN)], a_row(ANN, "confirmed", 5, 6)),
        ([waitlisted(5, ANN), cancelled(6, BOB, ANN, until=90)], a_row(ANN, "offered", 5, 6, until=90)),
        ([waitlisted(5, ANN), expired(6, BOB, ANN)], a_row(ANN, "confirmed", 5, 6)),
        ([waitlisted(5, ANN), reduced(6, BOB, 1, ANN)], a_row(ANN, "confirmed", 5, 6)),
        ([waitlisted(5, ANN), adjusted(6, ANN, until=90)], a_row(ANN, "offered", 5, 6, until=90)),
        ([waitlisted(5, ANN, 3), reduced(6, ANN, 2)], a_row(ANN, "waitlisted", 5, 6, place=5, quantity=2)),
        ([waitlisted(5, ANN, 3), reduced(6, ANN, 1, ANN)], a_row(ANN, "confirmed", 5, 6)),
        (
            [waitlisted(5, ANN), adjusted(6, ANN, until=90), confirmed(7, ANN), cancelled(8, ANN)],
            a_row(ANN, "cancelled", 5, 8),
        ),
        ([waitlisted(5, ANN), adjusted(6, ANN, until=90), expired(90, ANN)], a_row(ANN, "expired", 5, 90)),
    ],
)
def test_an_order_that_is_new_in_a_batch_is_added_once_as_it_ends(
    changes: list[Change], row: OrderRow
) -> None:
    rows = OrderRows(changes)
    assert rows.added == {ANN: row}
    assert ANN not in rows.altered


# --- folding: orders that the database has -------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "update"),
    [
        ([cancelled(6, ANN)], an_update("cancelled", 6)),
        ([expired(6, ANN)], an_update("expired", 6)),
        ([confirmed(6, ANN)], an_update("confirmed", 6)),
        ([extended(6, ANN, 95)], an_update("held", 6, until=95)),
        ([reduced(6, ANN, 2)], an_update(None, 6, quantity=2)),
        ([cancelled(6, BOB, ANN)], an_update("confirmed", 6)),
        ([expired(6, BOB, ANN, until=90)], an_update("offered", 6, until=90)),
        ([reduced(6, BOB, 1, ANN)], an_update("confirmed", 6)),
        ([adjusted(6, ANN, until=90)], an_update("offered", 6, until=90)),
        ([reduced(6, ANN, 3), reduced(7, ANN, 2)], an_update(None, 7, quantity=2)),
        ([reduced(6, ANN, 2, ANN)], an_update("confirmed", 6, quantity=2)),
        ([reduced(6, ANN, 2, ANN, until=90)], an_update("offered", 6, quantity=2, until=90)),
        ([reduced(6, ANN, 2), cancelled(7, BOB, ANN)], an_update("confirmed", 7, quantity=2)),
        ([reduced(6, ANN, 2), cancelled(7, ANN)], an_update("cancelled", 7, quantity=2)),
        ([confirmed(6, ANN), reduced(7, ANN, 2)], an_update("confirmed", 7, quantity=2)),
        ([extended(6, ANN, 95), reduced(7, ANN, 2)], an_update("held", 7, quantity=2, until=95)),
        ([extended(6, ANN, 95), extended(7, ANN, 99)], an_update("held", 7, until=99)),
        ([extended(6, ANN, 95), confirmed(7, ANN)], an_update("confirmed", 7)),
        ([extended(6, ANN, 95), expired(95, ANN)], an_update("expired", 95)),
        ([adjusted(6, ANN, until=90), confirmed(7, ANN)], an_update("confirmed", 7)),
        ([adjusted(6, ANN), cancelled(7, ANN)], an_update("cancelled", 7)),
    ],
)
def test_an_order_that_the_database_has_is_altered_once_as_it_ends(
    changes: list[Change], update: OrderUpdate
) -> None:
    rows = OrderRows(changes)
    assert rows.added == {}
    assert rows.altered[ANN] == update
    assert rows.altered.keys() <= {ANN, BOB}


def test_everyone_whom_a_change_names_is_altered() -> None:
    assert OrderRows([cancelled(6, ANN, BOB), cancelled(7, BOB, CAT, until=90)]).altered == {
        ANN: an_update("cancelled", 6),
        BOB: an_update("cancelled", 7),
        CAT: an_update("offered", 7, until=90),
    }


# --- folding: the event's own facts --------------------------------------------------------------


@pytest.mark.parametrize("change", [adjusted(6), SaleClosed(6, NOW)], ids=lambda each: type(each).__name__)
def test_that_the_event_itself_changed_is_noted(change: Change) -> None:
    rows = OrderRows([booked(5, ANN), change, booked(7, BOB)])
    assert rows.adjusted
    assert rows.added.keys() == {ANN, BOB}


@pytest.mark.parametrize(
    "change",
    [booked(6, ANN), held(6, ANN, 90), waitlisted(6, ANN), confirmed(6, ANN), extended(6, ANN, 95),
     reduced(6, ANN, 1, BOB), cancelled(6, ANN, BOB), expired(6, ANN, BOB)],
    ids=lambda each: type(each).__name__,
)  # fmt: skip
def test_what_concerns_orders_leaves_the_event_itself_alone(change: Change) -> None:
    assert not OrderRows([change]).adjusted


# --- folding, at length --------------------------------------------------------------------------


class Table:
    """The orders table as a dictionary: what the rows of each batch make of it."""

    def __init__(self) -> None:
        self.rows: dict[OrderId, OrderRow] = {}

    def write(self, changes: list[Change]) -> None:
        rows = OrderRows(changes)
        assert not rows.added.keys() & self.rows.keys()
        assert rows.altered.keys() <= self.rows.keys()
        self.rows.update(rows.added)
        for order_id, update in rows.altered.items():
            row = self.rows[order_id]
            row.version = update.version
            row.quantity = update.quantity or row.quantity
            if update.status is not None:
                row.status, row.expires_at, row.place = update.status, update.expires_at, None

    @property
    def live(self) -> list[Order]:
        return [
            Order(
                order_id,
                CustomerId(row.customer),
                row.quantity,
                OrderStatus(row.status),
                row.created_at,
                row.place,
                row.expires_at,
            )
            for order_id, row in sorted(self.rows.items())
            if row.status not in ("cancelled", "expired")
        ]


@given(seed=st.integers(0, 9_999), cut=st.integers(1, 30))
def test_however_a_history_is_cut_into_batches_the_table_is_the_inventory(seed: int, cut: int) -> None:
    inventory, table, random = Inventory(EVENT), Table(), Random(seed)
    crowd, now = Crowd(random), NOW
    batch = list(inventory.handle(crowd.opening(now), now).changes)
    versions = dict[OrderId, int]()
    for _ in range(60):
        now = crowd.moment(now)
        changes = inventory.handle(crowd.command(inventory, now), now).changes
        batch += changes
        for change in changes:
            versions |= dict.fromkeys(named_by(change), change.version)
        if random.randrange(cut) == 0:
            table.write(batch)
            batch = []
    table.write(batch)
    assert table.live == inventory.orders
    assert {order_id: row.version for order_id, row in table.rows.items()} == versions


def named_by(change: Change) -> list[OrderId]:
    """Whose orders a change made, or made into something else."""
    promoted = [promotion.order_id for promotion in getattr(change, "promoted", ())]
    return [change.order_id, *promoted] if hasattr(change, "order_id") else promoted


# --- an event's row ------------------------------------------------------------------------------


def test_the_row_of_an_event_is_read_as_its_status() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    row = SimpleNamespace(
        id=7, name="Concert", capacity=15, available=1, booked=2, held=3, offered=9, waiting=4,
        waiting_tickets=5, version=6, closed_at=moment + timedelta(microseconds=3),
        sales_open_at=moment, sales_close_at=moment + timedelta(microseconds=1), max_per_order=7,
        max_per_customer=8, waitlist_limit=0, waitlist_mode="offer", offer_seconds=10, hold_seconds=11,
        max_hold_seconds=12,
    )  # fmt: skip
    assert set(STATUS_COLUMNS) == set(vars(row))
    at = 1_767_225_600_000_000
    terms = Terms(Instant(at), Instant(at + 1), 7, 8, 0, WaitlistMode.OFFER, 10, 11, 12)
    assert status_of(row) == EventStatus(
        EVENT, "Concert", 15, 1, 2, 3, 9, 4, 5, version=6, terms=terms, closed_at=Instant(at + 3)
    )


def test_what_an_event_does_not_bound_is_read_as_nothing() -> None:
    row = SimpleNamespace(**dict.fromkeys(STATUS_COLUMNS))
    row.id, row.waitlist_mode = 7, "book"
    status = status_of(row)
    assert (status.closed_at, status.terms.sales_open_at, status.terms.sales_close_at) == (None, None, None)
    assert (status.terms.max_per_order, status.terms.waitlist_limit) == (None, None)


def test_events_on_the_same_terms_have_the_same_ones_in_memory() -> None:
    usual = dict.fromkeys(STATUS_COLUMNS) | {"id": 7, "waitlist_mode": "book", "max_per_order": 4}
    rows = [SimpleNamespace(**usual), SimpleNamespace(**(usual | {"id": 8}))]
    one, other = map(status_of, rows)
    assert one.terms is other.terms
    rows[1].max_per_order = 5
    assert status_of(rows[1]).terms == replace(one.terms, max_per_order=5)


# --- times ---------------------------------------------------------------------------------------


def test_a_time_is_written_in_utc_to_the_microsecond() -> None:
    assert timestamp(Instant(1_767_225_600_000_001)) == "2026-01-01 00:00:00.000001+00"


@given(at=st.integers(0, 7_258_118_399_999_999))  # the year 2199
def test_a_time_comes_back_exactly(at: int) -> None:
    assert instant(datetime.fromisoformat(timestamp(Instant(at)))) == at


@given(at=st.integers(0, 7_258_118_399_999_999), hours=st.integers(-12, 14))
def test_a_time_comes_back_exactly_in_any_time_zone(at: int, hours: int) -> None:
    moment = datetime.fromisoformat(timestamp(Instant(at)))
    assert instant(moment.astimezone(timezone(timedelta(hours=hours)))) == at


def test_a_time_that_is_not_there_stays_so() -> None:
    assert instant_if_any(None) is None
    assert instant_if_any(datetime(1970, 1, 1, tzinfo=UTC)) == 0


# --- texts ---------------------------------------------------------------------------------------


def read_array(literal: str) -> list[str]:
    """PostgreSQL's rules for an array literal whose elements all stand in double quotes."""
    assert literal[0] == "{"
    assert literal[-1] == "}"
    texts: list[str] = []
    characters = iter(literal[1:-1])
    for opening in characters:
        assert opening == '"'
        texts.append("".join(read_element(characters)))
        assert next(characters, ",") == ","
    return texts


def read_element(characters: Iterator[str]) -> Iterator[str]:
    for character in characters:
        if character == '"':
            return
        yield next(characters) if character == "\\" else character
    raise AssertionError("the element does not end")


AWKWARD = [
    "",
    "NULL",
    "null",
    " ",
    '"',
    "\\",
    '\\"',
    '"\\',
    "\\\\",
    ",",
    "{}",
    "{a,b}",
    '","',
    "\t\r\n\v\f\b",
    "\\N",
    "\\.",
    "'; DROP TABLE orders; --",
    "%s %(a)s %%",
    "$1",
    "Žluťoučký kůň",
    "👩‍👩‍👧",
    "\x01\x1f\x7f",
    "\u2028\ufeff\uffff",
    "x" * 200,
]


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from('\\",{}')))
)
def test_any_texts_can_be_read_back_from_their_array(texts: list[str]) -> None:
    assert read_array(array_of_texts(texts)) == texts


@pytest.fixture(scope="module")
def connection(embedded_cluster: Cluster) -> Iterator[Connection]:
    with embedded_cluster.database() as url:
        dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg2.connect(dsn)
        yield connection
        connection.close()


@pytest.mark.parametrize("texts", [[], [""], ["NULL"], AWKWARD, AWKWARD[::-1]], ids=len)
def test_postgresql_reads_the_same_texts(connection: Connection, texts: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", (array_of_texts(texts),))
        assert cursor.fetchone() == (texts,)


@pytest.mark.parametrize("at", [0, 1, 999_999, 1_767_225_600_000_001, 4_102_444_799_999_999])
@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns", "Asia/Kathmandu"])
def test_postgresql_reads_the_same_times(connection: Connection, at: int, zone: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE %s", (zone,))
        cursor.execute("SELECT %s::timestamptz", (timestamp(Instant(at)),))
        found = cursor.fetchone()
    assert found is not None
    assert instant(found[0]) == at
    assert found[0] == datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)
