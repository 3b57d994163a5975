"""P5: start and import once more, somewhere and some time else, and wait for what is left running.

    main(SITE, BUDGET_MS, WAIT_MS, SPEED, VARIABLES, NAME…)

Runs as `python3 -I -S`, and by the real clock: VARIABLES (`NAME=value`, joined by newlines) go to
the package's processes only. SPEED is how fast their clock runs. Reports `again` for each module,
and a last line with the coverage.
"""

from __future__ import annotations

import os
import select
import sys
import time

from analyzer.sandbox.runner import imports

MODULES_MAX = 50
"""Top-level modules that are imported again."""


def variables(text: str) -> dict[str, str]:
    """The environment of the package's processes."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {**os.environ, **{name: value for name, _, value in pairs if name}}


def run(command: list[str], env: dict[str, str], end: float, wait_s: float) -> str:
    """Run one process; `exit`, `failed`, `timeout`, `waited` (its threads got their time)."""
    mine, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    pid = os.posix_spawn(command[0], [*command, str(theirs)], env)
    os.close(theirs)
    pidfd = os.pidfd_open(pid)
    waiting = False
    try:
        while True:
            wanted = [pidfd] if waiting else [pidfd, mine]
            ready = select.select(wanted, [], [], max(0.0, end - time.monotonic()))[0]
            if not waiting and mine in ready and os.read(mine, 1):
                waiting, end = True, min(end, time.monotonic() + wait_s)
                continue
            if ready and pidfd not in ready:  # it closed its end, and runs on
                waiting = True
                continue
            if not ready:
                os.kill(pid, 9)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            break
    finally:
        os.close(pidfd)
        os.close(mine)
    if not ready:
        return "waited" if waiting else "timeout"
    return "exit" if code == 0 else "failed"


def main(argv: list[str]) -> int:
    """Import all again; exit code 0, also where a process had to be killed."""
    site, budget, wait_ms, speed, given, *names = argv
    env = variables(given)
    end = time.monotonic() + int(budget) / 1000
    wait_s = int(wait_ms) / 1000
    found = imports.all_modules(site, names)[:MODULES_MAX]
    ended = []
    for name in found or [""]:  # a package of start hooks alone is started all the same
        if time.monotonic() >= end:
            break
        how = run(imports.script("again", name, speed), env, end, wait_s)
        ended.append(how)
        if how in ("failed", "timeout"):
            imports.report(f'{{"kind":"again","name":"{name}","ok":false,"error":"{how}"}}')
    left = imports.linger(min(wait_s, max(0.0, end - time.monotonic())))
    if left:
        imports.report(f'{{"kind":"lingering","processes":{left}}}')
    imports.report(
        f'{{"kind":"wait","modules_found":{len(found)},"modules_run":{len(ended)},'
        f'"waited":{ended.count("waited")},"timeouts":{ended.count("timeout")}}}'
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
