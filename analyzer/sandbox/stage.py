"""The stage of one run: its folder, control group, uid and clock, and a way to run boxes on it."""

from __future__ import annotations

import os
import random
import resource
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from analyzer.sandbox import boxes, inputs, layout, seccomp, wire
from analyzer.sandbox.boxes import Box, Way
from analyzer.sandbox.cell import Cell, size_for
from analyzer.sandbox.cgroups import Cgroup, Limits, Trees, Usage
from analyzer.sandbox.interpreters import Interpreter, usual
from analyzer.sandbox.options import SINKHOLE_UID_OFFSET, Options
from analyzer.sandbox.protocol import InputFile, PhaseResult, RunRequest
from analyzer.sandbox.spawner import Launch, Spawner
from analyzer.sandbox.supervise import (
    BoxFailed,
    Ended,
    Report,
    RunStopped,
    Supervision,
    Surroundings,
    was_killed,
)
from analyzer.sandbox.tracing import Drainer

REPORT_BYTES_MAX = 16 << 20
"""Bytes of what boxes report in one run; the reader's own bound is far below."""
FILE_BYTES_MAX = 2 << 30
"""RLIMIT_FSIZE: bytes of one file."""
OPEN_FILES_MAX = 1024
ADDRESS_RATIO = 2
"""RLIMIT_AS for each byte of the memory limit, where no control group can limit memory: a process
maps more than it uses; numpy and pandas load in an eighth of what the usual limit then gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What all runs of this daemon share."""

    options: Options
    spawner: Spawner
    trees: Trees
    drainer: Drainer
    way: Way
    privileged: bool
    group_prefix: str
    stop: int
    """Readable once the daemon closes."""
    interpreters: tuple[Interpreter, ...] = field(default_factory=lambda: (usual(),))
    """What boxes can run, the usual one first."""

    def uid(self, slot: int) -> int | None:
        """The uid of that slot's boxes; None: we are an ordinary user and stay it."""
        return self.options.uid_base + slot if self.privileged else None

    def sinkhole_uid(self, slot: int) -> int:
        """The uid of that slot's sinkhole."""
        return self.options.uid_base + SINKHOLE_UID_OFFSET + slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One file that came in, and the sealed memfd that holds it."""

    described: InputFile
    descriptor: int


@dataclass
class Stage:
    """Everything one run owns. Use as a context manager: leaving it kills and removes all."""

    station: Station
    slot: int
    request: RunRequest
    files: tuple[Input, ...]
    client: socket.socket
    deadline: float
    report: Report = field(default_factory=lambda: Report(limit=REPORT_BYTES_MAX))
    others: dict[int, Callable[[], object]] = field(default_factory=dict)
    """Descriptors to serve while a box runs (decoys' watch, the sinkhole)."""
    netns: int = -1
    owned: list[int] = field(default_factory=list)
    """Descriptors of results, closed with the stage; they have been sent by then."""

    def __post_init__(self) -> None:
        owner = self.station.uid(self.slot)
        inside = layout.BOX_UID if self.station.way is Way.USERNS else owner or layout.BOX_UID
        self.inside = inside
        self.cell = Cell(
            root=self.station.options.run_dir / f"s{self.slot}",
            owner=owner if owner is not None else os.getuid(),
            inside=inside,
            harness=self.station.options.harness and self.request.kind == "run",
            hostname=boxes.make_hostname(random.SystemRandom()),
            python=self.python,
        )
        self.group: Cgroup | None = None
        self.owned.append(self.report.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.group is not None:
            self.group.close()
        if self.station.privileged:
            self.cell.destroy()
        wire.close_all(self.owned)

    @property
    def python(self) -> Interpreter:
        """The interpreter that this run's boxes run: the named one, or the usual one."""
        known = self.station.interpreters
        wanted = self.request.python
        return next((one for one in known if one.executable == wanted), known[0])

    def left_ms(self) -> int:
        """Milliseconds until the run's deadline."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))

    def prepare(self) -> None:
        """Make the control group, and (as root) the folder with the inputs in it."""
        size = size_for(sum(file.described.size for file in self.files))
        options = self.station.options
        if self.station.privileged:
            limits = Limits(
                memory_bytes=options.memory_bytes + size,
                pids=options.pids,
                cpu_percent=options.cpu_percent,
            )
            name = f"{self.station.group_prefix}s{self.slot}"
            self.group = Cgroup(self.station.trees, name, limits)
            self.cell.make(size, sources=len(self.sources()))
        for file in self.files:
            target = self._target(file.described) if self.station.privileged else None
            inputs.copy_in(file.described, file.descriptor, target, check=self._check)

    def _target(self, described: InputFile) -> Path:
        folder = "in" if described.role == "artifact" else f"in/{described.role}"
        return self.cell.root / folder / described.filename

    def _check(self) -> None:
        if time.monotonic() > self.deadline:
            raise RunStopped("the run's time was over before it began")

    def inputs_of(self, role: str) -> tuple[str, ...]:
        """Paths in the box of the inputs with that role."""
        folder = layout.IN if role == "artifact" else f"{layout.IN}/{role}"
        return tuple(
            f"{folder}/{file.described.filename}"
            for file in self.files
            if file.described.role == role
        )

    def sources(self) -> tuple[InputFile, ...]:
        """The sdists among the requirements, in the order in which they came."""
        return tuple(file.described for file in self.files if file.described.is_source)

    def usage(self) -> Usage:
        """The control group's counters."""
        return self.group.usage() if self.group is not None else Usage()

    def run(self, box: Box, env: Mapping[str, str], *, deadline: float | None = None) -> Ended:
        """Run one box to its end, or to an earlier `deadline` than the run's own."""
        box = replace(box, hostname=self.cell.hostname)
        for data in box.data:  # bwrap reads from where the last reader stopped
            os.lseek(data.descriptor, 0, os.SEEK_SET)
        out, out_in = os.pipe2(os.O_CLOEXEC)
        report, report_in = os.pipe2(os.O_CLOEXEC)
        arguments = _memfd(boxes.encode_arguments(boxes.bwrap_arguments(box)))
        program = _memfd(seccomp.box_filter())
        given = [out_in, report_in, arguments, program]
        try:
            child = self.station.spawner.start_box(
                self._launch(box, env),
                out=out_in,
                args=arguments,
                seccomp=program,
                report=report_in,
                netns=self._network() if box.network else -1,
                data=tuple(data.descriptor for data in box.data),
            )
            try:
                for number in given:
                    os.close(number)
                given = []
                return Supervision(
                    child,
                    out=out,
                    report_in=report,
                    report=self.report,
                    deadline=self.deadline if deadline is None else min(deadline, self.deadline),
                    kill=self._kill,
                    surroundings=self._surroundings(),
                ).watch()
            finally:
                child.close()
        finally:
            for number in (*given, out, report):
                os.close(number)

    def _network(self) -> int:
        if self.netns < 0:
            raise BoxFailed("a box was to have a network before there was one")
        return self.netns

    def _launch(self, box: Box, env: Mapping[str, str]) -> Launch:
        limits = [
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, FILE_BYTES_MAX),
            (resource.RLIMIT_NOFILE, OPEN_FILES_MAX),
        ]
        if self.group is None or not self.station.trees.limits_memory:
            most = self.station.options.memory_bytes * ADDRESS_RATIO
            limits.append((resource.RLIMIT_AS, most))
        if self.group is not None and not self.station.trees.limits_pids:
            limits.append((resource.RLIMIT_NPROC, self.station.options.pids))
        return Launch(
            argv=boxes.command_line(box),
            env=env,
            join=self.group.join_files if self.group is not None else (),
            uid=self.station.uid(self.slot) if box.way is Way.USERNS else None,
            rlimits=tuple(limits),
            oom_score_adj=1000,
        )

    def _kill(self) -> None:
        if self.group is not None:
            self.group.kill()

    def _surroundings(self) -> Surroundings:
        stops = {self.client.fileno(): self._client_spoke, self.station.stop: _closing}
        return Surroundings(stops=stops, others=self.others)

    def _client_spoke(self) -> None:
        raise RunStopped("the client went away")


def _closing() -> None:
    raise RunStopped("the sandbox daemon is closing")


def _memfd(data: bytes) -> int:
    descriptor = os.memfd_create("box", os.MFD_CLOEXEC)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def phase_result(
    phase: str,
    ended: Ended,
    before: Usage,
    after: Usage,
    *,
    counts: tuple[dict[str, int], dict[str, int]] = ({}, {}),
) -> PhaseResult:
    """What the protocol says about a phase."""
    oom = after.oom_kills - before.oom_kills
    how = "oom" if oom and ended.how == "exit" else ended.how
    if how == "exit" and was_killed(ended.exit_code):
        how = "killed"
    return PhaseResult(
        phase=phase,
        exit_code=ended.exit_code,
        ended=how,
        wall_ms=ended.wall_ms,
        started_ns=ended.started_ns,
        syscalls=counts[0],
        denied=counts[1],
        counters={
            "pids_max_hits": after.pids_max_hits - before.pids_max_hits,
            "oom_kills": oom,
            "memory_peak_bytes": after.memory_peak_bytes,
            "cpu_us": after.cpu_us - before.cpu_us,
            "output_bytes": ended.output_bytes,
        },
        output_tail=ended.output_tail,
    )
