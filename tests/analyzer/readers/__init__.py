"""Tests of analyzer.readers."""
