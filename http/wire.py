"""The JSON that goes over the wire: what clients may send, what they get, and how ids look outside.

msgspec decodes and validates in one step; what it cannot say (NUL, lone surrogates, keys given twice) is
checked here, before anything reaches an actor. Raises `ProblemError` with a JSON pointer; knows no
requests, no responses, no actors. Called on the event loop.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Generic, NoReturn, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from boxoffice.actors.values import (
    QUANTITY_MAX,
    TEXT_MAX,
    TICKETS_MAX,
    CustomerId,
    EventId,
    EventStatus,
    Instant,
    Order,
    OrderId,
    Promotion,
)
from boxoffice.http.problems import FieldError, ProblemError

INTEGER_MAX = 2**63 - 1

Text = Annotated[str, Meta(min_length=1, max_length=TEXT_MAX)]
Id = Annotated[int, Meta(ge=0, le=INTEGER_MAX)] | Text


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """A JSON object in camelCase."""


# --- what clients send ---------------------------------------------------------------------------


class InitializeBody(Body, frozen=True, forbid_unknown_fields=True):
    """`POST /initialize`."""

    event_name: Text
    total_tickets: Annotated[int, Meta(ge=1, le=TICKETS_MAX)]


class BookBody(Body, frozen=True, forbid_unknown_fields=True):
    """`POST /book`."""

    event_id: Id
    user_id: Id
    quantity: Annotated[int, Meta(ge=1, le=QUANTITY_MAX)] = 1
    waitlist: bool = True


class CancelBody(Body, frozen=True, forbid_unknown_fields=True):
    """`POST /cancel`: an order, or the only live order of a customer."""

    order_id: Id | UnsetType = UNSET
    event_id: Id | UnsetType = UNSET
    user_id: Id | UnsetType = UNSET


# --- what they get -------------------------------------------------------------------------------


class EventBody(Body, frozen=True):
    """An event's numbers at one version."""

    event_id: str
    event_name: str
    total_tickets: int
    available_tickets: int
    booked_tickets: int
    waiting_list_count: int
    version: int


class OrderBody(Body, frozen=True):
    """An order as of the event's `version`; `position` only while it waits, 1 is next."""

    order_id: str
    event_id: str
    user_id: str
    quantity: int
    status: str
    version: int
    created_at: str
    position: int | UnsetType = UNSET


class PromotedBody(Body, frozen=True):
    """An order that got its tickets from the waiting list."""

    order_id: str
    user_id: str
    quantity: int


class CancelledBody(OrderBody, frozen=True):
    """A cancelled order, and who got what it gave back."""

    promoted: list[PromotedBody] = []


class ListBody(Body, frozen=True):
    """One page; `next` is the cursor of the following one."""

    items: list[EventBody]
    next: str | None


encode = msgspec.json.Encoder().encode


def event_body(status: EventStatus) -> EventBody:
    """An event as clients see it."""
    return EventBody(
        str(status.event_id),
        status.name,
        status.capacity,
        status.available,
        status.booked,
        status.waiting,
        status.version,
    )


def order_body(event_id: EventId, order: Order, version: int, position: int | None = None) -> OrderBody:
    """An order as clients see it."""
    return OrderBody(
        f"{event_id}-{order.id}",
        str(event_id),
        order.customer,
        order.quantity,
        order.status.value,
        version,
        rfc3339(order.created_at),
        UNSET if position is None else position,
    )


def cancelled_body(
    event_id: EventId, order: Order, version: int, promoted: tuple[Promotion, ...]
) -> CancelledBody:
    """A cancelled order as clients see it."""
    return CancelledBody(
        f"{event_id}-{order.id}",
        str(event_id),
        order.customer,
        order.quantity,
        order.status.value,
        version,
        rfc3339(order.created_at),
        promoted=[
            PromotedBody(f"{event_id}-{each.order_id}", each.customer, each.quantity) for each in promoted
        ],
    )


@lru_cache(maxsize=256)  # all orders of one tick share their time
def rfc3339(at: Instant) -> str:
    """A moment in UTC, to the microsecond."""
    seconds, micros = divmod(at, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06}Z"


# --- ids -----------------------------------------------------------------------------------------

_EVENT_ID = re.compile(r"[1-9][0-9]{0,18}")
_ORDER_ID = re.compile(r"([1-9][0-9]{0,18})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def event_id_of(given: int | str) -> EventId | None:
    """The event that an id on the wire names; None if no event can have it."""
    if isinstance(given, str):
        if not _EVENT_ID.fullmatch(given):
            return None
        given = int(given)
    return EventId(given) if 0 < given <= INTEGER_MAX else None


def order_id_of(given: int | str) -> tuple[EventId, OrderId] | None:
    """The event and the order that an order id on the wire names; None if no order can have it."""
    matched = _ORDER_ID.fullmatch(given) if isinstance(given, str) else None
    event_id = event_id_of(matched[1]) if matched else None
    return (event_id, OrderId(matched[2])) if matched and event_id is not None else None


def customer_of(given: int | str) -> CustomerId:
    """The customer that an id on the wire names."""
    return CustomerId(given if isinstance(given, str) else str(given))


# --- reading a body ------------------------------------------------------------------------------

T = TypeVar("T", bound=Body)


class Reader(Generic[T]):
    """Decodes and validates bodies of one type."""

    def __init__(self, body_type: type[T]) -> None:
        self._decode = msgspec.json.Decoder(body_type).decode
        self._keys = [f'"{field.encode_name}"'.encode() for field in msgspec.structs.fields(body_type)]
        self._texts = [(field.name, f"/{field.encode_name}") for field in msgspec.structs.fields(body_type)]

    def read(self, body: bytes) -> T:
        """The body's value. Raises ProblemError: 400 for what is no JSON, 422 for what is not this type."""
        try:
            value = self._decode(body)
        except msgspec.ValidationError as invalid:
            raise _invalid(_located(invalid)) from None
        except (ValueError, RecursionError) as malformed:
            _refuse_malformed(body, malformed)
        if b"\\" in body or any(body.count(key) > 1 for key in self._keys):
            _refuse_repeated_keys(body)
            self._refuse_nul(value)
        return value

    def _refuse_nul(self, value: T) -> None:
        """A NUL in JSON is always written as an escape, and no text of PostgreSQL's can hold one."""
        for name, pointer in self._texts:
            text = getattr(value, name)
            if isinstance(text, str) and "\0" in text:
                raise _invalid(FieldError(pointer, "text may not contain the character U+0000"))


def _invalid(error: FieldError) -> ProblemError:
    return ProblemError("invalid_request", "The body is not what this call takes.", [error])


_NAMED_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(?P<field>.*)`", re.DOTALL)


def _located(invalid: msgspec.ValidationError) -> FieldError:
    """msgspec's sentence and path (`$.a.b[0]`) as a JSON pointer (`/a/b/0`) and a detail."""
    said = str(invalid)
    if (named := _NAMED_FIELD.fullmatch(said)) is not None:  # of the body itself: none has objects in it
        return FieldError("/" + _escaped(named["field"]), said[:1].lower() + said[1:])
    said, _, path = said.partition(" - at `$")
    pointer = path.removesuffix("`").replace(".", "/").replace("[", "/").replace("]", "")
    return FieldError(pointer, said[:1].lower() + said[1:])


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _refuse_malformed(body: bytes, malformed: Exception) -> NoReturn:
    """400; but 422 with a pointer if nothing is wrong except half of a surrogate pair in some text."""
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ProblemError("malformed_json", f"The body is not JSON: {malformed}.") from None
    for pointer, text in _texts(document):
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise _invalid(FieldError(pointer, "text may not contain half of a surrogate pair")) from None
    raise ProblemError("malformed_json", f"The body is not JSON: {malformed}.") from None


def _texts(document: Any) -> Iterator[tuple[str, str]]:
    """Every key and text at the first level of `document`, with its pointer: no call takes any deeper."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield "", key
            if isinstance(value, str):
                yield f"/{key}", value


def _refuse_repeated_keys(body: bytes) -> None:
    """Two values for one key: one reader takes the first, another the last, so nobody may take either."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise ProblemError("malformed_json", "The body gives one key more than once.")
        return fields

    json.loads(body, object_pairs_hook=unique)
