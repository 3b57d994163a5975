"""As much of WebSocket (RFC 6455) as it takes to read what a client says: its frames are masked."""

from __future__ import annotations

import base64
import hashlib

from analyzer.sandbox.http import Request

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def acceptance(request: Request) -> bytes:
    """The answer to a request that asks for a WebSocket; empty where it does not."""
    key = request.headers.get("sec-websocket-key", "")
    if request.headers.get("upgrade", "").lower() != "websocket" or not key:
        return b""
    digest = hashlib.sha1(key.encode("latin-1", "replace") + _GUID, usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


class Frames:
    """A client's frames taken apart."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._key = bytes(4)
        self._place = 0

    def feed(self, data: bytes) -> bytes:
        """The content in this much more, of all frames joined."""
        content = b""
        while data:
            if self._left:
                piece = data[: self._left]
                content += self._unmask(piece)
                self._left -= len(piece)
                data = data[len(piece) :]
                continue
            missing = self._head_size() - len(self._head)
            self._head += data[:missing]
            data = data[missing:]
            if self._head_size() == len(self._head):
                self._begin()
        return content

    def _head_size(self) -> int:
        """Bytes of the head as far as it is known."""
        if len(self._head) < 2:
            return 2
        length = self._head[1] & 0x7F
        return 2 + {126: 2, 127: 8}.get(length, 0) + (4 if self._head[1] & 0x80 else 0)

    def _begin(self) -> None:
        wide = {126: 2, 127: 8}.get(self._head[1] & 0x7F, 0)
        length = int.from_bytes(self._head[2 : 2 + wide], "big") if wide else self._head[1] & 0x7F
        self._key = self._head[2 + wide :] or bytes(4)
        self._left, self._place, self._head = length, 0, b""

    def _unmask(self, piece: bytes) -> bytes:
        start = self._place % 4
        mask = (self._key * (len(piece) // 4 + 2))[start : start + len(piece)]
        self._place += len(piece)
        number = int.from_bytes(piece, "big") ^ int.from_bytes(mask, "big")
        return number.to_bytes(len(piece), "big")
