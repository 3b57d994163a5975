"""docs/features.md: every feature of the vector, made from the catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from models.evidence import Layer
from models.research.dysec import KIND_WORDS, NAMES
from models.research.qut import FEATURES as QUT
from models.research.rows import read_table
from models.trust.features.catalog import FEATURES, LEARNED, SCHEMA
from models.trust.features.feature import Direction

ROWS = Path(__file__).parents[1] / "models" / "corpus" / "rows.csv.gz"
DIRECTIONS = {
    Direction.RISES: "rises",
    Direction.FALLS: "falls",
    Direction.FREE: "free",
}
FAMILIES = {
    "archive": "The archive",
    "static": "Detectors of static reading",
    "reach": "What reaches acting code",
    "hidden": "Hidden code",
    "shape": "Shape of the metadata",
    "names": "Names",
    "release": "What a release's files hold anew",
    "run": "Acts of a run, phase by phase",
    "found": "Detectors of a run",
    "pattern": "Patterns of a run",
    "canary": "Contact with planted secrets",
    "acts": "Different things that it touched",
    "later": "What it held back for the second start",
    "change": "What a release does anew",
    "hangs": "What hangs on it",
    "size": "Size",
    "kind": "Format",
    "volume": "Volume and cost of a run",
    "coverage": "Coverage of a run",
    "route": "Route of the requirements",
    "short": "Shortfalls",
    "missing": "What was not measured",
    "tell": "Tells of the test-bed",
}
"""First part of a feature's name → heading, in the order of the page."""


def features_page() -> Iterator[str]:
    """The whole page, line by line."""
    yield "# Features\n"
    yield from _introduction()
    yield from _masks()
    for family, heading in FAMILIES.items():
        yield f"\n## {heading}\n"
        yield "| Feature | Layer | Unit | Direction | Learned | Meaning |"
        yield "|---|---|---|---|---|---|"
        for feature in FEATURES:
            if feature.name.partition(".")[0] == family:
                yield (
                    f"| `{feature.name}` | {feature.layer.value} | {feature.unit} "
                    f"| {DIRECTIONS[feature.direction]} | {'yes' if feature in LEARNED else 'no'} "
                    f"| {feature.meaning} |"
                )
    yield from _dysec()


def _never_measured() -> tuple[str, ...]:
    """Learned features that are NaN in every row of the shipped table."""
    table = read_table(ROWS)
    return tuple(f.name for f in LEARNED if all(map(math.isnan, table.column(f.name))))


def _introduction() -> Iterator[str]:
    counts = {layer: sum(f.layer is layer for f in LEARNED) for layer in Layer}
    told = ", ".join(f"{count} of {layer.value}" for layer, count in counts.items() if count)
    yield (
        f"What the learned scorer sees of an artifact: the vector `{SCHEMA}` with {len(FEATURES)} numbers, "
        f"of which {len(LEARNED)} are learned ({told}). Made from `models/trust/features/`; "
        "`vector_of(evidence)` measures all of it.\n"
    )
    yield (
        "- **Not measured is NaN, and never 0.** An artifact that was not run has NaN in every feature "
        "of behaviour, a phase that did not run in every feature of that phase, a release without an "
        "older one in every comparison. What was asked for and is not there is 0: an sdist has no "
        "RECORD, a wheel no build system, and NaN there would only tell the format."
    )
    yield (
        "- **Severity** is that of the worst finding of the artifact's own: 0 none or info, 1 low, "
        "2 medium, 3 high, 4 critical. Info is what nothing reaches, or what everybody does."
    )
    yield (
        "- **Direction** holds the model: more of a feature that *rises* never lowers the risk. Nothing "
        "*falls*: whatever could be added to look honest would be added. *Free* is context: size, format, "
        "coverage, route and missingness, measured for negative controls and never learned, since they "
        "tell how samples were collected and not what they do."
    )
    yield (
        "- **Facts** that only the living have are not in it, nor findings that rest on them: every "
        "malicious project answers 404 today. Reputation has no feature at all: what it counts is declared."
    )
    unseen = _never_measured()
    yield (
        f"- **Never measured in training** are {len(unseen)} of the learned ones, so that the shipped "
        "model does not know them: rows of the corpus carry no facts, and no release before theirs to be "
        "compared with. Detectors speak of both all the same, and their severity caps the score. They "
        f"are: {', '.join(f'`{name}`' for name in unseen)}.\n"
    )


def _masks() -> Iterator[str]:
    yield "## What is masked\n"
    yield (
        "Re-enactments and their benign twins carry tells that nobody else has. A model must not see them."
    )
    yield ""
    yield "| Tell | Why it does not reach what is learned |"
    yield "|---|---|"
    yield (
        "| project and module names `reenact-…` | no feature reads a name; acts are compared with names "
        "and versions taken out (`tell.project` is measured for a control) |"
    )
    yield "| the classifier `Private :: Do Not Upload` | nothing reads classifiers |"
    yield (
        "| TEST-NET addresses, `.invalid`, `.test` | hosts are counted and compared with each other, and "
        "no feature tells one from another (`tell.reserved_hosts` is measured for a control) |"
    )
    yield (
        "| the guard's marker `/run/pratique-harness` | an act or finding on that very path is taken out "
        "before anything is counted; that the guard's variable was asked for leaves no trace |"
    )
    yield (
        "| the guard's imports (`os`, `pathlib`, `socket`, `subprocess`) | they show in files opened, "
        "libraries mapped, time and memory alone, all of which are context (`volume.…`) |"
    )
    yield (
        "| one or two files more, larger files | counts and sizes are context (`size.…`, `coverage.…`) |"
    )
    yield (
        "| not on the index, from a folder | nothing of the vector knows where a file came from; how "
        "requirements were met is context (`route.…`) |"
    )
    yield ""
    yield (
        "Re-enactment and twin hold the same text and differ in what they do, so what is left of the "
        "guard (the marker's look-up by `stat`, which no feature counts, and a few more calls) stands on "
        "both sides of the label. What static reading says of either is about our own fixture: rows of "
        "training take their static part from elsewhere."
    )


def _dysec() -> Iterator[str]:
    yield "\n## DySec's 36, for comparison\n"
    yield (
        "The columns of QUT-DV25 ([traces](traces.md)) as numbers that one run decides by itself "
        "(`models/research/dysec.py`). They are for baselines; no model that judges sees them.\n"
    )
    yield "| Feature | Number |"
    yield "|---|---|"
    for name, feature in zip(NAMES, QUT, strict=True):
        yield f"| `{name}` | {KIND_WORDS[feature.kind]} |"
