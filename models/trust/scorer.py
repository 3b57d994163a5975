"""The port behind which scorers are exchanged."""

from __future__ import annotations

from typing import Protocol

from models.canonical import Digest
from models.decision import TrustScore
from models.evidence import Evidence, Layer
from models.facts import Facts


class Scorer(Protocol):
    """Pure: the same evidence, facts and layers give the same score, bit for bit."""

    @property
    def name(self) -> str:
        """A short name for people, such as `rules-2`."""

    @property
    def digest(self) -> Digest:
        """The digest of everything the score depends on beside its arguments."""

    def score(
        self, evidence: Evidence, facts: Facts | None, *, layers_off: tuple[Layer, ...] = ()
    ) -> TrustScore:
        """The score of one artifact. Missing facts are a layer that is missing, never an error."""
