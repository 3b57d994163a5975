"""What a box can find out about the host, and what of the host it can change: nothing of ours."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.sandbox import layout
from tests.analyzer.sandbox.lab import Lab, output, until

pytestmark = pytest.mark.privileged

OWN_SYSCTLS = re.compile(
    r"/proc/sys/(fs/mqueue/|kernel/(auto_msgmni|msg\w+|sem|shm\w+|pid_max)$|user/)"
)
"""Those of the box's own IPC, pid and user namespaces: they change nothing outside."""
WRITABLE = """
if HARNESS:
    def write(path):
        target = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        content = os.read(source, 4096)
        os.close(source)
        os.write(target, content.replace(b'819200', b'819201'))
        os.close(target)

    for root in ('/proc/sys', '/proc/fs', '/proc/irq', '/proc/bus', '/sys', '/etc', '/usr', '/opt',
                 '/in', '/run', '/deps'):
        for folder, _, files in os.walk(root):
            for name in files:
                path = os.path.join(folder, name)
                try:
                    if not os.path.islink(path):
                        write(path)
                        print('WROTE', path)
                except OSError:
                    pass
    for path, data in (('/proc/sysrq-trigger', b'h'), ('/proc/self/uid_map', b'0 0 1'),
                       ('/proc/self/attr/current', b'unconfined'),
                       ('/proc/sys/kernel/core_pattern', b'|/tmp/x'),
                       ('/proc/sys/vm/drop_caches', b'1'), ('/proc/sys/kernel/hostname', b'x')):
        try:
            os.write(os.open(path, os.O_WRONLY), data)
            print('WROTE', path)
        except OSError:
            pass
    made = set()
    for folder, _, _ in os.walk('/'):
        if folder.startswith('/proc/'):
            continue
        try:
            os.close(os.open(folder + '/made', os.O_CREAT | os.O_WRONLY))
            made.add('/'.join(folder.split('/')[:3]))
        except OSError:
            pass
    print('MADE', ' '.join(sorted({'/env' if m.startswith('/env') else m for m in made})))
"""


def _host_sysctls() -> dict[str, bytes]:
    places = (
        *Path("/proc/sys/fs/mqueue").iterdir(),
        *Path("/proc/sys/kernel").glob("[ms][sehu]m*"),
    )
    return {str(path): path.read_bytes() for path in places if path.is_file()}


async def test_box__cannot_write_to_what_is_not_its_own(either_way: Lab) -> None:
    """The uid-drop trap: see spawner.drop_root. As host root, core_pattern and more were writable."""
    before = _host_sysctls()
    said = output(await either_way.run_code(WRITABLE))

    wrote = re.findall(r"WROTE (\S+)", said)
    assert [path for path in wrote if not OWN_SYSCTLS.match(path)] == []
    assert "MADE /dev/shm /env /home/dev /tmp" in said
    assert _host_sysctls() == before
    assert before


EXPOSED = """
if HARNESS:
    for path in ('/etc/shadow', '/etc/gshadow', '/etc/sudoers', '/root', '/sys', '/boot', '/srv',
                 '/mnt', '/media', '/var', '/lost+found', '/etc/ssl/private', '/etc/ssh',
                 '/proc/kcore', '/proc/kallsyms', '/proc/keys', '/proc/key-users', '/proc/config.gz',
                 '/proc/modules', '/proc/timer_list', '/proc/kmsg', '/proc/kpagecount',
                 '/proc/kpageflags', '/proc/slabinfo', '/proc/vmallocinfo',
                 '/dev/kmsg', '/dev/mem', '/dev/vda', '/dev/sda', '/dev/mapper', '/dev/kvm',
                 '/dev/fuse', '/dev/net', '/dev/input', '/dev/vsock', '/dev/vhost-net',
                 '/proc/1/root/etc/shadow', '/proc/1/cwd/root'):
        try:
            if os.path.isdir(path):
                content = os.listdir(path)
            else:
                with open(path, 'rb', 0) as source:
                    content = source.read(1)
            if content:
                print('READABLE', path, content)
        except OSError:
            pass
    print('devices', sorted(os.listdir('/dev')))
    print(open('/proc/self/status').read())
    print('fds', sorted(os.listdir('/proc/self/fd')))
    print('groups', os.getgroups() in ([], [os.getgid()]))
"""
DEVICES = {
    *("core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout"),
    *("tty", "urandom", "zero"),
}


async def test_box__cannot_read_the_kernel_or_the_host(either_way: Lab) -> None:
    said = output(await either_way.run_code(EXPOSED))

    assert "READABLE" not in said, said
    devices = re.search(r"devices (\[.*\])", said)
    assert devices is not None
    assert set(re.findall(r"'(\w+)'", devices[1])) <= DEVICES
    for word in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert re.search(rf"{word}:\s+0000000000000000", said)
    assert re.search(r"NoNewPrivs:\s+1", said)
    assert re.search(r"Seccomp:\s+2", said)
    assert re.search(r"fds \['0', '1', '2', '3', '4'\]", said)  # 4: the listing itself


NAMES = """
if HARNESS:
    words = WORDS
    for path in ('/proc/self/mountinfo', '/proc/self/mounts', '/proc/1/mountinfo', '/proc/1/cmdline',
                 '/proc/self/cgroup', '/proc/1/cgroup', '/proc/self/environ', '/etc/hosts',
                 '/etc/hostname', '/etc/passwd', '/etc/resolv.conf', '/proc/net/unix', '/proc/mdstat',
                 '/proc/sys/kernel/hostname', '/proc/sys/kernel/domainname', '/proc/locks'):
        try:
            text = open(path, 'rb').read()
        except OSError:
            continue
        print('told', path, [w for w in words if w.encode() in text])
    print('known', sorted({w for w in words for v in os.environ.values() if w in v}))
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            line = open(f'/proc/{pid}/cmdline', 'rb').read()
        except OSError:
            continue
        print('told', pid, [w for w in words if w.encode() in line])
    print('sees itself', b'runner.module' in open('/proc/self/cmdline', 'rb').read())
"""


@pytest.fixture
def sleeper() -> Iterator[str]:
    """A process of the host; what stands in its command line."""
    marker = "98765.4321"
    with subprocess.Popen(["/bin/sleep", marker]) as process:
        yield marker
        process.kill()


async def test_box__is_told_no_name_of_the_host(either_way: Lab, sleeper: str) -> None:
    words = (
        *(either_way.run_dir.name, "pratique-", "sandbox.sock", "sandbox.daemon", sleeper),
        *(str(Path(__file__).parents[3]), f"hostname={socket.gethostname()}"),
    )
    code = NAMES.replace("WORDS", repr(words)).replace("pratique-harness", "")
    said = output(await either_way.run_code(code))

    told = re.findall(r"(?:told (\S+)|known) (\[.*\])", said)
    assert len(told) > 12
    assert [(path, found) for path, found in told if found != "[]"] == []
    assert "sees itself True" in said


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
    code = "if HARNESS:\n    import time\n    time.sleep(60)\n"
    run = asyncio.create_task(either_way.run_code(code, budget_ms=4000))
    await asyncio.to_thread(until, lambda: bool(_uids_of(either_way, "runner.module")))
    uids = _uids_of(either_way, "runner.module")
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run

    slots = {str(either_way.uid_base + slot) for slot in range(2)}
    assert len(uids) == 1
    assert uids <= slots


async def test_decoys__can_be_read_whichever_way_one_came_in(either_way: Lab) -> None:
    code = "print(len(open(os.path.expanduser('~/.ssh/id_ed25519')).read()) > 50, os.getcwd())"

    assert output(await either_way.run_code(code)) == f"True {layout.WORK}\n"


async def test_marker__is_not_shown_without_the_flag(fresh_dir: str) -> None:
    made = Lab(Path(fresh_dir), harness=False, trace=False)
    try:
        outcome = await made.run_code("print('harness', HARNESS, os.listdir('/run'))")
    finally:
        made.stop()
    assert "harness False []" in output(outcome)
