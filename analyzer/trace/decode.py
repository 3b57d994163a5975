"""From trace records to typed events, in order of time, with phase and lineage.

Runs in the worker. What a record holds besides numbers is untrusted text: it is cut here and escaped
by whoever shows it.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from analyzer.sandbox.protocol import PhaseResult
from analyzer.trace import syscalls
from analyzer.trace.records import (
    ADDRESS_BYTES,
    ARG_BYTES,
    HEADER,
    PATH_BYTES,
    Header,
    RecordFlag,
    RecordInvalid,
    RecordType,
    iter_records,
    parse_header,
)
from analyzer.trace.whereabouts import AT_FDCWD, Whereabouts
from models.evidence import Phase
from models.trace import Event, EventKind

TEXT_CHARS_MAX = 300
"""Characters of a text in an event (models.evidence.Text)."""
CLONE_THREAD = 0x00010000
"""A thread of the same process, not a child (sched.h)."""
NO_STATUS = -1
"""Result of an exit whose status the process did not state: it was killed, or another thread left."""

TCP_STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "NEW_SYN_RECV",
}
"""net/tcp_states.h; the names that tcpstates prints."""

_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_FAMILIES = {0: "unspecified", 16: "netlink", 17: "packet", 38: "alg", 40: "vsock"}

_KIND_BY_CALL = {
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), EventKind.UNLINK),
    **dict.fromkeys(("rename", "renameat", "renameat2"), EventKind.RENAME),
    **dict.fromkeys(("link", "linkat", "symlink", "symlinkat"), EventKind.LINK),
    **dict.fromkeys(("chmod", "fchmod", "fchmodat", "fchmodat2"), EventKind.CHMOD),
    **dict.fromkeys(("chown", "lchown", "fchown", "fchownat"), EventKind.CHMOD),
    **dict.fromkeys(("sendto", "sendmsg", "sendmmsg"), EventKind.SEND),
    "connect": EventKind.CONNECT,
    "bind": EventKind.BIND,
    "memfd_create": EventKind.MEMFD,
}
_RELATIVE_TO_FIRST = frozenset(
    name
    for name, meaning in syscalls.MEANINGS.items()
    if meaning.first == 1
    and meaning.call_class
    in (syscalls.CallClass.OPEN, syscalls.CallClass.PATH, syscalls.CallClass.PAIR)
    and name != "inotify_add_watch"
)
"""Calls whose first argument is the directory that the path is relative to."""
_NOTES = ((RecordFlag.LATE, "late"), (RecordFlag.UNREAD, "unread"), (RecordFlag.CUT, "cut"))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An exec that was begun: what became of it stands in a later record."""

    header: Header
    path: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Address:
    """A socket address in words."""

    address: str = ""
    port: int = 0
    path: str = ""
    detail: str = ""

    def __str__(self) -> str:
        return self.path or self.detail or f"{self.address}:{self.port}"


def decode_trace(blob: bytes, phases: Sequence[PhaseResult]) -> list[Event]:
    """The events of a run, in order of time; `at_us` counts from the beginning of their phase.

    An exec is one event, at the time of the attempt: `result` 0, or the negative errno (searching
    PATH makes some of those). `parent` is the pid that forked the process, 0 for the first of a
    box; `owner` is left empty. `raced`: text that another thread changed during the call; `path2`
    or `detail` then says what stood there afterwards. Notes in `detail`: `late` (readable only
    after the call), `unread`, `cut`, `at fd N` (relative to a descriptor that is not known).

    Raises RecordInvalid where the blob is not a trace.
    """
    records = [(parse_header(record), record[HEADER.size :]) for record in iter_records(blob)]
    records.sort(key=lambda item: item[0].at_ns)
    decoder = _Decoder(starts=_phase_starts(records, phases))
    for header, data in records:
        decoder.take(header, data)
    return decoder.finish()


def _phase_starts(
    records: Sequence[tuple[Header, bytes]], phases: Sequence[PhaseResult]
) -> dict[int, tuple[Phase, int]]:
    """Phase number → phase and its beginning; its first record where nobody said when it began."""
    starts: dict[int, tuple[Phase, int]] = {}
    for header, _ in records:
        if header.phase not in starts:
            try:
                starts[header.phase] = (Phase(f"P{header.phase}"), header.at_ns)
            except ValueError as error:
                raise RecordInvalid(f"there is no phase {header.phase}") from error
    for result in phases:
        phase = Phase(result.phase)
        starts[int(phase.value[1:])] = (phase, result.started_ns)
    return starts


@dataclass(slots=True)
class _Decoder:
    """What has to be remembered between records."""

    starts: dict[int, tuple[Phase, int]]
    events: list[tuple[int, Event]] = field(default_factory=list)
    parents: dict[int, int] = field(default_factory=dict)
    attempts: dict[int, _Attempt] = field(default_factory=dict)
    places: Whereabouts = field(default_factory=Whereabouts)

    def take(self, header: Header, data: bytes) -> None:
        """Turns one record into an event, or into something to remember."""
        handler = _HANDLERS.get(header.type)
        if handler is None:
            raise RecordInvalid(f"there is no record type {header.type}")
        event = handler(self, header, data)
        if event is not None:
            self.events.append((header.at_ns, event))

    def finish(self) -> list[Event]:
        """All events; an exec that was begun and never ended was killed on the way."""
        for attempt in self.attempts.values():
            self._add_exec(attempt, replace(self._exec_event(attempt), detail="unfinished"))
        self.attempts.clear()
        self.events.sort(key=lambda item: item[0])
        return [event for _, event in self.events]

    # ---- one method for each record type -----------------------------------------------------

    def denied(self, header: Header, _data: bytes) -> Event:
        return self._event(header, EventKind.DENIED)

    def open(self, header: Header, data: bytes) -> Event:
        event = self._path_event(header, data, EventKind.OPEN)
        if event.result >= 0 and event.path:
            self.places.opened(header.tgid, event.result, event.path)
        return replace(event, flags=header.arg1)

    def path(self, header: Header, data: bytes) -> Event:
        name = syscalls.name_of(header.sysno)
        event = self._path_event(header, data, _KIND_BY_CALL.get(name, EventKind.PATH))
        if header.result == 0 and name in ("chdir", "chroot"):
            self.places.moved(header.tgid, event.path)
        return replace(event, flags=header.arg1 & 0xFFFFFFFF)

    def pair(self, header: Header, data: bytes) -> Event:
        name = syscalls.name_of(header.sysno)
        event = self._path_event(header, data, _KIND_BY_CALL.get(name, EventKind.PATH))
        second = _text(data[PATH_BYTES : 2 * PATH_BYTES])
        if not event.raced:
            return replace(event, path2=second)
        again = (_text(data[start : start + PATH_BYTES]) for start in (512, 768))
        return replace(event, path2=second, detail=_cut("then " + " ".join(again)))

    def address(self, header: Header, data: bytes) -> Event:
        before = _address(data[:ADDRESS_BYTES][: header.length0])
        after = _address(data[ADDRESS_BYTES:][: header.length1])
        name = syscalls.name_of(header.sysno)
        raced = bool(header.flags & RecordFlag.RACED)
        notes = [before.detail, *_notes(header), f"then {after}" if raced else ""]
        return replace(
            self._event(header, _KIND_BY_CALL.get(name, EventKind.CALL)),
            address=before.address,
            port=before.port,
            path=before.path,
            detail=_cut(" ".join(filter(None, notes))),
            raced=raced,
            size_bytes=max(header.result, 0) if name in ("sendto", "sendmsg") else 0,
        )

    def exec_attempt(self, header: Header, data: bytes) -> None:
        argv = data[PATH_BYTES:]
        count = min(header.length1, len(argv) // ARG_BYTES)
        parts = (argv[at * ARG_BYTES : (at + 1) * ARG_BYTES] for at in range(count))
        self.attempts[header.tid] = _Attempt(
            header, _text(data[: header.length0]), tuple(_text(part) for part in parts)
        )

    def exec_failed(self, header: Header, _data: bytes) -> None:
        attempt = self.attempts.pop(header.tid, None)
        if attempt is not None:
            self._add_exec(attempt, replace(self._exec_event(attempt), result=header.result))

    def exec_done(self, header: Header, data: bytes) -> Event | None:
        kernels_path = _text(data)
        # A thread that execs becomes the first thread: arg0 is the id it had before.
        attempt = self.attempts.pop(header.arg0, None)
        if attempt is None:
            return replace(self._event(header, EventKind.EXEC), path=kernels_path)
        event = self._exec_event(attempt)
        if not attempt.path:
            event = replace(event, path=kernels_path)
        elif event.syscall == "execve" and kernels_path != attempt.path:
            event = replace(event, path=kernels_path, path2=attempt.path, raced=True)
        self._add_exec(attempt, event)
        return None

    def arguments(self, header: Header, _data: bytes) -> Event:
        name = syscalls.name_of(header.sysno)
        event = self._event(header, _KIND_BY_CALL.get(name, EventKind.CALL))
        if name in ("fchdir", "fchmod", "fchown"):
            path = self.places.of_descriptor(header.tgid, header.arg0 & 0xFFFFFFFF) or ""
            if name == "fchdir" and header.result == 0:
                self.places.moved(header.tgid, path)
            event = replace(event, path=path)
        numbers = (header.arg0, header.arg1, header.arg2)
        return replace(event, detail=" ".join(f"{number:#x}" for number in numbers))

    def memory(self, header: Header, _data: bytes) -> Event:
        event = self._event(header, EventKind.MMAP_EXEC)
        # The result of mmap is an address, of which a record keeps half.
        result = header.result if -4095 <= header.result < 0 else 0
        return replace(event, result=result, flags=header.arg2, size_bytes=header.arg1)

    def tcp(self, header: Header, data: bytes) -> Event:
        old, new = header.arg2 >> 8, header.arg2 & 0xFF
        local, remote = _ip(data[:16]), _ip(data[16:32])
        listening = "LISTEN" in (TCP_STATES.get(old), TCP_STATES.get(new))
        port = (header.arg1 >> 16 if listening else header.arg1) & 0xFFFF
        return replace(
            self._event(header, EventKind.TCP),
            address=local if listening else remote,
            port=port,
            detail=f"{TCP_STATES.get(old, old)}>{TCP_STATES.get(new, new)}",
        )

    def fork(self, header: Header, _data: bytes) -> Event:
        thread = bool(header.arg0 & CLONE_THREAD)
        event = self._event(header, EventKind.FORK)
        if not thread:
            self.parents[header.result] = header.tgid
            self.places.forked(header.tgid, header.result)
        return replace(event, flags=header.arg0, detail="thread" if thread else "")

    def exit(self, header: Header, _data: bytes) -> Event:
        event = self._event(header, EventKind.EXIT)
        return replace(event, detail="no status" if header.result == NO_STATUS else "")

    # ---- parts -------------------------------------------------------------------------------

    def _event(self, header: Header, kind: EventKind) -> Event:
        phase, start = self.starts[header.phase]
        calls = header.type not in _WITHOUT_CALL
        return Event(
            kind=kind,
            phase=phase,
            at_us=max(0, header.at_ns - start) // 1000,
            pid=header.tgid,
            tid=header.tid,
            parent=self.parents.get(header.tgid, 0),
            syscall=syscalls.name_of(header.sysno) if calls else "",
            result=header.result,
        )

    def _path_event(self, header: Header, data: bytes, kind: EventKind) -> Event:
        event = self._event(header, kind)
        path = _text(data[: header.length0])
        notes = list(_notes(header))
        directory = header.arg0 if event.syscall in _RELATIVE_TO_FIRST else AT_FDCWD
        whole = self.places.absolute(header.tgid, directory, path) if path else path
        if kind is EventKind.MEMFD:
            whole = path
        elif whole is None and directory & 0xFFFFFFFF != AT_FDCWD:
            notes.append(f"at fd {directory & 0xFFFFFFFF}")
        raced = bool(header.flags & RecordFlag.RACED)
        return replace(
            event,
            path=_cut(path if whole is None else whole),
            path2=_text(data[2 * PATH_BYTES : 3 * PATH_BYTES]) if raced else "",
            detail=" ".join(notes),
            raced=raced,
        )

    def _exec_event(self, attempt: _Attempt) -> Event:
        event = self._event(attempt.header, EventKind.EXEC)
        notes = " ".join(_notes(attempt.header))
        return replace(event, path=attempt.path, argv=attempt.argv, detail=notes)

    def _add_exec(self, attempt: _Attempt, event: Event) -> None:
        self.events.append((attempt.header.at_ns, event))


_HANDLERS: dict[int, Callable[[_Decoder, Header, bytes], Event | None]] = {
    RecordType.DENIED: _Decoder.denied,
    RecordType.OPEN: _Decoder.open,
    RecordType.PATH: _Decoder.path,
    RecordType.PAIR: _Decoder.pair,
    RecordType.ADDRESS: _Decoder.address,
    RecordType.EXEC_ATTEMPT: _Decoder.exec_attempt,
    RecordType.EXEC_FAILED: _Decoder.exec_failed,
    RecordType.EXEC_DONE: _Decoder.exec_done,
    RecordType.ARGUMENTS: _Decoder.arguments,
    RecordType.MEMORY: _Decoder.memory,
    RecordType.TCP: _Decoder.tcp,
    RecordType.FORK: _Decoder.fork,
    RecordType.EXIT: _Decoder.exit,
}
_WITHOUT_CALL = frozenset((RecordType.EXEC_DONE, RecordType.TCP, RecordType.FORK, RecordType.EXIT))
"""Records of a tracepoint that no single call stands behind."""


def _text(data: bytes) -> str:
    """A C string as text; bytes that are no UTF-8 appear as `\\xNN`."""
    return _cut(data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace"))


def _cut(text: str) -> str:
    return text[:TEXT_CHARS_MAX]


def _notes(header: Header) -> list[str]:
    return [word for flag, word in _NOTES if header.flags & flag]


def _ip(sixteen: bytes) -> str:
    """An address of 16 bytes, IPv4 ones mapped (`::ffff:…`), as either family writes it."""
    if len(sixteen) != 16:
        return ""
    address = ipaddress.IPv6Address(sixteen)
    return str(address.ipv4_mapped or address)


def _address(data: bytes) -> _Address:
    """A struct sockaddr in words; what is too short for its family has no address."""
    if len(data) < 2:
        return _Address()
    (family,) = struct.unpack_from("<H", data)
    if family == _AF_INET and len(data) >= 8:
        return _Address(
            address=str(ipaddress.IPv4Address(data[4:8])),
            port=struct.unpack_from(">H", data, 2)[0],
        )
    if family == _AF_INET6 and len(data) >= 24:
        return _Address(address=_ip(data[8:24]), port=struct.unpack_from(">H", data, 2)[0])
    if family == _AF_UNIX:
        name = data[2:]
        # An abstract name begins with NUL and has no end but the length; `@` is how ss shows it.
        path = "@" + _text(name[1:]) if name[:1] == b"\0" and len(name) > 1 else _text(name)
        return _Address(path=_cut(path), detail="unix")
    return _Address(detail=_FAMILIES.get(family, f"family {family}"))
