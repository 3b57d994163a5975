"""As much of HTTP/1.1 (RFC 9112) as it takes to let a client finish what it has to say."""

from __future__ import annotations

METHODS = (b"GET", b"POST", b"PUT", b"HEAD", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT")
HEAD_BYTES_MAX = 64 * 1024
"""Bytes of request line and headers; servers allow 8 to 64 KiB."""
BODY_BYTES_MAX = 64 * 1024
"""Bytes of a body that are kept; all of it is searched elsewhere."""
REQUEST_LINE_CHARS_MAX = 200
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CHUNK_LINE_BYTES_MAX = 4096


class Request:
    """One request as it comes in. Feed it until it is `complete`."""

    def __init__(self) -> None:
        self._head = b""
        self._waiting: int | None = None
        self._chunks: _Chunks | None = None
        self._expects = False
        self._unread = b""
        self.line = ""
        self.method = ""
        self.target = ""
        self.headers: dict[str, str] = {}
        """Names in lower case; values as they came."""
        self.body = b""
        self.refused = False
        self.complete = False

    def feed(self, data: bytes) -> None:
        """Take one more piece."""
        if self.refused or self.complete:
            return
        if self._waiting is not None:
            self._take_body(data)
            return
        self._head += data
        word = self._head[:8].split(b" ")[0]
        if not any(method.startswith(word) or word == method for method in METHODS):
            self.refused = True
            return
        head, border, body = self._head.partition(b"\r\n\r\n")
        if border:
            self._read_head(head)
            self._take_body(body)
        elif len(self._head) > HEAD_BYTES_MAX:
            self.refused = True

    def _read_head(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0][:REQUEST_LINE_CHARS_MAX]
        words = lines[0].split(" ")
        self.method, self.target = words[0], words[1] if len(words) > 1 else ""
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        length = self.headers.get("content-length", "0")
        good = length.isascii() and length.isdigit() and len(length) < 16
        self._waiting = int(length) if good else 0
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            self._chunks = _Chunks()
        self._expects = self.headers.get("expect", "").lower() == "100-continue"

    def _take_body(self, data: bytes) -> None:
        if self._chunks is not None:
            data = self._chunks.feed(data)
            self._unread += data
            self.complete = self._chunks.ended
        elif self._waiting is not None:
            self._waiting = max(0, self._waiting - len(data))
            self.complete = self._waiting == 0
        self.body += data[: BODY_BYTES_MAX - len(self.body)]

    def take_chunked(self) -> bytes:
        """What came of a chunked body since the last call, without the sizes between."""
        data, self._unread = self._unread, b""
        return data

    def take_interim(self) -> bytes:
        """`100 Continue`, once, where the client waits for it."""
        if self._expects and not self.complete:
            self._expects = False
            return CONTINUE
        return b""


class _Chunks:
    """A chunked body (RFC 9112, 7.1) taken apart; after nonsense everything counts as content."""

    def __init__(self) -> None:
        self._line = b""
        self._left = 0
        self._lost = False
        self._last = False
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        content = b""
        while data and not self.ended:
            if self._lost:
                return content + data
            if self._left:
                piece = data[: self._left]
                content += piece
                self._left -= len(piece)
                data = data[len(piece) :]
                continue
            rest, border, data = (self._line + data).partition(b"\n")
            if not border:
                self._line = rest
                self._lost = len(rest) > _CHUNK_LINE_BYTES_MAX
                break
            self._line = b""
            content += self._read_line(rest.strip())
        return content

    def _read_line(self, line: bytes) -> bytes:
        """A size, the empty line after a chunk, or the end; nonsense is given back as content."""
        if not line:
            self.ended = self._last
            return b""
        if self._last:
            return line  # a trailer field
        digits = line.split(b";")[0].strip()
        try:
            self._left = int(digits, 16) if len(digits) <= 8 else -1
        except ValueError:
            self._left = -1
        if self._left < 0:
            self._left, self._lost = 0, True
            return line
        self._last = self._left == 0
        return line.partition(b";")[2]  # an extension may carry something too
