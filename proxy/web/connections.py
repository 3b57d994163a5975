"""Bounds on connections: how many there are, and how slowly a client may send and take.

aiohttp bounds neither: a connection that sends nothing, or its head or body one byte a minute, or
reads its answer so, would be kept for ever, with all that is held for it. So each connection's
protocol stands behind one of ours, which knows since when nothing of use has come or gone.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import socket
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import cast

import structlog
from aiohttp import StreamReader, web

from proxy.web.accepting import Listener
from proxy.web.quick import Quick

LOG = structlog.get_logger()

CONNECTIONS_MAX = 12_288
"""Connections at once: all holds (2,048), transfers (512), and the idle ones of a large organisation.

An idle one takes some 15 KB (`make prove NAME=bench`)."""
CONNECTIONS_MIN = 64
"""Connections granted however few descriptors the system allows."""
DESCRIPTORS_APART = 1_024
"""Descriptors for everything else: open artifacts (512), upstream, the store, the log."""
HEAD_S = 20.0
"""Seconds from the first byte of a request, or from the connection, to its whole head."""
HEADERS_MAX = 64
"""Headers of one request, of 8 KiB at most each; installers send ten, and front ends add as many."""
IDLE_S = 75.0
"""Seconds that a connection is kept between two requests; what nginx grants."""
STALL_S = 60.0
"""Seconds in which a client must take, or send, `STALL_BYTES_MIN` while it owes them; the time is
nginx' `send_timeout`, which one byte would satisfy."""
STALL_BYTES_MIN = 64 * 1024
"""Bytes in that time: 1 KiB/s. At this pace our largest page takes an hour, and no installer waits."""
_BYTES_ACKED = slice(120, 128)
"""Where `tcpi_bytes_acked` stands in the kernel's `struct tcp_info` (linux/tcp.h, since 4.1)."""
_AT_ONCE = struct.pack("ii", 1, 0)
"""`struct linger`: what is unsent is thrown away (socket(7))."""
BACKLOG = 1_024
"""Connections that the kernel keeps until a process accepts them."""
SWEEP_S = 5.0
"""Seconds between two looks at all connections; a bound is met that much later at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionBounds:
    """How many connections, and how patient we are with each."""

    in_all_max: int = CONNECTIONS_MAX
    head_s: float = HEAD_S
    idle_s: float = IDLE_S
    stall_s: float = STALL_S
    stall_bytes_min: int = STALL_BYTES_MIN
    sweep_s: float = SWEEP_S


class Connections:
    """All connections of one listener. `begin` makes the protocol of a new one."""

    def __init__(self, make: Callable[[], asyncio.Protocol], bounds: ConnectionBounds) -> None:
        self.bounds = bounds
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}
        """Those without a request under way; who has waited longest stands first."""
        self._sweep: asyncio.TimerHandle | None = None
        self._full = False

    def __len__(self) -> int:
        return len(self._open)

    def begin(self) -> asyncio.Protocol:
        """The protocol of a connection that was just accepted."""
        return Connection(self, self._make(), self._loop)

    def close(self) -> None:
        """Look at the connections no more; whoever made the inner protocols ends them."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def admit(self, connection: Connection) -> bool:
        """Whether there is room; at the bound, who has waited longest without a request goes."""
        if len(self._open) >= self.bounds.in_all_max:
            if not self._full:
                LOG.warning("connections_full", connections=len(self._open))
            self._full = True
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                return False
            self.forget(oldest)
            oldest.abort()
        self._open.add(connection)
        self._waiting[connection] = None
        if self._sweep is None:
            self._sweep = self._loop.call_later(self.bounds.sweep_s, self._look)
        return True

    def waits(self, connection: Connection) -> None:
        """It has no request under way now."""
        if connection in self._open:
            self._waiting[connection] = None

    def works(self, connection: Connection) -> None:
        """It has a request under way now."""
        self._waiting.pop(connection, None)

    def forget(self, connection: Connection) -> None:
        """It is over."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def _look(self) -> None:
        self._sweep = None
        now = self._loop.time()
        late = [connection for connection in self._waiting if connection.late(now)]
        for connection in late:
            self.forget(connection)
            connection.abort()
        stalled = [
            connection
            for connection in self._open
            if connection not in self._waiting and connection.stalled(now)
        ]
        for connection in stalled:
            connection.cut()
        if late or stalled:
            LOG.info("connections_cut", connections=len(late) + len(stalled))
        self._full = self._full and len(self._open) >= self.bounds.in_all_max
        if self._open:
            self._sweep = self._loop.call_later(self.bounds.sweep_s, self._look)


class _Pace:
    """Whether something moves fast enough, looked at now and then."""

    def __init__(self, bounds: ConnectionBounds) -> None:
        self._bounds = bounds
        self._since = 0.0
        self._mark = 0
        self._owed = False

    def too_slow(self, now: float, *, owed: bool, moved: int) -> bool:
        """`owed`: there is something to move; `moved`: bytes that ever did."""
        if not owed or not self._owed or moved - self._mark >= self._bounds.stall_bytes_min:
            self._owed, self._since, self._mark = owed, now, moved
            return False
        return now - self._since >= self._bounds.stall_s


class Connection(asyncio.Protocol):
    """Stands before the protocol that speaks HTTP, hands everything on, and keeps the time."""

    def __init__(
        self, all_: Connections, inner: asyncio.Protocol, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._all = all_
        self._inner = inner
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._admitted = False
        self._idle = False
        """Between two requests, with nothing of the next one here yet."""
        self._deadline = 0.0
        self._taking, self._sending = _Pace(all_.bounds), _Pace(all_.bounds)
        self._received = 0
        self._body: StreamReader | None = None
        self._gone: Callable[[], None] = _nothing

    def began(self, body: StreamReader | None = None) -> None:
        """A whole request head is here; `body` is what comes after it."""
        self._body = body
        self._all.works(self)

    @contextmanager
    def when_gone(self, call: Callable[[], None]) -> Iterator[None]:
        """`call` is called if the client leaves while the block lasts."""
        self._gone = call
        try:
            yield
        finally:
            self._gone = _nothing

    def ended(self) -> None:
        """The request is answered, or its answer is on its way."""
        self._idle = True
        self._body = None
        self._deadline = self._loop.time() + self._all.bounds.idle_s
        self._all.waits(self)

    def late(self, now: float) -> bool:
        """Whether the client has had its time; asked while no request is under way."""
        transport = self._transport
        if transport is None:
            return now >= self._deadline
        if transport.get_write_buffer_size() == 0:
            if now < self._deadline:  # most are idle, and cost no look at the kernel
                return False
            if _unacknowledged(transport) == 0:
                return True
        # Its time to ask again begins when it has taken the answer.
        self._deadline = max(self._deadline, now + self._all.bounds.head_s)
        return self._taking.too_slow(now, owed=True, moved=_acknowledged(transport))

    def stalled(self, now: float) -> bool:
        """Whether the client takes its answer, or sends its body, too slowly; asked meanwhile."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        owes_body = self._body is not None and not self._body.is_eof()
        owed = transport.get_write_buffer_size() > 0 or _unacknowledged(transport) > 0
        moved = _acknowledged(transport) if owed else 0
        taking = self._taking.too_slow(now, owed=owed, moved=moved)
        sending = self._sending.too_slow(now, owed=owes_body, moved=self._received)
        return taking or sending

    def cut(self) -> None:
        """End it under whoever is writing to it: whoever sends a file hears of this, and not of `abort`."""
        if self._transport is None:
            return
        with suppress(OSError), socket.socket(fileno=os.dup(_descriptor(self._transport))) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            sock.shutdown(socket.SHUT_RDWR)

    def abort(self) -> None:
        """End it without a word: whoever it is has said nothing for long."""
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol ---------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accepted by the kernel; whether by us depends on the bound."""
        stream = self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by type
        self._deadline = self._loop.time() + self._all.bounds.head_s
        self._admitted = self._all.admit(self)
        if self._admitted:
            self._inner.connection_made(stream)
        else:
            stream.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        self._received += len(data)
        if self._idle:
            self._idle = False
            self._deadline = self._loop.time() + self._all.bounds.head_s
        if self._admitted:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The client will send no more."""
        return self._inner.eof_received() if self._admitted else None

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._all.forget(self)
        self._gone()
        if self._admitted:
            self._inner.connection_lost(exc)


def _nothing() -> None:
    pass


def _unacknowledged(transport: asyncio.Transport) -> int:
    """Bytes that the kernel keeps for a client that has not taken them yet (tcp(7), SIOCOUTQ)."""
    try:
        told = fcntl.ioctl(_descriptor(transport), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(told, sys.byteorder)


def _acknowledged(transport: asyncio.Transport) -> int:
    """Bytes that the client's side has ever taken; 0 where the kernel does not tell (tcp(7), TCP_INFO)."""
    sock = transport.get_extra_info("socket")
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.stop)
    except OSError:
        return 0
    return int.from_bytes(info[_BYTES_ACKED], sys.byteorder)


def _descriptor(transport: asyncio.Transport) -> int:
    descriptor: int = transport.get_extra_info("socket").fileno()
    return descriptor


def connection_of(request: web.Request) -> Connection | None:
    """The connection that a request came by; None where no bounds stand before it."""
    transport = request.transport
    protocol = transport.get_protocol() if transport is not None else None
    return protocol if isinstance(protocol, Connection) else None


def listen(
    runner: web.AppRunner, listener: socket.socket, *, bounds: ConnectionBounds | None = None
) -> Listener:
    """Serve `runner`'s application on `listener` within bounds; close it before cleanup."""
    make = runner.server
    if make is None:
        raise RuntimeError("Call runner.setup() first.")
    make.request_handler = Quick(runner.app, make.request_handler)
    granted = bounds or ConnectionBounds(in_all_max=connections_max())
    connections = Connections(make, granted)
    listener.listen(BACKLOG)
    return Listener(listener, connections.begin)


def connections_max() -> int:
    """Connections that our descriptors are enough for, after asking for as many as we may have."""
    wanted = CONNECTIONS_MAX + DESCRIPTORS_APART
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        granted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return max(CONNECTIONS_MIN, min(CONNECTIONS_MAX, soft - DESCRIPTORS_APART))
