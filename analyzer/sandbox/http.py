"""As much of HTTP/1.1 (RFC 9112) as it takes to let a client finish what it has to say."""

from __future__ import annotations

METHODS = (b"GET", b"POST", b"PUT", b"HEAD", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT")
HEAD_BYTES_MAX = 64 * 1024
"""Bytes of request line and headers; servers allow 8 to 64 KiB."""
REQUEST_LINE_CHARS_MAX = 200
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODY = b"{}"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    b"Connection: close\r\n\r\n"
)


class Request:
    """One request as it comes in. Feed it; `answer` is what to send once it is whole."""

    def __init__(self) -> None:
        self._head = b""
        self._waiting: int | None = None
        self._chunked = False
        self._last = b""
        self._expects = False
        self.line = ""
        self.refused = False
        self.complete = False

    def feed(self, data: bytes) -> None:
        """Take one more piece."""
        if self.refused or self.complete:
            return
        if self._waiting is not None:
            self._body(data)
            return
        self._head += data
        word = self._head[:8].split(b" ")[0]
        if not any(method.startswith(word) or word == method for method in METHODS):
            self.refused = True
            return
        head, border, body = self._head.partition(b"\r\n\r\n")
        if border:
            self._read_head(head)
            self._body(body)
        elif len(self._head) > HEAD_BYTES_MAX:
            self.refused = True

    def _read_head(self, head: bytes) -> None:
        lines = head.split(b"\r\n")
        self.line = lines[0][:REQUEST_LINE_CHARS_MAX].decode("latin-1")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip().lower()
        length = headers.get(b"content-length", b"0")
        self._waiting = int(length) if length.isdigit() and len(length) < 16 else 0
        self._chunked = b"chunked" in headers.get(b"transfer-encoding", b"")
        self._expects = headers.get(b"expect") == b"100-continue"

    def _body(self, data: bytes) -> None:
        if self._chunked:
            self._last = (self._last + data)[-7:]
            self.complete = self._last.endswith(b"0\r\n\r\n")
        elif self._waiting is not None:
            self._waiting = max(0, self._waiting - len(data))
            self.complete = self._waiting == 0

    def take_reply(self) -> bytes:
        """What to send now: the answer, `100 Continue` once, or nothing."""
        if self.complete:
            return ANSWER + (b"" if self.line.startswith("HEAD ") else _BODY)
        if self._expects:
            self._expects = False
            return CONTINUE
        return b""
