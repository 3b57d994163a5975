"""kind `run`: P1 to P3 of one artifact, one box each, all on one stage.

P1 unpacks a wheel, or lets pip build and install an sdist; P2 starts a bare interpreter, so that
`.pth` files and `sitecustomize` run; P3 imports. Dependencies are there before that
(`preparing`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from analyzer.sandbox import layout
from analyzer.sandbox.boxes import Box, Mount, Way
from analyzer.sandbox.protocol import PhaseResult
from analyzer.sandbox.stage import Stage, phase_result
from analyzer.sandbox.supervise import BoxFailed
from analyzer.sandbox.tracing import Watch

LINGER_MS = 5_000
"""Milliseconds a phase waits for processes that a package left behind (P5, waiting, is later)."""
SUBMODULES_MAX = 150
"""Submodules imported below each top-level module."""
MARGIN_MS = 500
"""Milliseconds that the importer leaves before the run's deadline, to say how far it came."""
IMPORTS_TIMED_OUT = 3
"""Exit code of `runner/imports.py` where it had to kill a module's process."""
_NUMBERS = {"P1": 1, "P2": 2, "P3": 3}
_PIP = (
    *("install", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile"),
    *("--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off"),
    *("--no-warn-script-location", "--root-user-action=ignore"),
)
CLEAN = (layout.PYTHON, "-I", "-S")
"""Our own scripts run without site-packages, so that no hook of a package runs in them."""
_SESSION = ("/bin/sh", f"{layout.RUNNER}/session.sh", str(LINGER_MS // 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One phase: what is run, and by which exec the tracer should be armed."""

    command: tuple[str, ...]
    arm_at_exec: int
    build: bool = False
    network: bool = True


def install_step(stage: Stage) -> Step:
    """P1."""
    artifact = f"{layout.IN}/{stage.request.artifact}"
    if stage.request.archive == "wheel":
        unpack = (*CLEAN, f"{layout.RUNNER}/unpack.py", layout.ENV, layout.SITE, artifact)
        return Step(command=unpack, arm_at_exec=2, network=False)
    pip = (layout.ENV_PYTHON, f"{layout.PIP}/pip", *_PIP, artifact)
    return Step(command=(*_SESSION, *pip), arm_at_exec=3, build=True)


def start_step(stage: Stage) -> Step:
    """P2. Not isolated: hooks are to run as they would for anybody."""
    del stage
    return Step(command=(*_SESSION, layout.ENV_PYTHON, "-c", "pass"), arm_at_exec=3)


def import_step(stage: Stage) -> Step:
    """P3."""
    budget = str(max(0, stage.left_ms() - MARGIN_MS))
    importer = (*CLEAN, f"{layout.RUNNER}/imports.py", layout.SITE)
    bounds = (budget, str(LINGER_MS), str(SUBMODULES_MAX))
    return Step(command=(*importer, *bounds, *stage.request.modules), arm_at_exec=3)


_STEPS: dict[str, Callable[[Stage], Step]] = {
    "P1": install_step,
    "P2": start_step,
    "P3": import_step,
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

    def run(self) -> tuple[PhaseResult, ...]:
        """Run what the request names, in order; stops where the install did not end well."""
        results: list[PhaseResult] = []
        for phase in self.stage.request.phases:
            self.progress(phase, "started")
            result = self._phase(phase, first=not results)
            results.append(result)
            self.progress(phase, "ended")
            if result.ended != "exit" or (phase == "P1" and result.exit_code != 0):
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
        ended = self.stage.run(self._box(step), self._env(step))
        if phase == "P3" and ended.exit_code == IMPORTS_TIMED_OUT:
            ended = replace(ended, how="timeout", exit_code=None)
        return phase_result(phase, ended, before, self.stage.usage(), counts=self.watch.counts())

    def _env(self, step: Step) -> dict[str, str]:
        path = self.env["PATH"]
        return {**self.env, "PATH": f"{layout.BUILD}/bin:{path}"} if step.build else self.env

    def _box(self, step: Step) -> Box:
        mounts = self.stage.cell.mounts(build=step.build)
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
    """The bind of pip itself. Raises BoxFailed where the daemon was not told where it is."""
    folder = stage.station.options.pip_dir
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
