"""T21: leaves a process behind that outlives the installer (MITRE ATT&CK T1543, T1036.009).

The process sleeps and ends. The twins start a helper and wait for it, as joblib and loky do when
they are used.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import IF_ACT, acting
from tests.corpus.parts import IN_TREE, PACKER, SETUP
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

DOUBLE_FORK = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep", "20"])
    os._exit(0)
"""
NEW_SESSION = """
subprocess.Popen(["/bin/sleep", "20"], start_new_session=True, stdin=subprocess.DEVNULL,
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""
NO_HANG_UP = """
subprocess.run("nohup sleep 20 > /dev/null 2>&1 &", shell=True)
"""
PYTHON_CHILD = """
import base64, sys
code = base64.b64decode("aW1wb3J0IHRpbWUKdGltZS5zbGVlcCgyMCkK").decode()
subprocess.Popen([sys.executable or "/usr/bin/python3", "-I", "-c", code], start_new_session=True,
                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""
IN_PROCESS = """
import time
child = os.fork()
if child == 0:
    os.setsid()
    for number in (0, 1, 2):
        os.close(number)
    if os.fork():
        os._exit(0)
    time.sleep(20)
    os._exit(0)
os.waitpid(child, 0)
"""
LISTENING = """
if os.fork() == 0:
    os.setsid()
    import time
    server = socket.create_server(("127.0.0.1", 0))
    time.sleep(20)
    os._exit(0)
"""
WAITS = """
subprocess.run(["/bin/sleep", "0.05"])
"""
FUNCTION = '''
def start():
    """Start the helper."""
    if ACT:
        THE_ACT()
'''

WAYS = (
    ("double-fork", Phase.IMPORT, Channel.PROCESS, Encoding.NONE, DOUBLE_FORK),
    ("new-session", Phase.IMPORT, Channel.PROCESS, Encoding.PLAIN, NEW_SESSION),
    ("no-hang-up", Phase.IMPORT, Channel.PROCESS, Encoding.PLAIN, NO_HANG_UP),
    ("python-child", Phase.IMPORT, Channel.PROCESS, Encoding.BASE64, PYTHON_CHILD),
    ("in-process", Phase.IMPORT, Channel.MEMORY, Encoding.NONE, IN_PROCESS),
    ("listening", Phase.IMPORT, Channel.SERVER, Encoding.NONE, LISTENING),
    ("function-new-session", Phase.USE, Channel.PROCESS, Encoding.PLAIN, NEW_SESSION),
)
SDIST = {
    "pyproject.toml": IN_TREE,
    "packer.py": PACKER,
    "backend.py": acting(DOUBLE_FORK, WAITS, head="from packer import build_wheel\n"),
    "src/THE_MODULE/__init__.py": '"""Nothing."""\n',
}
HOOKED = {
    "THE_MODULE.pth": "import THE_MODULE_hook\n",
    "THE_MODULE_hook.py": acting(NEW_SESSION, 'os.environ.get("THE_MODULE")'),
    "THE_MODULE/__init__.py": '"""Nothing."""\n',
}

RECIPES = (
    *(
        Recipe(
            technique="T21",
            name=name,
            phase=phase,
            channel=channel,
            encoding=encoding,
            files={
                "THE_MODULE/__init__.py": acting(
                    reenact, WAITS, FUNCTION if phase is Phase.USE else IF_ACT
                )
            },
            twin_does="starts a helper and waits for it",
        )
        for name, phase, channel, encoding, reenact in WAYS
    ),
    Recipe(
        technique="T21",
        name="backend-double-fork",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.NONE,
        kind=Kind.SDIST,
        files=SDIST,
        twin_does="starts a helper and waits for it",
    ),
    Recipe(
        technique="T21",
        name="hook-new-session",
        phase=Phase.START,
        channel=Channel.PROCESS,
        encoding=Encoding.PLAIN,
        files=HOOKED,
        twin_does="asks for a variable of its own",
    ),
    Recipe(
        technique="T21",
        name="setup-no-hang-up",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.PLAIN,
        kind=Kind.SDIST,
        files={
            "setup.py": acting(NO_HANG_UP, WAITS) + SETUP,
            "THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does="starts a helper and waits for it",
    ),
)
