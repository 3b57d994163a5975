"""What the outcomes of the static proof come to: shares, recalls, a comparison, and what each took."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from models.evidence import Severity
from models.trust.findings import SEVERITY_RANK
from tests.proofs.guarddog import THRESHOLD
from tests.proofs.intervals import RESAMPLES, Pair, bootstrap, clustered, compare, wilson
from tests.proofs.proof import Outcome

HONEST_SET = "honest"
ALL = "all"
Row = Mapping[str, str]
POINTS: dict[str, Callable[[Row], bool]] = {
    "high in reached code": lambda row: _at_least(row["worst_static"], Severity.HIGH),
    "any high": lambda row: _at_least(row["worst"], Severity.HIGH),
    "any medium": lambda row: _at_least(row["worst"], Severity.MEDIUM),
}
"""Fixed points at which we would flag an archive."""


def figures(outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
    """Everything the page shows, as numbers; `seed` is the bootstrap's."""
    rows = [outcome.facts for outcome in outcomes if outcome.facts]
    honest = [row for row in rows if row["set"] == HONEST_SET]
    sets = sorted({row["set"] for row in rows} - {HONEST_SET})
    return {
        "guarddog_threshold": THRESHOLD,
        "resamples": RESAMPLES,
        "seed": seed,
        "shares": {
            name: _shares([row for row in rows if row["set"] == name])
            for name in _with_honest(sets)
        },
        "comparisons": {
            name: _comparisons([row for row in rows if row["set"] == name], honest, seed)
            for name in sets
        },
    }


def _with_honest(sets: Iterable[str]) -> list[str]:
    return [HONEST_SET, *sets]


def _shares(rows: Sequence[Row]) -> dict[str, Any]:
    """By kind of archive and in all: how many are flagged at each point, by us and by GuardDog."""
    return {kind: _flagged(some) for kind, some in _by_kind(rows).items()}


def _flagged(rows: Sequence[Row]) -> dict[str, Any]:
    known = [row for row in rows if row["guarddog"]]
    shares = {name: _share([point(row) for row in rows]) for name, point in POINTS.items()}
    if known:
        shares["GuardDog"] = _share([float(row["guarddog"]) >= THRESHOLD for row in known])
    return {
        "n": len(rows),
        "clusters": len({row["cluster"] for row in rows}),
        "failed": sum(bool(row["failed"]) for row in rows),
        "guarddog_failed": sum(bool(row["guarddog_failed"]) for row in rows),
        "shares": shares,
    }


def _comparisons(malware: Sequence[Row], honest: Sequence[Row], seed: int) -> dict[str, Any]:
    """Recall of both at GuardDog's own false positives; only archives that it was asked about."""
    asked = [row for row in honest if row["guarddog"]]
    honest_by_kind = _by_kind(asked)
    compared = {}
    for kind, some in _by_kind([row for row in malware if row["guarddog"]]).items():
        if honest_by_kind.get(kind):
            compared[kind] = _comparison(some, honest_by_kind[kind], seed)
    return compared


def _comparison(malware: Sequence[Row], honest: Sequence[Row], seed: int) -> dict[str, Any]:
    bad, good = list(map(_pair, malware)), list(map(_pair, honest))
    said = compare(bad, good, THRESHOLD)
    bad_clusters = clustered(zip((row["cluster"] for row in malware), bad, strict=True))
    good_clusters = clustered(zip((row["cluster"] for row in honest), good, strict=True))
    ours = [pair.ours > said.bar for pair in bad]
    theirs = [pair.theirs >= THRESHOLD for pair in bad]
    return asdict(said) | {
        "difference": said.difference,
        "n": len(bad),
        "clusters": len(bad_clusters),
        "honest_n": len(good),
        "honest_clusters": len(good_clusters),
        "both": sum(a and b for a, b in zip(ours, theirs, strict=True)),
        "only_ours": sum(a and not b for a, b in zip(ours, theirs, strict=True)),
        "only_theirs": sum(b and not a for a, b in zip(ours, theirs, strict=True)),
        "intervals": bootstrap(bad_clusters, good_clusters, THRESHOLD, seed=seed),
    }


def _by_kind(rows: Sequence[Row]) -> dict[str, list[Row]]:
    kinds = sorted({row["kind"] for row in rows})
    return {kind: [r for r in rows if r["kind"] == kind] for kind in kinds} | {ALL: list(rows)}


def _pair(row: Row) -> Pair:
    return Pair(ours=float(row["score"]), theirs=float(row["guarddog"]))


def _share(flags: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(flags), len(flags))
    return {"flagged": sum(flags), "n": len(flags), "low": low, "high": high}


def _at_least(severity: str, least: Severity) -> bool:
    return bool(severity) and SEVERITY_RANK[Severity(severity)] >= SEVERITY_RANK[least]
