"""Which CPython interpreters boxes may run: found on this machine or named, asked, and checked.

Those below /usr are in every box. Any other is mounted with its prefix, read-only and at the same
path, and only where both are root's own: whoever can change an interpreter decides what is seen of
a package.
"""

from __future__ import annotations

import json
import os
import platform
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.sandbox import layout, ownership

PATTERNS = (
    "/usr/bin/python3.*",
    "/usr/local/bin/python3.*",
    "/opt/python/*/bin/python3.*",
)
"""Where interpreters are looked for if none is named, after the usual one."""
OLDEST = (3, 9)
"""The oldest version that the runner's scripts are written for."""
INTERPRETERS_MAX = 16
ANSWER_S = 10.0
"""Seconds for an interpreter to say what it is; it takes 0.03."""
PREFIX_FILES_MAX = 100_000
"""Files below a prefix that are checked for their owner; CPython has some 8,000."""
_NOBODY = 65534
_TAKEN = (
    *(layout.ENV, layout.DEPS, layout.BUILD, layout.TOOLS, layout.BUILT, layout.IN, layout.APP),
    *(layout.RUNNER, layout.PIP, "/home", "/tmp", "/proc", "/dev", "/run", "/etc", "/sys"),
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64"),
)
"""Places in a box that are something else there."""
_QUESTION = (
    "import json, os, sys; print(json.dumps([sys.implementation.name, "
    "sys.version.split()[0], os.path.realpath(sys.base_prefix)]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One interpreter. `prefix`: the folder that a box needs of it; empty where /usr has it all."""

    executable: str
    version: str
    prefix: str = ""

    @property
    def numbers(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def name(self) -> str:
        """Such as `python3.11`."""
        return "python{}.{}".format(*self.numbers)

    @property
    def site(self) -> str:
        """The folder in a box that holds the artifact."""
        return layout.site_dir(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The interpreters that boxes can run, the usual one first, and why others cannot be run."""

    interpreters: tuple[Interpreter, ...]
    refused: tuple[str, ...] = ()


class Refused(Exception):
    """An interpreter that boxes must not, or cannot, run."""


def usual() -> Interpreter:
    """The daemon's own, which every box has."""
    return Interpreter(executable=layout.PYTHON, version=platform.python_version())


def find(named: Sequence[Path] = ()) -> Found:
    """Look at the interpreters that are `named`, or at all that are in the usual places.

    Starts each of them once, as nobody.
    """
    first = usual()
    found = {os.path.realpath(first.executable): first}
    refused = []
    for path in named or _candidates():
        real = os.path.realpath(path)
        if real in found:
            continue
        try:
            if len(found) >= INTERPRETERS_MAX:
                raise Refused(f"boxes know no more than {INTERPRETERS_MAX} interpreters")
            found[real] = describe(real)
        except Refused as error:
            refused.append(f"{path}: {error}")
    return Found(interpreters=tuple(found.values()), refused=tuple(refused))


def _candidates() -> Iterator[Path]:
    for pattern in PATTERNS:
        for path in sorted(Path("/").glob(pattern.lstrip("/"))):
            if path.name.removeprefix("python3.").isdigit() and os.access(path, os.X_OK):
                yield path


def describe(executable: str) -> Interpreter:
    """The interpreter at a path without links. Raises Refused with the reason."""
    require_owned([Path(executable), *Path(executable).parents])
    implementation, version, prefix = _answer(executable)
    numbers = version.split(".")[:2]
    well_formed = len(numbers) == 2 and all(part.isdigit() for part in numbers)
    if implementation != "cpython" or not well_formed or tuple(map(int, numbers)) < OLDEST:
        raise Refused(f"it is no CPython {OLDEST[0]}.{OLDEST[1]} or newer")
    if _within(executable, "/usr") and _within(prefix, "/usr"):
        return Interpreter(executable=executable, version=version)
    if not _within(executable, prefix):
        raise Refused(f"it does not lie in its own prefix {prefix}")
    check_prefix(prefix)
    return Interpreter(executable=executable, version=version, prefix=prefix)


def check_prefix(prefix: str) -> None:
    """Raise Refused unless a box can mount this folder, and only root can write to it."""
    if prefix.count("/") < 2 or any(_within(prefix, place) for place in _TAKEN):
        raise Refused(f"its prefix {prefix} is a place that boxes use themselves")
    require_owned(Path(prefix).parents)
    for number, path in enumerate(_tree(Path(prefix))):
        if number >= PREFIX_FILES_MAX:
            raise Refused(f"its prefix {prefix} holds more than {PREFIX_FILES_MAX} files")
        _require_owned_within(path, prefix)
    if not all(
        parent.stat().st_mode & stat.S_IXOTH for parent in (Path(prefix), *Path(prefix).parents)
    ):
        raise Refused(f"ordinary users cannot reach its prefix {prefix}")


def require_owned(paths: Iterable[Path]) -> None:
    """Raise Refused where somebody but root can write to one of these."""
    for path in paths:
        problem = ownership.writable_by_others(path)
        if problem:
            raise Refused(f"{path} {problem}")


def _require_owned_within(path: Path, prefix: str) -> None:
    """The same for one path of a prefix, which has links: they may point into it, or to /usr."""
    status = path.lstat()
    if not stat.S_ISLNK(status.st_mode):
        require_owned([path])
    elif status.st_uid != 0:
        raise Refused(f"{path} belongs to uid {status.st_uid}")
    elif not any(_within(os.path.realpath(path), place) for place in (prefix, "/usr")):
        raise Refused(f"{path} is a link to somewhere else")


def _tree(top: Path) -> Iterator[Path]:
    yield top
    yield from top.rglob("*")


def _answer(executable: str) -> tuple[str, str, str]:
    as_root = os.geteuid() == 0
    try:
        said = subprocess.run(
            [executable, "-I", "-S", "-c", _QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_S,
            check=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            user=_NOBODY if as_root else None,
            group=_NOBODY if as_root else None,
            extra_groups=[] if as_root else None,
        ).stdout
        implementation, version, prefix = json.loads(said)
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        raise Refused("an ordinary user who starts it gets no answer") from error
    return str(implementation), str(version), str(prefix)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")
