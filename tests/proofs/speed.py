"""How long an analysis takes from disk to evidence, and what tracing adds to it."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import statistics
import tempfile
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

from analyzer.interpreter import Interpreter, describe_interpreter
from analyzer.memfd import sealed
from analyzer.pipeline import analyse
from analyzer.sandbox.client import SandboxClient
from analyzer.sandbox.protocol import InputFile, RunRequest
from models.artifact import ArtifactKind, ArtifactRef, IndexName, Sha256
from models.clock import utc_now
from models.evidence import Evidence
from models.facts import Facts
from models.phase import Phase
from models.work import AnalysisPlan, Lease, ResolvedSet, ResolveRequest
from proxy.index.declared import plain
from proxy.index.default import default_upstream
from proxy.policyfile import PolicyFile
from tests.corpus.lab import daemon
from tests.proofs.choosing import Chooser, running_loop
from tests.proofs.proof import Outcome

Answered = TypeVar("Answered")

ROUNDS = 15
RUNS_PER_ARM = 4
"""Runs of one daemon in a pair; the first warms it up and does not count."""
LEASE = timedelta(hours=1)
UID_BASE = 64100
USED = (Phase.INSTALL, Phase.START, Phase.IMPORT, Phase.USE)
"""The phases that a held request waits for; P5 is measured apart."""
TRACED = ("P1", "P2", "P3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One artifact to be analysed again and again."""

    project: str
    kind: ArtifactKind = ArtifactKind.WHEEL
    target_s: float | None = None
    """Seconds that the median should stay below; None: only stated."""


CASES = {
    "small-wheel": Case(project="six", target_s=0.5),
    "requests": Case(project="requests", target_s=1.0),
    "small-sdist": Case(project="six", kind=ArtifactKind.SDIST, target_s=3.0),
    "pandas": Case(project="pandas"),
}
PAIRS = ("small-wheel", "requests")
TRACING_TARGET_PERCENT = 10


class SpeedProof:
    """See the module. Items are `analysis CASE N`, `wait CASE N` and `tracing CASE N`."""

    name = "speed"
    claim = (
        "Analyses of real packages, from files on disk to evidence, are complete and lose no event; "
        "how long they take, and what tracing adds, is in the table."
    )
    least_percent = 100
    sample = 5
    parallel = 1

    def items(self, seed: int) -> Sequence[str]:  # noqa: ARG002 - rounds spread what else runs
        rounds = []
        for number in range(ROUNDS):
            rounds += [f"analysis {case} {number}" for case in CASES if case != "pandas"]
            rounds += [f"tracing {case} {number}" for case in PAIRS]
            rounds += [f"analysis pandas {number}", f"wait small-wheel {number}"]
        return rounds

    @contextmanager
    def set_up(self) -> Iterator[SpeedExperiment]:
        scratch = Path(tempfile.mkdtemp(prefix="pratique-speed-", dir="/var/tmp"))
        try:
            with running_loop() as loop, SpeedExperiment(scratch, loop) as experiment:
                yield experiment
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A case whose files lie on disk: the artifact, and the evidence of an untimed run."""

    ref: ArtifactRef
    path: Path
    evidence: Evidence


class Kept:
    """A proxy port that has resolved and fetched before: what is left is reading files."""

    def __init__(self, scanner: Chooser) -> None:
        self._port = scanner.capability()
        self._resolved: dict[tuple[str, tuple[str, ...]], ResolvedSet] = {}
        self.interpreter: Interpreter | None = None

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        """The same answer as the first time."""
        key = (request.role, request.requirements)
        if key not in self._resolved:
            self._resolved[key] = await self._port.resolve(request)
        return self._resolved[key]

    async def fetch(self, sha256: Sha256) -> int:
        """From disk, once it is there."""
        return await self._port.fetch(sha256)


@dataclass
class SpeedExperiment:
    """One resolver and its files; daemons come and go, so that none disturbs a pair."""

    scratch: Path
    loop: asyncio.AbstractEventLoop
    _prepared: dict[str, Prepared] = field(default_factory=dict)
    _resident: ExitStack = field(default_factory=ExitStack)
    _client: SandboxClient | None = None

    def __enter__(self) -> Self:
        self._scanner = Chooser(
            upstreams=(plain(IndexName("pypi"), default_upstream()),),
            policy=PolicyFile(None).current(),
            scratch=self.scratch,
            sandbox=SandboxClient(Path("/nonexistent")),
        )
        self._on_loop(self._scanner.__aenter__())
        self._port = Kept(self._scanner)
        return self

    def __exit__(self, *_: object) -> None:
        self._dismiss()
        self._on_loop(self._scanner.__aexit__())

    def attempt(self, item: str) -> Outcome:
        what, name, number = item.split()
        prepared = self._prepare(name)
        if what == "tracing":
            self._dismiss()
            return self._tracing(item, name, prepared, on_first=int(number) % 2 == 0)
        phases = tuple(Phase)[1:] if what == "wait" else USED
        begun = time.monotonic()
        evidence = self._on_loop(self._analyse(prepared.ref, prepared.path, phases))
        return self._analysed(item, name, evidence, time.monotonic() - begun, what)

    def _analysed(
        self, item: str, name: str, evidence: Evidence, took_s: float, what: str
    ) -> Outcome:
        coverage, account = evidence.coverage, evidence.account
        label = name if what == "analysis" else f"{name} with waiting"
        walls = {f"{label} {phase.phase}_s": phase.wall_ms / 1000 for phase in evidence.phases}
        short = " ".join(shortfall.value for shortfall in evidence.shortfalls)
        return Outcome(
            item=item,
            holds=not evidence.shortfalls and bool(account.received),
            grave=bool(account.dropped),
            detail=(
                f"{evidence.filename}: {took_s:.3f} s, {coverage.modules_imported} of "
                f"{coverage.modules_found} modules, {_submodules(evidence)}, "
                f"{len(evidence.dependencies)} files beside it, "
                f"{account.received} events, {account.dropped} dropped {short}"
            ).strip(),
            measures={f"{label} disk_to_evidence_s": took_s, **walls},
            facts={"case": name, "phases": " ".join(phase.phase for phase in evidence.phases)},
        )

    def _tracing(self, item: str, name: str, prepared: Prepared, *, on_first: bool) -> Outcome:
        """A pair: the same runs with the tracer and without, each in a fresh daemon."""
        cpu_us: dict[bool, float] = {}
        for trace in (on_first, not on_first):
            with daemon(harness=False, trace=trace, uid_base=UID_BASE) as client:
                runs = [self._on_loop(self._bare(client, prepared)) for _ in range(RUNS_PER_ARM)]
            cpu_us[trace] = statistics.median(runs[1:])
        more = (cpu_us[True] / cpu_us[False] - 1) * 100
        return Outcome(
            item=item,
            holds=True,
            detail=f"{cpu_us[False] / 1000:.0f} ms without, {cpu_us[True] / 1000:.0f} ms with: {more:+.1f} %",
            measures={f"tracing {name} cpu_percent": round(more, 2)},
        )

    async def _bare(self, client: SandboxClient, prepared: Prepared) -> int:
        """One run without the rest of an analysis; microseconds of processor time in its boxes."""
        with ExitStack() as opened:
            inputs = []
            files = [(prepared.ref.filename, prepared.ref.sha256, "artifact")]
            files += [(f.filename, f.sha256, f.role) for f in prepared.evidence.dependencies]
            for filename, sha256, role in files:
                artifact = role == "artifact"
                descriptor = (
                    _sealed(prepared.path, sha256) if artifact else await self._port.fetch(sha256)
                )
                opened.callback(os.close, descriptor)
                size = os.fstat(descriptor).st_size
                described = InputFile(filename=filename, sha256=sha256, size=size, role=role)
                inputs.append((described, descriptor))
            request = RunRequest(
                run_id=secrets.token_hex(8),
                kind="run",
                artifact=prepared.ref.filename,
                archive=prepared.ref.kind.value,
                phases=TRACED,
            )
            outcome = await client.run(request, inputs)
        return sum(phase.counters.get("cpu_us", 0) for phase in outcome.result.phases)

    def _prepare(self, name: str) -> Prepared:
        """Choose, fetch and analyse once, untimed."""
        if name not in self._prepared:
            self._prepared[name] = self._on_loop(self._choose(CASES[name]))
        return self._prepared[name]

    async def _choose(self, case: Case) -> Prepared:
        _, ref = await self._scanner.newest(case.project, case.kind)
        assert ref is not None, f"the index has no {case.kind} of {case.project}"
        path = await self._scanner.ensure(ref)
        evidence = await self._analyse(ref, path, USED)
        return Prepared(ref=ref, path=path, evidence=evidence)

    async def _analyse(self, ref: ArtifactRef, path: Path, phases: tuple[Phase, ...]) -> Evidence:
        client = self._summon()
        self._port.interpreter = self._port.interpreter or await describe_interpreter()
        now = utc_now()
        descriptor = _sealed(path, ref.sha256)
        lease = Lease(
            lease_id="speed",
            job_id=1,
            ref=ref,
            size_bytes=os.fstat(descriptor).st_size,
            attempt=1,
            facts=Facts(ref=ref, as_of=now),
            expires_at=now + LEASE,
            plan=AnalysisPlan(phases=phases),
        )
        try:
            post = await analyse(
                lease=lease,
                artifact_fd=descriptor,
                sandbox=client,
                proxy=self._port,
                clock=utc_now,
                worker_name="speed",
                interpreters=(self._port.interpreter,),
            )
        finally:
            os.close(descriptor)
        return post.evidence

    def _summon(self) -> SandboxClient:
        """The resident daemon."""
        if self._client is None:
            self._client = self._resident.enter_context(daemon(harness=False, uid_base=UID_BASE))
        return self._client

    def _dismiss(self) -> None:
        self._resident.close()
        self._client = None

    def _on_loop(self, work: Coroutine[Any, Any, Answered]) -> Answered:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


def _submodules(evidence: Evidence) -> str:
    tried = evidence.signal("behaviour.submodules_tried") or 0
    found = evidence.signal("behaviour.submodules_found") or 0
    return f"{tried} of {found} submodules"


def _sealed(path: Path, sha256: Sha256) -> int:
    return sealed(path.read_bytes(), sha256)
