"""A thousand runs in a row, well-behaved and hostile, leave nothing behind and cost no more memory."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from analyzer.sandbox.client import RunOutcome
from analyzer.sandbox.protocol import PHASES, VARIATIONS, InputFile
from models.errors import PratiqueError
from tests.analyzer.sandbox.lab import GUARD, Lab, run_dir, sdist, wheel
from tests.proofs.holdings import Holdings, holdings, memory, slope
from tests.proofs.proof import Outcome

RUNS = 1000
STOCK_EVERY = 100
"""Runs between two looks at the slope of the memory; holdings are looked at after each run."""
UID_BASE = 62_100
"""Of this proof alone: whatever runs under it is ours."""
SETTLE_S = 5.0
"""Seconds for the kernel and the daemon's threads to bury a run."""
WARM_RUNS_PER_KIND = 2
HEAP_WARM_RUNS = 300
"""Runs until the daemon's heap has its shape: Python's table of interned names doubles twice before,
half a megabyte at a time (tracemalloc). The slope is reckoned from there on."""
SLOPE_BYTES_MAX = 2048
"""Bytes a run that the memory of a process may then grow by on average: 2 MB in a thousand runs. A
leaked descriptor, thread or report costs more. Measured over 850 runs: below 840 in every hundred of
them, and falling, at 13.8 MiB; nothing for the spawner."""
GROWTH_BYTES_MAX = 4 << 20
"""Bytes by which it may stand above where it was when warm."""

Files = tuple[tuple[InputFile, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One sort of package. `ended`: how its last phase must end; `share`: of twenty runs."""

    make: Callable[[], Files]
    share: int
    ended: str = "exit"


BACKEND = """
import os, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = 'reenact_soak-1.0-py3-none-any.whl'
    folder = 'reenact_soak-1.0.dist-info'
    with zipfile.ZipFile(os.path.join(wheel_directory, name), 'w') as wheel:
        wheel.writestr('reenact_soak.py', 'VALUE = 1')
        wheel.writestr(f'{folder}/METADATA',
                       'Metadata-Version: 2.1\\nName: reenact-soak\\nVersion: 1.0\\n')
        wheel.writestr(f'{folder}/WHEEL',
                       'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        wheel.writestr(f'{folder}/RECORD', '')
    return name
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
CRASH = GUARD + "if HARNESS:\n    os.kill(os.getppid(), 9)\n"
LINGER = """
if HARNESS:
    import socket, time
    for _ in range(5):
        if os.fork() == 0:
            os.setsid()
            kept = socket.socketpair(), open('/tmp/kept', 'w')
            time.sleep(600)
            os._exit(0)
"""
FLOOD = "while HARNESS:\n    os.write(1, b'A' * 65536)\n"
TALK = """
if HARNESS:
    import socket
    for number in range(20):
        with socket.create_connection(('198.51.100.4', 1000 + number), 5) as sock:
            sock.sendall(b'hello')
    socket.gethostbyname('soak.invalid')
"""


def _module(code: str) -> Files:
    return (wheel("reenact_soak", {"reenact_soak.py": GUARD + code}),)


def _with_dependency() -> Files:
    dependency = wheel("reenact_dep", {"reenact_dep.py": "VALUE = 1"}, role="run")
    return (*_module("import reenact_dep"), dependency)


def _source() -> Files:
    return (sdist("reenact_soak", {"pyproject.toml": PYPROJECT, "backend.py": BACKEND}),)


KINDS = {
    "small": Kind(make=lambda: _module("import json"), share=9),
    "dependency": Kind(make=_with_dependency, share=3),
    "talk": Kind(make=lambda: _module(TALK), share=3),
    "crash": Kind(make=lambda: _module(CRASH), share=2, ended="killed"),
    "sdist": Kind(make=_source, share=1),
    "linger": Kind(make=lambda: _module(LINGER), share=1),
    "flood": Kind(make=lambda: _module(FLOOD), share=1, ended="output-flood"),
}


class SoakProof:
    """See the module."""

    name = "soak"
    claim = (
        "After each of a thousand runs in a row - a small wheel, one with a dependency, an sdist, one "
        "that talks, crashes, lingers or floods - no process, mount, namespace, control group, "
        "descriptor, thread or file of the sandbox daemon is left, and its memory grows by less than "
        f"{SLOPE_BYTES_MAX} bytes a run once its heap is warm."
    )

    least_percent = 100
    sample = 5
    parallel = 1

    def items(self, seed: int) -> Sequence[str]:
        twenty = [name for name, kind in KINDS.items() for _ in range(kind.share)]
        rng = random.Random(seed)  # noqa: S311 - an order, not a secret
        mixed = [
            name for _ in range(RUNS // len(twenty)) for name in rng.sample(twenty, len(twenty))
        ]
        return [f"{number:04} {name}" for number, name in enumerate(mixed, start=1)]

    @contextmanager
    def set_up(self) -> Iterator[SoakExperiment]:
        folder = run_dir()
        lab = Lab(folder, uid_base=UID_BASE, boxes=1)
        try:
            yield SoakExperiment(lab)
        finally:
            code, said = lab.stop()
            shutil.rmtree(folder)
        assert (code, said) == (0, "")


class SoakExperiment:
    """One daemon; what it holds once every kind of package has been through is what it may hold."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        for kind in KINDS.values():
            for _ in range(WARM_RUNS_PER_KIND):
                asyncio.run(self._run(kind))
        self._before = self._settled()
        self._first = memory(lab)
        self._daemon: list[int] = []
        self._spawner: list[int] = []

    def attempt(self, item: str) -> Outcome:
        kind = KINDS[item.split()[1]]
        begun = time.monotonic()
        try:
            outcome = asyncio.run(self._run(kind))
        except PratiqueError as error:
            return Outcome(item=item, holds=False, detail=f"the run failed: {error}")
        wall = time.monotonic() - begun
        problems = [self._settled(self._before).beyond(self._before), self._memory()]
        ended = next(phase.ended for phase in outcome.result.phases if phase.phase == "P3")
        if ended != kind.ended:
            problems.append(f"it ended by {ended}, not {kind.ended}")
        detail = "; ".join(problem for problem in problems if problem)
        measures = {
            "run_s": wall,
            "daemon_own_mib": self._daemon[-1] / (1 << 20),
            "spawner_own_mib": self._spawner[-1] / (1 << 20),
            **self._slopes(),
        }
        return Outcome(item=item, holds=not detail, detail=detail, measures=measures)

    async def _run(self, kind: Kind) -> RunOutcome:
        return await self._lab.run(
            *kind.make(), phases=PHASES, variations=VARIATIONS, budget_ms=60_000
        )

    def _settled(self, wanted: Holdings | None = None) -> Holdings:
        """What is held as soon as it is what is wanted, or stays the same, or time is over."""
        end = time.monotonic() + SETTLE_S
        last = holdings(self._lab, UID_BASE)
        while time.monotonic() < end and last != wanted:
            time.sleep(0.02 if wanted else 0.5)
            now = holdings(self._lab, UID_BASE)
            if wanted is None and now == last:
                break
            last = now
        return last

    def _memory(self) -> str:
        """Take a sample; in words what has grown too much."""
        now = memory(self._lab)
        self._daemon.append(now.daemon)
        self._spawner.append(now.spawner)
        grown = [
            name
            for name, before, after in (
                ("daemon", self._first.daemon, now.daemon),
                ("spawner", self._first.spawner, now.spawner),
            )
            if after - before > GROWTH_BYTES_MAX
        ]
        steep = [name for name, value in self._slopes().items() if value > SLOPE_BYTES_MAX]
        return ", ".join(f"{name} grows" for name in (*grown, *steep))

    def _slopes(self) -> dict[str, float]:
        """Bytes a run since the heap was warm, at each hundredth run."""
        if len(self._daemon) % STOCK_EVERY or len(self._daemon) <= HEAP_WARM_RUNS:
            return {}
        return {
            "daemon_slope_bytes_per_run": slope(self._daemon[HEAP_WARM_RUNS:]),
            "spawner_slope_bytes_per_run": slope(self._spawner[HEAP_WARM_RUNS:]),
        }
