"""The audit against real PostgreSQL: a sound database passes, and damage of every kind is found and named.

Histories are made by the real rules and written by the journal's own statement. What the rules would never
do is planted afterwards, by hand.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection

from boxoffice.actors.changes import Change
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Adjust,
    Answer,
    Book,
    Cancel,
    CancelFor,
    Close,
    Command,
    Confirm,
    Extend,
    Hold,
    Initialize,
    NotApplied,
    SoldOut,
    Waitlisted,
    encode_answer,
)
from boxoffice.actors.ports import Answered, Entry, Key, Lease, Request
from boxoffice.actors.values import (
    SECOND,
    CustomerId,
    EventId,
    Instant,
    OrderId,
    Terms,
    WaitlistMode,
)
from boxoffice.persistence import audit as audit_module
from boxoffice.persistence.audit import audit
from boxoffice.persistence.batch import Part, held, message, prepare
from boxoffice.persistence.database import make_engine
from boxoffice.persistence.report import Report, Violation
from boxoffice.persistence.rows import timestamp
from tests.contract.support import EVENT, NOW, OTHER, connect, new_order_id

NOBODY = EventId(99)
STRANGER = "019b0000-0000-7000-8000-00000000dead"
PLAIN = Terms()
AS_OFFERS = Terms(waitlist_mode=WaitlistMode.OFFER, offer_seconds=60)


class Sale:
    """One event, whose every command is stored at once; they follow each other by a second."""

    def __init__(self, url: str, event_id: EventId = EVENT, capacity: int = 3, terms: Terms = PLAIN) -> None:
        self.event_id = event_id
        self.inventory = Inventory(event_id)
        self.now = NOW
        self._keys = 0
        self._lease = Lease(event_id)
        self._connection = connect(url)
        prepare(self._connection)
        self.do(Initialize("Concert", capacity, terms))

    def close(self) -> None:
        self._connection.close()

    # --- what its customers do ----------------------------------------------------------------

    def do(self, command: Command, *, careless: bool = False, key: str | None = None) -> Answer:
        """Handle it and store that; `careless` forgets to let go of what is overdue first."""
        base_version = self.inventory.version
        if careless:
            decision = self.inventory.decide(command, self.now)
            for change in decision.changes:
                self.inventory.apply(change)
        else:
            decision = self.inventory.handle(command, self.now)
        request = Request(command, None, None if key is None else Key("me", key, bytes(16)))
        answered = [Answered(request, decision.answer)]
        entry = Entry(self._lease, base_version, list(decision.changes), self.inventory.status, answered)
        with self._connection.cursor() as cursor:
            cursor.execute(*message([Part([entry])]))
            assert held(cursor) == {self.event_id}
        self.after(1)
        return decision.answer

    def after(self, seconds: float) -> None:
        self.now = Instant(self.now + int(seconds * SECOND))

    def book(self, customer: str = "ada", quantity: int = 1) -> OrderId:
        order_id = new_order_id()
        self.do(Book(order_id, CustomerId(customer), quantity))
        return order_id

    def hold(self, customer: str = "ada", quantity: int = 1, seconds: int | None = None) -> OrderId:
        order_id = new_order_id()
        self.do(Hold(order_id, CustomerId(customer), quantity, seconds=seconds))
        return order_id

    @property
    def version(self) -> int:
        return self.inventory.version

    # --- what nobody should do ----------------------------------------------------------------

    def run(self, statement: str, *values: object) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)

    def damage(self, statement: str, *values: object) -> None:
        """Alter exactly one row, whatever the tables' constraints say."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT conrelid::regclass, conname FROM pg_constraint"
                " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
            )
            for table, constraint in cursor.fetchall():
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
            cursor.execute(statement, values)
            assert cursor.rowcount == 1

    def alter_event(self, assignments: str) -> None:
        self.damage(f"UPDATE events SET {assignments} WHERE id = %s", self.event_id)

    def alter_order(self, order_id: OrderId, assignments: str) -> None:
        key = "event_id = %s AND order_id = %s"
        self.damage(f"UPDATE orders SET {assignments} WHERE {key}", self.event_id, order_id)

    def alter_change(self, version: int, /, **fields: Any) -> None:
        """Let the log say something else."""
        self.damage(
            "UPDATE changes SET body = (body::jsonb || %s::jsonb)::json WHERE event_id = %s AND version = %s",
            json.dumps(fields), self.event_id, version,
        )  # fmt: skip

    def move_change(self, version: int, at: Instant) -> None:
        """Let the log say that it happened at another time."""
        self.alter_change(version, at=at)
        self.damage(
            "UPDATE changes SET at = %s WHERE event_id = %s AND version = %s",
            timestamp(at), self.event_id, version,
        )  # fmt: skip

    def alter_reply(self, key: str, answer: str) -> None:
        self.damage("UPDATE replies SET answer = %s WHERE key = %s", answer, key)


MakeSale = Callable[..., Sale]


@pytest.fixture
def make_sale(database_url: str) -> Iterator[MakeSale]:
    made: list[Sale] = []

    def make(event_id: EventId = EVENT, capacity: int = 3, terms: Terms = PLAIN, url: str = "") -> Sale:
        made.append(Sale(url or database_url, event_id, capacity, terms))
        return made[-1]

    yield make
    for sale in made:
        sale.close()


@pytest.fixture
def sale(make_sale: MakeSale) -> Sale:
    """An event with three tickets that is to be damaged; beside it stands one that is not."""
    untouched = make_sale(OTHER, 1)
    untouched.book("bea")
    untouched.hold("cem")
    return make_sale()


@pytest.fixture
def look(database_url: str) -> Iterator[Callable[[], Report]]:
    """The audit of this test's database."""
    engine = make_engine(database_url)
    yield lambda: audit(engine)
    engine.dispose()


Look = Callable[[], Report]


def assert_found(
    report: Report, promise: int, what: str, version: int | None, event_id: EventId | None = EVENT
) -> None:
    """Exactly that is said first, and of the event beside it nothing."""
    first = report.violations[0]
    assert (first.event_id, first.version, first.promise) == (event_id, version, promise), str(first)
    assert re.search(what, first.what), first.what
    assert {each.event_id for each in report.violations} == {event_id}


def assert_only_found(report: Report, promise: int, what: str, version: int | None) -> None:
    assert_found(report, promise, what, version)
    assert len(report.violations) == 1, [str(each) for each in report.violations]


# --- nothing is wrong ----------------------------------------------------------------------------


def every_kind_of_change(booking: Sale, offering: Sale) -> None:
    """Two histories in which everything happens, each answer recorded under a key of its own."""
    one, two, three, four, five, six = (new_order_id() for _ in range(6))
    commands: list[tuple[Sale, Command, float]] = [
        (booking, Book(one, CustomerId('a\n"\\é'), 2), 0),
        (booking, Hold(two, CustomerId("ben"), 1, seconds=30), 0),
        (booking, Extend(two, 60), 0),
        (booking, Extend(two, 3600), 0.25),  # as long as it may be: for less than that many seconds
        (booking, Book(three, CustomerId("cy"), 2), 0),
        (booking, Hold(four, CustomerId("dan"), 3), 0),
        (booking, Cancel(four, 1), 0),  # waits for two now
        (booking, Cancel(one, 1), 0),
        (booking, Book(five, CustomerId("eve"), waitlist=False), 0),  # refused
        (booking, CancelFor(CustomerId('a\n"\\é')), 0),  # promotes cy
        (booking, Adjust(capacity=4, name="Concert, larger", max_per_order=3), 0),
        (booking, Cancel(three, 1), 4000),  # before that, ben's hold expires and promotes dan
        (booking, Hold(five, CustomerId("eve")), 0),
        (booking, Confirm(five), 0),
        (booking, Adjust(sales_close_at=Instant(NOW + 5000 * SECOND)), 0),
        (booking, Close(), 0),
        (offering, Hold(six, CustomerId("fay"), 3), 0),
        *((offering, Book(new_order_id(), CustomerId(name), 1), 0) for name in "ghijk"),
        (offering, Cancel(six, 2), 0),  # offers two
        (offering, CancelFor(CustomerId("g")), 0),  # declines, offers one
        (offering, CancelFor(CustomerId("j")), 0),  # leaves the line
        (offering, Confirm(six), 0),
        (offering, Adjust(capacity=2), 100),  # refused, after the offers have lapsed and one was made
        (offering, Adjust(capacity=6, waitlist_mode=WaitlistMode.BOOK), 0),
    ]
    for number, (sale, command, later) in enumerate(commands):
        sale.after(later)
        sale.do(command, key=f"key {number}")


def test_a_sound_database_passes_whatever_has_happened_in_it(
    make_sale: MakeSale, any_database_url: str
) -> None:
    booking = make_sale(EVENT, 3, url=any_database_url)
    offering = make_sale(OTHER, 3, AS_OFFERS, url=any_database_url)
    every_kind_of_change(booking, offering)
    engine = make_engine(any_database_url)
    report = audit(engine)
    with engine.connect() as connection:
        kinds = set(connection.exec_driver_sql("SELECT DISTINCT body->>'kind' FROM changes").scalars())
    engine.dispose()
    assert kinds == {kind.__name__ for kind in get_args(Change)}
    assert report.violations == ()
    assert (report.events, report.changes) == (2, booking.version + offering.version)
    assert (report.orders, report.replies) == (11, 28)
    assert report.summary.startswith("no violations in 2 events, ")


def test_an_empty_database_passes(look: Look) -> None:
    report = look()
    assert (report.events, report.changes, report.orders, report.violations) == (0, 0, 0, ())


def test_it_reads_one_moment_while_a_server_goes_on_writing(make_sale: MakeSale, database_url: str) -> None:
    """Between any two of its queries everything there is changes."""
    sales = [make_sale(event_id, 1_000) for event_id in (EVENT, OTHER)]
    engine = make_engine(database_url)
    queries = 0

    @event.listens_for(engine, "before_cursor_execute")
    def write_meanwhile(connection: Connection, *_: object) -> None:
        nonlocal queries
        queries += 1
        for sale in sales:
            sale.do(Book(new_order_id(), CustomerId("late"), 1), key=f"{sale.event_id} {queries}")

    report = audit(engine)
    engine.dispose()
    assert report.violations == ()
    assert queries >= 5
    assert report.changes < sum(sale.version for sale in sales)


def test_it_could_not_write_even_if_it_would(database_url: str) -> None:
    engine = make_engine(database_url)
    seen: set[str] = set()

    @event.listens_for(engine, "before_cursor_execute")
    def ask(connection: Connection, *_: object) -> None:
        cursor = connection.connection.cursor()
        cursor.execute("SHOW transaction_read_only")
        seen.update(*cursor.fetchall())

    audit(engine)
    engine.dispose()
    assert seen == {"on"}


def test_it_tells_how_far_it_is(sale: Sale, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "CHANGES_PER_PROGRESS", 2)
    sale.book()
    engine = make_engine(database_url)
    told: list[tuple[int, int]] = []
    audit(engine, lambda done, total: told.append((done, total)))
    engine.dispose()
    assert told == [(2, 5), (4, 5), (5, 5)]


# --- the log says what the rules forbid ----------------------------------------------------------


def test_more_tickets_than_there_are(sale: Sale, look: Look) -> None:
    sale.book()
    sale.book()
    sale.alter_change(3, quantity=4)
    assert_found(look(), 1, "5 tickets are taken of 3", 3)


def test_tickets_that_vanish_in_an_adjustment(sale: Sale, look: Look) -> None:
    sale.book(quantity=3)
    sale.do(Adjust(capacity=5))
    sale.alter_change(3, capacity=2)
    assert_found(look(), 1, "3 tickets are taken of 2", 3)


def test_a_change_that_is_missing(sale: Sale, look: Look) -> None:
    sale.book()
    sale.book()
    sale.damage("DELETE FROM changes WHERE event_id = %s AND version = 2", EVENT)
    assert_found(look(), 3, "follows version 1.*a gap", 3)


def test_a_version_that_is_there_twice(sale: Sale, look: Look) -> None:
    sale.book()
    sale.run("ALTER TABLE changes DROP CONSTRAINT changes_pkey")
    sale.run("INSERT INTO changes SELECT * FROM changes WHERE event_id = %s AND version = 2", EVENT)
    assert_found(look(), 3, "follows version 2.*a repetition", 2)


def test_a_log_that_does_not_begin_with_its_event(sale: Sale, look: Look) -> None:
    sale.alter_change(1, kind="SaleClosed")
    assert_found(look(), 3, "SaleClosed cannot be change number 1", 1)


def test_an_event_that_begins_twice(sale: Sale, look: Look) -> None:
    sale.book()
    sale.alter_change(2, kind="EventInitialized", name="Again", capacity=3)
    assert_found(look(), 3, "EventInitialized cannot be change number 2", 2)


@pytest.mark.parametrize("body", ['{"kind":"TicketsLost","version":2,"at":3}', '{"kind":"SaleClosed"}', "[]"])
def test_a_change_that_cannot_be_read(sale: Sale, look: Look, body: str) -> None:
    sale.book()
    sale.damage("UPDATE changes SET body = %s WHERE event_id = %s AND version = 2", body, EVENT)
    assert_found(look(), 3, "cannot be read", 2)


def test_a_change_that_is_stored_as_another_one(sale: Sale, look: Look) -> None:
    sale.book()
    sale.alter_change(2, version=3)
    assert_found(look(), 3, "says that it is version 3", 2)


def test_time_that_runs_backwards(sale: Sale, look: Look) -> None:
    sale.book()
    sale.book()
    sale.move_change(3, Instant(NOW - SECOND))
    assert_found(look(), 3, "time runs backwards, from 2026-01-01 00:00:01.123456.00 to 2025-12-31", 3)


def test_a_moment_that_no_calendar_has(sale: Sale, look: Look) -> None:
    sale.book()
    sale.alter_change(2, at=10**18)
    assert_found(look(), 3, "1000000000000000000 µs, and is stored at 2026", 2)


def test_an_order_that_is_made_twice(sale: Sale, look: Look) -> None:
    first = sale.book()
    sale.book("ben")
    sale.alter_change(3, orderId=first)
    assert_found(look(), 3, f"order 7-{first} is made a second time", 3)


def test_a_change_to_an_order_that_never_was(sale: Sale, look: Look) -> None:
    order = sale.book()
    sale.do(Cancel(order))
    sale.alter_change(3, orderId=STRANGER)
    assert_found(look(), 3, f"order 7-{STRANGER} is changed, and was never made", 3)


def test_a_change_to_an_order_that_is_settled(sale: Sale, look: Look) -> None:
    first, second = sale.book(), sale.book()
    sale.do(Cancel(first))
    sale.do(Cancel(second))
    sale.alter_change(5, orderId=first)
    assert_found(look(), 3, f"order 7-{first} is changed, and was cancelled before", 5)


@pytest.mark.parametrize(
    "kind", [{"kind": "OrderConfirmed"}, {"kind": "HoldExtended", "expiresAt": NOW + 9 * SECOND}]
)
def test_a_change_that_cannot_happen_to_such_an_order(sale: Sale, look: Look, kind: dict[str, Any]) -> None:
    order = sale.book()
    sale.do(Cancel(order))
    sale.alter_change(3, **kind)
    assert_found(look(), 3, f"cannot happen to order 7-{order}, which is confirmed", 3)


@pytest.mark.parametrize("quantity", [0, -1])
def test_an_order_for_no_tickets(sale: Sale, look: Look, quantity: int) -> None:
    order = sale.book()
    sale.alter_change(2, quantity=quantity)
    assert_found(look(), 3, f"order 7-{order} is for {quantity} tickets", 2)


@pytest.mark.parametrize("quantity", [3, 2, 0])
def test_a_part_that_is_not_a_part(sale: Sale, look: Look, quantity: int) -> None:
    order = sale.book(quantity=2)
    sale.do(Cancel(order, 1))
    sale.alter_change(3, quantity=quantity)
    assert_found(look(), 3, f"order 7-{order} of 2 is reduced to {quantity}", 3)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"capacity": 0}, "the event has 0 tickets"),
        ({"terms": {"holdSeconds": 601, "maxHoldSeconds": 600}}, "contradict themselves in hold_seconds"),
    ],
)
def test_terms_that_nobody_may_sell_on(sale: Sale, look: Look, fields: dict[str, Any], what: str) -> None:
    sale.alter_change(1, **fields)
    assert_found(look(), 3, what, 1)


def test_a_hold_that_expired_before_its_time(sale: Sale, look: Look) -> None:
    order = sale.hold(seconds=10)
    sale.after(10)
    sale.book()
    sale.alter_change(2, expiresAt=NOW + 20 * SECOND)
    assert_found(look(), 3, f"order 7-{order} expired before its end at 2026-01-01 00:00:20.123456", 3)


@pytest.mark.parametrize("late", [0, 1])
def test_a_hold_that_was_forgotten_when_its_time_had_come(sale: Sale, look: Look, late: int) -> None:
    order = sale.hold(seconds=10)
    sale.after(9 + late)
    sale.do(Book(new_order_id(), CustomerId("ben"), 1), careless=True)
    assert_only_found(look(), 3, f"order 7-{order} ended at 2026-01-01 00:00:11.1.* and did not expire", 3)


def test_a_hold_that_was_confirmed_too_late(sale: Sale, look: Look) -> None:
    order = sale.hold(seconds=10)
    sale.after(60)
    sale.do(Confirm(order), careless=True)
    assert_only_found(look(), 3, f"order 7-{order} ended at .* and did not expire first", 3)


def test_the_wrong_one_of_two_that_are_overdue(sale: Sale, look: Look) -> None:
    first, second = sale.hold("ada", seconds=10), sale.hold("ben", seconds=10)
    sale.after(60)
    sale.book()
    sale.alter_change(4, orderId=second)
    sale.alter_change(5, orderId=first)
    assert_found(look(), 3, f"not what the rules decide: order_id: they have '{first}'", 4)


def test_somebody_who_booked_past_the_line(sale: Sale, look: Look) -> None:
    sale.book("ada", 2)
    sale.book("ben", 2)
    late = sale.book("cy", 1)
    sale.alter_change(4, kind="TicketsBooked")
    assert_found(look(), 7, f"order 7-{late} got its tickets past 1 in line", 4)


def test_somebody_who_held_past_the_line(sale: Sale, look: Look) -> None:
    sale.book("ada", 2)
    sale.book("ben", 2)
    late = sale.book("cy", 1)
    sale.alter_change(4, kind="TicketsHeld", expiresAt=NOW + 600 * SECOND)
    assert_found(look(), 7, f"order 7-{late} got its tickets past 1 in line", 4)


def line_of_two(sale: Sale) -> tuple[OrderId, OrderId]:
    """Two wait for one ticket each; ada, who had all three, has cancelled one, so the first got it."""
    whole = sale.book("ada", 3)
    first, second = sale.book("ben"), sale.book("cy")
    sale.do(Cancel(whole, 1))
    return first, second


def promoted(order_id: str, customer: str, quantity: int = 1) -> dict[str, Any]:
    return {"orderId": order_id, "customer": customer, "quantity": quantity}


def test_somebody_who_was_promoted_before_the_head_of_the_line(sale: Sale, look: Look) -> None:
    first, second = line_of_two(sale)
    sale.alter_change(5, promoted=[promoted(second, "cy")])
    assert_found(look(), 7, f"order 7-{second} is promoted before order 7-{first}", 5)


def test_two_who_were_promoted_in_the_wrong_order(sale: Sale, look: Look) -> None:
    whole = sale.book("ada", 3)
    first, second = sale.book("ben"), sale.book("cy")
    sale.do(Cancel(whole, 2))
    sale.alter_change(5, promoted=[promoted(second, "cy"), promoted(first, "ben")])
    report = look()
    assert_only_found(report, 7, f"order 7-{second} is promoted before order 7-{first}", 5)


def test_somebody_who_was_promoted_twice(sale: Sale, look: Look) -> None:
    first, second = line_of_two(sale)
    sale.alter_change(5, promoted=[promoted(first, "ben"), promoted(first, "ben")])
    assert_found(look(), 7, f"order 7-{first} is promoted before order 7-{second}", 5)


def test_somebody_who_was_promoted_and_does_not_wait(sale: Sale, look: Look) -> None:
    order, other = sale.book("ada"), sale.book("ben")
    sale.do(Cancel(other))
    sale.alter_change(4, promoted=[promoted(order, "ada")])
    assert_found(look(), 7, f"order 7-{order} is promoted and does not wait", 4)


def test_a_ticket_that_lies_idle_is_told_once(sale: Sale, look: Look) -> None:
    first, _ = line_of_two(sale)
    sale.book("dan")
    sale.alter_change(5, promoted=[])
    report = look()
    assert_found(report, 8, f"order 7-{first} at the head of the line fits into 1 idle tickets", 5)
    assert [each.promise for each in report.violations].count(8) == 1


def test_no_ticket_is_idle_after_the_sale_has_closed(sale: Sale, look: Look) -> None:
    order = sale.book("ada", 3)
    sale.book("ben")
    sale.do(Adjust(sales_close_at=Instant(NOW + 60 * SECOND)))
    sale.after(60)
    sale.do(Cancel(order))
    assert look().violations == ()


def test_a_promotion_of_another_size(sale: Sale, look: Look) -> None:
    first, _ = line_of_two(sale)
    sale.alter_change(5, promoted=[promoted(first, "ben", 2)])
    assert_found(look(), 3, r"not what the rules decide: promoted: they have .*quantity=1", 5)


def test_an_offer_where_a_promotion_books(sale: Sale, look: Look) -> None:
    first, _ = line_of_two(sale)
    sale.alter_change(5, promoted=[{**promoted(first, "ben"), "expiresAt": NOW + 3600 * SECOND}])
    assert_found(look(), 3, r"not what the rules decide: promoted: they have .*expires_at=None", 5)


def test_somebody_who_waits_though_the_tickets_are_there(sale: Sale, look: Look) -> None:
    order = sale.book()
    sale.alter_change(2, kind="CustomerWaitlisted")
    assert_found(look(), 8, f"order 7-{order} at the head of the line fits into 3", 2)


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"maxPerOrder": 1}, "LimitExceeded"),
        ({"maxPerCustomer": 1}, "LimitExceeded"),
        ({"salesOpenAt": NOW + 3600 * SECOND}, "SalesNotOpen"),
        ({"salesCloseAt": NOW}, "SalesClosed"),
    ],
)
def test_a_booking_that_the_terms_forbid(sale: Sale, look: Look, terms: dict[str, Any], refusal: str) -> None:
    sale.book(quantity=2)
    sale.alter_change(1, terms=terms)
    assert_found(look(), 3, rf"not what the rules decide: they refuse it \({refusal}\)", 2)


def test_a_hold_that_lasts_longer_than_any_may(sale: Sale, look: Look) -> None:
    order = sale.hold()
    sale.do(Extend(order, 900))
    sale.alter_change(3, expiresAt=NOW + 3602 * SECOND)
    assert_found(look(), 3, "not what the rules decide: expires_at: they have 2026-01-01 01:00:01", 3)


def test_a_sale_that_ended_twice(sale: Sale, look: Look) -> None:
    sale.do(Close())
    sale.damage(
        "INSERT INTO changes SELECT event_id, 3, at, (body::jsonb || '{\"version\": 3}')::json FROM changes"
        " WHERE event_id = %s AND version = 2",
        EVENT,
    )
    assert_found(look(), 3, r"they refuse it \(SalesClosed\)", 3)


def test_a_log_that_breaks_off_does_not_keep_it_from_the_events_after_it(sale: Sale, look: Look) -> None:
    sale.book()
    sale.alter_change(1, kind="SaleClosed")
    sale.damage("UPDATE orders SET quantity = 2 WHERE event_id = %s AND customer = 'bea'", OTHER)
    found = look().violations
    assert [(each.event_id, each.promise) for each in found][:2] == [(EVENT, 3), (OTHER, 12)]


# --- the tables do not say what the log says -----------------------------------------------------


@pytest.fixture
def sold(sale: Sale) -> tuple[Sale, dict[str, OrderId]]:
    """An order in every status, and one that has expired in version 5; at version 7."""
    ids = {
        "held": sale.hold("ada", seconds=3600),
        "confirmed": sale.book("ben"),
        "expired": sale.hold("cy", seconds=10),
    }
    sale.after(60)
    ids["cancelled"] = sale.book("dan")
    sale.do(Cancel(ids["cancelled"]))
    assert sale.version == 7
    return sale, ids


@pytest.fixture
def offered(sale: Sale) -> tuple[Sale, dict[str, OrderId]]:
    """One has an offer, and two wait; at version 7."""
    sale.do(Adjust(waitlist_mode=WaitlistMode.OFFER))
    whole = sale.book("ada", 3)
    ids = {name: sale.book(name) for name in ("offered", "waiting", "last")}
    sale.do(Cancel(whole, 1))
    assert sale.version == 7
    return sale, ids


@pytest.mark.parametrize(
    ("assignments", "what"),
    [
        ("name = 'Another'", "name: the event's row has 'Another', its log says 'Concert'"),
        ("capacity = capacity + 1, available = available + 1", "capacity: the event's row has 4, "),
        ("available = available + 1", "available: the event's row has 2, its log says 1"),
        ("booked = booked + 1, available = available - 1", "available: the event's row has 0"),
        ("held = 0", "held: the event's row has 0, its log says 1"),
        ("offered = 1", "offered: the event's row has 1, its log says 0"),
        ("waiting = 1", "waiting: the event's row has 1, its log says 0"),
        ("waiting_tickets = 1", "waiting_tickets: the event's row has 1, its log says 0"),
        ("version = 8", "version: the event's row has 8, its log says 7"),
        ("closed_at = now()", "closed_at: the event's row has 2.*, its log says None"),
        ("sales_open_at = 'epoch'", "sales_open_at: the event's row has 1970-01-01 .*, its log says None"),
        ("sales_close_at = 'epoch'", "sales_close_at: "),
        ("max_per_order = 1", "max_per_order: the event's row has 1, its log says None"),
        ("max_per_customer = 1", "max_per_customer: "),
        ("waitlist_limit = 1", "waitlist_limit: "),
        ("waitlist_mode = 'offer'", "waitlist_mode: "),
        ("offer_seconds = 1", "offer_seconds: the event's row has 1, its log says 3600"),
        ("hold_seconds = 1", "hold_seconds: "),
        ("max_hold_seconds = 601", "max_hold_seconds: "),
        ("changed_at = 'epoch'", "changed_at: the event's row has 1970-01-01 00:00:00.*, its log says 2026"),
        ("created_at = 'epoch'", "created_at: the event's row has 1970-01-01 00:00:00.*, its log says 2026"),
    ],
)
def test_an_event_row_that_was_altered(
    sold: tuple[Sale, dict[str, OrderId]], look: Look, assignments: str, what: str
) -> None:
    sale, _ = sold
    sale.alter_event(assignments)
    assert_found(look(), 12, f"^{what}", 7)


def test_an_event_row_that_cannot_be_read(sale: Sale, look: Look) -> None:
    sale.alter_event("waitlist_mode = 'lottery'")
    assert_only_found(look(), 12, "row cannot be read: 'lottery'", 1)


def test_an_event_row_that_was_deleted(sale: Sale, look: Look) -> None:
    sale.book()
    sale.damage("DELETE FROM events WHERE id = %s", EVENT)
    assert_only_found(look(), 12, "has a log, and no row", 2)


def test_a_log_that_was_deleted(sale: Sale, look: Look) -> None:
    sale.damage("DELETE FROM changes WHERE event_id = %s", EVENT)
    assert_only_found(look(), 12, "has a row, and no log", 1)


def test_a_log_whose_end_was_deleted(sale: Sale, look: Look) -> None:
    sale.book()
    sale.damage("DELETE FROM changes WHERE event_id = %s AND version = 2", EVENT)
    assert_found(look(), 12, "available: the event's row has 2, its log says 3", 1)


def test_an_order_that_was_deleted(sold: tuple[Sale, dict[str, OrderId]], look: Look) -> None:
    sale, ids = sold
    sale.damage("DELETE FROM orders WHERE event_id = %s AND order_id = %s", EVENT, ids["confirmed"])
    report = look()
    assert_found(report, 12, f"order 7-{ids['confirmed']} has no row: .* is confirmed", 3)
    assert [each.what.partition(":")[0] for each in report.violations[1:]] == ["a server refuses the event"]


@pytest.mark.parametrize(("status", "version"), [("cancelled", 7), ("expired", 5)])
def test_a_settled_order_that_was_deleted(
    sold: tuple[Sale, dict[str, OrderId]], look: Look, status: str, version: int
) -> None:
    sale, ids = sold
    sale.damage("DELETE FROM orders WHERE event_id = %s AND order_id = %s", EVENT, ids[status])
    assert_only_found(look(), 12, f"order 7-{ids[status]} has no row: .* is {status}", version)


ADD = (
    "INSERT INTO orders (event_id, order_id, customer, quantity, status, version, created_at)"
    " VALUES (%s, %s, 'eve', 1, %s, 2, now())"
)


@pytest.mark.parametrize("status", ["confirmed", "cancelled", "lost"])
def test_an_order_that_was_added(sale: Sale, look: Look, status: str) -> None:
    sale.damage(ADD, EVENT, STRANGER, status)
    assert_found(look(), 12, f"order 7-{STRANGER} has a row, and no change has made it", 2)


def test_an_order_of_an_event_that_never_was(sale: Sale, look: Look) -> None:
    sale.damage(ADD, NOBODY, STRANGER, "confirmed")
    assert_found(look(), 12, f"order 99-{STRANGER} has a row, and no change has made it", 2, NOBODY)


@pytest.mark.parametrize(
    ("name", "assignments", "version", "what"),
    [
        ("confirmed", "quantity = 2", 3, "quantity: the row has 2, the log says 1"),
        ("confirmed", "customer = 'eve'", 3, "customer: the row has 'eve', the log says 'ben'"),
        ("confirmed", "status = 'cancelled'", 3, "status: the row has 'cancelled', the log says 'confirmed'"),
        ("confirmed", "version = 2", 3, "version: the row has 2, the log says 3"),
        ("confirmed", "created_at = 'epoch'", 3, "created_at: the row has 1970-01-01 00:00:00.*says 2026"),
        ("held", "expires_at = 'epoch'", 2, "expires_at: the row has 1970-01-01 00:00:00.*says 2026"),
        ("held", "status = 'offered'", 2, "status: the row has 'offered', the log says 'held'"),
        ("cancelled", "quantity = 2", 7, "quantity: the row has 2, the log says 1"),
        ("cancelled", "status = 'expired'", 7, "status: the row has 'expired', the log says 'cancelled'"),
        ("expired", "status = 'cancelled'", 5, "status: the row has 'cancelled', the log says 'expired'"),
        ("expired", "status = 'lost'", 5, "status: the row has 'lost', the log says 'expired'"),
    ],
)
def test_an_order_that_was_altered(
    sold: tuple[Sale, dict[str, OrderId]], look: Look, name: str, assignments: str, version: int, what: str
) -> None:
    sale, ids = sold
    sale.alter_order(ids[name], assignments)
    assert_found(look(), 12, f"order 7-{ids[name]}, {what}", version)


@pytest.mark.parametrize(
    ("name", "assignments", "version", "what"),
    [
        ("waiting", "place = 99", 5, "place: the row has 99, the log says 5"),
        ("waiting", "place = NULL", 5, "place: the row has None, the log says 5"),
        ("waiting", "quantity = 2", 5, "quantity: the row has 2, the log says 1"),
        ("offered", "status = 'confirmed', expires_at = NULL", 7, "status: the row has 'confirmed', "),
        ("offered", "expires_at = expires_at + interval '1 microsecond'", 7, "expires_at: the row has 2026"),
    ],
)
def test_a_place_or_an_offer_that_was_altered(
    offered: tuple[Sale, dict[str, OrderId]], look: Look, name: str, assignments: str, version: int, what: str
) -> None:
    sale, ids = offered
    sale.alter_order(ids[name], assignments)
    assert_found(look(), 12, f"order 7-{ids[name]}, {what}", version)


def test_an_altered_quantity_in_the_log_contradicts_the_tables(sale: Sale, look: Look) -> None:
    order = sale.book()
    sale.alter_change(2, quantity=2)
    report = look()
    assert_found(report, 12, "available: the event's row has 2, its log says 1", 2)
    assert f"order 7-{order}, quantity: the row has 1, the log says 2" in [v.what for v in report.violations]


def test_what_a_server_would_refuse_is_said(sale: Sale, look: Look) -> None:
    sale.book()
    sale.alter_event("booked = 2, available = 1")
    assert any(each.what.startswith("a server refuses the event: ") for each in look().violations)


def test_a_thousand_faults_of_one_event_do_not_hide_those_of_another(sale: Sale, look: Look) -> None:
    sale.run(
        "INSERT INTO orders (event_id, order_id, customer, quantity, status, version, created_at)"
        " SELECT 7, gen_random_uuid(), 'eve', 1, 'cancelled', 2, now() FROM generate_series(1, 1000)"
    )
    sale.damage("UPDATE orders SET quantity = 2 WHERE event_id = %s AND customer = 'bea'", OTHER)
    report = look()
    assert report.violations[100].event_id == OTHER
    assert report.unlisted == 900
    assert report.summary.startswith(f"{900 + len(report.violations)} violations in 2 events")


# --- the recorded answers do not say what the log says -------------------------------------------


def test_a_recorded_answer_that_was_altered(sale: Sale, look: Look) -> None:
    answer = sale.do(Book(new_order_id(), CustomerId("ada"), 1), key="k")
    sale.alter_reply("k", encode_answer(answer).decode().replace('"quantity":1', '"quantity":2'))
    assert_only_found(look(), 4, r"under the key 'k' is not what the log makes it: order: it has .*=2", 2)


def test_a_recorded_answer_of_another_kind(sale: Sale, look: Look) -> None:
    answer = sale.do(Book(new_order_id(), CustomerId("ada"), 1), key="k")
    waitlisted = encode_answer(Waitlisted(answer.order, 1, 2))  # type: ignore[union-attr]
    sale.alter_reply("k", waitlisted.decode())
    assert_only_found(look(), 4, "it is Waitlisted, the rules say Booked", 2)


def test_two_recorded_answers_to_one_change(sale: Sale, look: Look) -> None:
    sale.do(Book(new_order_id(), CustomerId("ada"), 1), key="k")
    sale.damage("INSERT INTO replies SELECT caller, 'l', position, fingerprint, answer, at FROM replies")
    assert_only_found(look(), 3, "is not the first one to this change", 2)


def test_a_recorded_answer_to_a_change_that_is_not_there(sale: Sale, look: Look) -> None:
    order = sale.book()
    answer = sale.do(Cancel(order), key="k")
    sale.alter_reply("k", encode_answer(answer).decode().replace('"version":3', '"version":4'))
    assert_only_found(look(), 4, "says what this version did, and there is no such version", 4)


def test_a_recorded_answer_of_an_event_that_never_was(sale: Sale, look: Look) -> None:
    answer = sale.do(Adjust(name="Another"), key="k")
    sale.alter_reply("k", encode_answer(answer).decode().replace('"event_id":7', '"event_id":99'))
    assert_found(look(), 4, "says what this version did, and there is no such version", 2, NOBODY)


def test_a_recorded_answer_about_an_order_that_no_event_has(sale: Sale, look: Look) -> None:
    order = new_order_id()
    answer = sale.do(Book(order, CustomerId("ada"), 1), key="k")
    sale.alter_reply("k", encode_answer(answer).decode().replace(order, STRANGER))
    assert_found(look(), 4, "names an order that no event has", 2, None)


@pytest.mark.parametrize("answer", ["null", '{"answer":"Lost"}', '{"answer":"Booked","order":{"id":"x"}}'])
def test_a_recorded_answer_that_cannot_be_read(sale: Sale, look: Look, answer: str) -> None:
    sale.do(Book(new_order_id(), CustomerId("ada"), 1), key="k")
    sale.alter_reply("k", answer)
    assert_found(look(), 4, "under the key 'k' cannot be read", None, None)


def test_a_recorded_answer_that_should_not_have_been_recorded(sale: Sale, look: Look) -> None:
    sale.do(Book(new_order_id(), CustomerId("ada"), 1), key="k")
    sale.alter_reply("k", encode_answer(NotApplied("away")).decode())
    assert_found(look(), 4, "is one that passes: NotApplied", None, None)


def test_a_recorded_refusal_passes(sale: Sale, look: Look) -> None:
    sale.book(quantity=3)
    refused = sale.do(Book(new_order_id(), CustomerId("ben"), 1, waitlist=False), key="k")
    assert isinstance(refused, SoldOut)
    report = look()
    assert (report.violations, report.replies) == ((), 1)


# --- how it is told ------------------------------------------------------------------------------


def test_a_violation_in_words() -> None:
    assert str(Violation(EventId(3), 17, 7, "so it is")) == "event 3, version 17, promise 7: so it is"
    assert str(Violation(None, None, 4, "so it is")) == "no event, promise 4: so it is"


def test_a_report_for_programs() -> None:
    report = Report(1, 2, 3, 4, (Violation(EventId(3), 17, 7, "so it is"),), 5, 0.12345)
    violation = {"eventId": "3", "version": 17, "promise": 7, "what": "so it is"}
    assert report.document == {
        "events": 1, "changes": 2, "orders": 3, "replies": 4, "seconds": 0.123,
        "violations": [violation], "unlisted": 5,
    }  # fmt: skip
