"""A small single-threaded process that forks boxes and sinkholes for the many-threaded daemon.

Forking is safe only where no other thread can hold a lock, and everything between fork and exec
(stepping into cgroups and the network namespace, limits, giving up root) has to happen in the
child. So the daemon forks this process before its first thread, and asks it for children by
messages. When the daemon dies, however it dies, the spawner sees its socket close and ends every
child. It parses nothing but the daemon's messages.

    daemon → spawner  {"op": "box", "argv", "env", "join", "uid", "rlimits"} + reply, out, args,
                      seccomp and, where named in "with", report and netns descriptors
                      {"op": "sinkhole", …SinkholePlan} + reply, log descriptors
    spawner → reply   {"pid": n} + pidfd, then {"status": n}: the exit code, negative for a signal
    child   → reply   {"error": "…"} when it could not become what it was to be
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer.sandbox import kernelcalls, layout, sinkhole, wire

_FIRST_FREE_FD = 20
"""Descriptors that come in are moved up here, so that 0 to 5 can be laid out in the child."""
_SET_UP_FAILED = 97
CHILDREN_MAX = 64
_WAKEUPS_BYTES = 4096
_END_S = 5.0
"""Seconds for the kernel to end what is left when the daemon goes."""
_END_PAUSE_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One program to start in a box: `argv` is bwrap's, its own arguments come by descriptor."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    join: tuple[str, ...] = ()
    uid: int | None = None
    rlimits: tuple[tuple[int, int], ...] = ()
    oom_score_adj: int = 0


@dataclass
class Child:
    """A child of the spawner, as the daemon holds it: `reply` turns readable when it has ended."""

    reply: socket.socket
    pid: int = 0
    pidfd: int = -1
    status: int | None = None
    error: str = ""
    descriptors: list[int] = field(default_factory=list)

    def read_message(self) -> dict[str, Any] | None:
        """Take one message off `reply`; None when the spawner is gone."""
        try:
            received = wire.receive(self.reply)
        except (OSError, wire.WireError) as error:
            self.error = self.error or f"the reply was lost: {error}"
            received = None
        if received is None:
            if self.status is None:
                self.status = -signal.SIGKILL
                self.error = self.error or "the spawner is gone"
            return None
        message, descriptors = received
        if "pid" in message:
            self.pid = message["pid"]
            self.pidfd = descriptors.pop(0)
        self.descriptors += descriptors
        self.error = message.get("error", self.error)
        self.status = message.get("status", self.status)
        return message

    def kill(self) -> None:
        """SIGKILL, by pidfd, so never to another process with the same number."""
        if self.pidfd >= 0:
            try:
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            except ProcessLookupError:
                return

    def close(self) -> None:
        """Give the descriptors back."""
        self.reply.close()
        wire.close_all([*self.descriptors, *([self.pidfd] if self.pidfd >= 0 else [])])
        self.descriptors = []
        self.pidfd = -1


class Spawner:
    """The daemon's end. Thread-safe: one request is one datagram."""

    def __init__(self) -> None:
        self._control, theirs = wire.pair()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self._control.close()
            _serve(theirs, parent)
        theirs.close()

    def start_box(
        self,
        launch: Launch,
        *,
        out: int,
        args: int,
        seccomp: int,
        report: int = -1,
        netns: int = -1,
        data: Sequence[int] = (),
    ) -> Child:
        """Start a program; the caller closes its own copies of the descriptors.

        `data` are numbered from `layout.DATA_FD` on in the child.
        """
        files = {f"data{index}": number for index, number in enumerate(data)}
        optional = {"report": report, "netns": netns, **files}
        given = {name: number for name, number in optional.items() if number >= 0}
        message = {
            "op": "box",
            "argv": launch.argv,
            "env": dict(launch.env),
            "join": launch.join,
            "uid": launch.uid,
            "rlimits": launch.rlimits,
            "oom_score_adj": launch.oom_score_adj,
            "with": list(given),
        }
        return self._ask(message, [out, args, seccomp, *given.values()])

    def start_sinkhole(self, plan: Mapping[str, Any], *, log: int) -> Child:
        """Start a sinkhole; its first message after the pid carries its network namespace."""
        return self._ask({"op": "sinkhole", "plan": dict(plan)}, [log])

    def _ask(self, message: Mapping[str, Any], descriptors: Sequence[int]) -> Child:
        ours, theirs = wire.pair()
        try:
            wire.send(self._control, message, [theirs.fileno(), *descriptors])
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return Child(reply=ours)

    def close(self) -> None:
        """End the spawner and all its children; waits for it."""
        self._control.close()
        os.waitpid(self.pid, 0)


def _serve(control: socket.socket, parent: int) -> None:
    """The spawner's whole life. Never returns."""
    try:
        keep_only(control.fileno())  # not the daemon's lock: it is to go with the daemon
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # A box's own first process is orphaned when bwrap is killed. It is buried here: the process 1
        # of a container may be our own supervisor, which does not look for other people's dead.
        kernelcalls.prctl(kernelcalls.PR_SET_CHILD_SUBREAPER, 1)
        _Loop(control).run(parent)
    finally:
        os._exit(0)


class _Loop:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._children: dict[int, tuple[int, socket.socket]] = {}
        self._deaths, deaths = socket.socketpair()
        self._deaths.setblocking(False)
        deaths.setblocking(False)
        self._poll.register(self._deaths, select.POLLIN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(deaths.detach(), warn_on_full_buffer=False)

    def run(self, parent: int) -> None:
        while os.getppid() == parent:
            for number, _ in self._poll.poll():
                if number == self._control.fileno():
                    if not self._request():
                        self._end()
                        return
                else:
                    self._bury_dead()
        self._end()

    def _request(self) -> bool:
        try:
            received = wire.receive(self._control)
        except wire.WireError:
            return True
        if received is None:
            return False
        message, descriptors = received
        high = [_high(descriptor) for descriptor in descriptors]
        reply = socket.socket(fileno=high[0])
        if len(self._children) >= CHILDREN_MAX:
            wire.send(reply, {"error": "too many children", "status": _SET_UP_FAILED})
            reply.close()
        else:
            self._fork(message, reply, high[1:])
        wire.close_all(high[1:])
        return True

    def _fork(self, message: dict[str, Any], reply: socket.socket, descriptors: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            _become(message, reply, descriptors)
        pidfd = os.pidfd_open(pid)
        try:
            wire.send(reply, {"pid": pid}, [pidfd])
        except OSError:  # the daemon's thread gave up; the child ends with it
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        self._children[pid] = (pidfd, reply)

    def _bury_dead(self) -> None:
        """Wait for all that have ended, our own children and the orphans that became ours."""
        with contextlib.suppress(BlockingIOError):
            while self._deaths.recv(_WAKEUPS_BYTES):
                pass
        with contextlib.suppress(ChildProcessError):  # none is left
            pid, status = os.waitpid(-1, os.WNOHANG)
            while pid:
                if pid in self._children:
                    self._tell(pid, status)
                pid, status = os.waitpid(-1, os.WNOHANG)

    def _tell(self, pid: int, status: int) -> None:
        pidfd, reply = self._children.pop(pid)
        with contextlib.suppress(OSError):  # nobody may listen any more
            wire.send(reply, {"status": os.waitstatus_to_exitcode(status)})
        reply.close()
        os.close(pidfd)

    def _end(self) -> None:
        for pidfd, _ in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        end = time.monotonic() + _END_S
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < end:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid in self._children:
                    self._tell(pid, status)
                elif not pid:
                    time.sleep(_END_PAUSE_S)


def _become(message: dict[str, Any], reply: socket.socket, descriptors: list[int]) -> None:
    """In the child: become what the message asks for. Never returns."""
    try:
        kernelcalls.prctl(kernelcalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if message["op"] == "sinkhole":
            keep_only(reply.fileno(), descriptors[0])
            sinkhole.serve(message["plan"], reply, log=descriptors[0])
            os._exit(0)
        _enter_box(message, descriptors)
    except BaseException as error:  # noqa: BLE001 - a forked child must not run the parent's code
        try:
            wire.send(reply, {"error": f"{type(error).__name__}: {error}"[:500]})
        finally:
            os._exit(_SET_UP_FAILED)


def _enter_box(message: dict[str, Any], descriptors: list[int]) -> None:
    out, args, seccomp, *optional = descriptors
    given = dict(zip(message["with"], optional, strict=True))
    for path in message["join"]:
        _write(path, b"0")
    if message["oom_score_adj"]:
        _write("/proc/self/oom_score_adj", str(message["oom_score_adj"]).encode())
    if "netns" in given:
        kernelcalls.setns(given["netns"], kernelcalls.CLONE_NEWNET)
    for limit, value in message["rlimits"]:
        resource.setrlimit(limit, (value, value))
    null = _high(os.open("/dev/null", os.O_RDONLY))
    placed = {0: null, 1: out, 2: out, layout.ARGS_FD: args, layout.SECCOMP_FD: seccomp}
    if "report" in given:
        placed[layout.REPORT_FD] = given["report"]
    else:
        os.closerange(layout.REPORT_FD, layout.REPORT_FD + 1)
    files = [number for name, number in given.items() if name.startswith("data")]
    placed |= {layout.DATA_FD + index: number for index, number in enumerate(files)}
    for number, source in placed.items():
        os.dup2(source, number, inheritable=True)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    drop_root(message["uid"])
    os.execve(message["argv"][0], message["argv"], message["env"])  # noqa: S606 - no shell is the point


def drop_root(uid: int | None) -> None:
    """Become `uid` for good. Without this a user namespace made by root maps its user to root.

    (bwrap's --unshare-user as root gives a box in which host root's files and sysctls are
    writable: the worst mistake one can make here; a test of its own watches over it.)
    """
    if uid is None:
        return
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def keep_only(*wanted: int) -> None:
    """Close every descriptor above 2 that is not among `wanted`."""
    low = 3
    for number in sorted(wanted):
        os.closerange(low, number)
        low = number + 1
    os.closerange(low, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _high(descriptor: int) -> int:
    """The same, with a number above those that are laid out in a box."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
    os.close(descriptor)
    return high


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
