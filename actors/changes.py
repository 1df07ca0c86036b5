"""What a decision changed: the entries of an event's log, from which everything else can be rebuilt.

One change is one version, and every version is a state that keeps all promises: whoever is promoted by a
cancellation is promoted *inside* that change, so there is no version at which a ticket lies idle while
somebody at the head of the line could have it.

Frozen values that carry their own version and time. Their JSON form (`encode`, `decode`) is what the
database stores: fields may be added with a default, never renamed or given another meaning.
"""

from typing import TypeAlias

import msgspec

from boxoffice.actors.values import CustomerId, Instant, OrderId, Promotion, Terms


class _Change(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag=True, rename="camel"):
    version: int
    at: Instant


class EventInitialized(_Change, frozen=True, gc=False):
    """`capacity` tickets went on sale. Always version 1."""

    name: str
    capacity: int
    terms: Terms = Terms()


class TicketsBooked(_Change, frozen=True, gc=False):
    """A customer got `quantity` tickets at once."""

    order_id: OrderId
    customer: CustomerId
    quantity: int


class TicketsHeld(_Change, frozen=True, gc=False):
    """A customer got `quantity` tickets at once, until `expires_at`."""

    order_id: OrderId
    customer: CustomerId
    quantity: int
    expires_at: Instant


class CustomerWaitlisted(_Change, frozen=True, gc=False):
    """A customer joined the end of the line; this change's version is their place."""

    order_id: OrderId
    customer: CustomerId
    quantity: int


class OrderConfirmed(_Change, frozen=True, gc=False):
    """What was held or offered is the customer's."""

    order_id: OrderId


class HoldExtended(_Change, frozen=True, gc=False):
    """A hold lasts longer: until `expires_at`."""

    order_id: OrderId
    expires_at: Instant


class OrderReduced(_Change, frozen=True, gc=False):
    """An order gave a part of its tickets back, or waits for fewer: for `quantity`."""

    order_id: OrderId
    quantity: int
    promoted: tuple[Promotion, ...] = ()


class OrderCancelled(_Change, frozen=True, gc=False):
    """An order gave its tickets back, or left the line; `promoted` took what became free."""

    order_id: OrderId
    promoted: tuple[Promotion, ...] = ()


class OrderExpired(_Change, frozen=True, gc=False):
    """A hold or an offer was not confirmed in time; `promoted` took what became free."""

    order_id: OrderId
    promoted: tuple[Promotion, ...] = ()


class EventAdjusted(_Change, frozen=True, gc=False):
    """From now on the event has this name, this capacity and these terms."""

    name: str
    capacity: int
    terms: Terms
    promoted: tuple[Promotion, ...] = ()


class SaleClosed(_Change, frozen=True, gc=False):
    """The sale ended for good."""


Change: TypeAlias = (
    EventInitialized
    | TicketsBooked
    | TicketsHeld
    | CustomerWaitlisted
    | OrderConfirmed
    | HoldExtended
    | OrderReduced
    | OrderCancelled
    | OrderExpired
    | EventAdjusted
    | SaleClosed
)

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Change).decode
