"""Tests of telling."""
