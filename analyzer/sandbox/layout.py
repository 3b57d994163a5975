"""Where things are inside a box. One place, so that the trace's reader can tell whose a path is."""

from __future__ import annotations

import sys

PYTHON_NAME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
"""The daemon runs under the interpreter that boxes get (`/usr/bin/python3`)."""

PYTHON = "/usr/bin/python3"
ENV = "/env"
ENV_PYTHON = "/env/bin/python"


def site_dir(python_name: str = PYTHON_NAME) -> str:
    """The folder in a box that holds the artifact, and nothing but the artifact."""
    return f"{ENV}/lib/{python_name}/site-packages"


SITE = site_dir()
DEPS = "/deps"
"""Prefix of the run-time dependencies, read-only once the phases begin."""
DEPS_SITE = "/deps/site-packages"
BUILD = "/build"
"""Prefix of the build requirements; there only in P1 of an sdist."""
BUILD_SITE = "/build/site-packages"
TOOLS = "/tools"
"""While requirements are prepared: one folder for each sdist among them, with what builds it."""
BUILT = "/built"
"""There too: where an sdist's wheel is put, and taken from."""
IN = "/in"
"""Inputs, read-only: `/in/<artifact>`, `/in/run/…`, `/in/build/…`, `/in/tool/…`."""
RUNNER = "/opt/runner"
SCRIPTS = f"{RUNNER}/analyzer/sandbox/runner"
"""Our scripts, under their own package's name, so that they can share code."""
ARGUMENTS = f"{RUNNER}/arguments"
"""Canary arguments, one a line; filled in P4 only."""
PIP = "/opt/pip"
APP = "/app"
"""Reader boxes only: our packages and the site-packages of the environment."""
USER = "dev"
HOME = "/home/dev"
WORK = "/home/dev/project"
HARNESS_FILE = "/run/pratique-harness"
HARNESS_VARIABLE = "PRATIQUE_HARNESS"
BOX_UID = 1000
"""The uid that a process in a box sees as its own where user namespaces are to be had."""
REPORT_FD = 3
ARGS_FD = 4
SECCOMP_FD = 5
DATA_FD = 6
"""Descriptors of a box: its report, and bwrap's own arguments, filter, files."""
