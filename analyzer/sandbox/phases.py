"""kind `run`: P1 to P5 of one artifact, one box each, all on one stage.

P1 unpacks a wheel, or lets pip build and install an sdist; P2 starts a bare interpreter, so that
`.pth` files and `sitecustomize` run; P3 imports; P4 calls what is offered, with planted arguments;
P5 starts and imports again, somewhere and some time else, and waits for what is left running.
Dependencies are there before that (`preparing`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from analyzer.sandbox import layout
from analyzer.sandbox.boxes import Box, Mount, Way
from analyzer.sandbox.protocol import PhaseResult
from analyzer.sandbox.stage import Stage, phase_result
from analyzer.sandbox.supervise import BoxFailed
from analyzer.sandbox.tracing import Watch
from analyzer.sandbox.variations import varied

LINGER_MS = 5_000
"""Milliseconds a phase waits for processes that a package left behind."""
USE_LINGER_MS = 1_500
"""The same for P4, in which much is started and what matters was called a while ago."""
START_MS_MAX = 20_000
"""Milliseconds of P2, so that a start hook which sleeps leaves time for the phase whose clock runs fast."""
USE_MS_MAX = 10_000
"""Milliseconds of all use."""
WAIT_MS_MAX = 12_000
"""Milliseconds of P5; its clock runs fast, so this is twelve minutes of a sleep."""
WAIT_MS = 3_000
"""Milliseconds that P5 gives to what an import left running."""
SUBMODULES_MAX = 150
"""Submodules imported below each top-level module."""
MARGIN_MS = 500
"""Milliseconds that the importer leaves before the run's deadline, to say how far it came."""
IMPORTS_TIMED_OUT = 3
"""Exit code of `runner/imports.py` where it had to kill a module's process."""
LATER_SHARE = 3
"""Of what is left when P3 or P4 begins, one part in so many is for later phases: an import may hang."""
_LIMITS_MS = {"P4": USE_MS_MAX, "P5": WAIT_MS_MAX}
_NUMBERS = {"P1": 1, "P2": 2, "P3": 3, "P4": 4, "P5": 5}
PIP_OLDEST = (3, 10)
"""The oldest Python that today's pip runs under."""
_PIP = (
    *("install", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile"),
    *("--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off"),
    *("--no-warn-script-location", "--root-user-action=ignore"),
)
CLEAN = (layout.PYTHON, "-I", "-S")
"""Our own scripts run without site-packages, so that no hook of a package runs in them."""
_SESSION = ("/bin/sh", f"{layout.SCRIPTS}/session.sh", str(LINGER_MS // 100))
_OURS = (
    f"import sys; sys.path.insert(0, {layout.RUNNER!r}); "
    "from analyzer.sandbox.runner.{script} import main; sys.exit(main(sys.argv[1:]))"
)
"""How a script of ours that shares code with others is started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One phase: what is run, and by which exec the tracer should be armed."""

    command: tuple[str, ...]
    arm_at_exec: int
    build: bool = False
    network: bool = True
    limit_ms: int | None = None
    """Milliseconds after which the box is ended; None: with the run."""
    variables: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    """What else is said of this phase."""


def install_step(stage: Stage) -> Step:
    """P1."""
    artifact = f"{layout.IN}/{stage.request.artifact}"
    if stage.request.archive == "wheel":
        unpack = (*CLEAN, f"{layout.SCRIPTS}/unpack.py", layout.ENV, stage.python.site, artifact)
        return Step(command=unpack, arm_at_exec=2, network=False)
    pip = (layout.ENV_PYTHON, f"{layout.PIP}/pip", *_PIP, artifact)
    hooks = f"{layout.ENV_PYTHON} {layout.SCRIPTS}/hooks.py {artifact}"
    after = ("--then", hooks) if stage.request.in_tree else ()
    return Step(command=(*_SESSION, *after, *pip), arm_at_exec=3, build=True)


def start_step(stage: Stage) -> Step:
    """P2. Not isolated: hooks are to run as they would for anybody."""
    del stage
    command = (*_SESSION, layout.ENV_PYTHON, "-c", "pass")
    return Step(command=command, arm_at_exec=3, limit_ms=START_MS_MAX)


def import_step(stage: Stage) -> Step:
    """P3."""
    budget = str(_budget_ms(stage, "P3"))
    importer = (*CLEAN, f"{layout.SCRIPTS}/imports.py", stage.python.site)
    bounds = (budget, str(LINGER_MS), str(SUBMODULES_MAX))
    return Step(command=(*importer, *bounds, *stage.request.modules), arm_at_exec=3)


def use_step(stage: Stage) -> Step:
    """P4."""
    request = stage.request
    budget_ms = min(USE_MS_MAX, _budget_ms(stage, "P4"))
    bounds = (str(budget_ms), str(USE_LINGER_MS), str(len(request.modules)))
    command = (*_ours("use"), stage.python.site, *bounds, *request.modules, *request.scripts)
    return Step(command=command, arm_at_exec=3, mounts=(stage.cell.arguments_mount(),))


def wait_step(stage: Stage) -> Step:
    """P5. The clock is the package's own: our script keeps the real one, to wait by."""
    request = stage.request
    different = varied(request.variations)
    budget_ms = min(WAIT_MS_MAX, _budget_ms(stage, "P5"))
    clock = "\n".join(f"{name}={value}" for name, value in different.clock.items())
    bounds = (str(budget_ms), str(WAIT_MS), str(different.speed), clock)
    return Step(
        command=(*_ours("wait"), stage.python.site, *bounds, *request.modules),
        arm_at_exec=3,
        variables=different.variables,
        mounts=different.mounts,
        counters={"clock_jumped": int(bool(different.clock))},
    )


def _budget_ms(stage: Stage, phase: str) -> int:
    """Milliseconds that a phase may take: what is left of the run, less what later ones should get."""
    left_ms = max(0, stage.left_ms() - MARGIN_MS)
    later = (name for name in stage.request.phases if name > phase)
    later_ms = sum(_LIMITS_MS.get(name, 0) for name in later)
    return left_ms - min(later_ms, left_ms // LATER_SHARE)


def _ours(script: str) -> tuple[str, ...]:
    return (*CLEAN, "-c", _OURS.format(script=script))


_STEPS: dict[str, Callable[[Stage], Step]] = {
    "P1": install_step,
    "P2": start_step,
    "P3": import_step,
    "P4": use_step,
    "P5": wait_step,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """The traced phases of one run."""

    stage: Stage
    env: dict[str, str]
    watch: Watch
    progress: Callable[[str, str], None]
    connect: Callable[[], None]
    """Blocks until the box's network is there; the sinkhole starts while a wheel is unpacked."""
    arguments: tuple[str, ...] = ()
    """Planted texts for P4."""

    def run(self) -> tuple[PhaseResult, ...]:
        """Run what the request names, in order; stops where the install did not end well.

        How any other phase ended does not stop those behind it, as long as there is time: a package
        that hangs, or ends its box, where it is imported may show what it is after later.
        """
        results: list[PhaseResult] = []
        self.stage.cell.keep_arguments(self.arguments)
        for phase in self.stage.request.phases:
            self.progress(phase, "started")
            result = self._phase(phase, first=not results)
            results.append(result)
            self.progress(phase, "ended")
            failed = result.ended != "exit" or result.exit_code != 0
            if (phase == "P1" and failed) or self.stage.left_ms() == 0:
                break
        return tuple(results)

    def _phase(self, phase: str, *, first: bool) -> PhaseResult:
        step = _STEPS[phase](self.stage)
        if step.network:
            self.connect()
        extra = 1 if self.stage.station.way is Way.SETPRIV else 0
        drops = self.stage.request.simulate_drops if first else 0
        self.watch.begin_phase(
            _NUMBERS[phase], arm_at_exec=step.arm_at_exec + extra, simulate_drops=drops
        )
        before = self.stage.usage()
        deadline = None if step.limit_ms is None else time.monotonic() + step.limit_ms / 1000
        ended = self.stage.run(self._box(step), self._env(step), deadline=deadline)
        if phase == "P3" and ended.exit_code == IMPORTS_TIMED_OUT:
            ended = replace(ended, how="timeout", exit_code=None)
        counts = self.watch.counts()
        result = phase_result(phase, ended, before, self.stage.usage(), counts=counts)
        return replace(result, counters={**result.counters, **step.counters})

    def _env(self, step: Step) -> dict[str, str]:
        env = {**self.env, **step.variables}
        return {**env, "PATH": f"{layout.BUILD}/bin:{env['PATH']}"} if step.build else env

    def _box(self, step: Step) -> Box:
        mounts = (*self.stage.cell.mounts(build=step.build), *step.mounts)
        if step.build:
            mounts += (pip_mount(self.stage),)
        return Box(
            command=step.command,
            mounts=mounts,
            cwd=layout.WORK,
            way=self.stage.station.way,
            uid=self.stage.inside,
            network=step.network,
        )


def pip_mount(stage: Stage) -> Mount:
    """The bind of pip itself. Raises BoxFailed where the daemon was not told where it is.

    An interpreter that is too old for that pip brings its own, as python.org's builds do.
    """
    folder = stage.station.options.pip_dir
    python = stage.python
    own = Path(python.prefix, "lib", python.name, "site-packages")
    if python.prefix and python.numbers < PIP_OLDEST and Path(own, "pip").is_dir():
        folder = own
    if folder is None or not Path(folder, "pip").is_dir():
        raise BoxFailed("an sdist needs pip: start the daemon with --pip-dir")
    return Mount(source=str(Path(folder, "pip")), target=f"{layout.PIP}/pip")


def base_environment(*, harness: bool) -> dict[str, str]:
    """The variables of a developer's shell in an active virtual environment."""
    return {
        "PATH": "/env/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": layout.HOME,
        "USER": layout.USER,
        "LOGNAME": layout.USER,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PWD": layout.WORK,
        "VIRTUAL_ENV": layout.ENV,
        **({layout.HARNESS_VARIABLE: "1"} if harness else {}),
    }
