"""Rules by bytes: `sha256 = ["…"]`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.artifact import Sha256, parse_sha256
from models.errors import ValueInvalid
from policies.case import Case
from policies.reading import Table
from policies.rules.condition import Match

DIGESTS_MAX = 10_000
"""Digests in one rule; a bound on the work for one decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByDigest:
    """The bytes are one of these."""

    sha256: tuple[Sha256, ...]

    def matches(self, case: Case) -> Match:
        """Whether the announced sha256 is listed; bytes are verified against it before use."""
        return Match.of(matches=case.ref.sha256 in self.sha256)

    def ends_at(self, case: Case) -> datetime | None:  # noqa: ARG002 - bytes do not end
        """Never."""
        return None


def read(table: Table) -> ByDigest | None:
    """The condition that `table` states, if any."""
    digests = []
    for text in table.strings("sha256", DIGESTS_MAX):
        try:
            digests.append(parse_sha256(text.lower()))
        except ValueInvalid as error:
            table.note("sha256", f"holds {text!r:.80}: {error.message}")
    return ByDigest(sha256=tuple(digests)) if digests else None
