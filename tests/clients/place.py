"""Where a client runs: a folder of its own with an empty environment, and nothing of this machine's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.firewall import scratch_folder

RUN_S = 120.0
"""Seconds of one command; the longest waits for a verdict, and then tries again."""
PREFIX = "reenact_"


@dataclass(frozen=True, slots=True)
class Said:
    """How a client ended, and all that it wrote."""

    exit: int
    words: str

    def __add__(self, other: Said) -> Said:
        """Both, one after the other."""
        return Said(other.exit, self.words + other.words)

    def has(self, phrase: str) -> bool:
        """Whether a phrase is among its words, wherever it broke its lines."""
        return squeezed(phrase) in squeezed(self.words)


def squeezed(text: str) -> str:
    """The letters alone: clients wrap lines, indent them and draw bars beside them."""
    return re.sub(r"[\W_]+", "", text)


@dataclass
class Place:
    """A project folder that is also the home folder; `variables` are added to its environment."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> Path:
        """What is installed into."""
        return self.folder / ".venv"

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        """A file in the folder."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def run(self, *argv: str | Path, variables: Mapping[str, str] | None = None) -> Said:
        """A command in the folder; what it writes to both streams, as a terminal has it."""
        done = subprocess.run(
            [str(one) for one in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=RUN_S,
            cwd=self.folder,
            env=self._environment() | dict(variables or {}) | self.variables,
        )
        return Said(done.returncode, done.stdout)

    def installed(self) -> dict[str, str]:
        """Project → version of all that a client put anywhere in the folder."""
        found = {}
        for info in self.folder.rglob(f"site-packages/{PREFIX}*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            found[name.replace("_", "-")] = version
        return dict(sorted(found.items()))

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }


@contextmanager
def place() -> Iterator[Place]:
    """A fresh one."""
    folder = scratch_folder()
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True
        )
        yield Place(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
