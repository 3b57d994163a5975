"""The third stage: from what was seen to the tables that training reads."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec

from analyzer.tracefile import read_trace
from models.categories import categorise
from models.errors import ValueInvalid
from models.evidence import Evidence, Layer
from models.phase import Phase
from models.research.dysec import NAMES, dysec_vector
from models.research.manifest import Item
from models.research.rows import Population, Row, Table
from models.trust.features.catalog import FEATURES, vector_of
from models.trust.rules import RulesScorer

FIXTURES = frozenset({Population.GRAFT, Population.TWIN})
"""Populations whose code is ours: what reading it says is about our fixtures, so it is not measured."""
UNRUN = Phase.INVENTORY.value
"""Grafts of this phase do nothing when they are run: as behaviour their label would be noise."""


BASELINES = ("rules.score", "rules.metadata", "rules.behaviour", "guarddog")
"""What others say of the same rows: the rules scorer's whole and layers (0 to 100, high is good), and
GuardDog's score (0 to 10, high is bad) where its result is at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The same rows under our features and under DySec's, and what was left out of them."""

    ours: Table
    dysec: Table
    baselines: Table
    left_out: Mapping[str, int]
    """Why → how many items."""


def tables_of(
    folder: Path,
    items: Sequence[Item],
    tell: Callable[[str], None],
    guarddog: Mapping[str, float] = MappingProxyType({}),
) -> Tables:
    """The tables of a traced corpus, in the order of its manifest. Raises ValueInvalid.

    `guarddog`: sha256 → its score.
    """
    said: list[Row] = []
    ours: list[Row] = []
    theirs: list[Row] = []
    left_out: dict[str, int] = {}
    for item in items:
        why = _why_not(folder, item)
        if why:
            left_out[why] = left_out.get(why, 0) + 1
            continue
        evidence = _evidence(item.evidence_path(folder))
        ours.append(row_of(item, evidence))
        said.append(_baseline_row(item, evidence, guarddog.get(item.sha256, math.nan)))
        if item.trace_path(folder).exists():
            theirs.append(_dysec_row(folder, item, evidence))
        tell(item.filename)
    return Tables(
        ours=Table(features=tuple(f.name for f in FEATURES), rows=tuple(ours)),
        dysec=Table(features=NAMES, rows=tuple(theirs)),
        baselines=Table(features=BASELINES, rows=tuple(said)),
        left_out=left_out,
    )


def read_guarddog(folder: Path) -> dict[str, float]:
    """GuardDog's results, FOLDER/<sha256>.json with a `score`: what it could not read it does not flag."""
    scores = {}
    for path in sorted(folder.glob("*.json")):
        try:
            scores[path.stem] = float(json.loads(path.read_text())["score"] or 0)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueInvalid(f"{path} is no result of GuardDog's: {error}.") from error
    return scores


def row_of(item: Item, evidence: Evidence) -> Row:
    """One artifact under our features; what reading our own fixtures says is left unmeasured."""
    hidden = Layer.METADATA if item.population in FIXTURES else None
    values = vector_of(evidence)
    return _row(
        item,
        measured=tuple(layer.value for layer in evidence.layers if layer is not hidden),
        values=tuple(
            math.nan if feature.layer is hidden else value
            for feature, value in zip(FEATURES, values, strict=True)
        ),
    )


def _baseline_row(item: Item, evidence: Evidence, guarddog: float) -> Row:
    off = (Layer.METADATA,) if item.population in FIXTURES else ()
    score = RulesScorer().score(evidence, None, layers_off=off)
    layers = {one.layer: one.score for one in score.layers}
    told = (score.value, layers[Layer.METADATA], layers[Layer.BEHAVIOUR])
    return _row(
        item,
        measured=tuple(layer.value for layer in evidence.layers if layer not in off),
        values=(*(math.nan if value is None else float(value) for value in told), guarddog),
    )


def _dysec_row(folder: Path, item: Item, evidence: Evidence) -> Row:
    events = list(read_trace(item.trace_path(folder).read_bytes()))
    categories = categorise(
        events,
        reports=evidence.phases,
        dependencies=evidence.dependencies,
        artifact=evidence.filename,
    )
    return _row(
        item, measured=(Layer.BEHAVIOUR.value,), values=dysec_vector(categories.of_artifact())
    )


def _row(item: Item, *, measured: tuple[str, ...], values: tuple[float, ...]) -> Row:
    return Row(
        id=item.sha256[:16],
        malicious=item.malicious,
        population=item.population,
        group=item.group or item.project,
        template=item.template,
        technique=item.technique,
        phase=item.phase,
        kind=item.kind.value,
        date=item.date,
        measured=measured,
        values=values,
    )


def _why_not(folder: Path, item: Item) -> str:
    if not item.sha256:
        return f"no file: {item.note.partition(':')[0]}"
    if not item.evidence_path(folder).exists():
        return "not traced"
    if item.population in FIXTURES and item.phase == UNRUN:
        return "a re-enactment that only reading could see"
    return ""


def _evidence(path: Path) -> Evidence:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Evidence)
    except msgspec.DecodeError as error:
        raise ValueInvalid(
            f"{path} is no evidence: {error}.",
            next_step="Remove it, and trace that artifact again.",
        ) from error
