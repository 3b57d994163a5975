"""The clients themselves: each version in an environment of its own, built once per machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
VERSIONS = HERE / "versions.txt"
LOCKS = HERE / "locks"
BUILD_S = 600
"""Seconds in which a client must be installed; Poetry takes 25."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One client in one version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def slug(self) -> str:
        """As a part of a project's name: `pip-23-2-1`."""
        return f"{self.name}-{self.version}".replace(".", "-")

    @property
    def lock(self) -> Path:
        """Everything that is installed for it, with hashes."""
        return LOCKS / f"{self.name}-{self.version}.txt"

    @property
    def environment(self) -> Path:
        """Its folder, known by what is installed there and by the Python that runs it."""
        whole = self.lock.read_bytes() + sys.version.encode() + sys.base_prefix.encode()
        return cache_folder() / f"{self.slug}-{hashlib.sha256(whole).hexdigest()[:12]}"

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    @property
    def program(self) -> Path:
        return self.environment / "bin" / self.name


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/pratique/clients`, else below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return (Path(base) / "pratique" / "clients").expanduser()


def pinned() -> tuple[Tool, ...]:
    """All of versions.txt, in its order; of each client the newest stands first."""
    return tuple(_tool(line) for line in VERSIONS.read_text().splitlines())


def built(tool: Tool) -> Tool:
    """Install it where that was not done yet; two test runs at once do it once."""
    done = tool.environment / "complete"
    with _alone(tool):
        if not done.exists():
            shutil.rmtree(tool.environment, ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(tool.environment))
            _run(
                str(tool.python), "-m", "pip", "install", "--quiet", "--require-hashes",
                "--no-deps", "--only-binary", ":all:", "--requirement", str(tool.lock),
            )  # fmt: skip
            done.touch()
    return tool


def write_locks() -> None:
    """Resolve versions.txt anew, one file for each client.

    What stands behind a client in its line holds back something it needs: PDM 2.29.4 does not work with
    the newest hishel, which its own metadata allows.
    """
    for line in VERSIONS.read_text().splitlines():
        subprocess.run(
            [Path(sys.executable).parent / "uv", "pip", "compile", "--quiet", "--no-header",
             "--no-annotate", "--python-version", "3.11", "--universal", "--generate-hashes",
             "-", "--output-file", _tool(line).lock],
            input="\n".join(line.split()), text=True, check=True,
        )  # fmt: skip


def _tool(line: str) -> Tool:
    name, _, version = line.split(maxsplit=1)[0].partition("==")
    return Tool(name, version)


@contextmanager
def _alone(tool: Tool) -> Iterator[None]:
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f"{tool.slug}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=BUILD_S)
    assert done.returncode == 0, done.stdout + done.stderr
