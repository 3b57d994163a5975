"""Conditions on advisories: match, near miss, unknown; and the words are those of the analyzer."""

from __future__ import annotations

import pytest

from analyzer.advisories.meaning import FINDING_IDS, MATCHES_STATED_MAX
from analyzer.advisories.meaning import SOURCE as ANALYZERS
from models.decision import Action
from models.errors import PolicyInvalid
from models.evidence import Finding, Layer, Severity
from models.facts import Facts, Source, SourceState
from policies.rules.advisories import KINDS, SOURCE, STATED_MAX, ByAdvisory
from policies.rules.condition import Match
from tests.models.examples import facts
from tests.policies.examples import case, judged, policy

YES, NO, UNKNOWN = Match.YES, Match.NO, Match.UNKNOWN
VULNERABLE = ByAdvisory(kinds=("vulnerable",))
BY_ID = ByAdvisory(ids=("PYSEC-2026-1",))


def told(
    *whats: str, id_: str = "known-vulnerable", state: SourceState | None = SourceState.MEASURED
) -> Facts:
    found = tuple(
        Finding(id=id_, title="", severity=Severity.INFO, layer=Layer.REPUTATION, what=what)
        for what in whats
    )
    asked = () if state is None else (Source(name=SOURCE, layer=Layer.REPUTATION, state=state),)
    return facts(findings=found, sources=asked)


def test_words__are_those_of_the_analyzer() -> None:
    assert set(KINDS.values()) == FINDING_IDS
    assert (SOURCE, STATED_MAX) == (ANALYZERS, MATCHES_STATED_MAX)


@pytest.mark.parametrize(
    ("condition", "known", "match"),
    [
        (VULNERABLE, told("PYSEC-2026-1"), YES),
        (VULNERABLE, told("PYSEC-2026-1", id_="malicious-sibling"), NO),
        (VULNERABLE, told(), NO),
        (VULNERABLE, told(state=SourceState.ABSENT), NO),
        (VULNERABLE, told(state=SourceState.MISSING), UNKNOWN),
        (VULNERABLE, told(state=SourceState.OFF), UNKNOWN),
        (VULNERABLE, told(state=None), UNKNOWN),
        (VULNERABLE, told("PYSEC-2026-1", state=SourceState.MISSING), YES),
        (VULNERABLE, None, UNKNOWN),
        (BY_ID, told("PYSEC-2026-1"), YES),
        (BY_ID, told("PYSEC-2026-10"), NO),
        (BY_ID, told(*["PYSEC-2025-1"] * (STATED_MAX - 1)), NO),
        (BY_ID, told(*["PYSEC-2025-1"] * STATED_MAX), UNKNOWN),
        (BY_ID, told("pysec-2026-1"), YES),
        (ByAdvisory(kinds=("malicious",), ids=("PYSEC-2026-1",)), told("PYSEC-2026-1"), NO),
    ],
)
def test_by_advisory(condition: ByAdvisory, known: Facts | None, match: Match) -> None:
    assert condition.matches(case(facts=known)) is match


def test_document__a_vulnerable_release_is_denied_and_where_nobody_could_ask_held() -> None:
    rule = '[[rule]]\nname = "v"\noutcome = "deny"\nadvisories = ["vulnerable"]\n'
    assert judged(rule, facts=told("PYSEC-2026-1")).action is Action.DENY
    assert judged(rule, facts=told(state=SourceState.MISSING)).action is Action.HOLD
    assert judged(rule, facts=told()).action is Action.SERVE


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('advisories = ["vulnerabel"]', 'did you mean "vulnerable"?'),
        ("advisories = []", "would never match"),
        ('advisory_ids = ["nonsense"]', "not an id such as"),
        ('advisory_ids = "PYSEC-2026-1"', "must be a list"),
    ],
)
def test_document__names_mistakes(line: str, said: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        policy(f'[[rule]]\nname = "v"\noutcome = "deny"\n{line}\n')
    assert said in str(caught.value)
