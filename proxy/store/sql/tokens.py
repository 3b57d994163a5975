"""Tokens, by the hash of their secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from models.errors import StoreError
from proxy.store.checks import check_last_admin, check_token, pick_token
from proxy.store.codec import micros
from proxy.store.details import token_detail
from proxy.store.port import Token, TokenKind
from proxy.store.sql import audit, jobs
from proxy.store.sql.connection import Session
from proxy.store.sql.rows import token_columns, token_of

ALL = "SELECT * FROM tokens WHERE :kind = '' OR kind = :kind ORDER BY number"
NAMED = "SELECT * FROM tokens WHERE id = :name OR name = :name ORDER BY number"
ALIKE = "SELECT * FROM tokens WHERE id = :id OR name = :name OR hash = :hash"
INSERT = """
INSERT INTO tokens (
  id, kind, name, hash, created_at, expires_at, revoked_at, role, groups, person
) VALUES (
  :id, :kind, :name, :hash, :created_at, :expires_at, :revoked_at, :role, :groups, :person
)
"""
REVOKE = "UPDATE tokens SET revoked_at = :revoked_at WHERE id = :id"


def add(session: Session, token: Token, *, actor: str) -> None:
    """Keep a token. Raises StoreConflict."""
    columns = token_columns(token)
    alike = [token_of(row) for row in session.rows(ALIKE, columns)]
    distrusted = jobs.is_distrusted(session, token.name)
    check_token(token, alike, distrusted=distrusted, now=session.clock())
    session.run(INSERT, columns)
    audit.append(
        session, actor=actor, action="token_added", subject=token.id, detail=token_detail(token)
    )


def revoke(
    session: Session, id_or_name: str, *, actor: str, at: datetime, keep_admin: bool = False
) -> Token:
    """End a token. Raises StoreError where there is none, StoreConflict for the last admin's."""
    found = [token_of(row) for row in session.rows(NAMED, {"name": id_or_name})]
    token = pick_token(found, id_or_name, at=at)
    if token is None:
        raise StoreError(
            f"There is no token {id_or_name}.", next_step="`pratique token list` lists them."
        )
    if token.revoked_at is not None:
        return token
    if keep_admin:
        check_last_admin(token, find(session, TokenKind.CLIENT), max(at, session.clock()))
    session.run(REVOKE, {"id": token.id, "revoked_at": micros(at)})
    ended = replace(token, revoked_at=at)
    audit.append(
        session, actor=actor, action="token_revoked", subject=token.id, detail=token_detail(ended)
    )
    return ended


def find(session: Session, kind: TokenKind | None) -> tuple[Token, ...]:
    """All tokens, oldest first."""
    return tuple(token_of(row) for row in session.rows(ALL, {"kind": kind.value if kind else ""}))
