"""Typed events of a traced run, in the six categories of QUT-DV25."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.phase import Phase, Text

BOX_OWNERS = "box:"
"""What the owners begin with that are no distribution (`box:pip`); project names hold no colon."""
RUNNER = f"{BOX_OWNERS}runner"
"""The owner of what our own programs in the box did."""


class Category(StrEnum):
    """The six trace categories of QUT-DV25."""

    FILETOP = "filetop"
    INSTALLATION = "installation"
    OPENSNOOP = "opensnoop"
    TCP = "tcp"
    SYSTEM_CALL = "systemcall"
    PATTERN = "pattern"


class EventKind(StrEnum):
    """What the kernel saw."""

    OPEN = "open"
    UNLINK = "unlink"
    RENAME = "rename"
    LINK = "link"
    CHMOD = "chmod"
    PATH = "path"
    """Another call that takes a path (mkdir, truncate, chdir …); `syscall` says which."""
    EXEC = "exec"
    FORK = "fork"
    EXIT = "exit"
    CONNECT = "connect"
    BIND = "bind"
    SEND = "send"
    TCP = "tcp"
    """A TCP state change; `detail` is `OLD>NEW`, `flags` which socket of the run it is, from 1 on."""
    MEMFD = "memfd"
    MMAP_EXEC = "mmap-exec"
    CALL = "call"
    """A call recorded with its arguments only (dup2, setsid, prctl …)."""
    DENIED = "denied"
    """A call that seccomp refused; `result` is the negative errno."""
    FILE_IO = "file-io"
    """Bytes that one descriptor moved, told when it was closed or the phase ended: `syscall` is
    `read` or `write`, `count` the calls, `size_bytes` the bytes, `path` empty for pipes and sockets."""
    SEQUENCE = "sequence"
    """Three calls one behind the other on one thread, counted in the kernel over a whole phase:
    `detail` is `first second third` by name, `count` how often, `result` what the first of them
    failed with (a negative errno). Without `detail`: all that are not told one by one."""
    # Reported from outside the traced processes, where no racing thread can forge them:
    DNS = "dns"
    NET = "net"
    """A conversation that the sinkhole held; `canaries` names the planted values found in it."""
    DECOY = "decoy"
    """inotify saw a planted file opened or read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. Fields that a kind does not have stay at their defaults."""

    kind: EventKind
    phase: Phase
    at_us: int
    """Microseconds since the phase began."""
    pid: int = 0
    tid: int = 0
    parent: int = 0
    """pid of the parent, where lineage is known."""
    syscall: str = ""
    result: int = 0
    path: Text = ""
    path2: Text = ""
    flags: int = 0
    argv: tuple[Text, ...] = ()
    host: Text = ""
    address: Text = ""
    port: int = 0
    local_address: Text = ""
    """Of a TCP state change: our end of the connection."""
    local_port: int = 0
    detail: Text = ""
    size_bytes: int = 0
    count: int = 0
    """Of an event that stands for many (FILE_IO, SEQUENCE): how many."""
    raced: bool = False
    owner: Text = ""
    """The distribution the event is charged to; empty: the artifact under analysis."""
    canaries: tuple[Text, ...] = ()
