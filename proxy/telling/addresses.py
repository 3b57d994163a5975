"""Which addresses a webhook may reach: those of the Internet, unless its admin said otherwise.

Whoever may define a webhook could else have the proxy knock at this machine's own services, at the
metadata service of a cloud, or at a neighbour in its network (SSRF). It is asked of each address as
it is connected to, so that a name cannot point elsewhere between the question and the connection.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""The well-known prefix that stands for IPv4 addresses (RFC 6052)."""


class PrivateAddress(OSError):
    """An address that a webhook may not reach."""


def is_public(text: str) -> bool:
    """Whether a numeric address is one of the Internet, and not multicast; False for anything else."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in (address, *_inside(address)))


def guarded_socket(info: AddressInfo) -> socket.socket:
    """A socket to connect to `info`. Raises PrivateAddress where it is not public."""
    family, kind, protocol, _, where = info
    if not is_public(str(where[0])):
        raise PrivateAddress("a private address")
    return socket.socket(family, kind, protocol)


def _inside(address: Address) -> list[Address]:
    """IPv4 addresses that an IPv6 address stands for."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    if address in NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    if address.teredo is not None:
        found.extend(address.teredo)
    return [one for one in found if one is not None]
