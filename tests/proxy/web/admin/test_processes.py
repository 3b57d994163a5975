"""The tree of processes: who started whom, and bounds that no trace gets past."""

from __future__ import annotations

from analyzer.tracefile import encode_trace
from models.phase import Phase
from models.trace import RUNNER, Event, EventKind
from proxy.web.admin.processes import (
    DEPTH_MAX,
    OPENS_READ_MAX,
    PROCESSES_MAX,
    SEEN_MAX,
    TOUCHED_MAX,
    Process,
    trees,
    trees_of,
)


def event(kind: EventKind, pid: int, **more: object) -> Event:
    return Event(kind=kind, phase=Phase.IMPORT, at_us=1, pid=pid, **more)  # type: ignore[arg-type]


def processes(*events: Event) -> tuple[Process, ...]:
    (tree,) = trees(events).phases
    return tree.processes


def test_trees__children_stand_behind_who_started_them() -> None:
    found = processes(
        event(EventKind.EXEC, 1, argv=("runner",), owner=RUNNER),
        event(EventKind.FORK, 1, result=2),
        event(EventKind.FORK, 1, result=4),
        event(EventKind.FORK, 2, result=3),
        event(EventKind.EXEC, 3, argv=("curl", "-s")),
    )
    assert [(one.pid, one.depth) for one in found] == [(1, 0), (2, 1), (3, 2), (4, 1)]
    assert found[2].command == "curl -s"
    assert found[0].ours
    assert not found[2].ours


def test_trees__an_exec_that_failed_is_no_command() -> None:
    (one,) = processes(
        event(EventKind.EXEC, 1, argv=("sh",)),
        event(EventKind.EXEC, 1, argv=("missing",), result=-2),
    )
    assert one.command == "sh"


def test_trees__what_was_touched_by_kind() -> None:
    (one,) = processes(
        event(EventKind.OPEN, 1, path="/read", result=3),
        event(EventKind.OPEN, 1, path="/made", flags=0o101, result=3),
        event(EventKind.OPEN, 1, path="/refused", flags=0o101, result=-13),
        event(EventKind.UNLINK, 1, path="/gone"),
        event(EventKind.CONNECT, 1, address="203.0.113.7", port=443),
        event(EventKind.DNS, 1, host="evil.example"),
        event(EventKind.NET, 1, host="evil.example", port=80, canaries=("aws-key",)),
        event(EventKind.DECOY, 1, detail="ssh-key"),
        event(EventKind.DENIED, 1, syscall="ptrace"),
    )
    assert list(one.written) == ["/made", "/gone"]
    assert list(one.hosts) == ["203.0.113.7:443", "evil.example", "evil.example:80"]
    assert list(one.secrets) == ["aws-key sent", "ssh-key"]
    assert list(one.denied) == ["ptrace"]


def test_trees__a_circle_of_parents_is_shown_once_and_ends() -> None:
    found = processes(
        event(EventKind.EXEC, 1, parent=2, argv=("a",)),
        event(EventKind.EXEC, 2, parent=1, argv=("b",)),
        event(EventKind.EXEC, 3, parent=3, argv=("c",)),
    )
    assert sorted(one.pid for one in found) == [1, 2, 3]


def test_trees__floods_are_cut() -> None:
    chain = [event(EventKind.FORK, pid, result=pid + 1) for pid in range(1, 400)]
    written = [event(EventKind.UNLINK, 1, path=f"/{n}") for n in range(100)]
    (tree,) = trees([*chain, *written]).phases
    assert len(tree.processes) == PROCESSES_MAX
    assert tree.left_out == 400 - PROCESSES_MAX
    assert max(one.depth for one in tree.processes) == DEPTH_MAX
    assert len(tree.processes[0].written) == TOUCHED_MAX


def test_trees__what_was_seen_from_outside_stands_by_the_phase() -> None:
    (tree,) = trees(
        [
            event(EventKind.DNS, 0, host="evil.example", address="10.0.2.3", detail="A"),
            event(EventKind.DNS, 0, host="evil.example", address="10.0.2.3", detail="AAAA"),
            event(EventKind.DECOY, 0, path="/home/dev/.netrc", detail="open", canaries=("c1",)),
            event(EventKind.DECOY, 0, path="/home/dev/.netrc", detail="access", canaries=("c1",)),
            event(EventKind.CONNECT, 1, address="203.0.113.7", port=443),
            event(
                EventKind.NET,
                0,
                host="evil.example",
                address="203.0.113.7",
                port=443,
                detail="POST /",
                canaries=("c1", "c2"),
            ),
        ]
    ).phases
    assert [(one.kind, one.where, one.secrets) for one in tree.seen] == [
        (EventKind.NET, "evil.example:443", 2),  # a secret that left stands first
        (EventKind.DNS, "evil.example", 0),
        (EventKind.DECOY, "/home/dev/.netrc", 0),
    ]
    assert list(tree.processes[0].hosts) == ["203.0.113.7:443 (evil.example)"]


def test_trees__a_flood_from_outside_is_cut_and_counted() -> None:
    (tree,) = trees([event(EventKind.DNS, 0, host=f"h{n}.example") for n in range(99)]).phases
    assert len(tree.seen) == SEEN_MAX
    assert tree.seen_left_out == 99 - SEEN_MAX


def test_trees__what_every_import_writes_hides_nothing() -> None:
    bytecode = [
        event(EventKind.OPEN, 1, path=f"/env/lib/a/__pycache__/{n}.pyc", flags=0o101, result=3)
        for n in range(TOUCHED_MAX)
    ]
    hook = event(EventKind.OPEN, 1, path="/env/lib/evil.pth", flags=0o101, result=3)
    elsewhere = event(EventKind.OPEN, 1, path="/srv/other/__pycache__/x", flags=0o101, result=3)
    (one,) = processes(*bytecode, hook, elsewhere)
    assert list(one.written) == ["/env/lib/evil.pth", "/srv/other/__pycache__/x"]
    assert one.usual == TOUCHED_MAX


def test_trees__code_that_acts_in_our_runner_is_not_pale() -> None:
    start = event(EventKind.EXEC, 1, argv=("python", "-c", "a\nb\nlast"), owner=RUNNER)
    (ours,) = processes(start)
    assert ours.ours
    assert ours.command == "python -c a … last"
    (acted,) = processes(start, event(EventKind.UNLINK, 1, path="/gone"))
    assert not acted.ours
    assert processes(event(EventKind.EXIT, 2, owner=RUNNER)) == ()


async def test_trees_of__opened_files_push_no_connection_off_the_page() -> None:
    opened = [event(EventKind.OPEN, 1, path="/x", result=3)] * (OPENS_READ_MAX + 1)
    data, _ = encode_trace([*opened, event(EventKind.CONNECT, 1, address="203.0.113.7", port=1)])
    found = await trees_of(data)
    assert found is not None
    assert found.cut
    (one,) = found.phases[0].processes
    assert (one.files, list(one.hosts)) == (OPENS_READ_MAX, ["203.0.113.7:1"])


async def test_trees_of__a_stored_trace_and_none_for_what_is_none() -> None:
    data, _ = encode_trace([event(EventKind.EXEC, 1, argv=("sh",))])
    found = await trees_of(data)
    assert found is not None
    assert not found.cut
    assert found.phases[0].processes[0].command == "sh"
    assert await trees_of(b"not a trace") is None
    assert await trees_of(data[:-9]) is None
