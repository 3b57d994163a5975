"""Taking connections: fairly among those that share a socket, and again after the system had none to give."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.web import accepting
from proxy.web.accepting import Listener
from proxy.web.sendfile import send_file
from tests.proxy.web.decided import until

BURST = 20


class Counted(asyncio.Protocol):
    """Counts connections, and keeps their transports."""

    def __init__(self, taken: list[asyncio.Transport]) -> None:
        self._taken = taken
        self._low = asyncio.Event()
        self._low.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._taken.append(transport)  # type: ignore[arg-type]


@pytest.fixture
def shared() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=128)) as listener:
        yield listener


def dup(listener: socket.socket) -> socket.socket:
    """As another process inherits it."""
    return socket.socket(fileno=os.dup(listener.fileno()))


async def test_listener__leaves_half_of_a_burst_to_another(shared: socket.socket) -> None:
    ours: list[asyncio.Transport] = []
    theirs: list[asyncio.Transport] = []
    clients = [socket.create_connection(shared.getsockname()) for _ in range(BURST)]
    here = Listener(dup(shared), lambda: Counted(ours))
    there = Listener(dup(shared), lambda: Counted(theirs))
    await until(lambda: len(ours) + len(theirs) == BURST)
    assert len(ours) == len(theirs)
    for listener in (here, there):
        listener.close()
    for transport in (*ours, *theirs):
        transport.close()
    for client in clients:
        client.close()


async def test_listener__out_of_descriptors_tries_again(
    shared: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "AGAIN_S", 0.01)
    taken: list[asyncio.Transport] = []
    listener = Exhausted(fileno=os.dup(shared.fileno()))
    with closing(Listener(listener, lambda: Counted(taken))):
        client = socket.create_connection(shared.getsockname())
        await until(lambda: len(taken) == 1)
    assert listener.refused == 1
    taken[0].close()
    client.close()


async def test_listener__closed_takes_no_more(shared: socket.socket) -> None:
    taken: list[asyncio.Transport] = []
    listener = Listener(dup(shared), lambda: Counted(taken))
    listener.close()
    listener.close()
    client = socket.create_connection(shared.getsockname())
    await asyncio.sleep(0.05)
    assert not taken
    client.close()


async def test_send_file__comes_after_what_was_written_before(
    shared: socket.socket, tmp_path: Path
) -> None:
    taken: list[asyncio.Transport] = []
    path = tmp_path / "file"
    body = os.urandom(3_000_000)
    path.write_bytes(body)
    head = bytes(2_000_000)
    with closing(Listener(dup(shared), lambda: Draining(taken))):
        reader, writer = await asyncio.open_connection(*shared.getsockname())
        await until(lambda: len(taken) == 1)
    protocol = taken[0].get_protocol()
    assert isinstance(protocol, Draining)
    taken[0].write(head)
    with path.open("rb", buffering=0) as file:
        sending = asyncio.create_task(send_file(taken[0], protocol.drain, file, 1_000, 2_500_000))
        got = await reader.readexactly(len(head) + 2_500_000)
        assert await sending == 2_500_000
    assert got == head + body[1_000:2_501_000]
    taken[0].close()
    writer.close()


async def test_send_file__says_how_much_a_short_file_had(
    shared: socket.socket, tmp_path: Path
) -> None:
    taken: list[asyncio.Transport] = []
    path = tmp_path / "file"
    path.write_bytes(b"short")
    with closing(Listener(dup(shared), lambda: Draining(taken))):
        reader, writer = await asyncio.open_connection(*shared.getsockname())
        await until(lambda: len(taken) == 1)
    protocol = taken[0].get_protocol()
    assert isinstance(protocol, Draining)
    with path.open("rb", buffering=0) as file:
        assert await send_file(taken[0], protocol.drain, file, 0, 100) == len(b"short")
    assert await reader.readexactly(5) == b"short"
    taken[0].close()
    writer.close()


class Exhausted(socket.socket):
    """Has no descriptor left at the first try."""

    refused = 0

    def accept(self) -> tuple[socket.socket, object]:
        if not self.refused:
            self.refused += 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


class Draining(Counted):
    """With what aiohttp's protocols have: a wait until the transport has written enough."""

    def pause_writing(self) -> None:
        self._low.clear()

    def resume_writing(self) -> None:
        self._low.set()

    async def drain(self) -> None:
        await self._low.wait()
