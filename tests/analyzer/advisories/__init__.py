"""Tests of advisories."""
