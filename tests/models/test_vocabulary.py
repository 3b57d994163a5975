"""The vocabulary has words for everything that the analyzer can report."""

from __future__ import annotations

import pytest

from analyzer.advisories.meaning import FINDING_IDS as ADVISED
from analyzer.changes import FINDING_ID as CHANGED
from analyzer.confusion.findings import NAME_CONFUSION, OWNED_CONFUSION
from analyzer.confusion.modules import FINDING_ID as MODULE_TAKEN
from analyzer.detectors.catalog import DETECTORS
from analyzer.flaws import FLAWS
from analyzer.graph.findings import DEFINITIONS as HANGS_ON
from analyzer.provenance.catalog import FINDINGS as PROVENANCE
from analyzer.releases import FINDING_ID as FILES_CHANGED
from analyzer.reputation.catalog import FINDINGS as REPUTATION
from analyzer.sandbox.decoys import KINDS
from analyzer.siblings import FINDING_ID as SIBLING_DIFFERS
from analyzer.static.catalog import STATIC
from models.evidence import Layer, Shortfall
from models.phase import Phase
from models.vocabulary import (
    FINDING_ELSE,
    FINDINGS,
    PHASES,
    SHORTFALLS,
    WHAT,
    finding_title,
    finding_words,
)

TOLD = (kind.id for kind in (*PROVENANCE, *REPUTATION))
CONFUSIONS = {NAME_CONFUSION, OWNED_CONFUSION, MODULE_TAKEN}
REPORTED = sorted(
    {
        *FLAWS,
        *STATIC,
        *ADVISED,
        *CONFUSIONS,
        *TOLD,
        *HANGS_ON,
        *(CHANGED, FILES_CHANGED, SIBLING_DIFFERS),
        *(detector.definition.id for detector in DETECTORS),
    }
)


@pytest.mark.parametrize("finding_id", REPORTED)
def test_findings__every_id_that_is_reported_has_words(finding_id: str) -> None:
    assert finding_id in FINDINGS


@pytest.mark.parametrize("kind", KINDS)
def test_what__every_kind_that_is_planted_has_words(kind: str) -> None:
    assert kind in WHAT


def test_phases_and_shortfalls__each_has_words() -> None:
    assert set(PHASES) == {phase.value for phase in Phase}
    assert set(SHORTFALLS) == {shortfall.value for shortfall in Shortfall}
    assert set(FINDING_ELSE) == set(Layer)


def test_finding_words__an_unknown_id_is_never_shown_itself() -> None:
    for layer in ("", *(layer.value for layer in Layer), "evil-layer"):
        assert "evil" not in finding_words("evil-id", layer)
        assert "evil" not in finding_title("evil-id", "evil-what", layer)


def test_finding_title__has_no_place_and_no_time() -> None:
    assert finding_title("canary-left", "ssh-key") == "sent a planted SSH key"
    assert finding_title("canary-left") == "sent a planted secret"
