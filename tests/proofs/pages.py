"""The pages of proofs that have more to show than a line in the table; `make docs` writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from analyzer.confusion.weighing import TOP_RANK
from models.phase import Phase
from tests.corpus.lab import Seen
from tests.corpus.not_seen import NOT_SEEN
from tests.proofs.admin_page import admin_page
from tests.proofs.bench_page import bench_page
from tests.proofs.confusion import measure_prefix
from tests.proofs.graph_page import injected_page
from tests.proofs.speed import CASES, RUNS_PER_ARM, TRACING_TARGET_PERCENT
from tests.proofs.static_page import static_page

Rows = Sequence[Mapping[str, str]]
_TIERS = ("APPROVE", "MONITOR", "QUARANTINE", "BLOCK")


def reenactments_page(record: dict[str, Any]) -> Iterator[str]:
    """docs/proofs/reenactments.md: recall by technique and phase, for both halves."""
    facts: dict[str, dict[str, str]] = record["facts"]
    ours = [row for row in facts.values() if row["kind"] == "re-enactment"]
    twins = {item: row for item, row in facts.items() if row["kind"] == "twin"}
    yield "# Re-enactments\n"
    yield f"{record['claim']}\n"
    yield (
        f"Commit {record['commit'][:12]}, {record['machine']}; {record['tried']} of "
        f"{record['items']} items tried (tests/corpus/README.md says what they are).\n"
    )
    yield (
        "*Caught*: not served, for what it did. *Noticed*: served under watch, for what it did; of "
        "techniques that honest packages share this is enough (≈). *Held*: not served, only because "
        "the analysis fell short. *Own* was written by somebody who knows the names of the findings, "
        "*blind* by somebody who does not.\n"
    )
    yield from _recall("Technique", "technique", ours)
    yield from _recall("Phase", "phase", ours)
    yield from _recall("Half", "half", ours, total=True)
    yield f"## Twins\n\n{len(twins)} twins, {_count_proofs(twins)} with a proof. Not served:\n"
    refused = {i: r for i, r in twins.items() if r["seen"] in (Seen.CAUGHT, Seen.HELD)}
    yield from (f"- `{item}`: {_cell(record['details'][item])}" for item in sorted(refused))
    yield "\n## Not caught\n"
    yield from (
        f"- `{row['item']}` ({facts[row['item']]['phase']}): {_cell(row['detail'])}"
        for row in sorted(record["failures"], key=lambda row: str(row["item"]))
        if row["item"] not in twins
    )
    yield "\n## Not re-enacted\n"
    yield from (f"- {what}: {why}" for what, why in NOT_SEEN.items())


def _recall(title: str, key: str, rows: Rows, *, total: bool = False) -> Iterator[str]:
    yield f"| {title} | n | Caught | Noticed | Held | Served | Recall | Of *own* | Of *blind* |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for value in sorted({row[key] for row in rows}):
        yield _line(value, [row for row in rows if row[key] == value])
    if total:
        yield _line("all", rows)
    yield ""


def _line(name: str, rows: Rows) -> str:
    seen = Counter(row["seen"] for row in rows)
    weak = " ≈" if all(row["weak"] for row in rows) else ""
    shares = (_share([r for r in rows if r["half"] == half]) for half in ("own", "blind"))
    return (
        f"| {name}{weak} | {len(rows)} | {' | '.join(str(seen[kind]) for kind in Seen)} "
        f"| {_share(rows)} | {' | '.join(shares)} |"
    )


def _share(rows: Rows) -> str:
    """Whole percent of rows that count as caught, rounded down; a dash where there are none."""
    good = sum(
        r["seen"] == Seen.CAUGHT or bool(r["weak"] and r["seen"] == Seen.NOTICED) for r in rows
    )
    return f"{good * 100 // len(rows)} %" if rows else "–"


def _count_proofs(twins: Mapping[str, Mapping[str, str]]) -> int:
    return sum(row["proofs"] != "0" for row in twins.values())


def benign_page(record: dict[str, Any]) -> Iterator[str]:
    """docs/proofs/benign-….md: what became of real packages."""
    facts: dict[str, dict[str, str]] = record["facts"]
    yield f"# Real packages: {record['name']}\n"
    yield f"{record['claim']}\n"
    yield (
        f"Commit {record['commit'][:12]}, {record['machine']}; {record['tried']} of "
        f"{record['items']} projects tried, harness off.\n"
    )
    analysed = {item: row for item, row in facts.items() if "group" in row}
    yield (
        "| Group | n | "
        + " | ".join(_TIERS)
        + " | With a proof | With HIGH or CRITICAL | Fell short |"
    )
    yield "|---|---:|" + "---:|" * (len(_TIERS) + 3)
    for group in ("popular", "obscure"):
        yield _group_line(group, [row for row in analysed.values() if row["group"] == group])
    others = Counter(row["tier"] for row in facts.values() if "group" not in row)
    yield "\nNot analysed: " + (
        ", ".join(f"{n} {why}" for why, n in sorted(others.items())) or "none"
    )
    yield "\n## Severe findings\n"
    yield from (
        f"- {item}: {_cell(row['severe'])}"
        for item, row in sorted(analysed.items())
        if row["severe"]
    )
    yield "\n## Fell short\n"
    yield from (
        f"- {item}: {row['short']} {_cell(row['why'])}".rstrip()
        for item, row in sorted(analysed.items())
        if row["short"]
    )


def _group_line(group: str, rows: Sequence[Mapping[str, str]]) -> str:
    tiers = Counter(row["tier"] for row in rows)
    proofs = sum(row["proofs"] != "0" for row in rows)
    severe, short = (
        sum(bool(row["severe"]) for row in rows),
        sum(bool(row["short"]) for row in rows),
    )
    counts = [len(rows), *(tiers[tier] for tier in _TIERS), proofs, severe, short]
    return f"| {group} | " + " | ".join(map(str, counts)) + " |"


def speed_page(record: dict[str, Any]) -> Iterator[str]:
    """docs/proofs/speed.md: medians beside their targets."""
    quantiles: dict[str, dict[str, float]] = record["quantiles"]
    yield "# Speed\n"
    yield f"{record['claim']}\n"
    yield (
        f"Commit {record['commit'][:12]}, {record['machine']}. Requirements are resolved and fetched "
        "before; a worker asks for its interpreter once. The median counts, and other work on the "
        "machine counts too. Submodules are imported up to the importer's own bounds (SUBMODULES_MAX, "
        "MODULE_MS_MAX); how many there were stands below.\n"
    )
    yield "| Case | n | Median s | p90 s | Target s | By phase (median s) |"
    yield "|---|---:|---:|---:|---:|---|"
    for key, row in quantiles.items():
        if key.endswith(" disk_to_evidence_s"):
            yield _case_line(key.removesuffix(" disk_to_evidence_s"), row, quantiles)
    yield "\n| Tracing | n pairs | Median | p90 | Target |"
    yield "|---|---:|---:|---:|---:|"
    for key, row in quantiles.items():
        if key.endswith("cpu_percent"):
            case = key.removeprefix("tracing ").removesuffix(" cpu_percent")
            yield (
                f"| {case} | {row['n']} | {row['median']:+.1f} % | {row['p90']:+.1f} % "
                f"| ≤ {TRACING_TARGET_PERCENT} % |"
            )
    yield (
        f"\nProcessor time of the boxes, median of {RUNS_PER_ARM - 1} runs with the tracer over that "
        "without, in turns. The last run of each case:\n"
    )
    last = {" ".join(item.split()[:2]): detail for item, detail in record["details"].items()}
    yield from (f"- {case}: {detail}" for case, detail in sorted(last.items()))


def _case_line(label: str, row: dict[str, float], quantiles: dict[str, dict[str, float]]) -> str:
    target = CASES[label.split(maxsplit=1)[0]].target_s
    stated = "" if target is None or " " in label else f"{target:.1f}"
    walls = "; ".join(
        f"{phase.value} {quantiles[key]['median']:.2f}"
        for phase in Phase
        if (key := f"{label} {phase.value}_s") in quantiles
    )
    return f"| {label} | {row['n']} | {row['median']:.2f} | {row['p90']:.2f} | {stated} | {walls} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def confusion_page(record: dict[str, Any]) -> Iterator[str]:
    """docs/proofs/confusion.md: what was measured, on what, and what could not be."""
    yield "# Package confusion\n"
    yield f"{record['claim']}\n"
    yield f"Commit {record['commit'][:12]}, {record['machine']}.\n"
    yield (
        "Of the squats nothing is left but their names. That an index answers 404 for them today is "
        "no sign, since it answers so of every malicious project; so their ages are not known here, "
        "and what needs a second sign is shown with nothing known, and as on a first day (one day "
        "old, one release; of 56 that a registry of malware keeps, 55 have one release). The rules "
        "were made on one half of the names, drawn by digest; but a first look saw all pairs, and four "
        "of the reported half that it showed as missed are found by classes that were made then: "
        "counted as missed they give the fairer figure. Before the honest neighbours with a "
        "second sign were drawn anew, an earlier draw had shown that old, forsaken projects should "
        "not count as suspect for saying little.\n"
    )
    yield (
        "*near*: a slip of hand or eye; *top*: the target ranks among the first "
        f"{TOP_RANK:,}. *Honest neighbours* were drawn by others for their likeness to malicious "
        "names; a few of them no index has any more, so that some may be squats themselves.\n"
    )
    yield "| Measured | On | Result |"
    yield "|---|---|---|"
    for item, detail in record["details"].items():
        prefix = measure_prefix(item)
        results = "; ".join(
            f"{name.removeprefix(prefix).replace('_', ' ')} **{told['median']:g}**"
            for name, told in record["quantiles"].items()
            if name.startswith(prefix)
        )
        yield f"| {item} | {_cell(detail)} | {results} |"


def fuzz_page(record: dict[str, Any]) -> Iterator[str]:
    """docs/proofs/fuzz.md: what each target was given."""
    yield "# Fuzzing\n"
    yield f"{record['claim']}\n"
    yield (
        f"Commit {record['commit'][:12]}, {record['machine']}; {record['tried']} of "
        f"{record['items']} slices done so far. `make fuzz NAME=archive BUDGET=40m` runs one target "
        "by itself; what was found is kept in `tests/fuzz/corpus` and replayed by every test run.\n"
    )
    yield "| Target | Slices | Inputs a slice (median) | Seconds a slice | Branches | Crashes | Not begun |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    unbegun = [
        one["item"]
        for one in record["failures"]
        if not one["measures"].get(f"{one['item'].split()[0]}_executions")
    ]
    told = record["quantiles"]
    for name in sorted(key.removesuffix("_executions") for key in told if "_executions" in key):
        executions, seconds = told[f"{name}_executions"], told[f"{name}_seconds"]
        yield (
            f"| {name} | {executions['n']} | {executions['median']:,.0f} | {seconds['median']:.0f} | "
            f"{told[f'{name}_branches']['max']:.0f} | "
            f"{sum(i.startswith(f'{name} ') and i not in unbegun for i in record['grave'])} | "
            f"{sum(i.startswith(f'{name} ') for i in unbegun)} |"
        )
    if unbegun:
        yield (
            "\n*Not begun*: what the target builds once took longer than one input may, on a busy "
            "machine, so that not one input was tried. We failed there, and not the target."
        )


OWN_PAGES: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "admin": admin_page,
    "bench": bench_page,
    "benign-sdists": benign_page,
    "benign-wheels": benign_page,
    "confusion": confusion_page,
    "fuzz": fuzz_page,
    "graph-injected": injected_page,
    "reenactments": reenactments_page,
    "speed": speed_page,
    "static": static_page,
}
"""Proof → what makes its page from its record."""
