"""What the store keeps of policies that were put in force: the documents, who did it, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from models.canonical import Digest
from proxy.admin.events import Event

COMMENT_CHARS_MAX = 1_000
"""Characters of the reason that somebody gives for a policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """One policy as it was put in force; of all of them the one with the highest number is."""

    number: int
    digest: Digest
    text: str
    actor: str
    comment: str
    at: datetime


Announcing = Callable[[PolicyDocument], Sequence[Event]]
"""What is told of a document, once it has its number."""


def announcing_nothing(_: PolicyDocument) -> Sequence[Event]:
    """Tell nobody."""
    return ()


class PolicyPort(Protocol):
    """Policy documents, oldest to newest."""

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
        """Put a policy in force, audit it, and write what is told into the outbox: all or nothing.

        `expected`: the number of the one that is in force, 0 for none. Raises StoreConflict where
        somebody was faster, StoreError beyond a bound.
        """

    async def policy_document(self) -> PolicyDocument | None:
        """The one in force; None where none was ever put in force here."""

    async def policy_documents(
        self, *, before: int | None = None, limit: int = 100
    ) -> tuple[PolicyDocument, ...]:
        """The newest first, at most `limit`; with `before`, those of lower numbers."""
