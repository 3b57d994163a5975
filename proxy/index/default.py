"""Which upstream a newcomer gets without naming one: the index that pip here is configured for."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

CONFIG_BYTES_MAX = 1024 * 1024
"""Bytes of a pip configuration file that is read."""

_SECTIONS = ("global", "install")
"""pip install takes its own section over `global`, whichever file each stands in."""


def default_upstream(environ: Mapping[str, str] | None = None, *, prefix: str = sys.prefix) -> str:
    """The index URL of pip's own configuration, else the constant that pypi_simple carries.

    Read as pip documents it (Configuration, "Location" and "Precedence within the configuration"):
    PIP_INDEX_URL, then PIP_CONFIG_FILE, the environment's, the user's and the machine's files.
    The URL may hold credentials.
    """
    variables = os.environ if environ is None else environ
    if variables.get("PIP_INDEX_URL", "").strip():
        return variables["PIP_INDEX_URL"].strip()
    found: dict[str, str] = {}
    for path in _files(variables, Path(prefix)):
        found |= _index_urls(path)
    for section in reversed(_SECTIONS):
        if section in found:
            return found[section]
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415 - half a second for one constant

    return PYPI_SIMPLE_ENDPOINT


def _files(variables: Mapping[str, str], prefix: Path) -> Iterator[Path]:
    """Pip's files on Unix, the strongest last."""
    named = variables.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    for folder in variables.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
        if folder:
            yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    home = Path(variables.get("HOME", "/nonexistent"))
    yield home / ".pip" / "pip.conf"
    yield Path(variables.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield prefix / "pip.conf"
    if named:
        yield Path(named)


def _index_urls(path: Path) -> dict[str, str]:
    """Section → index URL; a file that is not there or cannot be read says nothing."""
    parser = configparser.RawConfigParser()
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_string(file.read(CONFIG_BYTES_MAX))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}
    urls = {}
    for section in _SECTIONS:
        for key in ("index-url", "index_url"):
            value = parser.get(section, key, fallback="").strip()
            if value:
                urls[section] = value
    return urls
