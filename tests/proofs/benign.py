"""Real packages, popular and obscure: none has a proof, hardly any a finding that weighs much."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp

from analyzer.sandbox.client import SandboxClient
from models.artifact import ArtifactKind, IndexName
from models.errors import PratiqueError, UpstreamNotFound
from models.evidence import Evidence, Finding, Severity
from models.popularity import ranks
from models.trust.findings import own_findings
from proxy.index.declared import plain
from proxy.index.default import default_upstream
from proxy.policyfile import PolicyFile
from proxy.scanning import Scanned
from tests.corpus.lab import daemon
from tests.proofs.choosing import Chooser, running_loop
from tests.proofs.proof import Outcome

Answered = TypeVar("Answered")

POPULAR = 300
"""The most downloaded projects."""
OBSCURE = 200
OBSCURE_RANKS = (1001, 15_000)
"""Ranks of which those are drawn: the long tail, as far as the bundled list goes."""
BOXES = 2
UID_BASE = 64300
SEVERE = (Severity.HIGH, Severity.CRITICAL)
FINDINGS_SAID_MAX = 6


class BenignProof:
    """The newest file of one kind of each project; an item is `popular NAME` or `obscure NAME`."""

    least_percent = 99
    sample = 2
    parallel = BOXES

    def __init__(self, kind: ArtifactKind) -> None:
        self._kind = kind
        self.name = f"benign-{kind.value}s"
        self.claim = (
            f"Of the newest {kind.value}s of the {POPULAR} most downloaded projects and of {OBSCURE} "
            "drawn from the long tail, none has a proof, fewer than one in a hundred has a finding of "
            "high severity, and the tracer loses no event."
        )

    def items(self, seed: int) -> Sequence[str]:
        source = random.Random(seed)  # noqa: S311 - an order, not a secret
        names = list(ranks())
        low, high = OBSCURE_RANKS
        drawn = source.sample(names[low - 1 : high], OBSCURE)
        chosen = [f"popular {name}" for name in names[:POPULAR]]
        chosen += [f"obscure {name}" for name in drawn]
        source.shuffle(chosen)
        return chosen

    @contextmanager
    def set_up(self) -> Iterator[BenignExperiment]:
        scratch = Path(tempfile.mkdtemp(prefix="pratique-benign-", dir="/var/tmp"))
        try:
            with (
                daemon(harness=False, boxes=BOXES, uid_base=UID_BASE) as sandbox,
                running_loop() as loop,
                BenignExperiment(self._kind, sandbox, scratch, loop) as experiment,
            ):
                yield experiment
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


class BenignExperiment:
    """One daemon without the harness marker, the real index, one resolver for all."""

    def __init__(
        self,
        kind: ArtifactKind,
        sandbox: SandboxClient,
        scratch: Path,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._kind = kind
        self._loop = loop
        self._scanner = Chooser(
            upstreams=(plain(IndexName("pypi"), default_upstream()),),
            policy=PolicyFile(None).current(),
            scratch=scratch,
            sandbox=sandbox,
        )

    def __enter__(self) -> Self:
        self._on_loop(self._scanner.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._on_loop(self._scanner.__aexit__())

    def attempt(self, item: str) -> Outcome:
        group, project = item.split()
        begun = time.monotonic()
        try:
            scanned = self._on_loop(self._scanner.scan_newest(project, self._kind))
        except UpstreamNotFound:
            return Outcome(item=item, holds=True, detail="absent", facts={"tier": "absent"})
        except (PratiqueError, aiohttp.ClientError, OSError) as error:
            said = f"not analysed: {type(error).__name__}: {error}"[:300]
            return Outcome(item=item, holds=False, detail=said, facts={"tier": "not analysed"})
        self._on_loop(self._scanner.forget_old())
        if scanned is None:
            return Outcome(item=item, holds=True, detail="no such file", facts={"tier": "none"})
        return _outcome(item, group, scanned, time.monotonic() - begun)

    def _on_loop(self, work: Coroutine[Any, Any, Answered]) -> Answered:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _outcome(item: str, group: str, scanned: Scanned, whole_s: float) -> Outcome:
    evidence, tier = scanned.evidence, scanned.decision.tier
    own = own_findings(evidence)
    severe = [found for found in own if found.severity in SEVERE]
    proofs = [found for found in own if found.proof is not None]
    short = [shortfall.value for shortfall in evidence.shortfalls]
    said = list(dict.fromkeys(_said(found) for found in severe))[:FINDINGS_SAID_MAX]
    words = [evidence.filename, str(tier), *said, *(f"!{word}" for word in short)]
    measures = {f"{phase.phase}_s": phase.wall_ms / 1000 for phase in evidence.phases}
    return Outcome(
        item=item,
        holds=not severe,
        grave=bool(proofs) or bool(evidence.account.dropped),
        detail=" ".join(words)[:600],
        measures=measures
        | {
            "analysis_s": evidence.duration_ms / 1000,
            "with_fetching_s": round(whole_s, 3),
            "events_dropped": evidence.account.dropped,
        },
        facts={
            "group": group,
            "tier": str(tier),
            "proofs": str(len(proofs)),
            "severe": "; ".join(said),
            "short": " ".join(short),
            "why": _why(evidence),
        },
    )


def _said(found: Finding) -> str:
    place = found.place
    where = place.path or place.host or place.address or place.process
    return f"{found.phase}:{found.id}:{found.severity}({found.what} {where})".replace("( ", "(")[
        :160
    ]


def _why(evidence: Evidence) -> str:
    """What the modules raised, where nothing could be imported."""
    return str(evidence.signal("behaviour.import_errors") or "")[:80]
