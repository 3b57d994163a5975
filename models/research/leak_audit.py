"""The leak audit of QUT-DV25: every check over every table, beside what was published. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models.research import leak_laboratory as laboratory
from models.research import leak_list as listed
from models.research import leak_table as whole
from models.research import leak_tracers as tracers
from models.research.leak_rows import AuditTable
from models.research.leaks import Leak, Verdict, labelled

SEED = 1
PUBLISHED: Mapping[str, float] = {
    "Combined": 0.960,
    "SysCall": 0.946,
    "Opensnoop": 0.936,
    "Filetop": 0.920,
    "Pattern": 0.885,
    "TCP": 0.837,
    "Install": 0.695,
    "Static": 0.950,
    "Metadata": 0.844,
}
"""Part of the features → test accuracy of the random forest (arXiv 2505.13804), on a random split."""

LARGE = 1_000
"""Families of each side from which the rows are more than a sample to look at."""

_PLAIN: tuple[Callable[[AuditTable], Leak | None], ...] = (
    laboratory.archive_name,
    laboratory.names_itself,
    laboratory.total_without_direct,
    laboratory.clock_calls,
    tracers.foreign_traffic,
    tracers.same_traffic,
    laboratory.no_calls,
    laboratory.less_than_pip,
    whole.patterns_move,
    whole.patterns_fitted,
    whole.copies,
    whole.siblings,
    listed.high_version,
    listed.repeated_name,
    listed.both_sides,
)
_LEARNED = (
    laboratory.socket_calls,
    tracers.machine_names_alone,
    tracers.own_tools_alone,
    tracers.traffic_alone,
    whole.patterns_alone,
    whole.best_column,
    whole.gaps_alone,
    listed.version_alone,
    listed.name_alone,
)
_ORDER = ("route", "machine", "tracers", "failed", "pattern", "copies", "columns", "gaps", "list")
"""Groups in the order of the report, by the first part of the id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAudit:
    """What one table shows."""

    source: str
    layout: str
    malicious: int
    benign: int
    malicious_families: int
    benign_families: int
    leaks: tuple[Leak, ...]

    def of(self, id_: str) -> Leak:
        """The tell of that id. Raises KeyError where the table lacks its columns."""
        for leak in self.leaks:
            if leak.id == id_:
                return leak
        raise KeyError(id_)


def audit(
    table: AuditTable, *, seed: int = SEED, progress: Callable[[str], None] = lambda _: None
) -> TableAudit:
    """Every check that the table has the columns for. The same table and seed give the same figures."""
    found = []
    for leak in _run(table, seed):
        progress(leak.id)
        found.append(leak)
    known = labelled(table)
    malicious_families, benign_families = known.sizes()
    return TableAudit(
        source=table.source,
        layout=table.layout,
        malicious=sum(known.labels),
        benign=len(known.labels) - sum(known.labels),
        malicious_families=malicious_families,
        benign_families=benign_families,
        leaks=tuple(sorted(found, key=lambda leak: _ORDER.index(leak.id.split(".")[0]))),
    )


def _run(table: AuditTable, seed: int) -> Iterator[Leak]:
    yield from tracers.machine_names(table)
    for plain in _PLAIN:
        leak = plain(table)
        if leak is not None:
            yield leak
    for learned in _LEARNED:
        leak = learned(table, seed=seed)
        if leak is not None:
            yield leak


def as_json(audits: Sequence[TableAudit]) -> dict[str, Any]:
    """The whole audit as plain values."""
    return {
        "published_accuracy": dict(PUBLISHED),
        "tables": [asdict(one) for one in audits],
        "limits": [limits(one) for one in audits],
    }


def limits(one: TableAudit) -> str:
    """What a table of this size can and cannot show."""
    told = sum(leak.verdict in (Verdict.LEAK, Verdict.SEPARATES) for leak in one.leaks)
    rows = (
        f"{one.malicious} malicious rows of {one.malicious_families} families, {one.benign} benign of "
        f"{one.benign_families}; {told} of {len(one.leaks)} tells tell the labels apart in them."
    )
    if min(one.malicious_families, one.benign_families) >= LARGE:
        return rows
    return (
        f"{rows} So few rows show that a tell exists and bound how far it goes in rows like these. They "
        "cannot show that a tell is missing, and are no estimate for the whole dataset where they are no "
        "random draw of it."
    )
