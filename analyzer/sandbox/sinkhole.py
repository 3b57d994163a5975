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
import re
import resource
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from analyzer.sandbox import dns, kernelcalls, network, seccomp, tls, wire
from analyzer.sandbox.canaries import Forms, Stream
from analyzer.sandbox.http import Request

CONNECTIONS_MAX = 256
"""Connections at a time; further ones are closed at once and counted."""
CONNECTION_BYTES_MAX = 8 << 20
"""Bytes taken from one connection before it is closed."""
TOTAL_BYTES_MAX = 512 << 20
"""Bytes taken in one run."""
LOG_BYTES_MAX = 8 << 20
"""Bytes of the log; some 30,000 lines."""
NAMES_MAX = 20_000
STREAMS_MAX = 256
"""Destinations (datagrams) and domains (questions) that are searched across their pieces."""
IDLE_S = 30.0
"""Seconds after which a silent connection is closed."""
DRAIN_S = 0.25
"""Seconds to take in what dead processes had sent."""
MEMORY_BYTES_MAX = 512 << 20
HEAD_BYTES = 64
HELLO_BYTES_MAX = 8192
_URL_PARTS = re.compile(r"[/?&=#;]")
_READ_BYTES = 1 << 16
_DATAGRAM_BYTES = 1 << 16
_ANCILLARY_BYTES = 256


def serve(plan: dict[str, Any], control: socket.socket, *, log: int) -> None:
    """Be a sinkhole until `control` says stop. `plan`: uid, salt, canaries (id → values)."""
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)
    kernelcalls.unshare(kernelcalls.CLONE_NEWNET)
    sockets = network.build()
    namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    wire.send(control, {"ready": True}, [namespace])
    os.close(namespace)
    _become_harmless(plan["uid"])
    sinkhole = Sinkhole(sockets, Forms(plan["canaries"]), salt=plan["salt"], log=log)
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
    """One TCP conversation."""

    sock: socket.socket
    address: str
    port: int
    host: str
    at_ns: int
    stream: Stream
    request: Request = field(default_factory=Request)
    head: bytes = b""
    size: int = 0
    sni: str = ""
    seen: float = 0.0


class Sinkhole:
    """Answers DNS, HTTP, and takes in whatever else is sent."""

    def __init__(self, sockets: network.Sockets, wanted: Forms, *, salt: str, log: int) -> None:
        self._sockets = sockets
        self._wanted = wanted
        self._log = log
        self._logged = 0
        self._taken = 0
        self._names = dns.Names(salt, limit=NAMES_MAX)
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, _Connection] = {}
        self._streams: dict[tuple[str, int], Stream] = {}
        self._last_question: tuple[str, str] = ("", "")
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
        if len(self._connections) >= CONNECTIONS_MAX:
            self.truncated = True
            sock.close()
            return
        sock.setblocking(False)
        name = sock.getsockname()
        address = network.plain_address(name[0])
        connection = _Connection(
            sock=sock,
            address=address,
            port=name[1],
            host=self._names.host(address),
            at_ns=time.monotonic_ns(),
            stream=Stream(self._wanted),
            seen=time.monotonic(),
        )
        self._connections[sock.fileno()] = connection
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._read(connection))

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
        self._take(connection, data)
        if connection.size > CONNECTION_BYTES_MAX or self._taken > TOTAL_BYTES_MAX:
            self.truncated = True
            self._finish(connection)

    def _take(self, connection: _Connection, data: bytes) -> None:
        connection.seen = time.monotonic()
        connection.size += len(data)
        self._taken += len(data)
        if len(connection.head) < HELLO_BYTES_MAX:
            connection.head += data[: HELLO_BYTES_MAX - len(connection.head)]
            connection.sni = connection.sni or tls.server_name(connection.head)
        connection.stream.feed(data)
        if connection.port == network.DNS_PORT and self._dns_over_tcp(connection):
            return
        # Here TLS would be ended, and what is inside fed in instead.
        connection.request.feed(data)
        reply = connection.request.take_reply()
        if reply:
            with contextlib.suppress(OSError):  # a full buffer or a gone peer: no matter
                connection.sock.send(reply)
        if connection.request.complete:
            self._finish(connection)

    def _dns_over_tcp(self, connection: _Connection) -> bool:
        """Answer the first question of a connection to port 53 (RFC 7766)."""
        size = int.from_bytes(connection.head[:2], "big")
        query = connection.head[2 : 2 + size]
        if len(query) < size or not size:
            return True
        reply = self._question(query, connection.address)
        if reply is None:
            return False
        with contextlib.suppress(OSError):
            connection.sock.send(len(reply).to_bytes(2, "big") + reply)
        connection.head = b""
        return True

    def _finish(self, connection: _Connection) -> None:
        if self._connections.pop(connection.sock.fileno(), None) is None:
            return
        self._selector.unregister(connection.sock)
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)
        connection.sock.close()
        self._record(
            kind="tcp",
            at_ns=connection.at_ns,
            host=connection.host,
            address=connection.address,
            port=connection.port,
            sni=connection.sni[:253],
            bytes=connection.size,
            http=connection.request.line,
            canaries=sorted(connection.stream.found | self._search_pieces(connection)),
            head_hex=connection.head[:HEAD_BYTES].hex(),
        )

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
        if port == network.DNS_PORT:
            reply = self._question(data, address)
            if reply is not None:
                with contextlib.suppress(OSError):
                    message = [network.source_message(address)]
                    self._sockets.udp.sendmsg([reply], message, 0, source)
                return
        self._record(
            kind="udp",
            at_ns=time.monotonic_ns(),
            host=self._names.host(address),
            address=address,
            port=port,
            sni="",
            bytes=len(data),
            http="",
            canaries=sorted(self._search((address, port), data)),
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
            canaries=sorted(self._search_labels(question)),
        )
        return dns.answer(query, question, self._names.address(question.name))

    def _search(self, key: tuple[str, int], data: bytes) -> set[str]:
        """Ids found in `data`, or across it and what went to the same place before."""
        if key not in self._streams and len(self._streams) >= STREAMS_MAX:
            return self._wanted.find(data)
        stream = self._streams.setdefault(key, Stream(self._wanted))
        before = set(stream.found)
        stream.feed(data)
        return (stream.found - before) | self._wanted.find(data)

    def _search_pieces(self, connection: _Connection) -> set[str]:
        """Ids in what short connections to one place say together: the data, or the end of a URL."""
        if connection.size > HELLO_BYTES_MAX:
            return set()
        if not connection.request.line:
            return self._search((connection.address, connection.port), connection.head)
        target = connection.request.line.split(" ")[1:2]
        last = _URL_PARTS.split(target[0])[-1] if target else ""
        return self._search((connection.address, -connection.port), last.encode("latin-1"))

    def _search_labels(self, question: dns.Question) -> set[str]:
        """Ids in a name: its labels joined, and its longest label joined to the last question's.

        Data that does not fit into one name is sent in several, mostly with a counter beside it.
        """
        joined = b"".join(question.labels)
        found = self._wanted.find(joined) | self._wanted.find(joined.lower())
        domain = b".".join(question.labels[-2:]).lower().decode("latin-1")
        inner = question.labels[:-2]
        asked = (domain, question.name)
        if inner and asked != self._last_question:  # A and AAAA ask for the same name
            found |= self._search((domain, -1), max(inner, key=len))
        self._last_question = asked
        return found

    def _record(self, **line: object) -> None:
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        if self._logged + len(data) > LOG_BYTES_MAX:
            self.truncated = True
            return
        self._logged += len(data)
        os.write(self._log, data)
