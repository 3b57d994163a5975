"""A network namespace in which every address of the world is local, and every port leads to us.

Routes of type `local` make the kernel accept packets for any address; an SK_LOOKUP program hands
every TCP and UDP packet for any port to two sockets, whose `getsockname` and original-destination
messages still tell where it was meant to go. Loopback is left alone, so that packages' own servers
work, and so is the box's own address. No firewall, no binaries, no route to anywhere.

Needs Linux 5.9 (SK_LOOKUP, see BPF_PROG_TYPE_SK_LOOKUP in the kernel's documentation), CAP_NET_ADMIN,
CAP_SYS_ADMIN and CAP_BPF in the initial user namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from analyzer.sandbox import kernelcalls

OWN_ADDRESS = "10.0.2.15"
OWN_ADDRESS6 = "fd17:625c:f037:2::15"
"""The box's own addresses: without them a connection's source equals its destination."""
RESOLVER = "10.0.2.3"
"""Where the box's resolv.conf points; any other address answers DNS as well."""
DNS_PORT = 53
_STEERED_PORT = 1
"""The TCP socket has to be bound to some port; nobody needs this one (tcpmux)."""
BACKLOG = 256

_LOOPBACK_INDEX = 1
_BPF_NUMBERS = {"x86_64": 321, "aarch64": 280}
_BPF_MAP_CREATE, _BPF_MAP_UPDATE, _BPF_PROG_LOAD, _BPF_LINK_CREATE = 0, 2, 5, 28
_MAP_TYPE_SOCKMAP, _PROG_TYPE_SK_LOOKUP, _ATTACH_SK_LOOKUP = 15, 30, 36
_ATTRIBUTE_BYTES = 128
_LOG_BYTES = 1 << 16

# Fields of struct bpf_sk_lookup
_FAMILY, _PROTOCOL, _LOCAL_IP4, _LOCAL_IP6 = 8, 12, 40, 44
# Helpers
_MAP_LOOKUP, _SK_RELEASE, _SK_ASSIGN = 1, 86, 124
# Operations
_LOAD_WORD, _STORE_WORD, _MOVE, _MOVE_NUMBER = 0x61, 0x63, 0xBF, 0xB7
_ADD_NUMBER, _AND_NUMBER, _IF_EQUAL, _IF_NOT_EQUAL = 0x07, 0x57, 0x15, 0x55
_JUMP, _CALL, _EXIT, _LOAD_MAP = 0x05, 0x85, 0x95, 0x18
_MAP_BY_DESCRIPTOR = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """What the sinkhole listens on. `link` keeps the steering alive while it is open."""

    tcp: socket.socket
    udp: socket.socket
    link: int


def build() -> Sockets:
    """Furnish the network namespace that the calling process has just been given."""
    _bring_up()
    tcp = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    tcp.bind(("::", _STEERED_PORT))
    tcp.listen(BACKLOG)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.setsockopt(socket.IPPROTO_IP, IP_RECVORIGDSTADDR, 1)
    udp.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1)
    udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, DATAGRAM_BUFFER_BYTES)
    udp.bind(("::", DNS_PORT))
    tcp.setblocking(False)
    udp.setblocking(False)
    return Sockets(tcp=tcp, udp=udp, link=_steer(tcp, udp))


# ---- where a packet was meant to go ----------------------------------------------------------

IP_RECVORIGDSTADDR = 20  # linux/in.h
IPV6_RECVORIGDSTADDR = 74  # linux/in6.h
_SO_RCVBUFFORCE, _SO_MEMINFO = 33, 55  # asm-generic/socket.h
DATAGRAM_BUFFER_BYTES = 4 << 20


def original_destination(ancillary: list[tuple[int, int, bytes]]) -> tuple[str, int] | None:
    """(address, port) of a datagram, from the messages that came with it."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_RECVORIGDSTADDR):
            return socket.inet_ntoa(data[4:8]), struct.unpack_from(">H", data, 2)[0]
        if (level, kind) == (socket.IPPROTO_IPV6, IPV6_RECVORIGDSTADDR):
            address = socket.inet_ntop(socket.AF_INET6, data[8:24])
            return plain_address(address), struct.unpack_from(">H", data, 2)[0]
    return None


def lost_datagrams(udp: socket.socket) -> int:
    """Datagrams that were dropped since the buffer was full (SO_MEMINFO, SK_MEMINFO_DROPS)."""
    words = struct.unpack("=9I", udp.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36))
    return int(words[8])


def source_message(address: str) -> tuple[int, int, bytes]:
    """The ancillary message that makes a datagram leave from `address`."""
    mapped = address if ":" in address else f"::ffff:{address}"
    data = socket.inet_pton(socket.AF_INET6, mapped) + struct.pack("I", 0)
    return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, data


def plain_address(address: str) -> str:
    """An address without the v4-in-v6 wrapping and the scope."""
    return address.partition("%")[0].removeprefix("::ffff:")


# ---- routes ----------------------------------------------------------------------------------

_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x1 | 0x40
_RTM_NEWADDR, _RTM_NEWROUTE = 20, 24
_REQUEST_ACK_CREATE = 0x1 | 0x4 | 0x400
_TABLE_LOCAL, _PROTO_BOOT, _TYPE_LOCAL, _SCOPE_HOST = 255, 3, 2, 254
_RTA_OIF, _RTA_PREFSRC, _IFA_ADDRESS, _IFA_LOCAL = 4, 7, 1, 2
_IFA_F_NODAD = 0x02


def _bring_up() -> None:
    for name in ("all", "lo"):  # where the host has it off, new namespaces have too
        with contextlib.suppress(OSError):
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        request = struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING)
        fcntl.ioctl(plain, _SIOCSIFFLAGS, request)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.bind((0, 0))
        own = socket.inet_aton(OWN_ADDRESS)
        _add_address(netlink, socket.AF_INET, own, 24)
        _add_local_route(netlink, socket.AF_INET, own)
        with contextlib.suppress(OSError):  # a kernel without IPv6 loses nothing
            own6 = socket.inet_pton(socket.AF_INET6, OWN_ADDRESS6)
            _add_address(netlink, socket.AF_INET6, own6, 64)
            _add_local_route(netlink, socket.AF_INET6, own6)


def _add_address(netlink: socket.socket, family: int, address: bytes, prefix: int) -> None:
    body = struct.pack("=BBBBI", family, prefix, _IFA_F_NODAD, 0, _LOOPBACK_INDEX)
    body += _attribute(_IFA_LOCAL, address) + _attribute(_IFA_ADDRESS, address)
    _netlink(netlink, _RTM_NEWADDR, body)


def _add_local_route(netlink: socket.socket, family: int, source: bytes) -> None:
    scope = _SCOPE_HOST if family == socket.AF_INET else 0
    body = struct.pack(
        "=BBBBBBBBI", family, 0, 0, 0, _TABLE_LOCAL, _PROTO_BOOT, scope, _TYPE_LOCAL, 0
    )
    body += _attribute(_RTA_OIF, struct.pack("=I", _LOOPBACK_INDEX))
    body += _attribute(_RTA_PREFSRC, source)
    _netlink(netlink, _RTM_NEWROUTE, body)


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _netlink(netlink: socket.socket, kind: int, body: bytes) -> None:
    netlink.send(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST_ACK_CREATE, 1, 0) + body)
    answer = netlink.recv(1 << 16)
    code = -struct.unpack_from("=i", answer, 16)[0]
    if code not in (0, errno.EEXIST):
        raise OSError(code, f"netlink request {kind}: {os.strerror(code)}")


# ---- steering --------------------------------------------------------------------------------


def _steer(tcp: socket.socket, udp: socket.socket) -> int:
    """Attach the program to this namespace; returns the link's descriptor."""
    sockets = _bpf(_BPF_MAP_CREATE, struct.pack("=IIII", _MAP_TYPE_SOCKMAP, 4, 8, 2))
    try:
        for index, chosen in enumerate((tcp, udp)):
            key = ctypes.create_string_buffer(struct.pack("=I", index), 4)
            value = ctypes.create_string_buffer(struct.pack("=Q", chosen.fileno()), 8)
            where = struct.pack(
                "=IxxxxQQQ", sockets, ctypes.addressof(key), ctypes.addressof(value), 0
            )
            _bpf(_BPF_MAP_UPDATE, where)
        program = _load(steering_program(sockets))
    finally:
        os.close(sockets)
    namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _bpf(
            _BPF_LINK_CREATE, struct.pack("=IIII", program, namespace, _ATTACH_SK_LOOKUP, 0)
        )
    finally:
        os.close(namespace)
        os.close(program)


def _bpf(command: int, attributes: bytes) -> int:
    buffer = ctypes.create_string_buffer(attributes, _ATTRIBUTE_BYTES)
    return kernelcalls.bpf(command, buffer, number=_BPF_NUMBERS[platform.machine()])


def _load(program: bytes) -> int:
    code = ctypes.create_string_buffer(program, len(program))
    licence = ctypes.create_string_buffer(b"GPL")  # sk_assign asks for it
    log = ctypes.create_string_buffer(_LOG_BYTES)
    attributes = struct.pack(
        "=IIQQIIQII16sII",
        _PROG_TYPE_SK_LOOKUP,
        len(program) // 8,
        ctypes.addressof(code),
        ctypes.addressof(licence),
        1,
        _LOG_BYTES,
        ctypes.addressof(log),
        0,
        0,
        b"sinkhole",
        0,
        _ATTACH_SK_LOOKUP,
    )
    try:
        return _bpf(_BPF_PROG_LOAD, attributes)
    except OSError as error:
        words = log.value.decode("utf-8", "replace").strip()[-500:]
        raise OSError(error.errno, f"the steering program was refused: {words}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One instruction; `to` names the label it jumps to, `label` its own."""

    op: int
    dst: int = 0
    src: int = 0
    off: int = 0
    imm: int = 0
    to: str = ""
    label: str = ""


def steering_program(sockets: int) -> bytes:
    """`struct bpf_insn[]`: hand every packet to socket 0 (TCP) or 1 (UDP) of the map.

    What is for 127.0.0.0/8, ::1 and the box's own addresses goes the usual way.
    """
    own4 = struct.unpack("=i", socket.inet_aton(OWN_ADDRESS))[0]
    own6 = struct.unpack("=4i", socket.inet_pton(socket.AF_INET6, OWN_ADDRESS6))
    loopback6 = struct.unpack("=4i", socket.inet_pton(socket.AF_INET6, "::1"))
    steps = [
        _Step(op=_MOVE, dst=6, src=1),
        _Step(op=_LOAD_WORD, dst=2, src=6, off=_FAMILY),
        _Step(op=_IF_NOT_EQUAL, dst=2, imm=socket.AF_INET, to="six"),
        _Step(op=_LOAD_WORD, dst=3, src=6, off=_LOCAL_IP4),
        _Step(op=_IF_EQUAL, dst=3, imm=own4, to="pass"),
        _Step(op=_AND_NUMBER, dst=3, imm=0xFF),  # network order: the first octet
        _Step(op=_IF_EQUAL, dst=3, imm=127, to="pass"),
        _Step(op=_JUMP, to="steer"),
        *_pass_if_six(own6, label="six", otherwise="loop"),
        *_pass_if_six(loopback6, label="loop", otherwise="steer"),
        _Step(op=_MOVE_NUMBER, dst=2, imm=0, label="steer"),
        _Step(op=_LOAD_WORD, dst=3, src=6, off=_PROTOCOL),
        _Step(op=_IF_EQUAL, dst=3, imm=socket.IPPROTO_TCP, to="look"),
        _Step(op=_MOVE_NUMBER, dst=2, imm=1),
        _Step(op=_STORE_WORD, dst=10, src=2, off=-4, label="look"),
        _Step(op=_LOAD_MAP, dst=1, src=_MAP_BY_DESCRIPTOR, imm=sockets),
        _Step(op=0),  # the second half of a 16-byte instruction
        _Step(op=_MOVE, dst=2, src=10),
        _Step(op=_ADD_NUMBER, dst=2, imm=-4),
        _Step(op=_CALL, imm=_MAP_LOOKUP),
        _Step(op=_IF_EQUAL, dst=0, imm=0, to="pass"),
        _Step(op=_MOVE, dst=7, src=0),
        _Step(op=_MOVE, dst=1, src=6),
        _Step(op=_MOVE, dst=2, src=7),
        _Step(op=_MOVE_NUMBER, dst=3, imm=0),
        _Step(op=_CALL, imm=_SK_ASSIGN),
        _Step(op=_MOVE, dst=1, src=7),
        _Step(op=_CALL, imm=_SK_RELEASE),
        _Step(op=_MOVE_NUMBER, dst=0, imm=1, label="pass"),  # SK_PASS
        _Step(op=_EXIT),
    ]
    return _assemble(steps)


def _pass_if_six(words: tuple[int, ...], *, label: str, otherwise: str) -> list[_Step]:
    """Jump to `pass` where the IPv6 destination is `words`."""
    steps = []
    for index, word in enumerate(words):
        first = label if index == 0 else ""
        steps.append(_Step(op=_LOAD_WORD, dst=3, src=6, off=_LOCAL_IP6 + 4 * index, label=first))
        steps.append(_Step(op=_IF_NOT_EQUAL, dst=3, imm=word, to=otherwise))
    return [*steps, _Step(op=_JUMP, to="pass")]


def _assemble(steps: list[_Step]) -> bytes:
    places = {step.label: index for index, step in enumerate(steps) if step.label}
    code = b""
    for index, step in enumerate(steps):
        offset = places[step.to] - index - 1 if step.to else step.off
        code += struct.pack("=BBhi", step.op, step.dst | step.src << 4, offset, step.imm)
    return code
