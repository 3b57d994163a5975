"""Before the first run and after the last: locks, leftovers, the probe of this machine, the tracer."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import resource
import stat
import time
from pathlib import Path

from analyzer.sandbox import boxes, cgroups, interpreters, kernelcalls, layout, seccomp
from analyzer.sandbox.boxes import Box, Mount, Way
from analyzer.sandbox.options import Options
from analyzer.sandbox.protocol import Hello
from analyzer.sandbox.spawner import Launch, Spawner
from analyzer.sandbox.stage import Station
from analyzer.sandbox.tracing import Drainer, Tracer

PROBE_S = 10.0
DESCRIPTORS_MAX = 16_384
"""Open files of the daemon: 32 connections with 300 inputs each, and what their runs take."""
_LOCK_NAME = "daemon.lock"


class StartFailed(Exception):
    """This machine, or another daemon, is in the way; the text says what to do."""


def open_station(options: Options, *, version: str) -> tuple[Station, Hello]:
    """Everything that runs share. The spawner is forked before the first thread."""
    privileged = os.geteuid() == 0
    _raise_descriptors()
    _take_run_dir(options.run_dir, privileged=privileged)
    trees = cgroups.find_trees() if privileged else cgroups.Trees(v2=None, v1={}, v2_limits=False)
    prefix = group_prefix(options.run_dir)
    if privileged:
        kernelcalls.unshare(kernelcalls.CLONE_NEWNS)
        kernelcalls.mount("none", "/", "", kernelcalls.MS_REC | kernelcalls.MS_SLAVE)
        sweep(options.run_dir, trees, prefix)
    spawner = Spawner()
    try:
        way = probe_way(spawner, uid=options.uid_base if privileged else None, only=options.way)
        tracer, why_not = _load_tracer(options, trees, privileged=privileged)
    except BaseException:
        spawner.close()
        raise
    found = interpreters.find(options.interpreters)
    station = Station(
        options=options,
        spawner=spawner,
        trees=trees,
        drainer=Drainer(tracer),
        way=way,
        privileged=privileged,
        group_prefix=prefix,
        stop=os.eventfd(0, os.EFD_CLOEXEC),
        interpreters=found.interpreters,
    )
    hello = Hello(
        version=version,
        traced=privileged and (tracer is not None or not options.trace),
        why_not=why_not,
        python=platform.python_version(),
        boxes=options.boxes,
        harness=options.harness and privileged,
        pythons=tuple(one.executable for one in found.interpreters),
        refused=found.refused,
    )
    return station, hello


def close_station(station: Station) -> None:
    """End what is left of boxes, the tracer and the spawner."""
    station.spawner.close()
    station.drainer.close()
    if station.privileged:
        cgroups.sweep(station.trees, station.group_prefix)


def group_prefix(run_dir: Path) -> str:
    """Names of this run directory's control groups begin so: two daemons never meet."""
    return f"pratique-{hashlib.sha256(str(run_dir.absolute()).encode()).hexdigest()[:8]}-"


def _take_run_dir(run_dir: Path, *, privileged: bool) -> None:
    try:
        run_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise StartFailed(f"{run_dir} cannot be made ({error.strerror}).") from error
    if privileged:
        status = run_dir.lstat()
        alone = status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not alone or not stat.S_ISDIR(status.st_mode):
            raise StartFailed(
                f"{run_dir} does not belong to root alone. Name another with --run-dir."
            )
    lock = os.open(run_dir / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StartFailed(f"Another sandbox daemon uses {run_dir}. Stop it first.") from error


def _raise_descriptors() -> None:
    """As many descriptors as full runs in all boxes take: every input is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, DESCRIPTORS_MAX), most))


def sweep(run_dir: Path, trees: cgroups.Trees, prefix: str) -> int:
    """Remove what a killed predecessor left; returns how many things that were."""
    swept = cgroups.sweep(trees, prefix)
    for path in run_dir.glob("s[0-9]*"):
        with contextlib.suppress(OSError):  # its mounts went with its own mount namespace
            kernelcalls.unmount(str(path))
        try:
            path.rmdir()
        except OSError as error:
            raise StartFailed(f"{path} is left over and cannot be removed: {error}.") from error
        swept += 1
    return swept


def probe_way(spawner: Spawner, *, uid: int | None, only: Way | None = None) -> Way:
    """Which way into a box works here: user namespaces, else root and setpriv."""
    problems = []
    for way in (only,) if only is not None else tuple(Way):
        problem = try_way(spawner, way, uid=uid)
        if not problem:
            return way
        problems.append(f"{way}: {problem}")
        if uid is None:
            break
    raise StartFailed(
        f"bubblewrap cannot make a box here ({'; '.join(problems)}). Run `pratique doctor`."
    )


def try_way(spawner: Spawner, way: Way, *, uid: int | None) -> str:
    """Make an empty box; the empty string where that works, else what it said."""
    box = Box(
        command=("/usr/bin/true",),
        mounts=(Mount(source="/etc", target="/etc"),),
        cwd="/",
        way=way,
        uid=layout.BOX_UID if way is Way.USERNS else uid or layout.BOX_UID,
    )
    out, out_in = os.pipe2(os.O_CLOEXEC)
    arguments = os.memfd_create("args", os.MFD_CLOEXEC)
    os.write(arguments, boxes.encode_arguments(boxes.bwrap_arguments(box)))
    os.lseek(arguments, 0, os.SEEK_SET)
    program = os.memfd_create("filter", os.MFD_CLOEXEC)
    os.write(program, seccomp.box_filter())
    os.lseek(program, 0, os.SEEK_SET)
    launch = Launch(
        argv=boxes.command_line(box),
        env={"PATH": "/usr/bin:/bin"},
        uid=uid if way is Way.USERNS else None,
        rlimits=((resource.RLIMIT_CORE, 0),),
    )
    child = spawner.start_box(launch, out=out_in, args=arguments, seccomp=program)
    for number in (out_in, arguments, program):
        os.close(number)
    try:
        end = time.monotonic() + PROBE_S
        child.reply.settimeout(PROBE_S)
        while child.status is None and time.monotonic() < end:
            child.read_message()
        said = os.read(out, 400).decode("utf-8", "replace").strip() if child.status else ""
    except (TimeoutError, OSError) as error:
        child.kill()
        said = str(error) or "no answer"
    finally:
        child.close()
        os.close(out)
    return "" if child.status == 0 else (child.error or said or f"exit code {child.status}")


def _mount_tracefs(place: Path) -> None:
    """For ourselves alone, in our own mount namespace: not every system mounts it at boot."""
    flags = kernelcalls.MS_NOSUID | kernelcalls.MS_NODEV
    kernelcalls.mount("tracefs", str(place), "tracefs", flags)


def _load_tracer(
    options: Options, trees: cgroups.Trees, *, privileged: bool
) -> tuple[Tracer | None, str]:
    if not privileged:
        return None, "started as an ordinary user: reader boxes only"
    if not options.trace:
        return None, "started with --no-trace"
    if trees.v2 is None:
        return None, "there is no cgroup v2 tree to tell boxes apart by"
    from analyzer.trace import kernel, probes  # noqa: PLC0415 - only where it is wanted

    if not any((place / "events").is_dir() for place in probes.TRACEFS_PLACES):
        with contextlib.suppress(OSError):  # the tracer says what is missing
            _mount_tracefs(probes.TRACEFS_PLACES[0])
    try:
        return kernel.Tracer.load(), ""
    except kernel.TraceUnavailable as error:
        return None, str(error)[:500]
