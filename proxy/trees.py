"""The dependency trees of artifacts: their requirement lines found, resolved, and kept for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cachetools import TTLCache
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from analyzer.graph.tree import Release, Tree
from models.artifact import ArtifactKind, ArtifactRef, Sha256
from models.canonical import Digest, digest_of
from models.errors import ResolutionFailed, UpstreamError, UpstreamUnavailable
from models.evidence import Evidence
from models.work import REQUIREMENTS_MAX, ResolveRequest, Target
from proxy.candidates import Described, read_metadata
from proxy.errands import MetadataSource
from proxy.index.flight import SingleFlight
from proxy.simple.page import IndexFile, ProjectPage
from proxy.tree import release_on, rooted

TREE_FRESH_S = 3_600.0
"""Seconds that a tree is believed: a new release of a dependency must count within the hour."""
TREES_KEPT = 256
"""Trees kept; a large one takes half a megabyte."""
TREES_AT_ONCE = 64
"""Trees under way at once; the resolver works on four, and the others wait."""
SIBLINGS_TRIED_MAX = 3
"""Wheels of the same release whose metadata may stand for a file without any."""
LINE_CHARS_MAX = 1_000
"""Characters of a requirement line; what is longer is left out (`ResolveRequest`)."""
NOT_ASKED = "the index did not give its page"
"""What `proxy.catalogue` says where it could not ask; then a tree is not whole."""


class Grower(Protocol):
    """Where trees come from: the Resolver."""

    async def tree(
        self, request: ResolveRequest, *, without: frozenset[Sha256] = frozenset()
    ) -> Tree:
        """The tree below requirement lines; files in `without` only where they are pinned."""


class Shelf(Protocol):
    """The part of the Store that knows what was read of a file."""

    async def latest_evidence(self, sha256: Sha256, filename: str) -> Evidence | None:
        """The newest evidence of a file."""

    async def blob(self, digest: Digest) -> bytes | None:
        """A blob by digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a file states that it requires, and from where we know it."""

    requires: tuple[str, ...]
    repository: str = ""
    known_from: str
    """`evidence`, `index`, `sibling`, `contents` or `installed`, the most exact first."""


class Trees:
    """Trees by artifact. A tree that somebody waits too long for is made to its end nevertheless."""

    def __init__(
        self,
        grower: Grower,
        metadata: MetadataSource,
        shelf: Shelf,
        target: Callable[[], Awaitable[Target]],
        *,
        fresh_s: float = TREE_FRESH_S,
    ) -> None:
        """`target` tells the interpreter that trees are for; it is asked each time, so it caches."""
        self._grower = grower
        self._metadata = metadata
        self._shelf = shelf
        self._target = target
        self._kept: TTLCache[tuple[str, Digest], Tree] = TTLCache(maxsize=TREES_KEPT, ttl=fresh_s)
        self._flights: SingleFlight[tuple[str, Digest], Tree] = SingleFlight(
            flights_max=TREES_AT_ONCE, what="dependency trees"
        )

    async def of(
        self,
        ref: ArtifactRef,
        page: ProjectPage | None,
        *,
        without: frozenset[Sha256] = frozenset(),
    ) -> Tree:
        """The tree of an artifact, at most `fresh_s` old; files in `without` only where pinned.

        Raises ResolutionFailed where it is not known yet what it requires, UpstreamUnavailable
        where nothing of it could be resolved, and what the store and the interpreter raise.
        """
        stated = await self.stated(ref, page)
        if stated is None:
            raise ResolutionFailed("What it requires is not known before it is read.")
        target = await self._target()
        lines = tuple(line for line in stated.requires if len(line) <= LINE_CHARS_MAX)
        asked = ResolveRequest(requirements=lines[:REQUIREMENTS_MAX], role="run", target=target)
        key = (ref.key, digest_of({"asked": asked, "without": sorted(without)}))
        tree = self._kept.get(key)
        if tree is None:
            root = root_release(ref, page, stated)
            tree = await self._flights.run(key, lambda: self._grow(asked, root, without))
            if not tree.stopped and not unasked(tree):
                self._kept[key] = tree
        if tree.stopped and len(tree.releases) <= 1:
            raise UpstreamUnavailable(f"Its tree could not be resolved, for {tree.stopped}.")
        return tree

    async def stated(self, ref: ArtifactRef, page: ProjectPage | None) -> Stated | None:
        """What a file requires, by the most exact source there is; None: nobody knows yet."""
        evidence = await self._shelf.latest_evidence(ref.sha256, ref.filename)
        if evidence is not None and evidence.metadata_digest is not None:
            described = read_metadata(await self._shelf.blob(evidence.metadata_digest) or b"")
            if described is not None:
                return _stated(described, "evidence")
        found = await self._on_index(ref, page)
        if found is not None or evidence is None:
            return found
        if evidence.contents is not None:
            return Stated(requires=evidence.contents.requires, known_from="contents")
        run = tuple(
            f"{one.project}=={one.version}" for one in evidence.dependencies if one.role == "run"
        )
        return Stated(requires=run, known_from="installed") if run else None

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._flights.close()

    async def _grow(self, asked: ResolveRequest, root: Release, without: frozenset[Sha256]) -> Tree:
        return rooted(await self._grower.tree(asked, without=without), root)

    async def _on_index(self, ref: ArtifactRef, page: ProjectPage | None) -> Stated | None:
        if page is None:
            return None
        own = page.file(ref.filename, ref.sha256)
        siblings = [
            file
            for file in page.files
            if file.kind is ArtifactKind.WHEEL and file.version == ref.version and file != own
        ]
        first = [own] if own is not None else []
        for file in [*first, *siblings[:SIBLINGS_TRIED_MAX]]:
            described = await self._described(file)
            if described is not None:
                return _stated(described, "index" if file is own else "sibling")
        return None

    async def _described(self, file: IndexFile) -> Described | None:
        try:
            data = await self._metadata.metadata_for_resolution(file)
        except UpstreamError:
            return None
        return None if data is None else read_metadata(data)


def root_release(ref: ArtifactRef, page: ProjectPage | None, stated: Stated) -> Release:
    """An artifact as the root of its tree."""
    listed = release_on(page, ref.filename, project=ref.project, version=ref.version)
    return Release(
        project=ref.project,
        version=ref.version,
        filename=ref.filename,
        sha256=ref.sha256,
        uploaded_at=listed.uploaded_at,
        project_since=listed.project_since,
        repository=stated.repository,
        described=stated.known_from in {"evidence", "index"},
    )


def unasked(tree: Tree) -> int:
    """How many requirements were not met because the index did not answer."""
    return sum(NOT_ASKED in unmet.why for unmet in tree.unmet)


def release_before(page: ProjectPage | None, ref: ArtifactRef) -> ArtifactRef | None:
    """The newest release on the page below `ref`'s that is not yanked, by a file of it.

    A wheel goes first, for its metadata may be had; a pre-release only before another one.
    """
    below = _version(ref.version)
    if page is None or below is None:
        return None
    found: list[tuple[Version, bool, IndexFile]] = []
    for file in page.files:
        version = _version(file.version)
        if version is None or version >= below or file.is_yanked or file.sha256 is None:
            continue
        if file.kind is not ArtifactKind.OTHER and (
            below.is_prerelease or not version.is_prerelease
        ):
            found.append((version, file.kind is ArtifactKind.WHEEL, file))
    if not found:
        return None
    newest = max(found, key=lambda one: (one[0], one[1]))[2]
    return ArtifactRef(
        index=ref.index,
        project=NormalizedName(ref.project),
        filename=newest.filename,
        sha256=Sha256(str(newest.sha256)),
    )


def names_below(tree: Tree) -> Sequence[str]:
    """Every project of a tree but the root's."""
    return [one.project for one in tree.releases if one.project != tree.root]


def _stated(described: Described, known_from: str) -> Stated:
    return Stated(
        requires=described.requires, repository=described.repository, known_from=known_from
    )


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
