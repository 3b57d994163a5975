"""Real packages, popular and obscure: none has a proof, hardly any a finding that weighs much."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from analyzer.interpreter import describe_interpreter
from analyzer.job import ProxyPort
from analyzer.sandbox.client import SandboxClient
from analyzer.sandbox.protocol import INPUT_BYTES_MAX
from models.artifact import ArtifactKind, ArtifactRef, Sha256
from models.errors import PratiqueError, UpstreamNotFound
from models.evidence import Evidence, Finding, Severity
from models.popularity import ranks
from models.trust.findings import own_findings
from proxy.candidates import Interpreter, Need, candidates_of, matching
from proxy.index.default import default_upstream
from proxy.policyfile import PolicyFile
from proxy.scanning import Scanned, Scanner, _Capability
from proxy.simple.page import IndexFile, ProjectPage
from tests.corpus.lab import daemon
from tests.proofs.proof import Outcome

Answered = TypeVar("Answered")

POPULAR = 300
"""The most downloaded projects."""
OBSCURE = 200
OBSCURE_RANKS = (1001, 15_000)
"""Ranks of which those are drawn: the long tail, as far as the bundled list goes."""
BOXES = 2
SCRATCH_BYTES_MAX = 15 << 30
"""Bytes of fetched files kept; beyond, those that no analysis under way can need are removed."""
SCRATCH_AGE_S = 900
"""Seconds after which a fetched file is in nobody's hands: an analysis takes 120, a queue a few."""
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


class Chooser(Scanner):
    """A scanner that can be told which kind of file to take."""

    def __init__(self, *, scratch: Path, **more: Any) -> None:
        super().__init__(scratch=scratch, **more)
        self._scratch = scratch

    async def scan_newest(self, project: str, kind: ArtifactKind) -> Scanned | None:
        """Analyse the newest file of that kind; None where the project has none for us."""
        page, ref = await self.newest(project, kind)
        if ref is None:
            return None
        data = await asyncio.to_thread(_read, await self.ensure(ref))
        return await self._scan(ref, data, page)

    async def newest(
        self, project: str, kind: ArtifactKind
    ) -> tuple[ProjectPage, ArtifactRef | None]:
        """The project's page, and of its newest release with such a file the one that fits us."""
        page = await self._index.project(canonicalize_name(project))
        file = await _newest(page, kind)
        if file is None:
            return page, None
        ref = ArtifactRef(
            index=self._upstream.name,
            project=page.name,
            filename=file.filename,
            sha256=Sha256(str(file.sha256)),
        )
        return page, ref

    async def ensure(self, ref: ArtifactRef) -> Path:
        """Fetch a file, unless it is here."""
        return await self._fetcher.ensure(ref)

    def capability(self) -> ProxyPort:
        """What an analysis may ask of this scanner."""
        return _Capability(self._resolver, self._fetcher)

    def forget_old(self) -> None:
        """Remove fetched files that nobody can need any more, where there are too many."""
        files = [path for path in self._scratch.rglob("*") if path.is_file()]
        if sum(path.stat().st_size for path in files) < SCRATCH_BYTES_MAX:
            return
        oldest = time.time() - SCRATCH_AGE_S
        for path in files:
            digest = path.parent.name + path.name
            if path.stat().st_mtime < oldest and len(digest) == 64:
                self._artifacts.remove(Sha256(digest))


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
            index_name="pypi",
            upstream=default_upstream(),
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
        self._scanner.forget_old()
        if scanned is None:
            return Outcome(item=item, holds=True, detail="no such file", facts={"tier": "none"})
        return _outcome(item, group, scanned, time.monotonic() - begun)

    def _on_loop(self, work: Coroutine[Any, Any, Answered]) -> Answered:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _read(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(INPUT_BYTES_MAX)


async def _newest(page: ProjectPage, kind: ArtifactKind) -> IndexFile | None:
    """Of the newest release that has one: the file of that kind that this interpreter would take."""
    interpreter = Interpreter((await describe_interpreter()).target)
    only = ProjectPage(name=page.name, files=tuple(f for f in page.files if f.kind is kind))
    need = Need(name=page.name, specifier=SpecifierSet())
    fitting = matching(candidates_of(only, interpreter), (need,))
    best = max(fitting, key=lambda candidate: candidate.version, default=None)
    return best.file if best else None


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


def benign_page(record: dict[str, Any]) -> Iterator[str]:
    """docs/proofs/benign-….md: what became of real packages."""
    facts: dict[str, dict[str, str]] = record["facts"]
    yield f"# Real packages: {record['name']}\n"
    yield f"{record['claim']}\n"
    yield (
        f"Commit {record['commit'][:12]}, {record['machine']}; {record['tried']} of "
        f"{record['items']} projects tried, harness off.\n"
    )
    analysed = {item: row for item, row in facts.items() if "group" in row}
    yield (
        "| Group | n | "
        + " | ".join(_TIERS)
        + " | With a proof | With HIGH or CRITICAL | Fell short |"
    )
    yield "|---|---:|" + "---:|" * (len(_TIERS) + 3)
    for group in ("popular", "obscure"):
        yield _group_line(group, [row for row in analysed.values() if row["group"] == group])
    others = Counter(row["tier"] for row in facts.values() if "group" not in row)
    yield "\nNot analysed: " + (
        ", ".join(f"{n} {why}" for why, n in sorted(others.items())) or "none"
    )
    yield "\n## Severe findings\n"
    yield from (
        f"- {item}: {_cell(row['severe'])}"
        for item, row in sorted(analysed.items())
        if row["severe"]
    )
    yield "\n## Fell short\n"
    yield from (
        f"- {item}: {row['short']} {_cell(row['why'])}".rstrip()
        for item, row in sorted(analysed.items())
        if row["short"]
    )


_TIERS = ("APPROVE", "MONITOR", "QUARANTINE", "BLOCK")


def _group_line(group: str, rows: Sequence[Mapping[str, str]]) -> str:
    tiers = Counter(row["tier"] for row in rows)
    proofs = sum(row["proofs"] != "0" for row in rows)
    severe, short = (
        sum(bool(row["severe"]) for row in rows),
        sum(bool(row["short"]) for row in rows),
    )
    counts = [len(rows), *(tiers[tier] for tier in _TIERS), proofs, severe, short]
    return f"| {group} | " + " | ".join(map(str, counts)) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
