"""Alembic's migrations of the tables, oldest first in `versions/`."""

HEAD = "0004"
"""The newest version; a database that says so needs no migration, and Alembic need not even be imported."""
