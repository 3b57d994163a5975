"""Which files an exception binds: those that exist when it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from packaging.utils import NormalizedName

from models.artifact import Sha256, version_of
from models.errors import UpstreamError
from policies.rules.names import contains
from proxy.errands import Pages
from proxy.store.port import Store

Existing = Callable[[NormalizedName, str], Awaitable[tuple[Sha256, ...]]]
"""The sha256s of a project's files that exist now, of the versions in a specifier (empty: all)."""


def decided_files(store: Store) -> Existing:
    """Files that have a decision here."""

    async def find(project: NormalizedName, specifier: str) -> tuple[Sha256, ...]:
        refs = await store.refs_of(project)
        return _within(specifier, ((ref.sha256, ref.filename) for ref in refs))

    return find


def existing_files(store: Store, index: Pages) -> Existing:
    """Files that upstream announces or that have a decision; without upstream, the latter alone."""

    async def find(project: NormalizedName, specifier: str) -> tuple[Sha256, ...]:
        found = [(ref.sha256, ref.filename) for ref in await store.refs_of(project)]
        try:
            page = await index.project(project)
        except UpstreamError:
            return _within(specifier, found)
        announced = [(file.sha256, file.filename) for file in page.files if file.sha256]
        return _within(specifier, [*found, *announced])

    return find


def _within(specifier: str, files: Iterable[tuple[Sha256, str]]) -> tuple[Sha256, ...]:
    covered = {
        sha256
        for sha256, filename in files
        if not specifier or ((version := version_of(filename)) and contains(specifier, version))
    }
    return tuple(sorted(covered))
