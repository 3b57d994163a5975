"""A tree as clients of this proxy would resolve it: what is refused or held is passed over.

The listing marks such releases as yanked, so that an installer takes another one where there is one.
Only what cannot be passed over, being pinned or the last of its kind, is then in the tree.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from analyzer.graph.joined import Known, Standing
from analyzer.graph.tree import Release, Tree
from models.artifact import IndexName, Sha256
from proxy.standings import Standings

ROUNDS_MAX = 6
"""Resolutions for one tree; each passes over all that was found bad, so that two mostly do."""

Grow = Callable[[frozenset[Sha256]], Awaitable[Tree]]
"""The tree without some files, but where they are pinned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A tree, what is known of its releases, and which ones had to be passed over for it."""

    tree: Tree
    known: tuple[Known, ...]
    passed_over: tuple[str, ...] = ()
    """`name==version`, sorted."""


async def settle(grow: Grow, standings: Standings, index: IndexName) -> Settled:
    """Resolve, pass over what is bad, and again, until nothing bad is left that can be helped.

    Raises what `grow` raises, and StoreError.
    """
    passed: dict[Sha256, Release] = {}
    kept: set[str] = set()  # projects of which nothing better is left
    for _ in range(ROUNDS_MAX):
        without = frozenset(sha for sha, one in passed.items() if one.project not in kept)
        tree = await grow(without)
        known = await standings.of(tree, index)
        lost = {one.project for one in passed.values()} & not_met(tree) - kept
        bad = {
            one.sha256: one
            for one in tree.releases
            if one.project != tree.root and one.sha256 is not None and one.sha256 not in passed
        }
        worse = {one.project for one in known if is_bad(one)}
        found = {sha: one for sha, one in bad.items() if one.project in worse}
        if not lost and not found:
            break
        kept |= lost
        passed |= found
    chosen = {one.sha256 for one in tree.releases}
    names = (f"{one.project}=={one.version}" for sha, one in passed.items() if sha not in chosen)
    return Settled(tree=tree, known=known, passed_over=tuple(sorted(names)))


def is_bad(known: Known) -> bool:
    """Whether the listing marks a release, so that installers take another one."""
    return known.malicious or known.standing in {Standing.REFUSED, Standing.HELD}


def not_met(tree: Tree) -> set[str]:
    """The projects of the requirements that were not met."""
    found = set()
    for unmet in tree.unmet:
        try:
            found.add(str(canonicalize_name(Requirement(unmet.line).name)))
        except InvalidRequirement:
            continue  # cut, or never one
    return found
