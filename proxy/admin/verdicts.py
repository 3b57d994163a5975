"""Verdicts, as an admin hands them out: nothing leaves that the audit log does not name."""

from __future__ import annotations

import hashlib

from models.decision import Decision
from proxy.admin.access import Principal, Role
from proxy.store.details import verdict_detail
from proxy.store.port import Store

EXPORTED = "verdict_exported"
"""The action of the audit row."""


async def record_export(
    store: Store, by: Principal, decision: Decision, data: bytes, *, verifier: str, key: str
) -> None:
    """Write down that `data`, the verdict on `decision`, is handed out. To be called before it is.

    `key`: the id of the key that signed it; empty: it is not signed. Raises NotAllowed, and
    StoreError where it cannot be written down.
    """
    by.require(Role.ADMIN)
    detail = verdict_detail(
        decision, verdict_sha256=hashlib.sha256(data).hexdigest(), verifier=verifier, key=key
    )
    await store.append_audit(
        actor=by.name, action=EXPORTED, subject=decision.ref.key, detail=detail
    )
