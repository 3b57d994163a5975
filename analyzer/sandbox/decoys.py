"""What a thief looks for, planted in every box: files and variables with values made for one run.

Formats are those of the real thing, so that a stealer's own pattern finds them; values are random,
so that one seen outside the box can only have come from there. Nothing here opens anything.
"""

from __future__ import annotations

import base64
import json
import random
import sqlite3
import string
from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.sandbox import layout
from analyzer.sandbox.protocol import Canary

KINDS = (
    "aws-key",
    "ssh-key",
    "pypi-token",
    "npm-token",
    "netrc-password",
    "git-credential",
    "kube-token",
    "gcloud-token",
    "docker-auth",
    "dotenv-secret",
    "browser-store",
    "wallet",
    "env-token",
    "argument",
)
"""The closed list of `Canary.kind`."""
ARGUMENTS = 64
"""Values that P4 hands to callables; each is a DNS label too."""
_ALNUM = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + "234567"
_HEX = "0123456789abcdef"
_COMPANY = "corp.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoys:
    """Everything planted in one run. `values`: for each canary, the texts that give it away."""

    files: dict[str, bytes]
    """Path below the home folder → content."""
    variables: dict[str, str]
    canaries: tuple[Canary, ...]
    values: dict[str, tuple[str, ...]]
    arguments: tuple[str, ...] = ()
    """What P4 hands to callables: the values of the canaries of kind `argument`, in their order."""


@dataclass
class _Planting:
    """Collects while the decoys are made."""

    source: random.Random
    files: dict[str, bytes] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    canaries: list[Canary] = field(default_factory=list)
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)

    def text(self, length: int, alphabet: str = _ALNUM) -> str:
        return "".join(self.source.choices(alphabet, k=length))

    def file(self, kind: str, path: str, content: str | bytes, *values: str) -> None:
        self.files[path] = content.encode() if isinstance(content, str) else content
        self._canary(kind, f"{layout.HOME}/{path}", "", values)

    def variable(self, kind: str, name: str, value: str) -> None:
        self.variables[name] = value
        self._canary(kind, "", name, (value,))

    def argument(self, value: str) -> None:
        self.arguments.append(value)
        self._canary("argument", "", "", (value,))

    def _canary(self, kind: str, path: str, variable: str, values: tuple[str, ...]) -> None:
        identity = f"c{len(self.canaries) + 1:02}"
        self.canaries.append(Canary(id=identity, kind=kind, path=path, variable=variable))
        self.values[identity] = values


def plant(source: random.Random) -> Decoys:
    """New decoys; `source` is a `random.SystemRandom` outside of tests."""
    planting = _Planting(source=source)
    for make in _MAKERS:
        make(planting)
    return Decoys(
        files=planting.files,
        variables=planting.variables,
        canaries=tuple(planting.canaries),
        values=planting.values,
        arguments=tuple(planting.arguments),
    )


def _aws(plant: _Planting) -> None:
    secret = plant.text(40, _ALNUM + "/+")
    identity = "AKIA" + plant.text(16, _UPPER)
    content = f"[default]\naws_access_key_id = {identity}\naws_secret_access_key = {secret}\n"
    plant.file("aws-key", ".aws/credentials", content, secret, identity)
    plant.files[".aws/config"] = b"[default]\nregion = eu-central-1\noutput = json\n"


def _ssh(plant: _Planting) -> None:
    body = b"openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1" + plant.source.randbytes(264)
    encoded = base64.b64encode(body).decode()
    lines = [encoded[at : at + 70] for at in range(0, len(encoded), 70)]
    content = "\n".join(
        ["-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----", ""]
    )
    plant.file("ssh-key", ".ssh/id_ed25519", content, *lines[1:4])
    public = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + plant.source.randbytes(32)).decode()
    plant.files[".ssh/id_ed25519.pub"] = f"ssh-ed25519 {public} {layout.USER}@work\n".encode()
    plant.files[".ssh/config"] = f"Host git\n  HostName git.{_COMPANY}\n  User git\n".encode()


def _package_indexes(plant: _Planting) -> None:
    token = "pypi-AgEI" + plant.text(160, _ALNUM + "-_")
    content = f"[distutils]\nindex-servers =\n    pypi\n\n[pypi]\nusername = __token__\npassword = {token}\n"
    plant.file("pypi-token", ".pypirc", content, token)
    token = "npm_" + plant.text(36)
    plant.file("npm-token", ".npmrc", f"//npm.{_COMPANY}/:_authToken={token}\n", token)


def _logins(plant: _Planting) -> None:
    password = plant.text(24)
    content = f"machine git.{_COMPANY}\n  login {layout.USER}\n  password {password}\n"
    plant.file("netrc-password", ".netrc", content, password)
    token = "ghp_" + plant.text(36)
    content = f"https://{layout.USER}:{token}@git.{_COMPANY}\n"
    plant.file("git-credential", ".git-credentials", content, token)


def _clouds(plant: _Planting) -> None:
    token = f"eyJhbGciOiJSUzI1NiJ9.{plant.text(120)}.{plant.text(86, _ALNUM + '-_')}"
    content = (
        "apiVersion: v1\nkind: Config\nclusters:\n- name: prod\n  cluster:\n"
        f"    server: https://k8s.{_COMPANY}:6443\nusers:\n- name: {layout.USER}\n  user:\n"
        f"    token: {token}\n"
    )
    plant.file("kube-token", ".kube/config", content, token)
    refresh, secret = "1//0g" + plant.text(96, _ALNUM + "-_"), "GOCSPX-" + plant.text(28)
    content = json.dumps(
        {"client_secret": secret, "refresh_token": refresh, "type": "authorized_user"}, indent=2
    )
    path = ".config/gcloud/application_default_credentials.json"
    plant.file("gcloud-token", path, content, refresh, secret)
    password = plant.text(32)
    auth = base64.b64encode(f"{layout.USER}:{password}".encode()).decode()
    content = json.dumps({"auths": {f"registry.{_COMPANY}": {"auth": auth}}}, indent=2)
    plant.file("docker-auth", ".docker/config.json", content, auth, password)


def _project(plant: _Planting) -> None:
    password, key = plant.text(28), plant.text(50, _ALNUM + "!@^&*(-_=+)")
    content = (
        f"DEBUG=0\nDATABASE_URL=postgres://app:{password}@db.{_COMPANY}/app\nSECRET_KEY={key}\n"
    )
    plant.file("dotenv-secret", "project/.env", content, password, key)


def _browser(plant: _Planting) -> None:
    secret = plant.text(44)
    path = ".config/google-chrome/Default/Login Data"
    placeholder = "x" * len(secret)
    content = _login_data(placeholder).replace(placeholder.encode(), secret.encode())
    plant.file("browser-store", path, content, secret)


def _login_data(secret: str) -> bytes:
    """A database of saved logins as Chromium lays it out, as far as anybody looks."""
    database = sqlite3.connect(":memory:")
    try:
        database.execute(
            "CREATE TABLE logins (origin_url VARCHAR NOT NULL, username_value VARCHAR, "
            "password_value BLOB, date_created INTEGER NOT NULL)"
        )
        row = (f"https://mail.{_COMPANY}/", layout.USER, f"v10{secret}".encode(), 13_350_000_000)
        database.execute("INSERT INTO logins VALUES (?, ?, ?, ?)", row)
        database.commit()
        return database.serialize()
    finally:
        database.close()


def _wallet(plant: _Planting) -> None:
    text, mac, address = plant.text(64, _HEX), plant.text(64, _HEX), plant.text(40, _HEX)
    content = json.dumps(
        {
            "address": address,
            "crypto": {"ciphertext": text, "kdf": "scrypt", "mac": mac},
            "version": 3,
        }
    )
    path = f".ethereum/keystore/UTC--2023-04-11T09-12-44.001Z--{address}"
    plant.file("wallet", path, content, text, mac)
    secret = plant.text(48)
    content_bytes = b"\0\0\0\0\1\0\0\0bitcoin\0" + secret.encode() + plant.source.randbytes(200)
    plant.file("wallet", ".bitcoin/wallet.dat", content_bytes, secret)


def _variables(plant: _Planting) -> None:
    plant.variable("env-token", "AWS_SECRET_ACCESS_KEY", plant.text(40, _ALNUM + "/+"))
    plant.variables["AWS_ACCESS_KEY_ID"] = "AKIA" + plant.text(16, _UPPER)
    plant.variable("env-token", "GITHUB_TOKEN", "ghp_" + plant.text(36))
    plant.variable("env-token", "PYPI_TOKEN", "pypi-AgEI" + plant.text(160, _ALNUM + "-_"))
    plant.variable("env-token", "OPENAI_API_KEY", "sk-" + plant.text(48))


def _arguments(plant: _Planting) -> None:
    for _ in range(ARGUMENTS):
        plant.argument(plant.text(32, string.ascii_lowercase + string.digits))


_MAKERS: tuple[Callable[[_Planting], None], ...] = (
    _aws,
    _ssh,
    _package_indexes,
    _logins,
    _clouds,
    _project,
    _browser,
    _wallet,
    _variables,
    _arguments,
)
