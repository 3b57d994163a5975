"""kind `read`: the reader box, in which an artifact is unpacked and read, and nothing of it is run."""

from __future__ import annotations

from pathlib import Path

from analyzer.sandbox import layout
from analyzer.sandbox.boxes import Box, Data, Mount, Way
from analyzer.sandbox.protocol import PhaseResult
from analyzer.sandbox.stage import Stage, phase_result

PHASE = "P0"
USER_TMPFS_BYTES = 512 << 20
"""Bytes of /tmp in the reader box of an ordinary user."""
_CODE = (
    "import sys; sys.dont_write_bytecode = True; sys.path += {path!r}; "
    "from analyzer.reader import main; raise SystemExit(main({arguments!r}))"
)
PACKAGES = ("analyzer", "models")


def read(stage: Stage, code_root: Path) -> PhaseResult:
    """Run the reader on the artifact; its report goes to the stage's report."""
    before = stage.usage()
    ended = stage.run(_box(stage, code_root), _env())
    return phase_result(PHASE, ended, before, stage.usage())


def _env() -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
    }


def _box(stage: Stage, code_root: Path) -> Box:
    sites = stage.station.options.site
    path = [layout.APP, *(f"{layout.APP}/site{index}" for index in range(len(sites)))]
    artifact = f"{layout.IN}/{stage.request.artifact}"
    code = _CODE.format(path=path, arguments=[artifact, stage.request.archive])
    common = Box(
        command=(layout.PYTHON, "-I", "-S", "-c", code),
        mounts=app_mounts(code_root, sites),
        cwd="/tmp",
        way=stage.station.way,
        uid=stage.inside,
    )
    return _with_input(common, stage, artifact)


def _with_input(common: Box, stage: Stage, artifact: str) -> Box:
    data: tuple[Data, ...] = ()
    mounts = common.mounts
    tmpfs = 0
    if stage.station.privileged:
        root = stage.cell.root
        mounts += (
            Mount(source=f"{root}/in", target=layout.IN),
            Mount(source=f"{root}/tmp", target="/tmp", writable=True),
            Mount(source=f"{root}/shm", target="/dev/shm", writable=True),
        )
    else:
        data = (Data(descriptor=stage.files[0].descriptor, target=artifact),)
        tmpfs = USER_TMPFS_BYTES
    return Box(
        command=common.command,
        mounts=mounts,
        cwd=common.cwd,
        way=common.way if stage.station.privileged else Way.USERNS,
        uid=common.uid,
        tmpfs_bytes=tmpfs,
        data=data,
    )


def app_mounts(code_root: Path, sites: tuple[Path, ...]) -> tuple[Mount, ...]:
    """Our packages and the environment's, read-only."""
    packages = (
        Mount(source=str(code_root / name), target=f"{layout.APP}/{name}") for name in PACKAGES
    )
    environment = (
        Mount(source=str(path), target=f"{layout.APP}/site{index}")
        for index, path in enumerate(sites)
    )
    return (*packages, *environment)
