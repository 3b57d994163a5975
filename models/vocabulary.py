"""The closed vocabulary: every word that a reason may use, keyed by the ids that detectors use.

Nothing that a package says becomes a word here. An id that is not in a table is shown by its
general phrase, never by itself, since evidence comes over a wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.evidence import Layer, Shortfall
from models.phase import Phase

WHAT_ELSE = "a planted secret"
"""What is said of a planted thing whose kind is not in the table."""

WHAT: Mapping[str, str] = MappingProxyType(
    {
        "agent-config": "the settings of an AI agent",
        "agent-token": "a planted AI agent login",
        "argument": "a value that it was given",
        "aws-key": "a planted AWS key",
        "azure-token": "a planted Azure token",
        "browser-store": "planted browser logins",
        "cargo-token": "a planted cargo token",
        "chat-session": "a planted chat session",
        "cloud-role": "a planted cloud role",
        "docker-auth": "a planted registry login",
        "dotenv-secret": "a planted .env secret",
        "env-token": "a planted environment token",
        "gcloud-token": "a planted Google Cloud token",
        "git-credential": "a planted git credential",
        "github-token": "a planted GitHub login",
        "gitlab-token": "a planted GitLab token",
        "gpg-key": "a planted GPG key",
        "huggingface-token": "a planted Hugging Face token",
        "kube-token": "a planted Kubernetes token",
        "netrc-password": "a planted netrc password",
        "npm-token": "a planted npm token",
        "pypi-token": "a planted upload token",
        "shell-history": "a planted shell history",
        "ssh-key": "a planted SSH key",
        "terraform-token": "a planted Terraform token",
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
        "acts-later": "acts at a later start or elsewhere{to}",
        "agent-config-write": "changed the settings of an AI agent{phase}",
        "behaviour-changed": "does what its last approved release did not{phase}",
        "canary-argument-left": "sent a value that it was given{to}{phase}",
        "canary-left": "sent {what}{to}{phase}",
        "decoy-read": "read {what}{phase}",
        "decoy-read-then-sent": "read {what} and then sent data{to}{phase}",
        "decoy-written": "changed {what}{phase}",
        "decoys-collected": "read several planted secrets{phase}",
        "denied-calls": "tried calls that its sandbox refuses{phase}",
        "dga-burst": "looked up many random host names{phase}",
        "dns-exfiltration": "hid data in host names{phase}",
        "dns-lookup": "looked up a host name{phase}",
        "environment-dump": "dumped its environment{to}{phase}",
        "escape-attempt": "tried to leave its sandbox{phase}",
        "event-flood": "flooded the tracer{phase}",
        "exec-downloaded": "ran a file that it had downloaded{phase}",
        "exec-downloader": "ran a download tool{phase}",
        "exec-dropped": "ran a file that it had written{phase}",
        "exec-hidden": "ran code hidden in a command line{phase}",
        "exec-memory": "ran a program from memory{phase}",
        "exec-process": "ran another program{phase}",
        "exec-shell": "ran a shell{phase}",
        "foreign-runtime": "ran a runtime from elsewhere{phase}",
        "mass-file-change": "changed many files{phase}",
        "metadata-service": "asked a cloud metadata service{phase}",
        "mining": "spoke a mining protocol{to}{phase}",
        "monkey-patch": "replaced functions of others{phase}",
        "native-connect": "opened a connection from native code{to}{phase}",
        "network-connect": "opened a connection{to}{phase}",
        "network-listen": "listened for connections{phase}",
        "network-scan": "searched the network{phase}",
        "others-files-changed": "wrote to code of another package{phase}",
        "own-files-deleted": "deleted or replaced its own files{phase}",
        "persistence-write": "wrote a start-up hook{phase}",
        "process-injection": "reached into another process{phase}",
        "process-outlived": "left a process behind{phase}",
        "reverse-shell": "opened a reverse shell{to}{phase}",
        "sandbox-probing": "asked whether it is watched{phase}",
        "secrets-searched": "looked for secrets of several kinds{phase}",
        "service-channel": "used a service that carries data out{to}{phase}",
        "start-hook-acts": "has a start hook that acts{phase}",
        "worm-publish": "tried to publish with found tokens{to}{phase}",
        "writes-outside": "wrote files outside of its folders{phase}",
        # Metadata: what reading the archive gave.
        "archive-absolute-name": "has an absolute name in its archive",
        "archive-bomb": "unpacks to far more than its size",
        "archive-confusion": "reads differently in different tools",
        "archive-device": "has a device in its archive",
        "archive-duplicate": "names a file twice in its archive",
        "archive-encrypted": "has encrypted files",
        "archive-hidden-bytes": "has hidden bytes in its archive",
        "archive-hidden-member": "has a hidden file in its archive",
        "archive-link": "has links in its archive",
        "archive-link-outside": "has a link that points outside of its archive",
        "archive-link-empty": "has a link without a target in its archive",
        "archive-member-too-large": "has a file that is too large",
        "archive-members-overlap": "has files that share bytes",
        "archive-name-backslash": "has a backslash in a file name",
        "archive-name-collision": "has file names that differ only in case",
        "archive-name-conflict": "has a name that is both file and folder",
        "archive-name-invalid": "has a file name that is not valid",
        "archive-name-too-long": "has a file name that is too long",
        "archive-name-unprintable": "has a file name that cannot be printed",
        "archive-prefix-bytes": "has bytes before its archive",
        "archive-setuid": "has a set-uid file",
        "archive-size-override": "hides the size of a file",
        "archive-header-twice": "states things twice in its archive",
        "archive-name-windows": "has a file name that Windows reads otherwise",
        "archive-renamed": "is an archive under another one's name",
        "archive-repeated": "names a file twice in its archive",
        "archive-sparse": "has a sparse file",
        "archive-too-deep": "has folders that are too deep",
        "archive-too-large": "unpacks to more than the bound",
        "archive-too-many-members": "has more files than the bound",
        "archive-trailing-bytes": "has bytes behind its archive",
        "archive-traversal": "has file names that climb out of its archive",
        "archive-unreadable": "has an archive that cannot be read",
        "archive-unsupported": "is no archive that installers take",
        "archive-unusual-compression": "uses an unusual compression",
        "archive-wrong-format": "is another format than its name says",
        "build-system-invalid": "has a malformed pyproject.toml",
        "archive-inside": "carries an archive that its code names",
        "bytecode-differs": "has bytecode that is not of its source",
        "bytecode-shipped": "brings bytecode beside its sources",
        "bytecode-unchecked": "has bytecode that is used unchecked",
        "bytecode-without-source": "has modules without a source",
        "contents-changed": "holds what the release before it did not",
        "data-into-site": "installs data files among other packages",
        "data-opaque": "carries encoded data that its code names",
        "direct-url-build-requirement": "needs a file by direct URL to build",
        "direct-url-dependency": "depends on a file by direct URL",
        "executable-appended": "hides an executable in a media file",
        "executable-disguised": "has an executable under the name of a text or picture",
        "executable-unexpected": "carries an executable",
        "metadata-invalid": "has malformed metadata",
        "metadata-missing": "has no metadata",
        "metadata-missing-sdist": "has no metadata",
        "metadata-several": "has several sets of metadata",
        "metadata-too-large": "has metadata beyond the bound",
        "module-name-taken": "installs a module that belongs to another project",
        "name-confusion": "has a name that is easily taken for another project's",
        "native-shadows-source": "has a native module in the place of a source",
        "name-mismatch": "states another name inside",
        "owned-name-confusion": "has a name that is easily taken for one of your organisation's",
        "record-invalid": "has a malformed file list",
        "record-mismatch": "has files that are not what its file list says",
        "record-missing": "has no file list",
        "record-missing-file": "lists files that are not there",
        "record-no-hash": "lists files without a hash",
        "record-unlisted-file": "has files that its file list leaves out",
        "requirement-invalid": "has a malformed requirement",
        "runtime-shipped": "brings another language's runtime",
        "script-foreign": "carries a script for Windows that its code names",
        "script-named": "carries a script that its code names",
        "sdist-is-built": "is a built package under the name of an sdist",
        "sdist-wheel-differ": "has a wheel that holds what its sdist does not",
        "site-customisation": "takes over interpreter start",
        "start-hook": "runs code at interpreter start",
        "version-mismatch": "states another version inside",
        "wheel-tags-differ": "states other tags inside",
        # Provenance: signed statements, and what they were before.
        "attestation-invalid": "has an attestation that is not for it",
        "attestation-lost": "lacks the attestation that its releases had",
        "publisher-changed": "was published by another identity than before",
        "repository-claim-differs": "names another repository than it came from",
        # Reputation: history and owners.
        "dormant-revived": "is the first release after years",
        "index-quarantined": "was quarantined by the index",
        "late-file": "was added to an old release",
        "metadata-bare": "says nothing of itself",
        "owners-changed": "has other owners than before",
        "project-archived": "belongs to an archived project",
        "project-deprecated": "belongs to a deprecated project",
        "release-burst": "is one of many releases within a day",
        "version-jump": "has a version far above those before",
        # Static: what reading the sources as code gave.
        "static-blob": "has a long encoded text beside code that runs it",
        "static-broken-source": "has a broken source that holds acting code",
        "static-chat-token": "has a chat hook with its secret in its code{to}",
        "static-collector": "names places of secrets of several kinds",
        "static-command": "has a command that fetches and runs, or hides, code",
        "static-decode-exec": "decodes code and runs it",
        "static-deep-nesting": "has a source that is too deeply nested to be read",
        "static-doubtful-host": "names a doubtful host in its code{to}",
        "static-download-exec": "downloads code and runs it",
        "static-download-run": "downloads a file and runs it",
        "static-dropper": "fetches a Windows program and runs it",
        "static-environment-sent": "sends its whole environment",
        "static-escape-wall": "has a wall of escapes beside code that runs it",
        "static-exfiltration-host": "names a host that serves to receive{to}",
        "static-facts-sent": "sends facts about the machine and its user",
        "static-far-right": "hides code behind many blanks",
        "static-fetched-command": "puts downloaded text into a command",
        "static-hidden-name": "hides what it calls",
        "static-homoglyph": "hides names in letters that only look like others",
        "static-hull": "has no code but a setup.py that acts",
        "static-install-network": "uses the network in its install command",
        "static-install-process": "starts programs in its install command",
        "static-invisible": "has invisible characters in its source",
        "static-memory-code": "puts code into memory by hand",
        "static-network": "uses the network before it is asked to",
        "static-network-process": "uses the network and starts programs before it is asked to",
        "static-obfuscator": "has obfuscated code",
        "static-odd-command": "has a command that fetches, installs or hides its window",
        "static-packed-line": "packs many statements into one line",
        "static-persistence": "writes a start-up hook",
        "static-probe-version": "has a version that is chosen to win",
        "static-process": "starts programs before it is asked to",
        "static-protector": "has encrypted code",
        "static-python-child": "leaves another Python running",
        "static-remote-command": "runs commands that come over a socket",
        "static-reverse-shell": "ties a shell to a connection",
        "static-screen-sent": "sends screen, keyboard or clipboard",
        "static-secret-read": "opens places of secrets",
        "static-secret-sent": "reads secrets and sends them",
        "static-site-write": "writes to installed packages",
        "static-start-dynamic": "has a start hook that runs made-up code",
        "static-stealer": "gathers secrets beside a host that serves to receive{to}",
        "static-token-sent": "sends a token of its environment",
        "static-written-run": "writes code into a file and runs it",
        # Provenance: what it depends on.
        "dependency-confusable": "depends on a name close to that of a popular project",
        "dependency-held": "depends on a release that is held here",
        "dependency-new-risky": "newly depends on a risky release",
        "dependency-owner-changed": "depends on a project that changed hands",
        "dependency-refused": "depends on a release that is refused here",
        "dependency-young": "depends on a young project that hardly anybody uses",
        # Known by others.
        "hash-mismatch": "does not have the bytes that the index announced",
        "known-malicious": "is a known malicious release",
        "known-vulnerable": "has a known vulnerability",
        "malicious-range": "lies in a range of known malicious releases",
        "malicious-sibling": "is of a project that had a malicious release",
    }
)
"""Detector ids → what the artifact did, as a verb phrase that follows its name and version.

`tests/models/test_vocabulary.py` holds this to what the analyzer can report.
"""

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
