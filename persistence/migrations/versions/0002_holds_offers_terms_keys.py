"""Holds, offers, the terms of a sale, partial quantities in line, and idempotency records.

Alembic calls it, in one transaction. Events that are there get the terms they have been sold on so far: none.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_STATUSES_BEFORE = "status IN ('confirmed', 'waitlisted', 'cancelled')"
_STATUSES = "status IN ('confirmed', 'held', 'offered', 'waitlisted', 'cancelled', 'expired')"


def upgrade() -> None:
    """Widen what is there, and make the table of replies."""
    _add_to_events()
    _add_to_orders()
    op.create_table(
        "replies",
        sa.Column("caller", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, comment="in a batch; 0 otherwise"),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="of the request"),
        sa.Column("answer", JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("replies_by_age", "replies", ["at"])


def _add_to_events() -> None:
    moment = sa.DateTime(timezone=True)
    with_defaults: list[sa.Column[Any]] = [
        sa.Column("held", sa.Integer, nullable=False, server_default="0"),
        sa.Column("offered", sa.Integer, nullable=False, server_default="0"),
        sa.Column(
            "waiting_tickets",
            sa.BigInteger,
            nullable=False,
            server_default="0",
            comment="what those in line wait for",
        ),
        sa.Column("waitlist_mode", sa.Text, nullable=False, server_default="book"),
        sa.Column("offer_seconds", sa.Integer, nullable=False, server_default="3600"),
        sa.Column("hold_seconds", sa.Integer, nullable=False, server_default="600"),
        sa.Column(
            "max_hold_seconds",
            sa.Integer,
            nullable=False,
            server_default="3600",
            comment="with all extensions",
        ),
    ]
    bounds: list[sa.Column[Any]] = [
        sa.Column("sales_open_at", moment),
        sa.Column("sales_close_at", moment),
        sa.Column("max_per_order", sa.Integer),
        sa.Column("max_per_customer", sa.Integer),
        sa.Column("waitlist_limit", sa.Integer, comment="orders in line"),
        sa.Column("closed_at", moment, comment="when the sale was ended for good"),
    ]
    for column in [*with_defaults, *bounds]:
        op.add_column("events", column)
    for column in with_defaults:  # every new row says them itself
        op.alter_column("events", column.name, server_default=None)
    op.execute(
        "UPDATE events AS e SET waiting_tickets = w.tickets"
        " FROM (SELECT event_id, sum(quantity) AS tickets FROM orders"
        " WHERE status = 'waitlisted' GROUP BY event_id) AS w WHERE e.id = w.event_id"
    )
    op.drop_constraint("events_never_oversold", "events")
    op.drop_constraint("events_add_up", "events")
    op.create_check_constraint(
        "events_never_oversold",
        "events",
        "available >= 0 AND booked >= 0 AND held >= 0 AND offered >= 0 AND waiting >= 0",
    )
    op.create_check_constraint("events_add_up", "events", "available + booked + held + offered = capacity")
    op.create_check_constraint(
        "events_waitlist_mode_is_known", "events", "waitlist_mode IN ('book', 'offer')"
    )


def _add_to_orders() -> None:
    op.add_column(
        "orders",
        sa.Column("expires_at", sa.DateTime(timezone=True), comment="only while held or offered"),
    )
    op.drop_constraint("orders_status_is_known", "orders")
    op.create_check_constraint("orders_status_is_known", "orders", _STATUSES)
    op.create_check_constraint(
        "orders_that_end_have_an_end", "orders", "(status IN ('held', 'offered')) = (expires_at IS NOT NULL)"
    )
    op.drop_index("orders_of_customer", "orders")
    op.create_index("orders_of_customer", "orders", ["customer", "event_id"])
    op.create_index(
        "orders_not_confirmed",
        "orders",
        ["event_id", "status", "order_id"],
        postgresql_where=sa.text("status <> 'confirmed'"),
    )


def downgrade() -> None:
    """Take away what was added. Refused by the database while an order is held, offered or expired."""
    op.drop_table("replies")
    op.drop_index("orders_not_confirmed", "orders")
    op.drop_index("orders_of_customer", "orders")
    op.create_index("orders_of_customer", "orders", ["event_id", "customer"])
    op.drop_constraint("orders_that_end_have_an_end", "orders")
    op.drop_constraint("orders_status_is_known", "orders")
    op.create_check_constraint("orders_status_is_known", "orders", _STATUSES_BEFORE)
    op.drop_column("orders", "expires_at")
    for name in ("events_waitlist_mode_is_known", "events_add_up", "events_never_oversold"):
        op.drop_constraint(name, "events")
    for name in (
        "held", "offered", "waiting_tickets", "sales_open_at", "sales_close_at", "max_per_order",
        "max_per_customer", "waitlist_limit", "waitlist_mode", "offer_seconds", "hold_seconds",
        "max_hold_seconds", "closed_at",
    ):  # fmt: skip
        op.drop_column("events", name)
    op.create_check_constraint(
        "events_never_oversold", "events", "available >= 0 AND booked >= 0 AND waiting >= 0"
    )
    op.create_check_constraint("events_add_up", "events", "available + booked = capacity")
