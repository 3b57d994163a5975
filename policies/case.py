"""A case: everything a policy may look at, gathered before it is judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.artifact import ArtifactRef
from models.decision import Override, TrustScore
from models.evidence import Evidence, Layer
from models.facts import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One artifact at one moment. `evidence` None: nobody has looked yet."""

    ref: ArtifactRef
    as_of: datetime
    facts: Facts | None
    evidence: Evidence | None
    score: TrustScore | None
    overrides: tuple[Override, ...] = ()
    """Overrides that may match; `evaluate` checks scope and expiry itself."""
    layers_off: tuple[Layer, ...] = ()
    analysis_failed: bool = False
    """The queue gave up after its last attempt."""
    analysis_failures: int = 0
    """How many times in a row the queue gave up; with `analysis_failed`, this time included."""
