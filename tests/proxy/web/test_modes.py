"""Modes at the door: what is served, listed and recorded under observe, warn and enforce."""

from __future__ import annotations

GOOD, BAD = "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"
