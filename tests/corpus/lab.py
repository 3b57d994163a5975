"""Where recipes are tried: a sandbox daemon, the real pipeline, the default policy."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from analyzer.memfd import sealed
from analyzer.pipeline import analyse
from analyzer.sandbox.client import SandboxClient
from analyzer.sandbox.launch import daemon_argv
from models.artifact import IndexName, Sha256, parse_ref
from models.clock import utc_now
from models.decision import Action, Decision, TrustTier
from models.evidence import Evidence, Finding, ResolvedFile, Severity
from models.trust.findings import own_findings
from models.work import Lease, ResolvedSet, ResolveRequest
from proxy.demo.packages import installed_wheel
from tests.corpus.building import Built
from tests.models.examples import facts
from tests.policies.examples import judged

UID_BASE = 64500
STOP_S = 30
LEASE = timedelta(hours=1)


class Seen(StrEnum):
    """What became of an archive."""

    CAUGHT = "caught"
    """Not served, because of what it did."""
    NOTICED = "noticed"
    """Served, under watch because of what it did."""
    HELD = "held"
    """Not served, only because the analysis fell short."""
    SERVED = "served"
    """Nothing was found that weighs anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One archive, analysed and judged as a release of an old and quiet project."""

    decision: Decision
    evidence: Evidence
    seen: Seen

    @property
    def served(self) -> bool:
        """Whether an installer would get it."""
        return self.decision.action is Action.SERVE

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The artifact's own findings that weigh something."""
        return weighty(self.evidence)

    def __str__(self) -> str:
        found = dict.fromkeys(f"{f.phase}:{f.id}:{f.severity}" for f in self.findings)
        proofs = dict.fromkeys(f"proof:{f.what}" for f in self.evidence.proofs)
        short = [f"!{shortfall}" for shortfall in self.evidence.shortfalls]
        tier = self.decision.tier or ""
        return " ".join((self.seen, tier, *proofs, *found, *short))


@contextmanager
def daemon(
    *, harness: bool, boxes: int = 1, trace: bool = True, uid_base: int = UID_BASE
) -> Iterator[SandboxClient]:
    """A sandbox daemon of our own, ended with the block."""
    run_dir = Path(tempfile.mkdtemp(prefix="pratique-corpus-", dir="/run"))
    run_dir.chmod(0o711)
    socket = run_dir / "sandbox.sock"
    process = subprocess.Popen(
        daemon_argv(
            socket=socket,
            client_uid=os.geteuid(),
            run_dir=run_dir,
            harness=harness,
            boxes=boxes,
            trace=trace,
            uid_base=uid_base,
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd="/",
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == b"ready"
        yield SandboxClient(socket)
    finally:
        process.terminate()
        process.wait(timeout=STOP_S)
        process.stdout.close()
        shutil.rmtree(run_dir, ignore_errors=True)


class Shelf:
    """The proxy's side of an analysis: the wheels beside a recipe, and setuptools to build with."""

    def __init__(self, beside: Mapping[str, bytes]) -> None:
        tool = installed_wheel("setuptools")
        self._roles = {"run": dict(beside), "build": {tool.filename: tool.data}}
        self._data = {
            hashlib.sha256(data).hexdigest(): data
            for files in self._roles.values()
            for data in files.values()
        }

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        """Everything there is for that role."""
        return ResolvedSet(
            files=tuple(
                ResolvedFile(
                    project=filename.split("-")[0],
                    version=filename.split("-")[1],
                    filename=filename,
                    sha256=Sha256(hashlib.sha256(data).hexdigest()),
                    role=request.role,
                )
                for filename, data in self._roles[request.role].items()
            )
        )

    async def fetch(self, sha256: Sha256) -> int:
        """One of them."""
        return sealed(self._data[sha256], sha256)


def try_out(built: Built, sandbox: SandboxClient) -> Verdict:
    """Analyse an archive in real boxes, and judge what they saw of it."""
    digest = Sha256(hashlib.sha256(built.data).hexdigest())
    ref = parse_ref(IndexName("corpus"), built.project, digest, built.filename)
    known = facts(ref)
    lease = Lease(
        lease_id="corpus",
        job_id=1,
        ref=ref,
        size_bytes=len(built.data),
        attempt=1,
        facts=known,
        expires_at=utc_now() + LEASE,
    )
    descriptor = sealed(built.data, digest)
    try:
        post = asyncio.run(
            analyse(
                lease=lease,
                artifact_fd=descriptor,
                sandbox=sandbox,
                proxy=Shelf(built.beside),
                clock=utc_now,
                worker_name="corpus",
            )
        )
    finally:
        os.close(descriptor)
    evidence = without_sources(post.evidence)
    decision = judged(of=ref, seen=evidence, facts=known)
    return Verdict(decision=decision, evidence=evidence, seen=seen(decision, evidence))


def without_sources(evidence: Evidence) -> Evidence:
    """Evidence without what reading the Python sources said.

    The corpus tries what boxes see. A twin carries the very source of its re-enactment and calls
    another part of it, so that reading alone says the same of both; and a re-enactment that only
    reading caught would hide that no box saw it.
    """
    seen_in_boxes = tuple(f for f in evidence.findings if not f.id.startswith("static-"))
    return replace(evidence, findings=seen_in_boxes)


def seen(decision: Decision, evidence: Evidence) -> Seen:
    """What a decision was made for: what the archive did, or what we did not see."""
    if decision.action is not Action.SERVE:
        whole = replace(evidence, shortfalls=())
        again = judged(of=decision.ref, seen=whole, facts=facts(decision.ref))
        return Seen.CAUGHT if again.action is not Action.SERVE else Seen.HELD
    watched = decision.tier is TrustTier.MONITOR and weighty(evidence)
    return Seen.NOTICED if watched else Seen.SERVED


def weighty(evidence: Evidence) -> tuple[Finding, ...]:
    """The findings of the artifact itself that take points."""
    return tuple(f for f in own_findings(evidence) if f.severity is not Severity.INFO)
