"""The shipped tables, model and card belong together, and name nothing that they must not."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path

import lightgbm
import numpy as np

from models.evidence import Layer
from models.research.artefacts import catalogue_columns
from models.research.controls import broken, run_controls
from models.research.lightgbm_training import TreeNumbers
from models.research.matrix import Matrix
from models.research.rows import Population, read_table
from models.research.splits import grouped_split
from models.trust.features.catalog import FEATURES, LEARNED, learned_of
from models.trust.learned import LearnedScorer
from models.trust.numbers import RULES
from models.trust.reference import read_reference
from models.trust.shelf import ARTEFACTS
from tests.models.examples import evidence
from tests.models.trust.features.subjects import loud as whole_run
from tests.models.trust.features.subjects import run

CORPUS = Path(__file__).parents[2] / "models" / "corpus"
REFERENCES = CORPUS.parent / "references"
NAME = "trust-1"
CONTROL_RESAMPLES = 200
"""Of the controls' intervals; what is measured here must hold on every change of table or features."""


def test_rows__have_the_catalogues_features_and_every_population() -> None:
    table = read_table(CORPUS / "rows.csv.gz")
    assert table.features == tuple(feature.name for feature in FEATURES)
    assert {row.population for row in table.rows} == set(Population)
    assert len({row.id for row in table.rows}) == len(table.rows)
    for row in table.rows:
        assert row.malicious is (row.population in (Population.GRAFT, Population.MALWARE))
        assert re.fullmatch("[0-9a-f]{16}", row.id)


def test_rows__malware_was_read_and_never_run_and_no_fixture_is_read() -> None:
    for row in read_table(CORPUS / "rows.csv.gz").rows:
        if row.population is Population.MALWARE:
            assert row.measured == (Layer.METADATA.value,)
            assert row.date < "2025"
        if row.population in (Population.GRAFT, Population.TWIN):
            assert Layer.METADATA.value not in row.measured


def test_rows__every_graft_has_its_twin() -> None:
    rows = read_table(CORPUS / "rows.csv.gz").rows
    sides = {
        population: Counter(row.template for row in rows if row.population is population)
        for population in (Population.GRAFT, Population.TWIN)
    }
    assert sides[Population.GRAFT] == sides[Population.TWIN]


def test_tables__speak_of_the_same_artifacts() -> None:
    ids = {row.id for row in read_table(CORPUS / "rows.csv.gz").rows}
    for name in ("dysec", "baselines"):
        assert {row.id for row in read_table(CORPUS / f"{name}.csv.gz").rows} <= ids


def test_rows__no_control_that_must_hold_rises_above_chance() -> None:
    table = read_table(CORPUS / "rows.csv.gz")
    matrix = Matrix.of(table, catalogue_columns(table))
    split = grouped_split(matrix.rows, seed=1)
    found = run_controls(
        matrix, split, seed=1, numbers=TreeNumbers(trees=40), resamples=CONTROL_RESAMPLES
    )
    assert [control.name for control in broken(found)] == []
    assert {"tells only", "install route only", "missingness only"} <= {
        control.name for control in found if control.must_hold and not control.note
    }


def test_card__names_the_shipped_table() -> None:
    card = json.loads((ARTEFACTS / f"{NAME}.json").read_text())
    assert card["data_digest"] == read_table(CORPUS / "rows.csv.gz").digest
    assert set(card["features"]) <= {feature.name for feature in LEARNED}


def test_reference__is_of_honest_rows_as_they_were_measured() -> None:
    reference = read_reference(REFERENCES / f"{NAME}.json")
    honest = {Population.POPULAR, Population.LONG_TAIL, Population.SIMILAR, Population.HARD}
    rows = read_table(CORPUS / "rows.csv.gz").rows
    assert reference.rows == sum(row.population in honest for row in rows)


def test_model__scores_a_quiet_artifact_above_a_loud_one() -> None:
    scorer = LearnedScorer.load(ARTEFACTS, NAME)
    quiet, loud = scorer.score(run(), None), scorer.score(whole_run(), None)
    assert quiet.value > 80
    assert loud.value <= 30


def test_model__nothing_measured_is_no_trust() -> None:
    """Evidence that names its layers and holds nothing of them."""
    score = LearnedScorer.load(ARTEFACTS, NAME).score(evidence(), None)
    assert all(math.isnan(value) for value in learned_of(evidence()))
    assert score.value <= RULES.nothing_measured


def test_model__what_was_not_measured_never_looks_better_than_what_was_and_is_clean() -> None:
    """A gap in place of a 0 must not lower the risk; LightGBM promises no such thing by itself."""
    rows = [row for row in read_table(CORPUS / "rows.csv.gz").rows if "behaviour" in row.measured]
    learned = np.array([row.values[: len(LEARNED)] for row in rows[::4]])
    booster = lightgbm.Booster(model_file=str(ARTEFACTS / f"{NAME}.txt"))

    def risks(values: np.ndarray) -> np.ndarray:
        return np.asarray(booster.predict(values, raw_score=True, num_threads=1))

    whole = risks(learned)
    for layer in Layer:
        of_layer = np.array([feature.layer is layer for feature in LEARNED])
        gaps = np.where(of_layer & (learned == 0), np.nan, learned)
        assert (risks(gaps) >= whole - 1e-9).all(), layer


def test_rows__no_fact_of_the_living_is_in_them() -> None:
    table = read_table(CORPUS / "rows.csv.gz")
    for name in ("names.lookalikes", "names.near", "hangs.tree_direct_urls"):
        assert all(map(math.isnan, table.column(name))), name
