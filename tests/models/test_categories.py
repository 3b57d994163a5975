"""From events to the rows of the six categories."""

from __future__ import annotations

from typing import Any

from analyzer import lineage
from models.artifact import Sha256
from models.categories import (
    UNKNOWN,
    Categories,
    FileType,
    Relation,
    categorise,
    installation_rows,
    pattern_rows,
    process_name,
    system_call_rows,
)
from models.evidence import PhaseReport, ResolvedFile
from models.phase import Phase
from models.trace import RUNNER, Event, EventKind

P1, P3 = Phase.INSTALL, Phase.IMPORT


def event(kind: EventKind, phase: Phase = P3, **more: Any) -> Event:
    return Event(kind=kind, phase=phase, at_us=more.pop("at_us", 0), pid=more.pop("pid", 7), **more)


def executed(path: str, pid: int = 7) -> Event:
    return event(EventKind.EXEC, pid=pid, path=path)


def sequence(detail: str, count: int, owner: str = "", result: int = 0, phase: Phase = P3) -> Event:
    return event(
        EventKind.SEQUENCE, phase, pid=0, detail=detail, count=count, owner=owner, result=result
    )


def io(call: str, count: int, size: int, path: str = "/srv/x", pid: int = 7) -> Event:
    return event(EventKind.FILE_IO, pid=pid, syscall=call, count=count, size_bytes=size, path=path)


def test_runner__is_the_same_word_everywhere() -> None:
    assert lineage.RUNNER == RUNNER


def test_process__is_named_after_its_last_exec_and_a_child_after_its_parent() -> None:
    rows = categorise(
        [
            event(EventKind.OPEN, path="/early"),
            executed("/usr/bin/python3"),
            event(EventKind.FORK, result=8),
            event(EventKind.OPEN, pid=8, path="/child"),
            executed("/bin/a program with a very long name", pid=8),
            event(EventKind.OPEN, pid=8, path="/later"),
            event(EventKind.OPEN, P1, path="/other phase"),
        ]
    ).opensnoop
    assert [(row.path, row.process) for row in rows] == [
        ("/early", UNKNOWN),
        ("/child", "python3"),
        ("/later", "a_program_with_"),
        ("/other phase", UNKNOWN),
    ]


def test_process_name__is_one_printable_word() -> None:
    assert process_name("/srv/a\n\u202eb") == "a__b"
    assert process_name("/srv/") == UNKNOWN


def test_filetop__sums_by_process_and_path() -> None:
    rows = categorise(
        [
            executed("/bin/cp"),
            io("read", 2, 100),
            io("read", 1, 50),
            io("write", 3, 7),
            io("write", 1, 9000, path=""),
            io("write", 1, 1, path="/dev/null"),
            io("read", 1, 1, pid=9),
        ]
    ).filetop
    found = [
        (row.path, row.pid, row.reads, row.read_bytes, row.writes, row.written_bytes)
        for row in rows
    ]
    assert found == [
        ("", 7, 0, 0, 1, 9000),
        ("/srv/x", 7, 3, 150, 3, 7),
        ("/dev/null", 7, 0, 0, 1, 1),
        ("/srv/x", 9, 1, 1, 0, 0),
    ]
    assert [row.type for row in rows[:3]] == [FileType.OTHER, FileType.REGULAR, FileType.OTHER]
    assert [row.process for row in rows] == ["cp", "cp", "cp", UNKNOWN]


def test_opensnoop__holds_failures_too() -> None:
    found = categorise(
        [
            event(EventKind.OPEN, path="/a", result=5, at_us=3),
            event(EventKind.OPEN, path="/b", result=-13, owner=RUNNER),
        ]
    ).opensnoop
    assert [(row.descriptor, row.errno, row.at_us, row.owner) for row in found] == [
        (5, 0, 3, ""),
        (-1, 13, 0, RUNNER),
    ]


def test_tcp__knows_both_ends_and_how_long_a_state_lasted() -> None:
    def change(detail: str, at_us: int, socket: int = 1) -> Event:
        return event(
            EventKind.TCP,
            detail=detail,
            at_us=at_us,
            flags=socket,
            address="203.0.113.7",
            port=443,
            local_address="10.0.2.15",
            local_port=4242,
        )

    first, other, second = categorise(
        [
            change("CLOSE>SYN_SENT", 10),
            change("CLOSE>LISTEN", 20, 2),
            change("SYN_SENT>ESTABLISHED", 1510),
        ]
    ).tcp
    assert (first.old, first.new, first.lasted_us) == ("CLOSE", "SYN_SENT", 0)
    assert (second.lasted_us, second.socket) == (1500, 1)
    assert (second.remote_address, second.remote_port) == ("203.0.113.7", 443)
    assert (second.local_address, second.local_port) == ("10.0.2.15", 4242)
    assert (other.remote_address, other.remote_port) == ("0.0.0.0", 0)


def test_patterns__come_most_frequent_first_and_leave_out_what_is_not_told() -> None:
    rows = pattern_rows(
        [sequence("a b c", 1), sequence("", 50, result=9), sequence("a b d", 7, result=-2)]
    )
    assert [(row.calls, row.count, row.errno) for row in rows] == [
        (("a", "b", "d"), 7, 2),
        (("a", "b", "c"), 1, 0),
    ]


SEQUENCES = [
    sequence("openat fstat read", 5),
    sequence("fstat read close", 3, result=-9),
    sequence("read read read", 4, owner=RUNNER),
]


def test_system_calls__of_the_runner_are_taken_off_the_boxs() -> None:
    report = PhaseReport(
        phase=P3, exit_code=0, wall_ms=1, syscalls=(("close", 4), ("openat", 2), ("read", 10))
    )
    rows = system_call_rows(SEQUENCES, [report])
    assert {(row.owner, row.name): row.count for row in rows} == {
        ("", "close"): 4,
        ("", "openat"): 2,
        ("", "read"): 6,
        (RUNNER, "read"): 4,
    }


def test_system_calls__without_reports_are_those_of_the_trigrams() -> None:
    rows = system_call_rows(SEQUENCES)
    assert {(row.owner, row.name): row.count for row in rows} == {
        ("", "read"): 5,
        ("", "close"): 3,
        (RUNNER, "read"): 4,
    }


def test_system_calls__of_a_phase_in_which_only_the_runner_ran_are_its_own() -> None:
    report = PhaseReport(phase=P1, exit_code=0, wall_ms=1, syscalls=(("read", 9),))
    rows = system_call_rows([sequence("read read read", 7, owner=RUNNER, phase=P1)], [report])
    assert [(row.owner, row.name, row.count) for row in rows] == [(RUNNER, "read", 9)]


def test_system_calls__know_how_many_failed_as_far_as_trigrams_tell() -> None:
    rows = system_call_rows([sequence("close read close", 3, result=-9), sequence("a b close", 4)])
    assert {row.name: row.errors for row in rows} == {"close": 3}


FILES = (
    ResolvedFile(project="urllib3", version="2.2.3", filename="u.whl", sha256=Sha256("a" * 64)),
    ResolvedFile(project="elastic", version="8", filename="e.whl", sha256=Sha256("b" * 64)),
    ResolvedFile(
        project="wheel", version="1", filename="w.whl", sha256=Sha256("c" * 64), role="build"
    ),
)


def test_installation__tells_who_requires_what() -> None:
    rows = installation_rows(FILES, artifact="demo.whl", requirements={"elastic": "elastic>=8"})
    assert [(row.owner, row.relation, row.required_by, row.requirement) for row in rows] == [
        ("urllib3", Relation.INDIRECT, "", ""),
        ("elastic", Relation.DIRECT, "demo.whl", "elastic>=8"),
        ("wheel", Relation.BUILD, "demo.whl", ""),
    ]
    assert (rows[0].version, rows[0].filename, rows[0].sha256) == ("2.2.3", "u.whl", "a" * 64)


def test_installation__without_metadata_does_not_guess() -> None:
    relations = [row.relation for row in installation_rows(FILES, artifact="demo.tar.gz")]
    assert relations == [Relation.UNKNOWN, Relation.UNKNOWN, Relation.BUILD]


def test_of_artifact__leaves_out_what_the_box_and_pip_did() -> None:
    events = [
        event(EventKind.OPEN, path="/a"),
        event(EventKind.OPEN, path="/b", owner=RUNNER),
        event(EventKind.OPEN, path="/c", owner="box:pip"),
        event(EventKind.OPEN, path="/d", owner="requests"),
        *SEQUENCES,
    ]
    categories = categorise(events, dependencies=FILES)
    ours = categories.of_artifact()
    assert [row.path for row in ours.opensnoop] == ["/a", "/d"]
    assert {row.owner for row in ours.patterns} == {""}
    assert {row.owner for row in ours.system_calls} == {""}
    assert ours.installation == categories.installation


def test_categorise__of_nothing_is_nothing() -> None:
    assert categorise([]) == Categories()
