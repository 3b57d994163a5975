"""A scripted sandbox and a proxy that holds its files in memory: twins of the real ports."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from analyzer.interpreter import from_answer
from analyzer.job import Progress
from analyzer.memfd import sealed
from analyzer.reader import encode_report, read_artifact
from analyzer.sandbox.client import RunOutcome
from analyzer.sandbox.inputs import require_sealed
from analyzer.sandbox.layout import SITE
from analyzer.sandbox.protocol import Canary, Hello, InputFile, PhaseResult, RunRequest, RunResult
from analyzer.trace.records import HEADER, RecordType, frame
from analyzer.trace.syscalls import numbers
from models.artifact import IndexName, Sha256, parse_ref
from models.errors import PratiqueError
from models.evidence import ResolvedFile
from models.facts import Facts
from models.work import Lease, ResolvedSet, ResolveRequest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CANARIES = (Canary(id="c01", kind="aws-key", path="/home/dev/.aws/credentials", variable=""),)
INTERPRETER = from_answer(
    {
        "python_full_version": "3.11.2",
        "python_version": "3.11",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    },
    version=(3, 11),
    platform="linux-x86_64",
    libc="glibc 2.36",
)


class SteppingClock:
    """A clock that goes on only where a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def lines(*documents: object) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def phase(name: str, exit_code: int | None = 0, ended: str = "exit") -> PhaseResult:
    """One phase; they begin a second apart."""
    return PhaseResult(
        phase=name,
        exit_code=exit_code,
        ended=ended,
        wall_ms=100,
        started_ns=int(name[1:]) * 1_000_000_000 if name[1:].isdigit() else 0,
    )


ANY_TRACE = b"any"
"""Stands for a trace in which the modules of the report are opened, and nothing else."""


def trace_of_imports(report: bytes) -> bytes:
    """The opens in P3 that belong to the modules that a report names."""
    modules = re.findall(rb'"kind":"module","name":"([^"]+)"', report)
    return frame(opening(f"{SITE}/{name.decode()}/__init__.py") for name in modules)


def opening(path: str, phase_number: int = 3) -> bytes:
    """One record: `path` was opened for reading."""
    text = path.encode() + b"\0"
    header = HEADER.pack(
        phase_number * 1_000_000_000 + 1, 100, 100, RecordType.OPEN, numbers()["openat"],
        3, 0xFFFFFF9C, 0, 0, len(text), 0, 0, phase_number, 0,
    )  # fmt: skip
    return header + text


def outcome(
    *,
    phases: Sequence[PhaseResult] = (phase("P1"), phase("P2"), phase("P3")),
    sinkhole: bytes = b"",
    decoys: bytes = b"",
    report: bytes = b'{"kind":"module","name":"reenact_demo","ok":true}\n',
    trace: bytes | None = ANY_TRACE,
    account: dict[str, int] | None = None,
    truncated: tuple[str, ...] = (),
) -> RunOutcome:
    """A run that saw one event and nothing else, unless said."""
    blobs = {"sinkhole": sinkhole, "decoys": decoys, "report": report}
    if trace == ANY_TRACE:
        trace = trace_of_imports(report)
    if trace is not None:
        blobs["trace"] = trace
    counted = {"emitted": 1, "received": 1, "stored": 1, "dropped": 0} | (account or {})
    return RunOutcome(
        result=RunResult(
            run_id="r",
            phases=tuple(phases),
            blobs=tuple(blobs),
            truncated=truncated,
            canaries=CANARIES,
            account=counted,
            python="3.11",
            wall_ms=300,
        ),
        blobs=blobs,
    )


def theft(phase_number: int = 3) -> bytes:
    """A sinkhole line: the AWS decoy left."""
    at_ns = phase_number * 1_000_000_000 + 5
    return lines(
        {"kind": "tcp", "at_ns": at_ns, "address": "203.0.113.7", "port": 80, "bytes": 9, "canaries": ["c01"]}
    )  # fmt: skip


Reader = Callable[[bytes, RunRequest], RunOutcome]


def honest_reader(data: bytes, request: RunRequest) -> RunOutcome:
    """The real reader, in this process."""
    report = read_artifact(
        io.BytesIO(data), filename=request.artifact, kind=request.archive, size_bytes=len(data)
    )
    return read_outcome(encode_report(report))


def read_outcome(report: bytes, *, ended: str = "exit") -> RunOutcome:
    """What a reader box gives."""
    result = RunResult(run_id="r", phases=(replace(phase("P0"), ended=ended),), blobs=("report",))
    return RunOutcome(result=result, blobs={"report": report})


@dataclass
class FakeSandbox:
    """Answers runs by script: each `run` request takes the next outcome, or error, of `runs`."""

    runs: list[RunOutcome | PratiqueError] = field(default_factory=list)
    reader: Reader = honest_reader
    traced: bool = True
    requests: list[RunRequest] = field(default_factory=list)
    inputs: list[list[InputFile]] = field(default_factory=list)
    hang: bool = False
    """Never end a run; `killed` is set once its caller has gone."""
    running: asyncio.Event = field(default_factory=asyncio.Event)
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    away: PratiqueError | None = None
    seen: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """`hello`, `read` or `run` for each call, as it comes in."""

    async def hello(self) -> Hello:
        self.seen.put_nowait("hello")
        if self.away is not None:
            raise self.away
        return Hello(version="1", traced=self.traced, python="3.11")

    async def run(
        self,
        request: RunRequest,
        files: Sequence[tuple[InputFile, int]],
        *,
        on_progress: Progress | None = None,
    ) -> RunOutcome:
        self.requests.append(request)
        self.seen.put_nowait(request.kind)
        self.inputs.append([described for described, _ in files])
        for described, descriptor in files:
            require_sealed(descriptor)
            data = os.pread(descriptor, described.size + 1, 0)
            assert hashlib.sha256(data).hexdigest() == described.sha256
            assert len(data) == described.size
        assert files[0][0].role == "artifact"
        assert files[0][0].filename == request.artifact
        if request.kind == "read":
            return self.reader(os.pread(files[0][1], files[0][0].size, 0), request)
        if on_progress is not None:
            on_progress("P1", "started")
        if self.hang:
            self.running.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.killed.set()
        result = self.runs.pop(0)
        if isinstance(result, PratiqueError):
            raise result
        return result


@dataclass
class FakeProxy:
    """Resolves everything to `files` (filename → bytes), by role."""

    files: dict[str, bytes] = field(default_factory=dict)
    unresolved: tuple[str, ...] = ()
    direct_urls: tuple[str, ...] = ()
    error: PratiqueError | None = None
    asked: list[ResolveRequest] = field(default_factory=list)
    fetched: list[Sha256] = field(default_factory=list)

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return ResolvedSet(
            files=tuple(
                ResolvedFile(
                    project=filename.split("-")[0],
                    version="1.0",
                    filename=filename,
                    sha256=sha256_of(data),
                    role=request.role,
                )
                for filename, data in self.files.items()
            ),
            unresolved=self.unresolved,
            direct_urls=self.direct_urls,
        )

    async def fetch(self, sha256: Sha256) -> int:
        self.fetched.append(sha256)
        data = next(data for data in self.files.values() if sha256_of(data) == sha256)
        return sealed(data, sha256)


async def until(seen: asyncio.Queue[str], wanted: str, times: int = 1) -> None:
    """Wait until a call of that name was seen so often."""
    while times:
        times -= await seen.get() == wanted


def sha256_of(data: bytes) -> Sha256:
    """The digest of bytes."""
    return Sha256(hashlib.sha256(data).hexdigest())


def lease_of(filename: str, data: bytes, *, project: str = "reenact-demo") -> Lease:
    """A lease on these bytes."""
    ref = parse_ref(IndexName("test"), project, sha256_of(data), filename)
    return Lease(
        lease_id="lease-1",
        job_id=1,
        ref=ref,
        size_bytes=len(data),
        attempt=1,
        facts=Facts(ref=ref, as_of=NOW),
        expires_at=NOW + timedelta(seconds=30),
    )
