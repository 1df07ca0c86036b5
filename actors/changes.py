"""What a decision changed: the entries of an event's log, from which everything else can be rebuilt.

One change is one version, and every version is a state that keeps all promises: whoever is promoted by a
cancellation is promoted *inside* that change, so there is no version at which a ticket lies idle while
somebody at the head of the line could have it.

Frozen values that carry their own version and time. Their JSON form (`encode`, `decode`) is what the
database stores: fields may be added with a default, never renamed or given another meaning.
"""

from typing import TypeAlias

import msgspec

from boxoffice.actors.messages import CustomerId, Instant, OrderId, Promotion


class _Change(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag=True, rename="camel"):
    version: int
    at: Instant


class EventInitialized(_Change, frozen=True, gc=False):
    """`capacity` tickets went on sale. Always version 1."""

    name: str
    capacity: int


class TicketsBooked(_Change, frozen=True, gc=False):
    """A customer got `quantity` tickets at once."""

    order_id: OrderId
    customer: CustomerId
    quantity: int


class CustomerWaitlisted(_Change, frozen=True, gc=False):
    """A customer joined the end of the line; this change's version is their place."""

    order_id: OrderId
    customer: CustomerId
    quantity: int


class OrderCancelled(_Change, frozen=True, gc=False):
    """An order gave its tickets back, or left the line; `promoted` took what became free."""

    order_id: OrderId
    promoted: tuple[Promotion, ...] = ()


Change: TypeAlias = EventInitialized | TicketsBooked | CustomerWaitlisted | OrderCancelled

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Change).decode
