"""Which functions of others an import replaced: names kept before, compared afterwards.

Used inside the package's own process, so its word is the package's: it can add names and hide some,
and nothing is cleared by it. Looks only at modules that are loaded, and imports none itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import ModuleType

WATCHED = (
    *("builtins.open", "builtins.input", "builtins.compile", "builtins.exec", "builtins.eval"),
    *("builtins.__import__", "getpass.getpass", "os.getenv", "os.system", "os.execve", "os.fork"),
    *("os.environ.__class__.__getitem__", "subprocess.Popen.__init__", "subprocess.run"),
    *("socket.socket", "socket.socket.connect", "socket.create_connection", "socket.getaddrinfo"),
    *("ssl.SSLSocket.send", "ssl.SSLSocket.sendall", "ssl.SSLSocket.write", "ssl.SSLSocket.recv"),
    *("ssl.SSLContext.wrap_socket", "ssl.create_default_context", "hashlib.sha256", "hmac.new"),
    *("http.client.HTTPConnection.request", "http.client.HTTPConnection.send"),
    *("urllib.request.urlopen", "urllib.request.Request.__init__", "json.dumps", "json.loads"),
    *("smtplib.SMTP.login", "smtplib.SMTP.sendmail", "imaplib.IMAP4.login", "logging.Logger.info"),
    *("pickle.loads", "importlib.import_module", "threading.Thread.start", "time.sleep"),
    *("requests.Session.request", "requests.Session.send", "requests.api.request"),
    *("urllib3.connectionpool.HTTPConnectionPool.urlopen", "httpx.Client.send"),
    *("aiohttp.ClientSession._request", "botocore.client.BaseClient._make_api_call"),
    *("paramiko.SSHClient.connect", "psycopg2.connect", "pymysql.connect", "sqlite3.connect"),
    *("eth_account.Account.from_key", "solders.keypair.Keypair.from_bytes", "web3.eth.Eth.account"),
    *(
        "click.prompt",
        "keyring.get_password",
        "dotenv.load_dotenv",
        "cryptography.fernet.Fernet.encrypt",
    ),
)
"""What thieves listen in on: input, secrets, what is sent, and what is signed."""
_MISSING = object()


def keep(
    names: Iterable[str] = WATCHED, *, modules: Mapping[str, ModuleType] | None = None
) -> dict[str, object]:
    """Name → what it stands for now, of those whose module is loaded."""
    loaded = sys.modules if modules is None else modules
    found = {name: look_up(name, loaded) for name in names}
    return {name: value for name, value in found.items() if value is not _MISSING}


def replaced(
    before: Mapping[str, object],
    *,
    own: Iterable[str] = (),
    modules: Mapping[str, ModuleType] | None = None,
) -> list[str]:
    """Names that stand for something else than in `before`, sorted; not those below packages in `own`."""
    now = keep(before, modules=modules)
    mine = tuple(own)
    return sorted(
        name
        for name, value in before.items()
        if now.get(name, value) is not value and name.partition(".")[0] not in mine
    )


def look_up(name: str, loaded: Mapping[str, ModuleType]) -> object:
    """What a dotted name stands for, found without running code of whoever put it there."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        module = loaded.get(".".join(parts[:end]))
        if module is not None:
            return _walk(module, parts[end:])
    return _MISSING


def _walk(value: object, parts: Iterable[str]) -> object:
    for part in parts:
        if part == "__class__":
            value = type(value)
            continue
        try:
            members = object.__getattribute__(value, "__dict__")
        except AttributeError:
            return _MISSING
        if isinstance(value, type):
            owner = next((kind for kind in type.mro(value) if part in vars(kind)), None)
            members = vars(owner) if owner is not None else {}
        if part not in members:
            return _MISSING
        value = members[part]
    return value
