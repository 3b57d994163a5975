"""Ask an sdist's own build back end what it needs beside what is stated, as an isolating pip does.

    hooks.py SDIST

Our pip is told not to isolate, since what it would install lies beside it already; it then leaves
out the hook `get_requires_for_build_wheel` (PEP 517), in which a back end can act. It runs after the
build, so that nothing of pip is taken for the package's.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import sys
import tempfile
from typing import Any

PIP = "/opt/pip"


def build_system(source: str) -> dict[str, Any]:
    """The table `build-system` of the tree at `source`."""
    with contextlib.suppress(ImportError):  # Python 3.11 and later have it
        return _table(source, importlib.import_module("tomllib"))
    return _table(source, importlib.import_module("pip._vendor.tomli"))


def _table(source: str, toml: Any) -> dict[str, Any]:
    with open(f"{source}/pyproject.toml", "rb") as file:  # noqa: PTH123
        table: dict[str, Any] = toml.load(file)["build-system"]
        return table


def main(sdist: str) -> None:
    """Unpack and ask; whatever goes wrong is the package's affair, and shows in the output."""
    sys.path.insert(0, PIP)
    from pip._vendor.pyproject_hooks import BuildBackendHookCaller  # noqa: PLC0415 - from there

    # The one folder that our files lie in, so that none of them is taken for the package's.
    folder = tempfile.tempdir = tempfile.mkdtemp(prefix="pip-hooks-", dir="/tmp")
    shutil.unpack_archive(sdist, f"{folder}/source")
    (top,) = os.listdir(f"{folder}/source")  # noqa: PTH208
    source = f"{folder}/source/{top}"
    table = build_system(source)
    caller = BuildBackendHookCaller(
        source,
        table.get("build-backend", "setuptools.build_meta:__legacy__"),
        table.get("backend-path"),
    )
    print(caller.get_requires_for_build_wheel())


if __name__ == "__main__":
    main(sys.argv[1])
