"""`pratique research audit-qut`, on the sample that ships and on a file that is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.research.qut_reader import TableInvalid
from proxy.cli.commands.research_audit import audit_qut

LIST = (
    "Malicious Package Name,Malicious Package Version,Benign Package Name,Benign Package Version\n"
)


def test_audit__without_a_file_tells_of_the_sample() -> None:
    done = CliRunner().invoke(audit_qut, [])
    assert done.exit_code == 0, done.output
    for words in ("rows.csv", "numbers.csv", "packages.csv.gz", "tracers.indexer", "36 of 36"):
        assert words in done.output
    assert "no estimate for the whole dataset" in " ".join(done.output.split())


def test_audit__json_is_one_object() -> None:
    done = CliRunner().invoke(audit_qut, ["--json"])
    told = json.loads(done.stdout)
    assert [table["layout"] for table in told["tables"]] == ["rows", "numbers", "packages"]
    leak = next(leak for leak in told["tables"][1]["leaks"] if leak["id"] == "route.archive_name")
    assert leak["verdict"] == "leak"
    assert leak["malicious"] == {"shown": 36, "of": 36}


def test_audit__a_named_file_is_what_is_audited(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(LIST + "".join(f"bad{n},99.0,good{n},1.{n}\n" for n in range(9)))
    done = CliRunner().invoke(audit_qut, [str(file)])
    assert done.exit_code == 0, done.output
    assert "mine.csv" in done.output
    assert "numbers.csv" not in done.output
    assert "9 of 9" in done.output


def test_audit__an_unknown_layout_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(TableInvalid) as caught:
        CliRunner().invoke(audit_qut, [str(file)], catch_exceptions=False)
    assert "leak-audit.md" in caught.value.next_step
