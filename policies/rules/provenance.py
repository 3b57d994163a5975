"""Rules by provenance: `provenance = "none"`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.facts import SourceState
from models.trust.layers import PROVENANCE_SOURCE, VERIFIED_SIGNAL
from policies.case import Case
from policies.reading import Table
from policies.rules.condition import Match


class Provenance(StrEnum):
    """What is known of a file's attestations."""

    VERIFIED = "verified"
    """One was verified."""
    ANNOUNCED = "announced"
    """The index announces one; whether it holds is not asked."""
    NONE = "none"
    """Asked, and there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByProvenance:
    """The file's attestations are as `wanted` says."""

    wanted: Provenance

    def matches(self, case: Case) -> Match:
        """Whether they are; unknown where nobody could ask."""
        facts = case.facts
        if facts is None:
            return Match.UNKNOWN
        asked = facts.source(PROVENANCE_SOURCE)
        if self.wanted is Provenance.VERIFIED:
            if asked is None or asked.state in (SourceState.MISSING, SourceState.OFF):
                return Match.UNKNOWN
            return Match.of(matches=facts.signal(VERIFIED_SIGNAL) is True)
        if facts.attested is None:
            return Match.UNKNOWN
        return Match.of(matches=facts.attested is (self.wanted is Provenance.ANNOUNCED))

    def ends_at(self, case: Case) -> datetime | None:  # noqa: ARG002 - facts are asked anew
        """Never."""
        return None


def read(table: Table) -> ByProvenance | None:
    """The condition that `table` states, if any."""
    options = [one.value for one in Provenance]
    word = table.choice("provenance", options, Provenance.NONE.value)
    return ByProvenance(wanted=Provenance(word)) if table.has("provenance") else None
