"""One analysis under way: what it is about, what it works with, and what it has gathered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from analyzer.inspection import Inspection
from analyzer.interpreter import Interpreter
from analyzer.inventory import ReaderReport
from analyzer.sandbox.client import RunOutcome
from analyzer.sandbox.protocol import Hello, InputFile, RunRequest
from analyzer.watching import Watched
from models.artifact import ArtifactRef, Sha256
from models.clock import Clock
from models.evidence import Finding, ResolvedFile, Shortfall, Signal
from models.work import Lease, ResolvedSet, ResolveRequest

RUN_MS_MIN = 2_000
"""Milliseconds below which a further run is not begun; a small wheel needs 300."""

Opened = AsyncExitStack
"""What is to be closed at the end of an analysis."""
Progress = Callable[[str, str], None]
"""Told of each step: (phase or role, state)."""


class Sandbox(Protocol):
    """What the pipeline needs of `analyzer.sandbox.client.SandboxClient`."""

    async def hello(self) -> Hello:
        """What the daemon can do."""

    async def run(
        self,
        request: RunRequest,
        files: Sequence[tuple[InputFile, int]],
        *,
        on_progress: Progress | None = None,
    ) -> RunOutcome:
        """One run."""


class ProxyPort(Protocol):
    """What the pipeline needs of the proxy for one lease."""

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        """What requirement lines stand for. Raises ResolutionFailed."""

    async def fetch(self, sha256: Sha256) -> int:
        """A file of a resolved set as a sealed memfd with that digest; the caller closes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file among the requirements, as the reader box found it."""

    sdist: bool = False
    requires: tuple[str, ...] = ()
    """Requirement lines of its own."""
    tools: tuple[ResolvedFile, ...] = ()
    """The wheels that it is built with."""
    why_not: str = ""
    """Why it is not built; empty where it is."""


@dataclass(slots=True, kw_only=True)
class Job:
    """Filled step by step; `pipeline` turns it into evidence."""

    lease: Lease
    artifact_fd: int
    sandbox: Sandbox
    proxy: ProxyPort
    clock: Clock
    interpreters: tuple[Interpreter, ...]
    """What boxes can run, the usual one first."""
    interpreter: Interpreter
    """The one that this artifact is run with."""
    on_progress: Progress
    started: datetime
    hello: Hello
    kind: str
    report: ReaderReport | None = None
    inspection: Inspection = field(default_factory=Inspection)
    """What the report means."""
    findings: list[Finding] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    shortfalls: list[Shortfall] = field(default_factory=list)
    files: list[ResolvedFile] = field(default_factory=list)
    inputs: list[tuple[InputFile, int]] = field(default_factory=list)
    sources: dict[Sha256, Source] = field(default_factory=dict)
    """What was read of requirements: sdists, and wheels that the index does not describe."""
    descriptors: dict[Sha256, int] = field(default_factory=dict)
    """What was fetched for this analysis."""
    watched: Watched | None = None
    runs: int = 0

    @property
    def artifact(self) -> tuple[InputFile, int]:
        """The artifact as an input of a run."""
        described = InputFile(
            filename=self.ref.filename,
            sha256=self.ref.sha256,
            size=self.lease.size_bytes,
            role="artifact",
        )
        return described, self.artifact_fd

    @property
    def ref(self) -> ArtifactRef:
        """What is analysed."""
        return self.lease.ref

    def left_ms(self) -> int:
        """Milliseconds until the analysis should be over."""
        end = self.started + timedelta(seconds=self.lease.analysis_s)
        return max(0, int((end - self.clock()).total_seconds() * 1000))
