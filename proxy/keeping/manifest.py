"""What a backup says of itself: its parts with their digests, and what it was made of and by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from analyzer.clean import printable
from models.errors import StoreError, StoreSchemaNewer
from proxy.store.sql.migrate import packaged

FORMAT = 1
"""The layout of backups; a newer one is refused."""
MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 128 * 1024 * 1024
"""Bytes of a manifest: some 150 a part."""
PARTS_MAX = 500_000
"""Parts of a backup; 50 GiB of artifacts are some 20,000."""
DATABASE_PART = "pratique.sqlite3"
SPOOL_PART = "fetches.spool"
"""Fetch records that are in no database yet: what stood in all journals."""
JOURNALS = "fetches"
"""The folder of journals in a data folder."""
POLICY_PART = "policy.toml"
KEYS = "keys"
ARTIFACTS = "artifacts"

_PART = re.compile(
    r"pratique\.sqlite3|fetches\.spool|policy\.toml|audit-archive-[0-9]{10}-[0-9]{10}\.jsonl"
    r"|keys/[A-Za-z0-9][A-Za-z0-9._-]{0,99}|artifacts/[0-9a-f]{2}/[0-9a-f]{62}"
)
"""Every name that a part may have; nothing else is ever read or written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a backup."""

    name: str
    size_bytes: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A backup's table of contents. It is written last: without it there is no backup."""

    format: int = FORMAT
    made_at: datetime
    pratique: str
    """The version that made it."""
    schema: int
    audit_rows: int
    """Length of the audit chain, archives included."""
    parts: Annotated[tuple[Part, ...], Meta(max_length=PARTS_MAX)]

    @property
    def size_bytes(self) -> int:
        """Bytes of all parts."""
        return sum(part.size_bytes for part in self.parts)

    @property
    def artifacts(self) -> int:
        """How many artifacts are in it."""
        return sum(part.name.startswith(f"{ARTIFACTS}/") for part in self.parts)


def is_part(name: str) -> bool:
    """Whether a part may have this name; no other name is ever joined to a path."""
    return _PART.fullmatch(name) is not None


def encode_manifest(manifest: Manifest) -> bytes:
    """As it stands in the backup."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode_manifest(data: bytes) -> Manifest:
    """Read back and checked. Raises StoreError, and StoreSchemaNewer for a newer Pratique's."""
    try:
        version = msgspec.json.decode(data, type=_Version)
        newest = len(packaged())
        if version.format > FORMAT or version.schema > newest:
            raise StoreSchemaNewer(
                f"The backup is of Pratique {printable(version.pratique, 40)} (format "
                f"{version.format}, schema {version.schema}); this one knows format {FORMAT} and "
                f"schemas up to {newest}.",
                next_step="Nothing was changed. Restore it with that version, or a newer one.",
            )
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise broken(f"its manifest cannot be read: {error}") from error
    names = [part.name for part in manifest.parts]
    odd = [name for name in names if not is_part(name)]
    if odd:
        raise broken(f"it has a part called {printable(odd[0], 80)!r}")
    if len(set(names)) < len(names) or DATABASE_PART not in names:
        raise broken("its manifest names a part twice, or no database")
    return manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    format: int
    schema: int
    pratique: str


def broken(why: str) -> StoreError:
    """The error for what is no whole backup."""
    return StoreError(
        f"This is no whole backup: {why}.", next_step="Nothing was changed. Use another backup."
    )
