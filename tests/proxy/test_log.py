"""One line an event; what a stranger sends that is no HTTP costs one short line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from proxy.log import LINE_CHARS_MAX, configure_log
from proxy.web.lines import RequestLines
from tests.proxy.web.house import open_house


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A log file; whatever was configured before is configured afterwards."""
    before = structlog.get_config()
    aiohttp, root = logging.getLogger("aiohttp"), logging.getLogger()
    kept = aiohttp.handlers, aiohttp.propagate, root.handlers[:], root.level
    path = tmp_path / "log.jsonl"
    with path.open("wb", buffering=0) as file:
        monkeypatch.setattr("proxy.log._open", lambda _: file)
        monkeypatch.setattr("proxy.web.served._LINES", RequestLines())
        configure_log(format_="json", file=path, process="test")
        # A logger of a module would write to this test's file for ever.
        structlog.configure(cache_logger_on_first_use=False)
        yield path
    structlog.configure(**before)
    aiohttp.handlers, aiohttp.propagate = kept[0], kept[1]
    root.handlers[:] = kept[2]
    root.setLevel(kept[3])


def text(path: Path) -> str:
    return path.read_text()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text(path).splitlines()]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /\xff?secret HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic secret\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization : Basic secret\r\n\r\n",
        b"GET /" + b"secret" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_log__what_is_no_http_is_one_short_line_without_its_bytes(
    log: Path, request_: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_house(tmp_path / "house") as house:
        answer = await house.raw(request_)
    assert b" 400 " in answer.partition(b"\r\n")[0]
    (line,) = lines(log)
    assert (line["event"], line["status"]) == ("request_refused", 400)
    assert "secret" not in text(log) + capsys.readouterr().err


async def test_log__credentials_in_a_proxy_request_are_not_written(
    log: Path, tmp_path: Path
) -> None:
    target = b"http://user:secret@host.invalid/nothing/here?token=secret"
    async with open_house(tmp_path / "house") as house:
        await house.raw(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    (line,) = lines(log)
    assert line["path"] == "/nothing/here"
    assert "secret" not in text(log)


def test_log__aiohttps_own_failures_keep_their_traceback(log: Path) -> None:
    try:
        raise RuntimeError("ours")
    except RuntimeError:
        logging.getLogger("aiohttp.server").exception("Unhandled exception")
    (line,) = lines(log)
    assert line["event"] == "http_failed"
    assert "RuntimeError: ours" in line["exception"]


def test_log__a_value_of_any_length_is_cut(log: Path) -> None:
    structlog.get_logger().info("something_happened", text="x" * 100_000)
    (line,) = lines(log)
    assert len(line["text"]) == LINE_CHARS_MAX + 1
