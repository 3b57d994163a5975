"""The porter: opens the files that were named, and starts readers; parses nothing.

It is forked before anything is read. As root it keeps root, and whoever forked it gives root up: so
files that only root may read can be read, and no root process sees a byte of what is in them.

    → {"op": "open", "index"}   ← {} + the file, or {"error"}
    → {"op": "reader"}          ← {} + the reader's socket, or {"error"}
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analyzer.readers.confinement import Confinement, bare_command, reader_box
from analyzer.sandbox import boxes, kernelcalls, layout, seccomp, wire
from analyzer.sandbox.spawner import drop_root
from models.errors import SandboxFailed

_FIRST_FREE_FD = 20
"""Descriptors are moved up here before 0 to 5 are laid out."""
_ENV = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}


class Porter:
    """The asking end. Thread-safe."""

    def __init__(
        self, paths: Sequence[Path], *, confinement: Confinement, reader_uid: int | None = None
    ) -> None:
        """Fork it. `reader_uid`: as root, whom readers become; None: whoever this is."""
        self._control, theirs = wire.pair()
        self._lock = threading.Lock()
        self.pid = os.fork()
        if self.pid == 0:
            self._control.close()
            _serve(theirs, paths, confinement, reader_uid)
        theirs.close()

    def open(self, index: int) -> int:
        """A descriptor of the file at `index`, the caller's to close. Raises OSError."""
        return self._ask({"op": "open", "index": index})

    def reader(self) -> socket.socket:
        """The socket of a new reader. Raises OSError."""
        return socket.socket(fileno=self._ask({"op": "reader"}))

    def close(self) -> None:
        """Let it end, and wait for that."""
        self._control.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _ask(self, message: dict[str, Any]) -> int:
        with self._lock:
            wire.send(self._control, message)
            received = wire.receive(self._control)
        if received is None:
            raise SandboxFailed("The process that opens files is gone.")
        answer, descriptors = received
        if not descriptors:
            raise OSError(answer.get("error", "it could not be opened"))
        return descriptors[0]


def _serve(
    control: socket.socket, paths: Sequence[Path], confinement: Confinement, uid: int | None
) -> None:
    """In the child: answer until the other end closes. Never returns."""
    try:
        # An interrupt at the terminal goes to the whole group; the asking end closes us.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while (received := wire.receive(control)) is not None:
            message, _ = received
            try:
                opens = message["op"] == "open"
                given = _open(paths[message["index"]]) if opens else _start(confinement, uid)
            except OSError as error:
                wire.send(control, {"error": error.strerror or str(error)})
                continue
            wire.send(control, {}, [given])
            os.close(given)
            _reap()
        os._exit(0)
    finally:
        os._exit(1)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def _open(path: Path) -> int:
    """Only a regular file: a pipe would hold everybody up, a device has no end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is not a regular file")
    return descriptor


def _start(confinement: Confinement, uid: int | None) -> int:
    ours, theirs = wire.pair()
    pid = os.fork()
    if pid == 0:
        _become_reader(theirs.fileno(), confinement, uid)
    theirs.close()
    return ours.detach()


def _become_reader(control: int, confinement: Confinement, uid: int | None) -> None:
    """In the child: descriptors, identity, exec. Never returns."""
    try:
        kernelcalls.prctl(kernelcalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        null = os.open("/dev/null", os.O_RDWR)
        placed = {0: null, 1: null, 2: null, layout.REPORT_FD: control}
        if confinement is Confinement.NONE:
            argv = bare_command()
        else:
            box = reader_box(confinement, uid=layout.BOX_UID if uid is None else uid)
            placed[layout.ARGS_FD] = _memfd(boxes.encode_arguments(boxes.bwrap_arguments(box)))
            placed[layout.SECCOMP_FD] = _memfd(seccomp.box_filter())
            argv = boxes.command_line(box)
        high = {
            number: fcntl.fcntl(given, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
            for number, given in placed.items()
        }
        for number, given in high.items():
            os.dup2(given, number, inheritable=True)
        if confinement is not Confinement.SETPRIV:
            drop_root(uid)
        os.execve(argv[0], argv, _ENV)  # noqa: S606 - no shell is the point
    finally:
        os._exit(127)


def _memfd(data: bytes) -> int:
    descriptor = os.memfd_create("reader", os.MFD_CLOEXEC)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
