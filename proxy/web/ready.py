"""Answers that are made once and sent many times: the head is bytes already, the body as well.

aiohttp makes the head of every answer anew from a dictionary: a third of what it needs for a small
page. What is no plain request of a living connection goes its way all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from time import time

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http import SERVER_SOFTWARE
from multidict import CIMultiDict

from proxy.web.parts import parts_of, send_parts

JOINED_BYTES_MAX = 64 * 1024
"""Bytes of a body that is joined with its head and left to the kernel, whose buffer takes it as a rule.

A larger one is `long`: it is written where it lies, and waited for. uvloop copies nothing of what a
slow client leaves: all connections hold the same body."""
_FORBIDDEN = frozenset("\r\n\0")


@dataclass(frozen=True, slots=True)
class Added:
    """Headers that an answer made before does not have, and the same as bytes; one for many answers."""

    headers: Mapping[str, str]
    lines: bytes


NOTHING_ADDED = Added({}, b"")


class Ready(web.StreamResponse):
    """One use of an answer that was made before."""

    def __init__(
        self,
        *,
        status: int,
        head: bytes,
        body: bytes,
        headers: Mapping[str, str],
        added: Added = NOTHING_ADDED,
    ) -> None:
        """`head` is `head_of` the same status, headers and body; `added` are none of these."""
        super().__init__(status=status)
        self._ready_head = head
        self._ready_body = body
        self._ready_headers = headers
        self._added = added
        self._asked: web.BaseRequest | None = None
        self._plain: web.Response | None = None
        self._sent = False

    @property
    def long(self) -> bool:
        """Whether to `send` it before the handler returns.

        It may take a client minutes: meanwhile the request is under way, for the bounds on connections
        and for its line in the log.
        """
        return len(self._ready_body) > JOINED_BYTES_MAX

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Send it now; what is returned is for aiohttp. Raises ConnectionResetError: the client is gone."""
        if not _stays(request):  # aiohttp would join head and body, for each client
            headers = CIMultiDict([*self._ready_headers.items(), *self._added.headers.items()])
            parts = parts_of(self._ready_body)
            return await send_parts(request, parts, len(self._ready_body), headers)
        await self.prepare(request)
        await self.write_eof()
        self._sent = True
        return self

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays."""
        return True if self._plain is None else self._plain.keep_alive

    async def prepare(self, request: web.BaseRequest) -> object:  # type: ignore[override]
        """Called by aiohttp before `write_eof`."""
        if self._sent:
            return None
        self._asked = request
        if _stays(request):
            return None
        self._plain = web.Response(
            status=self.status,
            body=self._ready_body or None,
            headers=[*self._ready_headers.items(), *self._added.headers.items()],
        )
        return await self._plain.prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Send it all. Raises ConnectionResetError where the client is gone."""
        if self._plain is not None:
            await self._plain.write_eof(data)
            return
        request, self._asked = self._asked, None
        if request is None:
            return
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        body = b"" if request.method == hdrs.METH_HEAD else self._ready_body
        head = (self._ready_head, self._added.lines, _now())
        if len(body) <= JOINED_BYTES_MAX:
            transport.write(b"".join((*head, body)))
        else:
            transport.writelines((*head, body))
        await request.writer.drain()


def _stays(request: web.BaseRequest) -> bool:
    """Whether the connection stays open behind the answer."""
    return request.version == HttpVersion11 and bool(request.keep_alive)


def head_of(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """Status line and headers but for those of the moment. Raises ValueError for a broken header."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *_lines(headers)]
    if status != HTTPStatus.NOT_MODIFIED:
        lines.append(f"Content-Length: {len(body)}")
    lines.append(f"Server: {SERVER_SOFTWARE}")
    return "\r\n".join(lines).encode() + b"\r\n"


def added(headers: Mapping[str, str]) -> Added:
    """`headers` in both forms. Raises ValueError for a broken header."""
    return Added(headers, "".join(f"{line}\r\n" for line in _lines(headers)).encode())


def _lines(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        if _FORBIDDEN & {*name, *value}:
            raise ValueError("A header is one line.")
        yield f"{name}: {value}"


class _Moment:
    """The Date header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def __call__(self) -> bytes:
        second = int(time())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n\r\n".encode()
        return self._line


_now = _Moment()
