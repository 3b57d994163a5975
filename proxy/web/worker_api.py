"""The worker API: leases, the artifact, a capability for its resolved set, and evidence back.

A worker is known by its token's name and by nothing that it says. What it posts is checked against
its lease before any of it is stored.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog
from aiohttp import hdrs, web
from cachetools import TTLCache

from models.artifact import ArtifactRef, Sha256, parse_sha256
from models.canonical import Digest, canonical_json, digest_of_bytes
from models.errors import CapabilityRefused, Overloaded, PratiqueError, ValueInvalid
from models.evidence import EVIDENCE_BYTES_MAX, TRACE_BYTES_MAX
from models.work import ANALYSIS_S, EvidencePost, FailurePost, Lease, ResolveRequest
from proxy.relatives import baseline_of, contents_baseline_of, contents_sibling_of
from proxy.store.port import Store
from proxy.web.auth import Callers
from proxy.web.delivery import Delivery
from proxy.web.door import LEASE_WAITERS_MAX, RESOLVES_PER_LEASE_MAX, Door
from proxy.web.metadata import METADATA_FILE_BYTES_MAX
from proxy.web.served import FACTS
from proxy.web.slots import Slots

LOG = structlog.get_logger()

SMALL_BODY_BYTES_MAX = 64 * 1024
"""Bytes of a lease request or a failure; ours are below 2 KiB."""
RESOLVE_BODY_BYTES_MAX = 1024 * 1024
"""Bytes of a resolve request: 500 lines of 1,000 characters, and 4,000 tags."""
EVIDENCE_BODY_BYTES_MAX = (
    EVIDENCE_BYTES_MAX * 2 + (TRACE_BYTES_MAX + METADATA_FILE_BYTES_MAX) * 4 // 3 + 4096
)
"""Bytes of an evidence post: JSON may be written wider than its canonical form, blobs are base64."""
LEASE_ID_CHARS_MAX = 64
WORKERS_PER_NAME_MAX = 64
"""Requests of one worker that wait for a lease, or transfer files, at once."""

_LEASE_ID = re.compile(r"[A-Za-z0-9_-]+\Z")
_T = TypeVar("_T")


class Bell:
    """Rung when a job was queued, so that a waiting worker need not poll."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake everybody who waits right now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout_s: float) -> None:
        """Until the bell rings, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._event.wait()


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """The body of a request for a lease; the name is for the log only."""

    worker: str = ""


class WorkerApi:
    """Handlers of `/worker/v1/…`."""

    def __init__(self, door: Door, workers: Callers, delivery: Delivery, bell: Bell) -> None:
        self._door = door
        self._workers = workers
        self._delivery = delivery
        self._bell = bell
        self._stopping = False
        self._waiters = Slots(
            "workers waiting for a lease",
            in_all_max=LEASE_WAITERS_MAX,
            per_client_max=WORKERS_PER_NAME_MAX,
        )
        self._resolves: TTLCache[str, int] = TTLCache(4_096, ANALYSIS_S * 4)

    def stop(self) -> None:
        """Answer whoever waits: the process ends."""
        self._stopping = True
        self._bell.ring()

    async def lease(self, request: web.Request) -> web.StreamResponse:
        """POST lease?wait=SECONDS: the next job, or 204 after the wait."""
        worker = self._worker(request)
        await _body(request, LeaseRequest, SMALL_BODY_BYTES_MAX)
        wait_s = min(_seconds(request.query.get("wait", "0")), self._door.settings.lease_wait_max_s)
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        with self._waiters.taken(worker):
            while not _gone(request):  # a lease given to nobody would keep its job for LEASE_S
                lease = await self._door.store.lease(
                    worker=worker, lease_id=secrets.token_hex(16), now=self._door.clock()
                )
                left_s = until - loop.time()
                if lease is not None:
                    request[FACTS].update(lease_id=lease.lease_id, filename=lease.ref.filename)
                    return _json(
                        replace(
                            lease,
                            plan=self._door.plan(),
                            baseline=await self._related(baseline_of, lease),
                            contents=await self._related(contents_baseline_of, lease),
                            sibling=await self._related(contents_sibling_of, lease),
                        )
                    )
                if left_s <= 0 or self._stopping:
                    return web.Response(status=204)
                await self._bell.wait(min(left_s, self._door.settings.lease_poll_s))
        return web.Response(status=204)

    async def _related(
        self, find: Callable[[Store, ArtifactRef], Awaitable[_T | None]], lease: Lease
    ) -> _T | None:
        """What the release is compared with. A lease that was given is never lost over it."""
        try:
            return await find(self._door.store, lease.ref)
        except PratiqueError as error:
            LOG.warning("baseline_not_read", filename=lease.ref.filename, error=error.message)
            return None

    async def heartbeat(self, request: web.Request) -> web.StreamResponse:
        """POST heartbeat: the lease, prolonged."""
        worker, lease_id = self._worker(request), _lease_id(request)
        return _json(
            await self._door.store.heartbeat(lease_id, worker=worker, now=self._door.clock())
        )

    async def artifact(self, request: web.Request) -> web.StreamResponse:
        """GET artifact: the bytes under analysis."""
        worker, lease = await self._lease(request)
        ref = lease.ref
        return await self._send(request, ref.sha256, worker, lambda: self._door.fetcher.ensure(ref))

    async def resolve(self, request: web.Request) -> web.StreamResponse:
        """POST resolve: the resolved set, which becomes the lease's capability."""
        _, lease = await self._lease(request)
        body = await _body(request, ResolveRequest, RESOLVE_BODY_BYTES_MAX)
        asked = self._resolves.get(lease.lease_id, 0)
        if asked >= RESOLVES_PER_LEASE_MAX:
            raise Overloaded(f"A lease may resolve {RESOLVES_PER_LEASE_MAX} times.")
        self._resolves[lease.lease_id] = asked + 1
        resolved, places = await self._door.resolver.resolve(body)
        for file in resolved.files:
            url, size_bytes = places[file.sha256]
            await self._door.store.resolved_put(lease.lease_id, file.sha256, url, size_bytes)
        request[FACTS].update(files=len(resolved.files), unresolved=len(resolved.unresolved))
        return _json(resolved)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """GET files/{sha256}: a file of the capability."""
        worker, lease = await self._lease(request)
        sha256 = parse_sha256(request.match_info["sha256"])
        found = await self._door.store.resolved_get(lease.lease_id, sha256)
        if found is None:
            raise CapabilityRefused("That file is not in the set that was resolved for this lease.")
        url, size_bytes = found
        return await self._send(
            request,
            sha256,
            worker,
            lambda: self._door.fetcher.ensure_url(sha256, url, size_bytes),
        )

    async def evidence(self, request: web.Request) -> web.StreamResponse:
        """POST evidence: checked against the lease, then stored in one transaction."""
        worker, lease = await self._lease(request)
        post = await _body(request, EvidencePost, EVIDENCE_BODY_BYTES_MAX)
        _check_post(post, lease)
        # Whose evidence it is says the token, never the body.
        evidence = replace(post.evidence, analyzer=replace(post.evidence.analyzer, worker=worker))
        blobs = [
            (digest, data)
            for digest, data in (
                (evidence.trace_digest, post.trace),
                (evidence.metadata_digest, post.metadata),
            )
            if digest is not None
        ]
        await self._door.store.complete(
            lease.lease_id, worker=worker, evidence=evidence, blobs=blobs, now=self._door.clock()
        )
        self._door.nudge()
        outcome = "complete" if evidence.complete else "incomplete"
        self._door.metrics.analysed(outcome, evidence.duration_ms / 1000)
        request[FACTS].update(findings=len(evidence.findings), complete=evidence.complete)
        return web.Response(status=204)

    async def fail(self, request: web.Request) -> web.StreamResponse:
        """POST fail: the worker's word that it failed; the job goes back."""
        worker, lease_id = self._worker(request), _lease_id(request)
        post = await _body(request, FailurePost, SMALL_BODY_BYTES_MAX)
        if post.lease_id != lease_id:
            raise ValueInvalid("The body names another lease than the path - at `$.lease_id`")
        await self._door.store.fail(
            lease_id, worker=worker, error=post.error, now=self._door.clock()
        )
        self._door.metrics.analysed("failed", 0.0)
        self._door.nudge()
        self._bell.ring()
        return web.Response(status=204)

    def _worker(self, request: web.Request) -> str:
        worker = self._workers.name(request)
        request[FACTS]["worker"] = worker
        self._door.heard(worker)
        return worker

    async def _lease(self, request: web.Request) -> tuple[str, Lease]:
        worker, lease_id = self._worker(request), _lease_id(request)
        lease = await self._door.store.lease_of(lease_id, worker=worker, now=self._door.clock())
        request[FACTS].update(
            lease_id=lease_id, filename=lease.ref.filename, sha256=lease.ref.sha256
        )
        return worker, lease

    async def _send(
        self,
        request: web.Request,
        sha256: Sha256,
        worker: str,
        fetch: Callable[[], Awaitable[Path]],
    ) -> web.StreamResponse:
        async def find() -> Path:
            return self._door.artifacts.path(sha256) or await fetch()

        async def check(_: int) -> web.Response | None:
            return None

        # A worker named like a client must not use up the client's places.
        client = f"worker {worker}"
        return await self._delivery.send(request, sha256, find, client=client, check=check)


def _check_post(post: EvidencePost, lease: Lease) -> None:
    """Raises ValueInvalid, naming the place, where the post is not about this lease."""
    evidence = post.evidence
    for where, found, expected in (
        ("lease_id", post.lease_id, lease.lease_id),
        ("sha256", post.sha256, lease.ref.sha256),
        ("evidence.sha256", evidence.sha256, lease.ref.sha256),
        ("evidence.filename", evidence.filename, lease.ref.filename),
        ("evidence.size_bytes", evidence.size_bytes, lease.size_bytes),
    ):
        if found != expected:
            raise ValueInvalid(f"It is not about this lease's artifact - at `$.{where}`")
    _check_blob("trace", post.trace, evidence.trace_digest, TRACE_BYTES_MAX)
    _check_blob("metadata", post.metadata, evidence.metadata_digest, METADATA_FILE_BYTES_MAX)
    try:
        size_bytes = len(canonical_json(evidence))
    except (TypeError, ValueError) as error:
        raise ValueInvalid("It has no canonical form - at `$.evidence`") from error
    if size_bytes > EVIDENCE_BYTES_MAX:
        raise web.HTTPRequestEntityTooLarge(EVIDENCE_BYTES_MAX, size_bytes)


def _check_blob(name: str, data: bytes, digest: Digest | None, bytes_max: int) -> None:
    if len(data) > bytes_max:
        raise web.HTTPRequestEntityTooLarge(bytes_max, len(data))
    stated = digest_of_bytes(data) if data else None
    if digest != stated:
        raise ValueInvalid(
            f"Its bytes do not have the digest that the evidence states - at `$.{name}`"
        )


async def _body(request: web.Request, type_: type[_T], bytes_max: int) -> _T:
    """The body as `type_`. Raises ValueInvalid with the path of the mistake, or 413."""
    if (request.content_length or 0) > bytes_max:
        raise web.HTTPRequestEntityTooLarge(bytes_max, request.content_length or 0)
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > bytes_max:
            raise web.HTTPRequestEntityTooLarge(bytes_max, len(data))
    try:
        if len(data) > SMALL_BODY_BYTES_MAX:
            return await asyncio.to_thread(msgspec.json.decode, bytes(data), type=type_)
        return msgspec.json.decode(bytes(data), type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # msgspec names types and the path, never the content.
        raise ValueInvalid(f"The body is not of the expected form: {error}") from error


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _lease_id(request: web.Request) -> str:
    text = request.match_info["lease_id"]
    if len(text) > LEASE_ID_CHARS_MAX or not _LEASE_ID.match(text):
        raise ValueInvalid("That is not the id of a lease.")
    return text


def _seconds(text: str) -> float:
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueInvalid("`wait` is a whole number of seconds.")
    return float(text)


def _json(value: object) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value),
        headers={hdrs.CONTENT_TYPE: "application/json", hdrs.CACHE_CONTROL: "no-store"},
    )
