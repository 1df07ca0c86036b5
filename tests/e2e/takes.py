"""What each call takes, told a second time and by other means: plain Python on the standard library's JSON.

The fuzz tests compare it with what the server took. It does not say which status or pointer a refusal has:
the table tests do. Knows nothing of the server's own code but the bounds.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

from boxoffice.actors.values import QUANTITY_MAX, SECONDS_MAX, TEXT_MAX, TICKETS_MAX

Verdict: TypeAlias = bool | None
"""Whether it is taken; None where we do not want to know better than the library that reads it."""

Rule: TypeAlias = Callable[[Any], Verdict]

BODY_MAX, BATCH_MAX = 64 * 1024, 1024 * 1024


class Repeated(dict[str, Any]):
    """An object that gives a key more than once."""


# --- values --------------------------------------------------------------------------------------


def whole(least: int, most: int) -> Rule:
    """A whole number, written without point and exponent, from `least` to `most`."""
    return lambda value: type(value) is int and least <= value <= most


def text(value: Any) -> Verdict:
    """1 to 200 characters that a database can hold."""
    return (
        isinstance(value, str) and 1 <= len(value) <= TEXT_MAX and not re.search("[\0\ud800-\udfff]", value)
    )


def ident(value: Any) -> Verdict:
    """An id: a text, or a number that a bigint can hold."""
    return text(value) or whole(0, 2**63 - 1)(value)


def boolean(value: Any) -> Verdict:
    """True or false, and nothing like them."""
    return isinstance(value, bool)


def mode(value: Any) -> Verdict:
    """What a promotion does."""
    return value in ("book", "offer")


_OFFSET = re.compile(r"([Zz]|[+-][0-9:]+)$")
_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
BEGIN, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def moment(value: Any) -> Verdict:
    """A time with its offset, between 1970 and 9999. RFC 3339 has rarer forms: None."""
    if not isinstance(value, str) or not re.match(r"\d{4}", value, re.ASCII) or not _OFFSET.search(value):
        return False
    if not _PLAIN_TIME.fullmatch(value):
        return None
    try:
        return (datetime.fromisoformat(value) - BEGIN).total_seconds() >= 0 and (
            datetime.fromisoformat(value) - END
        ).total_seconds() < 0
    except ValueError:
        return None if ":60" in value else False


def or_null(rule: Rule) -> Rule:
    """That, or null."""
    return lambda value: value is None or rule(value)


# --- calls ---------------------------------------------------------------------------------------

quantity = whole(1, QUANTITY_MAX)
tickets = whole(1, TICKETS_MAX)
seconds = whole(1, SECONDS_MAX)

TERMS: Mapping[str, Rule] = {
    "salesOpenAt": or_null(moment),
    "salesCloseAt": or_null(moment),
    "maxPerOrder": or_null(quantity),
    "maxPerCustomer": or_null(tickets),
    "waitlistLimit": or_null(whole(0, TICKETS_MAX)),
    "waitlistMode": mode,
    "offerSeconds": seconds,
    "holdSeconds": seconds,
    "maxHoldSeconds": seconds,
}
BOOKING: Mapping[str, Rule] = {"eventId": ident, "userId": ident, "quantity": quantity, "waitlist": boolean}
FIELDS: Mapping[str, Mapping[str, Rule]] = {
    "initialize": {"eventName": text, "totalTickets": tickets, **TERMS},
    "book": BOOKING,
    "hold": {**BOOKING, "holdSeconds": or_null(seconds)},
    "confirm": {"orderId": ident},
    "extend": {"orderId": ident, "holdSeconds": or_null(seconds)},
    "cancel": {"orderId": ident, "eventId": ident, "userId": ident, "quantity": or_null(quantity)},
    "adjust": {"eventId": ident, "eventName": text, "totalTickets": tickets, **TERMS},
    "close": {"eventId": ident},
}
NEEDED: Mapping[str, set[str]] = {
    "initialize": {"eventName", "totalTickets"},
    "book": {"eventId", "userId"},
    "hold": {"eventId", "userId"},
    "confirm": {"orderId"},
    "extend": {"orderId"},
    "cancel": set(),
    "adjust": {"eventId"},
    "close": {"eventId"},
}
CALLS = tuple(FIELDS)


def takes(call: str, document: Any, *, in_a_batch: bool = False) -> Verdict:
    """Whether a call, or a batch as an entry, takes this for its body."""
    if not isinstance(document, dict) or isinstance(document, Repeated):
        return False
    fields = dict(document)
    named = fields.pop("do", None if in_a_batch else call)
    if in_a_batch and (not isinstance(named, str) or named not in FIELDS):
        return False
    if not in_a_batch and named != call:
        return False
    rules = FIELDS[named]
    if fields.keys() - rules.keys() or NEEDED[named] - fields.keys():
        return False
    verdicts = {rules[name](value) for name, value in fields.items()}
    verdicts.add(_together(named, fields) if verdicts <= {True} else True)
    return False if False in verdicts else None if None in verdicts else True


def _together(call: str, fields: Mapping[str, Any]) -> Verdict:
    """Whether fields that are right, each for itself, go together."""
    match call:
        case "cancel":
            return fields.keys() - {"quantity"} in ({"orderId"}, {"eventId", "userId"})
        case "initialize":
            opens, closes = (_time(fields.get(name)) for name in ("salesOpenAt", "salesCloseAt"))
            in_order = opens is None or closes is None or opens < closes
            return in_order and fields.get("holdSeconds", 600) <= fields.get("maxHoldSeconds", 3600)
        case _:
            return True


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


# --- bodies --------------------------------------------------------------------------------------


def read(body: bytes) -> Any:
    """The document. Raises ValueError for what is no JSON, RecursionError for what is too deep."""
    return json.loads(
        body.decode("utf-8"), object_pairs_hook=_pairs, parse_constant=_no_number, parse_int=_whole_number
    )


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    return document if len(document) == len(pairs) else Repeated(document)


def _no_number(constant: str) -> None:
    raise ValueError(constant)


def _whole_number(digits: str) -> int:
    return int(digits[:1_000])  # all that are longer are as much too large


def takes_body(call: str, body: bytes) -> Verdict:
    """Whether a call takes these bytes."""
    try:
        document = read(body)
    except (ValueError, RecursionError):
        return False
    return takes(call, document)


def takes_entries(body: bytes) -> list[Verdict] | None:
    """Of each entry, whether the batch takes it; of what is no batch, of none.

    None for what is no JSON: that may be the fault of one entry.
    """
    try:
        document = read(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or isinstance(document, Repeated) or document.keys() != {"commands"}:
        return []
    commands = document["commands"]
    if not isinstance(commands, list) or not 1 <= len(commands) <= 1_000:
        return []
    return list(_each(commands))


def _each(commands: list[Any]) -> Iterator[Verdict]:
    for command in commands:
        yield takes("", command, in_a_batch=True)


# --- keys ----------------------------------------------------------------------------------------

_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


def takes_key(given: bytes) -> bool:
    """Whether these bytes can be an idempotency key, with the quotes of a structured field or without."""
    text = given.decode("latin-1").strip(" \t")
    if text.startswith('"'):
        quoted = _QUOTED.fullmatch(text)
        text = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    return 1 <= len(text) <= 255 and text.isascii() and text.isprintable()


# --- arguments -----------------------------------------------------------------------------------

_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def takes_argument(path: str, name: str, given: str) -> Verdict:
    """Whether a list takes this for the value of its parameter, percent-encoded as it is."""
    value = unquote_plus(given, errors="replace")
    match path, name:
        case _, "limit":
            return bool(re.fullmatch("[0-9]{1,18}", value)) and 1 <= int(value) <= 500
        case _, "after":
            return bool(re.fullmatch("[0-9]{1,18}", value))
        case "/events", "cursor":
            return bool(re.fullmatch("[1-9][0-9]{0,18}", value)) and int(value) < 2**63
        case "/orders", "cursor":
            event_id, _, order_id = value.partition("-")
            return bool(takes_argument("/events", "cursor", event_id) and re.fullmatch(_UUID, order_id))
        case _, "cursor":
            return bool(re.fullmatch("[0-9]{1,18}", value))
        case _, "status":
            return value in ("held", "confirmed", "expired", "cancelled", "waitlisted", "offered")
        case _, "eventId":
            return True  # or there is no such event
        case _, "userId":
            return text(value)
    return False
