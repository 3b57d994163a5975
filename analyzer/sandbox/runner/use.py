"""P4: use what a package installed. Its modules' callables first (`calls`), then its console scripts.

    main(SITE, BUDGET_MS, LINGER_MS, MODULES, NAME…)    the first MODULES names are modules

Runs as `python3 -I -S`; every package's process is another one. Reports a line for each script and
a last one with the coverage.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from analyzer.sandbox.runner import imports
from analyzer.sandbox.runner.arguments import FILES, PROJECT

ARGUMENTS = "/opt/runner/arguments"
BIN = "/env/bin"
MODULES_SHARE = 0.7
"""Of the time, what modules may take while there are scripts to start."""
CALLS_MAX = 600
"""Calls of all modules together."""
MODULE_CALLS_MAX = 200
SUBMODULES_MAX = 30
"""Modules below a package that are loaded only to be used."""
SCRIPT_S = 2.0
"""Seconds after which a console script is killed, with its process group."""


def plant_files() -> None:
    """The last of the planted texts, each as a file of that name in the project."""
    with open(ARGUMENTS, encoding="ascii") as file:  # noqa: PTH123 - pathlib costs as much as the rest
        planted = file.read().split()
    for text in planted[-FILES:]:
        with (
            contextlib.suppress(
                OSError
            ),  # the package may have left something in the folder's place
            open(f"{PROJECT}/{text}.txt", "x", encoding="ascii") as file,  # noqa: PTH123
        ):
            file.write(f"{text}\n")


def use_modules(found: list[str], end: float) -> tuple[int, int]:
    """Call what these modules offer; (how many were used, how many had to be killed)."""
    calls = max(1, min(MODULE_CALLS_MAX, CALLS_MAX // max(1, len(found))))
    used = killed = 0
    for index, name in enumerate(found):
        for below in (SUBMODULES_MAX, 0):
            left_ms = int((end - time.monotonic()) * 1000)
            if left_ms <= 0:
                return used, killed
            command = imports.script("calls", name, left_ms, calls, below, index, len(found))
            code = imports.wait(imports.start(command), left_ms / 1000)
            if code is None or code == 0:
                break  # else something that was loaded below it ended the process: without, then
        used += 1
        killed += code is None
    return used, killed


def run_script(name: str, arguments: list[str], end: float) -> None:
    """Start a console script with nothing to read, and see how it ends."""
    path = f"{BIN}/{name}"
    actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
    try:
        pid = os.posix_spawn(
            path, [path, *arguments], os.environ, file_actions=actions, setpgroup=0
        )
    except OSError:
        tell(name, arguments, "failed", -1)
        return
    code = imports.wait(pid, min(SCRIPT_S, max(0.0, end - time.monotonic())))
    if code is None:
        with contextlib.suppress(OSError):  # nothing else is in its group
            os.killpg(pid, signal.SIGKILL)
    tell(name, arguments, "timeout" if code is None else "exit", -1 if code is None else code)


def tell(name: str, arguments: list[str], ended: str, code: int) -> None:
    """One line about one start."""
    given = " ".join(arguments)
    imports.report(
        f'{{"kind":"script","name":"{name}","arguments":"{given}","ended":"{ended}","code":{code}}}'
    )


def run_scripts(names: list[str], end: float) -> int:
    """Start each script with `--help` and with nothing; returns how many there was time for."""
    for index, name in enumerate(names):
        for arguments in (["--help"], []):
            if time.monotonic() >= end:
                return index
            run_script(name, arguments, end)
    return len(names)


def main(argv: list[str]) -> int:
    """Use everything within the time. Exit code 0, also where something had to be killed."""
    site, budget, linger_ms, modules, *names = argv
    end = time.monotonic() + int(budget) / 1000
    plant_files()
    named, scripts = names[: int(modules)], names[int(modules) :]
    found = [
        name
        for name in imports.all_modules(site, named)[: imports.MODULES_MAX]
        if not imports.is_library(site, name)
    ]
    present = [name for name in scripts if os.access(f"{BIN}/{name}", os.X_OK)]
    share = MODULES_SHARE if present else 1.0
    used, killed = use_modules(found, time.monotonic() + int(budget) / 1000 * share)
    started = run_scripts(present, end)
    left = imports.linger(min(int(linger_ms) / 1000, max(0.0, end - time.monotonic())))
    if left:
        imports.report(f'{{"kind":"lingering","processes":{left}}}')
    imports.report(
        f'{{"kind":"use","modules_found":{len(found)},"modules_used":{used},"timeouts":{killed},'
        f'"scripts_found":{len(present)},"scripts_started":{started}}}'
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
