"""From trace records to typed events, in order of time, with phase and lineage.

Runs in the worker. What a record holds besides numbers is untrusted text: it is cut here and escaped
by whoever shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from analyzer.lineage import ARTIFACT, RUNNER
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
from analyzer.trace.summary import FILE_REST, calls_of
from analyzer.trace.whereabouts import AT_FDCWD, Whereabouts
from analyzer.trace.words import TCP_LISTEN, address, cut, ip, tcp_change, text
from models.phase import Phase
from models.trace import Event, EventKind

CLONE_THREAD = 0x00010000
"""A thread of the same process, not a child (sched.h)."""
NO_STATUS = -1
"""Result of an exit whose status the process did not state: it was killed, or another thread left."""

_MEMFD = "memfd:"
"""What /proc/self/fd shows before the name of such a file."""
_INT = 0xFFFFFFFF
"""An argument of a call is 64 bits wide, the int in it 32."""
_RACED = int(RecordFlag.RACED)
_NOTES = tuple(
    (int(flag), word)
    for flag, word in (
        (RecordFlag.LATE, "late"),
        (RecordFlag.UNREAD, "unread"),
        (RecordFlag.CUT, "cut"),
    )
)
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
_ON_DESCRIPTOR = frozenset(("fchdir", "fchmod", "fchown"))
"""Calls by arguments whose first is a descriptor that may stand for a path."""
_DUPLICATES = frozenset(("dup", "dup2", "dup3"))
_SOCKETS = frozenset(("socket", "accept", "accept4"))
"""Calls by arguments whose result is a descriptor without a path."""
_WITH_PATH = (syscalls.CallClass.OPEN, syscalls.CallClass.PATH, syscalls.CallClass.PAIR)
_NEW_FOLDER = {"renameat": 2, "renameat2": 2, "linkat": 2, "symlinkat": 1}
"""Calls that make a name relative to a descriptor: which argument that is."""
_RELATIVE_TO_FIRST = frozenset(
    name
    for name, meaning in syscalls.MEANINGS.items()
    if meaning.first == 1 and meaning.call_class in _WITH_PATH and name != "inotify_add_watch"
)
"""Calls whose first argument is the directory that the path is relative to."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An exec that was begun: what became of it stands in a later record."""

    event: Event
    at_ns: int


def decode_trace(blob: bytes, phases: Sequence[PhaseResult]) -> list[Event]:
    """The events of a run, in order of time; `at_us` counts from the beginning of their phase.

    An exec is one event, at the time of the attempt: `result` 0, or the negative errno (searching
    PATH makes some of those). `parent` is the pid that forked the process, 0 for the first of a
    box; `owner` is left empty but for what was counted (below). `raced`: text that another thread
    changed during the call; `path2` or `detail` then says what stood there afterwards. Notes in
    `detail`: `late` (readable only after the call), `unread`, `cut`, `at fd N` (relative to a
    descriptor that is not known).

    FILE_IO and SEQUENCE events of a program that was in the box before the tracer was armed have
    the owner RUNNER. A SEQUENCE without `detail` counts those of its phase that are not told.

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
    sockets: dict[int, int] = field(default_factory=dict)
    """Kernel addresses of sockets to numbers: the addresses themselves are nobody's business."""

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
            self.events.append((attempt.at_ns, replace(attempt.event, detail="unfinished")))
        self.attempts.clear()
        self.events.sort(key=lambda item: item[0])
        return [event for _, event in self.events]

    def _event(
        self, header: Header, kind: EventKind, *, call: str = "", result: int = 0, **fields: Any
    ) -> Event:
        """The event, made once: copying frozen values would double the time of decoding."""
        phase, start = self.starts[header.phase]
        return Event(
            kind=kind,
            phase=phase,
            at_us=max(0, header.at_ns - start) // 1000,
            pid=header.tgid,
            tid=header.tid,
            parent=self.parents.get(header.tgid, 0),
            syscall=call,
            result=result,
            **fields,
        )

    # ---- paths -------------------------------------------------------------------------------

    def open(self, header: Header, data: bytes) -> Event:
        call = syscalls.name_of(header.sysno)
        path, notes = self._path(header, call, text(data[: header.length0]))
        if header.result >= 0 and path:
            self.places.opened(header.tgid, header.result, path)
        return self._event(
            header,
            EventKind.OPEN,
            call=call,
            result=header.result,
            path=path,
            path2=_second_reading(header, data),
            flags=header.arg1,
            detail=notes,
            raced=bool(header.flags & _RACED),
        )

    def path(self, header: Header, data: bytes) -> Event:
        call = syscalls.name_of(header.sysno)
        path, notes = self._path(header, call, text(data[: header.length0]))
        if header.result == 0 and call in ("chdir", "chroot"):
            self.places.moved(header.tgid, path)
        if header.result >= 0 and call == "memfd_create":
            self.places.opened(header.tgid, header.result, cut(f"{_MEMFD}{path}"))
        return self._event(
            header,
            _KIND_BY_CALL.get(call, EventKind.PATH),
            call=call,
            result=header.result,
            path=path,
            path2=_second_reading(header, data),
            flags=header.arg1 & _INT,
            detail=notes,
            raced=bool(header.flags & _RACED),
        )

    def pair(self, header: Header, data: bytes) -> Event:
        call = syscalls.name_of(header.sysno)
        path, notes = text(data[: header.length0]), _notes(header)
        if not call.startswith("symlink"):  # a link's target is taken from the link's own folder
            path, notes = self._path(header, call, path)
        raced = bool(header.flags & _RACED)
        if raced:
            first, second = 2 * PATH_BYTES, 3 * PATH_BYTES
            notes = cut(f"then {text(data[first:second])} {text(data[second:])}")
        return self._event(
            header,
            _KIND_BY_CALL.get(call, EventKind.PATH),
            call=call,
            result=header.result,
            path=path,
            path2=self._second_path(header, call, text(data[PATH_BYTES : 2 * PATH_BYTES])),
            detail=notes,
            raced=raced,
        )

    def _path(self, header: Header, call: str, path: str) -> tuple[str, str]:
        """The path, from its base where that is known, and the notes about it."""
        notes = _notes(header)
        if not path or path.startswith("/") or call == "memfd_create":
            return path, notes
        base = header.arg0 & _INT if call in _RELATIVE_TO_FIRST else AT_FDCWD
        whole = self.places.absolute(header.tgid, base, path)
        if whole is not None:
            return cut(whole), notes
        if base != AT_FDCWD:
            notes = f"{notes} at fd {base}".lstrip()
        return path, notes

    def _second_path(self, header: Header, call: str, path: str) -> str:
        """The name that a pair makes, from its base where that is known."""
        if not path or path.startswith("/"):
            return path
        base = AT_FDCWD
        if call in _NEW_FOLDER:
            base = (header.arg1 if _NEW_FOLDER[call] == 1 else header.arg2) & _INT
        whole = self.places.absolute(header.tgid, base, path)
        return path if whole is None else cut(whole)

    # ---- processes ---------------------------------------------------------------------------

    def exec_attempt(self, header: Header, data: bytes) -> None:
        argv = data[PATH_BYTES:]
        count = min(header.length1, len(argv) // ARG_BYTES)
        event = self._event(
            header,
            EventKind.EXEC,
            call=syscalls.name_of(header.sysno),
            path=text(data[: header.length0]),
            argv=tuple(text(argv[at * ARG_BYTES : (at + 1) * ARG_BYTES]) for at in range(count)),
            detail=_notes(header),
        )
        self.attempts[header.tid] = _Attempt(event, header.at_ns)

    def exec_failed(self, header: Header, _data: bytes) -> None:
        attempt = self.attempts.pop(header.tid, None)
        if attempt is not None:
            self.events.append((attempt.at_ns, replace(attempt.event, result=header.result)))

    def exec_done(self, header: Header, data: bytes) -> Event | None:
        kernels = text(data)
        # A thread that execs becomes the first thread: arg0 is the id it had before.
        attempt = self.attempts.pop(header.arg0, None)
        if attempt is None:
            return self._event(header, EventKind.EXEC, path=kernels)
        event = attempt.event
        if not event.path:
            event = replace(event, path=kernels)
        elif event.syscall == "execve" and kernels != event.path:
            event = replace(event, path=kernels, path2=event.path, raced=True)
        self.events.append((attempt.at_ns, event))
        return None

    def fork(self, header: Header, _data: bytes) -> Event:
        thread = bool(header.arg0 & CLONE_THREAD)
        if not thread:
            self.parents[header.result] = header.tgid
            self.places.forked(header.tgid, header.result)
        return self._event(
            header,
            EventKind.FORK,
            result=header.result,
            flags=header.arg0,
            detail="thread" if thread else "",
        )

    def exit(self, header: Header, _data: bytes) -> Event:
        detail = "no status" if header.result == NO_STATUS else ""
        return self._event(header, EventKind.EXIT, result=header.result, detail=detail)

    # ---- network -----------------------------------------------------------------------------

    def address(self, header: Header, data: bytes) -> Event:
        call = syscalls.name_of(header.sysno)
        before = address(data[:ADDRESS_BYTES][: header.length0])
        raced = bool(header.flags & _RACED)
        notes = [before.detail, _notes(header)]
        if raced:
            notes.append(f"then {address(data[ADDRESS_BYTES:][: header.length1])}")
        return self._event(
            header,
            _KIND_BY_CALL.get(call, EventKind.CALL),
            call=call,
            result=header.result,
            address=before.address,
            port=before.port,
            path=before.path,
            detail=cut(" ".join(filter(None, notes))),
            # sendmmsg gives a number of messages, connect and bind give none
            size_bytes=max(header.result, 0) if call in ("sendto", "sendmsg") else 0,
            raced=raced,
        )

    def tcp(self, header: Header, data: bytes) -> Event:
        old, new = header.arg2 >> 8 & 0xFF, header.arg2 & 0xFF
        listening = TCP_LISTEN in (old, new)
        local_port, remote_port = header.arg1 >> 16 & 0xFFFF, header.arg1 & 0xFFFF
        return self._event(
            header,
            EventKind.TCP,
            address=ip(data[:16] if listening else data[16:32]),
            port=local_port if listening else remote_port,
            local_address=ip(data[:16]),
            local_port=local_port,
            flags=self.sockets.setdefault(header.arg0, len(self.sockets) + 1),
            detail=tcp_change(old, new),
        )

    # ---- counted in the kernel ---------------------------------------------------------------

    def file_bytes(self, header: Header, data: bytes) -> None:
        """Up to two events: what was read, what was written."""
        rest = data[: FILE_REST.size].ljust(FILE_REST.size, b"\0")
        reads, writes, lineage, named = FILE_REST.unpack(rest)
        descriptor = header.arg0 & _INT
        path = self.places.of_descriptor(header.tgid, descriptor) if named else ""
        for call, calls, size in (("read", reads, header.arg1), ("write", writes, header.arg2)):
            if calls:
                event = self._event(
                    header,
                    EventKind.FILE_IO,
                    call=call,
                    path=path or "",
                    detail=f"fd {descriptor}",
                    size_bytes=size,
                    count=calls,
                    owner=_owner_of(lineage),
                )
                self.events.append((header.at_ns, event))

    def sequence(self, header: Header, _data: bytes) -> Event:
        calls = calls_of(header.arg1)
        return self._event(
            header,
            EventKind.SEQUENCE,
            result=header.result,
            detail=" ".join(map(syscalls.name_of, calls)) if calls else "",
            count=header.arg0,
            owner=_owner_of(header.arg2),
        )

    # ---- everything else ---------------------------------------------------------------------

    def denied(self, header: Header, _data: bytes) -> Event:
        call = syscalls.name_of(header.sysno)
        return self._event(header, EventKind.DENIED, call=call, result=header.result)

    def arguments(self, header: Header, _data: bytes) -> Event:
        call = syscalls.name_of(header.sysno)
        path = ""
        if call in _ON_DESCRIPTOR:
            path = self.places.of_descriptor(header.tgid, header.arg0 & _INT) or ""
            if call == "fchdir" and header.result == 0:
                self.places.moved(header.tgid, path)
        if header.result >= 0 and call in _DUPLICATES:
            source = self.places.of_descriptor(header.tgid, header.arg0 & _INT)
            self.places.opened(header.tgid, header.result, source or "")
        if header.result >= 0 and call in _SOCKETS:
            self.places.opened(header.tgid, header.result, "")
        return self._event(
            header,
            _KIND_BY_CALL.get(call, EventKind.CALL),
            call=call,
            result=header.result,
            path=path,
            detail=f"{header.arg0:#x} {header.arg1:#x} {header.arg2:#x}",
        )

    def memory(self, header: Header, _data: bytes) -> Event:
        return self._event(
            header,
            EventKind.MMAP_EXEC,
            call=syscalls.name_of(header.sysno),
            # The result of mmap is an address, of which a record keeps half.
            result=header.result if -4095 <= header.result < 0 else 0,
            flags=header.arg2,
            size_bytes=header.arg1,
        )


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
    RecordType.FILE_BYTES: _Decoder.file_bytes,
    RecordType.SEQUENCE: _Decoder.sequence,
}


def _owner_of(lineage: int) -> str:
    return ARTIFACT if lineage else RUNNER


def _notes(header: Header) -> str:
    if not header.flags:
        return ""
    return " ".join(word for flag, word in _NOTES if header.flags & flag)


def _second_reading(header: Header, data: bytes) -> str:
    """What stood in place of a path after the call, where that was something else."""
    if not header.flags & _RACED:
        return ""
    return text(data[2 * PATH_BYTES : 3 * PATH_BYTES])
