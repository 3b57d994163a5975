"""The texts of policies, by the digest that decisions name."""

from __future__ import annotations

from models.canonical import Digest
from proxy.store.checks import check_policy
from proxy.store.codec import micros
from proxy.store.sql.connection import Session

PUT = """
INSERT INTO policies (digest, first_seen, text) VALUES (:digest, :first_seen, :text)
ON CONFLICT (digest) DO NOTHING
"""
KNOWN = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'policies'"
BY_DIGEST = "SELECT text FROM policies WHERE digest = :digest"


def put(session: Session, digest: Digest, text: str) -> None:
    """Keep a text; the first of a digest stays."""
    check_policy(text)
    session.run(PUT, {"digest": digest, "first_seen": micros(session.clock()), "text": text})


def text(session: Session, digest: Digest) -> str | None:
    """The text of a policy; None too where the store is older than the table, and only looked at."""
    if session.row(KNOWN, {}) is None:
        return None
    row = session.row(BY_DIGEST, {"digest": digest})
    return str(row["text"]) if row else None
