"""The worker's side of the sandbox: ask for a run, get its results.

Nothing that comes is trusted further than its form: blobs are bounded and sealed, and are parsed
elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from analyzer.sandbox import inputs, wire
from analyzer.sandbox.protocol import (
    BLOB_BYTES_MAX,
    Hello,
    InputFile,
    RunRequest,
    RunResult,
    to_json,
)
from models.errors import SandboxFailed, SandboxUnavailable

ANSWER_S = 10.0
"""Seconds for the daemon's greeting."""
QUEUE_S = 1_800.0
"""Seconds that a run may wait for a free box before we give up on the daemon."""
_BUFFER_BYTES = 1 << 20
_NOT_THERE = "Is the sandbox daemon running? `pratique doctor` tells."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """A run's result and the bytes of its blobs, by name."""

    result: RunResult
    blobs: dict[str, bytes]


class SandboxClient:
    """Opens one connection for each call, so any number of runs may be under way."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path

    async def hello(self) -> Hello:
        """What the daemon can do. Raises SandboxUnavailable."""
        async with self._connect() as connection:
            await _send(connection, {"op": "hello"})
            # Not wait_for: before Python 3.12 it loses a cancellation that comes with the answer.
            async with asyncio.timeout(ANSWER_S):
                message, descriptors = await _receive(connection)
            wire.close_all(descriptors)
            message.pop("op", None)
            return msgspec.convert(message, Hello)

    async def run(
        self,
        request: RunRequest,
        files: Sequence[tuple[InputFile, int]],
        *,
        on_progress: Callable[[str, str], None] | None = None,
    ) -> RunOutcome:
        """Run; the artifact is the first of `files`, each with its sealed memfd (still the caller's).

        Cancelling kills the run. Raises SandboxUnavailable, SandboxFailed.
        """
        async with self._connect() as connection:
            await _send(connection, {"op": "run", **to_json(request)})
            for described, descriptor in files:
                await _send(connection, {"op": "input", **to_json(described)}, (descriptor,))
            await _send(connection, {"op": "go"})
            limit_s = QUEUE_S + request.budget_ms / 1000
            try:
                async with asyncio.timeout(limit_s):
                    return await _outcome(connection, on_progress)
            except TimeoutError as error:
                raise SandboxFailed(
                    f"The sandbox did not answer within {limit_s:.0f} s.",
                    next_step="Restart the sandbox daemon.",
                ) from error

    @contextlib.asynccontextmanager
    async def _connect(self) -> AsyncIterator[socket.socket]:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            connection.setblocking(False)
            try:
                connection.connect(str(self._path))
            except OSError as error:
                raise SandboxUnavailable(
                    f"The sandbox daemon does not answer at {self._path}: {error.strerror}.",
                    next_step=_NOT_THERE,
                ) from error
            yield connection
        finally:
            connection.close()


async def _outcome(
    connection: socket.socket, on_progress: Callable[[str, str], None] | None
) -> RunOutcome:
    while True:
        message, descriptors = await _receive(connection)
        operation = message.pop("op", None)
        if operation == "progress":
            wire.close_all(descriptors)
            if on_progress is not None:
                on_progress(str(message.get("phase")), str(message.get("state")))
        elif operation == "result":
            return _read_result(message, descriptors)
        else:
            wire.close_all(descriptors)
            raise SandboxFailed(
                f"The sandbox failed: {message.get('error', 'it sent something else')}.",
                next_step=str(message.get("next_step", "")),
            )


def _read_result(message: dict[str, Any], descriptors: list[int]) -> RunOutcome:
    try:
        result = msgspec.convert(message, RunResult)
        if len(result.blobs) != len(descriptors):
            raise SandboxFailed("The sandbox sent fewer results than it named.")
        blobs = {
            name: _read_blob(number) for name, number in zip(result.blobs, descriptors, strict=True)
        }
    except msgspec.ValidationError as error:
        raise SandboxFailed(
            f"The sandbox sent a result that is none: {error}.",
            next_step="Run worker and daemon of one version.",
        ) from error
    finally:
        wire.close_all(descriptors)
    return RunOutcome(result=result, blobs=blobs)


def _read_blob(descriptor: int) -> bytes:
    if fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & inputs.SEALS != inputs.SEALS:
        raise SandboxFailed("The sandbox sent a result that is not sealed.")
    size = os.fstat(descriptor).st_size
    if size > BLOB_BYTES_MAX:
        raise SandboxFailed("The sandbox sent a result over its bound.")
    parts = []
    offset = 0
    while offset < size:
        data = os.pread(descriptor, size - offset, offset)
        parts.append(data)
        offset += len(data)
    return b"".join(parts)


async def _send(
    connection: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()
) -> None:
    while True:
        try:
            wire.send(connection, message, descriptors)
        except BlockingIOError:
            await _until(connection, writing=True)
        except OSError as error:
            raise await _why(connection) from error
        else:
            return


async def _why(connection: socket.socket) -> SandboxFailed | SandboxUnavailable:
    """The daemon's last word, where it closed while we were still speaking."""
    try:
        received = wire.receive(connection)
    except (OSError, wire.WireError):
        received = None
    if received is None:
        return SandboxUnavailable("The sandbox daemon closed the connection.", next_step=_NOT_THERE)
    message, descriptors = received
    wire.close_all(descriptors)
    return SandboxFailed(f"The sandbox refused: {message.get('error', 'no reason given')}.")


async def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    while True:
        try:
            received = wire.receive(connection)
        except BlockingIOError:
            await _until(connection, writing=False)
            continue
        except (OSError, wire.WireError) as error:
            raise SandboxUnavailable(
                "The connection to the sandbox daemon broke.", next_step=_NOT_THERE
            ) from error
        if received is None:
            raise SandboxUnavailable(
                "The sandbox daemon closed the connection.", next_step=_NOT_THERE
            )
        return received


async def _until(connection: socket.socket, *, writing: bool) -> None:
    """Wait until the socket can be written to, or has something to read."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    number = connection.fileno()
    if writing:
        loop.add_writer(number, wake)
    else:
        loop.add_reader(number, wake)
    try:
        await ready
    finally:
        if writing:
            loop.remove_writer(number)
        else:
            loop.remove_reader(number)
