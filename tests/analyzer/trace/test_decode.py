"""From records to events, without a kernel: records made by hand."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.lineage import ARTIFACT, RUNNER
from analyzer.sandbox.protocol import PhaseResult
from analyzer.trace import syscalls
from analyzer.trace.decode import decode_trace
from analyzer.trace.records import (
    ADDRESS_BYTES,
    ARG_BYTES,
    HEADER,
    PATH_BYTES,
    RecordFlag,
    RecordInvalid,
    RecordType,
    frame,
)
from analyzer.trace.summary import FILE_REST, Trigram, sequence_records
from models.phase import Phase
from models.trace import Event, EventKind

STARTED = 1_000_000_000
PHASES = [
    PhaseResult(phase="P1", exit_code=0, ended="exit", wall_ms=5, started_ns=STARTED),
    PhaseResult(phase="P3", exit_code=0, ended="exit", wall_ms=5, started_ns=9 * STARTED),
]
CWD = (-100) & 0xFFFFFFFFFFFFFFFF


def record(
    kind: RecordType,
    call: str = "",
    data: bytes = b"",
    *,
    at: int = STARTED + 5_000,
    tgid: int = 10,
    tid: int = 0,
    result: int = 0,
    args: tuple[int, int, int] = (CWD, 0, 0),
    lengths: tuple[int, int] = (0, 0),
    phase: int = 1,
    flags: int = 0,
) -> bytes:
    number = syscalls.numbers()[call] if call else 0
    header = HEADER.pack(
        at, tgid, tid or tgid, kind, number, result, *args, *lengths, 0, phase, flags
    )
    return header + data


def path_record(call: str, path: bytes, kind: RecordType = RecordType.PATH, **rest: Any) -> bytes:
    return record(kind, call, path + b"\0", lengths=(len(path) + 1, 0), **rest)


def opened(path: bytes, **rest: Any) -> bytes:
    return path_record("openat", path, RecordType.OPEN, **rest)


def exec_attempt(path: bytes, *argv: bytes, **rest: Any) -> bytes:
    data = path.ljust(PATH_BYTES, b"\0") + b"".join(arg.ljust(ARG_BYTES, b"\0") for arg in argv)
    lengths = (len(path) + 1 if path else 0, len(argv))
    return record(RecordType.EXEC_ATTEMPT, "execve", data, lengths=lengths, **rest)


def exec_done(path: bytes, **rest: Any) -> bytes:
    return record(RecordType.EXEC_DONE, data=path + b"\0", lengths=(len(path) + 1, 0), **rest)


def forked(parent: int, child: int, flags: int = 17, **rest: Any) -> bytes:
    return record(RecordType.FORK, tgid=parent, result=child, args=(flags, 0, 0), **rest)


def decode(*records: bytes) -> list[Event]:
    return decode_trace(frame(records), PHASES)


# ---- time and phases -------------------------------------------------------------------------


def test_decode__an_empty_trace_has_no_events() -> None:
    assert decode() == []


def test_decode__events_are_in_order_of_time() -> None:
    events = decode(*(opened(b"/%d" % at, at=STARTED + at * 1000) for at in (3, 1, 2)))
    assert [(event.path, event.at_us) for event in events] == [("/1", 1), ("/2", 2), ("/3", 3)]


def test_decode__time_counts_from_the_phase_and_never_below_zero() -> None:
    events = decode(
        opened(b"/a", at=STARTED - 5),
        opened(b"/b", at=9 * STARTED + 7_000, phase=3),
    )
    assert [(event.phase, event.at_us) for event in events] == [
        (Phase.INSTALL, 0),
        (Phase.IMPORT, 7),
    ]


def test_decode__a_phase_that_nobody_timed_counts_from_its_first_record() -> None:
    events = decode(
        opened(b"/a", at=5 * STARTED, phase=2), opened(b"/b", at=5 * STARTED + 2_000, phase=2)
    )
    assert [event.at_us for event in events] == [0, 2]


@pytest.mark.parametrize(
    "bad",
    [
        HEADER.pack(1, 1, 1, 99, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0),
        HEADER.pack(1, 1, 1, RecordType.OPEN, 0, 0, 0, 0, 0, 0, 0, 0, 77, 0),
    ],
    ids=["type", "phase"],
)
def test_decode__what_is_no_trace_is_refused(bad: bytes) -> None:
    with pytest.raises(RecordInvalid):
        decode(bad)


# ---- exec ------------------------------------------------------------------------------------


def test_exec__attempt_and_success_are_one_event() -> None:
    (event,) = decode(
        exec_attempt(b"/bin/sh", b"sh", b"-c", b"id", at=STARTED + 1_000),
        exec_done(b"/bin/sh", at=STARTED + 9_000, args=(10, 0, 0)),
    )
    assert (event.kind, event.path, event.argv) == (EventKind.EXEC, "/bin/sh", ("sh", "-c", "id"))
    assert (event.result, event.at_us, event.raced) == (0, 1, False)


def test_exec__attempt_and_failure_are_one_event() -> None:
    (event,) = decode(
        exec_attempt(b"/none", b"none"), record(RecordType.EXEC_FAILED, "execve", result=-2)
    )
    assert (event.kind, event.path, event.result) == (EventKind.EXEC, "/none", -2)


def test_exec__the_one_that_armed_the_box_has_only_its_path() -> None:
    (event,) = decode(exec_done(b"/usr/bin/python3"))
    assert (event.path, event.argv, event.syscall) == ("/usr/bin/python3", (), "")


def test_exec__another_path_in_the_kernel_is_a_race() -> None:
    (event,) = decode(exec_attempt(b"/bin/true"), exec_done(b"/bin/evil", args=(10, 0, 0)))
    assert (event.path, event.path2, event.raced) == ("/bin/evil", "/bin/true", True)


def test_exec__a_path_that_could_not_be_read_is_the_kernels() -> None:
    (event,) = decode(
        exec_attempt(b"", b"sh", flags=RecordFlag.UNREAD), exec_done(b"/bin/sh", args=(10, 0, 0))
    )
    assert (event.path, event.detail, event.raced) == ("/bin/sh", "unread", False)


def test_exec__of_another_thread_is_joined_by_its_former_id() -> None:
    (event,) = decode(exec_attempt(b"/bin/true", tid=12), exec_done(b"/bin/true", args=(12, 0, 0)))
    assert (event.tid, event.argv, event.result) == (12, (), 0)


def test_exec__that_never_ended_is_told() -> None:
    (event,) = decode(exec_attempt(b"/bin/true"))
    assert event.detail == "unfinished"


# ---- lineage and places ----------------------------------------------------------------------


def test_lineage__parents_come_from_forks_and_not_from_threads() -> None:
    events = decode(
        forked(10, 11, at=STARTED),
        forked(11, 12, flags=0x10000, at=STARTED + 1),
        opened(b"/a", tgid=11, at=STARTED + 2),
        opened(b"/b", tgid=12, at=STARTED + 3),
    )
    assert [(event.parent, event.detail) for event in events] == [
        (0, ""),
        (10, "thread"),
        (10, ""),
        (0, ""),
    ]


def test_places__relative_paths_are_joined_where_their_base_is_known() -> None:
    events = decode(
        opened(b"/home/x/.aws", result=5, at=STARTED),
        forked(10, 11, at=STARTED + 1),
        opened(b"credentials", tgid=11, args=(5, 0, 0), at=STARTED + 2),
        opened(b"credentials", tgid=11, args=(6, 0, 0), at=STARTED + 3),
        opened(b"here", at=STARTED + 4),
        path_record("chdir", b"/srv/", at=STARTED + 5),
        opened(b"here", at=STARTED + 6),
    )
    assert [(event.path, event.detail) for event in events if event.kind is EventKind.OPEN] == [
        ("/home/x/.aws", ""),
        ("/home/x/.aws/credentials", ""),
        ("credentials", "at fd 6"),
        ("here", ""),
        ("/srv/here", ""),
    ]


def test_places__new_names_are_joined_too_and_a_links_target_is_not() -> None:
    def pair(call: str, first: bytes, second: bytes, **rest: Any) -> bytes:
        data = first.ljust(PATH_BYTES, b"\0") + second + b"\0"
        return record(
            RecordType.PAIR, call, data, lengths=(len(first) + 1, len(second) + 1), **rest
        )

    events = decode(
        opened(b"/home/x/.ssh", result=5, at=STARTED),
        path_record("chdir", b"/srv", at=STARTED + 1),
        pair("rename", b"a", b".bashrc", at=STARTED + 2),
        pair("renameat2", b"/t/a", b"config", args=(CWD, 0, 5), at=STARTED + 3),
        pair("symlinkat", b"../up", b"here", args=(0, 5, 0), at=STARTED + 4),
        pair("renameat2", b"/t/a", b"lost", args=(CWD, 0, 6), at=STARTED + 5),
    )

    assert [(event.path, event.path2) for event in events if event.path2] == [
        ("/srv/a", "/srv/.bashrc"),
        ("/t/a", "/home/x/.ssh/config"),
        ("../up", "/home/x/.ssh/here"),
        ("/t/a", "lost"),
    ]


# ---- addresses -------------------------------------------------------------------------------

INET = struct.pack("<H", 2) + struct.pack(">H", 443) + bytes([203, 0, 113, 7]) + bytes(8)
INET6 = (
    struct.pack("<H", 10)
    + struct.pack(">HI", 443, 0)
    + bytes.fromhex("20010db8000000000000000000000001")
)
MAPPED = struct.pack("<H", 10) + struct.pack(">HI", 443, 0) + bytes(10) + b"\xff\xff\xcb\x00q\x07"

ADDRESSES = [
    (INET, {"address": "203.0.113.7", "port": 443}),
    (INET6, {"address": "2001:db8::1", "port": 443}),
    (MAPPED, {"address": "203.0.113.7", "port": 443}),
    (struct.pack("<H", 1) + b"/run/s\0", {"path": "/run/s", "detail": "unix"}),
    (struct.pack("<H", 1) + b"\0name", {"path": "@name", "detail": "unix"}),
    (struct.pack("<H", 16) + bytes(10), {"detail": "netlink"}),
    (struct.pack("<H", 0) + bytes(14), {"detail": "unspecified"}),
    (struct.pack("<H", 99), {"detail": "family 99"}),
    (INET[:6], {"address": "", "detail": "family 2"}),
    (b"\x02", {"address": "", "detail": ""}),
    (b"", {"address": "", "detail": ""}),
]


@pytest.mark.parametrize(("sockaddr", "expected"), ADDRESSES)
def test_address__is_told_by_its_family(sockaddr: bytes, expected: dict[str, object]) -> None:
    data = sockaddr.ljust(ADDRESS_BYTES, b"\xaa") * 2
    lengths = (len(sockaddr), len(sockaddr))
    (event,) = decode(record(RecordType.ADDRESS, "connect", data, lengths=lengths))
    assert event.kind is EventKind.CONNECT
    assert {key: getattr(event, key) for key in expected} == expected


def test_address__that_changed_during_the_call_shows_both() -> None:
    data = INET.ljust(ADDRESS_BYTES, b"\0") + INET6.ljust(ADDRESS_BYTES, b"\0")
    (event,) = decode(
        record(RecordType.ADDRESS, "connect", data, lengths=(16, 24), flags=RecordFlag.RACED)
    )
    assert (event.raced, event.address) == (True, "203.0.113.7")
    assert event.detail == "then 2001:db8::1:443"


# ---- text ------------------------------------------------------------------------------------


def test_pair__that_changed_during_the_call_shows_all_four() -> None:
    data = b"".join(part.ljust(PATH_BYTES, b"\0") for part in (b"/a", b"/b", b"/c", b"/d"))
    (event,) = decode(
        record(RecordType.PAIR, "renameat2", data, lengths=(3, 3), flags=RecordFlag.RACED)
    )
    assert (event.path, event.path2, event.detail) == ("/a", "/b", "then /c /d")


# ---- counted in the kernel -------------------------------------------------------------------


def file_bytes(descriptor: int, *rest: int, moved: tuple[int, int], **more: Any) -> bytes:
    """`rest`: reads, writes, lineage, named."""
    data = FILE_REST.pack(*rest)
    return record(RecordType.FILE_BYTES, data=data, args=(descriptor, *moved), **more)


def test_file_bytes__are_an_event_for_what_was_read_and_one_for_what_was_written() -> None:
    read, written = decode(
        opened(b"/srv/data", result=5),
        file_bytes(5, 3, 2, 1, 1, moved=(300, 20), at=STARTED + 9_000),
    )[1:]
    assert (read.syscall, read.count, read.size_bytes) == ("read", 3, 300)
    assert (written.syscall, written.count, written.size_bytes) == ("write", 2, 20)
    for event in (read, written):
        assert event.kind is EventKind.FILE_IO
        assert (event.path, event.detail, event.pid, event.at_us) == ("/srv/data", "fd 5", 10, 9)
        assert event.owner == ARTIFACT


def test_file_bytes__of_a_pipe_have_no_path_whatever_the_number_stood_for() -> None:
    events = decode(opened(b"/srv/data", result=5), file_bytes(5, 0, 1, 1, 0, moved=(0, 7)))
    assert [(event.path, event.size_bytes) for event in events[1:]] == [("", 7)]


@pytest.mark.parametrize(
    ("call", "path"),
    [("dup2", "/srv/data"), ("dup3", "/srv/data"), ("socket", ""), ("accept4", "")],
)
def test_file_bytes__follow_what_a_number_stands_for(call: str, path: str) -> None:
    events = decode(
        opened(b"/srv/data", result=5),
        opened(b"/srv/other", result=6),
        record(RecordType.ARGUMENTS, call, result=6, args=(5, 6, 0)),
        file_bytes(6, 0, 1, 1, 1, moved=(0, 7)),
    )
    assert events[-1].path == path


def test_file_bytes__of_the_runner_say_so() -> None:
    (event,) = decode(file_bytes(5, 1, 0, 0, 1, moved=(1, 0)))
    assert event.owner == RUNNER


def sequence(*names: str, count: int, lineage: int = 1, phase: int = 1) -> bytes:
    numbers = [syscalls.numbers()[name] for name in names]
    calls = (numbers[0], numbers[1], numbers[2])
    trigram = Trigram(phase=phase, lineage=lineage, calls=calls, count=count)
    (made,) = sequence_records([trigram], slot=0, at_ns=STARTED + 7_000)
    return made


def test_sequence__is_told_by_names() -> None:
    (event,) = decode(sequence("openat", "fstat", "read", count=9))
    assert event.kind is EventKind.SEQUENCE
    assert (event.detail, event.count) == ("openat fstat read", 9)
    assert (event.pid, event.at_us, event.owner) == (0, 7, ARTIFACT)


def test_sequence__of_the_runner_says_so() -> None:
    (event,) = decode(sequence("read", "read", "read", count=1, lineage=0))
    assert event.owner == RUNNER


def test_sequence__those_beyond_the_bound_are_one_event_without_names() -> None:
    many = [Trigram(phase=1, lineage=1, calls=(0, 1, at), count=2) for at in range(400)]
    records = sequence_records(many * 11, slot=0, at_ns=STARTED)
    rest = decode(*records)[-1]
    assert (rest.detail, rest.result, rest.count) == ("", 400 * 11 - 4096, 2 * (400 * 11 - 4096))


@pytest.mark.parametrize(
    ("flag", "word"),
    [(RecordFlag.LATE, "late"), (RecordFlag.UNREAD, "unread"), (RecordFlag.CUT, "cut")],
)
def test_notes__say_how_a_path_was_read(flag: RecordFlag, word: str) -> None:
    (event,) = decode(opened(b"/a", flags=flag))
    assert event.detail == word


KINDS = list(RecordType)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(KINDS),
            st.sampled_from(sorted(syscalls.numbers())),
            st.binary(max_size=1100),
            st.integers(-4095, 2**31 - 1),
            st.tuples(*[st.integers(0, 2**64 - 1)] * 3),
            st.tuples(*[st.integers(0, 2**16 - 1)] * 2),
            st.integers(0, 15),
        ),
        max_size=8,
    )
)
def test_decode__whatever_a_record_holds_its_event_is_valid(
    parts: list[tuple[RecordType, str, bytes, int, Any, Any, int]],
) -> None:
    """Content is hostile: no content may break decoding, or an event's bounds when it is stored."""
    records = [
        record(kind, call, data, result=result, args=args, lengths=lengths, flags=flags)
        for kind, call, data, result, args, lengths, flags in parts
    ]
    events = decode(*records)
    stored = msgspec.json.encode(events)
    assert msgspec.json.decode(stored, type=list[Event]) == events
