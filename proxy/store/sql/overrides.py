"""Overrides: added, revoked, looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from packaging.utils import NormalizedName

from models.artifact import IndexName
from models.decision import Override
from models.errors import StoreConflict, StoreError
from proxy.store.checks import check_override
from proxy.store.codec import OVERRIDE_SCHEMA_VERSION, encode, micros, micros_or_none
from proxy.store.details import override_detail
from proxy.store.sql import audit, changes
from proxy.store.sql.connection import Session
from proxy.store.sql.rows import value_of

BY_ID = "SELECT schema_version, value FROM overrides WHERE id = :id"
INSERT = """
INSERT INTO overrides (id, project, created_at, expires_at, revoked_at, schema_version, value)
VALUES (:id, :project, :created_at, :expires_at, :revoked_at, :schema_version, :value)
"""
REVOKE = "UPDATE overrides SET revoked_at = :revoked_at, value = :value WHERE id = :id"
ALL = """
SELECT schema_version, value FROM overrides
WHERE :at IS NULL OR (revoked_at IS NULL AND created_at <= :at AND :at < expires_at)
ORDER BY number
"""
OF_PROJECT = """
SELECT schema_version, value FROM overrides
WHERE (project = :project OR project IS NULL)
  AND (:at IS NULL OR (revoked_at IS NULL AND created_at <= :at AND :at < expires_at))
ORDER BY number
"""


def add(session: Session, override: Override, seen: frozenset[IndexName]) -> None:
    """Keep an override. The same one again is a no-op; another under its id, a StoreConflict."""
    check_override(override)
    value = encode(override)
    stored = session.row(BY_ID, {"id": override.id})
    if stored:
        if stored["value"] == value:
            return
        raise StoreConflict(f"There is another override {override.id} already.")
    session.run(
        INSERT,
        {
            "id": override.id,
            "project": override.project,
            "created_at": micros(override.created_at),
            "expires_at": micros(override.expires_at),
            "revoked_at": micros_or_none(override.revoked_at),
            "schema_version": OVERRIDE_SCHEMA_VERSION,
            "value": value,
        },
    )
    changes.touch_override(session, override, seen)
    audit.append(
        session,
        actor=override.actor,
        action="override_added",
        subject=override.id,
        detail=override_detail(override),
    )


def add_all(session: Session, added: Sequence[Override], seen: frozenset[IndexName]) -> None:
    """Keep several, in the one transaction of the caller."""
    for override in added:
        add(session, override, seen)


def revoke(
    session: Session, override_id: str, *, actor: str, at: datetime, seen: frozenset[IndexName]
) -> Override:
    """End an override; one that is ended already stays as it is."""
    stored = session.row(BY_ID, {"id": override_id})
    if stored is None:
        raise StoreError(
            f"There is no override {override_id}.", next_step="`pratique override list` lists them."
        )
    override = value_of(Override, stored)
    if override.revoked_at is not None:
        return override
    ended = replace(override, revoked_at=at, revoked_by=actor)
    session.run(REVOKE, {"id": override_id, "revoked_at": micros(at), "value": encode(ended)})
    changes.touch_override(session, ended, seen)
    audit.append(
        session,
        actor=actor,
        action="override_revoked",
        subject=override_id,
        detail=override_detail(ended),
    )
    return ended


def find(
    session: Session, *, project: NormalizedName | None, active_at: datetime | None
) -> tuple[Override, ...]:
    """Overrides, oldest first; all of them, since a denial that is left out would be none."""
    sql = ALL if project is None else OF_PROJECT
    params = {"project": project, "at": micros_or_none(active_at)}
    return tuple(value_of(Override, row) for row in session.rows(sql, params))
