"""Detectors whose sequence of calls only a real trace can vouch for, on inert packages in a real box."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from analyzer.watching import Watched, understand
from models.evidence import Severity
from models.phase import Phase
from tests.analyzer.sandbox import lab

pytestmark = pytest.mark.privileged

CONNECTS_NATIVELY = """\
if HARNESS:
    import ctypes
    libc = ctypes.CDLL(None)
    number = libc.socket(2, 1, 0)
    libc.connect(number, bytes((2, 0, 0, 80, 203, 0, 113, 7)) + bytes(8), 16)
    os.close(number)
"""
CONNECTS_BY_PYTHON = """\
if HARNESS:
    import ctypes
    import socket
    socket.create_connection(("203.0.113.8", 80), timeout=5).close()
"""
LOADS_FROM_MEMORY = """\
if HARNESS:
    import ctypes
    import glob
    number = os.memfd_create("nothing")
    with open(glob.glob("/usr/lib/*/libz.so.1")[0], "rb") as library:
        os.write(number, library.read())
    ctypes.CDLL(f"/proc/self/fd/{number}")
"""
SHARES_MEMORY = """\
if HARNESS:
    number = os.memfd_create("shared")
    os.write(number, b"data")
    if os.fork() == 0:
        os.pread(number, 4, 0)
        os._exit(0)
    os.wait()
"""
HANDS_OVER_A_TERMINAL = """\
if HARNESS:
    import pty
    import socket
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    child = os.fork()
    if child == 0:
        for stream in (0, 1, 2):
            os.dup2(client.fileno(), stream)
        inner, _ = pty.fork()
        if inner == 0:
            os.execv("/bin/sh", ["sh", "-c", "true"])
        os.waitpid(inner, 0)
        os._exit(0)
    os.waitpid(child, 0)
"""
ASKS_FOR_ITS_ADDRESS = """\
if HARNESS:
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("203.0.113.9", 80))
        probe.getsockname()
"""
LISTS_PLACES = """\
if HARNESS:
    for name in (".mozilla", ".config/Exodus", ".config/discord"):
        os.path.exists(os.path.expanduser(f"~/{name}/x"))
"""
MODULES = {
    "reenact_a_calm": "",  # the first one's arguments pass before the tracer is armed
    "reenact_native": CONNECTS_NATIVELY,
    "reenact_python": CONNECTS_BY_PYTHON,
    "reenact_memory": LOADS_FROM_MEMORY,
    "reenact_shared": SHARES_MEMORY,
    "reenact_terminal": HANDS_OVER_A_TERMINAL,
    "reenact_route": ASKS_FOR_ITS_ADDRESS,
    "reenact_places": LISTS_PLACES,
}


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """One run of a wheel with all of the modules, each imported in a process of its own."""
    daemon = lab.Lab(lab.run_dir(), boxes=1)
    try:
        files = {f"{name}.py": lab.GUARD + code for name, code in MODULES.items()}
        asked = ("P1", "P2", "P3")
        outcome = asyncio.run(daemon.run(lab.wheel("reenact_traced", files), phases=asked))
        yield understand(outcome.result, outcome.blobs, asked=asked, sdist=False)
    finally:
        daemon.stop()


def modules(watched: Watched, detector: str) -> set[str]:
    """The modules whose processes a detector found, by the command that names them."""
    processes = {found.place.process for found in watched.findings if found.id == detector}
    return {name for name in MODULES for process in processes if name in process.split()}


def test_traced__the_run_was_whole(watched: Watched) -> None:
    assert watched.shortfalls == ()
    assert watched.runner.imported == MODULES.keys()


def test_traced__a_native_connection_is_told_from_one_by_python(watched: Watched) -> None:
    places = [found.place for found in watched.findings if found.id == "native-connect"]

    assert [(place.address, place.port) for place in places] == [("203.0.113.7", 80)]


def test_traced__a_library_in_memory_is_told_from_shared_memory(watched: Watched) -> None:
    assert modules(watched, "exec-memory") == {"reenact_memory"}


def test_traced__a_shell_on_a_terminal_below_a_socket_is_seen(watched: Watched) -> None:
    found = [found for found in watched.findings if found.id == "reverse-shell"]

    assert [(item.place.path, item.place.address) for item in found] == [("/bin/sh", "127.0.0.1")]


def test_traced__asking_for_the_own_address_weighs_little(watched: Watched) -> None:
    weights = {
        found.place.address: found.severity
        for found in watched.findings
        if found.id == "network-connect"
    }

    assert weights["203.0.113.9"] is Severity.LOW
    assert weights["203.0.113.7"] is not Severity.LOW


def test_traced__questions_for_places_are_seen(watched: Watched) -> None:
    assert modules(watched, "secrets-searched") == {"reenact_places"}


def test_traced__every_finding_names_its_process_and_phase(watched: Watched) -> None:
    assert watched.findings
    for found in watched.findings:
        assert found.place.process, found
        assert found.phase is Phase.IMPORT, found
        assert found.owner == ""
