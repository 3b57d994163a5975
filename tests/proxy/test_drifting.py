"""Drift over both stores: which files count, and against what."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from models.artifact import ArtifactRef, Sha256
from models.errors import ValueInvalid
from models.evidence import Layer
from models.trust.drift import DriftReport, Level
from models.trust.reference import LAYER_PREFIX, SCORE, Reference, reference_of, write_reference
from proxy import drifting
from proxy.drifting import CATALOG, Measures, drift, shipped_reference
from proxy.store.port import Store
from tests.models.examples import NOW, evidence, facts, finding, ref
from tests.proxy.archive import KINDS, decide, opened

SINCE = NOW - timedelta(days=7)
OLD = NOW - timedelta(days=20)
FINDINGS = Measures(
    names=("findings",), vector_of=lambda seen, _facts: (float(len(seen.findings)),)
)


@pytest_asyncio.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(request.param, tmp_path) as made:
        yield made


def about(number: int) -> ArtifactRef:
    return ref(f"p{number}-1.0-py3-none-any.whl", Sha256(f"{number + 1:064x}"))


async def put(
    store: Store, numbers: range, *, at: datetime, findings: int = 0, layers: int = 2
) -> None:
    for number in numbers:
        of = about(number)
        seen = evidence(
            of,
            findings=(finding(),) * findings,
            observed_at=at,
            layers=(Layer.METADATA, Layer.BEHAVIOUR)[:layers],
        )
        await decide(store, of, seen=seen, as_of=at + timedelta(minutes=1))


async def report_of(store: Store, reference: Reference | None = None) -> DriftReport:
    return await drift(store, measures=FINDINGS, reference=reference, since=SINCE)


async def test_drift__recent_files_against_those_before(store: Store) -> None:
    await put(store, range(40), at=OLD)
    await put(store, range(100, 140), at=NOW - timedelta(days=1), findings=2, layers=1)
    await decide(store, about(200), unseen=True)
    report = await report_of(store)
    assert (report.rows_then, report.rows_now) == (40, 40)
    assert [(one.name, one.level) for one in report.features] == [("findings", Level.MOVED)]
    rates = {one.name: (one.missing_then, one.missing_now) for one in report.layers}
    assert rates[LAYER_PREFIX + "behaviour"] == (0.0, 1.0)
    assert rates[LAYER_PREFIX + "metadata"] == (0.0, 0.0)
    assert report.score is not None
    assert report.score.level is Level.MOVED


async def test_drift__of_the_same_is_steady(store: Store) -> None:
    await put(store, range(40), at=OLD)
    await put(store, range(100, 140), at=NOW - timedelta(days=1))
    report = await report_of(store)
    assert {one.level for one in report.columns} == {Level.STEADY}


async def test_drift__against_a_reference_looks_at_recent_files_alone(store: Store) -> None:
    await put(store, range(5), at=OLD, findings=9)
    await put(store, range(100, 140), at=NOW - timedelta(days=1))
    reference = reference_of({"findings": [0.0] * 100, SCORE: [math.nan] * 100}, model="m")
    report = await report_of(store, reference)
    assert (report.model, report.rows_then, report.rows_now) == ("m", 100, 40)
    assert report.features[0].level is Level.STEADY
    assert report.layers == ()


async def test_drift__old_evidence_that_was_decided_anew_is_not_recent(store: Store) -> None:
    of = about(1)
    await decide(store, of, seen=evidence(of, observed_at=OLD), as_of=NOW)
    report = await report_of(store)
    assert (report.rows_then, report.rows_now) == (1, 0)


async def test_drift__holds_a_bounded_number_of_older_files(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drifting, "BEFORE_ROWS_MAX", 3)
    await put(store, range(5), at=OLD)
    assert (await report_of(store)).rows_then == 3


async def test_drift__of_an_empty_store_is_too_few(store: Store) -> None:
    report = await drift(store, measures=CATALOG, reference=None, since=SINCE)
    assert report.rows_now == 0
    assert {one.level for one in report.columns} == {Level.TOO_FEW}


def test_catalog__has_a_number_for_each_name() -> None:
    assert len(CATALOG.vector_of(evidence(), facts())) == len(CATALOG.names)


def test_shipped_reference__is_that_of_the_model_or_none(tmp_path: Path) -> None:
    assert shipped_reference("none", folder=tmp_path) is None
    made = reference_of({"x": [1.0]}, model="trust-1")
    write_reference(made, tmp_path / "trust-1.json")
    assert shipped_reference("trust-1", folder=tmp_path) == made
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueInvalid):
        shipped_reference("broken", folder=tmp_path)
