"""What comes before the phases: requirements are built where they are sdists, and all unpacked.

Nobody watches these boxes, for what a requirement does alone is its own file's analysis. So they
have no network and no decoys, and a box in which a requirement's code runs can write nothing that
a watched box would see, but one folder for its wheel. That wheel is unpacked like any other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from analyzer.sandbox import layout
from analyzer.sandbox.boxes import Box
from analyzer.sandbox.phases import CLEAN, pip_mount
from analyzer.sandbox.protocol import SOURCES_S_MAX, InputFile, PhaseResult, SourceBuild
from analyzer.sandbox.stage import Stage, phase_result

BUILD_TMPFS_BYTES = 512 << 20
"""Bytes of /tmp where an sdist is built; the control group's memory bounds it too."""
OUTPUT_CHARS_MAX = 2_000
"""Characters that are kept of what a build printed."""
_PIP = (
    *("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--no-cache-dir", "--no-input"),
    *("--disable-pip-version-check", "--progress-bar=off", "--wheel-dir", layout.BUILT),
)
_UNPACK = (*CLEAN, f"{layout.SCRIPTS}/unpack.py")


def build_sources(stage: Stage, env: Mapping[str, str]) -> tuple[SourceBuild, ...]:
    """Build the sdists among the requirements, one box each. A failed one does not stop the others."""
    sources = stage.sources()
    if not sources:
        return ()
    left_s = stage.left_ms() / 1000
    deadline = time.monotonic() + min(SOURCES_S_MAX, left_s / 2)
    tools = _unpack_tools(stage, env, sources)
    if tools is not None and not _well(tools):
        return tuple(_ended(source, tools) for source in sources)
    return tuple(_build(stage, env, index, deadline) for index in range(len(sources)))


def _unpack_tools(
    stage: Stage, env: Mapping[str, str], sources: tuple[InputFile, ...]
) -> PhaseResult | None:
    groups = []
    for index, source in enumerate(sources):
        if source.needs:
            prefix = f"{layout.TOOLS}/{index}"
            wheels = [f"{layout.IN}/tool/{name}" for name in source.needs]
            groups.append([prefix, f"{prefix}/site-packages", *wheels])
    if not groups:
        return None
    box = Box(
        command=(*_UNPACK, *_joined(groups)),
        mounts=stage.cell.tool_mounts(),
        cwd="/tmp",
        way=stage.station.way,
        uid=stage.inside,
        tmpfs_bytes=BUILD_TMPFS_BYTES,
    )
    return _run(stage, box, env)


def _build(stage: Stage, env: Mapping[str, str], index: int, deadline: float) -> SourceBuild:
    source = stage.sources()[index]
    if time.monotonic() >= deadline:
        return SourceBuild(filename=source.filename, exit_code=None, ended="timeout", wall_ms=0)
    pip = (layout.ENV_PYTHON, f"{layout.PIP}/pip", *_PIP)
    box = Box(
        command=(*pip, f"{layout.IN}/{source.role}/{source.filename}"),
        mounts=(*stage.cell.source_mounts(index), pip_mount(stage)),
        cwd="/tmp",
        way=stage.station.way,
        uid=stage.inside,
        tmpfs_bytes=BUILD_TMPFS_BYTES,
    )
    own = {"HOME": "/tmp", "PWD": "/tmp", "PATH": f"{layout.BUILD}/bin:{env['PATH']}"}
    return _ended(source, _run(stage, box, {**env, **own}, deadline=deadline))


def unpack_requirements(
    stage: Stage, env: Mapping[str, str], builds: tuple[SourceBuild, ...]
) -> PhaseResult | None:
    """Unpack dependencies and build requirements, the built ones too; None: there are none."""
    groups = []
    for role, prefix, site in (
        ("run", layout.DEPS, layout.DEPS_SITE),
        ("build", layout.BUILD, layout.BUILD_SITE),
    ):
        wheels = [path for path in stage.inputs_of(role) if path.endswith(".whl")]
        wheels += [
            f"{layout.BUILT}/{index}"
            for index, source in enumerate(stage.sources())
            if source.role == role and builds[index].built
        ]
        if wheels:
            groups.append([prefix, site, *wheels])
    if not groups:
        return None
    mounts = stage.cell.mounts(deps=True, build=True, build_writable=True)
    box = Box(
        command=(*_UNPACK, *_joined(groups)),
        mounts=(*mounts, stage.cell.built_mount()) if builds else mounts,
        cwd="/tmp",
        way=stage.station.way,
        uid=stage.inside,
    )
    return _run(stage, box, env)


def _run(
    stage: Stage, box: Box, env: Mapping[str, str], *, deadline: float | None = None
) -> PhaseResult:
    before = stage.usage()
    ended = stage.run(box, env, deadline=deadline)
    return phase_result("deps", ended, before, stage.usage())


def _well(result: PhaseResult) -> bool:
    return result.ended == "exit" and result.exit_code == 0


def _ended(source: InputFile, result: PhaseResult) -> SourceBuild:
    return SourceBuild(
        filename=source.filename,
        exit_code=result.exit_code,
        ended=result.ended,
        wall_ms=result.wall_ms,
        output_tail=result.output_tail[-OUTPUT_CHARS_MAX:],
    )


def _joined(groups: list[list[str]]) -> list[str]:
    """Groups of arguments with `--` between them."""
    arguments = list(groups[0])
    for group in groups[1:]:
        arguments += ["--", *group]
    return arguments
