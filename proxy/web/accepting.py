"""Taking connections from a socket that several processes share, one in each round of the loop.

An event loop's own server takes all that wait at once: of several processes, whichever woke first
then has the whole burst, and the others nothing.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

import structlog

LOG = structlog.get_logger()

AGAIN_S = 1.0
"""Seconds until the next try where the system had no descriptor or memory for a connection."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Listener:
    """Accepts for as long as it is open. The socket is its own, and closed with it."""

    def __init__(self, listener: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        """`make` gives the protocol of each connection."""
        self._listener = listener
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._again: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._open()

    def close(self) -> None:
        """Accept no more; what was accepted goes on."""
        if self._listener.fileno() < 0:
            return
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()

    def _open(self) -> None:
        self._again = None
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was faster, or the client left again
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            LOG.error("connections_not_accepted", error=str(error))
            self._loop.remove_reader(self._listener.fileno())
            self._again = self._loop.call_later(AGAIN_S, self._open)
            return
        client.setblocking(False)
        task = self._loop.create_task(self._begin(client))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, client)
        except OSError:
            client.close()  # it left between two calls
        except BaseException:
            client.close()
            raise
