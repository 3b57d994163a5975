"""Indexes: upstream, cache, guard."""
