"""A box that would speak to the kernel: each refused call is refused, and seen to have been tried."""

from __future__ import annotations

import platform
import time

import pytest

from analyzer.sandbox import seccomp
from tests.analyzer.sandbox.hostile import Row, ids, outcome_of
from tests.analyzer.sandbox.lab import Lab, output

pytestmark = pytest.mark.privileged

CALL = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    padded = [ctypes.c_long(a) for a in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    result = libc.syscall(ctypes.c_long(number), *padded)
    return ctypes.get_errno() if result == -1 else -result
"""
EACH_DENIED = (
    CALL
    + """
if HARNESS:
    tried = 0
    for name, (number, wanted) in CALLS.items():
        got = call(number)
        tried += 1
        if got != wanted:
            print(name, 'ALLOWED', got)
    print('tried', tried)
"""
)


async def test_denied_calls__each_is_refused_and_seen(either_way: Lab) -> None:
    calls = seccomp.denied_calls()
    row = Row(
        name="all",
        code=EACH_DENIED.replace("CALLS", repr(calls)),
        denied=tuple(calls),
        says=f"tried {len(calls)}",
    )
    _, phase = await outcome_of(either_way, row)

    assert all(phase.denied[name] >= 1 for name in calls)
    assert "other" not in phase.denied


NAMESPACES = (
    CALL
    + """
if HARNESS:
    for bit in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x4000000, 0x8000000, 0x2000000):
        for flags in (bit, bit | 17, bit | 0x10000000 | 17):
            got = call(CLONE, flags)
            if got != errno.EPERM:
                print('ALLOWED', hex(flags), got)
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    print('fork works', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""".replace("CLONE", str(seccomp.MACHINES[platform.machine()].clone))
)
FAMILIES = """
if HARNESS:
    import socket
    allowed = set()
    for family in range(1, 46):
        for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
            try:
                socket.socket(family, kind).close()
                allowed.add(family)
            except OSError:
                pass
    print('families', sorted(allowed))
    for family, protocol in ((socket.AF_INET, 1), (socket.AF_INET, 255), (socket.AF_INET6, 58)):
        try:
            socket.socket(family, socket.SOCK_RAW, protocol)
            print('ALLOWED raw')
        except OSError as error:
            print('raw', error.errno)
"""
INT80 = r"""
if HARNESS:
    import ctypes, mmap
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(b'\x53\xb8\x14\x00\x00\x00\xcd\x80\x5b\xc3')  # getpid by the 32-bit table
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    print('ALLOWED', call(), flush=True)
"""
X32 = (
    CALL
    + """
if HARNESS:
    print('ALLOWED', call(0x40000000 | 39), flush=True)
"""
)
TERMINAL = """
if HARNESS:
    import fcntl, termios
    main, other = os.openpty()
    for descriptor in (0, other):
        for request in (termios.TIOCSTI, 0x541C):
            try:
                fcntl.ioctl(descriptor, request, b'x')
                print('ALLOWED')
            except OSError as error:
                print('refused', error.errno)
    try:
        os.open('/dev/tty', os.O_RDWR)
        print('ALLOWED')
    except OSError as error:
        print('tty', error.errno)
"""
CLOCKS = """
if HARNESS:
    import time
    for clock in (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC):
        try:
            time.clock_settime(clock, 4_000_000_000)
            print('ALLOWED')
        except OSError as error:
            print('clock', error.errno)
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    print('adjtimex', libc.adjtimex(ctypes.create_string_buffer(512)), ctypes.get_errno())
    for place in ('/proc/self/timens_offsets', '/dev/rtc', '/dev/rtc0'):
        try:
            os.write(os.open(place, os.O_WRONLY), b'monotonic 86400 0')
            print('ALLOWED', place)
        except OSError:
            pass
"""
IDENTITY = """
if HARNESS:
    def write(path, data):
        os.write(os.open(path, os.O_WRONLY), data)
    for change in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgroups([0]),
                   lambda: os.setgid(0), lambda: os.chown('/tmp', 0, 0), lambda: os.nice(-5),
                   lambda: os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0)),
                   lambda: os.mknod('/tmp/null', 0o20666, os.makedev(1, 3)),
                   lambda: write('/proc/self/uid_map', b'0 0 1'),
                   lambda: write('/proc/self/oom_score_adj', b'-1000')):
        try:
            change()
            print('ALLOWED', change.__code__.co_names, change.__code__.co_consts)
        except OSError as error:
            print('no', error.errno)
    with open('/tmp/tool', 'wb') as out:
        out.write(open('/usr/bin/id', 'rb').read())
    os.chmod('/tmp/tool', 0o6755)
    flags = [line.split()[3] for line in open('/proc/self/mounts') if line.split()[1] == '/tmp']
    print('mounted', 'nosuid' in flags[0], 'nodev' in flags[0])
    import subprocess
    for program in ('/usr/bin/su', '/usr/bin/mount', '/usr/bin/newgrp'):
        try:
            done = subprocess.run([program], capture_output=True, timeout=5, input=b'')
            print(program, done.returncode != 0)
        except OSError:
            pass
"""
ROWS = [
    Row(name="namespaces", code=NAMESPACES, says="fork works 7", denied=("clone",)),
    Row(name="odd-sockets", code=FAMILIES, says="families [1, 2, 10, 16]", denied=("socket",)),
    Row(name="typing-into-terminals", code=TERMINAL, says="refused 1", denied=("ioctl",)),
    Row(name="clocks", code=CLOCKS, says="clock 1", denied=("clock_settime", "clock_adjtime")),
    Row(name="identity", code=IDENTITY, says="mounted True True"),
]
if platform.machine() == "x86_64":  # arm64 has no other table that a 64-bit process could call by
    ROWS += [
        Row(name="int-0x80", code=INT80, denied=("sigsys",)),
        Row(name="x32", code=X32, denied=("sigsys",)),
    ]


@pytest.mark.parametrize("row", ROWS, ids=ids)
async def test_hostile__is_refused_and_seen(either_way: Lab, row: Row) -> None:
    before = time.time()
    outcome, _ = await outcome_of(either_way, row)

    assert output(outcome) or row.denied == ("sigsys",)
    assert 0 <= time.time() - before < 60  # nobody moved the host's clock
