"""What each body asks of an event: the command and the event, or why no event could answer it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from boxoffice.actors.messages import (
    Adjust,
    Book,
    Cancel,
    CancelFor,
    Close,
    Command,
    Confirm,
    Extend,
    Hold,
    Initialize,
)
from boxoffice.actors.values import SECOND, CustomerId, EventId, Instant, OrderId, Terms, WaitlistMode
from boxoffice.http.commands import (
    ANY_COMMAND,
    COMMANDS,
    INITIALIZE,
    INSTANT_MAX,
    command_of,
    event_id_of,
    initialize_of,
    new_order_id,
)
from boxoffice.http.problems import ProblemError

EVENT = EventId(7)
ORDER = OrderId("019a0000-0000-7000-8000-000000000001")
AT = "/commands/3"
ANN = CustomerId("ann")
NEW_YEAR = Instant(1_767_225_600 * SECOND)


@dataclass(frozen=True)
class AnyId:
    """Equal to every id that an order may be given."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and UUID(other).version == 7 and str(UUID(other)) == other

    def __hash__(self) -> int:
        return 0


NEW: Any = AnyId()


def asked(call: str, body: str, at: str = "") -> tuple[EventId, Command]:
    return command_of(COMMANDS[call].read(body.encode()), None, at)


def made(body: str, at: str = "") -> Initialize:
    return initialize_of(INITIALIZE.read(body.encode()), at)


def refused(call: str, body: str, at: str = "") -> tuple[str, list[str]]:
    """The code and the pointers with which what a body asks is refused."""
    with pytest.raises(ProblemError) as caught:
        made(body, at) if call == "initialize" else asked(call, body, at)
    return caught.value.code, [error.pointer for error in caught.value.errors or []]


# --- what is asked -------------------------------------------------------------------------------

ASKED: list[tuple[str, str, Command]] = [
    ("book", '"userId": "ann"', Book(NEW, ANN)),
    (
        "book",
        '"userId": 42, "quantity": 3, "waitlist": false',
        Book(NEW, CustomerId("42"), 3, waitlist=False),
    ),
    ("hold", '"userId": "ann"', Hold(NEW, ANN)),
    (
        "hold",
        '"userId": "ann", "quantity": 2, "waitlist": false, "holdSeconds": 60',
        Hold(NEW, ANN, 2, waitlist=False, seconds=60),
    ),
    ("cancel", '"userId": "ann"', CancelFor(ANN)),
    ("cancel", '"userId": "ann", "quantity": 2', CancelFor(ANN, 2)),
    ("adjust", '"totalTickets": 9', Adjust(capacity=9)),
    ("adjust", '"eventName": "Play"', Adjust(name="Play")),
    ("close", "", Close()),
]
BY_ORDER: list[tuple[str, str, Command]] = [
    ("confirm", "", Confirm(ORDER)),
    ("extend", "", Extend(ORDER)),
    ("extend", ', "holdSeconds": 60', Extend(ORDER, 60)),
    ("cancel", "", Cancel(ORDER)),
    ("cancel", ', "quantity": 2', Cancel(ORDER, 2)),
]


@pytest.mark.parametrize(("call", "members", "command"), ASKED)
@pytest.mark.parametrize("event", ["7", '"7"'])
def test_what_is_asked_of_an_event(call: str, members: str, command: Command, event: str) -> None:
    more = f", {members}" if members else ""
    assert asked(call, f'{{"eventId": {event}{more}}}') == (EVENT, command)


@pytest.mark.parametrize(("call", "members", "command"), BY_ORDER)
def test_what_is_asked_of_an_orders_event(call: str, members: str, command: Command) -> None:
    assert asked(call, f'{{"orderId": "7-{ORDER}"{members}}}') == (EVENT, command)


def test_every_call_is_tried() -> None:
    assert {call for call, _, _ in (*ASKED, *BY_ORDER)} == set(COMMANDS)


@pytest.mark.parametrize(("call", "members", "command"), BY_ORDER)
def test_an_entry_of_a_batch_asks_the_same(call: str, members: str, command: Command) -> None:
    body = f'{{"do": "{call}", "orderId": "7-{ORDER}"{members}}}'
    assert command_of(ANY_COMMAND.read(body.encode(), AT), None, AT) == (EVENT, command)


def test_every_term_can_be_adjusted() -> None:
    body = (
        '{"eventId": 7, "salesOpenAt": "2026-01-01T00:00:00Z", "salesCloseAt": "2026-01-01T03:00:01+02:00",'
        ' "maxPerOrder": 2, "maxPerCustomer": 3, "waitlistLimit": 0, "waitlistMode": "offer",'
        ' "offerSeconds": 5, "holdSeconds": 6, "maxHoldSeconds": 7}'
    )
    assert asked("adjust", body)[1] == Adjust(
        sales_open_at=NEW_YEAR,
        sales_close_at=Instant(NEW_YEAR + 3_601 * SECOND),
        max_per_order=2,
        max_per_customer=3,
        waitlist_limit=0,
        waitlist_mode=WaitlistMode.OFFER,
        offer_seconds=5,
        hold_seconds=6,
        max_hold_seconds=7,
    )


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("salesOpenAt", "sales_open_at"),
        ("salesCloseAt", "sales_close_at"),
        ("maxPerOrder", "max_per_order"),
        ("maxPerCustomer", "max_per_customer"),
        ("waitlistLimit", "waitlist_limit"),
    ],
)
def test_a_term_that_is_null_takes_a_bound_away_and_one_that_is_absent_leaves_it(
    field: str, name: str
) -> None:
    bound: dict[str, Any] = {name: None}
    assert asked("adjust", f'{{"eventId": 7, "{field}": null}}')[1] == Adjust(**bound)
    assert asked("adjust", '{"eventId": 7}')[1] == Adjust()
    assert Adjust(**bound) != Adjust()


def test_an_event_is_made_on_the_terms_that_are_given_and_on_our_own_for_the_rest() -> None:
    body = '{"eventName": "Concert", "totalTickets": 5}'
    assert made(body) == Initialize("Concert", 5, Terms())
    body = (
        '{"eventName": "Concert", "totalTickets": 5, "maxPerOrder": 2, "maxPerCustomer": null,'
        ' "waitlistMode": "offer", "salesOpenAt": "2026-01-01T00:00:00Z"}'
    )
    terms = Terms(sales_open_at=NEW_YEAR, max_per_order=2, waitlist_mode=WaitlistMode.OFFER)
    assert made(body) == Initialize("Concert", 5, terms)


def test_new_orders_have_ids_that_grow() -> None:
    ids = [new_order_id() for _ in range(1_000)]
    assert ids == sorted(set(ids))


# --- times ---------------------------------------------------------------------------------------

TIMES = [
    ("1970-01-01T00:00:00Z", 0),
    ("1970-01-01T00:00:00.000001Z", 1),
    ("1970-01-01T02:00:00.5+02:00", 500_000),
    ("1969-12-31T23:00:00-01:00", 0),
    ("9998-12-31T23:59:59.999999Z", INSTANT_MAX - 1),
    ("9999-01-01T00:59:59.999999+01:00", INSTANT_MAX - 1),
]
NO_TIMES = [
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00+00:01",
    "1969-12-31T23:59:59.5Z",
    "0001-01-01T00:00:00+23:59",
    "9999-01-01T00:00:00Z",
    "9998-12-31T23:59:59-00:01",
    "9999-12-31T23:59:59.999999-23:59",
]
each_window = pytest.mark.parametrize("field", ["salesOpenAt", "salesCloseAt"])


@pytest.mark.parametrize(("text", "at"), TIMES)
def test_a_time_is_taken_to_the_microsecond(text: str, at: int) -> None:
    body = f'{{"eventId": 7, "salesOpenAt": "{text}"}}'
    assert asked("adjust", body)[1] == Adjust(sales_open_at=Instant(at))


@each_window
@pytest.mark.parametrize("text", NO_TIMES)
@pytest.mark.parametrize("at", ["", AT])
def test_a_time_out_of_bounds_is_pointed_at(field: str, text: str, at: str) -> None:
    for call, least in (("adjust", '"eventId": 7'), ("initialize", '"eventName": "x", "totalTickets": 1')):
        body = f'{{{least}, "{field}": "{text}"}}'
        assert refused(call, body, at) == ("invalid_request", [f"{at}/{field}"])


# --- what no event could answer ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ('"holdSeconds": 3601', "/holdSeconds"),
        ('"maxHoldSeconds": 599', "/holdSeconds"),
        ('"holdSeconds": 61, "maxHoldSeconds": 60', "/holdSeconds"),
        (
            '"salesOpenAt": "2026-01-01T00:00:00Z", "salesCloseAt": "2026-01-01T01:00:00+01:00"',
            "/salesCloseAt",
        ),
        (
            '"salesOpenAt": "2026-01-01T00:00:00Z", "salesCloseAt": "2025-12-31T23:59:59.999999Z"',
            "/salesCloseAt",
        ),
    ],
)
@pytest.mark.parametrize("at", ["", AT])
def test_terms_that_contradict_each_other_make_no_event(terms: str, pointer: str, at: str) -> None:
    body = f'{{"eventName": "Concert", "totalTickets": 5, {terms}}}'
    assert refused("initialize", body, at) == ("invalid_request", [at + pointer])


def test_terms_that_may_contradict_the_event_are_left_to_the_event() -> None:
    assert asked("adjust", '{"eventId": 7, "holdSeconds": 3601}')[1] == Adjust(hold_seconds=3_601)


@pytest.mark.parametrize("event", ["0", '"0"', '"07"', '"any"', '" 7"', f'"{2**63}"'])
@pytest.mark.parametrize("call", ["book", "hold", "cancel", "adjust", "close"])
def test_an_id_that_no_event_can_have_is_no_event(call: str, event: str) -> None:
    user = "" if call in ("adjust", "close") else ', "userId": "ann"'
    assert refused(call, f'{{"eventId": {event}{user}}}') == ("event_not_found", [])


@pytest.mark.parametrize("order", ["7", '"7"', '"7-x"', f'"{ORDER}"', f'"0-{ORDER}"', f'"7-{ORDER} "'])
@pytest.mark.parametrize("call", ["confirm", "extend", "cancel"])
def test_an_id_that_no_order_can_have_is_no_order(call: str, order: str) -> None:
    assert refused(call, f'{{"orderId": {order}}}') == ("order_not_found", [])


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ("", "/eventId"),
        ('"userId": "ann"', "/eventId"),
        ('"eventId": 7', "/userId"),
        ('"quantity": 1', "/eventId"),
        ('"orderId": "7-x", "eventId": 7', "/orderId"),
        ('"orderId": "7-x", "userId": "ann"', "/orderId"),
        ('"orderId": "7-x", "eventId": 7, "userId": "ann"', "/orderId"),
    ],
)
@pytest.mark.parametrize("at", ["", AT])
def test_a_cancellation_names_an_order_or_a_customer_and_not_both(
    members: str, pointer: str, at: str
) -> None:
    assert refused("cancel", f"{{{members}}}", at) == ("invalid_request", [at + pointer])


def test_an_event_in_an_address_is_read_like_one_in_a_body() -> None:
    assert event_id_of("7") == event_id_of(7) == EVENT
    with pytest.raises(ProblemError, match="event_not_found"):
        event_id_of("7x")
