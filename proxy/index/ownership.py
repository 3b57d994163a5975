"""Who alone may answer for a name: by the settings' upstreams, else by the policy's owned names.

One notion for pages, files, resolutions and facts. Pure: what was seen before is not asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from re import Pattern
from re import compile as compiled

from cachetools import LRUCache
from packaging.utils import NormalizedName, canonicalize_name

from models.artifact import IndexName
from policies.owned import OwnedNames
from policies.policy import Policy
from proxy.index.declared import Upstream

FOUND_MAX = 65_536
"""Names whose owners are kept in memory; a few MB."""


def nothing_owned() -> OwnedNames:
    """No policy speaks of names."""
    return OwnedNames()


class Ownership:
    """The upstreams in their order, and which of them may answer for what."""

    def __init__(
        self, upstreams: Sequence[Upstream], owned: Callable[[], OwnedNames] = nothing_owned
    ) -> None:
        """`owned` is that of the policy in force at the moment of asking."""
        self._names = tuple(one.name for one in upstreams)
        self._declared = tuple((one.name, _pattern(one.names)) for one in upstreams if one.names)
        self._general = tuple(one.name for one in upstreams if not one.names)
        self._owned = owned
        self._read: OwnedNames | None = None
        """The policy's list that was met last."""
        self._pattern = _pattern(())
        self._found: LRUCache[NormalizedName, tuple[IndexName, ...]] = LRUCache(maxsize=FOUND_MAX)

    def owners(self, project: NormalizedName) -> tuple[IndexName, ...]:
        """The upstreams that alone may answer for a name, in order; none: nobody owns it.

        Of two patterns that match, the one of the earlier upstream counts. A name that the policy owns
        goes to the upstreams which it calls the organisation's own, where it names any that are here.
        """
        owned = self._owned()
        if not self._declared and not owned.indexes:
            return ()
        if self._read is not owned:
            self._read, self._pattern = owned, _pattern(owned.patterns)
            self._found.clear()
        found = self._found.get(project)
        if found is None:  # every request asks, and a thousand patterns take 30 us
            found = self._found[project] = self._find(project, owned, self._pattern)
        return found

    def candidates(self, project: NormalizedName) -> tuple[IndexName, ...]:
        """Whoever may be asked for a name at all, in order; nobody, where every upstream owns names."""
        return self.owners(project) or self._general

    def selected(
        self, lists: Sequence[tuple[IndexName, Sequence[str]]]
    ) -> Mapping[NormalizedName, str]:
        """Of the upstreams' lists, in order, each name once and from who may answer for it.

        Takes seconds for a public list (700,000 names), and may run in a thread: it keeps nothing.
        """
        owned = self._owned()
        pattern = _pattern(owned.patterns)
        found: dict[NormalizedName, str] = {}
        for index, names in lists:
            for stated in names:
                name = canonicalize_name(stated)
                if name not in found and index in (
                    self._find(name, owned, pattern) or self._general
                ):
                    found[name] = stated
        return found

    def _find(
        self, project: NormalizedName, owned: OwnedNames, pattern: Pattern[str]
    ) -> tuple[IndexName, ...]:
        for index, declared in self._declared:
            if declared.match(project):
                return (index,)
        if not owned.indexes or not pattern.match(project):
            return ()
        return tuple(name for name in self._names if name in owned.indexes)


def contradicted(upstreams: Sequence[Upstream], policy: Policy) -> tuple[str, ...]:
    """Sentences about upstreams whose own names the policy would refuse from them."""
    owned = policy.owned
    if not owned.patterns:
        return ()
    return tuple(
        f"The policy owns names that the upstream {one.name} serves, and does not call it our own: "
        f"add it to [names] indexes, or its files are refused."
        for one in upstreams
        if one.names
        and one.name not in owned.indexes
        and any(owned.owns(NormalizedName(name)) for name in one.names)
    )


def _pattern(names: Sequence[str]) -> Pattern[str]:
    """All patterns as one, which is quicker than one after the other; of none, what never matches."""
    return compiled("|".join(translate(name) for name in names) or "(?!)")
