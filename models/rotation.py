"""Which secrets to replace after a package ran where it should not have: a closed vocabulary.

What boxes saw it read or send was planted; what stands in that place on a real machine is to be
replaced. Nothing that a package, or a worker, says becomes a word here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from models.evidence import Finding, Severity

ROTATE: Mapping[str, str] = MappingProxyType(
    {
        "agent-config": "tokens in settings of AI agents",
        "agent-token": "logins of AI agents",
        "argument": "values that were handed to it",
        "aws-key": "AWS keys",
        "azure-token": "Azure tokens",
        "browser-store": "logins and sessions in browsers",
        "cargo-token": "cargo tokens",
        "chat-session": "chat sessions",
        "cloud-role": "credentials of cloud roles",
        "docker-auth": "registry logins",
        "dotenv-secret": "secrets in .env files",
        "env-token": "secrets in environment variables",
        "gcloud-token": "Google Cloud tokens",
        "git-credential": "git credentials",
        "github-token": "GitHub logins",
        "gitlab-token": "GitLab tokens",
        "gpg-key": "GPG keys",
        "huggingface-token": "Hugging Face tokens",
        "kube-token": "Kubernetes tokens",
        "netrc-password": "passwords in netrc files",
        "npm-token": "npm tokens",
        "password-file": "passwords of local accounts",
        "pypi-token": "upload tokens of package indexes",
        "shell-history": "secrets typed into shells",
        "ssh-key": "SSH keys",
        "terraform-token": "Terraform tokens",
        "wallet": "keys of wallets",
    }
)
"""Kinds of secrets, as `Finding.what` names them → what a person replaces."""

SENT_BY = frozenset(
    {
        *("canary-left", "canary-argument-left", "decoy-read-then-sent", "environment-dump"),
        *("static-environment-sent", "static-secret-sent", "static-token-sent", "worm-publish"),
    }
)
"""Findings that say: it left the machine."""
READ_BY = frozenset({"decoy-read", "metadata-service", "static-secret-read"})
"""Findings that say: it was read, and may have left."""
KIND_OF: Mapping[str, str] = MappingProxyType(
    {
        "environment-dump": "env-token",
        "metadata-service": "cloud-role",
        "static-environment-sent": "env-token",
        "static-token-sent": "env-token",
        "worm-publish": "pypi-token",
    }
)
"""The kind where the finding itself says it, whatever stands in `what`."""
ANYTHING = frozenset(
    {
        *("decoys-collected", "exec-downloaded", "exec-memory", "reverse-shell"),
        *("secrets-searched", "known-malicious", "malicious-range"),
        *("static-collector", "static-decode-exec", "static-download-exec"),
        *("static-download-run", "static-dropper", "static-fetched-command"),
        *("static-remote-command", "static-reverse-shell", "static-stealer"),
    }
)
"""Findings after which no list is whole: others chose what it took, or ran what nobody has seen."""
MINOR = frozenset({Severity.INFO, Severity.LOW})
"""A client that reads the settings of its own trade is found too, and weighs no more than that."""


class Contact(StrEnum):
    """How near a secret came to being lost."""

    SENT = "sent"
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One kind of secret to replace."""

    kind: str
    contact: Contact

    @property
    def words(self) -> str:
        """What a person replaces."""
        return ROTATE[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What to replace wherever it ran."""

    secrets: tuple[Secret, ...] = ()
    """Those that were sent first, then by kind; each kind once."""
    anything: bool = False
    """Whether it may have taken others too: then every secret within its reach is to be replaced."""

    def __bool__(self) -> bool:
        return bool(self.secrets) or self.anything

    def sentence(self) -> str:
        """One sentence for people; empty where nothing is known to be lost."""
        named = ", ".join(f"{secret.words} ({secret.contact.value})" for secret in self.secrets)
        if self.anything:
            tail = f", first of all {named}" if named else ""
            return f"Replace every secret that those machines could reach{tail}."
        return f"Replace {named}." if named else ""


def rotation_of(findings: Iterable[Finding]) -> Rotation:
    """What the findings say was read or sent. A kind that has no word counts as anything."""
    contacts: dict[str, Contact] = {}
    anything = False
    for finding in findings:
        if finding.id in ANYTHING and finding.severity not in MINOR:
            anything = True
        contact = _contact(finding)
        if contact is None:
            continue
        kind = KIND_OF.get(finding.id, finding.what)
        if kind not in ROTATE:
            anything = True
        elif contacts.get(kind) is not Contact.SENT:
            contacts[kind] = contact
    secrets = [Secret(kind=kind, contact=contact) for kind, contact in sorted(contacts.items())]
    secrets.sort(key=lambda secret: secret.contact is not Contact.SENT)
    return Rotation(secrets=tuple(secrets), anything=anything)


def _contact(finding: Finding) -> Contact | None:
    if finding.severity in MINOR:
        return None
    if finding.id in SENT_BY:
        return Contact.SENT
    return Contact.READ if finding.id in READ_BY else None
