"""Tests of what a learned scorer sees."""
