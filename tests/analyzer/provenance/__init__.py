"""Tests of attestations and of publishers over time."""
