"""The daemon as a process: who may speak, what it refuses, how it ends, what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from analyzer.sandbox import inputs, launch, wire
from analyzer.sandbox.client import SandboxClient
from analyzer.sandbox.protocol import InputFile, to_json
from models.errors import SandboxFailed, SandboxUnavailable
from tests.analyzer.sandbox.lab import (
    GUARD,
    Lab,
    given,
    lines,
    output,
    request_for,
    run_dir,
    until,
    wheel,
)

SLEEPER = {"reenact_case.py": GUARD + "if HARNESS:\n    import time\n    time.sleep(600)\n"}


async def _started(lab: Lab) -> asyncio.Task[object]:
    """A run whose module sleeps, once it does."""
    begun = asyncio.Event()
    artifact = wheel("reenact_case", SLEEPER)
    run = asyncio.create_task(
        lab.client.run(
            request_for(artifact, phases=("P1", "P3")),
            [artifact],
            on_progress=lambda phase, _: begun.set() if phase == "P3" else None,
        )
    )
    await asyncio.wait_for(begun.wait(), 20)
    await asyncio.to_thread(until, lambda: bool(lab.processes()))
    os.close(artifact[1])
    return run


def names_in(folder: str) -> list[str]:
    """What is there."""
    return [path.name for path in Path(folder).iterdir()]


@pytest.mark.privileged
async def test_hello__says_what_it_can_do(lab: Lab) -> None:
    hello = await lab.client.hello()

    assert hello.traced
    assert hello.harness
    assert hello.boxes == 2
    assert hello.why_not == ""


@pytest.mark.privileged
async def test_two_runs__go_at_once_and_do_not_meet(lab: Lab) -> None:
    code = "print('I am', {0!r}, sorted(os.listdir('/tmp')))\nopen('/tmp/{0}', 'w').close()\n"
    first, second = await asyncio.gather(
        lab.run_code(code.format("one")), lab.run_code(code.format("two"))
    )

    assert "I am one []" in output(first)
    assert "I am two []" in output(second)
    for outcome in (first, second):
        account = outcome.result.account
        assert account["emitted"] == account["received"] == account["stored"] > 0
        assert account["dropped"] == 0


@pytest.mark.privileged
async def test_client_closing__kills_the_run(lab: Lab) -> None:
    run = await _started(lab)
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run

    until(lambda: not lab.processes() and not lab.groups)


@pytest.mark.privileged
async def test_killed_daemon__leftovers_are_swept_by_the_next(fresh_dir: str) -> None:
    first = Lab(Path(fresh_dir))
    run = await _started(first)
    first.kill()
    with pytest.raises(SandboxUnavailable):
        await run
    until(lambda: not first.processes())

    second = Lab(Path(fresh_dir))
    try:
        assert not second.groups
        assert sorted(names_in(fresh_dir)) == ["daemon.lock", "sandbox.sock"]
        outcome = await second.run_code("print('alive')")
        assert "alive" in output(outcome)
    finally:
        assert second.stop() == (0, "")


@pytest.mark.privileged
async def test_sigterm__ends_runs_and_leaves_nothing(fresh_dir: str) -> None:
    made = Lab(Path(fresh_dir), trace=False)
    run = await _started(made)

    code, said = await asyncio.to_thread(made.stop)

    assert (code, said) == (0, "")
    with pytest.raises(SandboxUnavailable):
        await run
    assert not made.processes()
    assert not made.groups
    assert names_in(fresh_dir) == ["daemon.lock"]


@pytest.mark.privileged
def test_second_daemon__does_not_take_the_same_folder(lab: Lab) -> None:
    argv = launch.daemon_argv(
        socket=lab.run_dir / "other.sock", client_uid=0, run_dir=lab.run_dir, trace=False
    )
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)

    assert ended.returncode == 1
    assert "Another sandbox daemon" in ended.stderr


STRANGER = """
import socket, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
sock.connect(sys.argv[1])
try:
    sock.send(b'{"op":"hello"}')
    print(len(sock.recv(1000)))
except (ConnectionResetError, BrokenPipeError):
    print(0)
"""


@pytest.mark.privileged
def test_stranger__is_refused_even_where_the_socket_is_open(fresh_dir: str) -> None:
    made = Lab(Path(fresh_dir), client_uid=63_001, trace=False)
    try:
        said = {}
        for mode in (0o600, 0o666):
            made.socket.chmod(mode)
            for uid in (63_001, 63_002):
                ended = subprocess.run(
                    ["/usr/bin/python3", "-I", "-c", STRANGER, str(made.socket)],
                    user=uid,
                    group=uid,
                    extra_groups=[],
                    capture_output=True,
                    text=True,
                    timeout=20,
                    check=False,
                )
                said[mode, uid] = ended.stdout.strip()
    finally:
        made.stop()

    assert said[0o600, 63_002] == ""  # cannot even connect
    assert said[0o666, 63_002] == "0"  # connected, and was hung up on
    assert int(said[0o600, 63_001]) > 10
    assert int(said[0o666, 63_001]) > 10


@pytest.mark.privileged
async def test_unsealed_input__is_refused(lab: Lab) -> None:
    described, sealed = wheel("reenact_case", {"reenact_case.py": ""})
    data = os.pread(sealed, described.size, 0)
    os.close(sealed)
    loose = os.memfd_create("loose", os.MFD_ALLOW_SEALING)
    os.write(loose, data)

    with pytest.raises(SandboxFailed, match="not sealed"):
        await lab.run((described, loose))


@pytest.mark.privileged
async def test_wrong_hash__is_refused(lab: Lab) -> None:
    described, sealed = wheel("reenact_case", {"reenact_case.py": ""})
    lie = InputFile(
        filename=described.filename, sha256="0" * 64, size=described.size, role="artifact"
    )

    with pytest.raises(SandboxFailed, match="sha256"):
        await lab.run((lie, sealed))


@pytest.mark.privileged
async def test_input__that_is_no_memfd_is_refused(lab: Lab, tmp_path: Path) -> None:
    described, sealed = wheel("reenact_case", {"reenact_case.py": ""})
    place = tmp_path / "loose"
    place.write_bytes(os.pread(sealed, described.size, 0))
    os.close(sealed)

    for kind in ("file", "pipe", "socket"):
        if kind == "file":
            descriptor = os.open(place, os.O_RDONLY)
        elif kind == "pipe":
            descriptor, writer = os.pipe()
            os.close(writer)
        else:
            descriptor = socket.socket(socket.AF_UNIX).detach()
        with pytest.raises(SandboxFailed, match="not a memfd"):
            await lab.run((described, descriptor))


@pytest.mark.privileged
@pytest.mark.parametrize("size", [1, 1 << 40])
async def test_input__of_another_size_is_refused(lab: Lab, size: int) -> None:
    described, sealed = wheel("reenact_case", {"reenact_case.py": ""})
    lie = InputFile(**{**to_json(described), "size": size})

    with pytest.raises(SandboxFailed, match="announced size"):
        await lab.run((lie, sealed))


@pytest.mark.privileged
async def test_input__cannot_be_changed_once_it_was_sent(lab: Lab) -> None:
    code = "import time\ntime.sleep(0.5)\nprint('as it was')"
    described, sealed = wheel("reenact_case", {"reenact_case.py": code})
    kept = os.dup(sealed)
    run = asyncio.create_task(lab.run((described, sealed), phases=("P1", "P3")))
    await asyncio.sleep(0.05)
    with pytest.raises(PermissionError):
        os.pwrite(kept, b"changed", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(kept, 0)
    outcome = await run
    os.close(kept)

    assert "as it was" in output(outcome)


@pytest.mark.privileged
@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([{"op": "go"}], "out of order"),
        ([{"op": "input"}], "out of order"),
        ([{"op": "run", "run_id": "x"}], "lacks fields"),
        ([{"op": "run", "run_id": "x", "bogus": 1}], "unknown fields"),
        ([{"op": "run", "run_id": 5}], "not of its type"),
        ([[]], "not a JSON object"),
    ],
)
def test_malformed_conversation__is_refused(lab: Lab, messages: list[object], says: str) -> None:
    import json  # noqa: PLC0415

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(10)
        sock.connect(str(lab.socket))
        for message in messages:
            sock.send(json.dumps(message).encode())
        received = wire.receive(sock)

    assert received is not None
    assert received[0]["op"] == "error"
    assert says in received[0]["error"]


@pytest.mark.privileged
@pytest.mark.parametrize(
    "filename", ["../x.whl", "a/b.whl", ".whl", "-x.whl", "x\n.whl", "ü.whl", "x" * 300]
)
async def test_unsafe_filename__is_refused(lab: Lab, filename: str) -> None:
    artifact = given(filename, b"x")

    with pytest.raises(SandboxFailed, match="file name"):
        await lab.run(artifact)


@pytest.mark.privileged
async def test_many_refusals__leak_no_descriptors(lab: Lab) -> None:
    def count() -> int:
        return len(list(Path(f"/proc/{lab.process.pid}/fd").iterdir()))

    await lab.run_code("pass")
    until(lambda: not lab.groups)
    before = count()
    for _ in range(5):
        described, sealed = wheel("reenact_case", {"reenact_case.py": ""})
        lie = InputFile(**{**to_json(described), "sha256": "0" * 64})
        with pytest.raises(SandboxFailed):
            await lab.run((lie, sealed))
        await lab.run_code("pass")
    until(lambda: count() <= before)


def daemon_of(uid: int, folder: Path) -> subprocess.Popen[str]:
    """A daemon that runs as `uid`, once it is ready."""
    argv = launch.daemon_argv(socket=folder / "s.sock", client_uid=0, run_dir=folder)
    other = uid if uid != os.geteuid() else None
    groups: list[int] | None = [] if other is not None else None
    daemon = subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, user=other, group=other, extra_groups=groups
    )
    assert daemon.stdout is not None
    assert daemon.stdout.readline() == "ready\n"
    return daemon


async def test_ordinary_user__gets_reader_boxes_only(tmp_path: Path) -> None:
    """As root this runs the daemon as somebody else; as an ordinary user as oneself."""
    folder = run_dir() if os.geteuid() == 0 else tmp_path
    uid = 63_003 if os.geteuid() == 0 else os.geteuid()
    os.chown(folder, uid, -1)
    daemon = daemon_of(uid, folder)
    try:
        client = SandboxClient(folder / "s.sock")
        assert not (await client.hello()).traced
        artifact = wheel("reenact_case", {"reenact_case.py": ""})
        with pytest.raises(SandboxFailed, match="reader boxes only"):
            await client.run(request_for(artifact), [artifact])
        outcome = await client.run(request_for(artifact, kind="read"), [artifact])
        again = await client.run(request_for(artifact, kind="read"), [artifact])
        os.close(artifact[1])
    finally:
        daemon.terminate()
        daemon.communicate(timeout=20)
        shutil.rmtree(folder)
    assert outcome.result.phases[0].ended == "exit"
    assert outcome.result.phases[0].exit_code == 0
    assert lines(outcome, "report")[0]["filename"] == artifact[0].filename
    assert again.blobs == outcome.blobs  # the second reader begins at the beginning, too


@pytest.mark.privileged
def test_run_dir__that_others_can_write_to_is_refused() -> None:
    folder = run_dir()
    folder.chmod(0o1777)
    argv = launch.daemon_argv(socket=folder / "s.sock", client_uid=0, run_dir=folder, trace=False)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    shutil.rmtree(folder)

    assert done.returncode == 1
    assert "does not belong to root alone" in done.stderr


@pytest.mark.privileged
def test_tracefs__is_mounted_by_the_daemon_where_it_is_not() -> None:
    folder = run_dir()
    argv = launch.daemon_argv(socket=folder / "s.sock", client_uid=0, run_dir=folder)
    hide = "umount -a -t tracefs; umount -l /sys/kernel/debug/tracing 2>/dev/null; "
    hide += 'test ! -e /sys/kernel/tracing/events || exit 9; exec "$@"'
    command = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", hide, "sh", *argv]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    try:
        assert daemon.stdout.readline() == "ready\n"
        hello = asyncio.run(SandboxClient(folder / "s.sock").hello())
    finally:
        daemon.terminate()
        daemon.communicate(timeout=20)
        shutil.rmtree(folder)
    assert (hello.traced, hello.why_not) == (True, "")


async def test_client__says_that_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="does not answer"):
        await SandboxClient(tmp_path / "none").hello()


def test_make_sealed__nobody_can_change_it() -> None:
    descriptor = inputs.make_sealed(b"hello")
    try:
        inputs.require_sealed(descriptor)
        with pytest.raises(PermissionError):
            os.write(descriptor, b"x")
    finally:
        os.close(descriptor)
    assert sys.platform == "linux"
