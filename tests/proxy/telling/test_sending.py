"""One attempt: bounded, without redirects, and never where it must not go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
from aiohttp import web

from proxy.telling.sending import ANSWER_BYTES_MAX, PRIVATE, HttpSender, Outcome, retry_after_s
from tests.proxy.store.values import FakeClock
from tests.proxy.telling.receiver import open_receiver, webhook_to


async def send(url: str, *, allow_private: bool = True, send_s: float = 10.0) -> Outcome:
    sender = HttpSender(clock=FakeClock(), send_s=send_s)
    try:
        return await sender.send(
            webhook_to(url, allow_private=allow_private), b"{}", {"webhook-id": "evt_1"}
        )
    finally:
        await sender.close()


async def test_send__the_body_the_headers_and_nothing_of_others() -> None:
    async with open_receiver() as receiver:
        outcome = await send(receiver.url)
    assert outcome.arrived
    assert outcome.status == 204
    (got,) = receiver.received
    assert (got.path, got.body, got.id) == ("/hook/hidden-part", b"{}", "evt_1")
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"].startswith("pratique/")
    assert "Authorization" not in got.headers


@pytest.mark.parametrize("status", [300, 301, 307, 400, 404, 410, 429, 500, 503])
async def test_send__anything_but_2xx_is_a_failure_told_by_its_number(status: int) -> None:
    async with open_receiver() as receiver:
        receiver.answers = [
            web.Response(status=status, text="a secret", headers={"Location": receiver.url})
        ]
        outcome = await send(receiver.url)
        assert len(receiver.received) == 1
    assert (outcome.status, outcome.error) == (status, f"HTTP {status}")
    assert outcome.gone is (status == 410)


async def test_send__an_endless_answer_costs_nothing() -> None:
    async with open_receiver() as receiver:
        receiver.answers = [web.Response(body=b"x" * (64 * ANSWER_BYTES_MAX))]
        assert (await send(receiver.url)).arrived


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "0.0.0.0"])
async def test_send__private_addresses_are_refused_however_they_are_spelled(host: str) -> None:
    async with open_receiver() as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        outcome = await send(url, allow_private=False)
        assert receiver.received == []
    # The one whole number is none that aiohttp takes for a host at all.
    assert outcome.error == PRIVATE or host == "2130706433"
    assert not outcome.arrived


async def test_send__nobody_there() -> None:
    async with open_receiver() as receiver:
        url = receiver.url
    outcome = await send(url)
    assert outcome.error == "it cannot be reached"
    assert "hidden-part" not in repr(outcome)


@asynccontextmanager
async def odd_server(answer: bytes) -> AsyncIterator[str]:
    """One that reads a request and answers with anything, or with nothing; its URL."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        if not answer:
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        done.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await done.wait()


async def test_send__a_receiver_that_never_answers_is_left() -> None:
    async with odd_server(b"") as url:
        outcome = await send(url, send_s=0.05)
    assert outcome.error == "it did not answer in time"


async def test_send__an_answer_that_is_no_http() -> None:
    async with odd_server(b"SSH-2.0-secret banner\r\n\r\n") as url:
        outcome = await send(url)
    assert not outcome.arrived
    assert "banner" not in outcome.error


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("999999999", 86_400.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("٣", 0.0),
        ("Fri, 01 May 2026 12:10:00 GMT", 600.0),
        ("Fri, 01 May 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after__seconds_or_a_date(text: str, seconds: float) -> None:
    assert retry_after_s(text, datetime(2026, 5, 1, 12, tzinfo=UTC)) == seconds
