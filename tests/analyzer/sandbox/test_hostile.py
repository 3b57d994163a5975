"""Hostile behaviour, and the control that stops it: SANDBOX's table, each row with its counter."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.analyzer.sandbox.lab import GUARD, PIDS, UID_BASE, Lab, lines, output, until

pytestmark = pytest.mark.privileged


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One behaviour. `ended`: how P3 must end; `counter`: the control that must have bitten."""

    name: str
    code: str
    ended: str = "exit"
    counter: str = ""
    says: str = ""
    denied: tuple[str, ...] = ()
    budget_ms: int = 30_000
    reports: str = ""


FORK = """
if HARNESS:
    import time
    made = 0
    try:
        while made < 1000:
            if os.fork() == 0:
                time.sleep(60)
            made += 1
    except OSError as error:
        print('forks', made, error.errno, flush=True)
    time.sleep(60)
"""
FORK_FAST = """
while HARNESS:
    try:
        os.fork()
    except OSError:
        pass
"""
MEMORY = """
kept = []
while HARNESS:
    kept.append(bytearray(16 << 20))
"""
FILL = """
if HARNESS:
    written = 0
    try:
        with open('/tmp/x', 'wb', buffering=0) as out:
            while written < 1 << 40:
                written += out.write(b'z' * (1 << 20))
    except OSError as error:
        print('filled', error.errno)
"""
FILES = """
if HARNESS:
    made = 0
    try:
        while made < 10_000_000:
            os.close(os.open(f'/tmp/{made}', os.O_CREAT | os.O_WRONLY))
            made += 1
    except OSError as error:
        print('files', error.errno)
"""
SHM = """
if HARNESS:
    for place in ('/dev/x', '/dev/shm/../y', '/x', '/opt/runner/x', '/in/x', '/etc/x', '/run/x',
                  '/deps/x', '/usr/x', '/dev/shm/z'):
        try:
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY))
            print('wrote', place)
        except OSError as error:
            print(place, error.errno)
"""
FLOOD = """
while HARNESS:
    os.write(1, b'A' * 65536)
"""
LOOP = """
while HARNESS:
    pass
"""
SLEEP = """
if HARNESS:
    import time
    time.sleep(600)
"""
DAEMON = """
if HARNESS and os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import time
        time.sleep(600)
    os._exit(0)
print('parent goes on')
"""
KILL = """
if HARNESS:
    import signal
    try:
        os.kill(1, signal.SIGKILL)
    except OSError as error:
        print(1, error.errno)
    print('still here')
"""
KILL_RUNNER = """
if HARNESS:
    import signal
    os.kill(os.getppid(), signal.SIGKILL)
"""
NAMESPACES = """
if HARNESS:
    import ctypes, errno
    libc = ctypes.CDLL(None, use_errno=True)
    machine = os.uname().machine
    numbers = {
        'x86_64': dict(unshare=272, mount=165, bpf=321, perf_event_open=298, userfaultfd=323,
            keyctl=250, ptrace=101, process_vm_readv=310, setns=308, name_to_handle_at=303,
            personality=135, kexec_load=246, add_key=248, modify_ldt=154, io_uring_setup=425,
            clone3=435, open_tree=428, fsopen=430, clone=56),
        'aarch64': dict(unshare=97, mount=40, bpf=280, perf_event_open=241, userfaultfd=282,
            keyctl=219, ptrace=117, process_vm_readv=270, setns=268, name_to_handle_at=264,
            personality=92, kexec_load=104, add_key=217, io_uring_setup=425, clone3=435,
            open_tree=428, fsopen=430, clone=220),
    }[machine]
    for name, number in numbers.items():
        first = 0x10000000 | 17 if name in ('unshare', 'clone') else 0
        result = libc.syscall(number, first, 0, 0, 0, 0, 0)
        refused = result == -1 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS)
        print(name, 'refused' if refused else f'ALLOWED {result} {ctypes.get_errno()}')
"""
FAMILIES = """
if HARNESS:
    import socket
    for family in (17, 38, 40, 44, 31, 29):
        try:
            socket.socket(family, socket.SOCK_RAW)
            print(family, 'ALLOWED')
        except OSError as error:
            print(family, error.errno)
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
        print('ALLOWED raw')
    except OSError as error:
        print('raw', error.errno)
"""
OTHER_TABLE = r"""
if HARNESS and os.uname().machine == 'x86_64':
    import ctypes, mmap
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(b'\x53\xb8\x14\x00\x00\x00\xcd\x80\x5b\xc3')
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    print('int80 says', call(), flush=True)
"""
TERMINAL = """
if HARNESS:
    import fcntl, termios
    try:
        fcntl.ioctl(0, termios.TIOCSTI, b'x')
        print('ALLOWED')
    except OSError as error:
        print('tiocsti', error.errno)
    try:
        os.open('/dev/tty', os.O_RDWR)
        print('ALLOWED')
    except OSError as error:
        print('tty', error.errno)
"""
ROWS = (
    Row(name="fork-bomb", code=FORK, ended="timeout", counter="pids_max_hits", budget_ms=2000),
    Row(
        name="fork-bomb-fast",
        code=FORK_FAST,
        ended="timeout",
        counter="pids_max_hits",
        budget_ms=2000,
    ),
    Row(name="memory-bomb", code=MEMORY, ended="oom", counter="oom_kills"),
    Row(name="fill-tmp", code=FILL, says="filled 28"),
    Row(name="fill-inodes", code=FILES, says="files 28"),
    Row(name="output-flood", code=FLOOD, ended="output-flood", counter="output_bytes"),
    Row(name="endless-loop", code=LOOP, ended="timeout", counter="cpu_us", budget_ms=1500),
    Row(name="sleep", code=SLEEP, ended="timeout", budget_ms=1500),
    Row(name="daemon-outlives", code=DAEMON, says="parent goes on", reports="lingering"),
    Row(name="kill", code=KILL, says="still here"),
    Row(
        name="other-namespaces",
        code=NAMESPACES,
        says="unshare refused",
        denied=("unshare", "mount", "bpf", "ptrace", "io_uring_setup", "clone3", "clone"),
    ),
    Row(name="odd-sockets", code=FAMILIES, says="raw 1", denied=("socket",)),
    Row(name="other-call-table", code=OTHER_TABLE, denied=("sigsys",)),
    Row(name="typing-into-terminals", code=TERMINAL, says="tiocsti 1", denied=("ioctl",)),
    Row(name="read-only-places", code=SHM, says="wrote /dev/shm/z"),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_hostile__is_stopped_by_its_control(lab: Lab, row: Row) -> None:
    outcome = await lab.run_code(row.code, budget_ms=row.budget_ms)

    phase = outcome.result.phases[-1]
    assert phase.phase == "P3"
    assert phase.ended == row.ended
    assert not row.counter or phase.counters[row.counter] > 0
    assert row.says in phase.output_tail
    assert "ALLOWED" not in phase.output_tail
    assert set(row.denied) <= set(phase.denied)
    assert not row.reports or any(line["kind"] == row.reports for line in lines(outcome, "report"))
    until(lambda: not lab.processes())


async def test_runner__that_the_package_killed_is_no_clean_end(lab: Lab) -> None:
    outcome = await lab.run_code(KILL_RUNNER)

    phase = outcome.result.phases[-1]
    assert phase.phase == "P3"
    assert phase.exit_code != 0
    until(lambda: not lab.processes())


async def test_fork_bomb__stays_below_the_limit(lab: Lab) -> None:
    outcome = await lab.run_code(FORK, budget_ms=2000)

    forks = re.search(r"forks (\d+) 11", output(outcome))
    assert forks is not None
    assert int(forks[1]) < PIDS


async def test_read_only_places__nothing_but_its_own_folders_can_be_written(lab: Lab) -> None:
    outcome = await lab.run_code(SHM)

    wrote = re.findall(r"wrote (\S+)", output(outcome))
    assert wrote == ["/dev/shm/z"]  # noqa: S108 - a place in the box


EXPOSED = """
if HARNESS:
    for path in ('/proc/sys/kernel/core_pattern', '/proc/sys/kernel/hostname',
                 '/proc/sys/vm/drop_caches', '/proc/sys/kernel/printk', '/proc/sysrq-trigger'):
        try:
            os.close(os.open(path, os.O_WRONLY))
            print('WRITABLE', path)
        except OSError:
            pass
    for path in ('/etc/shadow', '/root', '/sys', '/proc/kcore', '/proc/kallsyms', '/proc/keys',
                 '/proc/config.gz', '/dev/kmsg', '/dev/vda', '/var', '/proc/1/root/etc/shadow',
                 '/etc/ssl/private'):
        try:
            if os.path.isdir(path):
                print('READABLE', path, os.listdir(path))
            else:
                os.read(os.open(path, os.O_RDONLY), 1)
                print('READABLE', path)
        except OSError:
            pass
    print(open('/proc/self/mountinfo').read())
    print(open('/proc/self/status').read())
    print(open('/proc/1/cmdline', 'rb').read())
    print('fds', sorted(os.listdir('/proc/self/fd')))
"""


@pytest.fixture(params=["userns", "setpriv"])
def either_way(request: pytest.FixtureRequest, fresh_dir: str) -> Iterator[Lab]:
    """A daemon that takes one of the two ways into a box."""
    made = Lab(Path(fresh_dir), way=request.param, trace=False)
    yield made
    made.stop()


async def test_box__cannot_reach_the_kernel_or_the_host(either_way: Lab) -> None:
    outcome = await either_way.run_code(
        EXPOSED.replace("mountinfo').read()", "mountinfo').read(1)")
    )

    said = output(outcome)
    assert "WRITABLE" not in said  # the uid-drop trap: see spawner.drop_root
    assert "READABLE" not in said
    assert re.search(r"CapEff:\s+0000000000000000", said)
    assert re.search(r"CapBnd:\s+0000000000000000", said)
    assert re.search(r"NoNewPrivs:\s+1", said)
    assert re.search(r"Seccomp:\s+2", said)
    assert either_way.run_dir.name not in said
    assert re.search(r"fds \['0', '1', '2', '3', '4'\]", said)  # 4: the listing itself


def _uids_of(lab: Lab, program: str) -> set[str]:
    """Real, effective and saved uids, on the host, of box processes that run `program`."""
    found: set[str] = set()
    for pid in lab.processes():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            continue
        uids = re.search(r"Uid:\s+(\d+)\s+(\d+)\s+(\d+)", status)
        if program in command and "bwrap" not in command and uids is not None:
            found |= set(uids.groups())
    return found


async def test_box__runs_as_its_own_uid_on_the_host(either_way: Lab) -> None:
    run = asyncio.create_task(either_way.run_code(SLEEP, budget_ms=4000))
    await asyncio.to_thread(until, lambda: bool(_uids_of(either_way, "runner.module")))
    uids = _uids_of(either_way, "runner.module")
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run

    assert uids == {str(UID_BASE)}


async def test_box__mountinfo_names_no_path_of_ours(lab: Lab) -> None:
    outcome = await lab.run_code("print(open('/proc/self/mountinfo').read()[-3500:])")

    assert lab.run_dir.name not in output(outcome)
    assert "pratique" not in output(outcome)


async def test_box__has_no_route_to_the_host(lab: Lab) -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        listener.settimeout(0)
        port = listener.getsockname()[1]
        address = socket.gethostbyname(socket.gethostname())
        code = f"""
if HARNESS:
    import socket
    for address in ('{address}', '127.0.0.1', '10.0.2.15'):
        try:
            sock = socket.create_connection((address, {port}), 3)
            sock.sendall(b'hello')
            print(address, 'connected')
        except OSError as error:
            print(address, error.errno)
"""
        outcome = await lab.run_code(code)

        with pytest.raises(BlockingIOError):
            listener.accept()
    assert "127.0.0.1 111" in output(outcome)
    assert "10.0.2.15 111" in output(outcome)
    assert GUARD  # the code above acts only in a box


async def test_marker__is_not_shown_without_the_flag(fresh_dir: str) -> None:
    made = Lab(Path(fresh_dir), harness=False, trace=False)
    try:
        outcome = await made.run_code("print('harness', HARNESS, os.listdir('/run'))")
    finally:
        made.stop()
    assert "harness False []" in output(outcome)
