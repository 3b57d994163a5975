"""The judge process: JSON lines over a unix socket, no network, no store, no file but the socket."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from models.errors import ArtefactInvalid
from models.judgement import JUDGE_LINE_BYTES_MAX, JudgeReply, JudgeRequest
from models.trust.shelf import ARTEFACTS, DEFAULT_NAME, Shelf
from proxy.judge.confine import Watch, drop_network
from proxy.judge.core import judge_case, refusal
from proxy.log import configure_log

LOG = structlog.get_logger()

CONNECTIONS_MAX = 32
"""Connections at once; each proxy process holds one."""
WATCH_S = 1.0
"""Seconds between two looks whether parent and socket are still there."""
WRITE_S = 30.0
"""Seconds a client may take to read its reply before it is cut off."""
SOCKET_MODE = 0o660
"""The folder's group may connect: the proxy runs under another uid than the judge."""


def main(argv: Sequence[str]) -> int:
    """Listen, give up the network, say `ready` on standard output, answer until told to end."""
    parser = argparse.ArgumentParser(prog="python -m proxy.judge", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument(
        "--artefacts", type=Path, default=ARTEFACTS, help="where the trained models stand"
    )
    told = parser.parse_args(argv)
    path: Path = told.socket
    configure_log(format_="json", file=None, process="judge")
    try:
        listener = listen(path)
    except OSError as error:
        sys.stderr.write(f"The judge cannot listen at {path}: {error}\n")
        return os.EX_CONFIG
    if not drop_network():
        LOG.warning("judge_network_kept", reason="no right to make a network namespace")
    shelf = Shelf(told.artefacts)
    try:
        # Behind the namespace, which a process with threads could not leave; before `ready`, so
        # that a broken default ends here. A model that only a policy names is loaded when it is
        # asked for first.
        shelf.scorer(DEFAULT_NAME)
    except ArtefactInvalid as error:
        sys.stderr.write(f"The judge has no scorer: {error}\n")
        return os.EX_CONFIG
    asyncio.run(_serve(listener, path, shelf))
    return os.EX_OK


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`, in place of one that nobody serves any more.

    Raises OSError where something else stands there, or another judge answers.
    """
    if path.is_symlink() or path.exists():
        if not stat.S_ISSOCK(path.stat(follow_symlinks=False).st_mode):
            raise FileExistsError(f"{path} is no socket")
        if _answers(path):
            raise FileExistsError("another judge listens there")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~SOCKET_MODE)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    listener.listen(CONNECTIONS_MAX)
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


async def _serve(listener: socket.socket, path: Path, shelf: Shelf) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = Watch(path)
    server = JudgeServer(shelf)
    await server.start(listener)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not stop.is_set() and not watch.over():
        try:
            async with asyncio.timeout(WATCH_S):
                await stop.wait()
        except TimeoutError:
            continue
    await server.close()
    watch.remove_socket()


class JudgeServer:
    """Answers requests one by one on each connection, in the order in which they came."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept on `listener`, which is the server's from now on."""
        self._server = await asyncio.start_unix_server(
            self._connected, sock=listener, limit=JUDGE_LINE_BYTES_MAX
        )

    async def close(self) -> None:
        """Stop accepting, and end every connection."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= CONNECTIONS_MAX:
            writer.close()
            return
        self._writers.add(writer)
        try:
            while line := await self._line(reader, writer):
                await self._send(writer, self._answer(line))
        except (ConnectionError, TimeoutError):
            pass  # the client went away; it asks again where it still wants to know
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The next line; nothing at the end, or after a line beyond the bound."""
        try:
            return await reader.readline()
        except ValueError:
            # Where the next line begins is unknown now, so this connection is over.
            await self._send(writer, refusal(0, "the line is too long"))
            return b""

    async def _send(self, writer: asyncio.StreamWriter, reply: JudgeReply) -> None:
        writer.write(msgspec.json.encode(reply) + b"\n")
        async with asyncio.timeout(WRITE_S):
            await writer.drain()

    def _answer(self, line: bytes) -> JudgeReply:
        try:
            request = _REQUESTS.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return refusal(_id_in(line), f"not a request: {error}")
        try:
            return judge_case(request, shelf=self._shelf)
        except Exception:  # process edge: one odd case must not end the judge
            LOG.exception("judgement_failed", filename=request.ref.filename)
            return refusal(request.id, "the judge failed on this case")


class _OnlyId(msgspec.Struct):
    id: int = 0


_REQUESTS = msgspec.json.Decoder(JudgeRequest)
_IDS = msgspec.json.Decoder(_OnlyId)


def _id_in(line: bytes) -> int:
    """The id of something that is no request, so that whoever sent it gets the refusal."""
    try:
        return _IDS.decode(line).id
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return 0
