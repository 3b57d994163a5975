"""Drift over the store: recent evidence against the model's reference, or against what was before."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import models.references
from models.decision import Decision, LayerStatus
from models.evidence import Evidence, Layer
from models.facts import Facts
from models.trust.drift import DriftReport, Tally
from models.trust.features.catalog import FEATURES, vector_of
from models.trust.reference import LAYER_PREFIX, SCORE, Reference, histogram_of, read_reference
from proxy.rescoring import PAGE, Progress, walk
from proxy.store.port import Store

BEFORE_ROWS_MAX = 10_000
"""Files before the time in question that stand in for a reference, the last decided ones; a few
hundred numbers of each are 30 MiB."""
REFERENCES = Path(models.references.__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What is measured of evidence: names, and the numbers in their order; NaN: not measured."""

    names: tuple[str, ...]
    vector_of: Callable[[Evidence, Facts | None], tuple[float, ...]]


CATALOG = Measures(names=tuple(feature.name for feature in FEATURES), vector_of=vector_of)
"""Every feature, those that no model sees too: a change of sizes or kinds is drift as well."""


def shipped_reference(model: str, *, folder: Path = REFERENCES) -> Reference | None:
    """The reference of the model called `model`; None where it came with none. Raises ValueInvalid."""
    path = folder / f"{model}.json"
    return read_reference(path) if path.is_file() else None


async def drift(
    store: Store,
    *,
    measures: Measures,
    reference: Reference | None,
    since: datetime,
    progress: Progress = lambda _done, _total: None,
) -> DriftReport:
    """What was observed since `since`, against `reference`; without one, against what was before.

    Files with a current decision count, each once. Raises StoreError.
    """
    if reference is None:
        reference = await _before(store, measures, since)
    tally = Tally(reference)
    total, looked_at = (await store.extent()).count, 0
    async for decision in walk(store):
        # A decision is never older than its evidence: one from before needs no second look.
        if decision.as_of >= since:
            evidence = await _evidence(store, decision)
            if evidence is not None and evidence.observed_at >= since:
                tally.add(await _row(store, decision, evidence, measures))
        looked_at += 1
        if looked_at % PAGE == 0:
            progress(looked_at, total)
            await asyncio.sleep(0)
    progress(looked_at, total)
    return tally.report()


async def _before(store: Store, measures: Measures, since: datetime) -> Reference:
    """The reference made of the files observed before `since`, BEFORE_ROWS_MAX at most."""
    names = (*measures.names, SCORE, *_layer_names())
    rows: deque[array[float]] = deque(maxlen=BEFORE_ROWS_MAX)
    async for row in _rows_before(store, measures, since):
        rows.append(array("d", [row[name] for name in names]))
    # A column at a time: all of them as lists would be several times the rows.
    histograms = (histogram_of(name, [row[at] for row in rows]) for at, name in enumerate(names))
    return Reference(model="", rows=len(rows), histograms=tuple(histograms))


async def _rows_before(
    store: Store, measures: Measures, since: datetime
) -> AsyncIterator[dict[str, float]]:
    async for decision in walk(store):
        evidence = await _evidence(store, decision)
        if evidence is not None and evidence.observed_at < since:
            yield await _row(store, decision, evidence, measures)


async def _evidence(store: Store, decision: Decision) -> Evidence | None:
    if decision.evidence_digest is None:
        return None
    return await store.evidence(decision.evidence_digest)


async def _row(
    store: Store, decision: Decision, evidence: Evidence, measures: Measures
) -> dict[str, float]:
    facts = None
    if decision.facts_digest is not None:
        facts = await store.facts(decision.facts_digest)
    row = dict(zip(measures.names, measures.vector_of(evidence, facts), strict=True))
    row |= dict.fromkeys(_layer_names(), math.nan)
    row[SCORE] = float(decision.score.value) if decision.score else math.nan
    for layer in decision.score.layers if decision.score else ():
        if layer.status is not LayerStatus.MISSING:
            row[LAYER_PREFIX + layer.layer.value] = 1.0
    return row


def _layer_names() -> tuple[str, ...]:
    return tuple(LAYER_PREFIX + layer.value for layer in Layer)
