"""The tables, as SQLAlchemy Core sees them. The migrations make them; a test compares the two.

`changes` is the truth: append-only, one row a version. `events` and `orders` are a projection of it, kept
in the same transactions, so that reading needs no replay. The CHECKs are the last line: whatever bug gets
that far, the database itself will not sell a ticket twice.

There is no foreign key from `orders` or `changes` to `events`: the fence on the event's row has matched
before either is written, in the same transaction, and a key would cost every booking another look-up.
"""

from pathlib import Path

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON

metadata = MetaData()

schema_version = "boxoffice_schema"
"""Alembic's own table, under a name that no other application's migrations use in the same database."""

MIGRATIONS = Path(__file__).with_name("migrations")
REVISIONS = tuple(sorted(path.name[:4] for path in MIGRATIONS.glob("versions/[0-9]*.py")))
"""The forms that the tables have had, by the numbers that their files begin with; the last is the newest."""

event_ids = Sequence("event_ids", metadata=metadata)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("available", Integer, nullable=False),
    Column("booked", Integer, nullable=False),
    Column("waiting", Integer, nullable=False, comment="orders in line"),
    Column("version", BigInteger, nullable=False, comment="of the last change; fenced"),
    Column("owner_epoch", BigInteger, nullable=False, comment="grows with every owner; fenced"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("held", Integer, nullable=False),
    Column("offered", Integer, nullable=False),
    Column("waiting_tickets", BigInteger, nullable=False, comment="what those in line wait for"),
    Column("waitlist_mode", Text, nullable=False),
    Column("offer_seconds", Integer, nullable=False),
    Column("hold_seconds", Integer, nullable=False),
    Column("max_hold_seconds", Integer, nullable=False, comment="with all extensions"),
    Column("sales_open_at", DateTime(timezone=True)),
    Column("sales_close_at", DateTime(timezone=True)),
    Column("max_per_order", Integer),
    Column("max_per_customer", Integer),
    Column("waitlist_limit", Integer, comment="orders in line"),
    Column("closed_at", DateTime(timezone=True), comment="when the sale was ended for good"),
    CheckConstraint("capacity > 0", name="events_capacity_is_positive"),
    CheckConstraint(
        "available >= 0 AND booked >= 0 AND held >= 0 AND offered >= 0 AND waiting >= 0",
        name="events_never_oversold",
    ),
    CheckConstraint("available + booked + held + offered = capacity", name="events_add_up"),
    CheckConstraint("waitlist_mode IN ('book', 'offer')", name="events_waitlist_mode_is_known"),
    postgresql_with={"fillfactor": "50"},  # one hot row, updated by every commit: room for HOT updates
)

orders = Table(
    "orders",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("order_id", Uuid(as_uuid=False), primary_key=True),
    Column("customer", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("place", BigInteger, comment="grows along the waiting list; only while waiting"),
    Column("version", BigInteger, nullable=False, comment="the change that made the order what it is"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), comment="only while held or offered"),
    CheckConstraint("quantity > 0", name="orders_quantity_is_positive"),
    CheckConstraint(
        "status IN ('confirmed', 'held', 'offered', 'waitlisted', 'cancelled', 'expired')",
        name="orders_status_is_known",
    ),
    CheckConstraint("(status = 'waitlisted') = (place IS NOT NULL)", name="orders_in_line_have_a_place"),
    CheckConstraint(
        "(status IN ('held', 'offered')) = (expires_at IS NOT NULL)", name="orders_that_end_have_an_end"
    ),
    postgresql_with={"fillfactor": "90"},
)

# For lists. An order that is confirmed at once, as most are, is not in the second one and costs it nothing.
orders_of_customer = Index("orders_of_customer", orders.c.customer, orders.c.event_id)
orders_not_confirmed = Index(
    "orders_not_confirmed",
    orders.c.event_id,
    orders.c.status,
    orders.c.order_id,
    postgresql_where=orders.c.status != "confirmed",
)

changes = Table(
    "changes",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("body", JSON, nullable=False),
)

replies = Table(
    "replies",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("position", Integer, primary_key=True, comment="in a batch; 0 otherwise"),
    Column("fingerprint", LargeBinary, nullable=False, comment="of the request"),
    Column("answer", JSON, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""What was answered under which idempotency key, written with what it answers; kept for a day."""

replies_by_age = Index("replies_by_age", replies.c.at)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False, comment="the secret itself is nowhere"),
    Column("limit_requests", Integer, comment="so many in limit_seconds; NULL: the server's own limit"),
    Column("limit_seconds", Integer),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    CheckConstraint("id ~ '^[0-9a-z]{12}$'", name="api_keys_id_is_one"),
    CheckConstraint(
        "char_length(name) BETWEEN 1 AND 200 AND name !~ '[[:cntrl:]]'", name="api_keys_name_can_be_printed"
    ),
    CheckConstraint(
        "cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'sell', 'organise', 'admin']",
        name="api_keys_scopes_are_known",
    ),
    CheckConstraint("octet_length(secret_sha256) = 32", name="api_keys_secret_is_hashed"),
    CheckConstraint(
        "(limit_requests IS NULL) = (limit_seconds IS NULL)", name="api_keys_limit_is_whole_or_absent"
    ),
    CheckConstraint(
        "limit_requests BETWEEN 1 AND 1000000 AND limit_seconds IN (1, 60, 3600, 86400)",
        name="api_keys_limit_is_bounded",
    ),
    CheckConstraint("expires_at > created_at", name="api_keys_expire_after_they_are_made"),
)
"""Rows are never deleted: a revoked key is one that was there, and its id is in idempotency records."""
