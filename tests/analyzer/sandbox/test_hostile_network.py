"""A box that would reach out: the host's services, our own sockets, and the sinkhole under attack."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.analyzer.sandbox.hostile import Row, ids, outcome_of
from tests.analyzer.sandbox.lab import Lab, lines, output

pytestmark = pytest.mark.privileged

REACH = """
if HARNESS:
    import socket
    for address in ADDRESSES:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            family = socket.AF_INET6 if ':' in address else socket.AF_INET
            sock = socket.socket(family, kind)
            sock.settimeout(2)
            try:
                sock.connect((address, PORT))
                sock.send(b'hello')
                print('sent to', address)
            except OSError as error:
                print(address, error.errno)
    for name in NAMES:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
            try:
                socket.socket(socket.AF_UNIX, kind).connect(name)
                print('REACHED', name)
            except OSError as error:
                print(repr(name), error.errno)
"""


@contextmanager
def _services() -> Iterator[tuple[int, list[str], list[socket.socket]]]:
    """On the host: TCP and UDP on one port of every address, and unix sockets of both sorts."""
    with ExitStack() as stack:
        tcp = stack.enter_context(
            socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        )
        port = tcp.getsockname()[1]
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("0.0.0.0", port))
        names = [f"\0reenact-host-{port}"]
        for folder in ("/run", "/tmp"):  # noqa: S108 - where services of a host put theirs
            place = stack.enter_context(tempfile.TemporaryDirectory(dir=folder))
            Path(place).chmod(0o755)
            names.append(f"{place}/service.sock")
        listeners = [tcp, udp]
        for name in names:
            local = stack.enter_context(socket.socket(socket.AF_UNIX))
            local.bind(name)
            local.listen()
            listeners.append(local)
        for name in names[1:]:
            Path(name).chmod(0o666)
        for listener in listeners:
            listener.setblocking(False)
        yield port, names, listeners


async def test_host__no_service_of_it_can_be_reached(either_way: Lab) -> None:
    with _services() as (port, names, listeners):
        own = socket.gethostbyname(socket.gethostname())
        addresses = (
            "127.0.0.1",
            "::1",
            "127.1.2.3",
            own,
            "10.0.2.15",
            "10.0.2.2",
            "169.254.169.254",
        )
        code = REACH.replace("ADDRESSES", repr(addresses)).replace("PORT", str(port))
        said = output(await either_way.run_code(code.replace("NAMES", repr(names))))

        for listener in listeners:
            with pytest.raises(BlockingIOError):
                listener.recv(1) if listener.type == socket.SOCK_DGRAM else listener.accept()
    assert "127.0.0.1 111" in said
    assert "REACHED" not in said


SOCKETS = """
if HARNESS:
    import stat
    found = []
    for folder, _, files in os.walk('/'):
        if folder.startswith('/proc'):
            continue
        for name in files:
            path = os.path.join(folder, name)
            try:
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    found.append(path)
            except OSError:
                pass
    print('sockets', found)
    spaces = {os.readlink(f'/proc/{p}/ns/net') for p in os.listdir('/proc')
              if p.isdigit() and os.access(f'/proc/{p}/ns', os.X_OK) and int(p) >= os.getppid()}
    print('networks', len(spaces))
    print('interfaces', [line.split(':')[0].strip() for line in open('/proc/net/dev')][2:])
    print('inherited', [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')
                        if os.path.exists(f'/proc/self/fd/{n}')
                        and os.readlink(f'/proc/self/fd/{n}').startswith('socket')])
"""


async def test_box__has_no_socket_to_the_proxy_or_to_anybody(either_way: Lab) -> None:
    """The capability of a lease is the worker's: a box has neither a path nor a descriptor to it."""
    said = output(await either_way.run_code(SOCKETS))

    assert "sockets []" in said
    assert "networks 1" in said
    assert "interfaces ['lo']" in said
    assert "inherited []" in said


STILL = """
    try:
        print('still answers', socket.gethostbyname('still.invalid') != '')
    except OSError as error:
        print('silent', error)
"""
SLOW_LORIS = """
import socket, time
if HARNESS:
    socks = [socket.create_connection(('198.51.100.4', 80), 5) for _ in range(150)]
    for _ in range(8):
        for sock in socks:
            try:
                sock.sendall(b'G')
            except OSError:
                pass
        time.sleep(0.1)
"""
THOUSAND = """
import resource, socket
if HARNESS:
    socks = []
    for number in range(1000):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(('198.51.100.4', 1000 + number))
        socks.append(sock)
    print('opened', len(socks))
"""
HUGE_DNS = """
import socket
if HARNESS:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for size in (1, 11, 12, 13, 512, 4096, 65_000):
        sock.sendto(b'\\0\\1\\1\\0\\xff\\xff' + bytes(6) + b'\\x3f' * size, ('198.51.100.4', 53))
        sock.sendto(b'\\0\\1\\1\\0\\0\\1' + bytes(6) + b'\\xc0\\x0c' * (size // 2), ('198.51.100.4', 53))
    with socket.create_connection(('198.51.100.4', 53), 5) as stream:
        stream.sendall(b'\\xff\\xff' + b'\\0' * 65_535)
    with socket.create_connection(('198.51.100.4', 53), 5) as stream:
        stream.sendall(b'\\xff\\xff' + b'\\x01')
"""
GARBAGE_TLS = """
import socket
if HARNESS:
    hello = b'\\x16\\x03\\x01\\xff\\xff\\x01\\xff\\xff\\xff\\x03\\x03' + bytes(32)
    for data in (b'\\x16', hello, hello + b'\\xff' * 65_000, b'\\x16\\x03\\x01\\0\\0' * 1000,
                 hello + b'\\x20' + bytes(32) + b'\\xff\\xff', os.urandom(16_384)):
        with socket.create_connection(('198.51.100.4', 443), 5) as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
"""
HEADERS = """
import socket
if HARNESS:
    for data in (b'GET / HTTP/1.1\\r\\nHost: ' + b'a' * 100_000, b'GET ' + b'/' * 60_000 + b' HTTP/1.1',
                 b'POST / HTTP/1.1\\r\\nContent-Length: 99999999999999999999\\r\\n\\r\\n' + b'x' * 100,
                 b'POST / HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nffffffffffffffff\\r\\n',
                 b'GET / HTTP/1.1\\r\\nHost: \\x1b[31m\\r\\n\\0: \\xff\\r\\n\\r\\n', b'\\r\\n' * 30_000):
        with socket.create_connection(('198.51.100.4', 80), 5) as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
"""
ROWS = tuple(
    Row(name=name, code=code + STILL, says="still answers True")
    for name, code in (
        ("slow-loris", SLOW_LORIS),
        ("thousand-connections", THOUSAND),
        ("huge-questions", HUGE_DNS),
        ("garbage-for-tls", GARBAGE_TLS),
        ("garbage-for-http", HEADERS),
    )
)


@pytest.mark.parametrize("row", ROWS, ids=ids)
async def test_sinkhole__outlives_hostile_peers(lab: Lab, row: Row) -> None:
    begun = time.monotonic()
    outcome, _ = await outcome_of(lab, row)

    logged = lines(outcome, "sinkhole")
    assert any(line.get("name") == "still.invalid" for line in logged)
    assert len(outcome.blobs["sinkhole"]) <= 8 << 20
    assert time.monotonic() - begun < 40
