"""Canonical JSON: one value, one spelling, one digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Release, parse_project
from models.canonical import added_in, canonical_json, digest_of, digest_of_bytes


def test_canonical_json__sorts_keys_and_spares_space() -> None:
    assert (
        canonical_json({"b": [1, None, True], "a": "é"}) == '{"a":"é","b":[1,null,true]}'.encode()
    )


def test_canonical_json__of_a_value_is_that_of_its_fields() -> None:
    release = Release(project=parse_project("demo"), version="1.0")
    assert canonical_json(release) == b'{"project":"demo","version":"1.0"}'
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    assert canonical_json((moment,)) == b'["2026-01-02T00:00:00Z"]'


@pytest.mark.parametrize("value", [0.5, {"a": [1, {"b": 1.0}]}, (float("nan"),)])
def test_canonical_json__refuses_floats_however_deep(value: object) -> None:
    with pytest.raises(TypeError, match="float"):
        canonical_json(value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON_VALUES)
def test_canonical_json__is_what_rfc_8785_wants(value: object) -> None:
    try:
        wanted = rfc8785.dumps(value)  # type: ignore[arg-type]  # whatever JSON can say
    except UnicodeEncodeError:  # half a character in a key
        with pytest.raises(UnicodeEncodeError):
            canonical_json(value)
    except rfc8785.CanonicalizationError:
        with pytest.raises(rfc8785.CanonicalizationError):
            canonical_json(value)
    else:
        assert canonical_json(value) == wanted


@pytest.mark.parametrize("value", [2**53, -(2**53), [{"a": 2**60}]])
def test_canonical_json__refuses_integers_that_json_cannot_keep(value: object) -> None:
    with pytest.raises(rfc8785.IntegerDomainError):
        canonical_json(value)


def test_digest_of__does_not_depend_on_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) == digest_of_bytes(b'{"a":1}')
    assert digest_of_bytes(b"").startswith("sha256:e3b0c442")


@dataclass(frozen=True, kw_only=True)
class _Grown:
    """A value that got a field in its second version."""

    schema_version: int = 2
    first: int = 1
    later: int | None = field(default=None, metadata=added_in(2))


def test_canonical_json__an_older_value_keeps_its_digest_when_fields_are_added() -> None:
    assert canonical_json(_Grown(schema_version=1)) == b'{"first":1,"schema_version":1}'
    assert canonical_json(_Grown()) == b'{"first":1,"later":null,"schema_version":2}'


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A value inside another, which grew with it."""

    old: int = 1
    new: int = field(default=0, metadata=added_in(3))


@dataclass(frozen=True, kw_only=True)
class _Whole:
    schema_version: int = 3
    parts: tuple[_Part, ...] = (_Part(),)
    one: _Part | None = None


def test_canonical_json__fields_added_to_values_inside_are_left_out_as_well() -> None:
    older = _Whole(schema_version=2, one=_Part())
    assert canonical_json(older) == b'{"one":{"old":1},"parts":[{"old":1}],"schema_version":2}'
    assert b'"new":0' in canonical_json(_Whole())
