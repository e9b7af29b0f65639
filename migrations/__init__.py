"""Alembic revisions of the database in `bot/tables.py`."""
