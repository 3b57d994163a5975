"""What the BPF program counts without the ring: bytes of descriptors, and trigrams of calls."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyzer.lineage import ARTIFACT, RUNNER
from analyzer.trace import bpf, summary
from models.phase import Phase
from models.trace import Event, EventKind
from tests.analyzer.trace.boxes import CHILD_S, Box

pytestmark = pytest.mark.privileged

X86 = platform.machine() == "x86_64"

IOV = """
def vector(*parts):
    buffers = [ctypes.create_string_buffer(part, len(part)) for part in parts]
    pairs = b"".join(struct.pack("<QQ", ctypes.addressof(b), len(b.raw)) for b in buffers)
    array = ctypes.create_string_buffer(pairs)
    array.kept = buffers
    return array
"""


@dataclass(frozen=True)
class Case:
    """A call on a file `{f}/a` of 10 bytes or a new `{f}/b`, and what must be told of both."""

    name: str
    script: str
    read: tuple[int, int] = (0, 0)
    """Calls and bytes read of a."""
    written: tuple[int, int] = (0, 0)
    """Calls and bytes written to b."""


CASES = [
    Case("read", "call('read', a, bytes(4), 4); call('read', a, bytes(100), 100)", (2, 10)),
    Case("pread64", "call('pread64', a, bytes(3), 3, 2)", (1, 3)),
    Case("readv", "call('readv', a, vector(b'..', b'...'), 2)", (1, 5)),
    Case("preadv", "call('preadv', a, vector(b'..', b'...'), 2, 1, 0)", (1, 5)),
    Case("preadv2", "call('preadv2', a, vector(b'..', b'...'), 2, 1, 0, 0)", (1, 5)),
    Case("end-of-file", "os.lseek(a, 0, 2); call('read', a, bytes(4), 4)", (1, 0)),
    Case("write", "call('write', b, b'hello', 5); call('write', b, b'!', 1)", written=(2, 6)),
    Case("pwrite64", "call('pwrite64', b, b'hello', 5, 7)", written=(1, 5)),
    Case("writev", "call('writev', b, vector(b'he', b'llo'), 2)", written=(1, 5)),
    Case("pwritev", "call('pwritev', b, vector(b'he', b'llo'), 2, 1, 0)", written=(1, 5)),
    Case("pwritev2", "call('pwritev2', b, vector(b'he', b'llo'), 2, 1, 0, 0)", written=(1, 5)),
    Case("sendfile", "call('sendfile', b, a, None, 8)", (1, 8), (1, 8)),
    Case("copy_file_range", "call('copy_file_range', a, None, b, None, 6, 0)", (1, 6), (1, 6)),
    Case("splice-in", "r, w = os.pipe(); call('splice', a, None, w, None, 4, 0)", (1, 4)),
    Case(
        "splice-out",
        "r, w = os.pipe(); call('write', w, b'abc', 3); call('splice', r, None, b, None, 3, 0)",
        written=(1, 3),
    ),
]


def moved(events: list[Event], path: str) -> dict[str, tuple[int, int]]:
    """Calls and bytes by `read` and `write` of one path."""
    found: dict[str, tuple[int, int]] = {}
    for event in events:
        if event.kind is EventKind.FILE_IO and event.path == path:
            calls, size = found.get(event.syscall, (0, 0))
            found[event.syscall] = (calls + event.count, size + event.size_bytes)
    return found


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bytes__of_every_call_that_moves_some(case: Case, box: Box, folder: Path) -> None:
    (folder / "a").write_bytes(b"0123456789")
    script = (
        f"a = os.open('{folder}/a', os.O_RDONLY)\n"
        f"b = os.open('{folder}/b', os.O_WRONLY | os.O_CREAT, 0o600)\n"
        f"{case.script}\nos.close(a); os.close(b); print(os.getpid(), a, b)"
    )
    pid, a, b = map(int, box.run(IOV + script).split())
    events = box.events()
    read = {"read": case.read} if case.read[0] else {}
    written = {"write": case.written} if case.written[0] else {}
    assert moved(events, f"{folder}/a") == read
    assert moved(events, f"{folder}/b") == written
    for event in events:
        if event.kind is EventKind.FILE_IO and event.path.startswith(str(folder)):
            assert event.phase is Phase.INSTALL
            assert event.pid == event.tid == pid
            assert event.at_us > 0
            assert event.owner == ARTIFACT
            assert event.detail == f"fd {a if event.path.endswith('a') else b}"


@dataclass(frozen=True)
class End:
    """A way in which a descriptor's account ends. `d` has written five bytes to `{f}/b`."""

    name: str
    script: str
    old: bool = False


ENDS = [
    End("close", "call('close', d)"),
    End("close_range", "call('close_range', d, 0xffffffff, 0)"),
    End("dup2-over-it", "call('dup2', 0, d)", old=True),
    End("dup3-over-it", "call('dup3', 0, d, 0)"),
    End("exit", "os._exit(0)"),
    End("killed", "os.kill(os.getpid(), 9)"),
    End("exec", "os.execv('/bin/true', ['true'])"),
]


@pytest.mark.parametrize("end", ENDS, ids=[end.name for end in ENDS])
def test_bytes__are_told_when_the_descriptor_ends(end: End, box: Box, folder: Path) -> None:
    if end.old and not X86:
        return  # the architecture does not have the call
    box.run(
        f"d = os.open('{folder}/b', os.O_WRONLY | os.O_CREAT, 0o600); os.write(d, b'hello')\n"
        + end.script,
        code=-9 if end.name == "killed" else 0,
    )
    assert moved(box.events(), f"{folder}/b") == {"write": (1, 5)}


def test_bytes__of_what_is_open_when_the_phase_ends_come_with_the_summary(
    box: Box, folder: Path
) -> None:
    child = box.start(
        f"d = os.open('{folder}/b', os.O_WRONLY | os.O_CREAT, 0o600); os.write(d, b'hello');"
        "print(d, flush=True); sys.stdin.readline()"
    )
    assert child.stdout is not None
    descriptor = child.stdout.readline().strip()
    assert moved(box.events(), f"{folder}/b") == {}
    box.finish()
    events = [event for event in box.events(EventKind.FILE_IO) if event.path == f"{folder}/b"]
    child.communicate("\n", timeout=CHILD_S)
    (event,) = events
    assert (event.pid, event.syscall, event.count, event.size_bytes) == (child.pid, "write", 1, 5)
    assert (event.phase, event.detail) == (Phase.INSTALL, f"fd {descriptor}")


def test_bytes__pipes_and_sockets_count_without_a_path(box: Box) -> None:
    output = box.run("""
        r, w = os.pipe(); os.write(w, b"piped"); os.read(r, 3)
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("127.0.0.1", 9))
        os.write(s.fileno(), b"datagram")
        print(r, w, s.fileno())
        os.close(r); os.close(w); s.close()
    """)
    r, w, s = output.split()
    found = {
        (event.detail, event.syscall): (event.path, event.count, event.size_bytes)
        for event in box.events(EventKind.FILE_IO)
        if event.detail in {f"fd {r}", f"fd {w}", f"fd {s}"} and not event.path
    }
    assert found == {
        (f"fd {r}", "read"): ("", 1, 3),
        (f"fd {w}", "write"): ("", 1, 5),
        (f"fd {s}", "write"): ("", 1, 8),
    }


def test_bytes__a_number_that_a_pipe_takes_over_is_no_longer_the_file(
    box: Box, folder: Path
) -> None:
    (folder / "a").write_bytes(b"0123456789")
    box.run(f"""
        d = os.open("{folder}/a", os.O_RDONLY); os.read(d, 4); os.close(d)
        r, w = os.pipe()
        assert r == d
        os.write(w, b"xx"); os.read(r, 2)
    """)
    assert moved(box.events(), f"{folder}/a") == {"read": (1, 4)}


def test_bytes__a_duplicate_stands_for_the_same_file(box: Box, folder: Path) -> None:
    box.run(f"""
        d = os.open("{folder}/b", os.O_WRONLY | os.O_CREAT, 0o600)
        call("dup3", d, 40, 0)
        os.close(d)
        os.write(40, b"by another number")
    """)
    assert moved(box.events(), f"{folder}/b") == {"write": (1, 17)}


def test_bytes__a_child_writes_to_what_its_parent_opened(box: Box, folder: Path) -> None:
    box.run(f"""
        d = os.open("{folder}/b", os.O_WRONLY | os.O_CREAT, 0o600)
        if os.fork() == 0:
            os.write(d, b"child")
            os._exit(0)
        os.wait()
        os.write(d, b"and parent")
    """)
    written = [event for event in box.events(EventKind.FILE_IO) if event.path == f"{folder}/b"]
    assert sorted((event.count, event.size_bytes) for event in written) == [(1, 5), (1, 10)]
    assert len({event.pid for event in written}) == 2


def test_bytes__a_closed_range_tells_each_of_its_descriptors(box: Box, folder: Path) -> None:
    box.run(f"""
        opened = [os.open(f"{folder}/{{n}}", os.O_WRONLY | os.O_CREAT, 0o600) for n in range(5)]
        for descriptor in opened:
            os.write(descriptor, b"x" * (1 + descriptor))
        call("close_range", opened[1], opened[3], 0)
        sys.stdout.write(" ".join(map(str, opened)))
        sys.stdout.flush()
        os.getppid()
        os._exit(0)
    """)
    written = [event for event in box.events(EventKind.FILE_IO) if str(folder) in event.path]
    assert [event.path for event in written[:3]] == [f"{folder}/{n}" for n in (1, 2, 3)]
    assert sorted(event.path for event in written[3:]) == [f"{folder}/{n}" for n in (0, 4)]
    assert written[2].at_us < written[3].at_us


def test_bytes__of_a_memfd_name_it(box: Box) -> None:
    box.run("d = os.memfd_create('payload'); os.write(d, b'code'); os.close(d)")
    assert moved(box.events(), "memfd:payload") == {"write": (1, 4)}


def test_bytes__a_failed_call_moves_none(box: Box, folder: Path) -> None:
    (folder / "a").write_bytes(b"0123456789")
    box.run(f"d = os.open('{folder}/a', os.O_RDONLY); call('write', d, b'x', 1); os.close(d)")
    assert moved(box.events(), f"{folder}/a") == {}


def test_bytes__descriptors_that_do_not_fit_are_counted(box: Box, folder: Path) -> None:
    maps = box.tracer._maps
    fd, info = maps._fds["files"], maps._files
    value = summary.FILE_BYTES.pack(0, 0, 0, 0, box.slot, 1, 1, 0)
    try:
        for number in range(info.entries_max):
            bpf.update(fd, summary.FILE_KEY.pack(1 << 24, number), value)
        box.run(f"os.close(os.open('{folder}', os.O_RDONLY))")
        account = box.tracer.account(box.slot)
    finally:
        maps.clear_memory()
    assert account["map_overflows"] > 0


# ---- trigrams --------------------------------------------------------------------------------


def sequences(box: Box, owner: str = ARTIFACT) -> Counter[str]:
    """Trigrams of the box by their names, whatever their first call came to."""
    box.finish()
    found = [event for event in box.events(EventKind.SEQUENCE) if event.owner == owner]
    assert all(event.pid == 0 and not event.syscall for event in found)
    summed: Counter[str] = Counter()
    for event in found:
        summed[event.detail] += event.count
    return summed


SEVEN = "[libc.getppid() for _ in range(7)]"
ALTERNATE = "[(libc.getppid(), libc.getuid()) for _ in range(6)]"


def test_trigrams__are_counted_on_one_thread(box: Box) -> None:
    box.run(f"{SEVEN}; {ALTERNATE}")
    found = sequences(box)
    assert found["getppid getppid getppid"] == 6  # eight in a row
    assert found["getppid getuid getppid"] == 5
    assert found["getuid getppid getuid"] == 5


def test_trigrams__come_most_frequent_first_and_once(box: Box) -> None:
    box.run("pass")
    box.finish()
    counts = [event.count for event in box.events(EventKind.SEQUENCE)]
    assert counts == sorted(counts, reverse=True)
    assert len(counts) > 20
    assert box.tracer.summary(box.slot) == []


def test_trigrams__are_all_there_where_events_were_dropped(make_box: Callable[[int], Box]) -> None:
    box = make_box(9)
    box.begin(drops_to_simulate=1_000_000)
    box.run("[call('openat', -100, b'/none/many', 0) for _ in range(500)]")
    account = box.tracer.account(9)
    assert account["emitted"] == 0
    assert account["dropped"] > 500
    calls = sum(box.tracer.syscalls(9).values())
    assert sum(sequences(box).values()) == calls - 2


def test_trigrams__add_up_to_the_calls_that_were_made(box: Box) -> None:
    """Every call ends one trigram, but for the first two of each thread."""
    box.run("t = threading.Thread(target=call, args=('getppid',)); t.start(); t.join()")
    calls = sum(box.tracer.syscalls(box.slot).values())
    assert sum(sequences(box).values()) == calls - 2 * 2


def test_trigrams__threads_do_not_mix_and_a_new_one_has_no_history(box: Box) -> None:
    box.run("""
        def other():
            [libc.getuid() for _ in range(400)]
        t = threading.Thread(target=other); t.start()
        [libc.getppid() for _ in range(400)]
        t.join()
    """)
    found = sequences(box)
    mixed = [name for name in found if {"getppid", "getuid"} <= set(name.split())]
    assert mixed == []
    assert "getuid getuid getuid" in found


def test_trigrams__say_what_the_first_of_the_three_failed_with(box: Box) -> None:
    box.run("[(libc.getppid(), libc.close(999), libc.getuid()) for _ in range(4)]")
    box.finish()
    found = {(event.detail, event.result): event.count for event in box.events(EventKind.SEQUENCE)}
    assert found["close getuid getppid", -9] == 3
    assert found["getppid close getuid", 0] == 4
    assert found["getuid getppid close", 0] == 3


def test_trigrams__a_refused_call_is_in_none(box: Box) -> None:
    script = """
        # struct sock_filter: load the number; getuid: EPERM, else: allow
        code = b"".join(struct.pack("<HBBI", *line) for line in (
            (0x20, 0, 0, 0), (0x15, 0, 1, NUMBERS["getuid"]),
            (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000)))
        program = ctypes.create_string_buffer(code, len(code))
        libc.prctl(38, 1, 0, 0, 0)
        assert libc.prctl(22, 2, struct.pack("<HxxxxxxQ", 4, ctypes.addressof(program))) == 0
        [(libc.getppid(), call("getuid")) for _ in range(5)]
    """
    box.run(script)
    found = sequences(box)
    assert box.tracer.denied(box.slot) == {"getuid": 5}
    assert found["getppid getppid getppid"] == 3
    assert not [name for name in found if "getuid" in name]


def test_trigrams__belong_to_their_phase(box: Box) -> None:
    box.run(SEVEN)
    box.finish()
    box.begin(3)
    box.run("[libc.getppid() for _ in range(4)]")
    box.finish()
    found = {
        event.phase: event.count
        for event in box.events(EventKind.SEQUENCE)
        if event.detail == "getppid getppid getppid"
    }
    assert found == {Phase.INSTALL: 5, Phase.IMPORT: 2}


def test_trigrams__two_boxes_do_not_mix(make_box: Callable[[int], Box]) -> None:
    one, two = make_box(10), make_box(11)
    one.begin()
    two.begin()
    one.run(SEVEN)
    two.run("[libc.getppid() for _ in range(4)]")
    assert sequences(one)["getppid getppid getppid"] == 5
    assert sequences(two)["getppid getppid getppid"] == 2


def test_trigrams__a_slot_that_is_used_again_begins_empty(make_box: Callable[[int], Box]) -> None:
    box = make_box(12)
    box.begin()
    box.run(SEVEN)
    box.tracer.close_box(12)
    box.tracer.open_box(cgroup_id=box.cgroup_id, slot=12)
    assert box.tracer.summary(12) == []


def test_trigrams__that_do_not_fit_are_counted(box: Box) -> None:
    maps = box.tracer._maps
    fd, info = maps._fds["trigrams"], maps._trigrams
    other = (box.slot + 1) % 16
    try:
        for number in range(info.entries_max + 1):
            key = summary.TRIGRAM.pack(other, 1, 1, number & 0xFFFF, number >> 16, 0, 0)
            try:
                bpf.update(fd, key, summary.COUNT.pack(1))
            except OSError:  # full: on a machine with many CPUs a little earlier
                break
        box.run(SEVEN)
        account = box.tracer.account(box.slot)
    finally:
        maps.take_trigrams(other)
    assert account["map_overflows"] > 0


# ---- lineage ---------------------------------------------------------------------------------


def test_lineage__the_armed_command_and_its_descendants_are_apart_from_what_was_there_before(
    make_box: Callable[[int], Box],
) -> None:
    box = make_box(13)
    box.begin(arm_at_exec=2)
    box.run("""
        # the runner: there before the second exec arms the box
        child = os.fork()
        if child == 0:
            code = "import os; [os.getppid() for _ in range(7)]; os.fork() or [os.getuid() for _ in range(7)]"
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", code])
        os.waitpid(child, 0)
        [libc.getpgrp() for _ in range(7)]
        if os.fork() == 0:
            [libc.getsid(0) for _ in range(7)]
            os._exit(0)
        os.wait()
    """)
    command = sequences(box)
    assert command["getppid getppid getppid"] == 5
    assert command["getuid getuid getuid"] == 5
    assert "getpgrp getpgrp getpgrp" not in command
    assert "getsid getsid getsid" not in command


def test_lineage__of_what_was_there_before_is_the_runners(make_box: Callable[[int], Box]) -> None:
    box = make_box(13)
    box.begin(arm_at_exec=2)
    box.run("""
        if os.fork() == 0:
            os.execv("/bin/true", ["true"])
        os.wait()
        [libc.getpgrp() for _ in range(7)]
        if os.fork() == 0:
            [libc.getsid(0) for _ in range(7)]
            os._exit(0)
        os.wait()
    """)
    runner = sequences(box, RUNNER)
    assert runner["getpgrp getpgrp getpgrp"] == 5
    assert runner["getsid getsid getsid"] == 5


def test_lineage__whatever_the_runner_executes_later_is_the_commands(
    make_box: Callable[[int], Box],
) -> None:
    """The importer starts one process for each module; only the first of them arms the box."""
    box = make_box(13)
    box.begin(arm_at_exec=2)
    box.run("""
        code = "import os; [os.getppid() for _ in range(7)]"
        for _ in range(2):
            child = os.posix_spawn(sys.executable, ["python", "-I", "-S", "-c", code], {})
            os.waitpid(child, 0)
    """)
    assert sequences(box)["getppid getppid getppid"] == 10


def test_lineage__the_sleep_of_our_shell_is_the_runners(make_box: Callable[[int], Box]) -> None:
    script = "os.execv('/bin/sh', ['sh', '-c', '/bin/true; /bin/sleep 0.01; exit 0'])"
    slept = {}
    for slot, arm_at_exec in ((13, 3), (14, 2)):  # python, the shell, true
        box = make_box(slot)
        box.begin(arm_at_exec=arm_at_exec)
        box.run(script)
        slept[arm_at_exec] = {
            owner
            for owner in (ARTIFACT, RUNNER)
            if any("clock_nanosleep" in name for name in sequences(box, owner))
        }
    assert slept == {3: {RUNNER}, 2: {ARTIFACT}}


def test_lineage__of_a_box_that_is_armed_from_the_start_is_the_commands(
    make_box: Callable[[int], Box],
) -> None:
    box = make_box(13)
    box.begin(arm_at_exec=0)
    box.run(SEVEN)
    assert sequences(box)["getppid getppid getppid"] == 5


def test_lineage__bytes_carry_it_too(make_box: Callable[[int], Box], folder: Path) -> None:
    box = make_box(13)
    box.begin(arm_at_exec=2)
    box.run(f"""
        if os.fork() == 0:
            os.execv("/bin/sh", ["sh", "-c", "echo hello > {folder}/command"])
        os.wait()
        d = os.open("{folder}/runner", os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(d, b"runner"); os.close(d)
    """)
    owners = {
        event.path: event.owner
        for event in box.events(EventKind.FILE_IO)
        if event.path.startswith(str(folder))
    }
    assert owners == {f"{folder}/command": ARTIFACT, f"{folder}/runner": RUNNER}
