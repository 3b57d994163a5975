"""Relatives of a file: the releases it is compared with, and the files of its own release."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import cast

from packaging.version import InvalidVersion, Version

from models.artifact import ArtifactKind, ArtifactRef
from models.behaviour import Baseline
from models.canonical import Digest
from models.contents import ContentsBaseline
from models.decision import Action, Decision, TrustTier
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
    by_ref = {one.ref: one for one in served}
    for older in _older_releases(by_ref, ref)[:BASELINES_TRIED_MAX]:
        candidate = by_ref[older]
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


async def contents_baseline_of(store: Store, ref: ArtifactRef) -> ContentsBaseline | None:
    """The older release that `ref`'s files are compared with; None: none was read.

    The newest that policy approved by itself, else the newest that was read and not denied: who is
    denied is no measure, or a bad release would be the cover of the next one. Of one release a file
    of the same kind goes first. Raises StoreError.
    """
    decided = await store.decisions_of(ref.index, ref.project)
    candidates = _read_before(decided, ref)
    candidates.sort(key=lambda decision: not _by_itself(decision))
    return await _contents(store, candidates)


async def contents_sibling_of(store: Store, ref: ArtifactRef) -> ContentsBaseline | None:
    """Of the same release, a file of the other kind that was read; None: there is none.

    Raises StoreError.
    """
    other = ArtifactKind.SDIST if ref.kind is ArtifactKind.WHEEL else ArtifactKind.WHEEL
    decided = await store.decisions_of(ref.index, ref.project)
    candidates = [
        decision
        for decision in sorted(decided, key=lambda decision: decision.ref.filename)
        if ref.version and decision.ref.version == ref.version and decision.ref.kind is other
    ]
    return await _contents(store, candidates)


def _read_before(decided: Iterable[Decision], ref: ArtifactRef) -> list[Decision]:
    """Decisions on older releases that may be measured by, the newest first."""
    fit = {one.ref: one for one in decided if one.action is not Action.DENY}
    return [fit[older] for older in _older_releases(fit, ref)]


async def _contents(store: Store, candidates: Iterable[Decision]) -> ContentsBaseline | None:
    """The contents of the first that has some."""
    resting = (one for one in candidates if one.evidence_digest is not None)
    for decision in itertools.islice(resting, BASELINES_TRIED_MAX):
        digest = cast("Digest", decision.evidence_digest)
        evidence = await store.evidence(digest)
        if evidence is not None and evidence.contents is not None:
            return ContentsBaseline(
                filename=evidence.filename, evidence_digest=digest, contents=evidence.contents
            )
    return None


async def served_before(store: Store, ref: ArtifactRef) -> Served | None:
    """The newest release below `ref`'s version that is served on evidence; None: there is none.

    Raises StoreError.
    """
    served = {one.ref: one for one in await store.served_files(ref.index, ref.project)}
    older = _older_releases(served, ref)
    return served[older[0]] if older else None


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


def _older_releases(known: Iterable[ArtifactRef], ref: ArtifactRef) -> list[ArtifactRef]:
    """Files of releases below `ref`'s, the newest release first, in it the same kind first."""
    below = _version(ref)
    if below is None:
        return []
    dated = [(version, one) for one in known if (version := _version(one)) is not None]
    older = [(version, one) for version, one in dated if version < below]
    older.sort(key=lambda pair: (pair[1].filename, pair[1].sha256))
    older.sort(key=lambda pair: (pair[0], pair[1].kind is ref.kind), reverse=True)
    return [one for _, one in older]


def _version(ref: ArtifactRef) -> Version | None:
    try:
        return Version(ref.version)
    except InvalidVersion:
        return None
