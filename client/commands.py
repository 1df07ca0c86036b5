"""What can be asked of an event, as values: the entries of a batch, and the bodies of the calls.

A field that is `UNSET` is not sent. The bounds are the server's, who answers 422 `InvalidRequest` beyond
them: names and customers 1 to 200 characters, a quantity 1 to 1,000, an event 1 to 10,000,000 tickets,
seconds up to 30 days. Values only, for any thread.
"""

from datetime import datetime
from typing import Any, ClassVar, Generic, TypedDict, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from boxoffice.client.types import Adjusted, Cancelled, Event, Order, Result, WaitlistMode

R_co = TypeVar("R_co", bound=Result, covariant=True)


class Terms(TypedDict, total=False):
    """The terms of a sale, by keyword; None stands for no bound, and what is left out stays as it is.

    `max_per_order` and `max_per_customer` count tickets, `waitlist_limit` orders in line. A hold lasts
    `hold_seconds`, with all its extensions `max_hold_seconds`; an offer `offer_seconds`. Times need a zone.
    """

    sales_open_at: datetime | None
    sales_close_at: datetime | None
    max_per_order: int | None
    max_per_customer: int | None
    waitlist_limit: int | None
    waitlist_mode: WaitlistMode
    offer_seconds: int
    hold_seconds: int
    max_hold_seconds: int


class Command(msgspec.Struct, Generic[R_co], frozen=True, rename="camel", tag_field="do"):
    """Something to be asked, which is answered by a `R_co`."""

    answer: ClassVar[type[Any]]

    @property
    def path(self) -> str:
        """Where its own call is."""
        return f"/{self.__struct_config__.tag}"


class _OnTerms(Command[R_co], Generic[R_co], frozen=True, kw_only=True):
    sales_open_at: datetime | UnsetType | None = UNSET
    sales_close_at: datetime | UnsetType | None = UNSET
    max_per_order: int | UnsetType | None = UNSET
    max_per_customer: int | UnsetType | None = UNSET
    waitlist_limit: int | UnsetType | None = UNSET
    waitlist_mode: WaitlistMode | UnsetType = UNSET
    offer_seconds: int | UnsetType = UNSET
    hold_seconds: int | UnsetType = UNSET
    max_hold_seconds: int | UnsetType = UNSET


class Initialize(_OnTerms[Event], frozen=True, tag="initialize"):
    """Put an event on sale, on these `Terms`."""

    answer = Event
    event_name: str
    total_tickets: int


class Book(Command[Order], frozen=True, tag="book"):
    """Book all of the quantity or nothing; when sold out, wait in line unless `waitlist` is false."""

    answer = Order
    event_id: str | int
    user_id: str | int
    quantity: int = 1
    waitlist: bool = True


class Hold(Command[Order], frozen=True, tag="hold"):
    """Book, but only for `hold_seconds` (None: the event's) unless confirmed."""

    answer = Order
    event_id: str | int
    user_id: str | int
    quantity: int = 1
    waitlist: bool = True
    hold_seconds: int | None = None


class Confirm(Command[Order], frozen=True, tag="confirm"):
    """Keep what is held, or accept what is offered."""

    answer = Order
    order_id: str


class Extend(Command[Order], frozen=True, tag="extend"):
    """Hold for `hold_seconds` (None: the event's) from now on."""

    answer = Order
    order_id: str
    hold_seconds: int | None = None


class Cancel(Command[Cancelled], frozen=True, tag="cancel"):
    """Cancel an order, or the only live order of a customer in an event; or `quantity` of its tickets."""

    answer = Cancelled
    order_id: str | UnsetType = UNSET
    event_id: str | int | UnsetType = UNSET
    user_id: str | int | UnsetType = UNSET
    quantity: int | None = None


class Adjust(_OnTerms[Adjusted], frozen=True, tag="adjust"):
    """Change what is given: the name, the tickets, the `Terms`."""

    answer = Adjusted
    event_id: str | int
    event_name: str | UnsetType = UNSET
    total_tickets: int | UnsetType = UNSET


class Close(Command[Event], frozen=True, tag="close"):
    """End the sale for good."""

    answer = Event
    event_id: str | int
