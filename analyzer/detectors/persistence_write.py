"""Something was left where it will be run again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.boxpaths import in_site
from analyzer.detectors.commands import command_text
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from analyzer.sandbox.layout import HOME
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

DEFINITION = Definition(
    id="persistence-write",
    title="A start-up hook was written",
    rationale=(
        "Shell profiles, cron, systemd, autostart, keys and Python's own start hooks outlive the "
        "package (T20). An attempt that the box refused says as much as one that it let pass. "
        "Installers of completions and services do so in use, when they are told to."
    ),
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1547",
    techniques=("T20",),
    needs=frozenset({EventKind.OPEN, EventKind.RENAME, EventKind.LINK, EventKind.EXEC}),
)
_HOME = re.escape(HOME)
_PLACES = (
    (
        "shell-profile",
        rf"(?:{_HOME}|/root)/\.(?:bash|z|k)?(?:rc|shrc|_profile|profile|_login|_logout|env)\Z",
    ),
    (
        "shell-profile",
        rf"(?:{_HOME}|/root)/\.(?:profile|zshrc|zprofile|zshenv|zlogin|bash_aliases)\Z",
    ),
    (
        "shell-profile",
        rf"{_HOME}/\.config/fish/|/etc/(?:profile(?:\.d/|\Z)|bash\.bashrc\Z|environment\Z)",
    ),
    (
        "shell-profile",
        rf"{_HOME}/\.(?:x(?:init|session|profile|sessionrc)(?:rc)?|pam_environment)\Z",
    ),
    ("autostart", rf"{_HOME}/\.config/(?:autostart|plasma-workspace/env)/|/etc/xdg/autostart/"),
    ("autostart", rf"{_HOME}/Library/Launch(?:Agents|Daemons)/|{_HOME}/.*/Start Menu/.*/Startup/"),
    ("environment", rf"{_HOME}/\.config/environment\.d/|/etc/(?:environment\.d|security)/"),
    ("systemd-unit", rf"{_HOME}/\.(?:config|local/share)/systemd/|/(?:etc|lib|usr/lib)/systemd/"),
    ("cron", r"/etc/cron|/var/spool/(?:cron|at)|/etc/anacrontab\Z"),
    ("init-script", r"/etc/(?:init\.d/|rc\.local\Z|rc\d\.d/)"),
    ("ssh-authorized-keys", rf"(?:{_HOME}|/root)/\.ssh/(?:authorized_keys2?|rc|config)\Z"),
    ("loader-preload", r"/etc/ld\.so\.(?:preload|conf)"),
    ("git-hook", r".*/\.git/hooks/[^/]+(?<!\.sample)\Z"),
    ("git-settings", rf"{_HOME}/(?:\.gitconfig|\.config/git/config)\Z|/etc/gitconfig\Z"),
    ("index-settings", rf"{_HOME}/(?:\.config/pip|\.pip)/pip\.conf\Z|/etc/pip\.conf\Z"),
    ("index-settings", rf"{_HOME}/\.config/uv/uv\.toml\Z|{_HOME}/\.condarc\Z"),
    (
        "editor",
        rf"{_HOME}/(?:\.vscode(?:-server)?/extensions/|\.vimrc\Z|\.config/nvim/init|\.emacs)",
    ),
    ("command", rf"(?:{_HOME}/(?:\.local/)?bin|/usr/local/s?bin)/[^/]+\Z"),
    ("ipython-start-up", rf"{_HOME}/\.ipython/profile_[^/]+/startup/[^/]+\.i?py\Z"),
    ("python-start-hook", r".*/(?:site|dist)-packages/[^/]+\.(?:pth|start)\Z"),
    ("python-start-hook", r".*/(?:sitecustomize|usercustomize)(?:\.py|/__init__\.py)\Z"),
    ("user-site", rf"{_HOME}/\.local/lib/python[\d.]+/"),
)
PLACES = tuple((what, re.compile(pattern)) for what, pattern in _PLACES)
# A build's own tree in P1; in P4 the environments and repositories that a tool makes (virtualenv).
_BUILT = ("python-start-hook", "git-hook")
_COMMAND = re.compile(
    r"(?:\A|[;&|(]\s*|\bsudo\s+)(?:\S*/)?(?:crontab\s+(?!-l\b)\S|systemctl\b.*\s(?:enable|link|preset|daemon-reload)\b"
    r"|loginctl\s+enable-linger|update-rc\.d\s|launchctl\s+(?:load|bootstrap)\b|schtasks\b.*/create"
    r"|at\s+(?:now|-f|\d)|git\s+config\b.*\s(?:core\.(?:hooksPath|fsmonitor|sshCommand)|alias\.\w+)\s)"
)
_BUILD_TREE = re.compile(r"/tmp/|/home/dev/project/")  # noqa: S108 - names in a box


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and file, or command. In P1 a build may write start hooks into its own tree."""
    seen: set[tuple[Phase, str | tuple[str, ...]]] = set()
    for event in run.executed():
        if arranges(event.path, event.argv) and (event.phase, event.argv) not in seen:
            seen.add((event.phase, event.argv))
            yield Match.of(event, run, what="command")
    for event, path in run.written():
        what = place_of(path)
        building = event.phase is Phase.INSTALL and _BUILD_TREE.match(path)
        if what and (event.phase, path) not in seen and not (building and what in _BUILT):
            seen.add((event.phase, path))
            elsewhere = event.phase is Phase.USE and what in _BUILT and not in_site(path)
            yield Match.of(event, run, what=what, severity=Severity.LOW if elsewhere else None)


def arranges(path: str, argv: tuple[str, ...]) -> bool:
    """Whether a command makes something start later: `crontab -`, `systemctl --user enable x`."""
    return _COMMAND.search(command_text(path, argv)) is not None


def place_of(path: str) -> str:
    """What kind of hook lies at an absolute path; empty for none."""
    return next((what for what, pattern in PLACES if pattern.match(path)), "")
