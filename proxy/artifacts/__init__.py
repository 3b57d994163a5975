"""Artifact bytes by their sha256."""
