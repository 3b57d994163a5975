"""Conditions, family by family: match, near miss, unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from models.artifact import Sha256
from models.decision import LayerStatus, TrustTier
from models.evidence import Layer, Severity
from models.facts import FactSignal, Source, SourceState
from models.trust.layers import PROVENANCE_SOURCE, VERIFIED_SIGNAL
from policies.case import Case
from policies.rules.age import ByAge
from policies.rules.condition import Match
from policies.rules.digests import ByDigest
from policies.rules.findings import ByFinding
from policies.rules.layers import ByLayer
from policies.rules.names import ByName, contains, normalised
from policies.rules.older import ByOldness
from policies.rules.provenance import ByProvenance, Provenance
from policies.rules.score import ByScore
from tests.models.examples import NOW, OTHER_SHA, SHA, evidence, facts, finding, ref
from tests.policies.examples import case

YES, NO, UNKNOWN = Match.YES, Match.NO, Match.UNKNOWN


@pytest.mark.parametrize(
    ("projects", "versions", "filename", "match"),
    [
        (("demo",), "", "demo-2.0.tar.gz", YES),
        (("dem",), "", "demo-2.0.tar.gz", NO),
        (("demo*",), "", "demo-2.0.tar.gz", YES),
        (("*mo",), "", "demo-2.0.tar.gz", YES),
        (("d*o",), "", "demo-2.0.tar.gz", YES),
        (("acme-*",), "", "acme_tools-1.0.tar.gz", YES),
        (("acme-*",), "", "acme-1.0.tar.gz", NO),
        (("demo",), "<2", "demo-2.0.tar.gz", NO),
        (("demo",), "<2.1", "demo-2.0.tar.gz", YES),
        (("demo",), ">=1", "demo-2.0rc1.tar.gz", YES),
        (("other",), "<2", "demo-2.0.egg", NO),
        (("demo",), "<2", "demo-2.0.egg", UNKNOWN),
    ],
)
def test_by_name(projects: tuple[str, ...], versions: str, filename: str, match: Match) -> None:
    about = ref(filename)
    assert ByName(projects=projects, versions=versions).matches(case(of=about)) is match


def test_normalised__as_pep_503_and_keeps_stars() -> None:
    assert normalised("My_.Cool-*") == "my-cool-*"


def test_contains__says_what_it_cannot_read() -> None:
    assert contains("nonsense", "1.0") is None
    assert contains(">=1", "") is None


@pytest.mark.parametrize(("digests", "match"), [((SHA,), YES), ((OTHER_SHA,), NO)])
def test_by_digest(digests: tuple[Sha256, ...], match: Match) -> None:
    assert ByDigest(sha256=digests).matches(case()) is match


@pytest.mark.parametrize(
    ("condition", "match"),
    [
        (ByFinding(ids=("decoy-read",)), YES),
        (ByFinding(ids=("reverse-shell",)), NO),
        (ByFinding(severity=Severity.HIGH), YES),
        (ByFinding(severity=Severity.CRITICAL), NO),
        (ByFinding(ids=("decoy-read",), severity=Severity.CRITICAL), NO),
    ],
)
def test_by_finding(condition: ByFinding, match: Match) -> None:
    seen = evidence(findings=(finding(), finding("reverse-shell", owner="pip")))
    assert condition.matches(case(seen=seen)) is match
    assert condition.matches(case(seen=None)) is UNKNOWN


@pytest.mark.parametrize(
    ("condition", "release_days", "project_days", "match"),
    [
        (ByAge(release_hours=48), 1.99, 900, YES),
        (ByAge(release_hours=48), 2, 900, NO),
        (ByAge(release_hours=48), None, 900, UNKNOWN),
        (ByAge(project_days=30), 1, 29, YES),
        (ByAge(project_days=30), 1, 30, NO),
        (ByAge(project_days=30), 1, None, UNKNOWN),
        (ByAge(release_hours=48, project_days=30), 1, 29, YES),
        (ByAge(release_hours=48, project_days=30), 1, 31, NO),
        (ByAge(release_hours=48, project_days=30), 3, None, NO),
        (ByAge(release_hours=48, project_days=30), 1, None, UNKNOWN),
    ],
)
def test_by_age(
    condition: ByAge, release_days: float | None, project_days: int | None, match: Match
) -> None:
    known = facts(release_days=release_days, project_days=project_days)
    assert condition.matches(case(facts=known)) is match
    assert condition.matches(case(facts=None)) is UNKNOWN


def test_by_age__ends_when_the_first_age_is_reached() -> None:
    known = facts(release_days=1, project_days=29.5)  # type: ignore[arg-type]  # half a day
    young = case(facts=known)
    condition = ByAge(release_hours=48, project_days=30)
    ends = condition.ends_at(young)
    assert ends == NOW + timedelta(hours=12)
    assert condition.matches(replace(young, as_of=ends)) is NO


def scored(value: int, **layers: LayerStatus) -> Case:
    """A case with that score, every layer measured but those that are said."""
    told = case()
    assert told.score is not None
    statuses = {Layer(name): status for name, status in layers.items()}
    return replace(
        told,
        score=replace(
            told.score,
            value=value,
            layers=tuple(
                replace(one, status=statuses.get(one.layer, LayerStatus.MEASURED))
                for one in told.score.layers
            ),
        ),
    )


@pytest.mark.parametrize(
    ("condition", "value", "match"),
    [
        (ByScore(below=50), 49, YES),
        (ByScore(below=50), 50, NO),
        (ByScore(at_least=50), 50, YES),
        (ByScore(at_least=50), 49, NO),
        (ByScore(tiers=(TrustTier.MONITOR,)), 61, YES),
        (ByScore(tiers=(TrustTier.MONITOR,)), 81, NO),
        (ByScore(tiers=(TrustTier.MONITOR,), below=65), 70, NO),
    ],
)
def test_by_score(condition: ByScore, value: int, match: Match) -> None:
    assert condition.matches(scored(value)) is match
    assert condition.matches(case(seen=None)) is UNKNOWN


@pytest.mark.parametrize(
    ("status", "missing", "incomplete"),
    [
        (LayerStatus.MEASURED, NO, NO),
        (LayerStatus.ABSENT, NO, NO),
        (LayerStatus.MISSING, YES, NO),
        (LayerStatus.OFF, YES, NO),
        (LayerStatus.INCOMPLETE, NO, YES),
    ],
)
def test_by_layer(status: LayerStatus, missing: Match, incomplete: Match) -> None:
    told = scored(90, provenance=status)
    assert ByLayer(missing=(Layer.PROVENANCE,)).matches(told) is missing
    assert ByLayer(incomplete=(Layer.PROVENANCE,)).matches(told) is incomplete
    assert ByLayer(missing=(Layer.BEHAVIOUR,)).matches(told) is NO
    assert ByLayer(missing=(Layer.PROVENANCE,)).matches(case(seen=None)) is UNKNOWN


@pytest.mark.parametrize(
    ("condition", "hours", "match"),
    [
        (ByOldness(release_hours=72), 72, YES),
        (ByOldness(release_hours=72), 71.9, NO),
        (ByOldness(release_hours=72), None, UNKNOWN),
        (ByOldness(release_hours=72, project_days=2000), 100, NO),
        (ByOldness(release_hours=72, project_days=1200), 72, YES),
    ],
)
def test_by_oldness(condition: ByOldness, hours: float | None, match: Match) -> None:
    days = None if hours is None else hours / 24
    assert condition.matches(case(facts=facts(release_days=days))) is match


@pytest.mark.parametrize(
    ("wanted", "attested", "verified", "match"),
    [
        (Provenance.NONE, False, None, YES),
        (Provenance.NONE, True, None, NO),
        (Provenance.NONE, None, None, UNKNOWN),
        (Provenance.ANNOUNCED, True, None, YES),
        (Provenance.ANNOUNCED, False, None, NO),
        (Provenance.VERIFIED, True, True, YES),
        (Provenance.VERIFIED, True, False, NO),
        (Provenance.VERIFIED, True, None, UNKNOWN),
    ],
)
def test_by_provenance(
    wanted: Provenance, attested: bool | None, verified: bool | None, match: Match
) -> None:
    known = facts(attested=attested)
    if verified is not None:
        known = replace(
            known,
            sources=(
                Source(name=PROVENANCE_SOURCE, layer=Layer.PROVENANCE, state=SourceState.MEASURED),
            ),
            signals=(
                FactSignal(
                    name=VERIFIED_SIGNAL,
                    layer=Layer.PROVENANCE,
                    value=verified,
                    source=PROVENANCE_SOURCE,
                ),
            ),
        )
    assert ByProvenance(wanted=wanted).matches(case(facts=known)) is match
    assert ByProvenance(wanted=wanted).matches(case(facts=None, seen=None)) is UNKNOWN
