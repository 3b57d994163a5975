"""The SQLite store's tables, one file for each theme; the room for sqlite_utils."""
