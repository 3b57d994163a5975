"""`pratique research score|compare|package`: the last stages, on a small table."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.artifact import ArtifactKind
from models.canonical import canonical_json
from models.research.manifest import Item, write_manifest
from models.research.rows import Population, Table, read_table, write_table
from models.trust.card import read_artefact
from models.trust.features.catalog import LEARNED
from proxy.cli.commands.research_model import BASELINES, DYSEC, REPORT, ROWS, SHIPPED
from proxy.cli.main import main
from proxy.research.tracing import make_folders, ref_of
from tests.models.examples import evidence


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every third row of the shipped tables."""
    folder = tmp_path_factory.mktemp("tables")
    kept = {row.id for row in read_table(SHIPPED / ROWS).rows[::3]}
    for name in (ROWS, DYSEC, BASELINES):
        table = read_table(SHIPPED / name)
        rows = tuple(row for row in table.rows if row.id in kept)
        write_table(Table(features=table.features, rows=rows), folder / name)
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["research", *map(str, arguments)])


def test_score__package_needs_every_stage_and_its_sums_hold(tables: Path, tmp_path: Path) -> None:
    model, out = tmp_path / "model", tmp_path / "package"
    scored = run("score", "--tables", tables, "-o", model, "--name", "small")
    assert scored.exit_code == 0, scored.output
    assert "popular wheel" in scored.output
    card, _, _ = read_artefact(model, "small")
    assert card.data_digest == read_table(tables / ROWS).digest

    early = run("package", "--tables", tables, "--model", model, "-o", out, "--name", "small")
    assert early.exit_code == 1
    assert "pratique research compare" in early.output

    for name in ("evaluation.json", REPORT):
        (model / name).write_text("made by compare")
    done = run("package", "--tables", tables, "--model", model, "-o", out, "--name", "small")
    assert done.exit_code == 0, done.output
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=out, check=False)
    assert checked.returncode == 0
    (out / "small.txt").write_text("another")
    spoiled = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=out, check=False)
    assert spoiled.returncode != 0


def test_score__says_which_stage_is_missing(tmp_path: Path) -> None:
    result = run("score", "--tables", tmp_path)
    assert result.exit_code == 1
    assert "pratique research graph" in result.output


def test_trace__asks_for_a_corpus_first(tmp_path: Path) -> None:
    result = run("trace", tmp_path)
    assert result.exit_code == 1
    assert "pratique research corpus" in result.output


def test_graph__writes_tables_of_what_was_traced_the_same_twice(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    item = Item(
        kind=ArtifactKind.WHEEL,
        filename="demo-1.0-py3-none-any.whl",
        sha256="ab" * 32,
        project="demo",
        population=Population.POPULAR,
    )
    write_manifest(corpus, (item,))
    make_folders(corpus, None)
    item.evidence_path(corpus).write_bytes(canonical_json(evidence(ref_of(item))))
    for out in ("one", "two"):
        result = run("graph", corpus, "-o", tmp_path / out)
        assert result.exit_code == 0, result.output
        assert "rows: 1 rows of" in result.output
    for name in (ROWS, DYSEC, BASELINES):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_trace__takes_only_populations_that_there_are(tmp_path: Path) -> None:
    result = run("trace", tmp_path, "--only", "malwre")
    assert result.exit_code == 2
    assert "malwre" in result.output


def test_select__says_of_each_learned_feature_why_it_stays_or_falls(
    tables: Path, tmp_path: Path
) -> None:
    out = tmp_path / "choice.csv"
    done = run("select", "--tables", tables, "-o", out)
    assert done.exit_code == 0, done.output
    with out.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["feature"] for line in lines} == {f.name for f in LEARNED}
    said = {line["decided"] for line in lines}
    assert {"kept", "constant", "unimportant"} <= said
    for line in lines:
        if line["decided"] == "correlated":
            assert abs(float(line["r"])) >= 0.95
            assert line["with"] in {one["feature"] for one in lines if one["decided"] == "kept"}
    kept = sum(line["decided"] == "kept" for line in lines)
    assert f"{kept} of {len(lines)} features are kept" in done.output


def test_select__a_bound_that_makes_no_sense_is_refused(tables: Path) -> None:
    for bound in (("--correlation", "1.5"), ("--importance", "-1")):
        assert run("select", "--tables", tables, *bound).exit_code == 1
