"""What a box office says, as far as the proof reads it: answers, statuses, and the entries of an event's log.

Written from the API document, not from the server's code. Decoding an answer takes 1 µs.
"""

import msgspec


class _Said(msgspec.Struct, rename="camel", gc=False):
    """A JSON object of which what is not named here is left unread."""


class Promoted(_Said):
    """Somebody who got tickets from the waiting list."""

    order_id: str
    user_id: str
    quantity: int
    status: str
    expires_at: str | None = None


class Said(_Said, kw_only=True):
    """Any answer: an order, an event or a problem; or a status. None: it does not say."""

    code: str | None = None
    version: int | None = None
    status: str | int | None = None
    event_id: str | None = None
    order_id: str | None = None
    user_id: str | None = None
    quantity: int | None = None
    position: int | None = None
    expires_at: str | None = None
    cancelled_quantity: int | None = None
    promoted: list[Promoted] | None = None
    promoted_count: int | None = None
    order_status: str | None = None
    event_name: str | None = None
    total_tickets: int | None = None
    available_tickets: int | None = None
    booked_tickets: int | None = None
    held_tickets: int | None = None
    offered_tickets: int | None = None
    waiting_list_count: int | None = None
    waiting_tickets: int | None = None
    sales_open_at: str | None = None
    sales_close_at: str | None = None
    closed_at: str | None = None
    max_per_order: int | None = None
    max_per_customer: int | None = None
    waitlist_limit: int | None = None
    waitlist_mode: str | None = None
    limit: str | None = None
    maximum: int | None = None
    asked: int | None = None


class Change(_Said, kw_only=True):
    """An entry of an event's log."""

    version: int
    at: str
    type: str
    order_id: str = ""
    user_id: str = ""
    quantity: int = 0
    expires_at: str | None = None
    total_tickets: int = 0
    sales_open_at: str | None = None
    sales_close_at: str | None = None
    max_per_order: int | None = None
    max_per_customer: int | None = None
    waitlist_limit: int | None = None
    waitlist_mode: str = "book"
    promoted: list[Promoted] = []


class Brief(_Said):
    """The least of an answer: what it is about."""

    version: int | None = None
    event_id: str | None = None
    order_id: str | None = None
    code: str | None = None


class Result(_Said):
    """The outcome of one command of a batch."""

    status: int
    body: msgspec.Raw


class Results(_Said):
    """A batch's answer."""

    results: list[Result]


class Page(_Said):
    """Some of a list, of events or of orders."""

    items: list[Said]
    next: str | None


read_said = msgspec.json.Decoder(Said).decode
read_brief = msgspec.json.Decoder(Brief).decode
read_results = msgspec.json.Decoder(Results).decode
read_page = msgspec.json.Decoder(Page).decode
read_changes = msgspec.json.Decoder(Change).decode_lines
