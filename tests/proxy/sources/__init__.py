"""Tests of the sources of facts."""
