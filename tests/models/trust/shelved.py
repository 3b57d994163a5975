"""A small model, really trained, with its card: five features, four layers' worth of facts around them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from models.canonical import digest_of, digest_of_bytes
from models.evidence import Evidence, Layer
from models.facts import Facts
from models.phase import Phase
from models.trust.card import Card, Platt, encode_card
from models.trust.columns import Columns
from models.trust.features.feature import Direction, Feature, Measure
from models.trust.features.subject import Subject
from models.trust.findings import SEVERITY_RANK

NAME = "tiny"
EDGES = (-4.0, -2.0, 1.0)


def _worst(layer: Layer, *ids: str, phase: Phase | None = None) -> Measure:
    def measure(subject: Subject) -> float:
        if not subject.measured(layer):
            return math.nan
        ranks = [
            SEVERITY_RANK[found.severity]
            for found in subject.findings
            if found.id in ids and phase in (None, found.phase)
        ]
        return float(max(ranks, default=0))

    return measure


def _feature(name: str, layer: Layer, unit: str, measure: Measure) -> Feature:
    return Feature(
        name=name,
        layer=layer,
        unit=unit,
        direction=Direction.RISES,
        meaning="a test's",
        measure=measure,
    )


def _new_hosts(subject: Subject) -> float:
    changes = subject.evidence.changes
    return math.nan if changes is None else float(len(changes.added))


FEATURES = (
    _feature(
        "static.decode_exec",
        Layer.METADATA,
        "severity",
        _worst(Layer.METADATA, "static-decode-exec"),
    ),
    _feature(
        "names.module_taken",
        Layer.METADATA,
        "severity",
        _worst(Layer.METADATA, "module-name-taken"),
    ),
    _feature(
        "run.import_connects",
        Layer.BEHAVIOUR,
        "count",
        _worst(Layer.BEHAVIOUR, "network-connect", phase=Phase.IMPORT),
    ),
    _feature("change.new_hosts", Layer.BEHAVIOUR, "count", _new_hosts),
    _feature(
        "hangs.direct_urls",
        Layer.PROVENANCE,
        "count",
        _worst(Layer.METADATA, "direct-url-dependency"),
    ),
)


def _measure(evidence: Evidence, facts: Facts | None) -> tuple[float, ...]:
    subject = Subject.of(evidence, facts)
    return tuple(feature.measure(subject) for feature in FEATURES)


COLUMNS = Columns(
    features=FEATURES, digest=digest_of([one.name for one in FEATURES]), measure=_measure
)
PARAMETERS = {
    "objective": "binary",
    "num_leaves": 4,
    "min_data_in_leaf": 5,
    "learning_rate": 0.2,
    "monotone_constraints": [1] * len(FEATURES),
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 5,
    "verbose": -1,
}


@cache
def model_text() -> bytes:
    """LightGBM's text of a model in which each feature raises the risk."""
    random = np.random.default_rng(5)
    rows = random.integers(0, 5, size=(600, len(FEATURES))).astype(float)
    weights = np.array([1.2, 0.5, 1.5, 1.0, 0.7])
    risk = rows @ weights - 9 + random.normal(0, 1, 600)
    rows[random.random(rows.shape) < 0.15] = math.nan
    data = lightgbm.Dataset(
        rows, label=(risk > 0).astype(int), feature_name=[one.name for one in FEATURES]
    )
    booster: Any = lightgbm.train(PARAMETERS, data, num_boost_round=30)
    return bytes(booster.model_to_string().encode())


def card(**changes: Any) -> Card:
    """The model's card, or one that differs from it."""
    base = Card(
        name=NAME,
        schema="test-1",
        features=tuple(one.name for one in FEATURES),
        features_digest=COLUMNS.digest,
        model_sha256=digest_of_bytes(model_text()),
        data_digest=digest_of("data"),
        split_digest=digest_of("split"),
        seed=5,
        platt=Platt(slope=1.1, intercept=-0.2),
        prior_training=0.5,
        prior_deployment=0.01,
        edges=EDGES,
        created=datetime(2026, 4, 1, tzinfo=UTC),
        lightgbm="4.7.0",
        metrics={"auprc": 0.5},
    )
    return replace(base, **changes)


def put(folder: Path, *, of: Card | None = None, text: bytes | None = None) -> Path:
    """Write an artefact into `folder`."""
    written = of or card()
    (folder / f"{written.name}.json").write_bytes(encode_card(written))
    (folder / f"{written.name}.txt").write_bytes(model_text() if text is None else text)
    return folder
