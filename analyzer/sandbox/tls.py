"""What a TLS client says in the clear: the server name of its first message (RFC 8446, 6066).

Ending TLS, to read what comes after, has its place in the sinkhole and is not built yet.
"""

from __future__ import annotations

import struct

_HANDSHAKE = 0x16
_CLIENT_HELLO = 0x01
_SERVER_NAME = 0


def looks_like_hello(data: bytes) -> bool:
    """Whether a connection begins as TLS does."""
    return len(data) >= 6 and data[0] == _HANDSHAKE and data[1] == 3 and data[5] == _CLIENT_HELLO


def server_name(data: bytes) -> str:
    """The server name in a ClientHello; empty where there is none, or not all of it is here."""
    if not looks_like_hello(data):
        return ""
    try:
        place = 43  # record and handshake headers, version, random
        place += 1 + data[place]
        place += 2 + struct.unpack_from(">H", data, place)[0]
        place += 1 + data[place]
        end = place + 2 + struct.unpack_from(">H", data, place)[0]
        place += 2
        while place < end:
            kind, length = struct.unpack_from(">HH", data, place)
            place += 4
            if kind == _SERVER_NAME:
                size = struct.unpack_from(">H", data, place + 3)[0]
                name = data[place + 5 : place + 5 + size]
                return name.decode("latin-1") if len(name) == size else ""
            place += length
    except (IndexError, struct.error):
        return ""
    return ""
