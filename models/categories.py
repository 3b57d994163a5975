"""The six categories of QUT-DV25 as typed rows, made from the events of one run. Pure.

A row says in which phase it was seen and whom it is charged to (`owner`, as in models.trace.Event).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from models.evidence import PhaseReport, ResolvedFile
from models.phase import Phase
from models.trace import BOX_OWNERS, RUNNER, Event, EventKind

COMM_CHARS = 15
"""Characters of a process name as the kernel keeps it (TASK_COMM_LEN without its NUL)."""
UNKNOWN = "unknown"
"""The process name of what was there before the tracer was armed."""


class FileType(StrEnum):
    """What filetop's column T says."""

    REGULAR = "R"
    SOCKET = "S"
    OTHER = "O"
    """Pipes, sockets (which a trace of ours does not tell from pipes) and devices."""


class Relation(StrEnum):
    """How a distribution came to be there."""

    DIRECT = "direct"
    """The artifact itself requires it."""
    INDIRECT = "indirect"
    """Something that it requires does."""
    BUILD = "build"
    """Building it takes it."""
    UNKNOWN = "unknown"
    """It was there when the artifact ran; who asked for it is not known (an sdist's metadata)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiletopRow:
    """What one process moved to and from one file, pipe or socket."""

    phase: Phase
    owner: str = ""
    pid: int
    process: str
    reads: int = 0
    writes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    type: FileType = FileType.REGULAR
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationRow:
    """One distribution beside the artifact; `owner` is itself."""

    phase: Phase = Phase.INSTALL
    owner: str
    version: str = ""
    filename: str = ""
    sha256: str = ""
    relation: Relation = Relation.UNKNOWN
    required_by: str = ""
    """The file that requires it; empty where that is not known."""
    requirement: str = ""
    """What that file says, such as `urllib3<3,>=1.26`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpensnoopRow:
    """One attempt to open a file."""

    phase: Phase
    owner: str = ""
    at_us: int = 0
    pid: int
    process: str
    descriptor: int
    """-1 where it failed."""
    errno: int = 0
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpRow:
    """One change of state of one socket."""

    phase: Phase
    owner: str = ""
    at_us: int = 0
    socket: int
    """Which socket of the run."""
    pid: int
    process: str
    local_address: str = ""
    local_port: int = 0
    remote_address: str = ""
    remote_port: int = 0
    old: str
    new: str
    lasted_us: int = 0
    """Microseconds in the old state; 0 where its beginning was not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCallRow:
    """How often one call was made."""

    phase: Phase
    owner: str = ""
    name: str
    count: int
    errors: int = 0
    """How many of them failed, as far as trigrams tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRow:
    """How often three calls stood one behind the other on one thread."""

    phase: Phase
    owner: str = ""
    calls: tuple[str, str, str]
    errno: int = 0
    """What the first of the three failed with."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    """Everything one run did, by category."""

    filetop: tuple[FiletopRow, ...] = ()
    installation: tuple[InstallationRow, ...] = ()
    opensnoop: tuple[OpensnoopRow, ...] = ()
    tcp: tuple[TcpRow, ...] = ()
    system_calls: tuple[SystemCallRow, ...] = ()
    patterns: tuple[PatternRow, ...] = ()

    def of_artifact(self) -> Categories:
        """Without what our own programs and pip did."""
        return Categories(
            filetop=tuple(row for row in self.filetop if not _boxes(row.owner)),
            installation=self.installation,
            opensnoop=tuple(row for row in self.opensnoop if not _boxes(row.owner)),
            tcp=tuple(row for row in self.tcp if not _boxes(row.owner)),
            system_calls=tuple(row for row in self.system_calls if not _boxes(row.owner)),
            patterns=tuple(row for row in self.patterns if not _boxes(row.owner)),
        )


def categorise(
    events: Sequence[Event],
    *,
    reports: Sequence[PhaseReport] = (),
    dependencies: Sequence[ResolvedFile] = (),
    artifact: str = "",
    requirements: Mapping[str, str] | None = None,
) -> Categories:
    """All six categories. `events` are in order of time within each phase.

    `requirements`: normalised project → requirement as stated in the artifact's core metadata; None
    where that is not known. `artifact`: its filename.
    """
    named = list(_with_process(events))
    return Categories(
        filetop=filetop_rows(named),
        installation=installation_rows(dependencies, artifact=artifact, requirements=requirements),
        opensnoop=opensnoop_rows(named),
        tcp=tcp_rows(named),
        system_calls=system_call_rows(events, reports),
        patterns=pattern_rows(events),
    )


Named = tuple[Event, str]
"""An event, and the name of its process at that time."""


def _with_process(events: Iterable[Event]) -> Iterator[Named]:
    names: dict[tuple[Phase, int], str] = {}
    for event in events:
        key = (event.phase, event.pid)
        if event.kind is EventKind.FORK and event.result > 0 and key in names:
            names[event.phase, event.result] = names[key]
        if event.kind is EventKind.EXEC and event.result >= 0 and event.path:
            names[key] = process_name(event.path)
        yield event, names.get(key, UNKNOWN)


def process_name(program: str) -> str:
    """What the kernel calls a process that executed `program`, without white space."""
    last = program.rpartition("/")[2][:COMM_CHARS]
    return "".join(char if char.isprintable() and char != " " else "_" for char in last) or UNKNOWN


def filetop_rows(named: Iterable[Named]) -> tuple[FiletopRow, ...]:
    """One row for each phase, process and path, most bytes first."""
    rows: dict[tuple[Phase, int, str], FiletopRow] = {}
    for event, process in named:
        if event.kind is not EventKind.FILE_IO:
            continue
        key = (event.phase, event.pid, event.path)
        row = rows.get(key) or FiletopRow(
            phase=event.phase,
            owner=event.owner,
            pid=event.pid,
            process=process,
            type=_file_type(event.path),
            path=event.path,
        )
        if event.syscall == "read":
            row = replace(
                row, reads=row.reads + event.count, read_bytes=row.read_bytes + event.size_bytes
            )
        else:
            row = replace(
                row,
                writes=row.writes + event.count,
                written_bytes=row.written_bytes + event.size_bytes,
            )
        rows[key] = row
    return tuple(
        sorted(rows.values(), key=lambda row: (row.phase, -(row.read_bytes + row.written_bytes)))
    )


def _file_type(path: str) -> FileType:
    return FileType.OTHER if not path or path.startswith("/dev/") else FileType.REGULAR


def installation_rows(
    dependencies: Iterable[ResolvedFile],
    *,
    artifact: str = "",
    requirements: Mapping[str, str] | None = None,
) -> tuple[InstallationRow, ...]:
    """One row for each file that was resolved and mounted beside the artifact."""
    return tuple(
        InstallationRow(
            owner=file.project,
            version=file.version,
            filename=file.filename,
            sha256=file.sha256,
            relation=(relation := _relation(file, requirements)),
            required_by=artifact if relation in (Relation.DIRECT, Relation.BUILD) else "",
            requirement=(requirements or {}).get(file.project, ""),
        )
        for file in dependencies
    )


def _relation(file: ResolvedFile, requirements: Mapping[str, str] | None) -> Relation:
    if file.role == "build":
        return Relation.BUILD
    if requirements is None:
        return Relation.UNKNOWN
    return Relation.DIRECT if file.project in requirements else Relation.INDIRECT


def opensnoop_rows(named: Iterable[Named]) -> tuple[OpensnoopRow, ...]:
    """One row for each open, failed ones too, in order of time."""
    return tuple(
        OpensnoopRow(
            phase=event.phase,
            owner=event.owner,
            at_us=event.at_us,
            pid=event.pid,
            process=process,
            descriptor=max(event.result, -1),
            errno=max(-event.result, 0),
            path=event.path,
        )
        for event, process in named
        if event.kind is EventKind.OPEN
    )


def tcp_rows(named: Iterable[Named]) -> tuple[TcpRow, ...]:
    """One row for each change of state, in order of time."""
    rows = []
    since: dict[tuple[Phase, int], int] = {}
    for event, process in named:
        if event.kind is not EventKind.TCP:
            continue
        old, _, new = event.detail.partition(">")
        listening = "LISTEN" in (old, new)  # its address is its own, it has no other end
        began = since.get((event.phase, event.flags))
        since[event.phase, event.flags] = event.at_us
        rows.append(
            TcpRow(
                phase=event.phase,
                owner=event.owner,
                at_us=event.at_us,
                socket=event.flags,
                pid=event.pid,
                process=process,
                local_address=event.local_address,
                local_port=event.local_port,
                remote_address="0.0.0.0" if listening else event.address,  # noqa: S104 - a name
                remote_port=0 if listening else event.port,
                old=old,
                new=new,
                lasted_us=0 if began is None else max(0, event.at_us - began),
            )
        )
    return tuple(rows)


def pattern_rows(events: Iterable[Event]) -> tuple[PatternRow, ...]:
    """One row for each trigram, most frequent first within its phase. What is not told is not here."""
    rows = []
    for event in events:
        calls = tuple(event.detail.split())
        if event.kind is EventKind.SEQUENCE and len(calls) == 3:
            rows.append(
                PatternRow(
                    phase=event.phase,
                    owner=event.owner,
                    calls=calls,
                    errno=max(-event.result, 0),
                    count=event.count,
                )
            )
    return tuple(sorted(rows, key=lambda row: (row.phase, -row.count, row.calls, row.errno)))


def system_call_rows(
    events: Iterable[Event], reports: Iterable[PhaseReport] = ()
) -> tuple[SystemCallRow, ...]:
    """Calls by phase, owner and name, sorted.

    The kernel counts calls of a whole box (`reports`) and trigrams apart for our runner: each call
    but the first two of a thread is the last of one trigram. So the runner's calls are those of its
    trigrams, and the artifact's are the rest. Without reports all are taken from trigrams.
    """
    by_trigrams: dict[tuple[Phase, str], Counter[str]] = {}
    failed: dict[tuple[Phase, str], Counter[str]] = {}
    for row in pattern_rows(events):
        key = (row.phase, row.owner)
        by_trigrams.setdefault(key, Counter())[row.calls[2]] += row.count
        if row.errno:
            failed.setdefault(key, Counter())[row.calls[0]] += row.count
    for report in reports:
        whole = Counter(dict(report.syscalls))
        runners = by_trigrams.get((report.phase, RUNNER), Counter())
        if runners and (report.phase, "") not in by_trigrams:
            by_trigrams[report.phase, RUNNER] = whole  # nothing else ran
        else:
            whole.subtract(runners)
            by_trigrams[report.phase, ""] = whole
    return tuple(
        SystemCallRow(
            phase=phase,
            owner=owner,
            name=name,
            count=count,
            errors=min(count, failed.get((phase, owner), Counter())[name]),
        )
        for (phase, owner), counts in sorted(by_trigrams.items())
        for name, count in sorted(counts.items())
        if count > 0
    )


def _boxes(owner: str) -> bool:
    return owner.startswith(BOX_OWNERS)
