"""Every pattern against what it must count, and the near miss that it must not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from analyzer.patterns import ENDPOINTS_MIN, NAMES_MIN, PATTERNS, RENAMES_MIN, pattern_signals
from models.evidence import Layer
from models.phase import Phase
from models.trace import Event, EventKind
from tests.analyzer.detectors.runs import (
    HOME,
    P1,
    P2,
    P3,
    PID,
    SITE,
    asks,
    calls,
    connects,
    event,
    execs,
    forks,
    reads,
    run_of,
    talks,
    touches,
    writes,
)

BY_NAME = {pattern.name: pattern for pattern in PATTERNS}
SCRATCH = "/tmp"  # noqa: S108 - a path in a box
TOOL = f"{SCRATCH}/tool"
CHILD = 120
"""A process that the command forked."""


def chmods(path: str, *, pid: int = 0) -> Event:
    return event(EventKind.CHMOD, pid=pid, path=path, flags=0o755)


def deletes(path: str, *, result: int = 0) -> Event:
    return event(EventKind.UNLINK, path=path, result=result)


def renames(path: str, to: str, phase: Phase = P3) -> Event:
    return event(EventKind.RENAME, phase, path=path, path2=to)


def exits(pid: int = PID) -> Event:
    return event(EventKind.EXIT, pid=pid)


def memfd(*, pid: int = 0) -> Event:
    return event(EventKind.MEMFD, pid=pid, path="x", result=5)


def sends(size: int, address: str = "203.0.113.7") -> Event:
    return event(EventKind.SEND, address=address, port=53, size_bytes=size, result=size)


def stdio(source: int, *streams: int) -> list[Event]:
    return [calls("dup2", source, stream, result=stream) for stream in streams]


SOCKET = calls("socket", 2, 1, 0, result=5)

CASES: list[tuple[str, int, Sequence[Event]]] = [
    # files that come from elsewhere
    (
        "connect_write_chmod_exec",
        1,
        [connects("203.0.113.7"), writes(TOOL), chmods(TOOL), execs(TOOL)],
    ),
    (
        "connect_write_chmod_exec",
        1,
        [
            forks(CHILD),
            connects("203.0.113.7", pid=CHILD),
            writes(f"{TOOL}.part", pid=CHILD),
            chmods(f"{TOOL}.part", pid=CHILD),
            renames(f"{TOOL}.part", TOOL),
            execs(TOOL),
        ],
    ),
    ("connect_write_chmod_exec", 0, [connects("203.0.113.7"), writes(TOOL), execs(TOOL)]),
    (
        "connect_write_chmod_exec",
        0,
        [connects("127.0.0.1"), writes(TOOL), chmods(TOOL), execs(TOOL)],
    ),
    (
        "connect_write_chmod_exec",
        0,
        [writes(TOOL), connects("203.0.113.7"), chmods(TOOL), execs(TOOL)],
    ),
    (
        "connect_write_chmod_exec",
        0,
        [connects("203.0.113.7"), writes(TOOL), chmods(TOOL), execs(TOOL, result=-13)],
    ),
    ("download_then_exec", 1, [execs("/usr/bin/curl"), writes(TOOL), execs(TOOL)]),
    (
        "download_then_exec",
        1,
        [execs("/usr/bin/wget"), writes(TOOL), execs("/bin/sh", "sh", TOOL)],
    ),
    ("download_then_exec", 0, [writes(TOOL), execs("/usr/bin/curl"), execs(TOOL)]),
    ("download_then_exec", 0, [execs("/usr/bin/git"), writes(TOOL), execs(TOOL)]),
    ("download_then_exec", 0, [execs("/usr/bin/curl", result=-2), writes(TOOL), execs(TOOL)]),
    ("memfd_then_exec", 1, [memfd(), execs("/proc/self/fd/5")]),
    (
        "memfd_then_exec",
        1,
        [memfd(), forks(CHILD), execs("/proc/self/fd/5", pid=CHILD)],
    ),
    ("memfd_then_exec", 0, [memfd(), execs("/bin/true")]),
    ("memfd_then_exec", 0, [execs("/proc/self/fd/5")]),
    ("exec_then_unlink", 1, [writes(TOOL), execs(TOOL), deletes(TOOL)]),
    ("exec_then_unlink", 0, [writes(TOOL), deletes(TOOL), execs(TOOL, result=-2)]),
    ("exec_then_unlink", 0, [execs(TOOL), deletes(TOOL, result=-13)]),
    # who gives the orders
    (
        "socket_onto_stdio_then_exec",
        1,
        [SOCKET, connects("203.0.113.7"), *stdio(5, 0, 1, 2), execs("/opt/agent")],
    ),
    ("socket_onto_stdio_then_exec", 0, [SOCKET, *stdio(5, 0), execs("/bin/sh")]),
    ("socket_onto_stdio_then_exec", 0, [*stdio(9, 0, 1, 2), execs("/bin/sh")]),
    (
        "socket_onto_stdio_then_exec",
        0,
        [SOCKET, *stdio(5, 0, 1), *stdio(7, 0, 1), execs("/bin/sh")],
    ),
    ("detach_then_connect", 1, [calls("setsid"), connects("203.0.113.7")]),
    (
        "detach_then_connect",
        1,
        [calls("setsid"), forks(CHILD), connects("203.0.113.7", pid=CHILD)],
    ),
    ("detach_then_connect", 0, [connects("203.0.113.7"), calls("setsid")]),
    ("detach_then_connect", 0, [calls("setsid"), connects("127.0.0.1")]),
    ("detach_then_connect", 0, [calls("setsid", result=-1), connects("203.0.113.7")]),
    # secrets
    ("decoy_open_then_send", 1, [touches("aws", "open"), talks(size=10)]),
    ("decoy_open_then_send", 2, [touches("aws"), touches("ssh"), sends(5)]),
    ("decoy_open_then_send", 0, [talks(size=10), touches("aws")]),
    ("decoy_open_then_send", 0, [touches("aws"), talks(size=0)]),
    ("decoy_open_then_send", 0, [touches("aws", "modify"), talks(size=10)]),
    ("decoy_open_then_send", 0, [touches("aws", phase=P2), talks(phase=P3)]),
    ("decoy_open_then_send", 0, [touches("aws"), sends(5, "127.0.0.1")]),
    # many
    (
        "many_renames",
        RENAMES_MIN,
        [renames(f"{HOME}/d/{n}", f"{HOME}/d/{n}.locked") for n in range(RENAMES_MIN)],
    ),
    (
        "many_renames",
        0,
        [renames(f"{HOME}/d/{n}", f"{HOME}/d/{n}.x") for n in range(RENAMES_MIN - 1)],
    ),
    ("many_renames", 0, [renames(f"{HOME}/{n}/a", f"{HOME}/{n}/b") for n in range(30)]),
    ("many_renames", 0, [renames(f"{SITE}/a/{n}.tmp", f"{SITE}/a/{n}", P1) for n in range(30)]),
    (
        "connect_fan_out",
        ENDPOINTS_MIN,
        [connects("127.0.0.1", 8000 + n) for n in range(ENDPOINTS_MIN)],
    ),
    ("connect_fan_out", 0, [connects("127.0.0.1", 8000)] * 30),
    ("lookup_fan_out", NAMES_MIN, [asks(f"n{n}.invalid") for n in range(NAMES_MIN)]),
    ("lookup_fan_out", 0, [asks("one.invalid") for _ in range(30)]),
    # looking round
    (
        "probes_then_exit",
        1,
        [reads("/sys/class/dmi/id/product_name"), reads("/proc/1/cgroup"), exits()],
    ),
    ("probes_then_exit", 0, [reads("/proc/1/cgroup"), reads("/proc/1/cgroup"), exits()]),
    (
        "probes_then_exit",
        0,
        [reads("/sys/class/dmi"), reads("/proc/1/cgroup"), connects("203.0.113.7"), exits()],
    ),
    ("probes_then_exit", 0, [reads("/sys/class/dmi"), reads("/proc/1/cgroup")]),
]


@pytest.mark.parametrize(("name", "count", "events"), CASES)
def test_pattern__counts_what_it_means(name: str, count: int, events: Sequence[Event]) -> None:
    assert BY_NAME[name].count(run_of(events)) == count


@pytest.mark.parametrize("pattern", PATTERNS, ids=list(BY_NAME))
def test_pattern__has_a_match_and_a_near_miss(pattern: object) -> None:
    counts = [count > 0 for name, count, _ in CASES if name == pattern.name]  # type: ignore[attr-defined]
    assert set(counts) == {True, False}


@pytest.mark.parametrize("pattern", PATTERNS, ids=list(BY_NAME))
def test_pattern__needs_only_kinds_that_its_matches_have(pattern: object) -> None:
    name, needs = pattern.name, pattern.needs  # type: ignore[attr-defined]
    seen = {item.kind for case, count, events in CASES if case == name and count for item in events}
    assert needs <= seen


def test_patterns__are_eleven_of_different_names() -> None:
    assert len(BY_NAME) == len(PATTERNS) == 11


def test_pattern_signals__are_integers_of_the_behaviour_layer() -> None:
    signals = pattern_signals(run_of([touches("aws"), talks(size=10)]))
    assert [found.name for found in signals] == [f"behaviour.pattern_{name}" for name in BY_NAME]
    assert {found.layer for found in signals} == {Layer.BEHAVIOUR}
    values = {found.name: found.value for found in signals}
    assert values.pop("behaviour.pattern_decoy_open_then_send") == 1
    assert set(values.values()) == {0}


def test_patterns__what_our_runner_does_is_no_pattern() -> None:
    """Before the command there is only the runner: its process has a lower number."""
    before = [event(EventKind.CONNECT, pid=5, address="203.0.113.7", port=n + 1) for n in range(30)]
    assert BY_NAME["connect_fan_out"].count(run_of(before)) == 0
