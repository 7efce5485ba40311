"""Runs migrations on the connection that `store.database` hands over; there is no other way in."""

from alembic import context

from tallystick.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
