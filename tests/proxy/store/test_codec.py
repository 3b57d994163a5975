"""Values in rows: what goes in comes out, and what could not come out does not go in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.canonical import digest_of
from models.decision import DECISION_SCHEMA_VERSION, Decision
from models.errors import StoreError, StoreSchemaNewer
from models.evidence import Evidence
from proxy.store.codec import decode, digest_of_text, encode, micros, moment
from tests.proxy.store.values import (
    START,
    make_decision,
    make_evidence,
    make_facts,
    make_override,
)


def altered(value: Any, **changes: Any) -> Any:
    """A value as a fault of ours would make it, against its types."""
    return replace(value, **changes)


@pytest.mark.parametrize(
    "value",
    [make_decision(), make_decision(score=None), make_evidence(), make_facts(), make_override()],
    ids=lambda value: type(value).__name__,
)
def test_encode__reads_back_and_has_the_value_s_digest(value: object) -> None:
    text = encode(value)
    assert decode(type(value), text, 1) == value
    assert digest_of_text(text) == digest_of(value)


@pytest.mark.parametrize(
    "value",
    [
        make_evidence(title="x" * 301),
        make_evidence(title="\ud800"),
        altered(make_evidence(), duration_ms=1.5),
        altered(make_facts(), size_bytes=2**60),
        altered(make_decision(), layers_off=["metadata"]),
    ],
    ids=["text beyond its bound", "no Unicode", "float", "beyond JSON's integers", "list"],
)
def test_encode__what_would_not_read_back_is_refused(value: object) -> None:
    with pytest.raises(StoreError):
        encode(value)


def test_decode__a_newer_schema_says_so() -> None:
    with pytest.raises(StoreSchemaNewer):
        decode(Decision, encode(make_decision()), DECISION_SCHEMA_VERSION + 1)


def test_decode__an_older_value_without_newer_fields_reads() -> None:
    """A field that came later has its default; the stored text is never rewritten."""
    text = encode(make_evidence()).replace('"coverage"', '"was_not_there_yet"')
    assert decode(Evidence, text, 1) == make_evidence()


@given(
    st.datetimes(
        min_value=datetime(1970, 1, 1),  # noqa: DTZ001 -- hypothesis wants naive bounds
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))]),
    )
)
def test_micros__are_exact_and_in_order(when: datetime) -> None:
    assert moment(micros(when)) == when
    assert (micros(when) < micros(START)) == (when < START)


def test_micros__without_a_zone_is_refused() -> None:
    with pytest.raises(StoreError):
        micros(START.replace(tzinfo=None))
