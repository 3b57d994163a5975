"""How long a small wheel takes from the first request to a stored decision."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from proxy.demo.packages import build_wheel
from proxy.demo.upstream import LocalUpstream
from tests.firewall import Firewall, fetch, file_url
from tests.proofs.background import running_upstream
from tests.proofs.proof import Outcome

WHEELS = 100


class LatencyProof:
    """See the module. The upstream is on loopback, so fetching adds about a millisecond."""

    name = "latency"
    claim = "Every unseen small wheel is analysed in a traced box and decided; the times are below."
    least_percent = 100
    sample = 5
    parallel = 1

    def items(self, seed: int) -> Sequence[str]:
        numbers = list(range(WHEELS))
        random.Random(seed).shuffle(numbers)  # noqa: S311 - an order, not a secret
        return [f"reenact-small 1.{number}" for number in numbers]

    @contextmanager
    def set_up(self) -> Iterator[LatencyExperiment]:
        wheels = [
            build_wheel("reenact-small", f"1.{n}", {"reenact_small/__init__.py": f"NUMBER = {n}\n"})
            for n in range(WHEELS)
        ]
        with (
            running_upstream(LocalUpstream(wheels)) as upstream,
            Firewall(upstream=upstream.url) as firewall,
        ):
            yield LatencyExperiment(firewall)


class LatencyExperiment:
    """One firewall; the first item warms it up like any other."""

    def __init__(self, firewall: Firewall) -> None:
        self._firewall = firewall

    def attempt(self, item: str) -> Outcome:
        project, version = item.split()
        url = file_url(
            self._firewall.index_url, project, f"reenact_small-{version}-py3-none-any.whl"
        )
        begun = time.monotonic()
        answer = fetch(url, method="HEAD")
        whole = time.monotonic() - begun
        measures = {"first_request_to_answer_s": whole}
        for event in self._firewall.log_lines():
            if event["event"] == "job_decided" and event["filename"] == url.rpartition("/")[2]:
                measures["wheel_on_disk_to_decision_s"] = event["queued_ms"] / 1000
        return Outcome(
            item=item, holds=answer.status == 200, detail=answer.reason, measures=measures
        )
