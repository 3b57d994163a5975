"""Every proof runs at n = 5, so that none rots; stale records are reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.proofs.catalogue import PROOFS
from tests.proofs.proof import (
    RECORDS,
    Outcome,
    commit,
    quantiles,
    record_of,
    run_proof,
    stale_records,
)


@pytest.mark.privileged
@pytest.mark.upstream
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PROOFS)
def test_proof__holds_for_five_items(name: str) -> None:
    record = run_proof(PROOFS[name], seed=2, budget_s=600, limit=5, state=None)
    assert record["tried"] == 5
    assert record["failures"] == []


def test_records__are_whole_and_name_what_they_prove() -> None:
    for file in RECORDS.glob("*.json"):
        record = json.loads(file.read_text())
        assert record["name"] == file.stem
        assert record["claim"] == PROOFS[file.stem].claim
        assert record["tried"] == record["held"] + len(record["failures"])


def test_stale_records__are_those_of_another_commit(tmp_path: Path) -> None:
    for name, then in (("fresh", commit()), ("rotten", "0" * 40)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"commit": then}))
    assert stale_records(tmp_path) == ["rotten"]


def test_record__counts_failures_and_quantiles() -> None:
    outcomes = [
        Outcome(item="a", holds=True, measures={"wait_s": 1.0}),
        Outcome(item="b", holds=False, detail="why", measures={"wait_s": 3.0}),
    ]
    record = record_of(PROOFS["latency"], outcomes, seed=7, asked=3)
    assert (record["items"], record["tried"], record["held"]) == (3, 2, 1)
    assert [failure["item"] for failure in record["failures"]] == ["b"]
    assert record["quantiles"]["wait_s"] == quantiles([1.0, 3.0])
    assert quantiles([1.0, 3.0])["median"] == 2.0
