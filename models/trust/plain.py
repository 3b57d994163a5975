"""Plain measures of evidence, for drift where no trained model is in force: counts that anybody can check."""

from __future__ import annotations

import math

from models.evidence import Evidence, Layer, Severity
from models.facts import Facts
from models.trust.findings import own_findings

SEEN = (Layer.METADATA, Layer.BEHAVIOUR)
"""Layers that look at the artifact itself."""

NAMES: tuple[str, ...] = (
    *(f"findings.{layer.value}.{severity.value}" for layer in Layer for severity in Severity),
    "run.shortfalls",
    "run.duration_ms",
    "run.modules_failed",
    "archive.size_bytes",
    "signals",
)
"""The names of `vector_of`'s numbers, in their order."""


def vector_of(evidence: Evidence, facts: Facts | None = None) -> tuple[float, ...]:
    """The counts, in the order of NAMES; NaN where the layer was not measured."""
    found = own_findings(evidence, facts)
    ran = Layer.BEHAVIOUR in evidence.layers
    counts = [
        _of(
            sum(one.layer is layer and one.severity is severity for one in found),
            measured=layer in evidence.layers if layer in SEEN else facts is not None,
        )
        for layer in Layer
        for severity in Severity
    ]
    return (
        *counts,
        float(len(evidence.shortfalls)),
        _of(evidence.duration_ms, measured=ran),
        _of(evidence.coverage.modules_failed, measured=ran),
        float(evidence.size_bytes),
        float(len(evidence.signals)),
    )


def _of(count: int, *, measured: bool) -> float:
    return float(count) if measured else math.nan
