"""The made-up store is one that today's code reads, verifies and writes to."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.store.sql.copying import check_database
from proxy.store.sqlite import SqliteStore
from tests.proofs.admin import LEFT_OUT, SAMPLES, paths
from tests.proofs.estate import Estate, make_estate
from tests.proofs.estate_values import INDEX
from tests.proxy.store.values import MODEL, POLICY, START


def small(path: Path, seed: int = 1) -> Estate:
    return make_estate(
        path, now=START, policy=POLICY, model=MODEL, decisions=200, fetches=1_000, seed=seed
    )


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return small(tmp_path / "estate.sqlite")


async def test_estate__is_a_store_like_any_other(estate: Estate) -> None:
    assert check_database(estate.path)
    store = SqliteStore.open(estate.path, clock=lambda: START)
    assert (await store.extent()).count == 200
    assert await store.verify_audit() == 200
    assert len(await store.fetches(limit=10_000)) == 1_000
    assert await store.worsened(since=START - timedelta(days=3_650), limit=10)
    assert await store.origin(estate.known[0].ref.project) is not None
    for known in estate.known:
        decision = await store.decision_of(known.ref)
        assert decision is not None
        assert decision.id == known.decision_id
        assert decision.evidence_digest is not None
        assert decision.facts_digest is not None
        evidence = await store.evidence(decision.evidence_digest)
        assert evidence is not None
        assert evidence.sha256 == known.ref.sha256
        facts = await store.facts(decision.facts_digest)
        assert facts is not None
        assert facts.ref == known.ref
        await store.put_decision(decision)
    assert await store.verify_audit() == 200
    assert len(await store.decisions_of(INDEX, estate.known[0].ref.project)) == 5
    await store.close()


async def test_estate__some_files_are_everybodys(estate: Estate) -> None:
    store = SqliteStore.open(estate.path, clock=lambda: START)
    counted = Counter(fetch.ref.sha256 for fetch in await store.fetches(limit=10_000))
    await store.close()
    assert counted[estate.known[0].ref.sha256] > 50
    assert min(counted.values()) <= 2


def test_estate__comes_from_its_seed(estate: Estate, tmp_path: Path) -> None:
    assert small(tmp_path / "same.sqlite").known == estate.known
    assert small(tmp_path / "other.sqlite", seed=2).known != estate.known


def test_paths__are_all_routes_that_can_be_asked_for() -> None:
    asked = paths()
    assert "/v/{decision_id}" in asked
    assert not set(asked) & set(LEFT_OUT)
    assert {"decision_id", "project", "sha256"} <= set(SAMPLES)
