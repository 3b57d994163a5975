"""Who has to be judged again when a release is refused, or no longer is: its served dependants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from analyzer.graph.joined import Standing
from models.artifact import ArtifactRef
from models.decision import Decision
from proxy.standings import standing_of
from proxy.store.port import Change, Store

DEPENDANTS_MAX = 1_000
"""Dependants looked at for one changed project; who hangs on more is found by the next change."""
FILES_MAX = 500
"""Files of a changed project whose dependants are looked for, those decided last."""
REFUSED = "dependency-refused"
"""The finding that a dependant has while what it depends on is refused."""


async def concerned(
    store: Store, change: Change, decisions: Sequence[Decision]
) -> tuple[ArtifactRef, ...]:
    """Dependants of a project's releases whose decision is older than what they hang on.

    `decisions` are the project's, the newest first.

    Served ones of a release that is refused by now; and those with the finding that it was, where
    it is served again. Each is named once for a change: a new decision is younger. Raises StoreError.
    """
    recent = decisions[:FILES_MAX]
    refused = [one for one in recent if standing_of(one) is Standing.REFUSED]
    served = [one for one in recent if one.served]
    found: dict[ArtifactRef, None] = {}
    for ref, decision in await _dependants(store, change, refused):
        if decision.served and decision.as_of < _newest(refused):
            found[ref] = None
    for ref, decision in await _dependants(store, change, served):
        if blames_dependency(decision) and decision.as_of < _newest(served):
            found[ref] = None
    return tuple(found)


def blames_dependency(decision: Decision) -> bool:
    """Whether a refused dependency is among a decision's reasons."""
    return any(stated.word("finding") == REFUSED for stated in decision.reasons)


async def _dependants(
    store: Store, change: Change, of: list[Decision]
) -> list[tuple[ArtifactRef, Decision]]:
    """Dependants of some files with their current decisions; those without one wait anyway."""
    if not of:
        return []
    refs = await store.dependants_of(
        change.project, [one.ref.sha256 for one in of], limit=DEPENDANTS_MAX
    )
    found = [(ref, await store.decision_of(ref)) for ref in refs]
    return [(ref, decision) for ref, decision in found if decision is not None]


def _newest(decisions: Iterable[Decision]) -> datetime:
    return max(one.as_of for one in decisions)
