"""The shipped tables, model and card belong together, and name nothing that they must not."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

from models.evidence import Layer
from models.research.rows import Population, read_table
from models.trust.features.catalog import FEATURES, LEARNED
from models.trust.learned import LearnedScorer
from models.trust.reference import read_reference
from models.trust.shelf import ARTEFACTS
from tests.models.examples import evidence, finding

CORPUS = Path(__file__).parents[2] / "models" / "corpus"
REFERENCES = CORPUS.parent / "references"
NAME = "trust-1"


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
    quiet = scorer.score(evidence(), None)
    loud = scorer.score(evidence(findings=(finding("canary-left"),)), None)
    assert quiet.value > 80
    assert loud.value <= 60
