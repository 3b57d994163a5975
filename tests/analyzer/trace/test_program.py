"""The BPF program: each class of call is made by a child in a box, and each field compared."""

from __future__ import annotations

import os
import platform
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from models.phase import Phase
from models.trace import Event, EventKind
from tests.analyzer.trace.boxes import CHILD_S, Box

pytestmark = pytest.mark.privileged

X86 = platform.machine() == "x86_64"


@dataclass(frozen=True)
class Case:
    """A call, and the fields of the one event that it must give. `{f}` stands for a folder."""

    name: str
    kind: EventKind
    script: str
    expected: dict[str, Any] = field(default_factory=dict)
    old: bool = False
    """A call that only x86_64 has."""


AT = "-100"
AF_INET_9 = "struct.pack('<H', 2) + struct.pack('>H', 9) + bytes([192, 0, 2, 7]) + bytes(8)"
AF_INET6_9 = (
    "struct.pack('<H', 10) + struct.pack('>HI', 9, 0) + bytes([32,1,13,184]+[0]*11+[1]) + bytes(4)"
)
LOOPBACK_9 = AF_INET_9.replace("192, 0, 2, 7", "127, 0, 0, 1")
UDP = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()"
"""192.0.2.7 and 2001:db8::1 are documentation addresses (RFC 5737, RFC 3849)."""

CASES = [
    # opens
    Case(
        "openat",
        EventKind.OPEN,
        f"r = call('openat', {AT}, b'{{f}}/new', os.O_CREAT | os.O_WRONLY, 0o600)",
        {
            "syscall": "openat",
            "path": "{f}/new",
            "flags": os.O_CREAT | os.O_WRONLY,
        },
    ),
    Case(
        "openat-missing",
        EventKind.OPEN,
        f"r = call('openat', {AT}, b'{{f}}/none', 0)",
        {"path": "{f}/none", "result": -2, "flags": 0},
    ),
    Case(
        "openat2",
        EventKind.OPEN,
        f"r = call('openat2', {AT}, b'{{f}}/a', struct.pack('<QQQ', 0o2000000, 0, 0), 24)",
        {"syscall": "openat2", "path": "{f}/a", "flags": 0o2000000},
    ),
    Case(
        "openat-relative",
        EventKind.OPEN,
        "d = os.open('{f}', os.O_DIRECTORY); r = call('openat', d, b'a', 0)",
        {"syscall": "openat", "path": "{f}/a"},
    ),
    Case(
        "openat-after-chdir",
        EventKind.OPEN,
        f"os.chdir('{{f}}'); r = call('openat', {AT}, b'a', 0)",
        {"syscall": "openat", "path": "{f}/a"},
    ),
    Case(
        "open",
        EventKind.OPEN,
        "r = call('open', b'{f}/a', 0)",
        {"syscall": "open", "path": "{f}/a"},
        old=True,
    ),
    Case(
        "creat",
        EventKind.OPEN,
        "r = call('creat', b'{f}/a', 0o644)",
        {"syscall": "creat", "path": "{f}/a"},
        old=True,
    ),
    # removals
    Case(
        "unlinkat",
        EventKind.UNLINK,
        f"r = call('unlinkat', {AT}, b'{{f}}/a', 0)",
        {"syscall": "unlinkat", "path": "{f}/a", "result": 0},
    ),
    Case(
        "unlink",
        EventKind.UNLINK,
        "r = call('unlink', b'{f}/a')",
        {"syscall": "unlink", "path": "{f}/a", "result": 0},
        old=True,
    ),
    Case(
        "rmdir",
        EventKind.UNLINK,
        "r = call('rmdir', b'{f}/d')",
        {"syscall": "rmdir", "path": "{f}/d", "result": 0},
        old=True,
    ),
    # two paths
    Case(
        "renameat2",
        EventKind.RENAME,
        f"r = call('renameat2', {AT}, b'{{f}}/a', {AT}, b'{{f}}/b', 0)",
        {"syscall": "renameat2", "path": "{f}/a", "path2": "{f}/b"},
    ),
    Case(
        "renameat",
        EventKind.RENAME,
        f"r = call('renameat', {AT}, b'{{f}}/a', {AT}, b'{{f}}/b')",
        {"syscall": "renameat", "path": "{f}/a", "path2": "{f}/b"},
    ),
    Case(
        "rename",
        EventKind.RENAME,
        "r = call('rename', b'{f}/a', b'{f}/b')",
        {"syscall": "rename", "path": "{f}/a", "path2": "{f}/b"},
        old=True,
    ),
    Case(
        "linkat",
        EventKind.LINK,
        f"r = call('linkat', {AT}, b'{{f}}/a', {AT}, b'{{f}}/b', 0)",
        {"syscall": "linkat", "path": "{f}/a", "path2": "{f}/b"},
    ),
    Case(
        "symlinkat",
        EventKind.LINK,
        f"r = call('symlinkat', b'/etc/x', {AT}, b'{{f}}/b')",
        {"syscall": "symlinkat", "path": "/etc/x", "path2": "{f}/b"},
    ),
    # permissions
    Case(
        "fchmodat",
        EventKind.CHMOD,
        f"r = call('fchmodat', {AT}, b'{{f}}/a', 0o4755)",
        {"syscall": "fchmodat", "path": "{f}/a", "flags": 0o4755},
    ),
    Case(
        "fchmod",
        EventKind.CHMOD,
        "d = os.open('{f}/a', 0); r = call('fchmod', d, 0o700)",
        {"syscall": "fchmod", "path": "{f}/a"},
    ),
    Case(
        "chmod",
        EventKind.CHMOD,
        "r = call('chmod', b'{f}/a', 0o755)",
        {"syscall": "chmod", "path": "{f}/a", "flags": 0o755},
        old=True,
    ),
    Case(
        "fchownat",
        EventKind.CHMOD,
        f"r = call('fchownat', {AT}, b'{{f}}/a', 0, 0, 0)",
        {"syscall": "fchownat", "path": "{f}/a"},
    ),
    # other paths
    Case(
        "mkdirat",
        EventKind.PATH,
        f"r = call('mkdirat', {AT}, b'{{f}}/n', 0o700)",
        {"syscall": "mkdirat", "path": "{f}/n", "flags": 0o700},
    ),
    Case(
        "chdir",
        EventKind.PATH,
        "r = call('chdir', b'{f}')",
        {"syscall": "chdir", "path": "{f}", "result": 0},
    ),
    Case(
        "faccessat",
        EventKind.PATH,
        f"r = call('faccessat', {AT}, b'{{f}}/secret', 4)",
        {"syscall": "faccessat", "path": "{f}/secret", "result": -2},
    ),
    Case(
        "newfstatat",
        EventKind.PATH,
        f"r = call('newfstatat', {AT}, b'{{f}}/a', ctypes.create_string_buffer(256), 0)",
        {"syscall": "newfstatat", "path": "{f}/a", "result": 0},
    ),
    Case(
        "memfd_create",
        EventKind.MEMFD,
        "r = call('memfd_create', b'payload', 0)",
        {"syscall": "memfd_create", "path": "payload"},
    ),
    # addresses
    Case(
        "connect-inet",
        EventKind.CONNECT,
        f"{UDP}; r = call('connect', s, {AF_INET_9}, 16)",
        {"syscall": "connect", "address": "192.0.2.7", "port": 9},
    ),
    Case(
        "connect-inet6",
        EventKind.CONNECT,
        "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).detach();"
        f"r = call('connect', s, {AF_INET6_9}, 28)",
        {"address": "2001:db8::1", "port": 9},
    ),
    Case(
        "connect-unix",
        EventKind.CONNECT,
        "s = socket.socket(socket.AF_UNIX).detach();"
        "r = call('connect', s, struct.pack('<H', 1) + b'{f}/sock'.ljust(108, bytes(1)), 110)",
        {"path": "{f}/sock", "detail": "unix"},
    ),
    Case(
        "bind",
        EventKind.BIND,
        f"{UDP}; r = call('bind', s, struct.pack('<HHI', 2, 0, 0x100007F) + bytes(8), 16)",
        {"syscall": "bind", "address": "127.0.0.1", "result": 0},
    ),
    Case(
        "sendto",
        EventKind.SEND,
        f"{UDP}; r = call('sendto', s, b'hello', 5, 0x40, {LOOPBACK_9}, 16)",
        {
            "syscall": "sendto",
            "address": "127.0.0.1",
            "port": 9,
            "size_bytes": 5,
            "result": 5,
        },
    ),
    Case(
        "sendmsg",
        EventKind.SEND,
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        "s.sendmsg([b'hello'], [], 0, ('127.0.0.1', 9))",
        {"syscall": "sendmsg", "address": "127.0.0.1", "port": 9},
    ),
    # arguments, memory
    Case(
        "dup3",
        EventKind.CALL,
        "r = call('dup3', 1, 9, 0)",
        {"syscall": "dup3", "result": 9, "detail": "0x1 0x9 0x0"},
    ),
    Case(
        "setsid",
        EventKind.CALL,
        "r = call('setsid')",
        {"syscall": "setsid"},
    ),
    Case(
        "mmap-exec",
        EventKind.MMAP_EXEC,
        "m = mmap.mmap(-1, 8192, prot=7, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)",
        {"syscall": "mmap", "flags": 7, "size_bytes": 8192},
    ),
    Case(
        "mprotect-exec",
        EventKind.MMAP_EXEC,
        "m = mmap.mmap(-1, 4096); a = ctypes.addressof(ctypes.c_char.from_buffer(m));"
        "r = call('mprotect', a, 4096, 5)",
        {"syscall": "mprotect", "flags": 5, "size_bytes": 4096},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_event__holds_what_the_call_said(case: Case, box: Box, folder: Path) -> None:
    if case.old and not X86:
        return  # the architecture does not have the call
    (folder / "a").write_text("a")
    (folder / "d").mkdir()
    box.run(case.script.replace("{f}", str(folder)))
    expected = {
        key: value.replace("{f}", str(folder)) if isinstance(value, str) else value
        for key, value in case.expected.items()
    }
    events = box.events(case.kind)
    candidates = [
        event
        for event in events
        if all(getattr(event, key) == value for key, value in expected.items())
    ]
    assert len(candidates) == 1, events
    event = candidates[0]
    assert not event.raced
    assert event.phase is Phase.INSTALL
    assert event.pid == event.tid > 0
    assert event.at_us > 0


def test_event__fstat_by_an_empty_path_is_left_out(box: Box) -> None:
    box.run("call('newfstatat', 0, b'', ctypes.create_string_buffer(256), 0x1000)")
    assert not [event for event in box.events(EventKind.PATH) if not event.path]
    assert box.tracer.syscalls(box.slot)["newfstatat"] > 0


def test_event__netlink_and_unaddressed_sends_are_left_out(box: Box) -> None:
    box.run("""
        a, b = socket.socketpair()
        a.send(b"x")
        n = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        n.sendto(struct.pack("<IHHIIB", 17, 18, 0x301, 0, 0, 0) + bytes(3), (0, 0))
    """)
    assert box.events(EventKind.SEND) == []
    assert box.tracer.syscalls(box.slot)["sendto"] == 2


def test_event__a_long_path_is_cut_and_says_so(box: Box) -> None:
    box.run("call('openat', -100, b'/' + b'x' * 300, 0)")
    (event,) = [event for event in box.events(EventKind.OPEN) if event.detail == "cut"]
    assert event.path == "/" + "x" * 254


def test_event__bytes_that_are_no_text_survive(box: Box) -> None:
    box.run(r"call('openat', -100, b'/none/\xff\xfe\n', 0)")
    assert any(event.path == "/none/\\xff\\xfe\n" for event in box.events(EventKind.OPEN))


def test_event__a_path_that_cannot_be_read_says_so(box: Box) -> None:
    box.run("call('openat', -100, 8, 0)")
    (event,) = [event for event in box.events(EventKind.OPEN) if event.detail == "unread"]
    assert (event.path, event.result) == ("", -14)


# ---- processes -------------------------------------------------------------------------------


def test_exec__holds_path_arguments_and_outcome(box: Box) -> None:
    box.run("os.execv('/bin/sh', ['sh', '-c', 'exit 7', 'x' * 300])", code=7)
    event = box.events(EventKind.EXEC)[-1]
    assert event.path == "/bin/sh"
    assert event.argv[:3] == ("sh", "-c", "exit 7")
    assert event.argv[3] == "x" * 223
    assert (event.syscall, event.result, event.detail) == ("execve", 0, "cut")


def test_exec__a_failed_one_is_an_event_with_its_errno(box: Box) -> None:
    box.run("""
        try:
            os.execv("/none/prog", ["prog", "--flag"])
        except FileNotFoundError:
            pass
    """)
    (event,) = [event for event in box.events(EventKind.EXEC) if event.path == "/none/prog"]
    assert (event.result, event.argv) == (-2, ("prog", "--flag"))


def test_exec__more_arguments_than_fit_are_cut(box: Box) -> None:
    box.run("os.execv('/bin/true', ['true', *map(str, range(30))])")
    event = box.events(EventKind.EXEC)[-1]
    assert len(event.argv) == 16
    assert event.detail == "cut"


def test_exec__from_another_thread_is_one_event(box: Box) -> None:
    box.run("""
        threading.Thread(target=os.execv, args=("/bin/true", ["true", "thread"])).start()
        time.sleep(60)
    """)
    (event,) = [event for event in box.events(EventKind.EXEC) if event.path == "/bin/true"]
    assert event.argv == ("true", "thread")
    assert event.result == 0


def test_lineage__children_name_their_parents(box: Box) -> None:
    output = box.run("""
        child = os.fork()
        if child == 0:
            if os.fork() == 0:
                call("openat", -100, b"/none/g", 0)
                os._exit(3)
            os.wait()
            os._exit(2)
        os.wait()
    """)
    assert output == ""
    forks = box.events(EventKind.FORK)
    (first, second) = forks
    (opened,) = [event for event in box.events() if event.path == "/none/g"]
    assert second.parent == first.pid
    assert second.pid == first.result
    assert opened.pid == second.result
    assert opened.parent == second.pid
    exits = {event.pid: event.result for event in box.events(EventKind.EXIT)}
    assert exits == {second.result: 3, first.result: 2, first.pid: 0}


def test_lineage__a_thread_is_marked_and_is_no_process(box: Box) -> None:
    box.run("t = threading.Thread(target=call, args=('getppid',)); t.start(); t.join()")
    (fork,) = box.events(EventKind.FORK)
    assert fork.detail == "thread"
    assert len(box.events(EventKind.EXIT)) == 1


def test_exit__a_killed_process_has_no_status(box: Box) -> None:
    box.run("os.kill(os.getpid(), signal.SIGKILL)", code=-9)
    (event,) = box.events(EventKind.EXIT)
    assert (event.result, event.detail) == (-1, "no status")


# ---- TCP -------------------------------------------------------------------------------------


def test_tcp__the_chain_is_whole_even_where_a_stranger_moves_the_socket(box: Box) -> None:
    """The server, outside the box, closes first: the FIN is handled in the server's context."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            connection, _ = server.accept()
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        box.run(f"s = socket.create_connection(('127.0.0.1', {port})); s.recv(1); s.close()")
        thread.join(CHILD_S)
    events = box.events(EventKind.TCP)
    assert [event.detail for event in events] == [
        "CLOSE>SYN_SENT",
        "SYN_SENT>ESTABLISHED",
        "ESTABLISHED>CLOSE_WAIT",
        "CLOSE_WAIT>LAST_ACK",
        "LAST_ACK>CLOSE",
    ]
    (connect,) = [event for event in box.events(EventKind.CONNECT) if event.port == port]
    for event in events:
        assert (event.address, event.port) == ("127.0.0.1", port)
        assert (event.pid, event.phase) == (connect.pid, Phase.INSTALL)
        assert (event.local_address, event.flags) == ("127.0.0.1", 1)
    (local_port,) = {event.local_port for event in events[1:]}
    assert local_port not in (0, port)


def test_tcp__a_listener_shows_its_own_address(box: Box) -> None:
    output = box.run("""
        s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1]); s.close()
    """)
    events = box.events(EventKind.TCP)
    assert [event.detail for event in events] == ["CLOSE>LISTEN", "LISTEN>CLOSE"]
    assert {(event.address, event.port) for event in events} == {("127.0.0.1", int(output))}
    assert {event.local_port for event in events} == {int(output)}


def test_tcp__connections_of_strangers_are_not_told(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    assert box.events(EventKind.TCP) == []


# ---- refusals --------------------------------------------------------------------------------

FILTER = """
def refuse(name, action):
    # struct sock_filter: load the number; equal: action, else: allow
    code = b"".join(struct.pack("<HBBI", *line) for line in (
        (0x20, 0, 0, 0), (0x15, 0, 1, NUMBERS[name]), (6, 0, 0, action), (6, 0, 0, 0x7FFF0000)))
    program = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("<HxxxxxxQ", 4, ctypes.addressof(program))
    libc.prctl(38, 1, 0, 0, 0)
    assert libc.prctl(22, 2, header) == 0
"""


def test_denied__a_call_that_seccomp_refused_is_told_and_not_counted_as_made(box: Box) -> None:
    box.run(FILTER + "refuse('mkdirat', 0x00050000 | 13); call('mkdirat', -100, b'/none/x', 0)")
    (event,) = box.events(EventKind.DENIED)
    assert (event.syscall, event.result) == ("mkdirat", -13)
    assert box.tracer.denied(box.slot) == {"mkdirat": 1}
    assert "mkdirat" not in box.tracer.syscalls(box.slot)


def test_denied__the_first_call_of_a_new_thread_counts_too(box: Box) -> None:
    box.run(
        FILTER
        + "refuse('setsid', 0x00050000 | 1)\nif os.fork() == 0:\n call('setsid'); os._exit(0)"
    )
    assert box.tracer.denied(box.slot) == {"setsid": 1}


def test_denied__a_kill_by_seccomp_is_told(box: Box) -> None:
    box.run(FILTER + "refuse('getppid', 0x80000000); call('getppid')", code=-31)
    (event,) = box.events(EventKind.DENIED)
    assert (event.syscall, event.result) == ("sigsys", 0)
    assert box.tracer.denied(box.slot) == {"sigsys": 1}


def test_denied__a_call_that_fails_by_itself_is_not(box: Box) -> None:
    box.run("call('openat', -100, b'/none', 0); call('close', 99); call('kill', 0x7ffffff, 0)")
    assert box.events(EventKind.DENIED) == []


def test_denied__a_call_that_began_before_arming_and_fails_after_is_not(
    make_box: Callable[[int], Box],
) -> None:
    box = make_box(2)
    box.begin(arm_at_exec=2)
    script = """
        a, b = socket.socketpair()
        a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("<qq", 0, 400_000))
        print("waiting", flush=True)
        buffer = ctypes.create_string_buffer(1)
        assert libc.recv(a.fileno(), buffer, 1, 0) == -1
        sys.stdin.readline()
    """
    with box.start(script) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "waiting\n"
        box.run("pass")  # the second exec arms the box, while the first child is in recv
        waiting.communicate("go on\n", timeout=CHILD_S)
    assert waiting.returncode == 0
    assert box.events(EventKind.EXEC)
    assert box.events(EventKind.DENIED) == []


# ---- races -----------------------------------------------------------------------------------


def test_raced__a_path_that_changed_during_the_call_is_flagged(box: Box, folder: Path) -> None:
    """Opening a FIFO waits for its other end: time enough to change the path for certain."""
    one, two = folder / "one", folder / "two"
    os.mkfifo(one)
    box.run(
        """
        path = mmap.mmap(-1, 4096)
        path[: len(sys.argv[1]) + 1] = sys.argv[1].encode() + b"\\0"
        address = ctypes.addressof(ctypes.c_char.from_buffer(path))
        inside = os.fork()
        if inside == 0:
            path[0]  # a shared page is not there after a fork until it is touched
            os._exit(0 if call("openat", -100, address, os.O_RDONLY) >= 0 else 1)
        while open(f"/proc/{inside}/syscall").read().split()[0] != str(NUMBERS["openat"]):
            time.sleep(0.001)  # it says "running" until the call waits
        path[: len(sys.argv[2]) + 1] = sys.argv[2].encode() + b"\\0"
        os.open(sys.argv[1], os.O_WRONLY)
        os.wait()
        """,
        str(one),
        str(two),
    )
    (event,) = [event for event in box.events(EventKind.OPEN) if event.raced]
    assert (event.path, event.path2) == (str(one), str(two))


def test_raced__a_page_that_was_not_there_is_read_late(box: Box, folder: Path) -> None:
    (folder / "text").write_bytes(b"/none/late\0".ljust(4096, b"\0"))
    box.run(
        """
        with open(sys.argv[1], "r+b") as file:
            page = mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        page.madvise(mmap.MADV_DONTNEED)
        call("openat", -100, address, 0)
        """,
        str(folder / "text"),
    )
    (event,) = [event for event in box.events(EventKind.OPEN) if event.path == "/none/late"]
    assert event.detail == "late"
    assert not event.raced


def test_raced__ordinary_work_is_not(box: Box) -> None:
    box.run("import json, email, http.client, shutil, subprocess; subprocess.run(['/bin/true'])")
    events: list[Event] = box.events()
    assert len(events) > 50
    assert [event for event in events if event.raced] == []
