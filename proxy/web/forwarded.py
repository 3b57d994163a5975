"""From where a request comes, where front ends that we trust stand between.

A front end says in `X-Forwarded-For` whom it asks for. Whoever is no front end of ours may write there
what they like, so the list is read from its end, and only as far as trust goes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from aiohttp import hdrs, web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Networks = Collection[Network]

HOPS_MAX = 16
"""Addresses of one request that are looked at; nobody has so many front ends in a row."""


def address_of(request: web.Request, trusted: Networks) -> str:
    """The address of whoever asks; empty where it came by a local socket.

    That is the nearest one that is no front end in `trusted`: the peer itself, or what the last front
    end says of whom it had before it.
    """
    address = request.remote or ""
    if not trusted or not _within(address, trusted):
        return address
    said = ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, ()))
    for before in reversed(said.split(",")[-HOPS_MAX:]):
        told = _plain(before)
        if not told:
            break  # a front end that says nothing that is an address: what we know ends here
        address = told
        if not _within(address, trusted):
            break
    return address


def _plain(text: str) -> str:
    """An address as we write it; empty for what is none. Some front ends put a port behind it."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _within(text: str, trusted: Networks) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in trusted)
