"""The twin's policy documents."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from collections.abc import Sequence

from models.canonical import Digest
from models.clock import Clock
from proxy.admin.events import Event
from proxy.store.bounds import row_limit
from proxy.store.checks import check_policy_document
from proxy.store.details import policy_detail
from proxy.store.policy_port import (
    Announcing,
    PolicyDocument,
    PolicyPort,
    announcing_nothing,
)


class MemoryPolicy(PolicyPort):
    """`PolicyPort` in memory."""

    _clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self._documents: list[PolicyDocument] = []

    def _append_audit(self, actor: str, action: str, subject: str, detail: str) -> None:
        raise NotImplementedError

    def _tell_all(self, events: Sequence[Event]) -> None:
        raise NotImplementedError

    async def put_policy_document(
        self,
        digest: Digest,
        text: str,
        *,
        actor: str,
        comment: str,
        expected: int,
        telling: Announcing = announcing_nothing,
    ) -> PolicyDocument:
        check_policy_document(text, comment, len(self._documents), expected)
        made = PolicyDocument(
            number=len(self._documents) + 1,
            digest=digest,
            text=text,
            actor=actor,
            comment=comment,
            at=self._clock(),
        )
        self._append_audit(actor, "policy_set", str(made.number), policy_detail(digest, comment))
        self._documents.append(made)
        self._tell_all(telling(made))
        return made

    async def policy_document(self) -> PolicyDocument | None:
        return self._documents[-1] if self._documents else None

    async def policy_documents(
        self, *, before: int | None = None, limit: int = 100
    ) -> tuple[PolicyDocument, ...]:
        found = [one for one in self._documents if before is None or one.number < before]
        return tuple(found[::-1][: row_limit(limit)])
