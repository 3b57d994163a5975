"""From a trained model to what ships: its text, its card, and what its training data looked like."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from models.canonical import digest_of_bytes
from models.decision import TrustTier
from models.errors import ValueInvalid
from models.research.calibration import Edges
from models.research.harness import HeldOut
from models.research.matrix import HONEST, Columns, Matrix
from models.research.metrics import measure
from models.research.rows import Row, Table
from models.research.training import Trained
from models.trust.card import CARD_SUFFIX, MODEL_SUFFIX, Card, encode_card
from models.trust.features.catalog import FEATURES, SCHEMA, features_digest
from models.trust.reference import SCORE, Reference, layer_columns, reference_of, write_reference
from models.trust.scale import Scale

REFERENCE_SUFFIX = ".reference.json"
ROUTE_FAMILY = "route."
"""Features of the install route: a control that must stay at chance."""
CONSEQUENCES = frozenset({"route.runs", "tell.reserved_hosts"})
"""Context that an act brings about (a run is repeated for what it found, a host is contacted), and
that hence parts a re-enactment from its twin by right. None of it is learned."""
BEFORE_FAMILIES = ("size.", "kind.", "tell.", ROUTE_FAMILY)
"""Context that is fixed before anything is run, so that it may tell nothing of a re-enactment."""
CARD_RESAMPLES = 200
"""For the few figures of a card; the report has the intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """The files of one model, by their endings."""

    model: bytes
    card: Card
    reference: Reference

    def write(self, folder: Path) -> None:
        """Write `<name>.txt`, `<name>.json` and `<name>.reference.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        name = self.card.name
        (folder / f"{name}{MODEL_SUFFIX}").write_bytes(self.model)
        (folder / f"{name}{CARD_SUFFIX}").write_bytes(encode_card(self.card))
        write_reference(self.reference, folder / f"{name}{REFERENCE_SUFFIX}")


def catalogue_columns(table: Table) -> Columns:
    """A table's columns as the catalogue has them. Raises ValueInvalid where it knows one not."""
    return Columns.of(
        table.features,
        layers={feature.name: feature.layer for feature in FEATURES},
        directions={feature.name: int(feature.direction) for feature in FEATURES},
        route=_context(ROUTE_FAMILY),
        before=_context(*BEFORE_FAMILIES),
    )


def _context(*families: str) -> list[str]:
    return [f.name for f in FEATURES if f.name.startswith(families) and f.name not in CONSEQUENCES]


def artefact_of(trained: Trained, table: Table, *, name: str, seed: int) -> Artefact:
    """Everything that ships of a model; the same bytes for the same table, name and seed."""
    model = trained.text.encode()
    card = Card(
        name=name,
        schema=SCHEMA,
        features=trained.features,
        features_digest=features_digest(),
        model_sha256=digest_of_bytes(model),
        data_digest=table.digest,
        split_digest=trained.split_digest,
        seed=seed,
        platt=trained.calibrated.platt,
        prior_training=trained.calibrated.prior,
        prior_deployment=trained.prior_deployment,
        edges=trained.edges.margins,
        created=newest(table.rows),
        lightgbm=version("lightgbm"),
        metrics={**figures_of(trained.held, seed=seed), **_of_edges(trained.edges)},
    )
    reference = _reference(trained, table, card.scale_milli, name)
    return Artefact(model=model, card=card, reference=reference)


def newest(rows: Sequence[Row]) -> datetime:
    """The day of the youngest artifact, as a model's date: a clock would change its bytes each time."""
    days = [row.date for row in rows if row.date]
    if not days:
        raise ValueInvalid("No row of the table has a date.")
    return datetime.fromisoformat(max(days)).replace(tzinfo=UTC)


def figures_of(held: HeldOut, *, seed: int) -> Mapping[str, float]:
    """A card's few figures, from scores of models that had not seen the rows."""
    found = {}
    views = {"static": held.static_sample(), "behaviour": held.behaviour_sample()}
    for view, sample in views.items():
        measured = measure(sample, seed=seed, resamples=CARD_RESAMPLES)
        found[f"{view}.auroc"] = round(measured.auroc.value, 4)
        for at in measured.at:
            found[f"{view}.recall_at_fpr_{at.rate:g}"] = round(at.recall.value, 4)
    return found


def _of_edges(edges: Edges) -> Mapping[str, float]:
    """What each edge rests on: its rate, the honest rows, and 1 where it lies beyond them."""
    found = {}
    for name, edge in (("e80", edges.e80), ("e60", edges.e60), ("e30", edges.e30)):
        found[f"{name}.rate"] = edge.rate
        found[f"{name}.honest_rows"] = float(edge.rows)
        found[f"{name}.extrapolated"] = float(edge.extrapolated)
    return found


def scores_of(trained: Trained, table: Table) -> Table:
    """What the held-out models said of each row: log-odds by view, and the score of what was measured."""
    held, scale = trained.held, Scale.in_milli(trained.edges.margins)
    views = (held.static, held.behaviour, held.real)
    margins = [trained.calibrated.margin(view) for view in views]
    rows = []
    for number, row in enumerate(table.rows):
        own = [float(view[number]) for view in margins]
        whole = next((one for one in reversed(own) if not math.isnan(one)), math.nan)
        score = math.nan if math.isnan(whole) else float(scale.score(round(whole * 1000)))
        rows.append(replace(row, values=(*own, score)))
    return Table(features=("static", "behaviour", "whole", SCORE), rows=tuple(rows))


def tiers_of_scores(scores: Table) -> Mapping[str, Mapping[TrustTier, int]]:
    """Population and kind → how many of its rows the held-out scores put into each tier."""
    found: dict[str, dict[TrustTier, int]] = {}
    for row in scores.rows:
        score = row.values[-1]
        if not math.isnan(score):
            counts = found.setdefault(f"{row.population.value} {row.kind}", {})
            tier = TrustTier.of(int(score))
            counts[tier] = counts.get(tier, 0) + 1
    return found


def _reference(trained: Trained, table: Table, scale: Scale, name: str) -> Reference:
    """Honest rows as they were measured: what a firewall is expected to see."""
    matrix: Matrix = trained.held.matrix
    keep = np.flatnonzero(matrix.among(*HONEST) & ~np.isnan(trained.held.real))
    rows = [table.rows[number] for number in keep]
    margins = trained.calibrated.margin(trained.held.real[keep])
    columns: dict[str, Sequence[float]] = {
        feature: tuple(row.values[at] for row in rows) for at, feature in enumerate(table.features)
    }
    columns[SCORE] = tuple(float(scale.score(round(float(m) * 1000))) for m in margins)
    columns |= layer_columns([row.measured for row in rows])
    return reference_of(columns, model=name)
