"""Re-enactments of attack techniques are not served, and their benign twins are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from analyzer.sandbox.client import SandboxClient
from tests.corpus.building import build
from tests.corpus.lab import Seen, Verdict, daemon, try_out
from tests.corpus.library import halves
from tests.corpus.not_seen import NOT_SEEN
from tests.corpus.recipe import Recipe
from tests.proofs.proof import Outcome

TWIN = " (twin)"
BOXES = 2


class ReenactmentsProof:
    """See the module; each item is a recipe, or a recipe's twin."""

    name = "reenactments"
    claim = (
        "At least 95 of 100 come out right: inert re-enactments are not served for what they did (or, "
        "where honest packages do it too, are served under watch), their benign twins are served. No "
        "twin has a proof."
    )
    least_percent = 95
    sample = 5
    parallel = BOXES

    def items(self, seed: int) -> Sequence[str]:
        names = [recipe.project + end for recipe in _by_name().values() for end in ("", TWIN)]
        random.Random(seed).shuffle(names)  # noqa: S311 - an order, not a secret
        return names

    @contextmanager
    def set_up(self) -> Iterator[ReenactmentsExperiment]:
        with daemon(harness=True, boxes=BOXES) as sandbox:
            yield ReenactmentsExperiment(sandbox)


class ReenactmentsExperiment:
    """One daemon with the harness marker."""

    def __init__(self, sandbox: SandboxClient) -> None:
        self._sandbox = sandbox
        self._recipes = _by_name()

    def attempt(self, item: str) -> Outcome:
        recipe, twin = self._recipes[item.removesuffix(TWIN)], item.endswith(TWIN)
        verdict = try_out(build(recipe, twin=twin), self._sandbox)
        return Outcome(
            item=item,
            holds=verdict.served if twin else _is_caught(recipe, verdict),
            grave=twin and bool(verdict.evidence.proofs),
            detail=str(verdict)[:400],
            measures={"analysis_s": verdict.evidence.duration_ms / 1000},
            facts=_facts(recipe, verdict, twin=twin),
        )


def _is_caught(recipe: Recipe, verdict: Verdict) -> bool:
    return verdict.seen is Seen.CAUGHT or (recipe.weak and verdict.seen is Seen.NOTICED)


def _facts(recipe: Recipe, verdict: Verdict, *, twin: bool) -> dict[str, str]:
    return {
        "technique": recipe.technique,
        "half": next(half for half, some in halves().items() if recipe in some),
        "phase": recipe.phase.value,
        "kind": "twin" if twin else "re-enactment",
        "weak": "yes" if recipe.weak else "",
        "seen": verdict.seen.value,
        "proofs": str(len(verdict.evidence.proofs)),
    }


def _by_name() -> dict[str, Recipe]:
    return {recipe.project: recipe for some in halves().values() for recipe in some}


Rows = Sequence[Mapping[str, str]]


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


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
