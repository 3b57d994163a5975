"""Requests as `/metrics` counts them: added up in plain numbers, made into series when somebody asks.

prometheus_client takes a lock for every number it adds, 4 µs a request; all requests are counted
on one event loop, which needs none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

PUBLISH_S = 1.0
"""Seconds between two times that a process tells its figures to those beside it."""


class Published(msgspec.Struct, frozen=True):
    """What one process counted."""

    requests: list[tuple[str, int, int]]
    """Route, status, how many."""
    seconds: list[tuple[str, float, list[int]]]
    """Route, their sum, how many in each bucket."""


class RequestFigures(Collector):
    """`pratique_http_requests` by route and status, `pratique_http_request_seconds` by route."""

    def __init__(self, buckets_s: tuple[float, ...]) -> None:
        """`buckets_s`: upper bounds in seconds, rising; what is above them all is counted as well."""
        self._buckets_s = buckets_s
        self._counts: dict[tuple[str, int], int] = {}
        self._seconds: dict[str, float] = {}
        self._by_bucket: dict[str, list[int]] = {}
        self._beside: tuple[Path, ...] = ()

    def beside(self, files: tuple[Path, ...]) -> None:
        """Add up what other processes publish in `files`: any of us may be asked for all."""
        self._beside = files

    def publish(self, file: Path) -> None:
        """Write what we counted, for the others. Blocks; raises OSError."""
        partial = file.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(self._ours()))
        partial.replace(file)

    def served(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        key = (route, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        by_bucket = self._by_bucket.get(route)
        if by_bucket is None:
            by_bucket = self._by_bucket[route] = [0] * (len(self._buckets_s) + 1)
            self._seconds[route] = 0.0
        by_bucket[bisect_left(self._buckets_s, seconds)] += 1
        self._seconds[route] += seconds

    def collect(self) -> Iterator[Metric]:
        """The series, as prometheus_client wants them."""
        all_ = [self._ours(), *self._others()]
        counts: Counter[tuple[str, int]] = Counter()
        sums: dict[str, float] = {}
        buckets: dict[str, list[int]] = {}
        for one in all_:
            for route, status, count in one.requests:
                counts[route, status] += count
            for route, sum_s, by_bucket in one.seconds:
                sums[route] = sums.get(route, 0.0) + sum_s
                known = buckets.get(route, [0] * len(by_bucket))
                buckets[route] = [a + b for a, b in zip(known, by_bucket, strict=True)]
        requests = CounterMetricFamily(
            "pratique_http_requests", "Requests answered.", labels=("route", "status")
        )
        for (route, status), count in counts.items():
            requests.add_metric((route, str(status)), count)
        yield requests
        seconds = HistogramMetricFamily(
            "pratique_http_request_seconds",
            "Seconds until a request was answered, its body included.",
            labels=("route",),
        )
        names = [*map(floatToGoString, self._buckets_s), "+Inf"]
        for route, by_bucket in buckets.items():
            so_far = [sum(by_bucket[: place + 1]) for place in range(len(by_bucket))]
            seconds.add_metric(
                (route,), list(zip(names, so_far, strict=True)), sum_value=sums[route]
            )
        yield seconds

    def _ours(self) -> Published:
        return Published(
            requests=[(*key, count) for key, count in self._counts.items()],
            seconds=[
                (route, self._seconds[route], list(by_bucket))
                for route, by_bucket in self._by_bucket.items()
            ],
        )

    def _others(self) -> Iterator[Published]:
        for file in self._beside:
            # It is being started, or is of a version with other buckets.
            with suppress(OSError, msgspec.DecodeError):
                found = msgspec.json.decode(file.read_bytes(), type=Published)
                if all(len(row[2]) == len(self._buckets_s) + 1 for row in found.seconds):
                    yield found
