"""Requests of all processes are added up by whichever is asked."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from proxy.telling.requestfigures import RequestFigures

BUCKETS_S = (0.1, 1.0)


def value(figures: RequestFigures, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(figures)
    return registry.get_sample_value(name, labels)


def test_served__a_bound_belongs_to_its_bucket() -> None:
    figures = RequestFigures(BUCKETS_S)
    for seconds in (0.1, 0.2, 1.0, 5.0):
        figures.served("file", 200, seconds)
    bucket = "pratique_http_request_seconds_bucket"
    assert value(figures, bucket, route="file", le="0.1") == 1
    assert value(figures, bucket, route="file", le="1.0") == 3
    assert value(figures, bucket, route="file", le="+Inf") == 4
    assert value(figures, "pratique_http_request_seconds_sum", route="file") == 6.3


def test_collect__adds_up_what_others_published(tmp_path: Path) -> None:
    ours, theirs = RequestFigures(BUCKETS_S), RequestFigures(BUCKETS_S)
    ours.beside((tmp_path / "1.json", tmp_path / "not-there.json"))
    ours.served("file", 200, 0.1)
    theirs.served("file", 200, 0.1)
    theirs.served("project", 304, 0.1)
    theirs.publish(tmp_path / "1.json")
    total = "pratique_http_requests_total"
    assert value(ours, total, route="file", status="200") == 2
    assert value(ours, total, route="project", status="304") == 1


def test_collect__what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    ours, other = RequestFigures(BUCKETS_S), RequestFigures((1.0,))
    other.served("file", 200, 0.1)
    other.publish(tmp_path / "other-buckets.json")
    (tmp_path / "damaged.json").write_bytes(b"{")
    ours.beside((tmp_path / "other-buckets.json", tmp_path / "damaged.json"))
    ours.served("file", 200, 0.1)
    assert value(ours, "pratique_http_requests_total", route="file", status="200") == 1
