"""Names that belong to the operator's organisation: what comes under one from elsewhere is refused."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, parse_index_name
from models.canonical import Digest, digest_of
from models.errors import ValueInvalid
from policies.outcome import Outcome
from policies.reading import Table
from policies.rules.names import NAME_PATTERN, normalised

OWNED_MAX = 10_000
"""Names in the list; a bound on the work for one decision."""
INDEXES_MAX = 20
"""Indexes of the organisation's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedNames:
    """The list, and what becomes of a stranger on it (dependency confusion)."""

    patterns: tuple[str, ...] = ()
    """Normalised; `*` stands for any run of characters."""
    outcome: Outcome = Outcome.DENY
    indexes: tuple[IndexName, ...] = ()
    """Indexes of the organisation's own, which may serve these names."""

    def owns(self, project: NormalizedName) -> bool:
        """Whether a name is on the list."""
        return any(fnmatchcase(project, pattern) for pattern in self.patterns)

    def refuses(self, ref: ArtifactRef) -> bool:
        """Whether `ref` bears an owned name and comes from an index that is not our own."""
        return ref.index not in self.indexes and self.owns(ref.project)

    @property
    def digest(self) -> Digest:
        """Names the patterns alone; empty where there are none. Facts tell which they rest on."""
        return digest_of(sorted(self.patterns)) if self.patterns else Digest("")


def read(table: Table) -> OwnedNames:
    """The list that `table` states. Every mistake is noted at its key."""
    names = table.strings("owned", OWNED_MAX, least=0)
    patterns = tuple(normalised(name) for name in names)
    for name, pattern in zip(names, patterns, strict=True):
        if not NAME_PATTERN.match(pattern):
            table.note("owned", f"holds {name!r:.60}, which is not a project name or pattern")
        elif not pattern.strip("*-"):
            table.note("owned", 'must not match every name ("*")')
    indexes = []
    for text in table.strings("indexes", INDEXES_MAX, least=0):
        try:
            indexes.append(parse_index_name(text))
        except ValueInvalid as error:
            table.note("indexes", f"holds {text!r:.60}: {error.message}")
    outcome = Outcome(table.choice("owned_outcome", ("deny", "hold"), "deny"))
    return OwnedNames(
        patterns=tuple(dict.fromkeys(patterns)), outcome=outcome, indexes=tuple(indexes)
    )
