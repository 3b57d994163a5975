"""Hulls and probes: packages that are no packages."""

from __future__ import annotations

import pytest

from tests.analyzer.static.reading import found, ids, read

ACTS = "import os\nos.system('make')\nfrom setuptools import setup\nsetup()\n"


def test_hull__a_setup_py_that_acts_around_nothing() -> None:
    assert ("static-hull", "build") in found(read({"setup.py": ACTS}, kind="sdist"))


@pytest.mark.parametrize(
    "files",
    [
        {"setup.py": "from setuptools import setup\nsetup()\n"},
        {"setup.py": ACTS, "reenact/__init__.py": "VALUE = 1\n" * 300},
    ],
)
def test_hull__quiet_or_with_code_is_none(files: dict[str, str]) -> None:
    assert "static-hull" not in ids(read(files, kind="sdist"))


@pytest.mark.parametrize(
    ("version", "setup", "expected"),
    [
        ("99.0", ACTS, {("static-probe-version", "build")}),
        ("9999.9.9", "x = 1", {("static-probe-version", "call")}),
        ("2026.1.0", ACTS, set()),
        ("1.99", ACTS, set()),
    ],
)
def test_probe__a_version_that_only_wins(
    version: str, setup: str, expected: set[tuple[str, str]]
) -> None:
    report = read({"setup.py": setup}, kind="sdist", version=version)

    assert {pair for pair in found(report) if pair[0] == "static-probe-version"} == expected
