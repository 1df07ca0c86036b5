"""Events, their orders, and the log of changes that both follow from.

Alembic calls it, in one transaction. What it says is history: later shapes come as later migrations.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the first tables."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("event_ids")))
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.Column("available", sa.Integer, nullable=False),
        sa.Column("booked", sa.Integer, nullable=False),
        sa.Column("waiting", sa.Integer, nullable=False, comment="orders in line"),
        sa.Column("version", sa.BigInteger, nullable=False, comment="of the last change; fenced"),
        sa.Column(
            "owner_epoch",
            sa.BigInteger,
            nullable=False,
            comment="grows with every owner; fenced",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("capacity > 0", name="events_capacity_is_positive"),
        sa.CheckConstraint("available >= 0 AND booked >= 0 AND waiting >= 0", name="events_never_oversold"),
        sa.CheckConstraint("available + booked = capacity", name="events_add_up"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "orders",
        sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("order_id", sa.Uuid(as_uuid=False), primary_key=True),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("place", sa.BigInteger, comment="grows along the waiting list; only while waiting"),
        sa.Column(
            "version", sa.BigInteger, nullable=False, comment="the change that made the order what it is"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity > 0", name="orders_quantity_is_positive"),
        sa.CheckConstraint(
            "status IN ('confirmed', 'waitlisted', 'cancelled')", name="orders_status_is_known"
        ),
        sa.CheckConstraint(
            "(status = 'waitlisted') = (place IS NOT NULL)", name="orders_in_line_have_a_place"
        ),
        postgresql_with={"fillfactor": "90"},
    )
    op.create_index("orders_of_customer", "orders", ["event_id", "customer"])
    op.create_table(
        "changes",
        sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", JSON, nullable=False),
    )


def downgrade() -> None:
    """Take them away again, with all they hold."""
    op.drop_table("changes")
    op.drop_table("orders")
    op.drop_table("events")
    op.execute(sa.schema.DropSequence(sa.Sequence("event_ids")))
