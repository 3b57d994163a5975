"""Every proof runs at a small n, so that none rots; stale records are reported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    stands,
)


@pytest.mark.privileged
@pytest.mark.upstream
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PROOFS)
def test_proof__stands_for_a_few_items(name: str) -> None:
    sample = PROOFS[name].sample
    record = run_proof(PROOFS[name], seed=2, budget_s=600, limit=sample, state=None)
    assert record["tried"] + record["uncounted"] == sample
    assert record["grave"] == []
    assert record["held"] >= record["tried"] * PROOFS[name].least_percent // 100, record["failures"]


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


@pytest.mark.parametrize(
    ("held", "tried", "least", "grave", "stood"),
    [
        (9, 10, 90, [], True),
        (8, 10, 90, [], False),
        (10, 10, 90, ["a"], False),
        (0, 0, 90, [], False),
        (10, 10, 100, [], True),
    ],
)
def test_stands__asks_for_the_share_and_for_nothing_grave(
    held: int, tried: int, least: int, grave: list[str], stood: bool
) -> None:
    record = {"held": held, "tried": tried, "least_percent": least, "grave": grave}
    assert stands(record) is stood


class Turns:
    """A proof whose items take no time; two are under way at a time."""

    name = "turns"
    claim = "…"
    least_percent = 100
    sample = 5
    parallel = 2

    def items(self, seed: int) -> Sequence[str]:
        return [f"{seed}-{number}" for number in range(5)]

    @contextmanager
    def set_up(self) -> Iterator[Turns]:
        yield self

    def attempt(self, item: str) -> Outcome:
        return Outcome(item=item, holds=True, facts={"word": item})


def test_run_proof__goes_on_where_a_killed_one_stopped(tmp_path: Path) -> None:
    state = tmp_path / "turns.jsonl"
    said: list[str] = []
    first = run_proof(Turns(), seed=3, budget_s=60, limit=2, state=state, say=said.append)
    whole = run_proof(Turns(), seed=3, budget_s=60, limit=None, state=state, say=said.append)
    assert (first["tried"], whole["tried"], len(said)) == (2, 5, 5)
    assert list(whole["facts"]) == [f"3-{number}" for number in range(5)]


def test_run_proof__begins_nothing_after_its_budget() -> None:
    record = run_proof(Turns(), seed=3, budget_s=-1, limit=None, state=None, say=str)
    assert (record["items"], record["tried"]) == (5, 0)
