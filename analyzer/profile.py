"""What a release was seen to do, without what chance adds: the acts by which releases are compared. Pure.

Only what is charged to the artifact counts. What its dependencies do alone is left out as well,
where it was seen (`analyzer.running`).
"""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from analyzer.boxpaths import (
    WRITE_FLAGS,
    absolute,
    in_dependencies,
    in_site,
    is_bytecode,
    within,
)
from analyzer.clean import printable
from analyzer.detectors.commands import is_harmless_question, is_shell, program, shell_text
from analyzer.detectors.denied_calls import ESCAPE, EXPECTED, INJECTION
from analyzer.detectors.network_connect import DNS_PORT
from analyzer.detectors.view import Planted, RunView, is_remote
from analyzer.lineage import ARTIFACT, Lineage, is_python
from analyzer.placeholders import Placeholders
from analyzer.sandbox.dns import FIRST_OCTETS
from models.behaviour import ACTS_MAX, Act, ActKind, BehaviourProfile
from models.phase import Phase
from models.trace import Event, EventKind

ACT_CHARS_MAX = 120
"""Characters of an act's value: 400 acts then take 70 KiB at most of evidence's 256."""
FIXED_PORT_MAX = 32_767
"""Ports from here on are given out by the kernel (net.ipv4.ip_local_port_range)."""
PHASES = tuple(phase for phase in Phase if phase is not Phase.INVENTORY)

RARE_CALLS = INJECTION | ESCAPE | {"setsid", "memfd_create", "memfd_secret", "keyctl", "execveat"}
"""Calls that few packages make, so that each is an act; what a box refuses is one as well."""
_CHANGING = frozenset(
    {
        *("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "mknod", "mknodat", "truncate"),
        *("chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat"),
    }
)
_REFUSED = frozenset({-errno.EACCES, -errno.EPERM, -errno.EROFS})
"""An attempt that the box refused says as much as one that it let pass."""
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/env/bin")
_DECOY_READ = frozenset({"open", "access"})
_LOOPBACK = ("127.", "::1", "::ffff:127.")
_OF_PIP = re.compile(r"/tmp/(?:pip-|tmp[a-z0-9_]{8}/output\.json\Z)")  # noqa: S108 - names in a box
"""Where pip unpacks and builds an sdist, and where a back end puts its answer (pyproject_hooks)."""
_HOOKS = (".pth", ".start", "sitecustomize.py", "usercustomize.py")
_OF_CLOCK = re.compile(r"/dev/shm/(?:(?:sem\.)?faketime_\w+|sem\.\w{6})\Z")  # noqa: S108 - names in a box
"""What the library that moves P5's clock keeps for itself, in the package's own process; sem_open
gives a semaphore such a name of six characters before its own."""
_NOT_FILES = ("/proc/self", "/proc/thread-self")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose profile it is."""

    project: str
    version: str
    start_hooks: tuple[str, ...] | None = None
    """As the reader lists them; None: an sdist's, which show only once it is installed."""


def profile_of(
    *runs: Sequence[Event],
    subject: Subject,
    planted: Iterable[Planted] = (),
    alone: Iterable[Event] = (),
) -> BehaviourProfile:
    """The profile of all runs of one analysis: what any of them saw, happened.

    `alone`: events of a run of its dependencies without it.
    """
    plain = Placeholders(project=subject.project, version=subject.version)
    placed = tuple(planted)
    acts = {act for events in runs for act in _acts(_view(events, placed), plain)}
    acts -= set(_acts(_view(alone, placed), plain))
    hooks = subject.start_hooks
    for hook in _installed_hooks(chain(*runs)) if hooks is None else hooks:
        acts.add(_act(ActKind.START_HOOK, Phase.START, plain.path(hook)))
    return bounded(acts)


def bounded(acts: Iterable[Act], *, limit: int = ACTS_MAX) -> BehaviourProfile:
    """At most `limit` acts, sorted: each kind has its share, so that none can crowd out another."""
    ordered = sorted(set(acts))
    share = limit // len(ActKind)
    by_kind = {kind: [act for act in ordered if act.kind is kind] for kind in ActKind}
    kept = {act for found in by_kind.values() for act in found[:share]}
    for act in ordered:
        if len(kept) >= limit:
            break
        kept.add(act)
    return BehaviourProfile(acts=tuple(sorted(kept)), left_out=len(ordered) - len(kept))


def _view(events: Iterable[Event], planted: tuple[Planted, ...]) -> RunView:
    wanted = [event for event in events if _matters(event)]
    # What happened in one microsecond comes in the order of its content, whoever reported first.
    wanted.sort(key=lambda event: (event.phase, event.at_us, event.kind, event.path, event.path2))
    return RunView(Lineage(events=tuple(wanted), processes={}), planted=planted)


def _matters(event: Event) -> bool:
    if event.owner != ARTIFACT:
        return False
    reading = event.kind is EventKind.OPEN and not event.flags & WRITE_FLAGS
    return not reading or event.path.endswith("/mem")


def _installed_hooks(events: Iterable[Event]) -> Iterator[str]:
    """Start hooks that whoever installed wrote: pip, in an sdist's P1."""
    for event in events:
        path = absolute(event.path) if event.phase is Phase.INSTALL else ""
        if event.kind is EventKind.OPEN and event.flags & WRITE_FLAGS and in_site(path):
            name = path.rpartition("/site-packages/")[2]
            if event.result >= 0 and "/" not in name and name.endswith(_HOOKS):
                yield name


def _acts(run: RunView, plain: Placeholders) -> Iterator[Act]:
    yield from _hosts(run, plain)
    yield from _executables(run, plain)
    yield from _written(run, plain)
    yield from _decoys(run)
    yield from _calls(run)
    for event in run.events(EventKind.TCP, phases=PHASES):
        if event.detail.endswith(">LISTEN") and not event.address.startswith(_LOOPBACK):
            port = str(event.port) if 0 < event.port <= FIXED_PORT_MAX else "<port>"
            yield _act(ActKind.LISTENS, event.phase, port)


def _hosts(run: RunView, plain: Placeholders) -> Iterator[Act]:
    """Names where there were any: the address behind a name is made up by the sinkhole, each run anew."""
    talks = tuple(run.events(EventKind.NET, phases=PHASES))
    names: dict[str, str] = {}
    for event in talks:
        if event.host:
            names[event.address] = min(event.host, names.get(event.address, event.host))
    asked = {
        (event.phase, event.host.rstrip(".").lower())
        for event in run.events(EventKind.DNS, phases=PHASES)
    }
    for phase, name in asked:
        if _is_name(name):
            yield _act(ActKind.HOST, phase, plain.host(name))
    silent = {name for _, name in asked} - {host.lower() for host in names.values()}
    for event in (*talks, *run.events(EventKind.CONNECT, EventKind.SEND, phases=PHASES)):
        name = event.host or names.get(event.address, "")
        if _is_name(name):
            yield _act(ActKind.HOST, event.phase, plain.host(name))
        elif not name and _is_contact(event) and not (silent and _may_be_made_up(event)):
            yield _act(ActKind.HOST, event.phase, event.address)


def _is_name(name: str) -> bool:
    """Whether it is a name beyond the box: a bare one is the box's own (socket.getfqdn)."""
    name = name.rstrip(".").lower()
    return "." in name and not name.endswith((".localhost", ".local"))


def _is_contact(event: Event) -> bool:
    return is_remote(event) and (event.kind is EventKind.NET or event.port not in (0, DNS_PORT))


def _may_be_made_up(event: Event) -> bool:
    """Whether an address without a conversation may be the sinkhole's answer for a silent name."""
    first = event.address.partition(".")[0]
    return event.kind is not EventKind.NET and first in map(str, FIRST_OCTETS)


def _executables(run: RunView, plain: Placeholders) -> Iterator[Act]:
    for event in run.executed(phases=PHASES):
        yield _act(ActKind.EXECUTABLE, event.phase, executable(event, plain))


def executable(event: Event, plain: Placeholders) -> str:
    """The program of an exec: its bare name where it is the system's or was not found, else its path.

    A shell that only asks something is what it asks: `sh -c "uname -m"` is `uname`.
    """
    name = program(event.path, event.argv)
    if is_shell(event.path, event.argv) and is_harmless_question(event.path, event.argv):
        name = program(shlex.split(shell_text(event.argv))[0])
    elif event.result >= 0 and not within(absolute(event.path), *_SYSTEM):
        return plain.path(absolute(event.path))
    return "python" if is_python(name) else plain.path(name)


def _written(run: RunView, plain: Placeholders) -> Iterator[Act]:
    fresh = {
        run.real(event.path)
        for event in run.events(EventKind.OPEN, phases=PHASES)
        if event.flags & os.O_EXCL and event.flags & os.O_CREAT
    }
    for event, path in _changed(run):
        if _took_place(event) and _is_outside(path, event.phase):
            yield _act(ActKind.WRITTEN, event.phase, plain.path(path, fresh=path in fresh))


def _changed(run: RunView) -> Iterator[tuple[Event, str]]:
    """(event, absolute path) of whatever was made, changed or removed."""
    yield from run.written(phases=PHASES)
    kinds = (EventKind.UNLINK, EventKind.CHMOD, EventKind.PATH, EventKind.RENAME)
    for event in run.events(*kinds, phases=PHASES):
        if event.kind is not EventKind.PATH or event.syscall in _CHANGING:
            yield event, run.real(event.path)


def _took_place(event: Event) -> bool:
    return event.result >= 0 or event.result in _REFUSED


def _is_outside(path: str, phase: Phase) -> bool:
    if in_site(path) or in_dependencies(path) or is_bytecode(path) or within(path, *_NOT_FILES):
        return False
    if within(path, "/dev") and not within(path, "/dev/shm"):  # noqa: S108 - a name in a box
        return False
    if phase is Phase.WAIT and _OF_CLOCK.match(path):
        return False
    return not (phase is Phase.INSTALL and _OF_PIP.match(path))


def _decoys(run: RunView) -> Iterator[Act]:
    for event in run.events(EventKind.DECOY, phases=PHASES):
        kind = run.planted(event.canaries[0]) if event.canaries else run.planted_at(event.path)
        kind = kind or "unknown"
        value = kind if event.detail in _DECOY_READ else f"{kind} changed"
        yield _act(ActKind.DECOY, event.phase, value)


def _calls(run: RunView) -> Iterator[Act]:
    for event in run.events(EventKind.DENIED, phases=PHASES):
        if event.syscall not in EXPECTED:
            yield _act(ActKind.CALL, event.phase, event.syscall)
    for event in run.events(EventKind.CALL, EventKind.MEMFD, phases=PHASES):
        name = event.syscall or ("memfd_create" if event.kind is EventKind.MEMFD else "")
        if name in RARE_CALLS:
            yield _act(ActKind.CALL, event.phase, name)
    for event in run.events(EventKind.OPEN, phases=PHASES):
        if event.path.startswith("/proc/") and event.path.endswith("/mem"):
            yield _act(ActKind.CALL, event.phase, "proc-mem")


def _act(kind: ActKind, phase: Phase, value: str) -> Act:
    return Act(kind=kind, phase=phase, value=printable(value, ACT_CHARS_MAX))
