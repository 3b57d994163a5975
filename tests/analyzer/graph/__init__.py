"""Mirrors analyzer/graph."""
