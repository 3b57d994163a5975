"""Every signal and finding that a source of facts may report, out of the tables of each topic."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from analyzer.factkinds import FindingKind, SignalKind
from analyzer.provenance import catalog as provenance
from analyzer.reputation import catalog as reputation

SIGNALS: Mapping[str, SignalKind] = MappingProxyType(
    {kind.name: kind for kind in (*provenance.SIGNALS, *reputation.SIGNALS)}
)
"""By name, in the order of the page."""
FINDINGS: Mapping[str, FindingKind] = MappingProxyType(
    {kind.id: kind for kind in (*provenance.FINDINGS, *reputation.FINDINGS)}
)
"""By id, in the order of the page."""
