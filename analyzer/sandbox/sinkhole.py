"""The world as a box sees it: one unprivileged process that answers everything and remembers it.

Forked by the spawner; as root it makes and furnishes the network namespace, hands its descriptor
over, and gives up root before the first packet. One thread, one selector; every table has a bound.
It writes one JSON line for each DNS question, datagram and connection, with the ids of the planted
values that it found in them. at_ns is CLOCK_MONOTONIC, the clock of the trace.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import selectors
import signal
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from analyzer.sandbox import dns, kernelcalls, metadata, network, seccomp, wire
from analyzer.sandbox.answers import Answers
from analyzer.sandbox.authority import Authority
from analyzer.sandbox.canaries import Forms
from analyzer.sandbox.pieces import Pieces
from analyzer.sandbox.talk import HEAD_BYTES, Setting, Talk

CONNECTIONS_MAX = 256
"""Connections at a time; further ones are closed at once and counted."""
CONNECTION_BYTES_MAX = 8 << 20
"""Bytes taken from one connection before it is closed."""
TOTAL_BYTES_MAX = 512 << 20
"""Bytes taken in one run."""
LOG_BYTES_MAX = 8 << 20
"""Bytes of the log; some 30,000 lines."""
NAMES_MAX = 20_000
IDLE_S = 30.0
"""Seconds after which a silent connection is closed."""
DRAIN_S = 0.25
"""Seconds to take in what dead processes had sent."""
MEMORY_BYTES_MAX = 512 << 20
_READ_BYTES = 1 << 16
_DATAGRAM_BYTES = 1 << 16
_ANCILLARY_BYTES = 256
_NTP_PORT = 123
_NTP_BYTES = 48
_NTP_EPOCH_S = 2_208_988_800
"""Seconds from NTP's epoch, 1900, to Unix's (RFC 5905)."""


def serve(plan: dict[str, Any], control: socket.socket, *, log: int) -> None:
    """Be a sinkhole until `control` says stop.

    `plan`: uid, salt, canaries (id → values), cloud (name → planted credential), roles (the ids of
    those).
    """
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)
    kernelcalls.unshare(kernelcalls.CLONE_NEWNET)
    sockets = network.build()
    authority = Authority()
    namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    wire.send(control, {"ready": True, "trust": asdict(authority.trust)}, [namespace])
    os.close(namespace)
    _become_harmless(plan["uid"])
    sinkhole = Sinkhole(sockets, plan, authority, log=log)
    sinkhole.run(control)
    wire.send(control, {"truncated": sinkhole.truncated})


def _become_harmless(uid: int) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: 2 * CONNECTIONS_MAX,
        resource.RLIMIT_FSIZE: LOG_BYTES_MAX,
        resource.RLIMIT_AS: MEMORY_BYTES_MAX,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))
    os.chdir("/")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kernelcalls.prctl(kernelcalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernelcalls.install_filter(seccomp.sinkhole_filter())


@dataclass
class _Connection:
    """One TCP conversation and the socket that it is held over."""

    sock: socket.socket
    talk: Talk
    seen: float
    size: int = 0
    deaf: bool = False
    """It does not take what we say; from then on we only listen."""


class Sinkhole:
    """Answers what it knows to answer, and takes in whatever else is sent."""

    def __init__(
        self, sockets: network.Sockets, plan: dict[str, Any], authority: Authority, *, log: int
    ) -> None:
        self._sockets = sockets
        self._log = log
        self._logged = 0
        self._taken = 0
        self._wanted = Forms(plan["canaries"])
        self._names = dns.Names(plan["salt"], limit=NAMES_MAX, known=metadata.NAMES)
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, _Connection] = {}
        self._pieces = Pieces(self._wanted)
        self._setting = Setting(
            wanted=self._wanted,
            pieces=self._pieces,
            answers=Answers(salt=plan["salt"], cloud=plan["cloud"]),
            authority=authority,
            question=self._question,
            roles=frozenset(plan["roles"]),
        )
        self.truncated = False

    def run(self, control: socket.socket) -> None:
        """Serve until `control` has something to say, then take in the rest."""
        gc.disable()  # small, short-lived, and without cycles worth a pause
        self._selector.register(self._sockets.tcp, selectors.EVENT_READ, self._accept)
        self._selector.register(self._sockets.udp, selectors.EVENT_READ, self._datagrams)
        self._selector.register(control, selectors.EVENT_READ, None)
        while self._round(IDLE_S):
            self._close_idle()
        self._selector.unregister(control)
        with contextlib.suppress(OSError, wire.WireError):
            wire.receive(control)  # closed with this unread, the daemon would lose our last words
        end = time.monotonic() + DRAIN_S
        while events := self._selector.select(0):
            if time.monotonic() > end:
                self.truncated = True
                break
            self._serve(events)
        self.truncated = self.truncated or network.lost_datagrams(self._sockets.udp) > 0
        for connection in list(self._connections.values()):
            self._finish(connection)
        self.truncated = self.truncated or self._wanted.exhausted

    def _round(self, timeout_s: float) -> bool:
        """One turn; False once the control socket spoke."""
        events = self._selector.select(timeout_s)
        self._serve(events)
        return all(key.data is not None for key, _ in events)

    def _serve(self, events: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, _ in events:
            served: Callable[[], None] | None = key.data
            if served is not None:
                served()

    # ---- connections -------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            sock, _ = self._sockets.tcp.accept()
        except OSError:
            return
        if len(self._connections) >= CONNECTIONS_MAX and not self._make_room():
            self.truncated = True
            sock.close()
            return
        sock.setblocking(False)
        name = sock.getsockname()
        address = network.plain_address(name[0])
        host = self._names.host(address)
        talk = Talk(self._setting, address=address, port=name[1], host=host)
        connection = _Connection(sock=sock, talk=talk, seen=time.monotonic())
        self._connections[sock.fileno()] = connection
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._read(connection))
        self._send(connection, talk.greeting())

    def _make_room(self) -> bool:
        """Close the oldest conversation in which all is said from our side; False: there is none."""
        oldest = next((held for held in self._connections.values() if held.talk.over), None)
        if oldest is None:
            return False
        self._finish(oldest)
        return True

    def _read(self, connection: _Connection) -> None:
        try:
            data = connection.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._finish(connection)
            return
        connection.seen = time.monotonic()
        connection.size += len(data)
        self._taken += len(data)
        before = connection.talk.over
        self._send(connection, connection.talk.feed(data))
        if connection.talk.over and not before:
            with contextlib.suppress(OSError):  # what it still says is read, until it closes
                connection.sock.shutdown(socket.SHUT_WR)
        if connection.size > CONNECTION_BYTES_MAX or self._taken > TOTAL_BYTES_MAX:
            self.truncated = True
            self._finish(connection)

    def _send(self, connection: _Connection, data: bytes) -> None:
        if not data or connection.deaf:
            return
        try:
            sent = connection.sock.send(data)
        except OSError:  # a full buffer or a gone peer
            sent = 0
        connection.deaf = sent < len(data)

    def _finish(self, connection: _Connection) -> None:
        if self._connections.pop(connection.sock.fileno(), None) is None:
            return
        self._selector.unregister(connection.sock)
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)
        connection.sock.close()
        self._record(**connection.talk.record())

    def _close_idle(self) -> None:
        oldest = time.monotonic() - IDLE_S
        for connection in [c for c in self._connections.values() if c.seen < oldest]:
            self._finish(connection)

    # ---- datagrams ---------------------------------------------------------------------------

    def _datagrams(self) -> None:
        try:
            data, ancillary, _, source = self._sockets.udp.recvmsg(
                _DATAGRAM_BYTES, _ANCILLARY_BYTES
            )
        except OSError:
            return
        target = network.original_destination(ancillary)
        if target is None:
            return
        self._taken += len(data)
        if self._taken > TOTAL_BYTES_MAX:
            self.truncated = True
            return
        address, port = target
        reply = None
        if port == network.DNS_PORT:
            reply = self._question(data, address)
        elif port == _NTP_PORT:
            reply = _time_reply(data)
        if reply is not None:
            with contextlib.suppress(OSError):
                message = [network.source_message(address)]
                self._sockets.udp.sendmsg([reply], message, 0, source)
        if port != network.DNS_PORT:
            self._record_datagram(address, port, data)

    def _record_datagram(self, address: str, port: int, data: bytes) -> None:
        self._record(
            kind="udp",
            at_ns=time.monotonic_ns(),
            host=self._names.host(address),
            address=address,
            port=port,
            sni="",
            bytes=len(data),
            http="",
            canaries=sorted(self._pieces.datagram(address, port, data)),
            head_hex=data[:HEAD_BYTES].hex(),
        )

    def _question(self, query: bytes, server: str) -> bytes | None:
        """Record a DNS question; returns the answer, None where it is no question."""
        question = dns.parse(query)
        if question is None:
            return None
        self._record(
            kind="dns",
            at_ns=time.monotonic_ns(),
            name=question.name,
            type=question.type_name,
            server=server,
            canaries=sorted(self._pieces.question(question)),
        )
        return dns.answer(query, question, self._names.address(question.name))

    def _record(self, **line: object) -> None:
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        if self._logged + len(data) > LOG_BYTES_MAX:
            self.truncated = True
            return
        self._logged += len(data)
        os.write(self._log, data)


def _time_reply(query: bytes) -> bytes | None:
    """The time, as a stratum 2 server gives it (RFC 5905, 7.3); None: this is no client's question."""
    if len(query) < _NTP_BYTES or query[0] & 7 != 3:
        return None
    now = time.time() + _NTP_EPOCH_S
    stamp = struct.pack(">II", int(now) & 0xFFFFFFFF, int(now % 1 * (1 << 32)))
    head = struct.pack(">BBbbII4s", 0x24, 2, 6, -20, 0x0100, 0x0200, b"\xc0\x00\x02\x01")
    return head + stamp + query[40:48] + stamp + stamp
