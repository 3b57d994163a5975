"""Whose act an event is."""

from __future__ import annotations

import pytest

from analyzer.lineage import ARTIFACT, CLONE_THREAD, PIP, RUNNER, is_pip, trace_lineage
from models.phase import Phase
from models.trace import Event, EventKind

P1, P2, P3 = Phase.INSTALL, Phase.START, Phase.IMPORT
P4, P5 = Phase.USE, Phase.WAIT
RUNNER_PID, COMMAND_PID = 90, 100
PIP_RUN = ("/env/bin/python", "/opt/pip/pip", "install", "/in/x.tar.gz")
HOOK = ("/env/bin/python", "/opt/pip/pip/_vendor/pyproject_hooks/_in_process/_in_process.py", "x")


def at(phase: Phase, kind: EventKind, pid: int, **more: object) -> Event:
    return Event(kind=kind, phase=phase, at_us=0, pid=pid, **more)  # type: ignore[arg-type]  # a test's shorthand


def execs(phase: Phase, pid: int, *argv: str, path: str = "/env/bin/python") -> Event:
    return at(phase, EventKind.EXEC, pid, path=path, argv=argv)


def forks(phase: Phase, parent: int, child: int, flags: int = 0) -> Event:
    return at(phase, EventKind.FORK, parent, result=child, flags=flags)


def opens(phase: Phase, pid: int) -> Event:
    return at(phase, EventKind.OPEN, pid, path="/x")


def owners(*events: Event, sdist: bool = False) -> list[str]:
    return [event.owner for event in trace_lineage(events, sdist=sdist).events]


def test_trace_lineage__unpacking_a_wheel_is_the_runners() -> None:
    assert owners(execs(P1, COMMAND_PID), opens(P1, COMMAND_PID), opens(P1, 999)) == [RUNNER] * 3


def test_trace_lineage__the_command_of_start_and_import_is_the_artifact() -> None:
    for phase in (P2, P3):
        assert owners(
            execs(phase, COMMAND_PID), opens(phase, COMMAND_PID), opens(phase, RUNNER_PID)
        ) == [RUNNER, ARTIFACT, RUNNER]


def test_trace_lineage__each_further_module_is_the_artifact_from_its_exec_on() -> None:
    assert owners(
        execs(P3, COMMAND_PID),
        forks(P3, RUNNER_PID, 200),
        opens(P3, 200),
        execs(P3, 200, "/env/bin/python", "-c", "…", "x"),
        opens(P3, 200),
        forks(P3, 200, 201),
        opens(P3, 201),
    ) == [RUNNER, RUNNER, RUNNER, RUNNER, ARTIFACT, ARTIFACT, ARTIFACT]


OURS = ("python3", "-I", "-S", "/opt/runner/analyzer/sandbox/runner/calls.py")


@pytest.mark.parametrize("phase", [P4, P5])
def test_trace_lineage__use_and_second_start_charge_what_our_scripts_start(phase: Phase) -> None:
    assert owners(
        execs(phase, COMMAND_PID),
        opens(phase, RUNNER_PID),
        forks(phase, RUNNER_PID, 200),
        execs(phase, 200, "/env/bin/demo", "--help", path="/env/bin/demo"),
        opens(phase, 200),
        forks(phase, RUNNER_PID, 201),
        execs(phase, 201, "/env/bin/python", "/opt/runner/use.py"),
        opens(phase, 201),
        opens(phase, COMMAND_PID),
    ) == [RUNNER, RUNNER, RUNNER, RUNNER, ARTIFACT, RUNNER, RUNNER, ARTIFACT, ARTIFACT]


@pytest.mark.parametrize("phase", [P4, P5])
def test_trace_lineage__a_script_of_ours_stays_ours(phase: Phase) -> None:
    assert owners(
        execs(phase, COMMAND_PID, path="/usr/bin/python3"),
        opens(phase, COMMAND_PID),
        forks(phase, COMMAND_PID, 200),
        execs(phase, 200, *OURS, path="/usr/bin/python3"),
        opens(phase, 200),
        execs(phase, 200, "/env/bin/python", "-c", "pass"),
        opens(phase, 200),
        execs(phase, 200, *OURS, path="/usr/bin/python3"),
        opens(phase, 200),
    ) == [RUNNER, RUNNER, RUNNER, RUNNER, RUNNER, RUNNER, *([ARTIFACT] * 3)]


@pytest.mark.parametrize(
    ("path", "argv"),
    [
        ("/env/bin/python", OURS),
        ("/usr/bin/python3", ("python3", "-I", "/opt/runner/x.py")),
        ("/usr/bin/python3", ("python3", "-I", "-S", "/tmp/opt/runner/x.py")),  # noqa: S108
        ("/usr/bin/python3", ("python3", "-I", "-S", "-c", "pass", "/opt/runner/x.py")),
    ],
)
def test_trace_lineage__what_only_looks_like_our_script_is_the_artifact(
    path: str, argv: tuple[str, ...]
) -> None:
    assert owners(
        execs(P4, COMMAND_PID),
        forks(P4, RUNNER_PID, 200),
        execs(P4, 200, *argv, path=path),
        opens(P4, 200),
    )[-1:] == [ARTIFACT]


def test_trace_lineage__our_shell_waiting_is_the_runner_unless_its_program_was_replaced() -> None:
    for path, owner in (("/usr/bin/sleep", RUNNER), ("/env/bin/sleep", ARTIFACT)):
        assert owners(
            execs(P2, COMMAND_PID),
            forks(P2, RUNNER_PID, 200),
            execs(P2, 200, "sleep", "0.1", path=path),
            opens(P2, 200),
        ) == [RUNNER, RUNNER, RUNNER, owner]


def test_trace_lineage__an_unknown_process_above_the_command_is_the_artifact() -> None:
    assert owners(execs(P3, COMMAND_PID), opens(P3, COMMAND_PID + 1)) == [RUNNER, ARTIFACT]


def test_trace_lineage__pip_is_not_charged_and_what_it_builds_is() -> None:
    assert owners(
        execs(P1, COMMAND_PID),
        opens(P1, COMMAND_PID),
        forks(P1, COMMAND_PID, 110),
        opens(P1, 110),
        execs(P1, 110, "/usr/bin/uname", path="/usr/bin/uname"),
        opens(P1, 110),
        forks(P1, COMMAND_PID, 120),
        execs(P1, 120, *HOOK),
        opens(P1, 120),
        forks(P1, 120, 121),
        execs(P1, 121, *PIP_RUN),
        opens(P1, 121),
        opens(P1, COMMAND_PID),
        sdist=True,
    ) == [RUNNER, PIP, PIP, PIP, PIP, PIP, PIP, PIP, *([ARTIFACT] * 4), PIP]


def test_trace_lineage__a_pip_that_starts_after_artifact_code_is_not_believed() -> None:
    assert owners(
        execs(P1, COMMAND_PID),
        forks(P1, COMMAND_PID, 110),
        execs(P1, 110, *HOOK),
        opens(P1, 110),
        forks(P1, COMMAND_PID, 120),
        execs(P1, 120, *PIP_RUN),
        opens(P1, 120),
        sdist=True,
    )[-1:] == [ARTIFACT]


def test_trace_lineage__a_pip_that_starts_before_artifact_code_is_pip() -> None:
    assert owners(
        execs(P1, COMMAND_PID),
        forks(P1, COMMAND_PID, 110),
        execs(P1, 110, *PIP_RUN),
        opens(P1, 110),
        sdist=True,
    )[-1:] == [PIP]


def test_trace_lineage__threads_are_no_processes() -> None:
    lineage = trace_lineage((execs(P3, COMMAND_PID), forks(P3, COMMAND_PID, 150, CLONE_THREAD)))

    assert {pid for _, pid in lineage.processes} == {COMMAND_PID}


def test_trace_lineage__what_is_seen_from_outside_is_the_artifacts() -> None:
    assert (
        owners(at(P1, EventKind.NET, 0), at(P2, EventKind.DECOY, 0), sdist=True) == [ARTIFACT] * 2
    )


def test_trace_lineage__processes_know_parent_command_session_and_end() -> None:
    lineage = trace_lineage(
        (
            execs(P3, COMMAND_PID),
            forks(P3, COMMAND_PID, 200),
            at(P3, EventKind.CALL, 200, syscall="setsid", result=200),
            forks(P3, 200, 201),
            execs(P3, 201, "sleep", "20", path="/usr/bin/sleep"),
            at(P3, EventKind.EXIT, 200),
        )
    )

    child, grandchild = lineage.processes[P3, 200], lineage.processes[P3, 201]
    assert (child.parent, child.detached, child.exited_us) == (COMMAND_PID, True, 0)
    assert (grandchild.parent, grandchild.detached, grandchild.exited_us) == (200, True, None)
    assert grandchild.command == "sleep 20"


@pytest.mark.parametrize(
    ("argv", "pip"),
    [
        (PIP_RUN, True),
        (("python3", "-m", "pip", "install"), True),
        (("python3", "-I", "/usr/bin/pip3"), True),
        (HOOK, False),
        (("python3", "-c", "import pip", "/opt/pip/pip"), False),
        (("python3", "setup.py", "/opt/pip/pip"), False),
        (("python3", "-m", "pipx"), False),
        (("python3",), False),
    ],
)
def test_is_pip__by_the_first_script_or_module(argv: tuple[str, ...], *, pip: bool) -> None:
    assert is_pip(argv) is pip


def counted(phase: Phase, owner: str = ARTIFACT) -> Event:
    return Event(
        kind=EventKind.SEQUENCE, phase=phase, at_us=9, owner=owner, detail="a b c", count=1
    )


def test_trace_lineage__what_the_kernel_counted_keeps_the_owner_it_came_with() -> None:
    for phase in (P2, P3):
        events = (execs(phase, COMMAND_PID), counted(phase), counted(phase, RUNNER))
        assert owners(*events)[1:] == [ARTIFACT, RUNNER]


def test_trace_lineage__what_was_counted_while_a_wheel_was_unpacked_is_the_runners() -> None:
    assert owners(execs(P1, COMMAND_PID), counted(P1))[1:] == [RUNNER]
    assert owners(execs(P1, COMMAND_PID), counted(P1), sdist=True)[1:] == [ARTIFACT]


def test_process__says_what_it_was_at_a_time() -> None:
    events = (
        Event(kind=EventKind.EXEC, phase=P3, at_us=0, pid=COMMAND_PID, path="/env/bin/python"),
        Event(kind=EventKind.FORK, phase=P3, at_us=10, pid=COMMAND_PID, result=200),
        Event(kind=EventKind.EXEC, phase=P3, at_us=20, pid=200, path="/bin/sh", argv=("sh",)),
        Event(kind=EventKind.EXEC, phase=P3, at_us=30, pid=200, path="/bin/true", argv=("true",)),
    )

    child = trace_lineage(events).processes[P3, 200]

    assert [child.at(time) for time in (5, 15, 25, 35)] == [
        ("/env/bin/python", ()),
        ("/env/bin/python", ()),
        ("/bin/sh", ("sh",)),
        ("/bin/true", ("true",)),
    ]
    assert child.command == "true"
