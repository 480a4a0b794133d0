"""Runs migrations on the connection that ``store.engine`` hands over, within its transaction."""

from alembic import context

from coffer.desk.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
