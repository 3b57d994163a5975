"""The warm reader: lives in one box, and forks a child for each file, so that none sees another's.

A child that falls to its file has that file and nothing else: it holds no channel but its own
report, may not fork, and is gone before the next one begins. Standard library and our reader only.

    pool → reader   {"filename", "kind", "size_bytes", "budget_ms"} + file, report descriptors
    reader → pool   {"ready": true} once, then for each file {"ended", "wall_ms", "cpu_ms", "peak_kib"}
"""

from __future__ import annotations

import gc
import io
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

# What a child would otherwise import for every file anew.
from analyzer import unpack_tar, unpack_zip
from analyzer.inventory import REPORT_BYTES_MAX
from analyzer.reader import encode_report, read_artifact
from analyzer.sandbox import kernelcalls, layout, wire

__all__ = ["main", "serve", "unpack_tar", "unpack_zip"]

MEMORY_BYTES = 1 << 30
"""RLIMIT_AS of a child: what a box of `pratique worker` has (`sandbox.options.MEMORY_BYTES`)."""
OPEN_FILES_MAX = 32
_BUFFER_BYTES = 1 << 18
EXIT_FAILED = 97
"""A child's code where we failed, or were made to fail, before there was a report."""


def main() -> None:
    """Serve on the descriptor that the porter laid out, until the pool closes it."""
    # The socket's other users would else trace or read this process by its uid alone.
    kernelcalls.prctl(kernelcalls.PR_SET_DUMPABLE, 0)
    serve(socket.socket(fileno=layout.REPORT_FD))


def serve(control: socket.socket) -> None:
    """Read what is asked for, one file at a time."""
    gc.collect()
    gc.freeze()
    wire.send(control, {"ready": True})
    while (received := wire.receive(control)) is not None:
        message, descriptors = received
        try:
            answer = _read_one(control, message, descriptors)
        finally:
            wire.close_all(descriptors)
        wire.send(control, answer)


def _read_one(
    control: socket.socket, message: dict[str, Any], descriptors: list[int]
) -> dict[str, Any]:
    file, report = descriptors
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _be_child(control, message, file, report)
    ended = _await(pid, message["budget_ms"])
    _, status, used = os.wait4(pid, 0)
    if ended == "exit" and status:
        ended = "crashed"
    return {
        "ended": ended,
        "wall_ms": int((time.monotonic() - begun) * 1000),
        "cpu_ms": int((used.ru_utime + used.ru_stime) * 1000),
        "peak_kib": used.ru_maxrss,
    }


def _await(pid: int, budget_ms: int) -> str:
    """`exit`, or `timeout` once the child was killed at its deadline."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if poll.poll(budget_ms):
            return "exit"
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        return "timeout"
    finally:
        os.close(pidfd)


def _be_child(control: socket.socket, message: dict[str, Any], file: int, report: int) -> None:
    """Read the file, write the report, and end. Never returns."""
    try:
        control.close()
        _limit(message["budget_ms"])
        # buffered: a zip's directory is read in pieces of a few bytes
        with io.BufferedReader(io.FileIO(file, closefd=False), _BUFFER_BYTES) as opened:
            found = read_artifact(
                opened,
                filename=message["filename"],
                kind=message["kind"],
                size_bytes=message["size_bytes"],
            )
        document = memoryview(encode_report(found))
        while document:
            document = document[os.write(report, document) :]
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - a forked child must not run its parent's code
        print(f"reader: {type(error).__name__}: {error}"[:300], file=sys.stderr)
    finally:
        os._exit(EXIT_FAILED)


def _limit(budget_ms: int) -> None:
    """Bounds that the kernel holds, whatever becomes of this process."""
    seconds = budget_ms // 1000 + 2
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, REPORT_BYTES_MAX),
        (resource.RLIMIT_NOFILE, OPEN_FILES_MAX),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
