"""One attempt to deliver: a POST without redirects, cookies or proxies, bounded in time and bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from time import monotonic
from typing import Protocol

import aiohttp
from aiohttp import hdrs

from models.clock import Clock
from proxy.store.telling_port import Webhook
from proxy.telling.addresses import PrivateAddress, guarded_socket

SEND_S = 10.0
"""Seconds that one attempt may take, all in all; chats answer within one."""
CONNECT_S = 5.0
"""Of them for the connection."""
ANSWER_BYTES_MAX = 4 * 1024
"""Bytes of an answer that are read (and thrown away), so that its connection can be used again."""
CONNECTIONS_MAX = 16
"""Connections kept at once."""
RETRY_AFTER_S_MAX = 24 * 3600
"""Seconds in a Retry-After that are believed."""
AGENT = f"pratique/{version('pratique')}"
PRIVATE = "its address is private (see --allow-private)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt went. `error` says it in words of ours: what a receiver answers is not repeated."""

    status: int | None = None
    error: str = ""
    retry_after_s: float = 0.0
    duration_ms: int = 0

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it: any 2xx."""
        return not self.error

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more, ever (410)."""
        return self.status == 410


class Sender(Protocol):
    """Whoever carries a delivery to its receiver."""

    async def send(self, webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """One attempt. Raises nothing: a failure is an outcome."""


class HttpSender:
    """By HTTP; those who may reach private addresses have a pool of connections of their own."""

    def __init__(self, *, clock: Clock, send_s: float = SEND_S) -> None:
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=send_s, connect=CONNECT_S)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def send(self, webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """One attempt."""
        begun = monotonic()
        outcome = await self._send(webhook, body, headers)
        return Outcome(
            status=outcome.status,
            error=outcome.error,
            retry_after_s=outcome.retry_after_s,
            duration_ms=int((monotonic() - begun) * 1000),
        )

    async def close(self) -> None:
        """Let go of all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _send(self, webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> Outcome:
        session = self._session(private=webhook.allow_private)
        try:
            async with session.post(
                webhook.url,
                data=body,
                headers={hdrs.CONTENT_TYPE: "application/json", **headers},
                allow_redirects=False,
            ) as response:
                await response.content.read(ANSWER_BYTES_MAX)
                return self._outcome(response)
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            return Outcome(error=_why(error))

    def _outcome(self, response: aiohttp.ClientResponse) -> Outcome:
        if 200 <= response.status < 300:
            return Outcome(status=response.status)
        after = retry_after_s(response.headers.get(hdrs.RETRY_AFTER, ""), self._clock())
        return Outcome(status=response.status, error=f"HTTP {response.status}", retry_after_s=after)

    def _session(self, *, private: bool) -> aiohttp.ClientSession:
        if private not in self._sessions:
            self._sessions[private] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=CONNECTIONS_MAX, socket_factory=None if private else guarded_socket
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={hdrs.USER_AGENT: AGENT},
                timeout=self._timeout,
                auto_decompress=False,
                trust_env=False,
            )
        return self._sessions[private]


def retry_after_s(text: str, now: datetime) -> float:
    """Seconds in a Retry-After header (RFC 9110): a number or a date; 0 for anything else."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX)


def _why(error: Exception) -> str:
    """In words of ours: an error of a library may quote the URL, which is a secret."""
    if any(isinstance(one, PrivateAddress) for one in _causes(error)):
        return PRIVATE
    match error:
        case asyncio.TimeoutError():
            return "it did not answer in time"
        case aiohttp.ClientConnectorDNSError():
            return "its name cannot be resolved"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "its certificate is not accepted, or TLS failed"
        case aiohttp.ClientConnectorError() | ConnectionError():
            return "it cannot be reached"
        case _:
            return f"the connection failed ({type(error).__name__})"


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what is behind it, also in groups, as far as ten deep."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting and len(found) < 10:
        one = waiting.pop()
        found.append(one)
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
        inner = getattr(one, "os_error", None)
        if isinstance(inner, BaseException):
            waiting.append(inner)
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    return found
