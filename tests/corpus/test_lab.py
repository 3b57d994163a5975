"""What became of an archive is told by what it did, not by what we failed to see."""

from __future__ import annotations

import pytest

from models.evidence import Evidence, Severity, Shortfall
from tests.corpus.lab import Seen, seen
from tests.models.examples import evidence, facts, finding, proof, ref
from tests.policies.examples import judged

LOW, MEDIUM = (finding(severity=severity) for severity in (Severity.LOW, Severity.MEDIUM))
TIMED_OUT = (Shortfall.TIMED_OUT,)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (evidence(), Seen.SERVED),
        (evidence(findings=(LOW,)), Seen.SERVED),
        (evidence(findings=(MEDIUM,)), Seen.NOTICED),
        (evidence(findings=(finding(),)), Seen.CAUGHT),
        (evidence(findings=(proof(),)), Seen.CAUGHT),
        (evidence(shortfalls=TIMED_OUT), Seen.HELD),
        (evidence(shortfalls=TIMED_OUT, findings=(MEDIUM,)), Seen.HELD),
        (evidence(shortfalls=TIMED_OUT, findings=(finding(),)), Seen.CAUGHT),
    ],
)
def test_seen__is_caught_only_for_what_it_did(of: Evidence, expected: Seen) -> None:
    decision = judged(of=ref(), seen=of, facts=facts())
    assert seen(decision, of) is expected
