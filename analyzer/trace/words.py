"""Captured bytes in words: C strings, socket addresses, TCP states."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

TEXT_CHARS_MAX = 300
"""Characters of a text in an event (models.evidence.Text)."""

TCP_STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "NEW_SYN_RECV",
}
"""net/tcp_states.h; the names that tcpstates prints."""

TCP_LISTEN = 10
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_FAMILIES = {0: "unspecified", 16: "netlink", 17: "packet", 38: "alg", 40: "vsock"}


@dataclass(frozen=True, slots=True)
class Address:
    """A socket address in words."""

    address: str = ""
    port: int = 0
    path: str = ""
    detail: str = ""

    def __str__(self) -> str:
        return self.path or self.detail or f"{self.address}:{self.port}"


def text(data: bytes) -> str:
    """A C string as text, cut; bytes that are no UTF-8 appear as `\\xNN`."""
    return data.partition(b"\0")[0].decode("utf-8", "backslashreplace")[:TEXT_CHARS_MAX]


def cut(long: str) -> str:
    """At most as many characters as an event may hold."""
    return long[:TEXT_CHARS_MAX]


def tcp_change(old: int, new: int) -> str:
    """A change of state as `OLD>NEW`; a state without a name by its number."""
    return f"{TCP_STATES.get(old, old)}>{TCP_STATES.get(new, new)}"


def ip(sixteen: bytes) -> str:
    """An address of 16 bytes, IPv4 ones mapped (`::ffff:…`), as either family writes it."""
    if len(sixteen) != 16:
        return ""
    address = ipaddress.IPv6Address(sixteen)
    return str(address.ipv4_mapped or address)


def address(data: bytes) -> Address:
    """A struct sockaddr in words; what is too short for its family has no address."""
    if len(data) < 2:
        return Address()
    (family,) = struct.unpack_from("<H", data)
    if family == _AF_INET and len(data) >= 8:
        return Address(
            address=str(ipaddress.IPv4Address(data[4:8])),
            port=struct.unpack_from(">H", data, 2)[0],
        )
    if family == _AF_INET6 and len(data) >= 24:
        return Address(address=ip(data[8:24]), port=struct.unpack_from(">H", data, 2)[0])
    if family == _AF_UNIX:
        name = data[2:]
        # An abstract name begins with NUL and has no end but the length; `@` is how ss shows it.
        path = "@" + text(name[1:]) if name[:1] == b"\0" and len(name) > 1 else text(name)
        return Address(path=cut(path), detail="unix")
    return Address(detail=_FAMILIES.get(family, f"family {family}"))
