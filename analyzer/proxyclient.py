"""The worker's side of the worker API: leases, files and evidence over HTTP, with a bearer token.

The proxy may be away at any time, so calls that may be repeated are, with growing pauses and
jitter. Answers are bounded and parsed strictly: the network in between is not trusted either.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from analyzer.clean import printable
from analyzer.memfd import SealedWriter
from analyzer.sandbox.protocol import INPUT_BYTES_MAX
from models.artifact import Sha256
from models.errors import (
    CapabilityRefused,
    LeaseLost,
    NotAuthorised,
    PratiqueError,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from models.work import EvidencePost, FailurePost, Lease, ResolvedSet, ResolveRequest

WAIT_S = 25
"""Seconds that the proxy may hold a request for a lease (its own bound)."""
CONNECT_S = 10
"""Seconds for a connection to stand."""
ANSWER_S = 60
"""Seconds for any other answer to begin; the slowest is a resolution (40 s)."""
HEARTBEAT_ANSWER_S = 10
"""Seconds for the answer to a heartbeat; a third of a lease's life."""
RETRY_S = 60
"""Seconds over which a call is repeated; a lease does not outlive that without its heartbeat."""
PAUSE_S_MAX = 10
"""Seconds between two tries at most."""
BODY_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of one JSON answer; a resolved set of 250 files has 100 KB."""
PIECE_BYTES = 256 * 1024
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that a later try may find gone."""

_Value = TypeVar("_Value")
log = structlog.get_logger()


class ProxyClient:
    """One session with one proxy. Use as an async context manager."""

    def __init__(self, *, server: str, token: str, retry_s: float = RETRY_S) -> None:
        # `unix:PATH` is the proxy of this machine: the embedded worker has no network.
        self._socket = server.removeprefix("unix:") if server.startswith("unix:") else ""
        self._base = f"{'http://localhost' if self._socket else server.rstrip('/')}/worker/v1"
        self._token = token
        self._retry_s = retry_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(self._socket) if self._socket else None,
            headers={"Authorization": f"Bearer {self._token}", "User-Agent": "pratique-worker"},
            auto_decompress=False,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def lease(self, worker: str) -> Lease | None:
        """The next job; None where none came within WAIT_S. Tried once: the caller asks again."""
        body = msgspec.json.encode({"worker": worker})
        async with self._call("POST", f"lease?wait={WAIT_S}", body) as response:
            if response.status == 204:
                return None
            return await _json(response, Lease)

    async def heartbeat(self, lease_id: str) -> Lease:
        """Prolong a lease. Tried once: the caller's rhythm repeats it. Raises LeaseLost."""
        path = f"leases/{lease_id}/heartbeat"
        async with self._call("POST", path, answer_s=HEARTBEAT_ANSWER_S) as response:
            return await _json(response, Lease)

    async def artifact(self, lease: Lease) -> int:
        """The artifact as a sealed memfd, which is the caller's."""
        path = f"leases/{lease.lease_id}/artifact"
        return await self._file(path, lease.ref.sha256, bytes_max=lease.size_bytes)

    async def resolve(self, lease_id: str, request: ResolveRequest) -> ResolvedSet:
        """Have requirement lines resolved."""
        body = msgspec.json.encode(request)
        async for attempt in self._tries():
            with attempt:
                async with self._call("POST", f"leases/{lease_id}/resolve", body) as response:
                    return await _json(response, ResolvedSet)
        raise AssertionError  # tenacity re-raises

    async def file(self, lease_id: str, sha256: Sha256) -> int:
        """A file of the lease's capability as a sealed memfd, which is the caller's."""
        path = f"leases/{lease_id}/files/{sha256}"
        return await self._file(path, sha256, bytes_max=INPUT_BYTES_MAX)

    async def evidence(self, post: EvidencePost) -> None:
        """Post evidence. Raises LeaseLost, UpstreamInvalid where the proxy does not take it."""
        await self._post(f"leases/{post.lease_id}/evidence", msgspec.json.encode(post))

    async def fail(self, post: FailurePost) -> None:
        """Say that we failed."""
        await self._post(f"leases/{post.lease_id}/fail", msgspec.json.encode(post))

    async def _post(self, path: str, body: bytes) -> None:
        async for attempt in self._tries():
            with attempt:
                async with self._call("POST", path, body):
                    return

    async def _file(self, path: str, sha256: Sha256, *, bytes_max: int) -> int:
        async for attempt in self._tries():
            with attempt:
                async with self._call("GET", path) as response:
                    with SealedWriter("input", bytes_max=bytes_max) as writer:
                        async for piece in response.content.iter_chunked(PIECE_BYTES):
                            writer.write(piece)
                        return writer.finish(sha256)
        raise AssertionError  # tenacity re-raises

    def _tries(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(UpstreamUnavailable),
            wait=wait_random_exponential(multiplier=0.5, max=PAUSE_S_MAX),
            stop=stop_after_delay(self._retry_s),
            before_sleep=_note_retry,
            reraise=True,
        )

    @asynccontextmanager
    async def _call(
        self, method: str, path: str, body: bytes | None = None, *, answer_s: int = ANSWER_S
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request whose status is a success; everything else is one of our errors."""
        if self._session is None:
            raise RuntimeError("a ProxyClient is used as a context manager")
        headers = {"Content-Type": "application/json"} if body is not None else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=answer_s)
        try:
            async with self._session.request(
                method,
                f"{self._base}/{path}",
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status not in (200, 204):
                    raise await _refusal(response)
                yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamUnavailable(
                f"The proxy does not answer: {type(error).__name__}.",
                next_step="Look whether `pratique serve` runs at the address in --server.",
            ) from error


async def _json(response: aiohttp.ClientResponse, type_: type[_Value]) -> _Value:
    try:
        return msgspec.json.decode(await _body(response), type=type_)
    except msgspec.MsgspecError as error:
        raise UpstreamInvalid(
            f"The proxy's answer is not of the expected form: {error}.",
            next_step="Run worker and proxy of one version.",
        ) from error


async def _body(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for piece in response.content.iter_any():
        data += piece
        if len(data) > BODY_BYTES_MAX:
            raise UpstreamInvalid("The proxy's answer is longer than any of its answers.")
    return bytes(data)


async def _refusal(response: aiohttp.ClientResponse) -> PratiqueError:
    """A status as one of our errors, with what the problem document says."""
    try:
        document: Any = msgspec.json.decode(await _body(response))
        detail = printable(str(document.get("detail") or document.get("title") or ""))
    except (msgspec.MsgspecError, AttributeError, UpstreamInvalid):
        detail = ""
    text = f"The proxy answered {response.status}: {detail or 'no reason given'}"
    match response.status:
        case 401 | 403 if "files" not in response.url.parts:
            return NotAuthorised(text, next_step="Give the worker a token that is in force.")
        case 403:
            return CapabilityRefused(text)
        case 404 | 409 if "leases" in response.url.parts:
            return LeaseLost(text)
        case status if status in _PASSING:
            return UpstreamUnavailable(text)
        case _:
            return UpstreamInvalid(text)


def _note_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.info("proxy_call_repeated", attempt=state.attempt_number, error=str(error))
