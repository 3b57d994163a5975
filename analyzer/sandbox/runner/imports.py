"""Import what a package installed: one process for each top-level module (`module.py`).

    imports.py SITE BUDGET_MS LINGER_MS SUBMODULES_MAX [MODULE…]

Without names, every importable thing at the top of SITE is taken. Reports one JSON line for each
module, and a last one with the coverage. Runs as `python3 -I -S`.
"""

# Start-up time counts in here; pathlib alone costs as much as the rest.
# ruff: noqa: PTH110, PTH112, PTH113, PTH118, PTH123, PTH208

from __future__ import annotations

import contextlib
import os
import select
import sys
import time

PYTHON = "/env/bin/python"
REPORT_FD = 3
LOOK_EVERY_S = 0.02
MODULE = "/opt/runner/module.py"
MODULES_MAX = 200
"""Top-level modules of one run; nearly all distributions have one. What is left over is said."""
MODULE_MS_MAX = 30_000
"""Milliseconds of one top-level module with its submodules."""
CHUNK = 1 << 20
"""Bytes that are read of a shared object at a time."""
_SKIPPED = ("__pycache__", "bin", "include", "share")


def find_modules(site: str) -> list[str]:
    """Names at the top of `site` that `import` would find."""
    found = set()
    for name in os.listdir(site):
        stem, _, rest = name.partition(".")
        if not stem.isidentifier() or stem in _SKIPPED:
            continue
        path = os.path.join(site, name)
        if (os.path.isdir(path) and not rest and has_modules(path)) or (
            name.endswith((".py", ".so")) and os.path.isfile(path)
        ):
            found.add(stem)
    return sorted(found)


def is_library(site: str, name: str) -> bool:
    """Whether `name` is nothing but shared objects without an init function: no module at all.

    They are loaded all the same, since loading runs their constructors.
    """
    if os.path.exists(os.path.join(site, name)) or os.path.exists(os.path.join(site, f"{name}.py")):
        return False
    paths = [
        os.path.join(site, entry)
        for entry in os.listdir(site)
        if entry.endswith(".so") and entry.partition(".")[0] == name
    ]
    wanted = f"PyInit_{name}".encode()
    try:
        return bool(paths) and not any(contains(path, wanted) for path in paths)
    except OSError:
        return False


def contains(path: str, wanted: bytes) -> bool:
    """Whether a file holds these bytes; of what is no file, nobody can say (OSError)."""
    if not os.path.isfile(path):
        raise OSError(path)
    rest = b""
    with open(path, "rb") as file:
        while data := file.read(CHUNK):
            if wanted in rest + data:
                return True
            rest = data[-len(wanted) :]
    return False


def has_modules(path: str) -> bool:
    """Whether a folder holds anything to import, at any depth."""
    return any(name.endswith((".py", ".so")) for _, _, names in os.walk(path) for name in names)


def start(command: list[str]) -> int:
    """Start a program; returns its pid."""
    return os.posix_spawn(command[0], command, os.environ)


def wait(pid: int, timeout_s: float) -> int | None:
    """The exit code (negative: the signal) of our child; None where it had to be killed."""
    pidfd = os.pidfd_open(pid)
    try:
        ready, _, _ = select.select([pidfd], [], [], max(0.0, timeout_s))
        if not ready:
            os.kill(pid, 9)
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(pidfd)
    return os.waitstatus_to_exitcode(status) if ready else None


def linger(timeout_s: float) -> int:
    """Wait until nothing else runs in this box; returns how many still do when time is up."""
    end = time.monotonic() + timeout_s
    left = others()
    while left and time.monotonic() < end:
        time.sleep(LOOK_EVERY_S)
        left = others()
    return left


def others() -> int:
    """Processes of this box besides its first and ourselves."""
    ours = ("1", str(os.getpid()))
    return sum(name.isdigit() and name not in ours for name in os.listdir("/proc"))


def report(line: str) -> None:
    """One line for whoever started the box."""
    with contextlib.suppress(OSError):
        os.write(REPORT_FD, line.encode() + b"\n")


def import_one(name: str, budget_ms: int, submodules_max: int) -> str:
    """Run one module's process to its end; returns `exit`, `failed`, `timeout`."""
    command = [PYTHON, "-P", MODULE, name, str(budget_ms), str(submodules_max)]
    code = wait(start(command), budget_ms / 1000)
    if code is None:
        return "timeout"
    return "exit" if code == 0 else "failed"


def main(argv: list[str]) -> int:
    """Import all; exit code 0 where every module's process ended by itself, 3 where one had to be killed."""
    site, budget, linger_ms, submodules, *names = argv
    end = time.monotonic() + int(budget) / 1000
    found = names or find_modules(site)
    libraries = [name for name in found if is_library(site, name)]
    ended = []
    for name in found[:MODULES_MAX]:
        left_ms = int((end - time.monotonic()) * 1000)
        if left_ms <= 0:
            break
        how = import_one(name, min(left_ms, MODULE_MS_MAX), int(submodules))
        ended.append(how)
        if how != "exit":
            report(f'{{"kind":"module","name":"{name}","ok":false,"error":"{how}"}}')
        elif name in libraries:
            report(f'{{"kind":"module","name":"{name}","ok":false,"error":"library"}}')
    left = linger(min(int(linger_ms) / 1000, max(0.0, end - time.monotonic())))
    if left:
        report(f'{{"kind":"lingering","processes":{left}}}')
    report(
        f'{{"kind":"coverage","modules_found":{len(found) - len(libraries)},"modules_run":{len(ended)},'
        f'"modules_left":{len(found) - len(ended)},"timeouts":{ended.count("timeout")}}}'
    )
    return 3 if "timeout" in ended else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
