"""Everything that `/metrics` counts, by labels that are closed lists: never a package, a client or a path."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from models.decision import Decision
from models.trust.drift import DriftReport, gauges
from proxy.index.freshness import Freshness
from proxy.index.port import Ahead
from proxy.store.port import Feed
from proxy.store.telling_port import Figures
from proxy.telling.requestfigures import RequestFigures

REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0)
"""A page from memory takes 1 ms, a held request 10 s, a large file a minute."""
ANALYSIS_BUCKETS_S = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0)
"""An analysis may take 120 s (DESIGN.md, Bounds)."""
STALE_BUCKETS_S = (900.0, 3_600.0, 21_600.0, 86_400.0, 172_800.0, 345_600.0, 604_800.0)
"""A page is fresh for ten minutes, and shown for seven days at most (proxy/index/cached.py)."""
FEEDS_MAX = 50
"""Feeds with gauges of their own; operators have a handful."""


class Metrics:
    """Counters that the door's parts raise, and gauges that are set when somebody asks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._count_requests()
        self._count_judgement()
        self._gauge_store()
        self._gauge_ground()
        self._gauge_drift()

    # -- counted as it happens ----------------------------------------------------------------
    def served(self, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route` is the name of a route, never a path."""
        self._served(route, status, seconds)

    def decided(self, decision: Decision) -> None:
        """A decision was stored."""
        self._decisions.labels(
            decision.action.value,
            decision.hold.value if decision.hold else "",
            decision.tier.value if decision.tier else "",
        ).inc()

    def analysed(self, outcome: str, seconds: float) -> None:
        """An analysis ended: `complete`, `incomplete` or `failed`."""
        self._analyses.labels(outcome).observe(seconds)

    def looked_up(self, cache: str, *, hit: bool) -> None:
        """A cache was asked."""
        self._lookups.labels(cache, "hit" if hit else "miss").inc()

    def served_stale(self, freshness: Freshness) -> None:
        """A page was served that is not fresh, because of its upstream."""
        self._stale.labels(str(freshness.trouble)).observe(freshness.age_s)

    def looked_ahead(self, what: str, outcome: Ahead) -> None:
        """A `page` or a `file` was to be had before, or a `look` was to tell which."""
        self._ahead.labels(what, outcome.value).inc()

    def attempted(self, outcome: str) -> None:
        """A webhook was tried: `delivered`, `failed` or `dead`."""
        self._attempts.labels(outcome).inc()

    # -- set when somebody asks ---------------------------------------------------------------
    def set_holds(self, holds: int) -> None:
        """Requests that wait for an analysis right now."""
        self._holds.set(holds)

    def set_store(self, figures: Figures | None, now: datetime) -> None:
        """What the store says; None: it does not answer, and its gauges stay as they were."""
        self._store_up.set(figures is not None)
        if figures is None:
            return
        for state, count in figures.jobs:
            self._jobs.labels(state.value).set(count)
        self._oldest_job.set(_age_s(figures.oldest_job_at, now))
        self._overrides.set(figures.overrides_active)
        self._watched.set(figures.watched)
        self._outbox.labels("waiting").set(figures.outbox.waiting)
        self._outbox.labels("dead").set(figures.outbox.dead)
        self._outbox_age.set(_age_s(figures.outbox.oldest_at, now))

    def set_confirmed(self, confirmed_at: datetime | None, now: datetime) -> None:
        """When the store last confirmed that the gate's memory is true."""
        if confirmed_at is not None:
            self._poll_age.set(_age_s(confirmed_at, now))

    def set_feeds(self, feeds: tuple[Feed, ...], now: datetime) -> None:
        """How old each feed's word is; one that was never read has no age."""
        self._feed_age.clear()
        self._feed_failed.clear()
        for feed in feeds[:FEEDS_MAX]:
            self._feed_failed.labels(feed.name).set(bool(feed.error))
            if feed.succeeded_at is not None:
                self._feed_age.labels(feed.name).set(_age_s(feed.succeeded_at, now))

    def set_digests(self, digests: Mapping[str, str]) -> None:
        """Digests of the policy and the model in force."""
        self._digests.clear()
        for what, digest in digests.items():
            self._digests.labels(what, digest).set(1)

    def set_checks(self, troubles: Mapping[str, str]) -> None:
        """What `/readyz` finds."""
        for name, trouble in troubles.items():
            self._ready.labels(name).set(not trouble)

    def set_drift(self, report: DriftReport | None, now: datetime) -> None:
        """What has moved from what the model was trained on; None: it has no reference."""
        for family in self._drift.values():
            family.clear()
        self._drift_at.set(now.timestamp())
        self._drift_rows.set(report.rows_now if report else 0)
        for gauge in gauges(report) if report else ():
            if gauge.labels:
                self._drift[gauge.name].labels(**dict(gauge.labels)).set(gauge.value)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The text, and its content type, in the newest form that `accept` names."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    # -- what there is ------------------------------------------------------------------------
    def _count_requests(self) -> None:
        self.requests = RequestFigures(REQUEST_BUCKETS_S)
        self.registry.register(self.requests)
        self._served = self.requests.served
        self._lookups = self._counter(
            "pratique_cache_lookups", "Times a cache was asked.", "cache", "outcome"
        )
        self._ahead = self._counter(
            "pratique_prefetches", "Times something was to be had before.", "what", "outcome"
        )
        self._stale = Histogram(
            "pratique_stale_page_age_seconds",
            "Age of pages that were served though no longer fresh, by what is wrong with upstream.",
            ("detail",),
            buckets=STALE_BUCKETS_S,
            registry=self.registry,
        )
        self._holds = self._gauge("pratique_holds", "Requests that wait for an analysis now.")

    def _count_judgement(self) -> None:
        self._decisions = self._counter(
            "pratique_decisions", "Decisions stored by this process.", "action", "hold", "tier"
        )
        self._analyses = Histogram(
            "pratique_analysis_seconds",
            "Seconds that analyses took, by how they ended; of failed ones: 0.",
            ("outcome",),
            buckets=ANALYSIS_BUCKETS_S,
            registry=self.registry,
        )
        self._attempts = self._counter(
            "pratique_webhook_attempts", "Attempts to deliver to a webhook.", "outcome"
        )

    def _gauge_store(self) -> None:
        self._store_up = self._gauge("pratique_store_up", "Whether the store answers.")
        self._poll_age = self._gauge(
            "pratique_store_poll_age_seconds",
            "Seconds since the store last confirmed that decisions in memory are true.",
        )
        self._jobs = self._gauge("pratique_jobs", "Open jobs.", "state")
        self._oldest_job = self._gauge(
            "pratique_queue_age_seconds", "Seconds that the oldest queued job has waited."
        )
        self._overrides = self._gauge("pratique_overrides_active", "Overrides in force.")
        self._watched = self._gauge("pratique_watched_files", "Files on the watch list.")
        self._outbox = self._gauge("pratique_outbox_deliveries", "Webhook deliveries.", "state")
        self._outbox_age = self._gauge(
            "pratique_outbox_age_seconds", "Seconds that the oldest delivery has waited."
        )

    def _gauge_ground(self) -> None:
        self._feed_age = self._gauge(
            "pratique_feed_age_seconds", "Seconds since a feed was last read whole.", "feed"
        )
        self._feed_failed = self._gauge(
            "pratique_feed_failed", "Whether the last try to read a feed failed.", "feed"
        )
        self._digests = self._gauge(
            "pratique_in_force_info", "Digests of what is in force.", "what", "digest"
        )
        self._ready = self._gauge("pratique_ready", "Whether a part is ready.", "part")

    def _gauge_drift(self) -> None:
        """Under the names that `pratique drift --prometheus` has; columns are our own features."""
        self._drift = {
            name: self._gauge(name, text, *labels)
            for name, text, labels in (
                ("pratique_drift_columns", "Columns by how far they moved.", ("level",)),
                ("pratique_drift_psi", "Population stability index of a column.", ("column",)),
                ("pratique_layer_missing_ratio", "Share of recent files without it.", ("layer",)),
            )
        }
        self._drift_rows = self._gauge("pratique_drift_rows", "Recent files that were compared.")
        self._drift_at = self._gauge(
            "pratique_drift_timestamp_seconds", "When drift was last looked at, in Unix time."
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)


def _age_s(since: datetime | None, now: datetime) -> float:
    """Seconds since a moment, 0 for none; never negative, even where the clock went back."""
    return max((now - since).total_seconds(), 0.0) if since else 0.0
