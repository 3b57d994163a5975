"""`pratique policy set|history|show|rollback|test`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import main

OBSERVE, ENFORCE = 'mode = "observe"\n', 'mode = "enforce"\n'
DOCS = Path(__file__).parents[3] / "docs" / "policy.md"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    for name, text in (("observe", OBSERVE), ("enforce", ENFORCE), ("broken", "mode = 3\n")):
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path


def run(folder: Path, *arguments: object) -> Result:
    environment = {"PRATIQUE_DATA_DIR": str(folder / "data")}
    return CliRunner().invoke(main, ["policy", *map(str, arguments)], env=environment)


def test_set__one_after_the_other_and_back_again(folder: Path) -> None:
    for name in ("observe", "enforce"):
        done = run(folder, "set", folder / f"{name}.toml", "--actor", "alice", "--comment", name)
        assert done.exit_code == 0, done.output
    back = run(folder, "rollback", 1, "--actor", "bob")
    assert "Policy 3 is in force" in back.output
    assert run(folder, "show", "--in-force").output == OBSERVE
    assert run(folder, "show", 2).output == ENFORCE
    lines = run(folder, "history").output.splitlines()
    assert [line.split()[0] for line in lines] == ["3", "2", "1"]
    assert "back to policy 1" in lines[0]


def test_set__a_broken_one_and_a_late_one_change_nothing(folder: Path) -> None:
    run(folder, "set", folder / "observe.toml", "--actor", "alice")
    broken = run(folder, "set", folder / "broken.toml", "--actor", "alice")
    assert broken.exit_code == 1
    assert "mode must be one of" in broken.output
    late = run(folder, "set", folder / "enforce.toml", "--actor", "bob", "--expect", 0)
    assert late.exit_code == 1
    assert "Policy 1 is in force by now" in late.output
    assert run(folder, "show", "--in-force").output == OBSERVE
    assert run(folder, "rollback", 9, "--actor", "bob").exit_code == 1


def test_test__the_example_in_the_documentation_passes_and_says_where_it_would_not(
    folder: Path,
) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    cases = next(block for block in blocks if "[[case]]" in block)
    policy = next(block for block in blocks if "[[rule]]" in block)
    (folder / "cases.toml").write_text(cases)
    (folder / "policy.toml").write_text(policy)
    done = run(folder, "test", folder / "policy.toml", folder / "cases.toml")
    assert done.exit_code == 0, done.output
    assert "4 of 4 as expected" in done.output
    failed = run(folder, "test", folder / "enforce.toml", folder / "cases.toml")
    assert failed.exit_code == 1
    assert "3 of 4 as expected" in failed.output
