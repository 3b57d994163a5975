"""What becomes of a client whose daemon goes away."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from analyzer.sandbox.client import SandboxClient
from models.errors import SandboxUnavailable


@pytest.mark.parametrize("turns", range(6))
async def test_hello__is_cancelled_though_the_daemon_goes_at_the_same_moment(
    tmp_path: Path, turns: int
) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        listener.setblocking(False)
        hello = asyncio.create_task(SandboxClient(tmp_path / "s").hello())
        daemon, _ = await loop.sock_accept(listener)
        assert b"hello" in await loop.sock_recv(daemon, 4096)
        daemon.close()
        for _ in range(turns):
            await asyncio.sleep(0)
        asked = hello.cancel()
        with suppress(asyncio.CancelledError, SandboxUnavailable):
            await hello
    assert hello.cancelled() is asked
