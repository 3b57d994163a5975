"""One analysis without a firewall: what `pratique scan` does once it may only read and ask."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from analyzer.interpreter import describe_interpreter
from analyzer.memfd import sealed
from analyzer.pipeline import analyse
from analyzer.sandbox.client import SandboxClient
from analyzer.sandbox.protocol import INPUT_BYTES_MAX
from models.artifact import ArtifactKind, ArtifactRef, Sha256, kind_of, parse_project, parse_ref
from models.behaviour import Baseline
from models.canonical import digest_of
from models.clock import Clock, utc_now
from models.contents import ContentsBaseline
from models.decision import Decision
from models.errors import CapabilityRefused, UpstreamError, UpstreamNotFound, ValueInvalid
from models.evidence import Evidence
from models.facts import Facts
from models.judgement import JudgeRequest
from models.work import EvidencePost, Lease, ResolvedSet, ResolveRequest
from policies.policy import Policy
from proxy.artifacts.fetchers import Fetchers
from proxy.artifacts.folder import FolderArtifacts
from proxy.behind import Behind
from proxy.candidates import Interpreter as TargetInterpreter
from proxy.candidates import Need, candidates_of, matching
from proxy.index.declared import Upstream
from proxy.inquiry import Inquiry
from proxy.judge.core import LocalJudge
from proxy.resolve import Resolver
from proxy.simple.page import IndexFile, ProjectPage
from proxy.sources.composition import Means, sources_of
from proxy.store.memory import MemoryStore
from proxy.store.port import Store

SCRATCH_BYTES_MAX = 8 << 30
"""Bytes of fetched files that a long row of scans keeps."""
SCRATCH_AGE_S = 900
"""Seconds after which a fetched file is in nobody's hands: an analysis takes 120, a queue a few."""
LEASE = timedelta(hours=1)
"""Time the lease of a scan lives; nobody else could take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What came of it."""

    decision: Decision
    evidence: Evidence
    facts: Facts | None
    since: str = ""
    """The file of an older release that it was to be compared with; empty: none was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file to scan: its bytes, and the page that speaks of its project, if there is one."""

    ref: ArtifactRef
    data: bytes
    page: ProjectPage | None


class Scanner:
    """Upstream, resolver and judge in this process; nothing is stored. An async context manager."""

    def __init__(
        self,
        *,
        upstreams: Sequence[Upstream],
        policy: Policy,
        scratch: Path,
        sandbox: SandboxClient,
        advisories: Store | None = None,
        clock: Clock = utc_now,
        on_progress: Callable[[str, str], None] = lambda _phase, _state: None,
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._sandbox = sandbox
        self._on_progress = on_progress
        store = MemoryStore(clock=clock)
        self._artifacts = FolderArtifacts(scratch / "artifacts")
        self._behind = Behind(
            upstreams, store, self._artifacts, clock=clock, owned=lambda: policy.owned
        )
        self._index = self._behind.index
        self._fetcher = self._behind.fetchers
        self._resolver = Resolver(self._index, self._fetcher)
        means = Means(
            grower=self._resolver,
            metadata=self._fetcher,
            index=self._index,
            clients=self._behind.clients,
            store=store,
            policy=lambda: policy,
            clock=clock,
            advisories=advisories,
            home=self._index.home,
        )
        self._inquiry = Inquiry(sources_of(means))
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._behind)
        self._stack.callback(self._resolver.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def find(self, text: str) -> Found:
        """The best file for a requirement. Raises UpstreamNotFound where there is none."""
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise ValueInvalid(
                f"{text!r} is neither a file here nor a requirement.",
                next_step="Name a wheel, an sdist, or write something like requests==2.32.5.",
            ) from error
        name = canonicalize_name(requirement.name)
        page = await self._index.project(name)
        return await self._fetch(page, await _best_file(page, requirement))

    async def previous(self, of: Found) -> Found:
        """The newest release below `of` on the index, as a file of the same kind where there is one.

        Raises UpstreamNotFound where there is none.
        """
        file = await _file_before(of.page, of.ref) if of.page else None
        if of.page is None or file is None:
            raise UpstreamNotFound(
                f"The index has no release before {of.ref.filename} that could be run here.",
                next_step="Name a file or a release: --since demo==1.0.",
            )
        return await self._fetch(of.page, file)

    async def given(self, filename: str, data: bytes) -> Found:
        """A file by its bytes; facts come from the index if it lists these very bytes."""
        stem = (
            filename.split("-", maxsplit=1)[0]
            if kind_of(filename) is ArtifactKind.WHEEL
            else filename
        )
        project = stem if kind_of(filename) is ArtifactKind.WHEEL else stem.rsplit("-", 1)[0]
        name = parse_project(project)
        page: ProjectPage | None = None
        try:
            page = await self._index.project(name)
        except UpstreamError:
            self._on_progress(filename, "unknown to the index")
        index = page.index if page else self._index.would_be(name)
        ref = parse_ref(index, name, hashlib.sha256(data).hexdigest(), filename)
        return Found(ref=ref, data=data, page=page)

    async def scan(self, found: Found, *, since: Found | None = None) -> Scanned:
        """Analyse and judge a file; `since` is analysed first, and not judged.

        Raises ValueInvalid where `since` is of another project.
        """
        baseline, contents = None, None
        if since is not None:
            if since.ref.project != found.ref.project:
                raise ValueInvalid(
                    f"{since.ref.filename} is no release of {found.ref.project}.",
                    next_step="Compare two releases of one project.",
                )
            _, older = await self._analyse(since)
            baseline, contents = _baseline(older), _contents(older)
        facts, evidence = await self._analyse(found, baseline, contents)
        request = JudgeRequest(
            id=1,
            ref=found.ref,
            as_of=self._clock(),
            policy_toml=self._policy.text,
            facts=facts,
            evidence=evidence,
        )
        decision = await LocalJudge().judge(request)
        name = since.ref.filename if since else ""
        return Scanned(decision=decision, evidence=evidence, facts=facts, since=name)

    async def observe(self, found: Found) -> EvidencePost:
        """Analyse a file and judge nothing; no source of facts is asked."""
        unknown = Facts(ref=found.ref, as_of=self._clock(), missing=("page",))
        return await self._run(found, unknown)

    async def forget_old(self) -> int:
        """Remove fetched files that no scan under way can need, where there are too many."""
        moment = time.time() - SCRATCH_AGE_S
        return await asyncio.to_thread(
            self._artifacts.remove_older, moment, bytes_max=SCRATCH_BYTES_MAX
        )

    async def _fetch(self, page: ProjectPage, file: IndexFile) -> Found:
        ref = ArtifactRef(
            index=page.index,
            project=page.name,
            filename=file.filename,
            sha256=Sha256(str(file.sha256)),
        )
        self._on_progress(file.filename, "fetching")
        path = await self._fetcher.ensure(ref)
        data = await asyncio.to_thread(head_of, path)
        return Found(ref=ref, data=data, page=page)

    async def _analyse(
        self,
        found: Found,
        baseline: Baseline | None = None,
        contents: ContentsBaseline | None = None,
    ) -> tuple[Facts | None, Evidence]:
        now, ref, page = self._clock(), found.ref, found.page
        listed = page is not None and page.file(ref.filename, ref.sha256) is not None
        facts = await self._inquiry.facts(ref, page if listed else None, now)
        known = facts or Facts(ref=ref, as_of=now, missing=("page",))
        post = await self._run(found, known, baseline, contents)
        return facts, post.evidence

    async def _run(
        self,
        found: Found,
        facts: Facts,
        baseline: Baseline | None = None,
        contents: ContentsBaseline | None = None,
    ) -> EvidencePost:
        ref, now = found.ref, self._clock()
        lease = Lease(
            lease_id=secrets.token_hex(8),
            job_id=1,
            ref=ref,
            size_bytes=len(found.data),
            attempt=1,
            facts=facts,
            expires_at=now + LEASE,
            plan=self._policy.plan,
            baseline=baseline,
            contents=contents,
        )
        descriptor = sealed(found.data, ref.sha256)
        try:
            return await analyse(
                lease=lease,
                artifact_fd=descriptor,
                sandbox=self._sandbox,
                proxy=_Capability(self._resolver, self._fetcher),
                clock=self._clock,
                worker_name="scan",
                on_progress=self._on_progress,
            )
        finally:
            os.close(descriptor)


def _baseline(older: Evidence) -> Baseline | None:
    """What a scan compares with; None where the older file could not be run."""
    if older.profile is None:
        return None
    return Baseline(
        filename=older.filename,
        sha256=older.sha256,
        evidence_digest=digest_of(older),
        profile=older.profile,
        phases=tuple(phase.phase for phase in older.phases),
    )


def _contents(older: Evidence) -> ContentsBaseline | None:
    """What a scan compares files with; None where the older file could not be read."""
    if older.contents is None:
        return None
    return ContentsBaseline(
        filename=older.filename, evidence_digest=digest_of(older), contents=older.contents
    )


def head_of(path: Path) -> bytes:
    """As much of a file as an analysis takes."""
    with path.open("rb") as opened:
        return opened.read(INPUT_BYTES_MAX)


async def _file_before(page: ProjectPage, ref: ArtifactRef) -> IndexFile | None:
    """Of the newest release below `ref`'s that is not yanked, the file that compares best."""
    described = await describe_interpreter()
    below = Version(ref.version) if ref.version else None
    older = [
        candidate
        for candidate in candidates_of(page, TargetInterpreter(described.target))
        if below is not None and candidate.version < below and not candidate.file.is_yanked
    ]
    best = max(older, key=lambda one: (not one.version.is_prerelease, one.version), default=None)
    if best is None:
        return None
    alike = (
        file
        for file in page.files
        if file.version == str(best.version)
        and file.kind is ref.kind is ArtifactKind.SDIST
        and file.sha256
    )
    return next(alike, best.file)


async def _best_file(page: ProjectPage, requirement: Requirement) -> IndexFile:
    """What an installer would take: of the newest matching release, the file that fits best."""
    described = await describe_interpreter()
    need = Need(name=page.name, specifier=requirement.specifier)
    fitting = matching(candidates_of(page, TargetInterpreter(described.target)), (need,))
    best = max(fitting, key=lambda candidate: candidate.version, default=None)
    if best is None:
        raise UpstreamNotFound(
            f"The index has nothing for {requirement} that this interpreter could install.",
            next_step="Name another version, or a file.",
        )
    return best.file


class _Capability:
    """The proxy's side of a lease, in this process: files of the resolved set, and no others."""

    def __init__(self, resolver: Resolver, fetcher: Fetchers) -> None:
        self._resolver = resolver
        self._fetcher = fetcher
        self._where: dict[Sha256, tuple[str, int]] = {}

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        """Resolve, and remember where the files lie."""
        resolved, where = await self._resolver.resolve(request)
        self._where |= where
        return resolved

    async def fetch(self, sha256: Sha256) -> int:
        """A file of the set as a sealed memfd."""
        if sha256 not in self._where:
            raise CapabilityRefused("That file is not in the resolved set.")
        url, size = self._where[sha256]
        path = await self._fetcher.ensure_url(sha256, url, size or None)
        return sealed(await asyncio.to_thread(path.read_bytes), sha256)
