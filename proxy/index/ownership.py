"""Who alone may answer for a name: by the settings' upstreams, else by the policy's owned names.

One notion for pages, files, resolutions and facts. Pure: what was seen before is not asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import translate
from re import Pattern
from re import compile as compiled

from packaging.utils import NormalizedName

from models.artifact import IndexName
from policies.owned import OwnedNames
from policies.policy import Policy
from proxy.index.declared import Upstream


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
        self._read: tuple[OwnedNames, Pattern[str]] = (OwnedNames(), _pattern(()))
        """The policy's list that was met last, with its patterns as one."""

    def owners(self, project: NormalizedName) -> tuple[IndexName, ...]:
        """The upstreams that alone may answer for a name, in order; none: nobody owns it.

        Of two patterns that match, the one of the earlier upstream counts. A name that the policy owns
        goes to the upstreams which it calls the organisation's own, where it names any that are here.
        """
        for index, pattern in self._declared:
            if pattern.match(project):
                return (index,)
        owned = self._owned()
        if not owned.indexes or not self._listed(owned, project):
            return ()
        return tuple(name for name in self._names if name in owned.indexes)

    def candidates(self, project: NormalizedName) -> tuple[IndexName, ...]:
        """Whoever may be asked for a name at all, in order; nobody, where every upstream owns names."""
        return self.owners(project) or self._general

    def _listed(self, owned: OwnedNames, project: NormalizedName) -> bool:
        """`owned.owns`, for every request."""
        if self._read[0] is not owned:
            self._read = (owned, _pattern(owned.patterns))
        return self._read[1].match(project) is not None


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
