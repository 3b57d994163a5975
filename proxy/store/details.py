"""What an audit row says beyond actor, action and subject: canonical JSON, never a secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from models.canonical import Digest, canonical_json, digest_of
from models.decision import Decision, Override
from proxy.admin.access import Role
from proxy.store.keeping_port import AuditAnchor
from proxy.store.port import FeedImport, Token


def decision_detail(decision: Decision, *, decision_id: str, digest: Digest) -> str:
    """The decision in short, with the digest that binds the whole of it.

    Id and digest are handed in, since each costs the canonical JSON of the decision.
    """
    return _json(
        {
            "action": decision.action.value,
            "digest": digest,
            "hold": decision.hold.value if decision.hold else None,
            "id": decision_id,
            "override_id": decision.override_id,
            "tier": decision.tier.value if decision.tier else None,
        }
    )


def origin_detail(was: str, now: str, justification: str) -> str:
    """From where to where a name moved, and why."""
    return _json({"justification": justification, "now": now, "was": was})


def override_detail(override: Override) -> str:
    """A person's act, all of it but the list of what it binds, which the digest covers.

    A project may have tens of thousands of files, too many for a row that people read.
    """
    value = msgspec.to_builtins(replace(override, bound=()))
    return _json(value | {"bound": len(override.bound), "digest": digest_of(override)})


def token_detail(token: Token) -> str:
    """Kind, name, role, groups, person and end of a token, without its hash."""
    ends = token.expires_at.isoformat() if token.expires_at else None
    told: dict[str, Any] = {"expires_at": ends, "kind": token.kind.value, "name": token.name}
    if token.role is not Role.INSTALLER:
        told["role"] = token.role.value
    if token.groups:
        told["groups"] = list(token.groups)
    if token.person:
        told["person"] = token.person
    return _json(told)


def verdict_detail(decision: Decision, *, verdict_sha256: str, verifier: str, key: str) -> str:
    """Which decision left in which bytes, in whose name, and by which key; no key: not signed."""
    return _json(
        {
            "action": decision.action.value,
            "digest": decision.digest,
            "id": decision.id,
            "key": key or None,
            "verdict_sha256": verdict_sha256,
            "verifier": verifier,
        }
    )


def policy_detail(digest: Digest, comment: str) -> str:
    """Which policy was put in force, and why."""
    return _json({"comment": comment, "digest": digest})


def import_detail(outcome: FeedImport) -> str:
    """What reading a feed changed."""
    return _json({"added": outcome.added, "changed": outcome.changed, "removed": outcome.removed})


def anchor_detail(anchor: AuditAnchor) -> str:
    """Where an archive of the audit log ends, and the digest that binds its file."""
    return _json({"hash": anchor.hash, "last": anchor.number, "sha256": anchor.sha256})


def _json(value: dict[str, Any]) -> str:
    return canonical_json(value).decode()
