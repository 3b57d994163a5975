"""Facts, evidence and blobs: kept by digest, never changed."""

from __future__ import annotations

from collections.abc import Mapping

from models.artifact import Sha256
from models.canonical import Digest
from models.evidence import Evidence
from models.facts import Facts
from proxy.store.blobs import BlobKind, blobs_of_evidence, blobs_of_facts
from proxy.store.checks import check_blob
from proxy.store.codec import digest_of_text, encode, micros
from proxy.store.sql.connection import Session
from proxy.store.sql.rows import value_of

FACTS = "SELECT schema_version, value FROM facts WHERE digest = :digest"
PUT_FACTS = """
INSERT OR IGNORE INTO facts (digest, schema_version, value)
VALUES (:digest, :schema_version, :value)
"""
EVIDENCE = "SELECT schema_version, value FROM evidence WHERE digest = :digest"
EVIDENCE_NUMBER = "SELECT number FROM evidence WHERE digest = :digest"
PUT_EVIDENCE = """
INSERT INTO evidence (digest, schema_version, value) VALUES (:digest, :schema_version, :value)
ON CONFLICT (digest) DO NOTHING
"""
PUT_POST = """
INSERT INTO evidence_posts (digest, sha256, filename, worker, posted_at)
VALUES (:digest, :sha256, :filename, :worker, :posted_at)
"""
LATEST = """
SELECT e.schema_version, e.value FROM evidence_posts p JOIN evidence e USING (digest)
WHERE p.sha256 = :sha256 AND p.filename = :filename
  AND p.worker NOT IN (SELECT name FROM distrusted_workers)
ORDER BY p.number DESC LIMIT 1
"""
BLOB = "SELECT data FROM blobs WHERE digest = :digest"
PUT_BLOB = "INSERT OR IGNORE INTO blobs (digest, data) VALUES (:digest, :data)"
PUT_BLOB_TIME = "INSERT OR REPLACE INTO blob_times (blob, put_at) VALUES (:blob, :put_at)"
PUT_USE = "INSERT OR IGNORE INTO blob_uses (blob, kind, holder) VALUES (:blob, :kind, :holder)"


def put_facts(session: Session, facts: Facts) -> Digest:
    """Keep facts; their digest."""
    micros(facts.as_of)
    value = encode(facts)
    digest = digest_of_text(value)
    session.run(
        PUT_FACTS,
        {"digest": digest, "schema_version": facts.schema_version, "value": value},
    )
    _name_blobs(session, digest, blobs_of_facts(facts))
    return digest


def facts(session: Session, digest: Digest) -> Facts | None:
    """Facts by digest."""
    row = session.row(FACTS, {"digest": digest})
    return value_of(Facts, row) if row else None


def put_evidence(session: Session, evidence: Evidence, *, worker: str, posted_at: int) -> Digest:
    """Keep evidence and who posted it; its digest."""
    value = encode(evidence)
    digest = digest_of_text(value)
    session.run(
        PUT_EVIDENCE,
        {"digest": digest, "schema_version": evidence.schema_version, "value": value},
    )
    _name_blobs(session, digest, blobs_of_evidence(evidence))
    session.run(
        PUT_POST,
        {
            "digest": digest,
            "sha256": evidence.sha256,
            "filename": evidence.filename,
            "worker": worker,
            "posted_at": posted_at,
        },
    )
    return digest


def evidence(session: Session, digest: Digest) -> Evidence | None:
    """Evidence by digest."""
    row = session.row(EVIDENCE, {"digest": digest})
    return value_of(Evidence, row) if row else None


def older(session: Session, digest: str | None, than: str | None) -> bool:
    """Whether the evidence `digest` was stored before the evidence `than`; False if either is not."""
    first, second = (session.row(EVIDENCE_NUMBER, {"digest": name}) for name in (digest, than))
    return bool(first and second and first["number"] < second["number"])


def latest(session: Session, sha256: Sha256, filename: str) -> Evidence | None:
    """The newest evidence of a file by a worker who is not distrusted."""
    row = session.row(LATEST, {"sha256": sha256, "filename": filename})
    return value_of(Evidence, row) if row else None


def put_blob(session: Session, digest: Digest, data: bytes) -> None:
    """Keep a blob. Raises StoreConflict where the bytes are not of that digest."""
    check_blob(digest, data)
    session.run(PUT_BLOB, {"digest": digest, "data": data})
    session.run(PUT_BLOB_TIME, {"blob": digest, "put_at": micros(session.clock())})


def blob(session: Session, digest: Digest) -> bytes | None:
    """A blob by digest."""
    row = session.row(BLOB, {"digest": digest})
    return bytes(row["data"]) if row else None


def _name_blobs(session: Session, holder: Digest, blobs: Mapping[BlobKind, str]) -> None:
    uses = [{"blob": blob, "kind": kind.value, "holder": holder} for kind, blob in blobs.items()]
    session.run_many(PUT_USE, uses)
