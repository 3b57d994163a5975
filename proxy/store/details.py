"""What an audit row says beyond actor, action and subject: canonical JSON, never a secret."""

from __future__ import annotations

from models.canonical import Digest, canonical_json
from models.decision import Decision, Override
from proxy.store.port import Token


def decision_detail(decision: Decision, digest: Digest) -> str:
    """The decision in short, with the digest that leads to the whole of it."""
    return _json(
        {
            "action": decision.action.value,
            "digest": digest,
            "hold": decision.hold.value if decision.hold else None,
            "id": decision.id,
            "override_id": decision.override_id,
            "tier": decision.tier.value if decision.tier else None,
        }
    )


def override_detail(override: Override) -> str:
    """The whole override: it is a person's act."""
    return canonical_json(override).decode()


def token_detail(token: Token) -> str:
    """Kind, name and end of a token, without its hash."""
    ends = token.expires_at.isoformat() if token.expires_at else None
    return _json({"expires_at": ends, "kind": token.kind.value, "name": token.name})


def _json(value: dict[str, str | None]) -> str:
    return canonical_json(value).decode()
