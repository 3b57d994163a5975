"""A file's bytes onto a connection by sendfile(2), on any event loop.

asyncio's own `loop.sendfile` exists for its own transports alone. This one works beside whatever
transport there is: it waits until all that was written before has left, and then writes to the same
socket by a descriptor of its own, which no transport knows.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Awaitable, Callable

AT_ONCE_BYTES = 4 * 1024 * 1024
"""Bytes of one call: what the kernel's buffer of a fast client takes, and no more than 1 ms of copying."""


async def send_file(
    transport: asyncio.Transport,
    drain: Callable[[], Awaitable[None]],
    file: io.FileIO,
    start: int,
    count: int,
) -> int:
    """Send `count` bytes of `file` from `start` on; how many there were.

    `drain` waits while the protocol of `transport` is told to pause. Raises OSError where the client
    is gone.
    """
    low, high = transport.get_write_buffer_limits()
    transport.set_write_buffer_limits(high=0)  # so that `drain` waits for the last byte
    try:
        transport.write(b"")
        await drain()
    finally:
        transport.set_write_buffer_limits(high=high, low=low)
    descriptor = os.dup(transport.get_extra_info("socket").fileno())
    try:
        return await _send(transport, descriptor, file.fileno(), start, count)
    finally:
        os.close(descriptor)


async def _send(transport: asyncio.Transport, out: int, file: int, start: int, count: int) -> int:
    loop = asyncio.get_running_loop()
    sent = 0
    while sent < count:
        if transport.is_closing():
            raise ConnectionResetError("the client is gone")
        try:
            done = os.sendfile(out, file, start + sent, min(count - sent, AT_ONCE_BYTES))
        except (BlockingIOError, InterruptedError):
            await _writable(loop, out)
            continue
        if done == 0:
            break
        sent += done
        if sent < count:
            await asyncio.sleep(0)  # the others' turn
    return sent


async def _writable(loop: asyncio.AbstractEventLoop, out: int) -> None:
    ready = loop.create_future()

    def now() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_writer(out, now)
    try:
        await ready
    finally:
        loop.remove_writer(out)
