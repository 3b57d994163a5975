"""The judge process over its socket, and the client that asks it."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from models.errors import JudgeRefused, JudgeUnavailable
from models.evidence import Signal
from models.judgement import JUDGE_LINE_BYTES_MAX, JudgeReply
from models.trust.rules import RulesScorer
from models.trust.shelf import Shelf
from proxy.judge.client import JudgeClient
from proxy.judge.core import judge_case
from proxy.judge.process import CONNECTIONS_MAX, listen
from tests.models.examples import evidence
from tests.models.trust.shelved import COLUMNS, put
from tests.proxy.judge.test_core import request

SCORER = RulesScorer()
END_S = 20
JUDGE_KIB_MAX = 200 * 1024
"""KiB of memory that a judge may have in use at most, with a model loaded."""


def start(path: Path, **options: object) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "proxy.judge", "--socket", str(path)],
        stdout=subprocess.PIPE,
        cwd="/",
        **options,  # type: ignore[call-overload]  # options of Popen
    )
    assert isinstance(process, subprocess.Popen)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: subprocess.Popen[bytes]) -> int:
    with suppress(ProcessLookupError):
        process.terminate()
    code = process.wait(END_S)
    assert process.stdout is not None
    process.stdout.close()
    return code


@pytest.fixture(name="path", scope="module")
def _path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("judge") / "judge.sock"
    process = start(path)
    yield path
    assert end(process) == 0
    assert not path.exists()


async def test_client__gets_the_decision_that_the_core_gives(path: Path) -> None:
    client = JudgeClient(path)
    try:
        decision = await client.judge(request())
        assert decision == judge_case(request(), SCORER).decision
    finally:
        await client.close()


async def test_client__many_questions_at_once_each_get_their_own_answer(path: Path) -> None:
    client = JudgeClient(path)
    days = [request(as_of=request().as_of.replace(day=1 + n % 28, hour=n % 24)) for n in range(100)]
    try:
        decisions = await asyncio.gather(*(client.judge(asked) for asked in days))
    finally:
        await client.close()
    assert [decision.as_of for decision in decisions] == [asked.as_of for asked in days]


async def test_client__a_case_that_cannot_be_judged_is_refused_and_the_next_one_is_not(
    path: Path,
) -> None:
    client = JudgeClient(path)
    try:
        with pytest.raises(JudgeRefused, match="mode"):
            await client.judge(request(policy_toml="x = 1"))
        assert (await client.judge(request())).served
    finally:
        await client.close()


async def test_client__a_case_that_is_too_long_is_refused_here(tmp_path: Path) -> None:
    client = JudgeClient(tmp_path / "nobody.sock")
    text = 'mode = "enforce" #' + "x" * JUDGE_LINE_BYTES_MAX
    with pytest.raises(JudgeRefused):
        await client.judge(request(policy_toml=text))


async def test_client__without_a_judge_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(JudgeUnavailable) as caught:
        await JudgeClient(tmp_path / "nobody.sock").judge(request())
    assert caught.value.next_step


async def test_client__finds_a_restarted_judge_again(tmp_path: Path) -> None:
    path = tmp_path / "judge.sock"
    client = JudgeClient(path)
    first = start(path)
    assert (await client.judge(request())).served
    first.kill()
    end(first)
    with pytest.raises(JudgeUnavailable):
        await client.judge(request())
    second = start(path)
    try:
        assert (await client.judge(request())).served
    finally:
        await client.close()
        end(second)


async def test_client__a_restart_between_two_questions_costs_none(tmp_path: Path) -> None:
    path = tmp_path / "judge.sock"
    client = JudgeClient(path)
    first = start(path)
    assert (await client.judge(request())).served
    first.kill()
    end(first)
    second = start(path)
    try:
        assert (await client.judge(request())).served
    finally:
        await client.close()
        end(second)


async def test_client__a_judge_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "mute.sock"
    held = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        await held.wait()
        writer.close()

    server = await asyncio.start_unix_server(mute, str(path), limit=JUDGE_LINE_BYTES_MAX)
    client = JudgeClient(path, timeout_s=0.05)
    try:
        with pytest.raises(JudgeUnavailable):
            await client.judge(request())
    finally:
        held.set()
        await client.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "answer", [b"nonsense\n", b"\xff\xfe\n", b'{"id": 999}\n{"id": "x"}\n', b""]
)
async def test_client__nonsense_for_an_answer_is_unavailable(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "mad.sock"

    async def mad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(mad, str(path), limit=JUDGE_LINE_BYTES_MAX)
    client = JudgeClient(path)
    try:
        with pytest.raises(JudgeUnavailable):
            await client.judge(request())
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


def ask(path: Path, data: bytes, *, replies: int) -> list[JudgeReply]:
    """Send raw bytes; the first `replies` lines that come back (fewer where it hangs up)."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(END_S)
        client.connect(str(path))
        with suppress(BrokenPipeError):
            client.sendall(data)
        with client.makefile("rb") as lines:
            got = []
            for _ in range(replies):
                try:
                    line = lines.readline()
                except ConnectionResetError:
                    break
                if not line:
                    break
                got.append(msgspec.json.decode(line, type=JudgeReply))
    return got


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b"nonsense", 0),
        (b"\xff\xff\xff", 0),
        (b"[" * 100_000, 0),
        (b'{"id": 5}', 5),
        (b'{"id": 5, "ref": {}, "as_of": 1}', 5),
        (b'{"id": "x"}', 0),
        (b"null", 0),
        (b'{"id": 1e400}', 0),
    ],
)
def test_process__survives_garbage_and_answers_the_next_line(
    path: Path, line: bytes, number: int
) -> None:
    good = msgspec.json.encode(replace(request(), id=77))
    first, second = ask(path, line + b"\n" + good + b"\n", replies=2)
    assert first.decision is None
    assert first.error
    assert first.id == number
    assert second.id == 77
    assert second.decision is not None


def test_process__a_line_beyond_the_bound_ends_that_connection_only(path: Path) -> None:
    (reply,) = ask(path, b"x" * (JUDGE_LINE_BYTES_MAX + 100_000), replies=1) or (None,)
    assert reply is None or reply.error == "the line is too long"
    good = msgspec.json.encode(request()) + b"\n"
    assert ask(path, good, replies=1)[0].decision is not None


def test_process__takes_evidence_of_the_largest_size(path: Path) -> None:
    signals = tuple(
        Signal(name=f"s{n}", layer=evidence().layers[0], value="x" * 300) for n in range(700)
    )
    large = request(evidence=evidence(signals=signals))
    line = msgspec.json.encode(large) + b"\n"
    assert len(line) > 200 * 1024
    assert ask(path, line, replies=1)[0].decision == judge_case(large, SCORER).decision


def test_process__connections_are_bounded(path: Path) -> None:
    good = msgspec.json.encode(request()) + b"\n"
    held = []
    try:
        for _ in range(CONNECTIONS_MAX):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(END_S)
            client.connect(str(path))
            client.sendall(good)
            assert client.recv(10)
            held.append(client)
        assert ask(path, good, replies=1) == []
    finally:
        for client in held:
            client.close()


def test_process__ends_when_its_socket_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "judge.sock"
    process = start(path)
    path.unlink()
    assert process.wait(END_S) == 0
    end(process)


def test_process__ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "judge.sock"
    script = (
        "import subprocess, sys\n"
        "argv = [sys.executable, '-P', '-m', 'proxy.judge', '--socket', sys.argv[1]]\n"
        "judge = subprocess.Popen(argv, stdout=subprocess.PIPE)\n"
        "print(judge.stdout.readline(), judge.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    pid = int(parent.stdout.readline().split()[-1])
    # Readable once the judge has ended, whoever reaps it.
    judge = os.pidfd_open(pid)
    try:
        parent.send_signal(signal.SIGKILL)
        parent.wait(END_S)
        readable, _, _ = select.select([judge], [], [], END_S)
        assert readable
    finally:
        os.close(judge)
        parent.stdout.close()
        parent.stdin.close()


def test_process__has_no_network_and_imports_nothing_heavy(path: Path) -> None:
    script = (
        "import sys, proxy.judge.process\n"
        "heavy = {'lightgbm', 'numpy', 'aiohttp', 'sqlite_utils', 'bcc', 'sqlite3'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert loaded.stdout.strip() == b"[]"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid = struct.unpack("3i", credentials)[0]
    devices = Path(f"/proc/{pid}/net/dev").read_text(encoding="utf-8")
    if os.geteuid() == 0:
        assert devices.count(":") == 1


CONFINED = """
import sys
from pathlib import Path
from proxy.judge.confine import drop_network
from models.trust import booster  # before the tests' own models, which import LightGBM without its bounds
from models.trust.shelf import Shelf
from tests.models.examples import evidence, facts
from tests.models.trust.shelved import COLUMNS, NAME

def status(key):
    line = next(line for line in open("/proc/self/status") if line.startswith(key))
    return int(line.split()[1])

shelf = Shelf(Path(sys.argv[1]), columns=COLUMNS)
dropped = drop_network()
score = shelf.scorer(NAME).score(evidence(), facts())
again = drop_network()
print(dropped == again, score.value, status("Threads"), status("VmHWM"))
"""


def test_process__with_a_trained_model_it_has_one_thread_and_stays_small(tmp_path: Path) -> None:
    """A thread of OpenMP or OpenBLAS would keep a process in its network namespace."""
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, str(put(tmp_path))], capture_output=True, check=True
    )
    confined, score, threads, kib = done.stdout.split()
    assert (confined, int(threads)) == (b"True", 1)
    assert int(score) > 80
    assert int(kib) < JUDGE_KIB_MAX


def test_process__a_model_that_is_broken_judges_nothing(tmp_path: Path) -> None:
    wanted = request(policy_toml='mode = "enforce"\nscorer = "tiny"')
    shelf = Shelf(put(tmp_path, text=b"tree"), columns=COLUMNS)
    refused = judge_case(wanted, shelf=shelf)
    assert refused.decision is None
    assert "scorer" in refused.error


def test_listen__replaces_a_socket_that_nobody_serves(tmp_path: Path) -> None:
    path = tmp_path / "judge.sock"
    listen(path).close()
    assert path.exists()
    listener = listen(path)
    with pytest.raises(FileExistsError):
        listen(path)
    listener.close()


def test_listen__never_removes_what_is_no_socket(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data", encoding="utf-8")
    with pytest.raises(FileExistsError):
        listen(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(FileExistsError):
        listen(link)
    assert path.read_text(encoding="utf-8") == "data"


def test_listen__the_group_may_connect_and_others_may_not(tmp_path: Path) -> None:
    path = tmp_path / "judge.sock"
    listener = listen(path)
    assert path.stat().st_mode & 0o777 == 0o660
    listener.close()
