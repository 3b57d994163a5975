"""All proofs by name, and the pages of those that have one of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from models.artifact import ArtifactKind
from tests.proofs.benign import BenignProof, benign_page
from tests.proofs.kill import KillProof
from tests.proofs.latency import LatencyProof
from tests.proofs.proof import Proof
from tests.proofs.reenactments import ReenactmentsProof, reenactments_page
from tests.proofs.speed import SpeedProof, speed_page
from tests.proofs.top import TopProof

PROOFS: dict[str, Proof] = {
    proof.name: proof
    for proof in (
        TopProof(),
        LatencyProof(),
        KillProof(),
        ReenactmentsProof(),
        BenignProof(ArtifactKind.WHEEL),
        BenignProof(ArtifactKind.SDIST),
        SpeedProof(),
    )
}

OWN_PAGES: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "benign-sdists": benign_page,
    "benign-wheels": benign_page,
    "reenactments": reenactments_page,
    "speed": speed_page,
}
"""Proof → the page that is made from its record (`make docs`)."""
