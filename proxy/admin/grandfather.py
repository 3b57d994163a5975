"""Grandfathering: what a lock file pins is allowed by its bytes until a day, so that builds go on."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from packaging.utils import NormalizedName

from analyzer.advisories.meaning import findings_of
from models.artifact import ArtifactRef, IndexName, Sha256
from models.clock import Clock
from models.decision import Override, OverrideAction
from models.errors import OverrideInvalid
from policies.overrides import problems_of
from policies.policy import Policy
from proxy.admin.access import Principal, Role
from proxy.lockfiles import Lock, Locked
from proxy.sources.advisories import has_proof
from proxy.store.port import Store

INDEX = IndexName("lock")
"""Stands in references that are only asked about; what is allowed is so on every index."""
SAME_END = timedelta(days=1)
"""An allowance that ends so little earlier is the same: `--until 30d` twice is no second one."""
WORDS = "Pinned by {}, from before the firewall"
"""The justification where nobody states another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grandfathered:
    """What came of some lock files."""

    made: tuple[Override, ...]
    """One for each release, bound to its bytes."""
    covered: int
    """Releases that an override allows already, for about as long."""
    malicious: tuple[Locked, ...]
    """Releases with files that are known to be malicious: those files were left out."""
    unpinned: tuple[str, ...]
    """Names that a lock mentions without a sha256: those were left out."""

    @property
    def files(self) -> int:
        """Files that are allowed now and were not."""
        return sum(len(one.bound) for one in self.made)


async def grandfather(
    store: Store,
    by: Principal,
    locks: Sequence[Lock],
    *,
    policy: Policy,
    until: datetime,
    clock: Clock,
    justification: str = "",
    dry_run: bool = False,
    new_id: Callable[[], str] = lambda: secrets.token_hex(6),
) -> Grandfathered:
    """Allow what `locks` pin until a moment: one override a release, bound to its bytes, all or none.

    They go above rules and scores, never above a proof, and cover no upload to come. The same locks
    again make nothing new. Raises NotAllowed, OverrideInvalid where policy forbids it, StoreError.
    """
    by.require(Role.ADMIN)
    now = clock()
    sources = ", ".join(lock.source for lock in locks)
    words = justification or WORDS.format(sources)
    made, malicious, covered = [], [], 0
    standing = _standing(await store.overrides(active_at=now), until)
    advised = bool(await store.feeds())
    for release in _merged(locks):
        known = await _known_malicious(store, release, now) if advised else ()
        if known:
            malicious.append(
                Locked(project=release.project, version=release.version, sha256s=known)
            )
        wanted = tuple(one for one in release.sha256s if one not in known)
        specifier = f"=={release.version}" if release.version else ""
        if not wanted:
            continue
        if set(wanted) <= standing.get((release.project, specifier), set()):
            covered += 1
            continue
        made.append(
            Override(
                id=new_id(),
                action=OverrideAction.ALLOW,
                project=release.project,
                specifier=specifier,
                sha256=None,
                bound=wanted,
                future=False,
                above_proof=False,
                actor=by.name,
                justification=words,
                created_at=now,
                expires_at=until,
            )
        )
    _check(made, policy)
    if made and not dry_run:
        await store.add_overrides(made)
    return Grandfathered(
        made=tuple(made),
        covered=covered,
        malicious=tuple(malicious),
        unpinned=tuple(sorted({name for lock in locks for name in lock.unpinned})),
    )


def _merged(locks: Iterable[Lock]) -> list[Locked]:
    found: dict[tuple[NormalizedName, str], set[Sha256]] = {}
    for lock in locks:
        for one in lock.releases:
            found.setdefault((one.project, one.version), set()).update(one.sha256s)
    return [
        Locked(project=project, version=version, sha256s=tuple(sorted(digests)))
        for (project, version), digests in sorted(found.items())
    ]


def _standing(
    overrides: Iterable[Override], until: datetime
) -> dict[tuple[NormalizedName, str], set[Sha256]]:
    """What allowances bind that last until then, or nearly."""
    found: dict[tuple[NormalizedName, str], set[Sha256]] = {}
    for one in overrides:
        lasting = one.action is OverrideAction.ALLOW and one.expires_at >= until - SAME_END
        if lasting and one.project is not None and one.sha256 is None:
            found.setdefault((one.project, one.specifier), set()).update(one.bound)
    return found


async def _known_malicious(store: Store, release: Locked, now: datetime) -> tuple[Sha256, ...]:
    """The files of a release that a record proves malicious, by bytes or by the exact version.

    An allowance serves without evidence, and so without another look at the records.
    """
    stem = release.project.replace("-", "_")
    filename = f"{stem}-{release.version or '0'}.tar.gz"
    about_project = await store.advisories_about(release.project)
    found = []
    for digest in release.sha256s:
        about = {one.id: one for one in about_project}
        about |= {one.id: one for one in await store.advisories_about(release.project, digest)}
        ref = ArtifactRef(index=INDEX, project=release.project, filename=filename, sha256=digest)
        if has_proof(findings_of(tuple(about.values()), ref, now)):
            found.append(digest)
    return tuple(found)


def _check(made: Iterable[Override], policy: Policy) -> None:
    """Each mistake once: what policy has against one, it mostly has against all."""
    problems = dict.fromkeys(problem for one in made for problem in problems_of(one, policy))
    if problems:
        raise OverrideInvalid("The overrides", tuple(problems))
