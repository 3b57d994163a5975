"""What pages and small bodies of the index say of themselves: validator, caching, type and coding."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from aiohttp import hdrs, web
from multidict import CIMultiDict

from proxy.simple.negotiate import Coding, Format
from proxy.web.ranges import matches

TAG_CHARS = 32
_KEPT_IN_304 = (hdrs.ETAG, hdrs.CACHE_CONTROL, hdrs.VARY)
"""RFC 9110, 15.4.5."""
_SUFFIX = {Coding.IDENTITY: "", Coding.GZIP: "-gz", Coding.ZSTD: "-zst"}


def tag_of(format_: Format, parts: Iterable[bytes]) -> str:
    """The validator of a page in one format, without quotes and before coding.

    The two HTML types share their bytes, and a strong tag must tell them apart (RFC 9110, 8.8.1).
    """
    digest = hashlib.sha256(format_.content_type.encode() + b"\n")
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:TAG_CHARS]


def page_headers(tag: str, format_: Format, coding: Coding) -> CIMultiDict[str]:
    """The headers of a page with that tag. Each coding has a tag of its own (RFC 9110, 8.8.3.3)."""
    headers = CIMultiDict(
        {
            hdrs.ETAG: f'"{tag}{_SUFFIX[coding]}"',
            # A 304 is nearly free, and a new verdict takes effect at once (FACTS 1.5).
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.VARY: "Accept, Accept-Encoding",
            hdrs.CONTENT_TYPE: format_.content_type,
        }
    )
    if format_ is not Format.JSON_V1:
        headers["Content-Security-Policy"] = "default-src 'none'"
    if coding is not Coding.IDENTITY:
        headers[hdrs.CONTENT_ENCODING] = coding.value
    return headers


def not_modified(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """Those of them that a 304 repeats."""
    return CIMultiDict((name, headers[name]) for name in _KEPT_IN_304)


def tagged(
    request: web.Request,
    data: bytes,
    content_type: str,
    *,
    cache_control: str,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """`data` whole, or 304 where the client has it; its tag is its sha256."""
    etag = f'"{hashlib.sha256(data).hexdigest()}"'
    common = {
        **(headers or {}),
        hdrs.ETAG: etag,
        hdrs.CACHE_CONTROL: cache_control,
        "X-Content-Type-Options": "nosniff",
    }
    if matches(request.headers.get(hdrs.IF_NONE_MATCH), etag):
        return web.Response(status=304, headers=common)
    return web.Response(body=data, headers={**common, hdrs.CONTENT_TYPE: content_type})
