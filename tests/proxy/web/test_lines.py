"""One line for each request: same fields, same place as any other log line, and no secret in it."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from proxy.web.lines import GATHERED_MAX, RequestLines
from tests.proxy.web.decided import served
from tests.proxy.web.house import House, path_of


@pytest.fixture
def sink() -> Iterator[io.BytesIO]:
    """Structlog as the proxy configures it, but into memory."""
    before = structlog.get_config()
    stream = io.BytesIO()
    structlog.configure(
        cache_logger_on_first_use=False,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(stream),
    )
    yield stream
    structlog.configure(**before)


async def test_write__has_what_the_pipeline_gives_every_line(sink: io.BytesIO) -> None:
    structlog.get_logger().info("request_served", status=200)
    RequestLines().write({"status": 200})
    await asyncio.sleep(0)
    slow, quick = (orjson.loads(line) for line in sink.getvalue().splitlines())
    assert quick.keys() == slow.keys()
    assert quick["timestamp"].endswith("Z")
    assert {**quick, "timestamp": ""} == {**slow, "timestamp": ""}


async def test_write__lines_of_one_round_go_out_together_and_whole(sink: io.BytesIO) -> None:
    lines = RequestLines()
    for number in range(3):
        lines.write({"number": number})
    assert sink.getvalue() == b""
    await asyncio.sleep(0)
    assert [orjson.loads(line)["number"] for line in sink.getvalue().splitlines()] == [0, 1, 2]


async def test_write__what_gathers_is_bounded(sink: io.BytesIO) -> None:
    lines = RequestLines()
    for number in range(GATHERED_MAX):
        lines.write({"number": number})
    assert len(sink.getvalue().splitlines()) == GATHERED_MAX


async def test_write__hostile_text_stays_inside_its_line(sink: io.BytesIO) -> None:
    RequestLines().write({"path": '/\r\n{"event":"forged"}\x1b[2J\x00'})
    await asyncio.sleep(0)
    assert len(sink.getvalue().splitlines()) == 1
    assert b"\x1b" not in sink.getvalue()


def test_write__through_the_pipeline_where_it_writes_text() -> None:
    with structlog.testing.capture_logs() as lines:
        RequestLines().write({"status": 304})
    assert lines == [{"event": "request_served", "log_level": "info", "status": 304}]


async def test_request__leaves_exactly_one_line(house: House, sink: io.BytesIO) -> None:
    ref = house.upstream.publish("demo-1.0-py3-none-any.whl", b"data")
    decision = await house.decide(served(ref))
    paths = [path_of(ref), "/simple/demo/", "/simple/Demo/", "/nothing?token=abc", "/healthz"]
    for path in paths:
        await house.get(path)
    # A line is written once its answer has gone out, which the client may see first.
    for _ in range(500):
        if sink.getvalue().count(b"request_served") >= len(paths):
            break
        await asyncio.sleep(0.01)
    lines = [orjson.loads(line) for line in sink.getvalue().splitlines()]
    told = [line for line in lines if line["event"] == "request_served"]
    assert [line["route"] for line in told] == ["file", "project", "project", "none", "healthz"]
    assert [line["status"] for line in told] == [200, 200, 301, 404, 200]
    assert len({line["request_id"] for line in told}) == len(paths)
    assert told[0]["decision_id"] == decision.id
    assert told[0]["sha256"] == ref.sha256
    assert told[0]["requester"] == "ci"
    assert told[3]["path"] == "/nothing"
    assert house.client_secret.encode() not in sink.getvalue()
    assert b"Basic" not in sink.getvalue()
