"""Approved relatives of a file: the release it is compared with, and the sibling whose code it has."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import InvalidVersion, Version

from models.artifact import ArtifactRef
from models.behaviour import Baseline
from models.decision import Decision, TrustTier
from models.evidence import Evidence, Layer, Shortfall
from models.facts import sibling_text
from proxy.store.port import Served, Store

BASELINES_TRIED_MAX = 5
"""Files looked into for a baseline; each is a decision and evidence of at most 256 KiB, some 2 ms."""
SIBLINGS_TRIED_MAX = 20
"""Files of one release looked into for a sibling; workers can run a few of a hundred wheels."""
_APPROVED = frozenset({TrustTier.APPROVE, TrustTier.MONITOR})


async def baseline_of(store: Store, ref: ArtifactRef) -> Baseline | None:
    """The newest approved release below `ref`'s version that was seen to run; None: there is none.

    Of one release a file of the same kind goes first. Raises StoreError.
    """
    served = await store.served_files(ref.index, ref.project)
    for candidate in _older_releases(served, ref)[:BASELINES_TRIED_MAX]:
        evidence = await _approved(store, candidate)
        if evidence is not None and evidence.profile is not None:
            return Baseline(
                filename=candidate.ref.filename,
                sha256=candidate.ref.sha256,
                evidence_digest=candidate.evidence_digest,
                profile=evidence.profile,
                phases=tuple(phase.phase for phase in evidence.phases),
            )
    return None


async def served_before(store: Store, ref: ArtifactRef) -> Served | None:
    """The newest release below `ref`'s version that is served on evidence; None: there is none.

    Raises StoreError.
    """
    older = _older_releases(await store.served_files(ref.index, ref.project), ref)
    return older[0] if older else None


async def approved_sibling(store: Store, ref: ArtifactRef, evidence: Evidence | None) -> str:
    """The approved file of the same release whose Python files equal those of `ref`, as facts tell it.

    Only for what no worker could run; empty where there is none. A sibling must have been run
    itself, whole: what rests on a sibling is none. Raises StoreError.
    """
    if evidence is None or evidence.code_digest is None:
        return ""
    if Shortfall.WRONG_PLATFORM not in evidence.shortfalls or not ref.version:
        return ""
    served = await store.served_files(ref.index, ref.project)
    siblings = [one for one in served if one.ref.version == ref.version and one.ref != ref]
    siblings.sort(key=lambda one: (one.ref.filename, one.ref.sha256))
    for candidate in siblings[:SIBLINGS_TRIED_MAX]:
        found = await _approved(store, candidate)
        if found is None or Layer.BEHAVIOUR not in found.layers or not found.complete:
            continue
        if found.code_digest == evidence.code_digest:
            return sibling_text(found.code_digest, candidate.ref.filename)
    return ""


async def _approved(store: Store, candidate: Served) -> Evidence | None:
    """The evidence of a file that policy approved by itself; None where a person did, or it changed."""
    decision = await store.decision_of(candidate.ref)
    if decision is None or not _by_itself(decision):
        return None
    if decision.evidence_digest != candidate.evidence_digest:
        return None
    return await store.evidence(candidate.evidence_digest)


def _by_itself(decision: Decision) -> bool:
    return decision.served and not decision.override_id and decision.tier in _APPROVED


def _older_releases(served: Iterable[Served], ref: ArtifactRef) -> list[Served]:
    """Files of releases below `ref`'s, the newest release first, in it the same kind first."""
    below = _version(ref)
    if below is None:
        return []
    dated = [(version, one) for one in served if (version := _version(one.ref)) is not None]
    older = [(version, one) for version, one in dated if version < below]
    older.sort(key=lambda pair: pair[1].ref.filename)
    older.sort(key=lambda pair: (pair[0], pair[1].ref.kind is ref.kind), reverse=True)
    return [one for _, one in older]


def _version(ref: ArtifactRef) -> Version | None:
    try:
        return Version(ref.version)
    except InvalidVersion:
        return None
