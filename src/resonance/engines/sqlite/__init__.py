"""The embedded store: SQLite with one writer thread and readers beside it."""
