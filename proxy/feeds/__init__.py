"""Feeds of advisories: fetched by the proxy, read by a child without network, kept in the store."""
