"""The sandbox daemon: a socket, a thread for each run, and the few things that only root can do.

Runs as root under `/usr/bin/python3 -I` with the standard library and our own root-owned code. It
parses nothing out of an artifact, resolves no path that others give, and holds no secret. As an
ordinary user it makes reader boxes only, and says so.
"""

from __future__ import annotations

import os
import queue
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analyzer.sandbox import ownership, serve
from analyzer.sandbox.capacity import boxes_that_fit
from analyzer.sandbox.options import Options, parse
from analyzer.sandbox.protocol import Hello
from analyzer.sandbox.stage import Station
from analyzer.sandbox.startup import StartFailed, close_station, open_station

VERSION = "1"
CONNECTIONS_MAX = 32
"""Connections at a time; a worker opens one for each run."""
LISTEN_BACKLOG = 16
CLOSE_S = 10.0
"""Seconds for the runs to end when the daemon closes."""
_PEER = struct.Struct("3i")
_BUFFER_BYTES = 1 << 20


class Daemon:
    """The listening socket and the runs behind it."""

    def __init__(self, options: Options, station: Station, hello: Hello) -> None:
        self._options = options
        self._station = station
        self._hello = hello
        self._slots: queue.LifoQueue[int] = queue.LifoQueue()
        for slot in reversed(range(options.boxes)):
            self._slots.put(slot)
        self._threads: set[threading.Thread] = set()
        self._listener = _listen(options)

    def serve(self) -> None:
        """Accept until SIGTERM or SIGINT, then end every run and return."""
        wake_reader, wake_writer = socket.socketpair()
        wake_writer.setblocking(False)
        signal.set_wakeup_fd(wake_writer.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        with selectors.DefaultSelector() as selector, wake_reader, wake_writer:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(wake_reader, selectors.EVENT_READ)
            print("ready", flush=True)
            while all(key.fileobj is self._listener for key, _ in selector.select()):
                self._accept()
            signal.set_wakeup_fd(-1)
        self._close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        self._threads = {thread for thread in self._threads if thread.is_alive()}
        if not self._is_known(connection) or len(self._threads) >= CONNECTIONS_MAX:
            connection.close()
            return
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        conversation = serve.Conversation(self._station, self._slots, self._hello, connection)
        thread = threading.Thread(target=conversation.hold, name="run", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _is_known(self, connection: socket.socket) -> bool:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        _, uid, _ = _PEER.unpack(credentials)
        return uid in (0, os.geteuid(), self._options.client_uid)

    def _close(self) -> None:
        self._listener.close()
        self._options.socket.unlink(missing_ok=True)
        os.eventfd_write(self._station.stop, 1)
        end = time.monotonic() + CLOSE_S
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))


def _listen(options: Options) -> socket.socket:
    """A socket that only root and the client's uid can open."""
    options.socket.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    try:
        listener.bind(str(options.socket))
    finally:
        os.umask(before)
    if os.geteuid() == 0:
        os.chown(options.socket, options.client_uid, -1)
    listener.listen(LISTEN_BACKLOG)
    listener.setblocking(False)
    return listener


def main(argv: Sequence[str]) -> None:
    """Run until told to end; exit code 0 after SIGTERM, 1 where it could not start."""
    options = parse(argv)
    if options.boxes == 0:
        options = replace(options, boxes=boxes_that_fit(options.memory_bytes))
    try:
        ownership.require_safe(Path(__file__).resolve().parents[2])
        station, hello = open_station(options, version=VERSION)
    except (StartFailed, ownership.CodeUnsafe) as error:
        print(f"pratique-sandbox: {error}", file=sys.stderr, flush=True)
        raise SystemExit(1) from error
    try:
        Daemon(options, station, hello).serve()
    finally:
        close_station(station)
