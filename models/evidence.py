"""What one analysis run saw: signals without opinion, findings, coverage, and how complete it was.

Evidence is immutable and known by its digest. Counts are integers and durations whole
milliseconds, since digested values hold no floats.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from models.artifact import Sha256
from models.behaviour import BehaviourProfile, Changes
from models.canonical import Digest, added_in
from models.contents import Contents, ContentsChanges
from models.phase import LongText, Phase, Text

EVIDENCE_SCHEMA_VERSION = 3
EVIDENCE_BYTES_MAX = 256 * 1024
"""Bytes of one evidence document as posted (DESIGN.md, Bounds)."""
TRACE_BYTES_MAX = 8 * 1024 * 1024
"""Bytes of the compressed trace that belongs to it (DESIGN.md, Bounds)."""


class Layer(StrEnum):
    """The four layers of the thesis."""

    METADATA = "metadata"
    BEHAVIOUR = "behaviour"
    PROVENANCE = "provenance"
    REPUTATION = "reputation"


class Severity(StrEnum):
    """How much a finding weighs before policy has a say."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ProofKind(StrEnum):
    """A finding that blocks by itself, since it is a fact and not a likelihood."""

    CANARY_LEFT = "canary-left"
    """The content of a planted file, or an unrelated planted variable, left the box in P1 to P3."""
    KNOWN_MALICIOUS = "known-malicious"
    """The bytes, or the exact version, of an advisory that is not withdrawn."""
    HASH_MISMATCH = "hash-mismatch"
    """The bytes are not those that the index announced."""


class Shortfall(StrEnum):
    """Why a run did not see all there was to see. Any of them means *incomplete*, never clean."""

    EVENTS_DROPPED = "events-dropped"
    EVENTS_RACED = "events-raced"
    EVENTS_FLOODED = "events-flooded"
    REPORT_TRUNCATED = "report-truncated"
    TIMED_OUT = "timed-out"
    CRASHED = "crashed"
    INSTALL_FAILED = "install-failed"
    REQUIREMENT_UNRESOLVED = "requirement-unresolved"
    NOTHING_IMPORTABLE = "nothing-importable"
    WRONG_PLATFORM = "wrong-platform"
    INTERPRETER_MISSING = "interpreter-missing"
    ARCHIVE_REFUSED = "archive-refused"
    ANALYSIS_FAILED = "analysis-failed"
    """We failed, twice; the queue ends in this rather than in silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One measured fact, no opinion. `value` None means asked and absent."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.]{0,79}$")]
    layer: Layer
    value: int | bool | Text | None
    phase: Phase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a finding was made; every part is optional and untrusted text."""

    path: Text = ""
    host: Text = ""
    address: Text = ""
    port: int = 0
    process: Text = ""
    """The command line of the acting process, cut."""
    line: int = field(default=0, metadata=added_in(3))
    """Line of `path`, from 1; 0: the whole file."""
    excerpt: Text = field(default="", metadata=added_in(3))
    """That line as it stands, cut: what a person would look up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A detector's match."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
    title: Text
    severity: Severity
    layer: Layer
    phase: Phase | None = None
    technique: Annotated[str, Meta(max_length=12)] = ""
    """MITRE ATT&CK technique, such as `T1552.001`; empty where none fits."""
    what: Annotated[str, Meta(max_length=40)] = ""
    """What was touched, from a closed vocabulary of the detector (such as `aws-key`)."""
    place: Place = Place()
    owner: Text = ""
    """The distribution the act is charged to."""
    at_ms: int = 0
    """Milliseconds after the phase began."""
    proof: ProofKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAccount:
    """Bookkeeping of the tracer for one run: emitted must equal received, dropped must be zero."""

    emitted: int = 0
    received: int = 0
    dropped: int = 0
    stored: int = 0
    raced: int = 0
    denied: int = 0
    map_overflows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseReport:
    """How one phase went. `exit_code` None: it was killed at its limit."""

    phase: Phase
    exit_code: int | None
    wall_ms: int
    ended: Annotated[str, Meta(max_length=40)] = "exit"
    """`exit`, `timeout`, `output-flood`, `oom` or another closed word of the sandbox."""
    syscalls: tuple[tuple[str, int], ...] = ()
    """(name, count), sorted by name."""
    events: tuple[tuple[str, int], ...] = ()
    """(kind of event, count), sorted by kind."""
    output_tail: LongText = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedFile:
    """A file of the resolved set that was mounted beside the artifact.

    `role`: `run` and `build` as it is declared, `companion` for what it imports and does not declare.
    """

    project: Text
    version: Text
    filename: Text
    sha256: Sha256
    role: Annotated[str, Meta(pattern=r"^(run|build|companion)$")] = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyzer:
    """Who looked, and on what."""

    version: Text
    python: Text
    platform: Text
    kernel: Text = ""
    worker: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the artifact ran."""

    modules_found: int = 0
    modules_imported: int = 0
    modules_failed: int = 0
    start_hooks: int = 0
    entry_points: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything one analysis run says about one artifact."""

    schema_version: int = EVIDENCE_SCHEMA_VERSION
    sha256: Sha256
    filename: Text
    size_bytes: int
    analyzer: Analyzer
    observed_at: datetime
    duration_ms: int
    layers: tuple[Layer, ...]
    """The layers that this run measured; one that is not named here is missing, not clean."""
    phases: tuple[PhaseReport, ...] = ()
    signals: tuple[Signal, ...] = ()
    findings: tuple[Finding, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    dependencies: tuple[ResolvedFile, ...] = ()
    coverage: Coverage = Coverage()
    account: EventAccount = EventAccount()
    trace_digest: Digest | None = None
    """The compressed trace (gzip of JSON lines of `models.trace.Event`), kept by digest."""
    metadata_digest: Digest | None = None
    """The core metadata file out of the archive, kept by digest; None for sdists."""
    profile: BehaviourProfile | None = field(default=None, metadata=added_in(2))
    """What it was seen to do, for comparison with other releases; None: it was not run."""
    changes: Changes | None = field(default=None, metadata=added_in(2))
    """What it does that the last approved release did not; None: there was nothing to compare with."""
    code_digest: Digest | None = field(default=None, metadata=added_in(2))
    """The digest of all Python files, start hooks and entry points of a wheel, without its native
    parts: equal in wheels of one release that differ by platform alone. None for sdists."""
    contents: Contents | None = field(default=None, metadata=added_in(3))
    """What reading found in its files, for comparison with other releases; None: it was not read."""
    contents_changes: ContentsChanges | None = field(default=None, metadata=added_in(3))
    """What its files hold that those of the release before do not; None: nothing to compare with."""

    @property
    def complete(self) -> bool:
        """True where nothing fell short."""
        return not self.shortfalls

    @property
    def proofs(self) -> tuple[Finding, ...]:
        """The findings that are proofs."""
        return tuple(finding for finding in self.findings if finding.proof is not None)

    def signal(self, name: str) -> int | bool | str | None:
        """The value of the first signal called `name`; None where there is none."""
        return next((signal.value for signal in self.signals if signal.name == name), None)
