"""What advisories mean for a file: a proof, a severe finding, a remark, or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from analyzer.advisories.meaning import (
    FINDING_IDS,
    MATCHES_STATED_MAX,
    findings_of,
    signals_of,
)
from analyzer.advisories.record import Advisory
from models.artifact import ArtifactRef, parse_ref
from models.evidence import ProofKind, Severity
from models.vocabulary import FINDINGS
from tests.analyzer.advisories.records import ALL, NOW, advisory, events

SHA = "cd" * 32
REF = parse_ref("pypi", "demo", SHA, "demo-2.0-py3-none-any.whl")
LONG_AGO = {"published": "2024-01-01T00:00:00Z"}

CASES: list[tuple[str, list[dict[str, Any]], list[tuple[str, Severity, str]]]] = [
    ("nothing known", [], []),
    (
        "the exact version",
        [{"versions": ("2.0",)}],
        [("known-malicious", Severity.CRITICAL, "MAL-2026-1")],
    ),
    (
        "the bytes, under another name",
        [{"project": "evil", "sha256s": (SHA,)}],
        [("known-malicious", Severity.CRITICAL, "MAL-2026-1")],
    ),
    (
        "every version, by a range",
        [{"ranges": (ALL,)}],
        [("malicious-range", Severity.HIGH, "MAL-2026-1")],
    ),
    (
        "another version, lately",
        [{"versions": ("1.9",)}],
        [("malicious-sibling", Severity.LOW, "MAL-2026-1")],
    ),
    (
        "another version, long ago",
        [{"versions": ("1.9",), **LONG_AGO}],
        [("malicious-sibling", Severity.INFO, "MAL-2026-1")],
    ),
    ("withdrawn", [{"versions": ("2.0",), "withdrawn": "2026-02-02T00:00:00Z"}], []),
    (
        "to be withdrawn later",
        [{"versions": ("2.0",), "withdrawn": "2026-04-01T00:00:00Z"}],
        [("known-malicious", Severity.CRITICAL, "MAL-2026-1")],
    ),
    ("bytes of another project's other file", [{"project": "evil", "sha256s": ("ef" * 32,)}], []),
    (
        "a flaw",
        [{"id_": "PYSEC-2026-1", "versions": ("2.0",)}],
        [("known-vulnerable", Severity.INFO, "PYSEC-2026-1")],
    ),
    ("a flaw elsewhere", [{"id_": "PYSEC-2026-1", "versions": ("1.0",)}], []),
    (
        "one flaw under three names",
        [
            {"id_": "GHSA-a-b-c", "versions": ("2.0",), "aliases": ["CVE-1", "PYSEC-2026-1"]},
            {"id_": "PYSEC-2026-1", "versions": ("2.0",), "aliases": ["CVE-1"]},
            {"id_": "CVE-1", "ranges": (ALL,)},
        ],
        [("known-vulnerable", Severity.INFO, "PYSEC-2026-1")],
    ),
    (
        "an alias of a malicious record",
        [{"id_": "GHSA-a-b-c", "versions": ("2.0",), "aliases": ["MAL-2026-9"]}],
        [("known-malicious", Severity.CRITICAL, "GHSA-a-b-c")],
    ),
    (
        "an alias of one that was withdrawn",
        [
            {"id_": "GHSA-a-b-c", "versions": ("2.0",), "aliases": ["MAL-2026-9"]},
            {"id_": "MAL-2026-9", "versions": ("2.0",), "withdrawn": "2026-02-02T00:00:00Z"},
        ],
        [("known-vulnerable", Severity.INFO, "GHSA-a-b-c")],
    ),
    (
        "a range and, in another record, the version",
        [{"ranges": (ALL,)}, {"id_": "MAL-2026-2", "versions": ("2.0",)}],
        [
            ("known-malicious", Severity.CRITICAL, "MAL-2026-2"),
            ("malicious-range", Severity.HIGH, "MAL-2026-1"),
        ],
    ),
]


@pytest.mark.parametrize(("records", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_findings_of__says_as_much_as_is_known(
    records: list[dict[str, Any]], expected: list[tuple[str, Severity, str]]
) -> None:
    found = findings_of([advisory(**one) for one in records], REF, NOW)
    assert [(one.id, one.severity, one.what) for one in found] == expected
    assert all(
        (one.proof is ProofKind.KNOWN_MALICIOUS) is (one.id == "known-malicious") for one in found
    )


def test_findings_of__every_id_has_words() -> None:
    assert set(FINDINGS) >= FINDING_IDS


def test_findings_of__an_id_that_is_no_word_of_ours_is_left_out_of_the_reason() -> None:
    (finding,) = findings_of([advisory("MAL-" + "9" * 60, versions=("2.0",))], REF, NOW)
    assert finding.what == ""
    assert finding.proof is ProofKind.KNOWN_MALICIOUS


def test_findings_of__are_bounded_and_signals_count_all() -> None:
    many = [advisory(f"PYSEC-2026-{n}", versions=("2.0",)) for n in range(MATCHES_STATED_MAX + 5)]
    assert len(findings_of(many, REF, NOW)) == MATCHES_STATED_MAX
    assert counts(many, REF)["advisories.vulnerable"] == MATCHES_STATED_MAX + 5


def test_signals_of__no_training_may_see_them() -> None:
    signals = signals_of([advisory(versions=("2.0",))], REF, NOW)
    assert all(signal.live_only for signal in signals)


def test_signals_of__withdrawn_records_are_counted_apart() -> None:
    known = [
        advisory(versions=("2.0",)),
        advisory("MAL-2026-2", versions=("2.0",), withdrawn="2026-02-02T00:00:00Z"),
        advisory("PYSEC-2026-1", ranges=(events(("introduced", "1.0")),)),
    ]
    assert counts(known, REF) == {
        "advisories.records": 2,
        "advisories.withdrawn": 1,
        "advisories.malicious": 1,
        "advisories.vulnerable": 1,
    }


def test_sibling__the_newest_record_is_named() -> None:
    old = advisory(versions=("1.0",), **LONG_AGO)
    new = advisory("MAL-2026-2", versions=("1.1",), published=str(NOW - timedelta(days=2)))
    (finding,) = findings_of([old, new], REF, NOW)
    assert finding.what == "MAL-2026-2"


def counts(known: list[Advisory], ref: ArtifactRef) -> dict[str, Any]:
    return {signal.name: signal.value for signal in signals_of(known, ref, NOW)}
