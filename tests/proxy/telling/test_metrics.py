"""Counters and gauges, and that no label is anybody's but ours."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from models.work import JobState
from proxy.store.port import Feed
from proxy.store.telling_port import Figures, OutboxExtent
from proxy.telling.metrics import FEEDS_MAX, Metrics
from tests.proxy.store.values import START, make_decision, waiting


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.exposition("")[0].decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, tuple(sorted(labels.items()))))


def test_served__counts_by_route_and_status_and_times_by_route() -> None:
    metrics = Metrics()
    for seconds in (0.002, 0.3):
        metrics.served("file", 200, seconds)
    metrics.served("file", 403, 0.001)
    assert value(metrics, "pratique_http_requests_total", route="file", status="200") == 2
    assert value(metrics, "pratique_http_requests_total", route="file", status="403") == 1
    assert value(metrics, "pratique_http_request_seconds_count", route="file") == 3
    assert value(metrics, "pratique_http_request_seconds_bucket", route="file", le="0.005") == 2


def test_decided__by_action_hold_and_tier() -> None:
    metrics = Metrics()
    for decision in (make_decision(score=70), make_decision(score=70), waiting()):
        metrics.decided(decision)
    name = "pratique_decisions_total"
    assert value(metrics, name, action="SERVE", hold="", tier="MONITOR") == 2
    assert value(metrics, name, action="HOLD", hold="analysis", tier="") == 1


def test_analysed__by_outcome_and_duration() -> None:
    metrics = Metrics()
    metrics.analysed("complete", 12.0)
    metrics.analysed("failed", 0.0)
    name = "pratique_analysis_seconds_bucket"
    assert value(metrics, name, outcome="complete", le="10.0") == 0
    assert value(metrics, name, outcome="complete", le="20.0") == 1
    assert value(metrics, "pratique_analysis_seconds_count", outcome="failed") == 1


def test_looked_up__is_a_hit_rate() -> None:
    metrics = Metrics()
    for hit in (True, True, False):
        metrics.looked_up("pages", hit=hit)
    name = "pratique_cache_lookups_total"
    assert value(metrics, name, cache="pages", outcome="hit") == 2
    assert value(metrics, name, cache="pages", outcome="miss") == 1


def test_set_store__ages_and_depths() -> None:
    metrics = Metrics()
    figures = Figures(
        jobs=((JobState.QUEUED, 4), (JobState.LEASED, 1), (JobState.OBSERVED, 0)),
        oldest_job_at=START,
        overrides_active=2,
        watched=3,
        outbox=OutboxExtent(waiting=5, dead=6, oldest_at=START),
    )
    metrics.set_store(figures, START + timedelta(seconds=90))
    assert value(metrics, "pratique_store_up") == 1
    assert value(metrics, "pratique_jobs", state="queued") == 4
    assert value(metrics, "pratique_queue_age_seconds") == 90
    assert value(metrics, "pratique_overrides_active") == 2
    assert value(metrics, "pratique_watched_files") == 3
    assert value(metrics, "pratique_outbox_deliveries", state="dead") == 6
    assert value(metrics, "pratique_outbox_age_seconds") == 90
    metrics.set_store(None, START)
    assert value(metrics, "pratique_store_up") == 0


def test_set_store__a_clock_that_went_back_makes_no_negative_age() -> None:
    metrics = Metrics()
    metrics.set_confirmed(START, START - timedelta(hours=1))
    assert value(metrics, "pratique_store_poll_age_seconds") == 0


def test_set_feeds__one_that_is_gone_leaves_no_gauge() -> None:
    metrics = Metrics()
    failed = Feed(name="ossf", source="x", succeeded_at=START, error="HTTP 500")
    never = Feed(name="mine", source="x")
    metrics.set_feeds((failed, never), START + timedelta(hours=1))
    assert value(metrics, "pratique_feed_age_seconds", feed="ossf") == 3600
    assert value(metrics, "pratique_feed_failed", feed="ossf") == 1
    assert value(metrics, "pratique_feed_age_seconds", feed="mine") is None
    metrics.set_feeds((), START)
    assert value(metrics, "pratique_feed_failed", feed="ossf") is None
    many = tuple(Feed(name=f"f{n}", source="x") for n in range(FEEDS_MAX + 9))
    metrics.set_feeds(many, START)
    names = [name for name, _ in samples(metrics) if name == "pratique_feed_failed"]
    assert len(names) == FEEDS_MAX


def test_set_digests__only_those_in_force() -> None:
    metrics = Metrics()
    metrics.set_digests({"policy": "sha256:a"})
    metrics.set_digests({"policy": "sha256:b"})
    name = "pratique_in_force_info"
    assert value(metrics, name, what="policy", digest="sha256:b") == 1
    assert value(metrics, name, what="policy", digest="sha256:a") is None


def test_metrics__two_in_one_process_do_not_share_anything() -> None:
    one, two = Metrics(), Metrics()
    one.served("file", 200, 0.1)
    assert value(two, "pratique_http_requests_total", route="file", status="200") is None
