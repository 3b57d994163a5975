"""Tests of the SQLite store's tables."""
