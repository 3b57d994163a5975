"""What a request costs where several proxy processes answer, beside one that does."""

from __future__ import annotations

import statistics

from tests.proofs.bench_stage import NO_BOXES, Opened, opened
from tests.proofs.proof import Outcome

PROCESSES = 2
MORE_MAX = 1.15
"""CPU a request of two processes, of that of one (issue 7)."""
ROUNDS = 6
SECONDS = 2
CONNECTIONS = 64
"""Enough that each process gets some, whoever wakes first."""


def several(item: str) -> Outcome:
    """CPU a request of page and wheel, turn by turn in one run."""
    with opened(*NO_BOXES) as one, opened(*NO_BOXES, "--processes", str(PROCESSES)) as two:
        ratios = {
            "page": _ratio(one, two, "/simple/small/", "/simple/small/"),
            "wheel": _ratio(one, two, one.wheel, two.wheel),
        }
    return Outcome(
        item=item,
        holds=max(ratios.values()) <= MORE_MAX,
        detail=", ".join(f"{name} {ratio:.2f} of one" for name, ratio in ratios.items()),
        measures={f"two_processes_{name}": ratio for name, ratio in ratios.items()},
    )


def _ratio(one: Opened, two: Opened, path_of_one: str, path_of_two: str) -> float:
    found = []
    for number in range(ROUNDS + 1):
        turn = [(one, path_of_one), (two, path_of_two)]
        costs = {
            id(stage): stage.load(path, seconds=SECONDS, connections=CONNECTIONS).cpu_us
            for stage, path in (turn if number % 2 else reversed(turn))
        }
        found.append(costs[id(two)] / costs[id(one)])
    return statistics.median(found[1:])  # the first one warms
