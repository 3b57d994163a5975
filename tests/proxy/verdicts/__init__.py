"""Tests of proxy.verdicts."""
