"""Indexes as layers of one small interface: upstream, cache, guard."""
