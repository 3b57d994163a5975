"""Bundled lists: names in rank order."""
