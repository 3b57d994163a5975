"""Where programs keep what thieves look for: paths in a home folder → what kind of place."""

from __future__ import annotations

import re

from analyzer.sandbox.layout import HOME

_BROWSERS = (
    r"\.config/(?:google-chrome|chromium|BraveSoftware|microsoft-edge|opera|vivaldi|yandex-browser)"
    r"|\.mozilla/|\.thunderbird/|\.cache/mozilla/|snap/(?:firefox|chromium)/|\.var/app/(?:org\.mozilla|com\.google)"
    r"|Library/Application Support/(?:Google|Firefox|BraveSoftware|Microsoft Edge)"
    r"|AppData/(?:Local|Roaming)/(?:Google|Mozilla|BraveSoftware|Microsoft/Edge|Opera)"
)
_WALLETS = (
    r"\.(?:bitcoin|ethereum|litecoin|dogecoin|dashcore|zcash|monero|electrum|electron-cash|exodus|bitmonero)/"
    r"|\.config/(?:Exodus|atomic|Electrum|solana|Ledger Live|Coinomi|guarda)"
    r"|Monero/|\.foundry/keystores|\.brownie/accounts|.*/(?:nkbihfbeogaeaoehlefnkodbefgpgknn|wallet\.dat)"
)
_MESSENGERS = (
    r"\.config/(?:discord|discordcanary|discordptb|Slack|Signal|Element|skypeforlinux)"
    r"|\.local/share/TelegramDesktop|\.purple/|AppData/Roaming/(?:discord|Telegram Desktop|Slack)"
)
_KEYRINGS = (
    r"\.local/share/(?:keyrings|kwalletd)|\.password-store|\.config/(?:Bitwarden|1Password|keepassxc)"
    r"|.*\.kdbx\Z|\.gnupg/(?:private-keys|secring|trustdb)|Library/Keychains"
)
_CLOUDS = (
    r"\.aws/(?:credentials|sso|cli)|\.azure/|\.config/(?:gcloud|doctl|scw|hcloud|openstack)/|\.oci/|\.kube/config"
    r"|\.terraform\.d/credentials|\.vault-token|\.config/rclone/|\.s3cfg|\.boto\Z|\.fly/|\.config/heroku"
)
_TOKENS = (
    r"\.npmrc|\.yarnrc|\.pypirc|\.git-credentials|\.config/(?:gh|hub|glab-cli)|\.docker/config\.json"
    r"|\.cargo/credentials|\.gem/credentials|\.m2/settings|\.gradle/gradle\.properties|\.composer/auth"
    r"|\.config/(?:hatch|pypoetry/auth)|\.cache/huggingface/token|\.huggingface/token"
)
_LOGINS = (
    r"\.netrc|\.pgpass|\.my\.cnf|\.mylogin|\.config/filezilla|\.filezilla"
    r"|\.ssh/(?:id_|identity|known_hosts)"
)
_HISTORIES = (
    r"\.(?:bash|zsh|sh|python|psql|mysql|node_repl|sqlite|irb)_?history\Z"
    r"|\.local/share/fish/fish_history"
)
_AGENTS = (
    r"\.claude\.json|\.claude/\.credentials|\.codex/auth|\.gemini/(?:oauth|google)"
    r"|\.config/github-copilot/"
)
_FAMILIES = (
    ("browser", _BROWSERS),
    ("wallet", _WALLETS),
    ("messenger", _MESSENGERS),
    ("keyring", _KEYRINGS),
    ("cloud", _CLOUDS),
    ("token", _TOKENS),
    ("login", _LOGINS),
    ("history", _HISTORIES),
    ("agent", _AGENTS),
)
_PLACES = tuple((word, re.compile(pattern)) for word, pattern in _FAMILIES)
_BELOW = re.compile(rf"(?:{re.escape(HOME)}|/root|/home/[^/]+)/(?P<rest>.+)")


def family_of(path: str) -> str:
    """The kind of place at an absolute path; empty for any other."""
    found = _BELOW.fullmatch(path)
    if found is None:
        return ""
    return next((word for word, pattern in _PLACES if pattern.match(found["rest"])), "")
