"""The evidence document stays below its bound, and says what it left out."""

from __future__ import annotations

from datetime import UTC, datetime

from analyzer.document import FINDINGS_MAX, phase_report, within_bound
from analyzer.sandbox.protocol import PhaseResult
from models.artifact import Sha256
from models.behaviour import ACTS_MAX, Act, ActKind, BehaviourProfile
from models.canonical import canonical_json
from models.evidence import (
    EVIDENCE_BYTES_MAX,
    Analyzer,
    Evidence,
    Finding,
    Layer,
    PhaseReport,
    Place,
    ProofKind,
    ResolvedFile,
    Severity,
)
from models.phase import Phase
from models.trace import Event, EventKind

LOW = Finding(id="a", title="low", severity=Severity.LOW, layer=Layer.BEHAVIOUR)
PROOF = Finding(
    id="b",
    title="proof",
    severity=Severity.CRITICAL,
    layer=Layer.BEHAVIOUR,
    proof=ProofKind.CANARY_LEFT,
)


def evidence(**more: object) -> Evidence:
    return Evidence(
        sha256=Sha256("0" * 64),
        filename="demo-1-py3-none-any.whl",
        size_bytes=1,
        analyzer=Analyzer(version="1", python="3", platform="linux"),
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        duration_ms=1,
        layers=(Layer.METADATA,),
        **more,  # type: ignore[arg-type]  # a test's shorthand
    )


def test_within_bound__small_evidence_is_not_touched() -> None:
    small = evidence(findings=(PROOF, LOW))

    assert within_bound(small) == small


def test_within_bound__proofs_come_first_and_the_rest_is_counted() -> None:
    trimmed = within_bound(evidence(findings=(LOW,) * FINDINGS_MAX + (PROOF,)))

    assert len(trimmed.findings) == FINDINGS_MAX
    assert trimmed.findings[0] == PROOF
    assert trimmed.signal("evidence.findings_left_out") == 1


def test_within_bound__everything_at_its_largest_still_fits() -> None:
    wide = "\u6f22" * 300  # three bytes each
    place = Place(path=wide, host=wide, address=wide, process=wide)
    noise = Finding(
        id="a", title=wide, severity=Severity.LOW, layer=Layer.BEHAVIOUR, place=place, owner=wide
    )
    huge = evidence(
        findings=(*(noise,) * 500, PROOF),
        phases=(PhaseReport(phase=Phase.IMPORT, exit_code=0, wall_ms=1, output_tail=wide * 13),)
        * 3,
        dependencies=(
            ResolvedFile(project=wide, version=wide, filename=wide, sha256=Sha256("0" * 64)),
        )
        * 250,
    )

    trimmed = within_bound(huge)

    assert len(canonical_json(trimmed)) <= EVIDENCE_BYTES_MAX
    assert trimmed.signal("evidence.output_left_out") is True
    assert trimmed.signal("evidence.findings_left_out") == 501 - len(trimmed.findings)
    assert trimmed.signal("evidence.dependencies_left_out") == 250


def test_within_bound__a_proof_outlives_the_trimming() -> None:
    wide = "\u6f22" * 300
    noisy = Finding(
        id="a", title=wide, severity=Severity.HIGH, layer=Layer.BEHAVIOUR, place=Place(path=wide)
    )

    trimmed = within_bound(evidence(findings=(noisy,) * 200 + (PROOF,)))

    assert trimmed.proofs == (PROOF,)
    assert len(canonical_json(trimmed)) <= EVIDENCE_BYTES_MAX


def test_phase_report__counts_its_own_events_by_kind() -> None:
    result = PhaseResult(
        phase="P3",
        exit_code=None,
        ended="timeout",
        wall_ms=7,
        started_ns=1,
        syscalls={"openat": 2, "close": 1},
        output_tail="\x1b[31mred\nline",
    )
    events = [
        Event(kind=EventKind.OPEN, phase=Phase.IMPORT, at_us=0),
        Event(kind=EventKind.OPEN, phase=Phase.IMPORT, at_us=1),
        Event(kind=EventKind.EXEC, phase=Phase.START, at_us=1),
    ]

    report = phase_report(result, events)

    assert report == PhaseReport(
        phase=Phase.IMPORT,
        exit_code=None,
        wall_ms=7,
        ended="timeout",
        syscalls=(("close", 1), ("openat", 2)),
        events=(("open", 2),),
        output_tail="\\x1b[31mred\nline",
    )


def test_within_bound__a_profile_gives_way_only_where_nothing_else_is_left() -> None:
    acts = tuple(
        Act(kind=ActKind.WRITTEN, phase=Phase.IMPORT, value=f"{number:0120}")
        for number in range(ACTS_MAX)
    )
    whole = evidence(profile=BehaviourProfile(acts=acts), findings=(PROOF, LOW))

    assert within_bound(whole) == whole
    trimmed = within_bound(whole, bytes_max=20_000)
    assert trimmed.profile is None
    assert trimmed.signal("evidence.profile_left_out") is True
