"""Canonical JSON (RFC 8785) and the digests by which values are known."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass
from typing import Any, NewType

import msgspec
import rfc8785

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hex digits."""

DIGEST_PREFIX = "sha256:"
_ADDED_IN = "added_in"


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of `value` (a dataclass, or anything msgspec turns into builtins).

    A value of an older schema version is written without the fields that came later (`added_in`),
    so that it keeps its digest for ever.

    Raises TypeError where the value holds a float: a digest that depends on how a platform
    rounds could not be derived again (DESIGN.md, invariant 4).
    """
    builtins = msgspec.to_builtins(value, str_keys=True)
    for name in _later_fields(value):
        builtins.pop(name, None)
    _refuse_floats(builtins)
    return rfc8785.dumps(builtins)


def added_in(version: int) -> dict[str, int]:
    """Metadata of a dataclass field that values of a `schema_version` below `version` do not have."""
    return {_ADDED_IN: version}


def _later_fields(value: Any) -> list[str]:
    version = getattr(value, "schema_version", None)
    if version is None or not is_dataclass(value):
        return []
    return [one.name for one in fields(value) if one.metadata.get(_ADDED_IN, 0) > version]


def digest_of(value: Any) -> Digest:
    """The digest of the canonical JSON of `value`."""
    return digest_of_bytes(canonical_json(value))


def digest_of_bytes(data: bytes) -> Digest:
    """The digest of raw bytes."""
    return Digest(DIGEST_PREFIX + hashlib.sha256(data).hexdigest())


def _refuse_floats(value: Any) -> None:
    match value:
        case float():
            raise TypeError("a digested value holds a float; store it as a scaled integer")
        case dict():
            for item in value.values():
                _refuse_floats(item)
        case list() | tuple():
            for item in value:
                _refuse_floats(item)
