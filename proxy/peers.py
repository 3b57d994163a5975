"""The other proxy processes of this machine: a word from one to all, so that nobody waits for a poll.

Each has a datagram socket in a folder that is the proxy's alone. A word that is lost costs nothing
but time: what it speaks of stands in the store, which every process looks at again and again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

LOG = structlog.get_logger()

WORD_BYTES_MAX = 256
"""Bytes of one word: its kind and, at most, a worker's name."""
WORDS_AT_ONCE_MAX = 64
"""Words read in one round of the loop; the rest comes in the next."""

GATHER_S = 0.002
"""Seconds in which the same word is sent once."""

LOOK = b"look"
"""Something stands in the store that a process may be waiting for."""
HEARD = b"heard "
"""Followed by the name of a worker that asked for something."""


class Peers:
    """Our socket, and the places of the others'."""

    def __init__(self, folder: Path, *, number: int, processes: int) -> None:
        """`number` is ours among `processes`, from 0."""
        self._path = folder / f"peer-{number}.sock"
        self._others = [
            str(folder / f"peer-{other}.sock") for other in range(processes) if other != number
        ]
        self._socket: socket.socket | None = None
        self._waiting: set[bytes] = set()
        self._on_look: list[Callable[[], None]] = []
        self._on_heard: list[Callable[[str], None]] = []

    def listen(
        self, *, look: Callable[[], None], heard: Callable[[str], None] = lambda _: None
    ) -> None:
        """Call `look` after a word of that kind, `heard` with a worker's name."""
        self._on_look.append(look)
        self._on_heard.append(heard)

    def start(self) -> None:
        """Begin to hear. With no others there is nothing to hear."""
        if not self._others:
            return
        self._path.unlink(missing_ok=True)
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        ours.bind(str(self._path))
        self._path.chmod(0o600)
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours, self._hear)

    def close(self) -> None:
        """Hear no more."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            self._path.unlink(missing_ok=True)

    def look(self) -> None:
        """Say that something stands in the store."""
        self._say(LOOK)

    def heard(self, worker: str) -> None:
        """Say that a worker was heard of."""
        self._say(HEARD + worker.encode()[: WORD_BYTES_MAX - len(HEARD)])

    def _say(self, word: bytes) -> None:
        if self._socket is None:
            return
        if not self._waiting:
            # What is said many times at once is sent once: a look costs each of the others a read.
            asyncio.get_running_loop().call_later(GATHER_S, self._send)
        self._waiting.add(word)

    def _send(self) -> None:
        words, self._waiting = self._waiting, set()
        for word in words:
            for other in self._others:
                with suppress(OSError):  # it is being restarted, or its queue is full of words
                    if self._socket is not None:
                        self._socket.sendto(word, other)

    def _hear(self) -> None:
        words: set[bytes] = set()
        with suppress(OSError):
            for _ in range(WORDS_AT_ONCE_MAX):
                if self._socket is None:
                    break
                words.add(self._socket.recv(WORD_BYTES_MAX))
        for word in words:
            if word == LOOK:
                for look in self._on_look:
                    look()
            elif word.startswith(HEARD):
                for heard in self._on_heard:
                    heard(word[len(HEARD) :].decode("utf-8", "replace"))
