"""Requests as `/metrics` counts them: added up in plain numbers, made into series when somebody asks.

prometheus_client takes a lock for every number it adds, 4 µs a request; all requests are counted
on one event loop, which needs none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class RequestFigures(Collector):
    """`pratique_http_requests` by route and status, `pratique_http_request_seconds` by route."""

    def __init__(self, buckets_s: tuple[float, ...]) -> None:
        """`buckets_s`: upper bounds in seconds, rising; what is above them all is counted as well."""
        self._buckets_s = buckets_s
        self._counts: dict[tuple[str, int], int] = {}
        self._seconds: dict[str, float] = {}
        self._by_bucket: dict[str, list[int]] = {}

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
        requests = CounterMetricFamily(
            "pratique_http_requests", "Requests answered.", labels=("route", "status")
        )
        for (route, status), count in self._counts.items():
            requests.add_metric((route, str(status)), count)
        yield requests
        seconds = HistogramMetricFamily(
            "pratique_http_request_seconds",
            "Seconds until a request was answered, its body included.",
            labels=("route",),
        )
        names = [*map(floatToGoString, self._buckets_s), "+Inf"]
        for route, by_bucket in self._by_bucket.items():
            so_far = [sum(by_bucket[: place + 1]) for place in range(len(by_bucket))]
            seconds.add_metric(
                (route,), list(zip(names, so_far, strict=True)), sum_value=self._seconds[route]
            )
        yield seconds
