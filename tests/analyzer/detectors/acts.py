"""Acts of several events each, and the files that they touch."""

from __future__ import annotations

from collections.abc import Sequence

from models.phase import Phase
from models.trace import Event, EventKind
from tests.analyzer.detectors.runs import (
    HOME,
    P3,
    PID,
    calls,
    connects,
    event,
    execs,
    forks,
    reads,
    writes,
)

SCRATCH = "/tmp"  # noqa: S108 - a path in a box
TMP = f"{SCRATCH}/x/payload"


def deletes(path: str, phase: Phase = P3) -> Event:
    return event(EventKind.UNLINK, phase, path=path)


def renames(path: str, to: str, phase: Phase = P3) -> Event:
    return event(EventKind.RENAME, phase, path=path, path2=to)


def opens_tcp(address: str, port: int = 443, phase: Phase = P3) -> list[Event]:
    """A connect that blocks until the handshake is done."""
    return [
        event(EventKind.TCP, phase, address=address, port=port, detail="CLOSE>SYN_SENT"),
        event(EventKind.CONNECT, phase, address=address, port=port, result=0),
    ]


def asks_for_route(address: str, port: int, phase: Phase = P3) -> Event:
    """A datagram socket that is connected, so that the kernel says which address is its own."""
    return event(EventKind.CONNECT, phase, address=address, port=port, result=0)


def looks_at(path: str, phase: Phase = P3) -> Event:
    return event(EventKind.PATH, phase, syscall="newfstatat", path=path, result=-2)


def encrypts(number: int, phase: Phase = P3) -> list[Event]:
    """Ransomware at one file: read, overwrite, rename."""
    path = f"{HOME}/docs/{number}"
    return [reads(path, phase), writes(path, phase), renames(path, f"{path}.locked", phase)]


def symlinks(target: str, at: str) -> Event:
    return event(EventKind.LINK, syscall="symlink", path=target, path2=at)


def reverse_shell(
    *,
    domain: int = 2,
    connected: bool = True,
    streams: Sequence[int] = (0, 1, 2),
    to: str = "127.0.0.1",
    phase: Phase = P3,
) -> list[Event]:
    return [
        calls("socket", domain, 1, 0, result=5, phase=phase),
        *([connects(to, 4444, phase)] if connected else []),
        *(calls("dup2", 5, stream, result=stream, phase=phase) for stream in streams),
        execs("/bin/sh", "sh", "-i", phase=phase),
    ]


def pseudo_terminal() -> list[Event]:
    """pty.spawn in a process whose streams are a socket: the shell's own are the terminal's."""
    return [
        *reverse_shell(to="203.0.113.7")[:-1],
        forks(200),
        event(EventKind.OPEN, pid=200, path="/dev/pts/0", result=6),
        *(calls("dup2", 6, stream, result=stream, pid=200) for stream in (0, 1, 2)),
        execs("/bin/sh", "sh", pid=200),
    ]


def lists(listening: str, phase: Phase = P3) -> Event:
    return event(EventKind.TCP, phase, address=listening, port=4444, detail="CLOSE>LISTEN")


def detached(*, setsid: bool, ends: bool) -> list[Event]:
    return [
        forks(200),
        *([calls("setsid", pid=200, result=200)] if setsid else []),
        *([event(EventKind.EXIT, pid=200)] if ends else []),
        event(EventKind.EXIT, pid=PID - 10),
        *([] if ends else [event(EventKind.EXIT, pid=200, result=-1)]),
    ]
