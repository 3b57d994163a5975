"""The advisories of the firewall on this machine, for a command that has no store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import click
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from models.artifact import Sha256, project_of
from models.clock import utc_now
from models.errors import PratiqueError
from proxy.store.bounds import DATABASE
from proxy.store.memory import MemoryStore
from proxy.store.sqlite import SqliteStore


def advisories_for(
    data_dir: Path, targets: Iterable[tuple[NormalizedName, Sha256 | None]]
) -> MemoryStore | None:
    """What the feeds in `data_dir` say of these, copied: a scan may soon not read the store any more.

    None where there is no store, or none that may be read; the latter is said.
    """
    path = data_dir / DATABASE
    try:
        if not path.is_file():
            return None
        return asyncio.run(_copied(path, tuple(targets)))
    except (PratiqueError, OSError) as error:
        click.echo(f"Scanned without advisories, for {path} cannot be read: {error}", err=True)
        return None


def project_named(target: str) -> NormalizedName | None:
    """The project that a file name or a requirement speaks of; None where it says none."""
    stated = project_of(Path(target).name)
    if stated is not None:
        return stated
    try:
        return canonicalize_name(Requirement(target).name)
    except InvalidRequirement:
        return None


async def _copied(
    path: Path, targets: tuple[tuple[NormalizedName, Sha256 | None], ...]
) -> MemoryStore:
    store = SqliteStore.open(path, clock=utc_now)
    try:
        found = {
            one.id: one
            for project, sha256 in targets
            for one in await store.advisories_about(project, sha256)
        }
        copy = MemoryStore(clock=utc_now)
        for number, feed in enumerate(await store.feeds()):
            await copy.put_feed(feed)
            if number == 0:
                # Which feed a record came from makes no difference to what it says.
                await copy.import_advisories(feed, tuple(found.values()), now=utc_now())
        return copy
    finally:
        await store.close()
