"""`kill -9` of each process in mid-analysis loses nothing."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from proxy.demo.packages import build_wheel
from proxy.demo.upstream import LocalUpstream
from tests.firewall import Answer, Firewall, fetch, file_url, wait_until
from tests.proofs.background import running_upstream
from tests.proofs.proof import Outcome

ROUNDS = 10
TRIES = 20
TRY_AGAIN_S = 0.5
"""Seconds between two tries of the client; a restart of everything takes about 4."""
VICTIMS = ("proxy", "judge", "worker", "sandbox", "supervisor")
SLOW_IMPORT = "import time\ntime.sleep({seconds})\n"


class KillProof:
    """See the module. The wheel sleeps on import, so that the blow falls in mid-analysis."""

    name = "kill"
    claim = (
        "After kill -9 of any one process in mid-analysis, the held request or its retry is answered, "
        "and every decision made before is still there."
    )
    least_percent = 100
    sample = 5
    parallel = 1

    def items(self, seed: int) -> Sequence[str]:
        rng = random.Random(seed)  # noqa: S311 - an order, not a secret
        return [
            f"{victim} {number} {rng.uniform(0.05, 0.9):.2f}"
            for number in range(ROUNDS)
            for victim in VICTIMS
        ]

    @contextmanager
    def set_up(self) -> Iterator[KillExperiment]:
        with (
            running_upstream(LocalUpstream()) as upstream,
            Firewall(upstream=upstream.url) as firewall,
        ):
            yield KillExperiment(firewall, upstream)


class KillExperiment:
    """One firewall that is hit again and again."""

    def __init__(self, firewall: Firewall, upstream: LocalUpstream) -> None:
        self._firewall = firewall
        self._upstream = upstream
        self._decided: set[str] = set()

    def attempt(self, item: str) -> Outcome:
        victim, number, after = item.split()
        project = f"reenact-kill-{victim}-{number}"
        module = project.replace("-", "_")
        wheel = build_wheel(project, "1.0", {f"{module}.py": SLOW_IMPORT.format(seconds=1)})
        self._upstream.files.append(wheel)
        url = file_url(self._firewall.index_url, project, wheel.filename)
        answers: list[Answer] = []
        client = threading.Thread(target=lambda: answers.append(_insist(url)))
        client.start()
        threading.Event().wait(float(after))
        self._kill(victim)
        client.join(240)
        known = {row["ref"]["filename"] for row in self._all_decisions()}
        lost = self._decided - known
        self._decided |= known
        held = bool(answers) and answers[0].status == 200 and answers[0].body == wheel.data
        status = f"{answers[0].status} {answers[0].reason}" if answers else "no answer"
        return Outcome(item=item, holds=held and not lost, detail=f"{status}; lost: {sorted(lost)}")

    def _kill(self, victim: str) -> None:
        """Kill one process; of the supervisor all children die too, and it is started again."""
        process = self._firewall.process
        if victim != "supervisor" or process is None:
            os.kill(self._firewall.children()[victim], signal.SIGKILL)
            return
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._firewall.start()

    def _all_decisions(self) -> list[dict[str, Any]]:
        return wait_until(self._firewall.decisions, seconds=30)


def _insist(url: str) -> Answer:
    """Ask as pip does, which tries again after a broken connection."""
    for _ in range(TRIES):
        try:
            return fetch(url)
        except (OSError, HTTPException):
            time.sleep(TRY_AGAIN_S)
    raise AssertionError(f"no answer after {TRIES} tries")
