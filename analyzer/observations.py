"""What the daemon hands over beside the trace, as typed values: sinkhole, decoys, runner.

The sinkhole talks to hostile peers and the runner shares its box with the package, so every line
is checked for form and bounded. Runner lines serve coverage only: nothing is judged by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from analyzer.clean import printable
from analyzer.sandbox.protocol import PhaseResult
from models.phase import Phase
from models.trace import Event, EventKind

LINES_MAX = 20_000
"""Lines of one blob that are looked at; an honest run has a few hundred."""
LINE_BYTES_MAX = 64 * 1024
HEAD_CHARS_MAX = 60
"""Characters of a conversation's beginning that an event keeps (`Event.path2` of NET)."""
_CANARIES_MAX = 200
"""Canaries named by one line; a run plants a few dozen."""

_Nanoseconds = Annotated[int, Meta(ge=0)]
_Port = Annotated[int, Meta(ge=0, le=65535)]
_Ids = Annotated[tuple[str, ...], Meta(max_length=_CANARIES_MAX)]


class DnsLine(msgspec.Struct, tag="dns", tag_field="kind"):
    """One query that the sinkhole answered."""

    at_ns: _Nanoseconds
    name: str
    type: str = ""
    server: str = ""
    canaries: _Ids = ()


class TcpLine(msgspec.Struct, tag="tcp", tag_field="kind"):
    """One connection that the sinkhole held."""

    at_ns: _Nanoseconds
    host: str = ""
    address: str = ""
    port: _Port = 0
    sni: str = ""
    tls: Literal["", "ended", "refused"] = ""
    """`ended`: it trusted us and was read; `refused`: it hung up on our certificate."""
    bytes: Annotated[int, Meta(ge=0)] = 0
    http: str = ""
    canaries: _Ids = ()
    head_hex: Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{2})*$")] = ""


class UdpLine(TcpLine, tag="udp", tag_field="kind"):
    """Datagrams from one socket to one destination."""


class DecoyLine(msgspec.Struct):
    """inotify's word about one decoy."""

    at_ns: _Nanoseconds
    path: str
    id: str
    event: Literal["open", "access", "modify", "delete", "move"]


class ModuleLine(msgspec.Struct, tag="module", tag_field="kind"):
    """One import that the runner tried."""

    name: str
    ok: bool
    error: str = ""
    missing: str = ""
    """The module that was not found, as the exception names it."""


class InstallLine(msgspec.Struct, tag="install", tag_field="kind"):
    """One archive that the runner unpacked or built."""

    ok: bool
    error: str = ""
    file: str = ""


class CoverageLine(msgspec.Struct, tag="coverage", tag_field="kind"):
    """How far the importer came."""

    modules_found: Annotated[int, Meta(ge=0)] = 0
    modules_run: Annotated[int, Meta(ge=0)] = 0
    modules_left: Annotated[int, Meta(ge=0)] = 0
    timeouts: Annotated[int, Meta(ge=0)] = 0


class SubmodulesLine(msgspec.Struct, tag="submodules", tag_field="kind"):
    """How far one package's submodules were imported."""

    of: str
    found: Annotated[int, Meta(ge=0)] = 0
    left: Annotated[int, Meta(ge=0)] = 0


class LingeringLine(msgspec.Struct, tag="lingering", tag_field="kind"):
    """Processes that were still there when the runner stopped waiting."""

    processes: Annotated[int, Meta(ge=0)] = 0


class ArgumentLine(msgspec.Struct, tag="argument", tag_field="kind"):
    """Which parameter was given a planted value: the `index`th of those planted for that."""

    index: Annotated[int, Meta(ge=0)]
    of: str


class UsedLine(msgspec.Struct, tag="used", tag_field="kind"):
    """How far one module's functions and classes were called."""

    module: str
    found: Annotated[int, Meta(ge=0)] = 0
    called: Annotated[int, Meta(ge=0)] = 0
    raised: Annotated[int, Meta(ge=0)] = 0
    timeouts: Annotated[int, Meta(ge=0)] = 0
    left: Annotated[int, Meta(ge=0)] = 0


class ScriptLine(msgspec.Struct, tag="script", tag_field="kind"):
    """One start of a console script."""

    name: str
    ended: str = ""


class UseLine(msgspec.Struct, tag="use", tag_field="kind"):
    """How far P4 came, over all modules and scripts."""

    modules_found: Annotated[int, Meta(ge=0)] = 0
    modules_used: Annotated[int, Meta(ge=0)] = 0


class AgainLine(msgspec.Struct, tag="again", tag_field="kind"):
    """One import of P5; the runner's word about those that failed comes twice."""

    name: str
    ok: bool
    error: str = ""


class WaitLine(msgspec.Struct, tag="wait", tag_field="kind"):
    """How far P5 came, over all modules."""

    modules_found: Annotated[int, Meta(ge=0)] = 0
    modules_run: Annotated[int, Meta(ge=0)] = 0


class PatchedLine(msgspec.Struct, tag="patched", tag_field="kind"):
    """An attribute of another module that an import replaced."""

    name: str


_Sinkhole = DnsLine | TcpLine | UdpLine
_Runner = (
    ModuleLine
    | InstallLine
    | CoverageLine
    | SubmodulesLine
    | LingeringLine
    | ArgumentLine
    | UsedLine
    | ScriptLine
    | UseLine
    | AgainLine
    | WaitLine
    | PatchedLine
)
_SINKHOLE: msgspec.json.Decoder[_Sinkhole] = msgspec.json.Decoder(_Sinkhole)
_DECOYS = msgspec.json.Decoder(DecoyLine)
_RUNNER: msgspec.json.Decoder[_Runner] = msgspec.json.Decoder(_Runner)
_Line = TypeVar("_Line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Events seen from outside the processes. `lost`: lines that were cut off or not of their form."""

    events: tuple[Event, ...] = ()
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerWord:
    """The runner's own account of a run: untrusted."""

    modules: tuple[ModuleLine, ...] = ()
    installs: tuple[InstallLine, ...] = ()
    modules_found: int = 0
    modules_left: int = 0
    """Top-level modules that time or bound left untried."""
    submodules_found: int = 0
    submodules_left: int = 0
    lingering: int = 0
    arguments: tuple[ArgumentLine, ...] = ()
    used: tuple[UsedLine, ...] = ()
    scripts: tuple[ScriptLine, ...] = ()
    again: tuple[AgainLine, ...] = ()
    patched: tuple[str, ...] = ()
    """Names of others that imports replaced; the package can add to them, and take none away."""
    lost: int = 0

    @property
    def top_level(self) -> tuple[ModuleLine, ...]:
        """Lines about top-level modules."""
        return tuple(line for line in self.modules if "." not in line.name)

    @property
    def libraries(self) -> frozenset[str]:
        """Top-level names that are shared objects and no modules; that they fail says nothing."""
        failed = [line for line in self.top_level if not line.ok]
        return frozenset(line.name for line in failed if line.error == "library")

    @property
    def import_errors(self) -> tuple[str, ...]:
        """What kinds of exception top-level modules raised, sorted."""
        failed = [line for line in self.top_level if not line.ok]
        return tuple(sorted({line.error for line in failed if line.name not in self.libraries}))

    @property
    def missing(self) -> tuple[str, ...]:
        """Top-level names, sorted, for want of which top-level modules failed; the package says so."""
        own = {line.name for line in self.top_level}
        names = {line.missing.partition(".")[0] for line in self.top_level if not line.ok}
        return tuple(sorted(name for name in names - own if name.isascii() and name.isidentifier()))

    @property
    def imported(self) -> frozenset[str]:
        """Top-level modules whose import went well, and not badly afterwards."""
        failed = {line.name for line in self.top_level if not line.ok}
        return frozenset(line.name for line in self.top_level if line.ok) - failed

    @property
    def failed(self) -> frozenset[str]:
        """Top-level modules whose import raised, or whose process ended."""
        return frozenset(line.name for line in self.top_level) - self.imported - self.libraries


def read_sinkhole(blob: bytes, phases: Sequence[PhaseResult]) -> Outside:
    """DNS and NET events."""
    lines, lost = _lines(blob, _SINKHOLE)
    events = []
    for line in lines:
        phase, at_us = phase_at(line.at_ns, phases)
        if isinstance(line, DnsLine):
            event = Event(
                kind=EventKind.DNS,
                phase=phase,
                at_us=at_us,
                host=printable(line.name),
                address=printable(line.server),
                detail=printable(line.type),
                canaries=_ids(line.canaries),
            )
        else:
            protocol = "udp" if isinstance(line, UdpLine) else "tcp"
            event = Event(
                kind=EventKind.NET,
                phase=phase,
                at_us=at_us,
                host=printable(line.sni or line.host),
                address=printable(line.address),
                port=line.port,
                detail=printable(" ".join(filter(None, (protocol, line.http)))),
                path2=head_text(line),
                size_bytes=line.bytes,
                canaries=_ids(line.canaries),
            )
        events.append(event)
    return Outside(events=tuple(events), lost=lost)


def read_decoys(blob: bytes, phases: Sequence[PhaseResult]) -> Outside:
    """DECOY events; `canaries` holds the id of the planted value, `detail` what was done to it."""
    lines, lost = _lines(blob, _DECOYS)
    events = []
    for line in lines:
        phase, at_us = phase_at(line.at_ns, phases)
        events.append(
            Event(
                kind=EventKind.DECOY,
                phase=phase,
                at_us=at_us,
                path=printable(line.path),
                detail=line.event,
                canaries=_ids((line.id,)),
            )
        )
    return Outside(events=tuple(events), lost=lost)


def read_runner(blob: bytes) -> RunnerWord:
    """The runner's lines. What is not of its form counts as lost, for the package may write there too."""
    lines, lost = _lines(blob, _RUNNER)
    submodules = [line for line in lines if isinstance(line, SubmodulesLine)]
    return RunnerWord(
        modules=tuple(line for line in lines if isinstance(line, ModuleLine)),
        installs=tuple(line for line in lines if isinstance(line, InstallLine)),
        modules_found=max(
            (line.modules_found for line in lines if isinstance(line, CoverageLine)), default=0
        ),
        modules_left=max(
            (line.modules_left for line in lines if isinstance(line, CoverageLine)), default=0
        ),
        submodules_found=sum(line.found for line in submodules),
        submodules_left=sum(line.left for line in submodules),
        lingering=max(
            (line.processes for line in lines if isinstance(line, LingeringLine)), default=0
        ),
        arguments=tuple(line for line in lines if isinstance(line, ArgumentLine)),
        used=tuple(line for line in lines if isinstance(line, UsedLine)),
        scripts=tuple(line for line in lines if isinstance(line, ScriptLine)),
        again=tuple(line for line in lines if isinstance(line, AgainLine)),
        patched=tuple(
            dict.fromkeys(printable(line.name) for line in lines if isinstance(line, PatchedLine))
        ),
        lost=lost,
    )


def head_text(line: TcpLine) -> str:
    """The printable beginning of a conversation that is no HTTP: protocols of text name themselves."""
    return "" if line.http else printable(bytes.fromhex(line.head_hex), HEAD_CHARS_MAX)


def phase_at(at_ns: int, phases: Sequence[PhaseResult]) -> tuple[Phase, int]:
    """The phase that ran at a time of CLOCK_MONOTONIC, and the microseconds since it began."""
    begun = [phase for phase in phases if phase.started_ns <= at_ns] or list(phases[:1])
    if not begun:
        return Phase.INSTALL, 0
    latest = max(begun, key=lambda phase: phase.started_ns)
    return Phase(latest.phase), max(0, at_ns - latest.started_ns) // 1000


def _lines(blob: bytes, decoder: msgspec.json.Decoder[_Line]) -> tuple[list[_Line], int]:
    """(lines of that form, how many were not, or came beyond the bound)."""
    found: list[_Line] = []
    *raw, rest = blob.split(b"\n", LINES_MAX)
    lost = rest.count(b"\n") + (rest[-1:] not in (b"", b"\n"))
    for line in raw:
        try:
            if len(line) > LINE_BYTES_MAX:
                lost += 1
            elif line:
                found.append(decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            lost += 1
    return found, lost


def _ids(ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(printable(item, 60) for item in ids)
