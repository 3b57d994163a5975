"""The work between proxy and analyzer: jobs, leases, resolved sets, and what a worker posts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from models.artifact import ArtifactRef, Sha256
from models.behaviour import Baseline
from models.contents import ContentsBaseline
from models.evidence import Evidence, ResolvedFile
from models.facts import Facts
from models.phase import Phase

ANALYSIS_S = 120
"""Seconds one analysis may take (DESIGN.md, Bounds)."""
LEASE_S = 30
"""Seconds a lease lives without a heartbeat (DESIGN.md, Bounds)."""
ATTEMPTS_MAX = 2
"""Times a job is tried before it ends as `analysis-failed` (DESIGN.md, Bounds)."""
ANALYSIS_RETRY_S = 15 * 60
"""Seconds after which an artifact whose analysis failed is queued again (DESIGN.md, Bounds)."""
ANALYSIS_RETRIES_MAX = 4
"""Times that is done for one artifact; then it waits for a person (an hour in all)."""
FACTS_RETRY_S = 15 * 60
"""Seconds after which a hold that rests on facts we could not ask for is derived again."""
REQUIREMENTS_MAX = 500
"""Requirement lines that one lease may ask to have resolved."""
RESOLVED_FILES_MAX = 250
"""Files in one resolved set; the largest tree among the 15,000 most downloaded is below it."""


class JobState(StrEnum):
    """Where a job is. Every job ends in `DECIDED`."""

    QUEUED = "queued"
    LEASED = "leased"
    OBSERVED = "observed"
    """Evidence is stored; the judge has not decided yet."""
    DECIDED = "decided"


class Priority(StrEnum):
    """Who waits: a held file outranks a metadata request, which outranks a prefetch."""

    FILE = "file"
    METADATA = "metadata"
    RESCAN = "rescan"

    @property
    def order(self) -> int:
        """0 is leased first."""
        return {"file": 0, "metadata": 1, "rescan": 2}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One artifact that waits to be analysed, or was. `id` is a positive integer of the store."""

    id: int
    ref: ArtifactRef
    size_bytes: int
    state: JobState
    priority: Priority
    attempts: int
    created_at: datetime
    updated_at: datetime
    lease_id: str = ""
    worker: str = ""
    lease_expires_at: datetime | None = None
    last_error: str = ""
    not_before: datetime | None = None


class Variation(StrEnum):
    """What is different about the second start (P5), so that code which acts elsewhere acts here."""

    CI = "ci"
    """The variables of a build server."""
    TIMEZONE = "timezone"
    LOCALE = "locale"
    CLOCK = "clock"
    """Weeks later, and running fast, so that what waits does not wait long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisPlan:
    """What an analysis does, as policy has it: its phases, and how the second start differs."""

    phases: tuple[Phase, ...] = (
        Phase.INSTALL,
        Phase.START,
        Phase.IMPORT,
        Phase.USE,
        Phase.WAIT,
    )
    variations: tuple[Variation, ...] = tuple(Variation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a worker is given: the job, what is known about it, and how long it may keep it."""

    lease_id: str
    job_id: int
    ref: ArtifactRef
    size_bytes: int
    attempt: int
    facts: Facts
    expires_at: datetime
    analysis_s: int = ANALYSIS_S
    plan: AnalysisPlan = AnalysisPlan()
    baseline: Baseline | None = None
    """The last approved release of the project; None: there is none yet."""
    contents: ContentsBaseline | None = None
    """The contents of the last approved, or else of the last read, release; None: there is none."""
    sibling: ContentsBaseline | None = None
    """The contents of the release's sdist for a wheel, or of a wheel for an sdist; None: none was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The interpreter a resolved set is for: PEP 508 marker values and PEP 425 tags, best first."""

    markers: dict[str, str]
    tags: Annotated[tuple[str, ...], Meta(max_length=4000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveRequest:
    """Requirement lines (PEP 508) out of an artifact: untrusted text, resolved by the proxy."""

    requirements: Annotated[
        tuple[Annotated[str, Meta(max_length=1000)], ...], Meta(max_length=REQUIREMENTS_MAX)
    ]
    role: Annotated[str, Meta(pattern=r"^(run|build)$")]
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSet:
    """What the proxy resolved. A lease may fetch exactly the files that were resolved for it."""

    files: tuple[ResolvedFile, ...]
    unresolved: tuple[str, ...] = ()
    """Requirement lines, cut and printable, that could not be met, each with `: why`."""
    direct_urls: tuple[str, ...] = ()
    """Requirements by direct URL; they are never fetched, and are a finding."""
    guessed: tuple[str, ...] = ()
    """Releases (`name==version`) without metadata on the index, whose requirements were taken from
    the nearest release that has some; they were used to choose files, and are no shortfall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePost:
    """What a worker posts at the end of a lease; blobs travel base64 in `trace` and `metadata`."""

    lease_id: str
    sha256: Sha256
    evidence: Evidence
    trace: bytes = b""
    """gzip of JSON lines; its sha256 must be `evidence.trace_digest`."""
    metadata: bytes = b""
    """The core metadata file; its sha256 must be `evidence.metadata_digest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePost:
    """A worker's word that it failed (not the artifact). The job goes back to the queue."""

    lease_id: str
    error: Annotated[str, Meta(max_length=1000)]
