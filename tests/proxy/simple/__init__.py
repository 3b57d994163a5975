"""The simple index on the wire."""
