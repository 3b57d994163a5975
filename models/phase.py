"""The phases of an analysis, and the bounded texts that everything seen in them is told with."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

Text = Annotated[str, Meta(max_length=300)]
"""A short text out of an artifact or a box: cut by whoever makes it, escaped by whoever shows it."""
LongText = Annotated[str, Meta(max_length=4000)]


class Phase(StrEnum):
    """When something was seen (DESIGN.md, Analysis phases)."""

    INVENTORY = "P0"
    INSTALL = "P1"
    START = "P2"
    IMPORT = "P3"
    USE = "P4"
    WAIT = "P5"
