"""Rules by what was measured: `layers_missing = ["provenance"]`, `layers_incomplete = ["behaviour"]`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.decision import LayerStatus
from models.evidence import Layer
from policies.case import Case
from policies.reading import Table
from policies.rules.condition import Match


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLayer:
    """Any of `missing` could not be asked or is off, or any of `incomplete` was cut short."""

    missing: tuple[Layer, ...] = ()
    incomplete: tuple[Layer, ...] = ()

    def matches(self, case: Case) -> Match:
        """Whether there is one; unknown while nobody has scored it."""
        if case.score is None:
            return Match.UNKNOWN
        gone = {LayerStatus.MISSING, LayerStatus.OFF}
        return Match.of(
            matches=any(
                (one.layer in self.missing and one.status in gone)
                or (one.layer in self.incomplete and one.status is LayerStatus.INCOMPLETE)
                for one in case.score.layers
            )
        )

    def ends_at(self, case: Case) -> datetime | None:  # noqa: ARG002 - evidence does not end
        """Never."""
        return None


def read(table: Table) -> ByLayer | None:
    """The condition that `table` states, if any."""
    options = [layer.value for layer in Layer]
    found = {
        key: table.choices(key, options) if table.has(key) else ()
        for key in ("layers_missing", "layers_incomplete")
    }
    table.mention(*found)
    if not any(found.values()):
        return None
    return ByLayer(
        missing=tuple(map(Layer, found["layers_missing"])),
        incomplete=tuple(map(Layer, found["layers_incomplete"])),
    )
