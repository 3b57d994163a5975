"""A small TUF repository with keys of its own, signed for the moment of the test."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer._crypto_signer import CryptoSigner
from tuf.api._payload import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.metadata import Metadata
from tuf.api.serialization.json import JSONSerializer


def repository(name: str, data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The first root, and every file of a repository with the one target `name`, by path."""
    signer = CryptoSigner.generate_ed25519()
    until = datetime.now(UTC) + timedelta(days=1)
    root = Root(expires=until, consistent_snapshot=True)
    for role in ("root", "timestamp", "snapshot", "targets"):
        root.add_key(signer.public_key, role)
    target = TargetFile.from_data(name, data, ["sha256"])
    targets = Targets(expires=until, targets={name: target})
    snapshot = Snapshot(expires=until, meta={"targets.json": MetaFile(version=1)})
    timestamp = Timestamp(expires=until, snapshot_meta=MetaFile(version=1))

    def signed(content: Any) -> bytes:
        metadata = Metadata(content)
        metadata.sign(signer)
        return metadata.to_bytes(JSONSerializer())

    digest = hashlib.sha256(data).hexdigest()
    files = {
        "timestamp.json": signed(timestamp),
        "1.snapshot.json": signed(snapshot),
        "1.targets.json": signed(targets),
        f"targets/{digest}.{name}": data,
    }
    return signed(root), files
