"""All proofs by name."""

from __future__ import annotations

from models.artifact import ArtifactKind
from tests.proofs.admin import AdminProof
from tests.proofs.benching import BenchProof
from tests.proofs.benign import BenignProof
from tests.proofs.confusion import ConfusionProof
from tests.proofs.facts import FactsProof
from tests.proofs.fuzz import FuzzProof
from tests.proofs.graph import GraphProof, InjectedProof
from tests.proofs.kill import KillProof
from tests.proofs.latency import LatencyProof
from tests.proofs.proof import Proof
from tests.proofs.reading_speed import ReadingProof
from tests.proofs.reenactments import ReenactmentsProof
from tests.proofs.releases import ReleasesProof
from tests.proofs.soak import SoakProof
from tests.proofs.speed import SpeedProof
from tests.proofs.static import StaticProof
from tests.proofs.top import TopProof

PROOFS: dict[str, Proof] = {
    proof.name: proof
    for proof in (
        TopProof(),
        AdminProof(),
        LatencyProof(),
        BenchProof(),
        KillProof(),
        ReenactmentsProof(),
        BenignProof(ArtifactKind.WHEEL),
        BenignProof(ArtifactKind.SDIST),
        StaticProof(),
        ReadingProof(),
        ReleasesProof(),
        SpeedProof(),
        SoakProof(),
        FactsProof(),
        ConfusionProof(),
        FuzzProof(),
        GraphProof(),
        InjectedProof(),
    )
}
