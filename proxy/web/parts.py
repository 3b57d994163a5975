"""Bodies in parts, each written when the client has taken the one before.

For what is made while it is sent, and for what aiohttp would copy whole for each connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from aiohttp import hdrs, web

PART_BYTES = 128 * 1024
"""Bytes of one part; the kernel takes about as much of a fast client at once."""


def parts_of(body: bytes) -> Iterator[memoryview]:
    """`body` in parts, none of them copied."""
    view = memoryview(body)
    return (view[start : start + PART_BYTES] for start in range(0, len(view), PART_BYTES))


async def send_parts(
    request: web.Request,
    parts: Iterable[bytes | memoryview],
    size_bytes: int,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    """A 200 whose parts have `size_bytes` together; nothing of them is made for a HEAD."""
    response = web.StreamResponse(headers=headers)
    response.content_length = size_bytes
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    for part in parts:
        await response.write(part)
    await response.write_eof()
    return response
