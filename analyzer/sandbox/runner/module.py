"""Import one top-level module as a program would, then its submodules in forks of this process.

    module.py NAME BUDGET_MS SUBMODULES_MAX

Uses as little of the standard library as it can, so that what the package imports is still to be
seen. A fork imports submodules one after the other; where one ends it or hangs, the next fork goes
on behind that one. Whatever an import raises is caught: a package that fails on purpose is data.
"""

import contextlib
import os
import sys
import time

REPORT_FD = 3
SUBMODULE_S_MAX = 5.0
"""Seconds without a new line after which a fork counts as hanging."""
FORKS_MAX = 20
_LAST = ("test", "tests", "testing", "conftest", "benchmarks", "examples")


def report(name: str, ok: bool, error: str = "") -> None:
    """One JSON line; both texts are cut down to what a name may hold."""
    texts = ["".join(c for c in text[:200] if c.isalnum() or c in "._-") for text in (name, error)]
    ends = f',"error":"{texts[1]}"' if error else ""
    line = f'{{"kind":"module","name":"{texts[0]}","ok":{str(ok).lower()}{ends}}}\n'
    with contextlib.suppress(OSError):
        os.write(REPORT_FD, line.encode())


def attempt(name: str) -> bool:
    """Import `name`; report how it went."""
    try:
        __import__(name)
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are behaviour too
        report(name, False, type(error).__name__)
        return False
    report(name, True)
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
    found.sort(key=lambda name: any(part in _LAST for part in name.split(".")))
    return found


def flush() -> None:
    """Write out what was printed: once, not in every fork."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - the package may have put anything in their place
        return


def fork_imports(names: list[str], end: float) -> int:
    """Import `names` in one fork; returns how many were begun (the last may have ended it)."""
    import select  # noqa: PLC0415 - only packages with submodules pay for it

    flush()
    mine, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(mine)
        for name in names:
            os.write(theirs, b".")
            attempt(name)
            flush()
        os._exit(0)
    os.close(theirs)
    begun = 0
    while True:
        wait_s = min(SUBMODULE_S_MAX, end - time.monotonic())
        ready = select.select([mine], [], [], max(0.0, wait_s))[0]
        ticks = os.read(mine, 4096) if ready else b""
        if not ticks:
            break
        begun += len(ticks)
    os.close(mine)
    if not ready:
        report(names[max(0, begun - 1)], False, "timeout")
        os.kill(pid, 9)
    status = os.waitpid(pid, 0)[1]
    if ready and status:
        report(names[max(0, begun - 1)], False, "ended-process")
    return begun if (status or not ready) else len(names)


def main(name: str, budget_ms: int, limit: int) -> None:
    """Import the module, then what is below it."""
    end = time.monotonic() + budget_ms / 1000 * 0.9
    if not attempt(name) or limit <= 0:
        return
    names = submodules(name, limit)
    todo = [n for n in names if n not in sys.modules][:limit]
    for _ in range(FORKS_MAX):
        if not todo or time.monotonic() >= end:
            break
        todo = todo[max(1, fork_imports(todo, end)) :]
    total, left = len(names), len(todo)
    try:
        line = f'{{"kind":"submodules","of":"{name}","found":{total},"left":{left}}}\n'
        os.write(REPORT_FD, line.encode())
    except OSError:
        pass


if __name__ == "__main__":
    globals().pop("__file__", None)  # as at a prompt, where `sys.argv` is [""] too
    arguments = sys.argv[1:]
    sys.argv[:] = [""]
    main(arguments[0], int(arguments[1]), int(arguments[2]))
