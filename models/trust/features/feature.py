"""What a feature is: one number about one artifact, or NaN where it was not measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from models.evidence import Layer
from models.trust.features.subject import Subject

Measure = Callable[[Subject], float]
"""From a subject to a number; NaN: it was not measured, which is not the same as 0."""


class Direction(IntEnum):
    """Which way a feature may move the risk; the values are LightGBM's `monotone_constraints`."""

    RISES = 1
    """More of it never lowers the risk."""
    FALLS = -1
    """More of it never raises the risk."""
    FREE = 0
    """Context: size and kind, which mean nothing by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column. `name` is what `Contribution.code` and the model file call it."""

    name: str
    """Small letters, digits, `_` and `.`; the first part is its family, such as `static.` or `run.`."""
    layer: Layer
    unit: str
    """`count`, `bytes`, `flag`, `ratio`, `ms` …"""
    direction: Direction
    meaning: str
    """What it counts, in one line that the documentation prints."""
    measure: Measure


def rising(layer: Layer, name: str, unit: str, meaning: str, measure: Measure) -> Feature:
    """A feature of which more never lowers the risk, which all that are learned are."""
    return Feature(
        name=name,
        layer=layer,
        unit=unit,
        direction=Direction.RISES,
        meaning=meaning,
        measure=measure,
    )
