"""A mirror is warmed: what lock files pin is analysed and fetched before anybody waits for it.

It asks as an installer does, over HTTP, page by page and file by file, so it works from any machine
with the right to install, and what it is answered is what installers will be answered. HEAD asks
for all but the bytes: the file is fetched, analysed and kept, and nobody is on record as having it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

import aiohttp
from packaging.utils import NormalizedName

from models.errors import UpstreamError, UpstreamInvalid, UpstreamUnavailable, ValueInvalid
from proxy.candidates import Interpreter, candidates_of
from proxy.index.credentials import authorization_of
from proxy.index.upstream import read_page
from proxy.lockfiles import Lock, Locked
from proxy.simple.negotiate import Format
from proxy.simple.page import IndexFile, ProjectPage

AT_ONCE = 16
"""Files that are asked for at once; below what one client may have on its way (`INTAKE_PER_CLIENT_MAX`)."""
HOPS_MAX = 40
"""Redirects of one file; a firewall holds a request some ten seconds before each."""
WAIT_S = 900.0
"""Seconds that one file may take: several analyses behind many others."""
RETRY_S = 2.0
"""Seconds before another try where a 429 does not say."""
PAGE_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of one page; the largest public ones stay below 30 MB."""
CHUNK_BYTES = 256 * 1024
REASON_CHARS_MAX = 300
"""Characters kept of a reason; ours have 200 at most."""
USER_AGENT = "pratique-mirror"

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Outcome(StrEnum):
    """What installers will get."""

    SERVED = "served"
    REFUSED = "refused"
    """Held for review, or denied."""
    UNLISTED = "unlisted"
    """The index lists no such file, or none that fits."""
    FAILED = "failed"
    """The firewall did not answer, or not in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmed:
    """What came of one file, or of a release of which there is none."""

    project: str
    version: str
    filename: str
    outcome: Outcome
    reason: str = ""
    """Why not, as the firewall says it: text of its own, and printable."""
    seconds: float = 0.0


Progress = Callable[[int, int, Warmed | None], None]
"""(files done, files known so far, the last one)."""


def _silent(_done: int, _known: int, _last: Warmed | None) -> None:
    """Nobody looks."""


async def warm(
    index_url: str,
    locks: Sequence[Lock],
    *,
    interpreter: Interpreter | None,
    at_once: int = AT_ONCE,
    wait_s: float = WAIT_S,
    progress: Progress = _silent,
) -> tuple[Warmed, ...]:
    """Ask the firewall at `index_url` for what `locks` pin; its URL may hold a token.

    Of each release the file that `interpreter` would install; None: every file that is pinned.
    Raises ValueInvalid for what is no URL; whatever else goes wrong is an outcome.
    """
    async with _session(index_url) as asking:
        asking.slots = asyncio.Semaphore(at_once)
        asking.wait_s = wait_s
        asking.progress = progress
        releases = list(dict.fromkeys(one for lock in locks for one in lock.releases))
        found = await asyncio.gather(*(asking.release(one, interpreter) for one in releases))
    return tuple(one for group in found for one in group)


class _Asking:
    """One session with the firewall."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session
        self.slots = asyncio.Semaphore(AT_ONCE)
        self.wait_s = WAIT_S
        self.progress: Progress = _silent
        self._known = 0
        self._done = 0

    async def release(self, one: Locked, interpreter: Interpreter | None) -> list[Warmed]:
        """All that is wanted of one release."""
        try:
            async with self.slots:
                page = await self._page(one.project)
            wanted = _wanted(page, one, interpreter)
        except UpstreamError as error:
            failed = isinstance(error, UpstreamUnavailable)
            outcome = Outcome.FAILED if failed else Outcome.UNLISTED
            return [self._told(_of(one, "", outcome, error.message), known=True)]
        if not wanted:
            why = "The index lists no file of it that is pinned, and fits."
            return [self._told(_of(one, "", Outcome.UNLISTED, why), known=True)]
        self._known += len(wanted)
        self.progress(self._done, self._known, None)
        return list(await asyncio.gather(*(self._file(one, file) for file in wanted)))

    async def _page(self, project: NormalizedName) -> ProjectPage:
        url = urljoin(self._url, f"{project}/")
        headers = {"Accept": Format.JSON_V1.value}
        try:
            async with (
                asyncio.timeout(self.wait_s),
                self._session.get(url, headers=headers) as answer,
            ):
                if answer.status != 200:
                    raise UpstreamInvalid(f"Its page was answered with status {answer.status}.")
                body = bytearray()
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    body += chunk
                    if len(body) > PAGE_BYTES_MAX:
                        raise UpstreamInvalid("Its page is too large.")
                kind = answer.headers.get("Content-Type", "")
                return await read_page(kind, bytes(body), str(answer.url), project=project)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamUnavailable(_unreachable(error)) from error

    async def _file(self, one: Locked, file: IndexFile) -> Warmed:
        begun = time.monotonic()
        async with self.slots:
            try:
                async with asyncio.timeout(self.wait_s):
                    outcome, reason = await self._head(file.url)
                    if outcome is Outcome.SERVED and file.core_metadata:
                        await self._metadata(file)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                outcome, reason = Outcome.FAILED, _unreachable(error)
        took = round(time.monotonic() - begun, 3)
        return self._told(_of(one, file.filename, outcome, reason, seconds=took))

    async def _head(self, url: str) -> tuple[Outcome, str]:
        for _ in range(HOPS_MAX):
            async with self._session.head(url, allow_redirects=False) as answer:
                reason = _printable(answer.reason or "")
                if answer.status in _REDIRECTS:
                    url = _onward(url, answer.headers.get("Location", ""))
                elif answer.status == 429:
                    await asyncio.sleep(_seconds(answer.headers.get("Retry-After", "")))
                elif answer.status == 200:
                    return Outcome.SERVED, ""
                elif answer.status == 403:
                    return Outcome.REFUSED, reason
                elif answer.status == 404:
                    return Outcome.UNLISTED, reason
                else:
                    return Outcome.FAILED, f"status {answer.status}: {reason}"
        return Outcome.FAILED, "It is still being analysed; try again later."

    async def _metadata(self, file: IndexFile) -> None:
        """Have it fetched too; an installer asks for it first."""
        async with self._session.get(f"{file.url}.metadata", allow_redirects=False) as answer:
            await answer.read()

    def _told(self, warmed: Warmed, *, known: bool = False) -> Warmed:
        self._done += 1
        self._known += known
        self.progress(self._done, self._known, warmed)
        return warmed


@asynccontextmanager
async def _session(index_url: str) -> AsyncIterator[_Asking]:
    try:
        url, authorization = authorization_of(index_url)
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        plain = False
    if not plain:
        raise ValueInvalid(
            "That is not the URL of an index.",
            next_step="Give the one that installers use, such as https://pypi.example.test/simple/.",
        )
    headers = {"User-Agent": USER_AGENT}
    if authorization:
        headers["Authorization"] = authorization
    async with aiohttp.ClientSession(
        headers=headers, timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
    ) as session:
        yield _Asking(url if url.endswith("/") else f"{url}/", session)


def _wanted(
    page: ProjectPage, one: Locked, interpreter: Interpreter | None
) -> tuple[IndexFile, ...]:
    """The pinned files of a release, or the one of them that would be installed."""
    pinned = tuple(file for file in page.files if file.sha256 in set(one.sha256s))
    if interpreter is None or not pinned:
        return pinned
    narrowed = ProjectPage(name=page.name, files=pinned)
    return tuple(candidate.file for candidate in candidates_of(narrowed, interpreter)[:1])


def _of(
    one: Locked, filename: str, outcome: Outcome, reason: str, *, seconds: float = 0.0
) -> Warmed:
    return Warmed(
        project=one.project,
        version=one.version,
        filename=filename,
        outcome=outcome,
        reason=reason,
        seconds=seconds,
    )


def _onward(url: str, target: str) -> str:
    """Where a redirect leads; the firewall never sends anybody elsewhere. Raises ClientError."""
    onward = urljoin(url, target)
    if urlsplit(onward)[:2] != urlsplit(url)[:2]:
        raise aiohttp.ClientError("it redirects to another host")
    return onward


def _seconds(text: str) -> float:
    return min(float(text), 60.0) if text.isascii() and text.isdigit() else RETRY_S


def _unreachable(error: BaseException) -> str:
    why = "did not answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
    return f"The firewall {why} ({type(error).__name__})."


def _printable(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text[:REASON_CHARS_MAX])


def counted(warmed: Iterable[Warmed]) -> dict[Outcome, int]:
    """How many came to what."""
    counts = dict.fromkeys(Outcome, 0)
    for one in warmed:
        counts[one.outcome] += 1
    return counts
