"""Conditions, family by family: match, near miss, unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from models.artifact import Sha256
from models.evidence import Severity
from policies.rules.age import ByAge
from policies.rules.condition import Match
from policies.rules.digests import ByDigest
from policies.rules.findings import ByFinding
from policies.rules.names import ByName, contains, normalised
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
