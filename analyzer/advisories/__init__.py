"""Advisories: what others know of a release, as OSV records say it, and what that means here."""
