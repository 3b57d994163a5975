"""What a traced run has around its boxes: a sinkhole for the world, decoys and a watch over them."""

from __future__ import annotations

import contextlib
import os
import random
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.sandbox import decoys, sinkhole, trust, wire
from analyzer.sandbox.authority import Trust
from analyzer.sandbox.decoys import Decoys
from analyzer.sandbox.spawner import Child
from analyzer.sandbox.stage import Stage
from analyzer.sandbox.supervise import BoxFailed, Report
from analyzer.sandbox.watch import DecoyWatch

READY_S = 10.0
"""Seconds for a sinkhole to furnish its network: 2 ms here, some hundred under load."""
END_S = 20.0
"""Seconds for a sinkhole to search what it still holds and to end: 3 ms after an honest run; a flood
of packed nonsense takes it 2 s of one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A run's surroundings, once its boxes may start."""

    planted: Decoys
    watch: DecoyWatch
    sinkhole: Sinkhole

    def connect(self, stage: Stage) -> None:
        """Block until the network is there, and give it to the stage's boxes.

        They then trust the authority that opens their TLS, as a company's machines do.
        """
        self.sinkhole.wait_ready()
        if stage.netns < 0 and self.sinkhole.trust is not None:
            trust.install(stage.cell.root, self.sinkhole.trust)
        stage.netns = self.sinkhole.netns

    def close(self) -> None:
        """Let the sinkhole finish its log, and the watch its lines."""
        self.sinkhole.stop()
        self.watch.read_all()


class Sinkhole:
    """The daemon's end of one sinkhole process."""

    def __init__(self, stage: Stage, planted: Decoys) -> None:
        self.log = Report(limit=sinkhole.LOG_BYTES_MAX)
        plan = {
            "uid": stage.station.sinkhole_uid(stage.slot),
            "salt": os.urandom(8).hex(),
            "canaries": planted.values,
            "cloud": planted.cloud,
            "roles": [canary.id for canary in planted.canaries if canary.kind == decoys.ROLE],
        }
        self._child: Child = stage.station.spawner.start_sinkhole(plan, log=self.log.descriptor)
        self._stopping = False
        self.netns = -1
        self.trust: Trust | None = None

    @property
    def descriptor(self) -> int:
        """Readable when the sinkhole has ended, which it must not do by itself."""
        return self._child.reply.fileno()

    def wait_ready(self) -> None:
        """Block until the network namespace is there."""
        end = time.monotonic() + READY_S
        while self.netns < 0:
            self._next_message(end)

    def attend(self) -> None:
        """Called when the sinkhole spoke while boxes run: it broke, so the run did."""
        self._next_message(time.monotonic() + END_S)
        if self._child.status is not None:
            raise BoxFailed(f"the sinkhole ended: {self._child.error or self._child.status}")

    def stop(self) -> None:
        """Have it write its last lines and end."""
        if self._stopping:
            return
        self._stopping = True
        with contextlib.suppress(OSError):
            wire.send(self._child.reply, {"stop": True})
        end = time.monotonic() + END_S
        while self._child.status is None:
            self._next_message(end)
        if self._child.status != 0:
            raise BoxFailed(f"the sinkhole failed: {self._child.error or self._child.status}")

    def _next_message(self, end: float) -> None:
        left = max(0.0, end - time.monotonic())
        ready, _, _ = select.select([self.descriptor], [], [], left)
        if not ready:
            raise BoxFailed("the sinkhole does not answer")
        message = self._child.read_message() or {}
        self.log.truncated = self.log.truncated or bool(message.get("truncated"))
        if message.get("ready"):
            self.netns = self._child.descriptors[0]
            self.trust = Trust(**message["trust"])
        if self._child.error and self._child.status is not None:
            raise BoxFailed(f"the sinkhole could not start: {self._child.error}")

    def close(self) -> None:
        """End it whatever it does."""
        self._child.kill()
        self._child.close()


@contextlib.contextmanager
def surround(stage: Stage) -> Iterator[World]:
    """Prepare the stage and everything around it."""
    planted = decoys.plant(random.SystemRandom())
    hole = Sinkhole(stage, planted)
    stage.owned.append(hole.log.descriptor)
    try:
        stage.prepare()
        stage.cell.plant(planted.files)
        watch = DecoyWatch(stage.cell, planted.canaries)
        stage.owned.append(watch.report.descriptor)
        try:
            stage.others = {watch.descriptor: watch.read, hole.descriptor: hole.attend}
            yield World(planted=planted, watch=watch, sinkhole=hole)
        finally:
            stage.others = {}
            watch.close()
    finally:
        hole.close()
