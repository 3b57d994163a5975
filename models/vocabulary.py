"""The closed vocabulary: every word that a reason may use, keyed by the ids that detectors use.

Nothing that a package says becomes a word here. An id that is not in a table is shown by its
general phrase, never by itself, since evidence comes over a wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.evidence import Layer, Phase, Shortfall

WHAT_ELSE = "a planted secret"
"""What is said of a planted thing whose kind is not in the table."""

WHAT: Mapping[str, str] = MappingProxyType(
    {
        "agent-config": "the settings of an AI agent",
        "anthropic-key": "a planted AI service key",
        "aws-key": "a planted AWS key",
        "aws-credentials": "planted AWS credentials",
        "azure-token": "a planted Azure token",
        "bash-history": "a planted shell history",
        "browser-cookies": "planted browser cookies",
        "browser-login": "planted browser logins",
        "browser-logins": "planted browser logins",
        "browser-store": "a planted browser store",
        "cargo-token": "a planted crates token",
        "database-password": "a planted database password",
        "database-url": "a planted database address",
        "discord-token": "a planted Discord token",
        "docker-auth": "a planted registry login",
        "docker-config": "a planted registry login",
        "dotenv": "a planted .env file",
        "env-file": "a planted .env file",
        "env-token": "a planted environment token",
        "environment": "the planted environment",
        "gcp-credentials": "planted Google Cloud credentials",
        "gcp-key": "a planted Google Cloud key",
        "git-credentials": "planted git credentials",
        "github-token": "a planted GitHub token",
        "gitlab-token": "a planted GitLab token",
        "gnupg": "a planted GnuPG key",
        "gpg-key": "a planted GnuPG key",
        "hf-token": "a planted model hub token",
        "huggingface-token": "a planted model hub token",
        "kube-config": "a planted Kubernetes login",
        "kubeconfig": "a planted Kubernetes login",
        "kubernetes-token": "a planted Kubernetes token",
        "service-account-token": "a planted Kubernetes token",
        "netrc": "a planted netrc password",
        "npm-token": "a planted npm token",
        "npmrc": "a planted npm token",
        "openai-key": "a planted AI service key",
        "password-store": "a planted password store",
        "pip-config": "a planted pip configuration",
        "pypi-token": "a planted upload token",
        "pypirc": "a planted upload token",
        "shell-history": "a planted shell history",
        "shadow": "the password file",
        "slack-token": "a planted Slack token",
        "ssh-key": "a planted SSH key",
        "stripe-key": "a planted payment key",
        "telegram-session": "a planted Telegram session",
        "token": "a planted token",
        "vault-token": "a planted Vault token",
        "wallet": "a planted wallet",
    }
)
"""Kinds of planted files and variables, as phrases that follow a verb."""

PHASES: Mapping[str, str] = MappingProxyType(
    {
        Phase.INVENTORY.value: "in its files",
        Phase.INSTALL.value: "while installing",
        Phase.START.value: "at interpreter start",
        Phase.IMPORT.value: "on import",
        Phase.USE.value: "in use",
        Phase.WAIT.value: "after a while",
    }
)

FINDINGS: Mapping[str, str] = MappingProxyType(
    {
        # Behaviour: what boxes saw. {what}, {to} and {phase} are filled where they are known.
        "canary-left": "sent {what}{to}{phase}",
        "canary-argument-left": "sent a value that it was given{to}{phase}",
        "decoy-read": "read {what}{phase}",
        "decoy-opened": "opened {what}{phase}",
        "decoy-written": "changed {what}{phase}",
        "decoy-modified": "changed {what}{phase}",
        "decoys-collected": "read several planted secrets{phase}",
        "network-contact": "contacted a host{phase}",
        "network-connect": "opened a connection{to}{phase}",
        "network-egress": "opened a connection{to}{phase}",
        "network-raw": "opened a raw connection{to}{phase}",
        "network-scan": "tried many addresses{phase}",
        "dns-lookup": "looked up a host name{phase}",
        "dns-exfiltration": "hid data in host names{phase}",
        "metadata-service": "asked a cloud metadata service{phase}",
        "exec-shell": "ran a shell{phase}",
        "exec-process": "ran another program{phase}",
        "exec-dropped": "ran a file that it had written{phase}",
        "exec-downloaded": "ran a file that it had downloaded{phase}",
        "exec-memory": "ran a program from memory{phase}",
        "download-exec": "ran a file that it had downloaded{phase}",
        "memfd-exec": "ran a program from memory{phase}",
        "reverse-shell": "opened a reverse shell{to}{phase}",
        "listener": "listened for connections{phase}",
        "network-listen": "listened for connections{phase}",
        "persistence": "wrote a start-up hook{phase}",
        "persistence-write": "wrote a start-up hook{phase}",
        "startup-write": "wrote a start-up hook{phase}",
        "agent-config-write": "changed the settings of an AI agent{phase}",
        "mass-file-change": "changed many files{phase}",
        "mass-delete": "deleted many files{phase}",
        "process-injection": "reached into another process{phase}",
        "process-outlived": "left a process behind{phase}",
        "process-detached": "left a process behind{phase}",
        "ptrace": "reached into another process{phase}",
        "escape-attempt": "tried to leave its sandbox{phase}",
        "denied-calls": "tried calls that its sandbox refuses{phase}",
        "privilege-change": "tried to gain privileges{phase}",
        "sandbox-probe": "looked for signs of a sandbox{phase}",
        "environment-read": "collected the environment{phase}",
        "event-flood": "flooded the tracer{phase}",
        "events-flooded": "flooded the tracer{phase}",
        "path-race": "swapped a path while it was read{phase}",
        "report-forged": "tampered with its report{phase}",
        "output-flood": "flooded its output{phase}",
        "time-out": "did not end in time{phase}",
        "mining": "spoke a mining protocol{phase}",
        # Metadata: what reading saw.
        "direct-url-dependency": "depends on a file by direct URL",
        "direct-url": "depends on a file by direct URL",
        "archive-traversal": "has files that point outside of its archive",
        "archive-link": "has links in its archive",
        "archive-bomb": "unpacks to far more than its size",
        "archive-duplicate": "names a file twice in its archive",
        "archive-confusion": "reads differently in different tools",
        "archive-anomaly": "has a malformed archive",
        "record-mismatch": "does not match its own file list",
        "record-missing": "has no file list",
        "metadata-missing": "has no metadata",
        "metadata-invalid": "has malformed metadata",
        "metadata-mismatch": "states another name or version inside",
        "name-mismatch": "states another name inside",
        "version-mismatch": "states another version inside",
        "start-hook": "runs code at interpreter start",
        "pth-hook": "runs code at interpreter start",
        "install-hook": "runs code while installing",
        "setup-network": "uses the network while installing",
        "setup-exec": "runs programs while installing",
        "encoded-code": "runs encoded code",
        "obfuscated-code": "has obfuscated code",
        "encoded-exec": "runs encoded code",
        "name-confusion": "has a name close to that of a popular project",
        "typosquat": "has a name close to that of a popular project",
        "shadowed-module": "hides source behind a compiled file",
        "compiled-shadow": "hides source behind a compiled file",
        # Known by others.
        "known-malicious": "is a known malicious release",
        "known-malicious-range": "lies in a range of known malicious releases",
        "hash-mismatch": "does not have the bytes that the index announced",
        "advisory": "has a known vulnerability",
    }
)
"""Detector ids → what the artifact did, as a verb phrase that follows its name and version."""

FINDING_ELSE: Mapping[Layer, str] = MappingProxyType(
    {
        Layer.METADATA: "has files that look hostile",
        Layer.BEHAVIOUR: "behaved like hostile software{phase}",
        Layer.PROVENANCE: "has a doubtful origin",
        Layer.REPUTATION: "has a doubtful reputation",
    }
)
"""What is said of a finding whose id is not in the table, by its layer."""

SHORTFALLS: Mapping[str, str] = MappingProxyType(
    {
        Shortfall.EVENTS_DROPPED.value: "the tracer lost events",
        Shortfall.EVENTS_RACED.value: "paths changed while they were traced",
        Shortfall.EVENTS_FLOODED.value: "it flooded the tracer",
        Shortfall.REPORT_TRUNCATED.value: "its report was too long",
        Shortfall.TIMED_OUT.value: "it did not end in time",
        Shortfall.CRASHED.value: "it crashed",
        Shortfall.INSTALL_FAILED.value: "it did not install",
        Shortfall.REQUIREMENT_UNRESOLVED.value: "a requirement was not found",
        Shortfall.NOTHING_IMPORTABLE.value: "nothing in it could be imported",
        Shortfall.WRONG_PLATFORM.value: "it is for another platform",
        Shortfall.INTERPRETER_MISSING.value: "it needs another Python",
        Shortfall.ARCHIVE_REFUSED.value: "its archive is not sound",
        Shortfall.ANALYSIS_FAILED.value: "the analysis failed",
    }
)

LAYERS: Mapping[str, str] = MappingProxyType({layer.value: layer.value for layer in Layer})


def what_words(what: str) -> str:
    """The phrase for a kind of planted thing."""
    return WHAT.get(what, WHAT_ELSE)


def finding_words(finding_id: str, layer: str = "") -> str:
    """The template for a finding; by its layer where the id is not one of ours."""
    known = FINDINGS.get(finding_id)
    if known is not None:
        return known
    kinds = {kind.value: words for kind, words in FINDING_ELSE.items()}
    return kinds.get(layer, "looks hostile")


def finding_title(finding_id: str, what: str = "", layer: str = "") -> str:
    """What a finding says on a page: its words without place and time."""
    return finding_words(finding_id, layer).format(
        what=what_words(what) if what else WHAT_ELSE, to="", phase=""
    )
