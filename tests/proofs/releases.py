"""Consecutive releases of honest projects: how seldom what the newer one adds weighs much."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from packaging.utils import canonicalize_name

from analyzer.contents import contents_of
from analyzer.inventory import ReaderReport
from analyzer.memfd import sealed_copy
from analyzer.readers.confinement import choose_confinement
from analyzer.readers.pool import ReaderPool
from analyzer.readers.porter import Porter
from analyzer.releases import compare_contents
from models.artifact import ArtifactKind, ArtifactRef, Sha256, parse_index_name
from models.canonical import digest_of_bytes
from models.clock import utc_now
from models.contents import ContentsBaseline
from models.errors import UpstreamError
from models.evidence import Severity
from models.filewords import contents_groups
from proxy.artifacts.fetcher import Fetcher
from proxy.artifacts.folder import FolderArtifacts
from proxy.index.cached import CachedIndex
from proxy.index.default import default_upstream
from proxy.index.upstream import UpstreamIndex
from proxy.privileges import is_root
from proxy.research.corpus import newest_of
from proxy.simple.page import IndexFile, ProjectPage
from proxy.store.memory import MemoryStore
from tests.proofs.benign import BenignProof
from tests.proofs.choosing import running_loop
from tests.proofs.proof import Outcome

Answered = TypeVar("Answered")
READER_UID = 64_980
PAIRS = 160
"""Projects and kinds that are tried."""
FILE_BYTES_MAX = 20 * 1024 * 1024
SEVERE = (Severity.HIGH, Severity.CRITICAL)
SAID_CHARS_MAX = 400


class ReleasesProof:
    """An item is `wheel NAME` or `sdist NAME`: the newest release and the newest before it."""

    name = "releases"
    claim = (
        "Of the newest releases of honest projects, wheels and sdists, each compared with the "
        "release before it, at most one in a hundred adds what is a finding of high severity."
    )
    least_percent = 99
    sample = 3
    parallel = 1

    def items(self, seed: int) -> Sequence[str]:
        """Popular and obscure projects as they come, either kind of each."""
        projects = [item.split()[1] for item in BenignProof(ArtifactKind.WHEEL).items(seed)]
        return [f"{kind} {project}" for project in projects for kind in ("wheel", "sdist")][:PAIRS]

    @contextmanager
    def set_up(self) -> Iterator[ReleasesExperiment]:
        """A warm reader, forked before there is any thread, and a way to the index."""
        scratch = Path(tempfile.mkdtemp(prefix="pratique-releases-", dir="/var/tmp"))
        uid = READER_UID if is_root() else None
        porter = Porter([], confinement=choose_confinement(), reader_uid=uid)
        try:
            with ExitStack() as opened:
                pool = opened.enter_context(ReaderPool(porter, size=1))
                loop = opened.enter_context(running_loop())
                yield opened.enter_context(ReleasesExperiment(pool, scratch, loop))
        finally:
            porter.close()
            shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two files of one project and kind, as reading gave them."""

    newer: ReaderReport
    older: ReaderReport


class ReleasesExperiment:
    """Fetches pairs and compares them."""

    def __init__(self, pool: ReaderPool, scratch: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._loop = loop
        self._upstream = UpstreamIndex(parse_index_name("pypi"), default_upstream())
        self._index = CachedIndex(self._upstream, MemoryStore(clock=utc_now), clock=utc_now)
        self._fetcher = Fetcher(
            self._index, self._upstream.client, FolderArtifacts(scratch / "artifacts")
        )

    def __enter__(self) -> Self:
        self._on_loop(self._upstream.start())
        return self

    def __exit__(self, *_: object) -> None:
        for close in (self._fetcher.close, self._index.close, self._upstream.close):
            self._on_loop(close())

    def attempt(self, item: str) -> Outcome:
        """Compare one pair."""
        kind, project = item.split()
        try:
            files = self._on_loop(self._pair(project, ArtifactKind(kind)))
            if files is None:
                return Outcome(item=item, holds=True, detail="no such pair", counted=False)
            newer, older = (self._read(*file, kind) for file in files)
        except UpstreamError as error:
            return Outcome(
                item=item, holds=True, detail=f"not fetched: {error}"[:300], counted=False
            )
        if newer is None or older is None:
            return Outcome(item=item, holds=False, detail="not read")
        return _compared(item, Pair(newer=newer, older=older))

    async def _pair(
        self, project: str, kind: ArtifactKind
    ) -> tuple[tuple[str, Path], tuple[str, Path]] | None:
        page = await self._index.project(canonicalize_name(project))
        newest = await newest_of(page, kind)
        if newest is None:
            return None
        below = ProjectPage(
            name=page.name, files=tuple(f for f in page.files if f.version != newest.version)
        )
        before = await newest_of(below, kind)
        if before is None or max(newest.size or 0, before.size or 0) > FILE_BYTES_MAX:
            return None
        return await self._fetch(page, newest), await self._fetch(page, before)

    async def _fetch(self, page: ProjectPage, file: IndexFile) -> tuple[str, Path]:
        ref = ArtifactRef(
            index=self._upstream.name,
            project=page.name,
            filename=file.filename,
            sha256=Sha256(str(file.sha256)),
        )
        return file.filename, await self._fetcher.ensure(ref)

    def _read(self, filename: str, path: Path, kind: str) -> ReaderReport | None:
        with path.open("rb") as opened:
            copy, _, size = sealed_copy(opened.fileno(), bytes_max=FILE_BYTES_MAX)
        with open(copy, "rb"):  # noqa: PTH123 - a descriptor, to be closed
            return self._pool.read(copy, filename=filename, kind=kind, size_bytes=size).report

    def _on_loop(self, work: Coroutine[Any, Any, Answered]) -> Answered:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _compared(item: str, pair: Pair) -> Outcome:
    older = contents_of(pair.older)
    assert older is not None
    baseline = ContentsBaseline(
        filename=pair.older.filename, evidence_digest=digest_of_bytes(b""), contents=older
    )
    compared = compare_contents(baseline, contents_of(pair.newer))
    worst = compared.findings[0] if compared.findings else None
    groups = contents_groups(compared.changes) if compared.changes else ()
    told = "; ".join(
        f"{group.heading}: {', '.join(f'{one.value} {one.when}'.strip() for one in group.lines[:5])}"
        for group in groups
    )
    severity = worst.severity.value if worst else "none"
    word = f" {worst.what}" if worst else ""
    detail = f"{severity}{word}: {pair.older.filename} > {pair.newer.filename}: {told}"
    return Outcome(
        item=item,
        holds=worst is None or worst.severity not in SEVERE,
        detail=detail[:SAID_CHARS_MAX],
        facts={"severity": severity},
    )
