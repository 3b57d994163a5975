"""docs/proofs/static.md: honest packages, malware beside GuardDog, and what each took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.proofs.reading import WEIGHTS
from tests.proofs.static_figures import HONEST_SET, POINTS

WHO = ("ours", "guarddog")
GUARDDOG = "GuardDog"
HIT_LEVELS = (":high", ":critical")


def static_page(record: dict[str, Any]) -> Iterator[str]:
    """The page, out of its record."""
    summary: dict[str, Any] = record["summary"]
    yield "# Static reading\n"
    yield f"{record['claim']}\n"
    yield (
        f"Commit {record['commit'][:12]}, {record['machine']}; {record['tried']} honest archives of "
        f"{record['items']} items tried, seed {record['seed']}. Every archive is read in a box of its own "
        "without network, by its bytes; nothing of it is built, imported or run.\n"
    )
    yield from _methods(summary)
    yield "## Flagged at fixed points\n"
    yield from _shares(summary["shares"])
    yield "\n## Recall at GuardDog's own false positives\n"
    yield from _comparisons(summary)
    yield "\n## Time and memory of one archive\n"
    yield from _times(record["quantiles"], summary["shares"])
    yield "\n## Honest archives with a finding of high severity\n"
    yield from _hits(record)


def _methods(summary: Mapping[str, Any]) -> Iterator[str]:
    weights = ", ".join(f"{level.value} {points}" for level, points in WEIGHTS.items())
    yield (
        f"*Ours* ranks an archive by the sum of the points of its distinct findings ({weights}), from "
        "its files alone: no name is compared, no index asked. *GuardDog* (3.2.0, `pypi scan FILE`, no "
        "metadata, which asks an index) rates it from 0 to 10 and calls it suspicious from "
        f"{summary['guarddog_threshold']:g} up, its own threshold. What cannot be read is not flagged, "
        "for either. Our bar is the lowest that flags no more of the same honest archives than GuardDog "
        "does; equal scores fall together. Intervals hold 95 %: of shares Wilson's, of recalls and their "
        f"difference the percentiles of {summary['resamples']} paired cluster bootstraps (seed "
        f"{summary['seed']}), in which whole clusters of malware and whole honest projects are drawn "
        "and the bar is found anew each time. Of malware there is one archive for each template; "
        "`tests/proofs/manifest.py` says what a template and a cluster are, and how sets are drawn.\n"
    )


def _shares(shares: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    names = [*POINTS, GUARDDOG]
    yield f"| Set | Kind | n | Clusters | {' | '.join(names)} | Not read, ours | GuardDog |"
    yield "|---|---|---:|---:|" + "---:|" * (len(names) + 2)
    for name, kinds in shares.items():
        for kind, row in kinds.items():
            cells = [_share(row["shares"].get(point)) for point in names]
            yield (
                f"| {name} | {kind} | {row['n']} | {row['clusters']} | {' | '.join(cells)} "
                f"| {row['failed']} | {row['guarddog_failed']} |"
            )


def _comparisons(summary: Mapping[str, Any]) -> Iterator[str]:
    if not any(summary["comparisons"].values()):
        yield "No malware was given, or GuardDog was not asked about it."
        return
    yield (
        "| Set | Kind | n | Clusters | Honest n | False positives, GuardDog | Ours | Recall, GuardDog "
        "| Ours | Difference | Both | Ours only | GuardDog only | Bar |"
    )
    yield "|---|---|" + "---:|" * 12
    for name, kinds in summary["comparisons"].items():
        for kind, row in kinds.items():
            within = row["intervals"]
            yield (
                f"| {name} | {kind} | {row['n']} | {row['clusters']} | {row['honest_n']} "
                f"| {_percent(row['theirs_false'])} | {_percent(row['ours_false'])} "
                f"| {_within(row['theirs'], within['theirs'])} "
                f"| {_within(row['ours'], within['ours'])} "
                f"| {_within(row['difference'], within['difference'], sign='+')} "
                f"| {row['both']} | {row['only_ours']} | {row['only_theirs']} | {row['bar']:g} |"
            )


def _times(quantiles: Mapping[str, Mapping[str, float]], sets: Sequence[str]) -> Iterator[str]:
    yield "| Set | Who | n | Wall s, median | p95 | CPU s, median | p95 | MiB, median | max |"
    yield "|---|---|" + "---:|" * 7
    for name in sets:
        for who in WHO:
            wall, cpu, mib = (
                quantiles.get(f"{name} {who} {unit}") for unit in ("wall_s", "cpu_s", "mib")
            )
            if wall and cpu and mib:
                yield (
                    f"| {name} | {who} | {wall['n']} | {wall['median']:.3f} | {wall['p95']:.3f} "
                    f"| {cpu['median']:.3f} | {cpu['p95']:.3f} "
                    f"| {mib['median']:.0f} | {mib['max']:.0f} |"
                )
    yield (
        "\nOne process for each archive, its interpreter's start included; GuardDog's were taken on the "
        "same machine. Other work ran beside both, so that processor time is the figure to trust."
    )


def _hits(record: Mapping[str, Any]) -> Iterator[str]:
    facts: Mapping[str, Mapping[str, str]] = record["facts"]
    hits = {
        item: [name for name in row["ids"].split() if name.endswith(HIT_LEVELS)]
        for item, row in facts.items()
        if row["set"] == HONEST_SET
    }
    shown = {item: ids for item, ids in hits.items() if ids}
    yield from (
        f"- {item}: {', '.join(f'`{i}`' for i in ids)}" for item, ids in sorted(shown.items())
    )
    if not shown:
        yield "None."


def _share(share: Mapping[str, Any] | None) -> str:
    if share is None or not share["n"]:
        return "–"
    within = (share["low"], share["high"])
    return f"{share['flagged']} = {_within(share['flagged'] / share['n'], within)}"


def _within(value: float, interval: Sequence[float], *, sign: str = "") -> str:
    low, high = (f"{100 * bound:{sign}.1f}" for bound in interval)
    return f"{100 * value:{sign}.1f} % ({low} to {high})"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
