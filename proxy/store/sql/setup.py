"""Links by which the first admin gets in, by the hash of their key."""

from __future__ import annotations

from datetime import datetime

from proxy.store.access_port import SETUP_LINKS_MAX, SetupLink
from proxy.store.checks import check_setup
from proxy.store.codec import micros
from proxy.store.port import Token, TokenKind
from proxy.store.sql import tokens
from proxy.store.sql.connection import Session

OFFER = "INSERT OR REPLACE INTO setup_links (hash, expires_at) VALUES (:hash, :expires_at)"
OFFERED = "SELECT 1 FROM setup_links WHERE hash = :hash AND expires_at > :now"
FORGET_OLD = "DELETE FROM setup_links WHERE expires_at <= :now"
FORGET_MOST = """
DELETE FROM setup_links WHERE hash IN (
  SELECT hash FROM setup_links ORDER BY expires_at DESC, hash DESC LIMIT -1 OFFSET :most
)
"""
FORGET_ALL = "DELETE FROM setup_links"


def offer(session: Session, link: SetupLink) -> None:
    """Keep a link."""
    session.run(FORGET_OLD, {"now": micros(session.clock())})
    session.run(OFFER, {"hash": link.hash, "expires_at": micros(link.expires_at)})
    session.run(FORGET_MOST, {"most": SETUP_LINKS_MAX})


def offered(session: Session, hash_: str, *, as_of: datetime) -> bool:
    """Whether a link works."""
    return session.row(OFFERED, {"hash": hash_, "now": micros(as_of)}) is not None


def use(session: Session, hash_: str, token: Token, *, actor: str, at: datetime) -> None:
    """Add the token and end every link. Raises NotAllowed, StoreConflict."""
    now = max(at, session.clock())
    known = tokens.find(session, TokenKind.CLIENT)
    check_setup(known, now, offered=offered(session, hash_, as_of=now))
    tokens.add(session, token, actor=actor)
    session.run(FORGET_ALL)
