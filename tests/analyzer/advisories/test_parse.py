"""Parsing OSV records: what is kept, and the plain reason for what is refused."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.advisories.parse import (
    DETAILS_CHARS_MAX,
    RECORD_BYTES_MAX,
    parse_json,
    parse_value,
    parse_yaml,
)
from analyzer.advisories.record import Advisory, EventKind, Refused
from tests.analyzer.advisories.records import ALL, advisory, document, events, record

SHA = "ab" * 32


def test_parse__keeps_what_decides_and_normalises_it() -> None:
    kept = advisory(
        project="Demo_Thing",
        versions=("1.0.0", "v2.0RC1", "not a version"),
        ranges=(events(("introduced", "0"), ("fixed", "1.2")),),
        sha256s=(SHA.upper(),),
        aliases=["GHSA-aaaa-bbbb-cccc"],
        published="2026-01-01T00:00:00.123456Z",
    )
    (affected,) = kept.affected
    assert (kept.id, kept.malicious, kept.withdrawn) == ("MAL-2026-1", True, None)
    assert kept.published == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert affected.project == "demo-thing"
    assert affected.versions == {"1", "2rc1", "not a version"}
    assert [event.kind for event in affected.ranges[0].events] == [
        EventKind.INTRODUCED,
        EventKind.FIXED,
    ]
    assert affected.sha256s == {SHA}


def test_parse__only_the_digests_of_whole_files_are_of_files() -> None:
    """Those of members and of the reports that a record was made from are of other things."""
    value = record(versions=("1",))
    value["affected"][0]["database_specific"] = {
        "indicators": {"evidence_files": [{"path": "setup.py", "sha256": SHA}]}
    }
    value["database_specific"] = {"malicious-packages-origins": [{"sha256": SHA}]}
    kept = parse_value(value)
    assert isinstance(kept, Advisory)
    assert kept.affected[0].sha256s == frozenset()


def test_parse__a_record_of_the_malicious_database_under_another_id_is_malicious() -> None:
    origins = {"malicious-packages-origins": [{"source": "somebody"}]}
    assert advisory("OSV-1", database_specific=origins).malicious
    assert not advisory("PYSEC-2026-1").malicious


def test_parse__ranges_of_commits_are_left_out() -> None:
    commits = {"type": "GIT", "repo": "https://x.invalid/", "events": [{"introduced": "0"}]}
    assert advisory(ranges=(commits,)).affected[0].ranges == ()


def test_parse__unknown_fields_and_nulls_are_passed_over() -> None:
    kept = advisory(upstream=["X-1"], severity=None, aliases=None, details=None, credits=7)
    assert kept.aliases == ()


def test_parse__texts_are_cut_and_printable() -> None:
    kept = advisory(summary="a\x1b[31m\nb" * 200, details="d" * 10_000)
    assert kept.summary.isprintable()
    assert (len(kept.summary), len(kept.details)) == (300, DETAILS_CHARS_MAX)


def test_parse__a_record_about_other_ecosystems_is_foreign_and_no_fault() -> None:
    refused = parse_value(record(ecosystem="npm"))
    assert isinstance(refused, Refused)
    assert (refused.foreign, refused.id) == (True, "MAL-2026-1")


def test_parse__of_a_mixed_record_ours_is_kept() -> None:
    value = record(versions=("1",))
    value["affected"].append({"package": {"ecosystem": "npm", "name": "@x/y"}, "versions": ["2"]})
    kept = parse_value(value)
    assert isinstance(kept, Advisory)
    assert [affected.project for affected in kept.affected] == ["demo"]


REFUSED: list[tuple[str, Any, str]] = [
    ("no object", [], "object"),
    ("no id", {"modified": "2026-01-01T00:00:00Z"}, "id"),
    ("an id with a space", record("MAL 1"), "id"),
    ("no modified", {"id": "MAL-1"}, "modified"),
    ("a modified that is no time", record(modified="yesterday"), "modified"),
    ("a withdrawn that is no time", record(withdrawn="yes"), "withdrawn"),
    ("another schema", record(schema_version="2.0.0"), "schema version"),
    ("a name that is none", record(project="-x-"), "project name"),
    ("versions that are numbers", record() | {"affected": [
        {"package": {"ecosystem": "PyPI", "name": "demo"}, "versions": [1.0]}]}, "str"),
    ("a range of no known type", record(ranges=({"type": "X", "events": []},)), "type"),
    ("a range without a beginning", record(ranges=(events(("fixed", "1")),)), "introduced"),
    ("an event of two kinds", record(ranges=(
        {"type": "ECOSYSTEM", "events": [{"introduced": "0", "fixed": "1"}]},)), "exactly one"),
    ("both kinds of end", record(ranges=(
        events(("introduced", "0"), ("fixed", "1"), ("last_affected", "1")),)), "both"),
    ("an event that is a number", record(ranges=(
        {"type": "ECOSYSTEM", "events": [{"introduced": 0}]},)), "str"),
    ("a digest that is none", record(sha256s=("beef",)), "sha256"),
    ("a version without end", record(versions=("1" * 201,)), "length"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "why"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_parse__refuses_with_a_plain_reason(value: Any, why: str) -> None:
    refused = parse_json(document(value))
    assert isinstance(refused, Refused)
    assert why in refused.why
    assert not refused.foreign


def test_parse_json__what_is_no_json_or_too_large_is_refused() -> None:
    for data in (b"", b"{", b"\xff", b"[" * 100_000, b" " * (RECORD_BYTES_MAX + 1)):
        assert isinstance(parse_json(data), Refused)


YAML = """
id: PYSEC-2026-1
details: A flaw.
affected:
- package: {name: Demo, ecosystem: PyPI}
  ranges:
  - type: ECOSYSTEM
    events:
    - introduced: 0
    - fixed: 1.10
  versions: [1.0, 1.2e1, yes]
modified: 2026-01-01T00:00:00Z
withdrawn: null
"""


def test_parse_yaml__scalars_are_texts_and_null_is_null() -> None:
    """`1.10` unquoted is the version 1.10, not the number 1.1."""
    kept = parse_yaml(YAML.encode())
    assert isinstance(kept, Advisory)
    (affected,) = kept.affected
    assert [event.version for event in affected.ranges[0].events] == ["0", "1.10"]
    assert affected.versions == {"1", "1.2e1", "yes"}
    assert kept.withdrawn is None


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: [*x, *x]",
        "id: !!python/object/apply:os.getcwd []",
        "[" * 100,
        "a: b: c",
        "- " * 40 + "x",
    ],
)
def test_parse_yaml__what_multiplies_constructs_or_breaks_is_refused(text: str) -> None:
    assert isinstance(parse_yaml(text.encode()), Refused)
    assert isinstance(parse_yaml(b"\xff\xfe\x00"), Refused)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "modified", "affected", "package", "ranges", "events", "versions",
                             "introduced", "fixed", "database_specific", "indicators", "name"])
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_parse__never_raises_whatever_the_document_holds(value: Any) -> None:
    parse_value(value)
    if isinstance(value, dict):
        parse_value(record(ranges=(ALL,)) | value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_parse__never_raises_whatever_the_bytes_are(data: bytes) -> None:
    parse_json(data)
    parse_yaml(data)


def test_parse__a_gzip_of_records_is_not_a_record() -> None:
    assert isinstance(parse_json(gzip.compress(document(record()))), Refused)
