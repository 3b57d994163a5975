"""Datagrams of JSON with descriptors beside them: the one way that our processes speak here.

Standard library only. Descriptors that come with a message that cannot be used are closed, so a
peer cannot fill our table of descriptors with bad messages.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from analyzer.sandbox.protocol import MESSAGE_BYTES_MAX

DESCRIPTORS_MAX = 16
"""Descriptors of one message; the kernel's own limit is 253 (SCM_MAX_FD)."""


class WireError(Exception):
    """The peer sent something that is not a message, or too much of one."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets that keep message borders."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(sock: socket.socket, message: Mapping[str, Any], descriptors: Iterable[int] = ()) -> None:
    """Send one message; raises OSError where the peer is gone, WireError where it is too big."""
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > MESSAGE_BYTES_MAX:
        raise WireError(f"a message of {len(data)} bytes is over {MESSAGE_BYTES_MAX}")
    rights = array.array("i", descriptors)
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if rights else []
    sock.sendmsg([data], ancillary, socket.MSG_NOSIGNAL)


def receive(sock: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next message and its descriptors (the caller closes them); None: the peer closed."""
    try:
        data, ancillary, flags, _ = _take(sock)
    except ConnectionResetError:
        # The peer closed before it had read all we sent. The kernel says so once, and only then
        # gives out what the peer had said before: its reason, mostly.
        data, ancillary, flags, _ = _take(sock)
    descriptors = _descriptors(ancillary)
    try:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise WireError("a message was larger than its bound")
        if not data:
            close_all(descriptors)
            return None
        message = json.loads(data)
        if not isinstance(message, dict):
            raise WireError("a message was not a JSON object")
    except (ValueError, RecursionError, WireError) as error:
        close_all(descriptors)
        raise error if isinstance(error, WireError) else WireError("not JSON") from error
    return message, descriptors


def _take(sock: socket.socket) -> tuple[bytes, list[tuple[int, int, bytes]], int, Any]:
    space = socket.CMSG_SPACE(DESCRIPTORS_MAX * 4)
    return sock.recvmsg(MESSAGE_BYTES_MAX + 1, space, socket.MSG_CMSG_CLOEXEC)


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found: list[int] = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers = array.array("i")
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
            found.extend(numbers)
    return found


def close_all(descriptors: Iterable[int]) -> None:
    """Close each descriptor."""
    for descriptor in descriptors:
        os.close(descriptor)
