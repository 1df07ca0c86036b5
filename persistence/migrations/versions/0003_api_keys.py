"""API keys.

Alembic calls it, in one transaction. There are none yet, so whoever may reach a server may do everything, as
before.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table of keys."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", ARRAY(sa.Text), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary, nullable=False, comment="the secret itself is nowhere"),
        sa.Column(
            "limit_requests", sa.Integer, comment="so many in limit_seconds; NULL: the server's own limit"
        ),
        sa.Column("limit_seconds", sa.Integer),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment),
        sa.Column("revoked_at", moment),
        sa.CheckConstraint("id ~ '^[0-9a-z]{12}$'", name="api_keys_id_is_one"),
        sa.CheckConstraint(
            "char_length(name) BETWEEN 1 AND 200 AND name !~ '[[:cntrl:]]'",
            name="api_keys_name_can_be_printed",
        ),
        sa.CheckConstraint(
            "cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'sell', 'organise', 'admin']",
            name="api_keys_scopes_are_known",
        ),
        sa.CheckConstraint("octet_length(secret_sha256) = 32", name="api_keys_secret_is_hashed"),
        sa.CheckConstraint(
            "(limit_requests IS NULL) = (limit_seconds IS NULL)", name="api_keys_limit_is_whole_or_absent"
        ),
        sa.CheckConstraint(
            "limit_requests BETWEEN 1 AND 1000000 AND limit_seconds IN (1, 60, 3600, 86400)",
            name="api_keys_limit_is_bounded",
        ),
        sa.CheckConstraint("expires_at > created_at", name="api_keys_expire_after_they_are_made"),
    )


def downgrade() -> None:
    """Forget all keys: the boxoffice before this one knows none, and lets everybody in."""
    op.drop_table("api_keys")
