"""What a proof is, and how one is run: item by item, resumable, under a time budget."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

ROOT = Path(__file__).parent.parent.parent
RECORDS = ROOT / "docs" / "proofs"
STATE = ROOT / "var" / "proofs"
"""Half-done proofs; ignored by git."""
PROVEN_FOLDERS = ("proxy", "analyzer", "policies", "models")
"""A record is stale once anything here has changed since its commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one item showed. `measures` are numbers with their unit in the name."""

    item: str
    holds: bool
    detail: str = ""
    measures: dict[str, float] = field(default_factory=dict)
    grave: bool = False
    """A failure that no share of good ones makes up for."""
    facts: dict[str, str] = field(default_factory=dict)
    """Words that a proof's own page is made from."""
    counted: bool = True
    """False: the claim is not about this item, which was measured beside the others."""


class Experiment(Protocol):
    """A running set-up that items are tried on."""

    def attempt(self, item: str) -> Outcome:
        """Try one item."""


class Proof(Protocol):
    """One claim, the items it is made about, and the set-up to try them."""

    name: str
    claim: str
    least_percent: int
    """The claim stands where at least so many items hold, and no failure is grave."""
    sample: int
    """Items that `make test` tries."""
    parallel: int
    """Items under way at a time."""

    def items(self, seed: int) -> Sequence[str]:
        """All items, in the order of `seed`."""

    def set_up(self) -> AbstractContextManager[Experiment]:
        """What the items are tried on."""


@runtime_checkable
class Summarised(Protocol):
    """A proof with figures that no single item has."""

    def summary(self, outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
        """What the record says under `summary`."""


def run_proof(
    proof: Proof,
    *,
    seed: int,
    budget_s: float,
    limit: int | None,
    state: Path | None,
    say: Any = print,
) -> dict[str, Any]:
    """Run what is left of a proof within `budget_s`; the record of all that was run so far."""
    items = list(proof.items(seed))[:limit]
    done = _load(state)
    deadline = time.monotonic() + budget_s
    left = [item for item in items if item not in done]
    if left:
        with proof.set_up() as experiment:
            for outcome in _attempts(experiment, left, deadline, proof.parallel):
                done[outcome.item] = outcome
                _append(state, outcome)
                mark = "ok  " if outcome.holds else "FAIL"
                say(f"{len(done)}/{len(items)} {mark} {outcome.item} {outcome.detail}")
    if len(done) < len(items):
        say(f"budget spent; {len(items) - len(done)} item(s) left for the next run")
    return record_of(proof, [done[i] for i in items if i in done], seed=seed, asked=len(items))


def _attempts(
    experiment: Experiment, items: Sequence[str], deadline: float, parallel: int
) -> Iterator[Outcome]:
    """Try items, some at a time, and begin none after the deadline."""
    todo = iter(items)
    under_way: set[Future[Outcome]] = set()
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        while True:
            while len(under_way) < parallel and time.monotonic() <= deadline:
                item = next(todo, None)
                if item is None:
                    break
                under_way.add(pool.submit(experiment.attempt, item))
            if not under_way:
                return
            ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()


def seconds_of(budget: str) -> int | None:
    """`90s`, `40m` or `2h` in seconds; None where it is none of these."""
    match = re.fullmatch(r"([0-9]+)([smh])", budget)
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]] if match else None


def stands(record: dict[str, Any]) -> bool:
    """Whether a record's claim stands, as far as its items were tried."""
    enough = record["held"] * 100 >= record["tried"] * record["least_percent"]
    return bool(record["tried"]) and enough and not record["grave"]


def record_of(
    proof: Proof, outcomes: Sequence[Outcome], *, seed: int, asked: int
) -> dict[str, Any]:
    """The record as it stands in docs/proofs/NAME.json."""
    counted = [outcome for outcome in outcomes if outcome.counted]
    failures = [asdict(outcome) for outcome in counted if not outcome.holds]
    names = sorted({name for outcome in outcomes for name in outcome.measures})
    record = {
        "name": proof.name,
        "claim": proof.claim,
        "commit": commit(),
        "command": f"make prove NAME={proof.name}",
        "machine": machine(),
        "seed": seed,
        "items": asked,
        "tried": len(counted),
        "uncounted": len(outcomes) - len(counted),
        "held": len(counted) - len(failures),
        "least_percent": proof.least_percent,
        "grave": [outcome.item for outcome in outcomes if outcome.grave],
        "failures": failures,
        "quantiles": {
            name: quantiles([o.measures[name] for o in outcomes if name in o.measures])
            for name in names
        },
        "details": {outcome.item: outcome.detail for outcome in outcomes},
        "facts": {outcome.item: outcome.facts for outcome in outcomes if outcome.facts},
    }
    if isinstance(proof, Summarised):
        record["summary"] = proof.summary(outcomes, seed)
    return record


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Minimum, median, 90 %, 95 % and maximum, with the count."""
    ordered = sorted(values)
    return {
        "n": len(ordered),
        "min": round(ordered[0], 3),
        "median": round(statistics.median(ordered), 3),
        "p90": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))], 3),
        "p95": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 3),
        "max": round(ordered[-1], 3),
    }


def stale_records(records: Path = RECORDS) -> list[str]:
    """Names of records whose commit is not this code any more."""
    stale = []
    for file in sorted(records.glob("*.json")):
        then = json.loads(file.read_text())["commit"]
        changed = subprocess.run(
            ["git", "diff", "--quiet", then, "HEAD", "--", *PROVEN_FOLDERS],
            cwd=ROOT,
            capture_output=True,
            check=False,
        ).returncode
        if changed:
            stale.append(file.stem)
    return stale


def commit() -> str:
    """The commit that is checked out."""
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def machine() -> str:
    """The machine in one line."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    return f"{platform.machine()}, {os.cpu_count()} cores, {memory} GiB, Linux {platform.release()}"


def _load(state: Path | None) -> dict[str, Outcome]:
    if state is None or not state.exists():
        return {}
    rows = (json.loads(line) for line in state.read_text().splitlines() if line)
    return {row["item"]: Outcome(**row) for row in rows}


def _append(state: Path | None, outcome: Outcome) -> None:
    if state is None:
        return
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.open("a") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")
