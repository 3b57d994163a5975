"""Runs written by hand: the smallest sequences of events that a detector should, or should not, see."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.detectors.view import Planted, RunView
from analyzer.lineage import trace_lineage
from models.phase import Phase
from models.trace import Event, EventKind

P1, P2, P3 = Phase.INSTALL, Phase.START, Phase.IMPORT
P4, P5 = Phase.USE, Phase.WAIT
PID = 100
"""The command of each phase: the artifact in P2 and P3, pip in P1 of an sdist."""
BUILD = 110
"""A build back end in P1."""
HOME = "/home/dev"
SITE = "/env/lib/python3.11/site-packages"
PLANTED = (
    Planted(id="aws", kind="aws-key", path=f"{HOME}/.aws/credentials"),
    Planted(id="ssh", kind="ssh-key", path=f"{HOME}/.ssh/id_ed25519"),
    Planted(id="npm", kind="npm-token", path=f"{HOME}/.npmrc"),
    Planted(id="netrc", kind="netrc-password", path=f"{HOME}/.netrc"),
    Planted(id="env", kind="dotenv-secret", path=f"{HOME}/project/.env"),
    Planted(id="token", kind="env-token", variable="GITHUB_TOKEN"),
    Planted(id="openai", kind="env-token", variable="OPENAI_API_KEY"),
    Planted(id="pypi", kind="pypi-token", path=f"{HOME}/.pypirc"),
    Planted(id="kube", kind="kube-token", path=f"{HOME}/.kube/config"),
    Planted(id="browser", kind="browser-store", path=f"{HOME}/.config/google-chrome/Login Data"),
    Planted(id="role", kind="cloud-role"),
    Planted(id="argument", kind="argument"),
)
WRITE = 0o1101  # O_WRONLY | O_CREAT | O_TRUNC


class Clock:
    """Gives every event of a run a later time than the one before."""

    now = 0

    @classmethod
    def tick(cls) -> int:
        cls.now += 1000
        return cls.now


def event(kind: EventKind, phase: Phase = P3, *, pid: int = 0, **more: object) -> Event:
    return Event(
        kind=kind,
        phase=phase,
        at_us=Clock.tick(),
        pid=pid or (BUILD if phase is P1 else PID),
        **more,  # type: ignore[arg-type]  # a test's shorthand
    )


def execs(path: str, *argv: str, phase: Phase = P3, pid: int = 0, result: int = 0) -> Event:
    argv = argv or (path,)
    return event(EventKind.EXEC, phase, pid=pid, path=path, argv=argv, result=result)


def shell(text: str, phase: Phase = P3) -> Event:
    return execs("/bin/sh", "sh", "-c", text, phase=phase)


def writes(path: str, phase: Phase = P3, *, pid: int = 0, result: int = 3) -> Event:
    return event(EventKind.OPEN, phase, pid=pid, path=path, flags=WRITE, result=result)


def reads(path: str, phase: Phase = P3, *, pid: int = 0, result: int = 3) -> Event:
    return event(EventKind.OPEN, phase, pid=pid, path=path, result=result)


def connects(address: str, port: int = 443, phase: Phase = P3, *, pid: int = 0) -> Event:
    return event(EventKind.CONNECT, phase, pid=pid, address=address, port=port, result=-115)


def talks(
    address: str = "203.0.113.7",
    *,
    host: str = "",
    size: int = 10,
    phase: Phase = P3,
    port: int = 80,
    **more: object,
) -> Event:
    return Event(
        kind=EventKind.NET,
        phase=phase,
        at_us=Clock.tick(),
        address=address,
        host=host,
        port=port,
        size_bytes=size,
        **more,  # type: ignore[arg-type]  # a test's shorthand
    )


def asks(name: str, phase: Phase = P3, **more: object) -> Event:
    return Event(
        kind=EventKind.DNS,
        phase=phase,
        at_us=Clock.tick(),
        host=name,
        **more,  # type: ignore[arg-type]  # a test's shorthand
    )


def touches(planted: str, how: str = "access", phase: Phase = P3) -> Event:
    path = next(item.path for item in PLANTED if item.id == planted)
    return Event(
        kind=EventKind.DECOY,
        phase=phase,
        at_us=Clock.tick(),
        path=path,
        detail=how,
        canaries=(planted,),
    )


def calls(name: str, *arguments: int, result: int = 0, pid: int = 0, phase: Phase = P3) -> Event:
    detail = " ".join(f"{number:#x}" for number in arguments)
    return event(EventKind.CALL, phase, pid=pid, syscall=name, detail=detail, result=result)


def denied(name: str, phase: Phase = P3) -> Event:
    return event(EventKind.DENIED, phase, syscall=name, result=-1)


def forks(child: int, phase: Phase = P3, *, pid: int = 0) -> Event:
    return event(EventKind.FORK, phase, pid=pid, result=child)


def begin(phase: Phase) -> list[Event]:
    """What stands before the artifact's own events in a phase."""
    command = event(EventKind.EXEC, phase, pid=PID, path="/env/bin/python")
    if phase is not P1:
        return [command]
    hook = ("/env/bin/python", "/opt/pip/pip/_vendor/pyproject_hooks/_in_process/_in_process.py")
    return [command, forks(BUILD, P1, pid=PID), execs(hook[0], *hook, phase=P1, pid=BUILD)]


def run_of(events: Sequence[Event], *, patched: Sequence[str] = ()) -> RunView:
    """A run of an sdist with these events, each phase begun as it would be."""
    phases = sorted({item.phase for item in events})
    Clock.now = 0
    whole = [item for phase in phases for item in begin(phase)] + list(events)
    whole.sort(key=lambda item: (item.phase, item.at_us))
    return RunView(trace_lineage(whole, sdist=True), planted=PLANTED, sdist=True, patched=patched)
