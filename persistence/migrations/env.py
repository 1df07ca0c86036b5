"""Alembic's entry: runs the migrations on the connection that `database.upgrade` hands over."""

from alembic import context

from boxoffice.persistence.tables import metadata, schema_version

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=schema_version,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
