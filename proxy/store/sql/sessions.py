"""Sessions of browsers, by the hash of their secret."""

from __future__ import annotations

from datetime import datetime

from models.errors import StoreConflict
from proxy.store.access_port import SESSIONS_PER_TOKEN_MAX, SignedIn
from proxy.store.codec import micros, moment
from proxy.store.sql.connection import Session

INSERT = """
INSERT INTO sessions (hash, token_id, created_at, expires_at)
VALUES (:hash, :token_id, :created_at, :expires_at)
"""
ONE = "SELECT * FROM sessions WHERE hash = :hash AND expires_at > :now"
KNOWN = "SELECT 1 FROM sessions WHERE hash = :hash"
END = "DELETE FROM sessions WHERE hash = :hash"
FORGET_OLD = "DELETE FROM sessions WHERE expires_at <= :now"
FORGET_MOST = """
DELETE FROM sessions WHERE hash IN (
  SELECT hash FROM sessions WHERE token_id = :token_id
  ORDER BY created_at DESC, hash DESC LIMIT -1 OFFSET :most
)
"""


def begin(session: Session, signed_in: SignedIn) -> None:
    """Keep a session. Raises StoreConflict."""
    if session.row(KNOWN, {"hash": signed_in.hash}) is not None:
        raise StoreConflict("There is a session of that hash already.")
    session.run(FORGET_OLD, {"now": micros(session.clock())})
    session.run(
        INSERT,
        {
            "hash": signed_in.hash,
            "token_id": signed_in.token_id,
            "created_at": micros(signed_in.created_at),
            "expires_at": micros(signed_in.expires_at),
        },
    )
    session.run(FORGET_MOST, {"token_id": signed_in.token_id, "most": SESSIONS_PER_TOKEN_MAX})


def find(session: Session, hash_: str, *, as_of: datetime) -> SignedIn | None:
    """A session that has not expired."""
    row = session.row(ONE, {"hash": hash_, "now": micros(as_of)})
    if row is None:
        return None
    return SignedIn(
        hash=row["hash"],
        token_id=row["token_id"],
        created_at=moment(row["created_at"]),
        expires_at=moment(row["expires_at"]),
    )


def end(session: Session, hash_: str) -> None:
    """Let go of a session."""
    session.run(END, {"hash": hash_})
