"""Running the one-shot loader, and taking over the descriptors that it sends.

Standard library only: the sandbox daemon does this as root.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Any

from analyzer.trace.loader import MAPS

PYTHON = "/usr/bin/python3"
"""The interpreter that has Debian's bcc."""
LOAD_S = 60
"""Seconds the loader may take; 0.5 here, some seconds expected on a small board."""
HANDOVER_BYTES_MAX = 16 * 1024
"""Bytes of the loader's message; it names some twenty descriptors."""
END_S = 5
"""Seconds from the loader's message to its end; it has nothing left to do."""
DESCRIPTORS_MAX = 64
"""Descriptors taken from the loader."""
STDERR_CHARS_MAX = 1500
"""Characters of the loader's own words that go into an error."""
NEXT_STEPS = {
    "bcc": "Install it: apt install python3-bpfcc.",
    "permission": "Run the sandbox daemon as root, or give it CAP_BPF and CAP_PERFMON.",
}
"""What to do about what the loader says is missing."""


class TraceUnavailable(Exception):
    """This machine cannot trace, or the tracer broke; `next_step` says what the operator can do."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(f"{message} {next_step}".strip())
        self.message = message
        self.next_step = next_step


def run_loader(
    ring_bytes: int, *, uid: int | None = None, python: str = PYTHON, load_s: float = LOAD_S
) -> tuple[dict[str, int], dict[str, int]]:
    """Descriptors of the maps, and of the programs by `category/event`; the loader is gone then.

    `uid`: whom the loader becomes before it does anything. Raises TraceUnavailable.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    arguments = ["--fd", str(theirs.fileno()), "--ring-bytes", str(ring_bytes)]
    if uid is not None:
        arguments += ["--uid", str(uid)]
    with ours, tempfile.TemporaryFile() as words:
        with theirs:
            process = _start_loader(python, arguments, theirs.fileno(), words.fileno())
        try:
            ours.settimeout(load_s)
            message, fds, _, _ = socket.recv_fds(ours, HANDOVER_BYTES_MAX, DESCRIPTORS_MAX)
            process.wait(timeout=END_S)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            raise TraceUnavailable(
                f"The trace loader did not end within {load_s} s.", "Run `pratique doctor`."
            ) from error
        finally:
            process.kill()
            process.wait()
        return _take_over(message, fds, _tail(words))


def _start_loader(
    python: str, arguments: list[str], handed_fd: int, words_fd: int
) -> subprocess.Popen[bytes]:
    loader = Path(__file__).resolve().with_name("loader.py")
    try:
        return subprocess.Popen(
            [python, "-I", str(loader), *arguments],
            pass_fds=(handed_fd,),
            stdin=subprocess.DEVNULL,
            stdout=words_fd,
            stderr=words_fd,
            env={"PATH": "/usr/bin:/bin"},
            close_fds=True,
        )
    except OSError as error:
        raise TraceUnavailable(
            f"{python} could not be started: {error}.", "Install it: apt install python3."
        ) from error


def _take_over(message: bytes, fds: list[int], words: str) -> tuple[dict[str, int], dict[str, int]]:
    said: dict[str, Any] = json.loads(message) if message else {"error": "it died"}
    names = [*said.get("maps", ()), *said.get("programs", ())]
    if "error" in said or tuple(said["maps"]) != MAPS or len(names) != len(fds):
        for fd in fds:
            os.close(fd)
        why = said.get("error", "it handed over something else than was asked for")
        raise TraceUnavailable(
            f"The trace program could not be loaded: {why}. {words}".strip(),
            NEXT_STEPS.get(said.get("missing", ""), "Run `pratique doctor`."),
        )
    split = len(said["maps"])
    return dict(zip(names[:split], fds, strict=False)), dict(
        zip(names[split:], fds[split:], strict=True)
    )


def _tail(words: IO[bytes]) -> str:
    words.seek(0)
    return words.read().decode("utf-8", "backslashreplace")[-STDERR_CHARS_MAX:].strip()
