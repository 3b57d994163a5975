"""The server's end of TLS, without a socket: what a client says first, and what it says inside.

The name that a client asks for stands in the clear in its first message (RFC 8446, RFC 6066), so
it is known even where the client then trusts nobody but its own authority and hangs up.
"""

from __future__ import annotations

import ssl
import struct

HELLO_BYTES_MAX = 1 << 16
"""Bytes within which a first message has to be whole; with post-quantum keys it has some 2 KiB."""
NAME_CHARS_MAX = 253
_HANDSHAKE = 0x16
_CLIENT_HELLO = 0x01
_SERVER_NAME = 0
_RECORD = struct.Struct(">BHH")
_READ_BYTES = 1 << 14
"""Bytes of a record's content at most (RFC 8446, 5.1)."""


def looks_like_hello(data: bytes) -> bool:
    """Whether a connection begins as TLS does."""
    return len(data) >= 6 and data[0] == _HANDSHAKE and data[1] == 3 and data[5] == _CLIENT_HELLO


def may_be_hello(data: bytes) -> bool:
    """Whether fewer than six bytes may still become one."""
    return b"\x16\x03".startswith(data[:2]) and data[5:6] in (b"", b"\x01")


def hello_of(data: bytes) -> bytes | None:
    """The first message, out of the records that it came in; None: it is not whole yet."""
    message = b""
    place = 0
    while place + _RECORD.size <= len(data):
        kind, _, size = _RECORD.unpack_from(data, place)
        record = data[place + _RECORD.size : place + _RECORD.size + size]
        if kind != _HANDSHAKE or not size or len(record) < size:
            break
        message += record
        place += _RECORD.size + size
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            return message
    return None


def server_name(message: bytes) -> str:
    """The name that a first message asks for; empty where it asks for none."""
    try:
        place = 38  # header, version, random
        place += 1 + message[place]
        place += 2 + struct.unpack_from(">H", message, place)[0]
        place += 1 + message[place]
        end = place + 2 + struct.unpack_from(">H", message, place)[0]
        place += 2
        while place < end:
            kind, length = struct.unpack_from(">HH", message, place)
            place += 4
            if kind == _SERVER_NAME:
                size = struct.unpack_from(">H", message, place + 3)[0]
                name = message[place + 5 : place + 5 + size]
                return name.decode("latin-1") if len(name) == size else ""
            place += length
    except (IndexError, struct.error):
        return ""
    return ""


class Session:
    """One TLS conversation. `state`: empty while it begins, then `ended` or `refused`.

    `ended`: the handshake is done and what is inside can be read. `refused`: the client did not
    want us, or spoke no TLS that OpenSSL knows.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.state = ""
        self.broken = False
        """What comes is no TLS, or not any more."""

    def feed(self, data: bytes) -> bytes:
        """Take what came from the client; returns what was inside. Never raises."""
        if self.broken:
            return b""
        self._incoming.write(data)
        plain = b""
        try:
            if not self.state:
                self._tls.do_handshake()
                self.state = "ended"
            while piece := self._tls.read(_READ_BYTES):
                plain += piece
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLError, OSError, ValueError):
            self.state = self.state or "refused"
            self.broken = True
        return plain

    def send(self, plain: bytes) -> None:
        """Say something to the client, once the handshake is done."""
        if self.state == "ended" and plain:
            try:
                self._tls.write(plain)
            except (ssl.SSLError, OSError):
                return

    def bye(self) -> None:
        """Say that nothing more will come."""
        if self.state == "ended":
            try:
                self._tls.unwrap()
            except (ssl.SSLError, OSError, ValueError):  # it waits for the other's word
                return

    def take(self) -> bytes:
        """What is to go out to the client now."""
        return self._outgoing.read()

    def close(self) -> None:
        """The connection is over: a handshake that was not done never will be."""
        self.state = self.state or "refused"
