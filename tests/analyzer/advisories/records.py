"""OSV records for tests: as documents, and as we keep them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from analyzer.advisories.parse import parse_value
from analyzer.advisories.record import Advisory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MODIFIED = "2026-02-01T00:00:00Z"


def events(*stated: tuple[str, str]) -> dict[str, Any]:
    """A range of these events."""
    return {"type": "ECOSYSTEM", "events": [{kind: version} for kind, version in stated]}


ALL = events(("introduced", "0"))


def record(
    id_: str = "MAL-2026-1",
    *,
    project: str = "demo",
    versions: tuple[str, ...] = (),
    ranges: tuple[dict[str, Any], ...] = (),
    sha256s: tuple[str, ...] = (),
    ecosystem: str = "PyPI",
    modified: str = MODIFIED,
    **rest: Any,
) -> dict[str, Any]:
    """One OSV document."""
    affected: dict[str, Any] = {"package": {"ecosystem": ecosystem, "name": project}}
    if versions:
        affected["versions"] = list(versions)
    if ranges:
        affected["ranges"] = list(ranges)
    if sha256s:
        files = [{"filename": "x.whl", "hashes": {"sha256": digest}} for digest in sha256s]
        affected["database_specific"] = {"indicators": {"package_integrity": files}}
    return {"id": id_, "modified": modified, "affected": [affected], **rest}


def advisory(id_: str = "MAL-2026-1", **rest: Any) -> Advisory:
    """The same as we keep it; the test fails where it is refused."""
    kept = parse_value(record(id_, **rest))
    assert isinstance(kept, Advisory), kept
    return kept


def document(value: object) -> bytes:
    """As JSON."""
    return msgspec.json.encode(value)
