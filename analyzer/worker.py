"""The worker: leases jobs of one proxy, has boxes analyse them, posts what they saw.

It holds one token and parses nothing hostile itself. A lease that is lost ends its run at once,
with its boxes; so does being told to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from analyzer.clean import printable
from analyzer.interpreter import Interpreter, describe_interpreters
from analyzer.pipeline import Sandbox, analyse
from analyzer.proxyclient import ProxyClient
from models.artifact import Sha256
from models.clock import Clock, utc_now
from models.errors import (
    LeaseLost,
    NotAuthorised,
    PratiqueError,
    SandboxUnavailable,
    UpstreamError,
)
from models.work import LEASE_S, EvidencePost, FailurePost, Lease, ResolvedSet, ResolveRequest

HEARTBEAT_S = LEASE_S / 3
"""Seconds between heartbeats: two may be lost before the lease is."""
OVERTIME_S = 60
"""Seconds beyond the analysis' own time after which a run that will not end counts as our failure."""
PAUSE_S_MIN, PAUSE_S_MAX = 0.5, 20.0
"""Seconds of the first and the longest pause while proxy or sandbox are away."""
SANDBOX_BACK_S = 30
"""Seconds that a lease is kept for a sandbox daemon that went away; a restart takes about 2."""
SANDBOX_PAUSE_S = 0.5
"""Seconds between two looks whether it is back."""
ERROR_CHARS_MAX = 1000
"""Characters of `FailurePost.error`."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedProxy:
    """The pipeline's view of the proxy: one lease's capability (`pipeline.ProxyPort`)."""

    client: ProxyClient
    lease_id: str

    async def resolve(self, request: ResolveRequest) -> ResolvedSet:
        """Have requirements resolved."""
        return await self.client.resolve(self.lease_id, request)

    async def fetch(self, sha256: Sha256) -> int:
        """A file of the resolved set as a sealed memfd."""
        return await self.client.file(self.lease_id, sha256)


class Worker:
    """Works until it is stopped. `parallel` jobs at a time, one sandbox, one token."""

    def __init__(
        self,
        *,
        server: str,
        token: str,
        sandbox: Sandbox,
        name: str,
        parallel: int = 1,
        clock: Clock = utc_now,
        jitter: Callable[[], float] = random.random,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._server = server
        self._token = token
        self._sandbox = sandbox
        self._name = name
        self._parallel = parallel
        self._clock = clock
        self._jitter = jitter
        self._heartbeat_s = heartbeat_s

    async def run(self, stop: asyncio.Event) -> None:
        """Lease and analyse until `stop` is set; then everything under way is dropped at once."""
        async with ProxyClient(server=self._server, token=self._token) as client:
            slots = [
                asyncio.create_task(self._slot(client), name=f"slot-{index}")
                for index in range(self._parallel)
            ]
            stopped = asyncio.create_task(stop.wait(), name="stop")
            try:
                await asyncio.wait([stopped, *slots], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (stopped, *slots):
                    task.cancel()
                results = await asyncio.gather(stopped, *slots, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _slot(self, client: ProxyClient) -> None:
        """One job after the other. Raises NotAuthorised: a token that is refused will stay so."""
        known: tuple[tuple[str, ...], tuple[Interpreter, ...]] | None = None
        failures = 0
        while True:
            try:
                hello = await self._sandbox.hello()  # without boxes, a lease would only be lost
                if known is None or known[0] != hello.pythons:
                    known = (hello.pythons, await describe_interpreters(hello.pythons))
                lease = await client.lease(self._name)
                failures = 0
            except (UpstreamError, SandboxUnavailable, LeaseLost) as error:
                failures += 1
                log.warning("lease_not_had", error=str(error), failures=failures)
                await asyncio.sleep(self._pause_s(failures))
                continue
            if lease is not None:
                await self._work(client, lease, known[1])

    def _pause_s(self, failures: int) -> float:
        """Growing, and never the same for two workers that lost the same proxy."""
        longest = min(PAUSE_S_MAX, PAUSE_S_MIN * 2.0 ** min(failures - 1, 10))
        return longest * (0.5 + self._jitter() / 2)

    async def _work(
        self, client: ProxyClient, lease: Lease, interpreters: tuple[Interpreter, ...]
    ) -> None:
        """One lease to its end: evidence, a failure, or nothing where it was lost."""
        bound = log.bind(lease_id=lease.lease_id, filename=lease.ref.filename)
        job = asyncio.create_task(self._analyse(client, lease, interpreters))
        beat = asyncio.create_task(self._keep(client, lease))
        try:
            await asyncio.wait([job, beat], return_when=asyncio.FIRST_COMPLETED)
            if not job.done():
                bound.warning("lease_lost")
                return
            job.result()
            bound.info("evidence_posted")
        except LeaseLost:
            bound.warning("lease_lost")
        except NotAuthorised:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of one job: the worker outlives it
            bound.error("analysis_failed", error=str(error), kind=type(error).__name__)
            await self._tell_failure(client, lease, error)
        finally:
            for task in (job, beat):
                task.cancel()
            await asyncio.gather(job, beat, return_exceptions=True)

    async def _analyse(
        self, client: ProxyClient, lease: Lease, interpreters: tuple[Interpreter, ...]
    ) -> None:
        descriptor = await client.artifact(lease)
        try:
            async with asyncio.timeout(lease.analysis_s + OVERTIME_S):
                post = await self._analyse_again(client, lease, interpreters, descriptor)
        finally:
            os.close(descriptor)
        await client.evidence(post)

    async def _analyse_again(
        self,
        client: ProxyClient,
        lease: Lease,
        interpreters: tuple[Interpreter, ...],
        descriptor: int,
    ) -> EvidencePost:
        """Analyse; should the daemon go away meanwhile, once more when it is back.

        A daemon that was restarted is no fault of the artifact, and the queue's attempts are few.
        """
        for last in (False, True):
            try:
                return await analyse(
                    lease=lease,
                    artifact_fd=descriptor,
                    sandbox=self._sandbox,
                    proxy=LeasedProxy(client=client, lease_id=lease.lease_id),
                    clock=self._clock,
                    worker_name=self._name,
                    interpreters=interpreters,
                )
            except SandboxUnavailable as error:
                if last:
                    raise
                log.warning("sandbox_lost", filename=lease.ref.filename, error=str(error))
                await self._sandbox_back()
        raise AssertionError  # the second turn returns or raises

    async def _sandbox_back(self) -> None:
        """Return once the daemon greets. Raises SandboxUnavailable after SANDBOX_BACK_S."""
        deadline = asyncio.get_running_loop().time() + SANDBOX_BACK_S
        while True:
            try:
                await self._sandbox.hello()
            except SandboxUnavailable:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(SANDBOX_PAUSE_S)
            else:
                return

    async def _keep(self, client: ProxyClient, lease: Lease) -> None:
        """Prolong the lease until it is lost; ends then."""
        until = lease.expires_at
        while True:
            await asyncio.sleep(self._heartbeat_s)
            try:
                until = (await client.heartbeat(lease.lease_id)).expires_at
            except (LeaseLost, NotAuthorised):
                return
            except UpstreamError as error:
                log.info("heartbeat_missed", lease_id=lease.lease_id, error=str(error))
                if self._clock() >= until:
                    return

    async def _tell_failure(self, client: ProxyClient, lease: Lease, error: Exception) -> None:
        text = str(error) if isinstance(error, PratiqueError) else type(error).__name__
        post = FailurePost(lease_id=lease.lease_id, error=printable(text, ERROR_CHARS_MAX))
        with contextlib.suppress(LeaseLost, UpstreamError):
            await client.fail(post)
