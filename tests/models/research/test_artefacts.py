"""What ships of a model is the same for the same table and seed, and belongs together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from models.errors import ValueInvalid
from models.research.artefacts import (
    Artefact,
    artefact_of,
    catalogue_columns,
    newest,
    scores_of,
    tiers_of_scores,
)
from models.research.calibration import GOAL_RATES
from models.research.lightgbm_training import TreeNumbers
from models.research.matrix import Matrix
from models.research.rows import Table, read_table
from models.research.training import Trained, train
from models.trust.card import read_artefact
from models.trust.learned import LearnedScorer
from models.trust.reference import SCORE, read_reference

CORPUS = Path(__file__).parents[3] / "models" / "corpus" / "rows.csv.gz"
FEW = TreeNumbers(trees=5)


@pytest.fixture(scope="module")
def table() -> Table:
    """A third of the shipped rows."""
    whole = read_table(CORPUS)
    return Table(features=whole.features, rows=whole.rows[::3])


def trained_on(table: Table) -> Trained:
    matrix = Matrix.of(table, catalogue_columns(table))
    return train(matrix, seed=3, rates=GOAL_RATES, numbers=FEW)


@pytest.fixture(scope="module")
def trained(table: Table) -> Trained:
    return trained_on(table)


def made(trained: Trained, table: Table) -> Artefact:
    return artefact_of(trained, table, name="small", seed=3)


def test_artefact__is_the_same_bytes_for_the_same_table_and_seed(
    table: Table, trained: Trained, tmp_path: Path
) -> None:
    made(trained, table).write(tmp_path / "one")
    made(trained_on(table), table).write(tmp_path / "two")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["small.json", "small.reference.json", "small.txt"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_artefact__is_taken_by_the_firewall(table: Table, trained: Trained, tmp_path: Path) -> None:
    made(trained, table).write(tmp_path)
    card, _, _ = read_artefact(tmp_path, "small")
    assert card.data_digest == table.digest
    assert card.created == newest(table.rows)
    assert card.metrics["e30.rate"] == GOAL_RATES.e30
    assert card.metrics["e30.extrapolated"] == 1
    assert card.metrics["e80.extrapolated"] == 0
    assert LearnedScorer.load(tmp_path, "small").name.startswith("small")
    assert read_reference(tmp_path / "small.reference.json").model == "small"


def test_scores__every_row_has_one_and_tiers_count_them_all(table: Table, trained: Trained) -> None:
    scores = scores_of(trained, table)
    values = scores.column(SCORE)
    assert [row.id for row in scores.rows] == [row.id for row in table.rows]
    assert all(0 <= value <= 100 for value in values)
    tiers = tiers_of_scores(scores)
    counted = Counter(f"{row.population.value} {row.kind}" for row in table.rows)
    assert {name: sum(counts.values()) for name, counts in tiers.items()} == counted


def test_newest__asks_for_a_date(table: Table) -> None:
    with pytest.raises(ValueInvalid, match="date"):
        newest(())
    assert newest(table.rows).tzinfo is not None
