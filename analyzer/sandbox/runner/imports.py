"""Import what a package installed: one process for each top-level module (`module.py`).

    imports.py SITE BUDGET_MS LINGER_MS SUBMODULES_MAX [MODULE…]

Besides the modules that are named, every importable thing at the top of SITE is taken, and of the
folders that its `.pth` files put on the path: names come from who read the archive, and there are
more ways into a site folder than an archive's top. Reports one JSON line for each module, and a
last one with the coverage. Runs as `python3 -I -S`.
"""

# Start-up time counts in here; pathlib alone costs as much as the rest.
# ruff: noqa: PTH110, PTH112, PTH113, PTH118, PTH123, PTH208

from __future__ import annotations

import _imp
import contextlib
import os
import select
import sys
import time

ENV = "/env/"
PYTHON = "/env/bin/python"
REPORT_FD = 3
LOOK_EVERY_S = 0.02
START = """\
import sys
sys.path[0] = '/opt/runner'
for name in [name for name in sys.modules if name.split('.')[0] == 'analyzer']:
    del sys.modules[name]
from analyzer.sandbox.runner.{script} import start
del sys
start()
"""
"""How a script of ours is started in the package's interpreter: no file of ours is its main module,
and no start hook of a package that is called like ours is taken for us."""
MODULES_MAX = 200
"""Top-level modules of one run; nearly all distributions have one. What is left over is said."""
MODULE_MS_MAX = 30_000
"""Milliseconds of one top-level module with its submodules."""
CHUNK = 1 << 20
"""Bytes that are read of a shared object at a time."""
PTH_FOLDERS_MAX = 20
PTH_BYTES_MAX = 64 * 1024
"""Bytes that are read of a `.pth` file; honest ones have a few lines."""
_OURS = f"cpython-{sys.version_info[0]}{sys.version_info[1]}"


def suffixes(site: str) -> tuple[str, ...]:
    """What `import` takes there; `.pyc` outside `__pycache__` needs no source beside it.

    The interpreter is told by the folder's name, for it need not be the one that runs this.
    """
    version = site.removeprefix("/env/lib/python").partition("/")[0].replace(".", "")
    theirs = [name.replace(_OURS, f"cpython-{version}") for name in _imp.extension_suffixes()]
    return (".py", ".pyc", *theirs)


def find_modules(site: str, endings: tuple[str, ...]) -> list[str]:
    """Names at the top of `site` that `import` would find."""
    found = set()
    for name in os.listdir(site):
        stem, _, rest = name.partition(".")
        if not stem.isidentifier() or stem == "__pycache__":
            continue
        path = os.path.join(site, name)
        if (os.path.isdir(path) and not rest and has_modules(path)) or (
            name[len(stem) :] in endings and os.path.isfile(path)
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
    for _, folders, names in os.walk(path):
        folders[:] = [folder for folder in folders if folder != "__pycache__"]
        if any(name.endswith((".py", ".pyc", ".so")) for name in names):
            return True
    return False


def all_modules(site: str, named: list[str]) -> list[str]:
    """The named ones, then what else is to be found here."""
    endings = suffixes(site)
    found = [*named, *find_modules(site, endings)]
    for folder in pth_folders(site):
        found += find_modules(folder, endings)
    return list(dict.fromkeys(found))


def pth_folders(site: str) -> list[str]:
    """Folders of this environment that `.pth` files put on the path, as `site` reads them."""
    found: list[str] = []
    for name in sorted(os.listdir(site)):
        path = os.path.join(site, name)
        if not name.endswith(".pth") or not os.path.isfile(path):
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(PTH_BYTES_MAX).splitlines()
        for line in lines:
            if not line.strip() or line.startswith(("#", "import ", "import\t")) or "\0" in line:
                continue
            folder = os.path.normpath(os.path.join(site, line.rstrip()))
            inside = folder.startswith(ENV) and folder != site
            if inside and folder not in found and os.path.isdir(folder):
                found.append(folder)
    return found[:PTH_FOLDERS_MAX]


def script(name: str, *arguments: object) -> list[str]:
    """The command that runs one of our scripts under the package's interpreter."""
    return [PYTHON, "-c", START.format(script=name), *map(str, arguments)]


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
    code = wait(start(script("module", name, budget_ms, submodules_max)), budget_ms / 1000)
    if code is None:
        return "timeout"
    return "exit" if code == 0 else "failed"


def main(argv: list[str]) -> int:
    """Import all; exit code 0 where every module's process ended by itself, 3 where one had to be killed."""
    site, budget, linger_ms, submodules, *names = argv
    end = time.monotonic() + int(budget) / 1000
    found = all_modules(site, names)
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
