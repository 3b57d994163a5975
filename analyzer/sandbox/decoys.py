"""What a thief looks for, planted in every box: files and variables with values made for one run.

Formats are those of the real thing, so that a stealer's own pattern finds them; values are random,
so that one seen outside the box can only have come from there. Nothing here opens anything.
Databases are in `stores`, files without secrets in `belongings`. Settings that would change what
honest tools in the box do (pip's index, git's helpers) are left out.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from analyzer.sandbox import layout
from analyzer.sandbox.belongings import belongings
from analyzer.sandbox.planting import ALNUM, COMPANY, HEX, LABEL, UPPER, URLSAFE, Planting
from analyzer.sandbox.protocol import Canary
from analyzer.sandbox.stores import plant_browsers, plant_chats, plant_wallets

ROLE = "cloud-role"
"""Handed out by the metadata service alone."""
ARGUMENT = "argument"
"""Handed to callables in P4."""
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
    "shell-history",
    "agent-token",
    "azure-token",
    "terraform-token",
    "github-token",
    "gitlab-token",
    "huggingface-token",
    "cargo-token",
    "gpg-key",
    "chat-session",
    ROLE,
    ARGUMENT,
)
"""The closed list of `Canary.kind`."""
ARGUMENTS = 64
"""Values for P4; a value more than it has parameters to fill is never used."""
ARGUMENT_CHARS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoys:
    """Everything planted in one run. `values`: for each canary, the texts that give it away."""

    files: dict[str, bytes]
    """Path below the home folder → content; some hold no canary."""
    variables: dict[str, str]
    canaries: tuple[Canary, ...]
    values: dict[str, tuple[str, ...]]
    cloud: dict[str, str]
    """What the metadata service hands out: name → value (see `metadata`)."""
    arguments: tuple[str, ...]
    """Values of kind `argument`, in the order of their ids."""


def plant(source: random.Random) -> Decoys:
    """New decoys; `source` is a `random.SystemRandom` outside of tests."""
    planting = Planting(source=source)
    for make in _MAKERS:
        make(planting)
    arguments = tuple(planting.text(ARGUMENT_CHARS, LABEL) for _ in range(ARGUMENTS))
    for value in arguments:
        planting.elsewhere(ARGUMENT, value)
    return Decoys(
        files={**belongings(), **planting.files},
        variables=planting.variables,
        canaries=tuple(planting.canaries),
        values=planting.values,
        cloud=planting.cloud,
        arguments=arguments,
    )


def _aws(plant: Planting) -> None:
    secret = plant.text(40, ALNUM + "/+")
    identity = "AKIA" + plant.text(16, UPPER)
    content = f"[default]\naws_access_key_id = {identity}\naws_secret_access_key = {secret}\n"
    plant.file("aws-key", ".aws/credentials", content, secret, identity)
    plant.files[".aws/config"] = b"[default]\nregion = eu-central-1\noutput = json\n"


def _ssh(plant: Planting) -> None:
    for name, size in (("id_ed25519", 264), ("id_rsa", 1750)):
        body = b"openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1" + plant.source.randbytes(
            size
        )
        lines = _in_lines(body)
        content = "\n".join(
            ["-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----", ""]
        )
        plant.file("ssh-key", f".ssh/{name}", content, *lines[1:4])
    public = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + plant.source.randbytes(32)).decode()
    plant.files[".ssh/id_ed25519.pub"] = f"ssh-ed25519 {public} {layout.USER}@work\n".encode()
    plant.files[".ssh/config"] = f"Host git\n  HostName git.{COMPANY}\n  User git\n".encode()
    plant.files[".ssh/known_hosts"] = f"git.{COMPANY} ssh-ed25519 {public[::-1]}\n".encode()


def _in_lines(body: bytes) -> list[str]:
    encoded = base64.b64encode(body).decode()
    return [encoded[at : at + 70] for at in range(0, len(encoded), 70)]


def _gnupg(plant: Planting) -> None:
    secret = plant.text(64, HEX)
    grip = plant.text(40, HEX).upper()
    content = f"Created: 20240611T084501\nKey: (private-key (rsa (n #00C1#)(d #{secret}#)))\n"
    plant.file("gpg-key", f".gnupg/private-keys-v1.d/{grip}.key", content, secret)


def _package_indexes(plant: Planting) -> None:
    token = "pypi-AgEI" + plant.text(160, URLSAFE)
    content = (
        "[distutils]\nindex-servers =\n    pypi\n\n"
        f"[pypi]\nusername = __token__\npassword = {token}\n"
    )
    plant.file("pypi-token", ".pypirc", content, token)
    token = "pypi-AgEN" + plant.text(160, URLSAFE)
    content = (
        f'[http-basic.{COMPANY.partition(".")[0]}]\nusername = "__token__"\npassword = "{token}"\n'
    )
    plant.file("pypi-token", ".config/pypoetry/auth.toml", content, token)
    token = "npm_" + plant.text(36)
    plant.file("npm-token", ".npmrc", f"//npm.{COMPANY}/:_authToken={token}\n", token)
    token = "cio" + plant.text(32)
    plant.file("cargo-token", ".cargo/credentials.toml", f'[registry]\ntoken = "{token}"\n', token)


def _logins(plant: Planting) -> None:
    password = plant.text(24)
    content = f"machine git.{COMPANY}\n  login {layout.USER}\n  password {password}\n"
    plant.file("netrc-password", ".netrc", content, password)
    token = "ghp_" + plant.text(36)
    content = f"https://{layout.USER}:{token}@git.{COMPANY}\n"
    plant.file("git-credential", ".git-credentials", content, token)
    token = "gho_" + plant.text(36)
    content = (
        f"github.com:\n    user: {layout.USER}\n    oauth_token: {token}\n    git_protocol: https\n"
    )
    plant.file("github-token", ".config/gh/hosts.yml", content, token)
    token = "glpat-" + plant.text(20, URLSAFE)
    content = (
        f"hosts:\n    gitlab.{COMPANY}:\n        token: {token}\n        api_protocol: https\n"
    )
    plant.file("gitlab-token", ".config/glab-cli/config.yml", content, token)


def _clouds(plant: Planting) -> None:
    token = plant.jwt()
    content = (
        "apiVersion: v1\nkind: Config\nclusters:\n- name: prod\n  cluster:\n"
        f"    server: https://k8s.{COMPANY}:6443\nusers:\n- name: {layout.USER}\n  user:\n"
        f"    token: {token}\n"
    )
    plant.file("kube-token", ".kube/config", content, _random_part(token))
    refresh, secret = "1//0g" + plant.text(96, URLSAFE), "GOCSPX-" + plant.text(28)
    content = json.dumps(
        {"client_secret": secret, "refresh_token": refresh, "type": "authorized_user"}, indent=2
    )
    path = ".config/gcloud/application_default_credentials.json"
    plant.file("gcloud-token", path, content, refresh, secret)
    token, refresh = plant.jwt(), "0.A" + plant.text(120, URLSAFE)
    content = json.dumps(
        {
            "AccessToken": {plant.uuid(): {"credential_type": "AccessToken", "secret": token}},
            "RefreshToken": {plant.uuid(): {"secret": refresh}},
        }
    )
    path = ".azure/msal_token_cache.json"
    plant.file("azure-token", path, content, _random_part(token), refresh)
    token = f"{plant.text(14)}.atlasv1.{plant.text(67)}"
    content = json.dumps({"credentials": {"app.terraform.io": {"token": token}}}, indent=2)
    plant.file("terraform-token", ".terraform.d/credentials.tfrc.json", content, token)
    password = plant.text(32)
    auth = base64.b64encode(f"{layout.USER}:{password}".encode()).decode()
    content = json.dumps({"auths": {f"registry.{COMPANY}": {"auth": auth}}}, indent=2)
    plant.file("docker-auth", ".docker/config.json", content, auth, password)


def _random_part(token: str) -> str:
    """A web token from its second part on: the first says the same in all of them."""
    return token.partition(".eyJ")[2]


def _project(plant: Planting) -> None:
    for name in (".env", ".env.local", ".env.production"):
        password, key = plant.text(28), plant.text(50, ALNUM + "!@^&*(-_=+)")
        content = (
            f"DEBUG=0\nDATABASE_URL=postgres://app:{password}@db.{COMPANY}/app\nSECRET_KEY={key}\n"
        )
        plant.file("dotenv-secret", f"project/{name}", content, password, key)


def _histories(plant: Planting) -> None:
    token, password = "ghp_" + plant.text(36), plant.text(20)
    content = (
        f"cd project\ngit pull\nexport GH_TOKEN={token}\ndocker compose up -d\n"
        f"mysql -h db.{COMPANY} -u app -p{password}\npytest -q\nls -la\n"
    )
    plant.file("shell-history", ".bash_history", content, token, password)
    token = plant.text(40)
    content = (
        ": 1748843001:0;cd project\n"
        f": 1748843033:0;curl -H 'Authorization: Bearer {token}' https://api.{COMPANY}/v1/jobs\n"
        ": 1748843101:0;git status\n"
    )
    plant.file("shell-history", ".zsh_history", content, token)
    password = plant.text(22)
    content = f"SELECT 1;\nALTER USER app WITH PASSWORD '{password}';\n\\q\n"
    plant.file("shell-history", ".psql_history", content, password)


def _agents(plant: Planting) -> None:
    access, refresh = "sk-ant-oat01-" + plant.text(86, URLSAFE), "sk-ant-ort01-" + plant.text(86)
    oauth = {"accessToken": access, "refreshToken": refresh, "expiresAt": 1790000000000}
    content = json.dumps({"claudeAiOauth": {**oauth, "scopes": ["user:inference"]}})
    plant.file("agent-token", ".claude/.credentials.json", content, access, refresh)
    key = "sk-ant-api03-" + plant.text(86, URLSAFE)
    content = json.dumps({"numStartups": 41, "primaryApiKey": key, "mcpServers": {}}, indent=2)
    plant.file("agent-token", ".claude.json", content, key)
    token = "github_pat_" + plant.text(22) + "_" + plant.text(59)
    server = {"command": "npx", "args": ["-y", "server-github"], "env": {"GITHUB_TOKEN": token}}
    content = json.dumps({"mcpServers": {"github": server}}, indent=2)
    plant.file("agent-token", ".cursor/mcp.json", content, token)
    key, refresh = "sk-proj-" + plant.text(120, URLSAFE), "rt_" + plant.text(80, URLSAFE)
    content = json.dumps({"OPENAI_API_KEY": key, "tokens": {"refresh_token": refresh}}, indent=2)
    plant.file("agent-token", ".codex/auth.json", content, key, refresh)
    access, refresh = "ya29." + plant.text(180, URLSAFE), "1//0f" + plant.text(96, URLSAFE)
    content = json.dumps({"access_token": access, "refresh_token": refresh, "token_type": "Bearer"})
    plant.file("agent-token", ".gemini/oauth_creds.json", content, access, refresh)
    token = "hf_" + plant.text(34)
    plant.file("huggingface-token", ".cache/huggingface/token", token, token)


def _variables(plant: Planting) -> None:
    plant.variables["AWS_ACCESS_KEY_ID"] = "AKIA" + plant.text(16, UPPER)
    for name, value in (
        ("AWS_SECRET_ACCESS_KEY", plant.text(40, ALNUM + "/+")),
        ("GITHUB_TOKEN", "ghp_" + plant.text(36)),
        ("PYPI_TOKEN", "pypi-AgEI" + plant.text(160, URLSAFE)),
        ("OPENAI_API_KEY", "sk-" + plant.text(48)),
        ("ANTHROPIC_API_KEY", "sk-ant-api03-" + plant.text(86, URLSAFE)),
        ("NPM_TOKEN", "npm_" + plant.text(36)),
        ("GITLAB_TOKEN", "glpat-" + plant.text(20, URLSAFE)),
        ("AZURE_CLIENT_SECRET", plant.text(37, ALNUM + "~_-")),
        ("SLACK_BOT_TOKEN", f"xoxb-{plant.text(12, '0123456789')}-{plant.text(24)}"),
        ("DATABASE_PASSWORD", plant.text(24)),
        ("STRIPE_SECRET_KEY", "sk_live_" + plant.text(24)),
    ):
        plant.variable("env-token", name, value)


def _roles(plant: Planting) -> None:
    """For each provider's metadata service; `imds-session` only opens it, and is no canary."""
    cloud = {
        "imds-session": plant.text(54, URLSAFE) + "==",
        "instance": "i-0" + plant.text(16, HEX),
    }
    for name in ("ec2", "ecs"):
        own = {
            f"{name}-id": "ASIA" + plant.text(16, UPPER),
            f"{name}-secret": plant.text(40, ALNUM + "/+"),
            f"{name}-session": "IQoJb3JpZ2luX2Vj" + plant.text(340, ALNUM + "/+"),
        }
        session = own[f"{name}-session"][16:]
        plant.elsewhere(ROLE, own[f"{name}-secret"], own[f"{name}-id"], session)
        cloud |= own
    cloud["gcp"], cloud["azure"] = "ya29.c." + plant.text(200, URLSAFE), plant.jwt()
    plant.elsewhere(ROLE, cloud["gcp"])
    plant.elsewhere(ROLE, _random_part(cloud["azure"]))
    plant.cloud |= cloud


_MAKERS: tuple[Callable[[Planting], None], ...] = (
    _aws,
    _ssh,
    _package_indexes,
    _logins,
    _clouds,
    _project,
    plant_browsers,
    plant_wallets,
    _variables,
    _gnupg,
    _histories,
    _agents,
    plant_chats,
    _roles,
)
