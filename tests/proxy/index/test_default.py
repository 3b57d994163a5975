"""The upstream that pip on this machine would ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from proxy.index.default import default_upstream


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "xdg")}


def ask(environ: dict[str, str], tmp_path: Path) -> str:
    return default_upstream(environ, prefix=str(tmp_path / "venv"))


def test_default_upstream__is_the_constant_where_nothing_is_configured(
    environ: dict[str, str], tmp_path: Path
) -> None:
    write(tmp_path / "xdg/pip/pip.conf", "[global]\ntimeout = 5\n")
    assert ask(environ, tmp_path) == PYPI_SIMPLE_ENDPOINT


def test_default_upstream__the_strongest_file_wins(environ: dict[str, str], tmp_path: Path) -> None:
    for place, host in [
        ("xdg/pip/pip.conf", "machine"),
        ("home/.pip/pip.conf", "old-user"),
        ("home/.config/pip/pip.conf", "user"),
        ("venv/pip.conf", "venv"),
    ]:
        write(tmp_path / place, f"[global]\nindex-url = https://{host}.test/simple\n")
        assert ask(environ, tmp_path) == f"https://{host}.test/simple"
    named = write(tmp_path / "named.conf", "[global]\nindex_url = https://named.test/simple\n")
    environ["PIP_CONFIG_FILE"] = str(named)
    assert ask(environ, tmp_path) == "https://named.test/simple"
    environ["PIP_INDEX_URL"] = " https://env.test/simple "
    assert ask(environ, tmp_path) == "https://env.test/simple"


def test_default_upstream__install_wins_over_global(
    environ: dict[str, str], tmp_path: Path
) -> None:
    write(tmp_path / "xdg/pip/pip.conf", "[install]\nindex-url = https://install.test/\n")
    write(tmp_path / "venv/pip.conf", "[global]\nindex-url = https://global.test/\n")
    assert ask(environ, tmp_path) == "https://install.test/"


def test_default_upstream__dev_null_switches_files_off(
    environ: dict[str, str], tmp_path: Path
) -> None:
    write(tmp_path / "venv/pip.conf", "[global]\nindex-url = https://global.test/\n")
    environ["PIP_CONFIG_FILE"] = "/dev/null"
    assert ask(environ, tmp_path) == PYPI_SIMPLE_ENDPOINT


@pytest.mark.parametrize("text", ["not an ini file", "[global\n", "[global]\nindex-url =\n", "\0"])
def test_default_upstream__a_broken_file_says_nothing(
    environ: dict[str, str], tmp_path: Path, text: str
) -> None:
    write(tmp_path / "venv/pip.conf", text)
    assert ask(environ, tmp_path) == PYPI_SIMPLE_ENDPOINT
