"""The index behind us, over HTTP: raw pages, conditional requests, and parsed pages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar
from urllib.parse import quote

from packaging.utils import NormalizedName

from models.artifact import IndexName
from models.errors import UpstreamInvalid
from proxy.index.client import Answer, UpstreamBounds, UpstreamClient, read_bounded
from proxy.index.port import FetchedPage
from proxy.simple.negotiate import UPSTREAM_ACCEPT, Format
from proxy.simple.page import NOWHERE, ProjectPage
from proxy.simple.parse import (
    parse_html,
    parse_json,
    parse_projects_html,
    parse_projects_json,
    read_by_entry,
    read_whole,
)

Params = ParamSpec("Params")
Made = TypeVar("Made")

WHOLE_BYTES_MAX = 192 * 1024
"""Bytes of a JSON page that is read as a whole on the event loop (2 ms); larger ones in a thread."""
INLINE_BYTES_MAX = 32 * 1024
"""Bytes of a JSON page with something odd on it, or of one to be written, of which the same is true."""
MAX_AGE_S_MAX = 365 * 86_400
"""Seconds; what a max-age may claim before it is cut (ours)."""

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,12})", re.IGNORECASE)
_HTML_TYPES = frozenset({Format.HTML_V1.value, Format.HTML_LEGACY.value})


class UpstreamIndex:
    """An Index, and the PageSource under a cache. Call `start` before use and `close` after."""

    def __init__(
        self,
        name: IndexName,
        url: str,
        *,
        bounds: UpstreamBounds | None = None,
        authorization: str = "",
    ) -> None:
        """`url` may hold credentials. Raises ValueInvalid unless it is http(s)."""
        self.name = name
        self.client = UpstreamClient(url, bounds=bounds, authorization=authorization)

    async def start(self) -> None:
        """Open the connection pool."""
        await self.client.start()

    async def close(self) -> None:
        """Close the connection pool."""
        await self.client.close()

    async def project(self, project: NormalizedName) -> ProjectPage:
        """A project's page, fresh. Raises UpstreamNotFound, or another UpstreamError."""
        page = await self.fetch(project)
        return await read_page(
            page.content_type, page.body, page.url, project=project, index=self.name
        )

    async def fetch(self, project: NormalizedName, *, etag: str = "") -> FetchedPage:
        """The raw page, or word that it is still the one of `etag`. Raises UpstreamError.

        `etag` is what an earlier page had as its own: a tag or a date.
        """
        url = f"{self.client.url}{quote(project)}/"
        headers = {"Accept": UPSTREAM_ACCEPT}
        if etag:
            headers["If-None-Match" if _is_tag(etag) else "If-Modified-Since"] = etag

        async def attempt() -> FetchedPage:
            total_s = self.client.bounds.page_total_s
            async with self.client.get(
                url, total_s=total_s, headers=headers, keep_host=True
            ) as answer:
                return await self._read(answer, conditional=bool(etag))

        return await self.client.retrying(attempt)

    async def projects(self) -> tuple[str, ...]:
        """The names of all projects, as upstream spells them. Raises UpstreamError."""
        bounds = self.client.bounds

        async def attempt() -> tuple[str, bytes]:
            async with self.client.get(
                self.client.url,
                total_s=bounds.page_total_s,
                headers={"Accept": UPSTREAM_ACCEPT},
                keep_host=True,
            ) as answer:
                body = await read_bounded(answer, bytes_max=bounds.projects_bytes_max)
                return _media_type(answer.header("Content-Type")), body

        media_type, body = await self.client.retrying(attempt)
        if media_type == Format.JSON_V1:
            return await asyncio.to_thread(parse_projects_json, body)
        if media_type in _HTML_TYPES:
            return await asyncio.to_thread(parse_projects_html, body)
        raise _unknown_type()

    async def _read(self, answer: Answer, *, conditional: bool) -> FetchedPage:
        unchanged = answer.status == 304
        if answer.status != 200 and not (unchanged and conditional):
            raise UpstreamInvalid(f"The upstream answered a page with status {answer.status}.")
        bounds = self.client.bounds
        content_type = answer.header("Content-Type")
        is_html = _media_type(content_type) in _HTML_TYPES
        bytes_max = bounds.html_bytes_max if is_html else bounds.page_bytes_max
        return FetchedPage(
            url=answer.url,
            content_type=content_type,
            etag=answer.header("ETag") or answer.header("Last-Modified"),
            body=b"" if unchanged else await read_bounded(answer, bytes_max=bytes_max),
            max_age_s=max_age_s(answer.header("Cache-Control")),
            unchanged=unchanged,
            last_serial=_serial(answer.header("X-PyPI-Last-Serial")),
        )


async def read_page(
    content_type: str, body: bytes, url: str, *, project: NormalizedName, index: IndexName = NOWHERE
) -> ProjectPage:
    """A page of `index` by its content type, read off the event loop where that takes long.

    Raises UpstreamInvalid.
    """
    media_type = _media_type(content_type)
    if media_type in _HTML_TYPES:
        return await asyncio.to_thread(parse_html, body, url, project=project, index=index)
    if media_type != Format.JSON_V1:
        raise _unknown_type()
    if len(body) > WHOLE_BYTES_MAX:
        return await asyncio.to_thread(parse_json, body, url, project=project, index=index)
    whole = read_whole(body, project=project, index=index)
    if whole is not None:
        return whole
    return await light_or_threaded(
        len(body), read_by_entry, body, url, project=project, index=index
    )


async def light_or_threaded(
    size_bytes: int, work: Callable[Params, Made], *args: Params.args, **kwargs: Params.kwargs
) -> Made:
    """What `work` makes of a page of that size: on the event loop, or in a thread where it is large."""
    if size_bytes <= INLINE_BYTES_MAX:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def max_age_s(cache_control: str) -> int | None:
    """Seconds a page stays fresh by its Cache-Control (RFC 9111, 5.2.2); None: it does not say."""
    lowered = cache_control.lower()
    if "no-store" in lowered or "no-cache" in lowered:
        return 0
    match = _MAX_AGE.search(lowered)
    return min(int(match[1]), MAX_AGE_S_MAX) if match else None


def _is_tag(validator: str) -> bool:
    """Whether it is an entity tag, and no date (RFC 9110, 8.8.3)."""
    return validator.startswith(('"', "W/"))


def _serial(header: str) -> int | None:
    return int(header) if re.fullmatch(r"[0-9]{1,15}", header) else None


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _unknown_type() -> UpstreamInvalid:
    return UpstreamInvalid(
        "The upstream answered with neither a JSON nor an HTML index page.",
        next_step="Check that the upstream's URL is that of a simple index (it often ends in /simple/).",
    )
