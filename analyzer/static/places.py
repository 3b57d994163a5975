"""Places in texts: where secrets lie, what starts by itself, where packages are installed.

Standard library only; a table of patterns, each with the kind that a person would name it by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.static.values import Mark

_SECRETS: dict[str, str] = {
    "ssh-key": r"\.ssh(?:[/\\]|\Z)|\bid_(?:rsa|ed25519|ecdsa|dsa)\b",
    "aws-key": r"\.aws[/\\]{1,2}(?:credentials|config)",
    "kube-token": r"\.kube[/\\]{1,2}config|/var/run/secrets/kubernetes\.io",
    "pypi-token": r"\.pypirc\b",
    "npm-token": r"(?:~|%\w+%|\*|HOME)\S{0,30}[/\\]\.npmrc\b",
    "netrc-password": r"(?:~|%\w+%|\*)[/\\]{1,2}[._]netrc\b",
    "docker-auth": r"\.docker[/\\]{1,2}config\.json",
    "git-credential": r"\.git-credentials\b",
    "gcloud-token": (
        r"gcloud[/\\]{1,2}(?:application_default_credentials|credentials\.db|access_tokens)"
    ),
    "azure-token": r"\.azure[/\\]{1,2}(?:accessTokens|azureProfile|msal_token)",
    "gpg-key": r"\.gnupg(?:[/\\]|\Z)",
    "shell-history": r"\.(?:bash|zsh|python|mysql|psql)_history\b",
    "agent-config": (
        r"\.claude(?:\.json|[/\\])|\.cursor[/\\]{1,2}mcp|\.codeium[/\\]|\.gemini[/\\]{1,2}(?:settings|oauth)"
    ),
    "browser-store": (
        r"Google[/\\]{1,2}Chrome(?: SxS)?[/\\]{1,2}User Data|BraveSoftware|Opera Software"
        r"|Yandex[/\\]{1,2}YandexBrowser"
        r"|\bLogin Data\b|Mozilla[/\\]{1,2}Firefox[/\\]{1,2}Profiles|Microsoft[/\\]{1,2}Edge[/\\]{1,2}User Data"
        r"|Chromium[/\\]{1,2}User Data|\blogins\.json\b|Vivaldi[/\\]{1,2}User Data|[/\\]Local State\b"
    ),
    "chat-session": (
        r"Local Storage[/\\]{1,2}leveldb|discord(?:canary|ptb)?[/\\]{1,2}Local Storage"
        r"|Telegram Desktop[/\\]{1,2}tdata"
        r"|\bdiscordcanary\b|\bLightcord\b|\\tdata\b"
    ),
    "wallet": (
        r"\bwallet\.dat\b|\bExodus[/\\]{1,2}exodus\.wallet"
        r"|\bEthereum[/\\]{1,2}keystore|atomic[/\\]{1,2}Local Storage"
        r"|Electrum[/\\]{1,2}wallets|nkbihfbeogaeaoehlefnkodbefgpgknn|\.config[/\\]{1,2}solana|Coinomi[/\\]"
    ),
    "password-file": r"/etc/(?:shadow|passwd)\b",
}
_STARTS: dict[str, str] = {
    "startup-folder": r"Start Menu[/\\]{1,2}Programs[/\\]{1,2}Startup|[/\\]Startup(?:[/\\]|\Z)",
    "run-key": (
        r"CurrentVersion[/\\]{1,2}Run(?:Once)?\b|CurrentVersion[/\\]{1,2}Policies[/\\]{1,2}Explorer[/\\]{1,2}Run"
    ),
    "scheduled-task": r"\bschtasks(?:\.exe)?\s+/create|Register-ScheduledTask",
    "cron": r"/etc/cron|/var/spool/cron|\bcrontab\s+-(?!l)|\|\s*crontab\b|@reboot\b",
    "systemd": r"/etc/systemd/system|\.config/systemd/user|systemctl\s+(?:--user\s+)?enable\b",
    "launch-agent": r"Library/Launch(?:Agents|Daemons)",
    "autostart": r"\.config/autostart",
    "shell-profile": (
        r"(?:~|\*|%HOME%)/\.(?:bashrc|bash_profile|zshrc|profile|zprofile)\b|/etc/(?:profile|rc\.local)\b"
    ),
    "authorized-keys": r"authorized_keys\b",
    "agent-config": (
        r"\bCLAUDE\.md\b|\bAGENTS\.md\b|\.cursorrules\b|\.claude[/\\]{1,2}settings\.json"
    ),
}
_SITES: dict[str, str] = {
    "site-packages": r"\bsite-packages\b|\bdist-packages\b",
    "start-hook": r"\w\.pth\b|\bsitecustomize\.py\b|\busercustomize\.py\b",
}
_FORMS = tuple(
    (kind, mark, re.compile(pattern, re.IGNORECASE))
    for table, mark in ((_SECRETS, Mark.SECRET), (_STARTS, Mark.START), (_SITES, Mark.SITE))
    for kind, pattern in table.items()
)
STEALERS = frozenset({"browser-store", "chat-session", "wallet"})
"""Kinds that no SDK has a trade in."""
SECRET_KINDS = frozenset(_SECRETS)
START_KINDS = frozenset(_STARTS)
_ANY = re.compile(
    r"\.ssh|id_rsa|id_ed|id_ecdsa|\.aws|\.kube|secrets/k|pypirc|npmrc|netrc"
    r"|\.docker|git-cred|gcloud|\.azure|gnupg|_history"
    r"|\.claude|\.cursor|codeium|\.gemini|Chrome|Brave|Opera S|Yandex|Login Data"
    r"|Firefox|Edge|Chromium|logins\.json"
    r"|Vivaldi|Local State|leveldb|discord|tdata|Lightcord|wallet|Ethereum|atomic"
    r"|Electrum|nkbihf|solana|Coinomi"
    r"|/etc/|Startup|CurrentVersion|schtasks|ScheduledTask|cron|@reboot|systemd|systemctl|Launch|autostart|\.bash"
    r"|\.zsh|\.profile|\.zprofile|authorized_keys|CLAUDE\.md|AGENTS\.md|-packages|\.pth|customize",
    re.IGNORECASE,
)


def place_kinds(text: str) -> Iterator[tuple[str, str]]:
    """(kind, mark) of each place that a text names."""
    if _ANY.search(text) is None:
        return
    for kind, mark, form in _FORMS:
        if form.search(text):
            yield kind, mark
