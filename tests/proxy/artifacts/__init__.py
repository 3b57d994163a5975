"""Artifact bytes."""
