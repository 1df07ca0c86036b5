"""What changes mean for the tables, and how times and texts are written for PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy.engine import make_url

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventInitialized,
    OrderCancelled,
    TicketsBooked,
)
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Book,
    Cancel,
    Command,
    CustomerId,
    EventId,
    Instant,
    Order,
    OrderId,
    Promotion,
)
from boxoffice.persistence.batch import array_of_texts
from boxoffice.persistence.rows import OrderRow, OrderRows, OrderUpdate, instant, timestamp
from tests.support.postgres import Cluster

NOW = Instant(1_000)
ANN, BOB, CAT = OrderId("ann"), OrderId("bob"), OrderId("cat")


def booked(version: int, order: OrderId, quantity: int = 1) -> TicketsBooked:
    return TicketsBooked(version, Instant(version), order, CustomerId(order), quantity)


def waitlisted(version: int, order: OrderId, quantity: int = 1) -> CustomerWaitlisted:
    return CustomerWaitlisted(version, Instant(version), order, CustomerId(order), quantity)


def cancelled(version: int, order: OrderId, *promoted: OrderId) -> OrderCancelled:
    promotions = tuple(Promotion(each, CustomerId(each), 1) for each in promoted)
    return OrderCancelled(version, Instant(version), order, promotions)


def a_row(order: OrderId, status: str, created: int, version: int, place: int | None = None) -> OrderRow:
    return OrderRow(CustomerId(order), 1, status, place, version, Instant(created))


# --- folding -------------------------------------------------------------------------------------


def test_an_initialised_event_has_no_orders() -> None:
    rows = OrderRows([EventInitialized(1, NOW, "Concert", 5)])
    assert rows.added == {}
    assert rows.altered == {}


def test_new_orders_are_added() -> None:
    rows = OrderRows([booked(5, ANN), waitlisted(6, BOB)])
    assert rows.added == {ANN: a_row(ANN, "confirmed", 5, 5), BOB: a_row(BOB, "waitlisted", 6, 6, place=6)}
    assert rows.altered == {}


def test_an_order_that_is_booked_and_cancelled_in_one_batch_is_added_as_it_ends() -> None:
    rows = OrderRows([booked(5, ANN), cancelled(6, ANN)])
    assert rows.added == {ANN: a_row(ANN, "cancelled", 5, 6)}
    assert rows.altered == {}


def test_an_order_that_is_waitlisted_and_promoted_in_one_batch_is_added_without_a_place() -> None:
    rows = OrderRows([waitlisted(5, BOB), cancelled(6, ANN, BOB)])
    assert rows.added == {BOB: a_row(BOB, "confirmed", 5, 6)}
    assert rows.altered == {ANN: OrderUpdate("cancelled", 6)}


def test_an_order_that_leaves_the_line_in_its_own_batch_is_added_without_a_place() -> None:
    assert OrderRows([waitlisted(5, BOB), cancelled(6, BOB)]).added == {BOB: a_row(BOB, "cancelled", 5, 6)}


def test_an_order_that_the_database_has_is_altered() -> None:
    rows = OrderRows([cancelled(6, ANN, BOB, CAT)])
    assert rows.added == {}
    assert rows.altered == {
        ANN: OrderUpdate("cancelled", 6),
        BOB: OrderUpdate("confirmed", 6),
        CAT: OrderUpdate("confirmed", 6),
    }


def test_an_order_that_is_promoted_and_then_cancelled_is_altered_once_as_it_ends() -> None:
    assert OrderRows([cancelled(6, ANN, BOB), cancelled(7, BOB, CAT)]).altered == {
        ANN: OrderUpdate("cancelled", 6),
        BOB: OrderUpdate("cancelled", 7),
        CAT: OrderUpdate("confirmed", 7),
    }


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
            row.status, row.version, row.place = update.status, update.version, None

    def live(self) -> dict[OrderId, tuple[str, int | None, int]]:
        return {
            order_id: (row.status, row.place, row.created_at)
            for order_id, row in self.rows.items()
            if row.status != "cancelled"
        }


def live(orders: list[Order]) -> dict[OrderId, tuple[str, int | None, int]]:
    return {order.id: (order.status.value, order.place, order.created_at) for order in orders}


@given(
    capacity=st.integers(1, 4),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.booleans()), max_size=30),
)
def test_however_a_history_is_cut_into_batches_the_table_is_the_inventory(
    capacity: int, steps: list[tuple[bool, int, bool]]
) -> None:
    inventory, table, numbers = Inventory(EventId(7)), Table(), count()
    batch: list[Change] = [EventInitialized(1, NOW, "Concert", capacity)]
    inventory.apply(batch[0])
    for booking, choice, cut in steps:
        orders = inventory.orders
        command: Command
        if booking or not orders:
            order_id = OrderId(f"{next(numbers):02}")
            command = Book(order_id, CustomerId("ann"), 1 + choice % capacity)
        else:
            command = Cancel(orders[choice % len(orders)].id)
        for change in inventory.decide(command, NOW).changes:
            inventory.apply(change)
            batch.append(change)
        if cut:
            table.write(batch)
            batch = []
    table.write(batch)
    assert table.live() == live(inventory.orders)


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
