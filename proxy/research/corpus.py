"""The first stage: honest artifacts fetched into a corpus, other people's folders joined to it."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from analyzer.interpreter import describe_interpreter
from models.artifact import ArtifactKind, Sha256, parse_index_name
from models.clock import Clock, utc_now
from models.errors import UpstreamError, UpstreamNotFound, ValueInvalid
from models.research.choosing import Wanted
from models.research.manifest import HONEST, Item, read_manifest, write_manifest
from proxy.artifacts.fetcher import Fetcher
from proxy.artifacts.folder import FolderArtifacts
from proxy.candidates import Interpreter, Need, candidates_of, matching
from proxy.index.cached import CachedIndex
from proxy.index.upstream import UpstreamIndex
from proxy.simple.page import IndexFile, ProjectPage
from proxy.store.memory import MemoryStore

FILE_BYTES_MAX = 60 * 1024 * 1024
"""Bytes of a file that is still fetched; the manifest says which are larger."""
FAILED = "not fetched"
"""What the note of an item begins with that is tried again."""
WRITTEN_EVERY = 20
"""Files between two writings of the manifest: what a kill costs at most."""

Tell = Callable[[int, int, str], None]
"""How many are done, of how many, and the one at hand."""


class Collector:
    """Fetches the newest file of one kind of a project. An async context manager."""

    def __init__(self, folder: Path, *, upstream: str, clock: Clock = utc_now) -> None:
        self._folder = folder
        self._upstream = UpstreamIndex(parse_index_name("pypi"), upstream)
        self._index = CachedIndex(self._upstream, MemoryStore(clock=clock), clock=clock)
        self._artifacts = FolderArtifacts(folder / "fetching")
        self._fetcher = Fetcher(self._index, self._upstream.client, self._artifacts)

    async def __aenter__(self) -> Self:
        await self._upstream.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._fetcher.close()
        await self._index.close()
        await self._upstream.close()
        shutil.rmtree(self._folder / "fetching", ignore_errors=True)

    async def collect(self, wanted: Sequence[Wanted], tell: Tell) -> tuple[Item, ...]:
        """Everything asked for, in that order; what the manifest has already is not fetched again."""
        known = read_manifest(self._folder)
        had = {item.key: item for item in known if not item.note.startswith(FAILED)}
        others = [item for item in known if item.population not in HONEST]
        done: list[Item] = []
        for number, want in enumerate(wanted, start=1):
            item = had.get((want.project, want.kind.value)) or await self._item(want)
            done.append(item)
            if number % WRITTEN_EVERY == 0:
                write_manifest(self._folder, _once((*done, *had.values(), *others)))
            tell(number, len(wanted), want.project)
        whole = _once((*done, *had.values(), *others))
        write_manifest(self._folder, whole)
        return whole

    async def _item(self, want: Wanted) -> Item:
        blank = Item(
            kind=want.kind,
            project=want.project,
            population=want.population,
            group=want.project,
        )
        try:
            page = await self._index.project(canonicalize_name(want.project))
        except UpstreamNotFound:
            return replace(blank, note="no such project")
        except UpstreamError as error:
            return replace(blank, note=f"{FAILED}: {type(error).__name__}")
        file = await newest_of(page, want.kind)
        if file is None or file.sha256 is None:
            return replace(blank, note=f"no {want.kind.value} for this machine")
        return await self._fetched(blank, file)

    async def _fetched(self, blank: Item, file: IndexFile) -> Item:
        day = file.upload_time.date().isoformat() if file.upload_time else ""
        item = replace(blank, filename=file.filename, sha256=str(file.sha256), date=day)
        if (file.size or 0) > FILE_BYTES_MAX:
            return replace(item, sha256="", note="too large")
        try:
            path = await self._fetcher.ensure_url(Sha256(item.sha256), file.url, file.size)
        except UpstreamError as error:
            return replace(item, sha256="", note=f"{FAILED}: {type(error).__name__}")
        _place(path, item.path(self._folder), item.sha256)
        self._artifacts.remove(Sha256(item.sha256))
        return item


async def newest_of(page: ProjectPage, kind: ArtifactKind) -> IndexFile | None:
    """Of the newest release that has one: the file of that kind that this interpreter would take."""
    interpreter = Interpreter((await describe_interpreter()).target)
    only = ProjectPage(name=page.name, files=tuple(f for f in page.files if f.kind is kind))
    need = Need(name=page.name, specifier=SpecifierSet())
    fitting = matching(candidates_of(only, interpreter), (need,))
    best = max(fitting, key=lambda candidate: candidate.version, default=None)
    return best.file if best else None


def join(folder: Path, other: Path, tell: Callable[[str], None] = lambda _name: None) -> int:
    """Add another folder's items (grafts, twins, malware) behind ours; how many came.

    Files are copied, and are the bytes that the manifest names. Raises ValueInvalid for a folder
    without a manifest, for an item whose file is missing, no plain file or other bytes, and where
    the two folders call the same bytes by different populations: one of them is wrong, and on that
    hangs whether they are run.
    """
    theirs = read_manifest(other)
    if not theirs:
        raise ValueInvalid(f"{other} has no manifest, or an empty one.")
    ours = read_manifest(folder)
    known = {item.sha256: item for item in ours if item.sha256}
    new = []
    for item in theirs:
        mine = known.get(item.sha256)
        if mine is not None and mine.population is not item.population:
            raise ValueInvalid(
                f"{item.filename} is {item.population.value} in {other}, and "
                f"{mine.population.value} in {folder}.",
                next_step="Correct the manifest that is wrong.",
            )
        if item.sha256 and mine is None:
            _place(item.path(other), item.path(folder), item.sha256)
            known[item.sha256] = item
            new.append(item)
            tell(item.filename)
    write_manifest(folder, (*ours, *new))
    return len(new)


def _place(source: Path, target: Path, sha256: str) -> None:
    """Copy a plain file whose bytes are those named. Raises ValueInvalid; nothing is left then."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.new")
    try:
        opened = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ValueInvalid(f"{source} cannot be read: {error.strerror}.") from error
    # One that a kill left may be read-only already, and is no longer ours to write into.
    draft.unlink(missing_ok=True)
    with os.fdopen(opened, "rb") as file, draft.open("xb") as copy:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise ValueInvalid(f"{source} is no plain file.")
        shutil.copyfileobj(file, copy)
    found = _digest(draft)
    if found != sha256:
        draft.unlink()
        raise ValueInvalid(f"{source} has other bytes than the manifest says ({found}).")
    draft.chmod(0o444)
    draft.replace(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _once(items: Iterable[Item]) -> tuple[Item, ...]:
    """Each key once, the first of it, where that stands."""
    first: dict[tuple[str, str], Item] = {}
    for item in items:
        first.setdefault(item.key, item)
    return tuple(first.values())
