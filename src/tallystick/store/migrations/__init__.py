"""Alembic migrations, applied by `Database.open`."""
