"""Canonical JSON (RFC 8785) and the digests by which values are known."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, NewType, get_args, get_type_hints

import msgspec
import rfc8785

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hex digits."""

DIGEST_PREFIX = "sha256:"
EXACT_MAX = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8785, 3.2.2.3)."""
_ADDED_IN = "added_in"
_PLAIN = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
)


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of `value` (a dataclass, or anything msgspec turns into builtins).

    A value of an older schema version is written without the fields that came later (`added_in`),
    its own and those of the values inside it, so that it keeps its digest for ever.

    Raises TypeError where the value holds a float: a digest that depends on how a platform
    rounds could not be derived again (DESIGN.md, invariant 4).
    """
    builtins = msgspec.to_builtins(value, str_keys=True)
    version = getattr(value, "schema_version", None)
    if version is not None and version < _newest(type(value)):  # type: ignore[arg-type]
        _leave_out_later(value, builtins, version)
    if _is_plain(builtins):
        with suppress(UnicodeEncodeError):  # half a character, which rfc8785 has its own word for
            return _PLAIN.encode(builtins).encode()
    _refuse_floats(builtins)
    return rfc8785.dumps(builtins)


def _is_plain(value: Any) -> bool:
    """Whether Python's own encoder, in C, writes what RFC 8785 wants.

    They differ on floats, on integers that JSON cannot keep exact, and on the order of keys beyond ASCII.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-EXACT_MAX <= value <= EXACT_MAX)
    if kind is dict:
        return all(map(str.isascii, value)) and all(map(_is_plain, value.values()))
    return (kind is list or kind is tuple) and all(map(_is_plain, value))


def added_in(version: int) -> dict[str, int]:
    """Metadata of a dataclass field that values of a `schema_version` below `version` do not have.

    In a value without a `schema_version` of its own, the version is that of the value it is part of;
    so one class must not be part of two that are versioned apart and both had it before `version`.
    """
    return {_ADDED_IN: version}


@cache
def _newest(kind: type[Any]) -> int:
    """The highest version that a field of `kind`, or of what it may hold, was added in."""
    if not is_dataclass(kind):
        return 0
    own = max((one.metadata.get(_ADDED_IN, 0) for one in fields(kind)), default=0)
    inner = (
        _newest(held)
        for hint in get_type_hints(kind).values()
        for held in _dataclasses_in(hint)
        if held is not kind
    )
    return max((own, *inner))


def _dataclasses_in(hint: Any) -> list[type]:
    if isinstance(hint, type) and is_dataclass(hint):
        return [hint]
    return [held for part in get_args(hint) for held in _dataclasses_in(part)]


def _leave_out_later(value: Any, builtins: Any, version: int) -> None:
    if is_dataclass(value):
        for one in fields(value):
            if one.metadata.get(_ADDED_IN, 0) > version:
                builtins.pop(one.name, None)
            else:
                _leave_out_later(getattr(value, one.name), builtins[one.name], version)
    elif isinstance(value, tuple | list):
        for item, written in zip(value, builtins, strict=True):
            _leave_out_later(item, written, version)


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
