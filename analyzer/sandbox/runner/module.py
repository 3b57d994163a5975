"""Import one top-level module as a program would, then its submodules in forks of this process.

    module.py NAME BUDGET_MS SUBMODULES_MAX

Uses as little of the standard library as it can, so that what the package imports is still to be
seen. A fork imports submodules one after the other; where one ends it or hangs, the next fork goes
on behind that one. Whatever an import raises is caught: a package that fails on purpose is data.
"""

from __future__ import annotations

import os
import sys
import time

from analyzer.sandbox.runner.forks import (
    DONE,
    RAISED,
    TIMED_OUT,
    await_threads,
    flush,
    hide,
    in_forks,
    plain,
    report,
)
from analyzer.sandbox.runner.patches import patched

SUBMODULE_S_MAX = 5.0
"""Seconds without a new line after which a fork counts as hanging."""
THREADS_S = 0.5
"""Seconds that threads get which imports left behind; P5 waits longer."""
LAST = ("test", "tests", "testing", "conftest", "benchmarks", "examples")


def tell(
    name: str, ok: bool, error: str = "", *, kind: str = "module", missing: object = ""
) -> None:
    """One line about an import; `missing` is what an import error names, if that is text."""
    ends = f',"error":"{plain(error)}"' if error else ""
    if kind == "module" and type(missing) is str and missing:
        ends += f',"missing":"{plain(missing)}"'
    report(f'{{"kind":"{kind}","name":"{plain(name)}","ok":{str(ok).lower()}{ends}}}')


def attempt(name: str, *, kind: str = "module") -> bool:
    """Import `name`; report how it went."""
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        tell(name, False, type(error).__name__, kind=kind, missing=error.name)
        return False
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are behaviour too
        tell(name, False, type(error).__name__, kind=kind)
        return False
    tell(name, True, kind=kind)
    return True


def submodules(package: str, limit: int) -> list[str]:
    """Dotted names below an imported package, by its files; tests last, `__main__` never."""
    found = []
    for root in list(getattr(sys.modules[package], "__path__", []))[:4]:
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(n for n in folders if n.isidentifier() and n != "__pycache__")
            inner = folder[len(root) :].strip("/").replace("/", ".")
            base = f"{package}.{inner}" if inner else package
            for name in sorted(names):
                stem = name.split(".")[0]
                if (
                    not name.endswith((".py", ".pyc", ".so"))
                    or stem == "__main__"
                    or not stem.isidentifier()
                ):
                    continue
                if stem == "__init__" and not inner:
                    continue
                found.append(base if stem == "__init__" else f"{base}.{stem}")
            if len(found) > 50 * limit:
                break
    found = list(dict.fromkeys(found))
    found.sort(key=lambda name: any(part in LAST for part in name.split(".")))
    return found


def main(name: str, budget_ms: int, limit: int) -> None:
    """Import the module, then what is below it."""
    end = time.monotonic() + budget_ms / 1000 * 0.9
    if not attempt(name) or limit <= 0:
        return
    for place in patched(name):
        report(f'{{"kind":"patched","name":"{plain(place)}"}}')
    names = submodules(name, limit)
    todo = [n for n in names if n not in sys.modules][:limit]
    tried = in_forks(
        todo,
        lambda module: DONE if attempt(module) else RAISED,
        silent_s=SUBMODULE_S_MAX,
        end=end,
        lost=lambda module, how: tell(
            module, False, "timeout" if how == TIMED_OUT else "ended-process"
        ),
        at_end=lambda: await_threads(THREADS_S),
    )
    left = len(todo) - len(tried)
    report(f'{{"kind":"submodules","of":"{name}","found":{len(names)},"left":{left}}}')


def start() -> None:
    """What the importer starts."""
    name, budget_ms, limit = sys.argv[1:]
    hide()
    main(name, int(budget_ms), int(limit))
    flush()
    await_threads(THREADS_S)
