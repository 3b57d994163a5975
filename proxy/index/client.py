"""HTTP to one upstream: pooled, bounded, redirects checked by hand, errors of our own tree."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.abc import ResolveResult
from cachetools import LRUCache
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from models.errors import (
    UpstreamError,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamTooLarge,
    UpstreamUnavailable,
    ValueInvalid,
)
from proxy.index.credentials import authorization_of

CONNECT_S = 5.0
"""Seconds to connect; pip gives a whole request 15 (FACTS.md 1.2)."""
READ_S = 15.0
"""Seconds of silence on an open connection; pip's own read timeout (FACTS.md 1.2)."""
PAGE_TOTAL_S = 60.0
"""Seconds for one page with all its redirects; the largest are tens of MB."""
PAGE_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of one project page, unpacked; the largest public ones stay below 30 MB (ours)."""
HTML_BYTES_MAX = 16 * 1024 * 1024
"""Bytes of one HTML page; the parser takes about a second per 2 MB (measured here)."""
PROJECTS_BYTES_MAX = 256 * 1024 * 1024
"""Bytes of the list of all projects; with 700,000 names it is about 40 MB."""
REDIRECTS_MAX = 5
"""Redirects followed for one request; one normalises the name, one leads to a file store."""
ATTEMPTS_MAX = 3
"""Times an idempotent GET is tried."""
RETRY_WAIT_S = 0.3
"""Seconds that the mean wait between two tries starts at; it doubles, and is drawn at random."""
RETRY_WAIT_S_MAX = 3.0
CONNECTIONS_MAX = 32
"""Connections to the upstream that are open at once."""
CHUNKS_MAX = 1_024
"""Pieces of a body that are held apart: each weighs more than a byte or two that drip in."""
HOSTS_MAX = 1_024
"""Hosts of which it is remembered whether the environment names a proxy to them."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
RETRYABLE = frozenset({408, 425, 429})
"""Statuses below 500 that speak of now, not of the thing asked for (RFC 9110, 6585, 8470)."""
USER_AGENT = "pratique"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamBounds:
    """What we grant the upstream."""

    connect_s: float = CONNECT_S
    read_s: float = READ_S
    page_total_s: float = PAGE_TOTAL_S
    page_bytes_max: int = PAGE_BYTES_MAX
    html_bytes_max: int = HTML_BYTES_MAX
    projects_bytes_max: int = PROJECTS_BYTES_MAX
    redirects_max: int = REDIRECTS_MAX
    attempts_max: int = ATTEMPTS_MAX
    retry_wait_s: float = RETRY_WAIT_S
    connections_max: int = CONNECTIONS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response whose body has not been read, and the URL it came from in the end."""

    response: aiohttp.ClientResponse
    url: str

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status

    def header(self, name: str) -> str:
        """A response header, or an empty string."""
        return self.response.headers.get(name, "")


class UpstreamClient:
    """GETs for one upstream and for the file stores that its pages point to.

    Credentials in the upstream's URL go to its own origin alone. Link-local addresses are never
    asked, whoever points there: behind them stands a cloud's metadata service.
    """

    def __init__(
        self, url: str, *, bounds: UpstreamBounds | None = None, authorization: str = ""
    ) -> None:
        """`url` is the simple index, with or without a slash at its end. Raises ValueInvalid.

        `authorization` is a header's value, which takes the place of credentials in the URL.
        """
        self.bounds = bounds or UpstreamBounds()
        self.url, from_url = _split_credentials(url)
        self._authorization = authorization or from_url
        self._origin = _origin(self.url)
        self._session: aiohttp.ClientSession | None = None
        self._proxies: LRUCache[tuple[str, str], str | None] = LRUCache(maxsize=HOSTS_MAX)

    async def start(self) -> None:
        """Open the pool."""
        connector = aiohttp.TCPConnector(
            limit=self.bounds.connections_max, resolver=_GuardedResolver(), ttl_dns_cache=60
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self.bounds.connect_s, sock_read=self.bounds.read_s
            ),
        )
        self._proxies.clear()

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def get(
        self,
        url: str,
        *,
        total_s: float,
        headers: Mapping[str, str] | None = None,
        keep_https: bool = True,
        keep_host: bool = False,
        raw: bool = False,
    ) -> AsyncIterator[Answer]:
        """A response with its body unread, after at most `redirects_max` redirects.

        `keep_https` refuses a redirect from https to http: right for whatever has no hash of its
        own. `keep_host` refuses one to another host: right for a page, whose hashes are believed.
        `raw` leaves a Content-Encoding undone. Errors of the network, while the caller reads
        too, become UpstreamUnavailable; anything but 200, 206, 304 and 416 its UpstreamError.
        """
        try:
            async with asyncio.timeout(total_s):
                answer = await self._follow(
                    url,
                    dict(headers or {}),
                    keep_https=keep_https,
                    keep_host=keep_host,
                    raw=raw,
                )
                try:
                    _check_status(answer)
                    yield answer
                finally:
                    answer.response.release()
        except aiohttp.InvalidURL as error:
            raise UpstreamInvalid("The upstream points to a URL that cannot be read.") from error
        except aiohttp.ClientHttpProxyError as error:
            raise _unavailable(url, error) from None  # its text may hold the proxy's password
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unavailable(url, error) from error

    async def retrying(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """`attempt()`, tried again with jitter while it raises UpstreamUnavailable."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self.bounds.attempts_max),
            wait=wait_random_exponential(multiplier=self.bounds.retry_wait_s, max=RETRY_WAIT_S_MAX),
            retry=retry_if_exception_type(UpstreamUnavailable),
            reraise=True,
        )
        async for each in retrying:
            with each:
                return await attempt()
        raise AssertionError("tenacity re-raises what the last attempt raised")

    async def _follow(
        self,
        url: str,
        headers: dict[str, str],
        *,
        keep_https: bool,
        keep_host: bool,
        raw: bool,
    ) -> Answer:
        if self._session is None:
            raise UpstreamUnavailable("The connection to the upstream is not open.")
        for _ in range(self.bounds.redirects_max + 1):
            _check_url(url)
            response = await self._session.get(
                url,
                headers=headers | self._credentials_for(url),
                allow_redirects=False,
                auto_decompress=not raw,
                proxy=self._proxy_for(url),
            )
            target = response.headers.get("Location", "")
            if response.status not in REDIRECTS or not target:
                return Answer(response=response, url=url)
            response.release()
            url = _redirected(url, target, keep_https=keep_https, keep_host=keep_host)
        raise UpstreamInvalid(
            f"The upstream redirected more than {self.bounds.redirects_max} times."
        )

    def _proxy_for(self, url: str) -> str | None:
        """What the environment names as the proxy to a host (`https_proxy`, `no_proxy`), looked up once.

        aiohttp's own `trust_env` looks for each request, in a thread, and reads ~/.netrc as well:
        credentials that nobody gave us for this.
        """
        scheme, host, _ = _origin(url)
        try:
            return self._proxies[scheme, host]
        except KeyError:
            bypassed = proxy_bypass(host)
            found = None if bypassed else getproxies().get(scheme)
            self._proxies[scheme, host] = found
            return found

    def _credentials_for(self, url: str) -> dict[str, str]:
        if self._authorization and _origin(url) == self._origin:
            return {"Authorization": self._authorization}
        return {}


async def read_bounded(answer: Answer, *, bytes_max: int) -> bytes:
    """The whole body, unpacked. Raises UpstreamTooLarge past `bytes_max`."""
    announced = answer.response.content_length
    if announced is not None and announced > bytes_max:
        raise _too_large(bytes_max)
    chunks: list[bytes] = []
    size_bytes = 0
    async for chunk in answer.response.content.iter_any():
        chunks.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > bytes_max:
            raise _too_large(bytes_max)
        if len(chunks) > CHUNKS_MAX:
            chunks = [b"".join(chunks)]
    return b"".join(chunks)


class _GuardedResolver(aiohttp.ThreadedResolver):
    """Names that lead to link-local addresses lead nowhere."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError where none may be asked."""
        found = await super().resolve(host, port, family)
        allowed = [result for result in found if not _is_link_local(result["host"])]
        if not allowed:
            raise OSError(f"{host} has only link-local addresses")
        return allowed


def _split_credentials(url: str) -> tuple[str, str]:
    """(URL with a slash at its end and without credentials, Authorization header or nothing)."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueInvalid(
            "The upstream is not an http or https URL.",
            next_step="Give the URL of a simple index, such as https://index.example/simple/.",
        )
    bare, authorization = authorization_of(url)
    path = parts.path if parts.path.endswith("/") else parts.path + "/"
    return urlunsplit((parts.scheme, urlsplit(bare).netloc, path, "", "")), authorization


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname or "", parts.port or default


def _check_url(url: str) -> None:
    """Raises UpstreamInvalid for what must not be asked."""
    try:
        parts = urlsplit(url)
        scheme, host, _ = _origin(url)
    except ValueError as error:
        raise UpstreamInvalid("The upstream points to a URL that cannot be read.") from error
    if scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        raise UpstreamInvalid("The upstream points to something that is not a plain http(s) URL.")
    if _is_link_local(host):
        raise UpstreamInvalid("The upstream points to a link-local address; it is not asked.")


def _redirected(url: str, target: str, *, keep_https: bool, keep_host: bool = False) -> str:
    try:
        joined = urljoin(url, target)
        elsewhere = urlsplit(joined).hostname != urlsplit(url).hostname
    except ValueError as error:
        raise UpstreamInvalid("The upstream redirects to a URL that cannot be read.") from error
    if keep_https and url.startswith("https:") and not joined.startswith("https:"):
        raise UpstreamInvalid("The upstream redirects from https to something less.")
    if keep_host and elsewhere:
        raise UpstreamInvalid(
            "The upstream redirects its index to another host.",
            next_step="If that is right, name the other host's index as the upstream.",
        )
    return joined.partition("#")[0]


def _is_link_local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_link_local


def _check_status(answer: Answer) -> None:
    status = answer.status
    if status in {200, 206, 304, 416}:
        return
    if status in {404, 410}:
        raise UpstreamNotFound("The upstream has no such project or file.")
    if status >= 500 or status in RETRYABLE:
        raise UpstreamUnavailable(f"The upstream answered with status {status}.")
    if status in {401, 403, 407}:
        raise UpstreamInvalid(
            f"The upstream refuses us (status {status}).",
            next_step="Check the credentials in the upstream's URL.",
        )
    raise UpstreamInvalid(f"The upstream answered with status {status}.")


def _unavailable(url: str, error: Exception) -> UpstreamError:
    host = urlsplit(url).hostname
    why = "did not answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
    return UpstreamUnavailable(
        f"The upstream {host} {why} ({type(error).__name__}).",
        next_step="Check that this machine reaches it; approved files stay available meanwhile.",
    )


def _too_large(bytes_max: int) -> UpstreamTooLarge:
    return UpstreamTooLarge(f"The upstream sends more than {bytes_max} bytes.")
