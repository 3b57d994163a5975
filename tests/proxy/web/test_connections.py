"""Nobody keeps a connection by sending nothing, or little, or by not reading; and there is a bound."""

from __future__ import annotations

import asyncio
import resource
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.web.connections import (
    CONNECTIONS_MAX,
    CONNECTIONS_MIN,
    ConnectionBounds,
    connections_max,
    listen,
)
from proxy.web.parts import parts_of, send_parts
from proxy.web.ready import Ready, head_of
from proxy.web.sendfile import send_file
from proxy.web.served import served

GET = b"GET /now HTTP/1.1\r\nHost: x\r\n\r\n"
MUCH = 32 * 1024 * 1024
BRIEF = ConnectionBounds(head_s=0.1, idle_s=0.1, stall_s=0.1, sweep_s=0.02)


@dataclass
class Served:
    """A small application behind `listen`."""

    port: int
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1024)
        self.writers.append(writer)
        return reader, writer


@asynccontextmanager
async def serving(bounds: ConnectionBounds) -> AsyncIterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    house = Served(listener.getsockname()[1])

    async def now(_: web.Request) -> web.StreamResponse:
        return web.Response(text="now")

    async def later(_: web.Request) -> web.StreamResponse:
        house.asked.set()
        await house.may_end.wait()
        return web.Response(text="later")

    async def sent(request: web.Request) -> web.StreamResponse:
        try:
            response = web.StreamResponse()
            response.content_length = MUCH
            await response.prepare(request)
            with tempfile.TemporaryFile(buffering=0) as file:
                file.truncate(MUCH)
                assert request.transport is not None
                await send_file(request.transport, request.writer.drain, file, 0, MUCH)
            return response
        finally:
            house.ended.set()

    async def written(request: web.Request) -> web.StreamResponse:
        try:
            return await send_parts(request, parts_of(bytes(MUCH)), MUCH, {})
        finally:
            house.ended.set()

    large = bytes(MUCH)

    async def ready(_: web.Request) -> web.StreamResponse:
        return Ready(status=200, head=head_of(200, {}, large), body=large, headers={})

    async def whole(request: web.Request) -> web.StreamResponse:
        try:
            return await served("ready", ready)(request)
        finally:
            house.ended.set()

    async def body(request: web.Request) -> web.StreamResponse:
        house.asked.set()
        return web.Response(text=str(len(await request.read())))

    async def much(_: web.Request) -> web.StreamResponse:
        return web.Response(body=bytes(32 * 1024 * 1024))

    app = web.Application()
    for handler in (now, later, much, sent, written):
        app.router.add_get(f"/{handler.__name__}", served(handler.__name__, handler))
    app.router.add_get("/whole", whole)
    app.router.add_post("/body", served("body", body))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    server = listen(runner, listener, bounds=bounds)
    try:
        yield house
    finally:
        house.may_end.set()
        server.close()
        await runner.cleanup()
        for writer in house.writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Everything until the other side ends the connection, in whichever way."""
    with suppress(ConnectionError):
        async with asyncio.timeout(20):
            return await reader.read()
    return b""


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


@pytest.mark.parametrize("begun", [b"", b"GET /no", b"GET /now HTTP/1.1\r\nHost: x\r\n"])
async def test_listen__a_head_that_never_ends_is_cut(begun: bytes) -> None:
    async with serving(BRIEF) as house:
        reader, writer = await house.connect()
        writer.write(begun)
        assert await rest(reader) == b""


async def test_listen__a_head_that_drips_is_cut() -> None:
    async with serving(BRIEF) as house:
        reader, writer = await house.connect()
        over = asyncio.create_task(rest(reader))
        writer.write(b"GET /")
        while not over.done():
            with suppress(ConnectionError):
                writer.write(b"x")
                await writer.drain()
            await asyncio.sleep(0.01)
        assert await over == b""


async def test_listen__an_idle_connection_is_kept_and_then_cut() -> None:
    async with serving(BRIEF) as house:
        reader, writer = await house.connect()
        for _ in range(3):
            writer.write(GET)
            assert await answer(reader) == b"now"
        assert await rest(reader) == b""


async def test_listen__a_request_under_way_is_never_cut() -> None:
    async with serving(BRIEF) as house:
        reader, writer = await house.connect()
        writer.write(GET.replace(b"/now", b"/later"))
        await house.asked.wait()
        silent, _ = await house.connect()
        await rest(silent)  # as long as a bound takes
        house.may_end.set()
        assert await answer(reader) == b"later"


async def test_listen__who_never_reads_the_answer_is_cut() -> None:
    async with serving(BRIEF) as house:
        reader, writer = await house.connect()
        writer.write(GET.replace(b"/now", b"/much"))
        silent, _ = await house.connect()
        await rest(silent)
        await asyncio.sleep(5 * BRIEF.stall_s)
        assert len(await rest(reader)) < 32 * 1024 * 1024


@pytest.mark.parametrize("path", [b"/sent", b"/written", b"/whole"])
async def test_listen__who_takes_a_transfer_a_byte_at_a_time_is_cut_and_its_handler_ends(
    path: bytes,
) -> None:
    async with serving(BRIEF) as house:
        slow = socket.create_connection(("127.0.0.1", house.port))
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        with slow, capture_logs() as logs:
            await loop.sock_sendall(slow, GET.replace(b"/now", path))
            async with asyncio.timeout(20):
                while not told(logs):
                    await drip(loop, slow)
    assert house.ended.is_set()
    assert told(logs) == [499]


async def test_listen__a_long_answer_is_under_way_until_it_is_taken() -> None:
    async with serving(ConnectionBounds()) as house:
        taking = socket.create_connection(("127.0.0.1", house.port))
        taking.setblocking(False)
        loop = asyncio.get_running_loop()
        with taking, capture_logs() as logs:
            await loop.sock_sendall(taking, GET.replace(b"/now", b"/whole"))
            taken = len(await loop.sock_recv(taking, 1))
            await asyncio.sleep(0.1)
            assert not house.ended.is_set()
            async with asyncio.timeout(20):
                while taken < MUCH:
                    taken += len(await loop.sock_recv(taking, 1024 * 1024))
                await house.ended.wait()
        assert told(logs) == [200]


async def test_listen__who_leaves_a_long_answer_is_told_in_the_log() -> None:
    async with serving(ConnectionBounds()) as house:
        with capture_logs() as logs:
            with socket.create_connection(("127.0.0.1", house.port)) as leaving:
                leaving.sendall(GET.replace(b"/now", b"/whole"))
                assert await asyncio.to_thread(leaving.recv, 1)
            async with asyncio.timeout(20):
                await house.ended.wait()
        assert told(logs) == [499]


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
async def test_listen__who_does_not_take_a_long_answer_has_no_copy_of_it(more: bytes) -> None:
    async with serving(ConnectionBounds()) as house:
        before = resident_bytes()
        for _ in range(20):
            reader, writer = await house.connect()
            writer.write(
                GET.replace(b"/now", b"/whole").replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n")
            )
            assert await reader.readexactly(1)
        assert resident_bytes() - before < MUCH


def resident_bytes() -> int:
    """Memory that this process takes (proc_pid_statm(5))."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def told(logs: Sequence[Mapping[str, Any]]) -> list[int]:
    """The statuses of the requests that have their line."""
    return [log["status"] for log in logs if log["event"] == "request_served"]


async def drip(loop: asyncio.AbstractEventLoop, slow: socket.socket) -> None:
    """Take one byte, and a while."""
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(0.01):
            await loop.sock_recv(slow, 1)
    await asyncio.sleep(0.005)


async def test_listen__who_takes_a_transfer_steadily_is_not_cut() -> None:
    bounds = ConnectionBounds(stall_s=0.2, stall_bytes_min=64 * 1024, sweep_s=0.02)
    async with serving(bounds) as house:
        steady = socket.create_connection(("127.0.0.1", house.port))
        steady.setblocking(False)
        loop = asyncio.get_running_loop()
        taken = 0
        with steady:
            await loop.sock_sendall(steady, GET.replace(b"/now", b"/sent"))
            async with asyncio.timeout(20):
                while data := await loop.sock_recv(steady, 1024 * 1024):
                    taken += len(data)
                    if taken > MUCH:
                        break
                    await asyncio.sleep(0.01)
        assert taken > MUCH


@pytest.mark.parametrize("chunked", [False, True])
async def test_listen__a_body_that_never_comes_is_cut(*, chunked: bool) -> None:
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 1000"
    async with serving(BRIEF) as house:
        reader, writer = await house.connect()
        writer.write(b"POST /body HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\n")
        await house.asked.wait()
        assert not (await rest(reader)).startswith(b"HTTP/1.1 200")


async def test_listen__a_body_that_drips_is_cut() -> None:
    async with serving(BRIEF) as house:
        reader, writer = await house.connect()
        over = asyncio.create_task(rest(reader))
        writer.write(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        async with asyncio.timeout(20):
            while not over.done():
                with suppress(ConnectionError):
                    writer.write(b"x")
                    await writer.drain()
                await asyncio.sleep(0.01)
        assert not (await over).startswith(b"HTTP/1.1 200")


async def test_listen__a_body_that_comes_is_read() -> None:
    async with serving(BRIEF) as house:
        reader, writer = await house.connect()
        writer.write(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        assert await answer(reader) == b"3"


async def test_listen__at_the_bound_the_longest_silent_one_goes() -> None:
    async with serving(ConnectionBounds(in_all_max=2)) as house:
        first, second = await house.connect(), await house.connect()
        third = await house.connect()
        assert await rest(first[0]) == b""
        for reader, writer in (second, third):
            writer.write(GET)
            assert await answer(reader) == b"now"


async def test_listen__at_the_bound_no_request_under_way_gives_way() -> None:
    async with serving(ConnectionBounds(in_all_max=1)) as house:
        reader, writer = await house.connect()
        writer.write(GET.replace(b"/now", b"/later"))
        await house.asked.wait()
        refused, _ = await house.connect()
        assert await rest(refused) == b""
        house.may_end.set()
        assert await answer(reader) == b"later"


@pytest.mark.parametrize(
    ("limits", "expected"),
    [((64, 64), CONNECTIONS_MIN), ((2048, 2048), 1024), ((-1, -1), CONNECTIONS_MAX)],
)
def test_connections_max__leaves_descriptors_for_the_rest(
    limits: tuple[int, int], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert connections_max() == expected
