"""What is shipped."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOUSE = {"proxy", "analyzer", "policies", "models"}


def test_wheel__holds_exactly_the_four_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in (*HOUSE, "tests", "bench"):
        if (ROOT / name).exists():
            shutil.copytree(
                ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
            )
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == HOUSE
    for needed in ("policies/default.toml", "analyzer/trace/program.c", "proxy/store/port.py"):
        assert needed in names
    committed = subprocess.run(
        ["git", "ls-files", *HOUSE], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert set(committed) <= set(names), "a committed file of the house is missing from the wheel"
