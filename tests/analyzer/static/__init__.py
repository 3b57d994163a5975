"""Tests of static reading."""
