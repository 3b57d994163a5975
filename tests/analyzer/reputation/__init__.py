"""Tests of history and ownership."""
