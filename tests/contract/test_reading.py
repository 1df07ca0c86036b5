"""Questions that need no actor are answered from what is committed."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.event import listen

from boxoffice.actors.messages import Book, Cancel, Found
from boxoffice.actors.ports import DatabaseAway, OrderFilter
from boxoffice.actors.values import (
    CustomerId,
    EventId,
    EventStatus,
    Instant,
    Order,
    OrderId,
    OrderStatus,
)
from boxoffice.persistence.database import make_engine
from boxoffice.persistence.reading import DatabaseReading
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.journals import Journal
from tests.contract.support import (
    EVENT,
    NOW,
    OTHER,
    Outlet,
    Owner,
    Stored,
    book,
    connect,
    new_order_id,
    taken_over,
)

ADA, BEN = CustomerId("ada"), CustomerId("ben")
Question: TypeAlias = Callable[[DatabaseReading], object]


@pytest.fixture
def owner(journal: Journal, outlet: Outlet) -> Owner:
    owner = Owner()
    journal.append(owner.open(2))
    outlet.answers(1)
    return owner


def test_the_status_is_the_committed_one(
    owner: Owner, journal: Journal, outlet: Outlet, reading: DatabaseReading
) -> None:
    assert reading.status(EVENT) == owner.inventory.status
    committed = owner.inventory.status
    entry = owner.decide(book("ada", 2), book("ben"))
    assert reading.status(EVENT) == committed
    journal.append(entry)
    outlet.answers(3)
    assert reading.status(EVENT) == owner.inventory.status
    assert reading.status(OTHER) is None


def test_what_is_not_committed_is_not_seen(
    owner: Owner, any_database_url: str, reading: DatabaseReading
) -> None:
    other = connect(any_database_url)
    with other.cursor() as cursor:
        cursor.execute("BEGIN; UPDATE events SET available = 0, booked = 2, version = 9")
        assert reading.status(EVENT) == owner.inventory.status
    other.close()


def test_an_order_is_found_as_it_is_stored_and_as_it_ended(
    owner: Owner, journal: Journal, outlet: Outlet, reading: DatabaseReading
) -> None:
    booking, waiting = book("ada", 2), book("ben", 1)
    journal.append(owner.decide(booking, waiting, at=NOW + 1))
    outlet.answers(3)
    made_at = Instant(NOW + 1)
    confirmed = Order(booking.order_id, ADA, 2, OrderStatus.CONFIRMED, made_at)
    in_line = Order(waiting.order_id, BEN, 1, OrderStatus.WAITLISTED, made_at, 3)
    assert reading.order(EVENT, booking.order_id) == Found(confirmed, None, 3)
    assert reading.order(EVENT, waiting.order_id) == Found(in_line, None, 3)

    journal.append(owner.decide(Cancel(booking.order_id), at=NOW + 2))
    outlet.answers(4)
    cancelled = Order(booking.order_id, ADA, 2, OrderStatus.CANCELLED, made_at)
    promoted = Order(waiting.order_id, BEN, 1, OrderStatus.CONFIRMED, made_at)
    assert reading.order(EVENT, booking.order_id) == Found(cancelled, None, 4)
    assert reading.order(EVENT, waiting.order_id) == Found(promoted, None, 4)


def test_orders_stand_where_they_do_in_line(
    owner: Owner, journal: Journal, outlet: Outlet, reading: DatabaseReading
) -> None:
    booking, *line = book("ada", 2), book("ben"), book("cem"), book("dan")
    other = Owner(OTHER)
    journal.append(other.open(1))
    journal.append(other.decide(book("ada"), book("ben")))
    journal.append(owner.decide(booking, *line, Cancel(line[0].order_id)))
    outlet.answers(9)

    def positions(*asked: Book) -> dict[OrderId, int | None]:
        standing = reading.standing(EVENT, [each.order_id for each in asked])
        assert {found.version for found in standing} <= {6}
        return {found.order.id: found.position for found in standing}

    assert positions(line[2], booking, line[0], line[1]) == {
        booking.order_id: None,
        line[0].order_id: None,
        line[1].order_id: 1,
        line[2].order_id: 2,
    }
    assert positions(line[2]) == {line[2].order_id: 2}, "the others are counted, too"
    assert positions(booking) == {booking.order_id: None}
    assert positions(book("eve")) == {}


def test_an_order_belongs_to_one_event(
    owner: Owner, journal: Journal, outlet: Outlet, reading: DatabaseReading
) -> None:
    booking, other = book(), Owner(OTHER)
    journal.append(owner.decide(booking))
    journal.append(other.open(5))
    outlet.answers(3)
    assert reading.order(OTHER, booking.order_id) is None
    assert reading.last_order_of(OTHER, ADA, 9) is None
    assert reading.order(EVENT, new_order_id()) is None


def test_the_last_order_of_a_customer_is_their_newest_whatever_became_of_it(
    owner: Owner, journal: Journal, outlet: Outlet, reading: DatabaseReading
) -> None:
    first, second, somebody_elses = book("ada"), book("ada"), book("ben")
    journal.append(owner.decide(first, second, somebody_elses, Cancel(second.order_id)))
    outlet.answers(5)
    found = reading.last_order_of(EVENT, ADA, 5)
    assert found is not None
    assert (found.order.id, found.order.status) == (second.order_id, OrderStatus.CANCELLED)
    assert reading.last_order_of(EVENT, CustomerId("nobody"), 5) is None


def test_what_a_customer_has_ordered_since_is_not_their_last_order(
    owner: Owner, journal: Journal, outlet: Outlet, reading: DatabaseReading
) -> None:
    first, second = book("ada"), book("ada")
    journal.append(owner.decide(first, Cancel(first.order_id), second, Cancel(second.order_id)))
    outlet.answers(5)
    found = [reading.last_order_of(EVENT, ADA, version) for version in range(1, 6)]
    assert [each and each.order.id for each in found] == [
        None, None, first.order_id, first.order_id, second.order_id
    ]  # fmt: skip


def test_events_come_page_by_page_in_the_order_of_their_ids(
    journal: Journal, outlet: Outlet, reading: DatabaseReading
) -> None:
    owners = [Owner(EventId(number)) for number in (5, 1, 2**63 - 1, 3, 2)]
    for owner in owners:
        journal.append(owner.open())
    outlet.answers(5)
    pages, after = [], EventId(0)
    while page := reading.events(after, 2):
        pages.append(page)
        after = page[-1].event_id
    assert [[status.event_id for status in page] for page in pages] == [[1, 2], [3, 5], [2**63 - 1]]
    assert pages[0][0] == owners[1].inventory.status


def test_events_come_page_by_page_from_the_newest(
    journal: Journal, outlet: Outlet, reading: DatabaseReading
) -> None:
    for number in (5, 1, 2**63 - 1, 3, 2):
        journal.append(Owner(EventId(number)).open())
    outlet.answers(5)
    pages: list[list[EventStatus]] = []
    before: EventId | None = None
    while page := reading.newest_events(before, 2):
        pages.append(page)
        before = page[-1].event_id
    assert [[status.event_id for status in page] for page in pages] == [[2**63 - 1, 5], [3, 2], [1]]
    assert pages[-1] == reading.events(EventId(0), 1)
    assert reading.newest_events(EventId(2**63 - 1), 1) == pages[0][1:]


def test_events_are_found_by_their_primary_key_however_many_there_are(
    owner: Owner, engine: Engine, stored: Stored, reading: DatabaseReading
) -> None:
    """The key gives them in their order, from either end: nothing is sorted, or read in vain."""
    stored.run(
        "INSERT INTO events SELECT (jsonb_populate_record(events, jsonb_build_object('id', number))).*"
        f" FROM events, generate_series({EVENT} + 1, {EVENT} + 2000) AS number"
    )
    stored.run("ANALYZE events")
    asked: list[tuple[str, Any]] = []
    listen(engine, "before_cursor_execute", lambda *heard: asked.append((heard[2], heard[3])))
    for after in (0, EVENT + 1_900):
        assert len(reading.events(EventId(after), 11)) == 11
    for before in (None, EventId(EVENT + 100)):
        assert len(reading.newest_events(before, 11)) == 11
    assert len(reading.statuses([EVENT, EventId(EVENT + 700), EventId(EVENT + 1)])) == 3
    for statement, parameters in tuple(asked):
        with engine.connect() as connection:
            explained = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
        plan = "\n".join(explained)
        assert "events_pkey" in plan, plan
        assert not any(word in plan for word in ("Sort", "Seq Scan", "Filter")), plan


def test_new_event_ids_are_some_that_nobody_has_been_given(reading: DatabaseReading, stored: Stored) -> None:
    several = [reading.new_event_ids(number) for number in (1, 2, 1, 1_000)]
    assert [len(each) for each in several] == [1, 2, 1, 1_000]
    given = [event_id for each in several for event_id in each]
    assert given == sorted(set(given))
    assert given[0] >= 1
    assert stored.rows("SELECT nextval('event_ids')") == [(given[-1] + 1,)]


QUESTIONS: list[Question] = [
    lambda reading: reading.status(EVENT),
    lambda reading: reading.events(EventId(0), 10),
    lambda reading: reading.newest_events(None, 10),
    lambda reading: reading.order(EVENT, new_order_id()),
    lambda reading: reading.last_order_of(EVENT, ADA, 9),
    lambda reading: reading.epochs([EVENT]),
]


def test_the_epochs_are_those_of_the_last_owners(
    owner: Owner, reading: DatabaseReading, recovery: DatabaseRecovery
) -> None:
    assert reading.epochs([EVENT, OTHER]) == {EVENT: owner.lease.epoch}
    latter = taken_over(recovery)
    assert reading.epochs([EVENT]) == {EVENT: latter.lease.epoch}
    assert latter.lease.epoch > owner.lease.epoch


def test_a_database_that_answers_and_may_be_written_is_there(reading: DatabaseReading) -> None:
    reading.ping()


def test_a_database_that_may_only_be_read_is_as_good_as_away(any_database_url: str) -> None:
    engine = make_engine(
        make_url(any_database_url).update_query_dict({"options": "-c default_transaction_read_only=on"})
    )
    with pytest.raises(DatabaseAway, match="read-only"):
        DatabaseReading(engine).ping()
    engine.dispose()


@pytest.mark.parametrize(
    "question", [*QUESTIONS, lambda reading: reading.new_event_ids(1), lambda reading: reading.ping()]
)
def test_an_unreachable_database_is_away(question: Question, engine: Engine) -> None:
    nowhere = make_engine(engine.url.set(database="no_such_database"))
    with pytest.raises(DatabaseAway):
        question(DatabaseReading(nowhere))
    nowhere.dispose()


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_database_that_is_too_slow_is_away(question: Question, any_database_url: str) -> None:
    engine, other = make_engine(any_database_url, statement_timeout_s=0.05), connect(any_database_url)
    with other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE events, orders IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseAway):
            question(DatabaseReading(engine))
    other.close()
    engine.dispose()


def test_a_pool_without_a_free_connection_is_away(any_database_url: str) -> None:
    engine = make_engine(any_database_url, pool_size=1, pool_timeout_s=0.05)
    with engine.connect(), pytest.raises(DatabaseAway):
        DatabaseReading(engine).status(EVENT)
    assert DatabaseReading(engine).status(EVENT) is None
    engine.dispose()


def test_a_connection_that_was_lost_meanwhile_is_replaced(
    owner: Owner, reading: DatabaseReading, stored: Stored
) -> None:
    assert reading.status(EVENT) is not None
    assert stored.end_sessions("boxoffice") == 1
    assert reading.status(EVENT) == owner.inventory.status


def test_orders_are_listed_by_event_and_age_whatever_is_wanted(
    journal: Journal, outlet: Outlet, reading: DatabaseReading
) -> None:
    owners = [Owner(EVENT), Owner(OTHER)]
    for owner in owners:
        first = book("ada", 2)
        journal.append(owner.open(3, first, book("ben"), book("ada"), book("ben"), Cancel(first.order_id, 1)))
        journal.append(owner.decide(book("ada", waitlist=False), Cancel(first.order_id)))
    assert journal.end()
    everything = reading.orders(OrderFilter(), None, 99)
    keys = [(event_id, found.order.id) for event_id, found in everything]
    assert len(keys) == 8
    assert keys == sorted(keys)
    for event_id in (None, EVENT, OTHER, EventId(99)):
        for customer in (None, ADA, BEN, CustomerId("nobody")):
            for status in (None, *OrderStatus):
                wanted = [
                    (number, found)
                    for number, found in everything
                    if event_id in (None, number)
                    and customer in (None, found.order.customer)
                    and status in (None, found.order.status)
                ]
                paged: list[tuple[EventId, Found]] = []
                while page := reading.orders(
                    OrderFilter(event_id, customer, status),
                    (paged[-1][0], paged[-1][1].order.id) if paged else None,
                    2,
                ):
                    paged += page
                assert paged == wanted


def test_the_log_is_read_page_by_page(
    owner: Owner, journal: Journal, outlet: Outlet, reading: DatabaseReading, stored: Stored
) -> None:
    journal.append(owner.decide(*(book() for _ in range(6))))
    outlet.answers(7)
    pages = [reading.changes(EVENT, after, 3) for after in (0, 3, 6, 7)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert [change for page in pages for change in page] == stored.changes()
    assert reading.changes(OTHER, 0, 3) == []
