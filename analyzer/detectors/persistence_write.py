"""Something was left where it will be run again."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
        "package (T20). An attempt that the box refused says as much as one that it let pass."
    ),
    severity=Severity.HIGH,
    technique="T1547",
    needs=frozenset({EventKind.OPEN, EventKind.RENAME, EventKind.LINK}),
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
    ("autostart", rf"{_HOME}/\.config/autostart/|/etc/xdg/autostart/"),
    ("systemd-unit", rf"{_HOME}/\.(?:config|local/share)/systemd/|/(?:etc|lib|usr/lib)/systemd/"),
    ("cron", r"/etc/cron|/var/spool/(?:cron|at)|/etc/anacrontab\Z"),
    ("init-script", r"/etc/(?:init\.d/|rc\.local\Z|rc\d\.d/)"),
    ("ssh-authorized-keys", rf"(?:{_HOME}|/root)/\.ssh/(?:authorized_keys2?|rc|config)\Z"),
    ("loader-preload", r"/etc/ld\.so\.(?:preload|conf)"),
    ("git-hook", r".*/\.git/hooks/[^/]+\Z"),
    ("python-start-hook", r".*/(?:site|dist)-packages/[^/]+\.(?:pth|start)\Z"),
    ("python-start-hook", r".*/(?:sitecustomize|usercustomize)(?:\.py|/__init__\.py)\Z"),
    ("user-site", rf"{_HOME}/\.local/lib/python[\d.]+/"),
)
PLACES = tuple((what, re.compile(pattern)) for what, pattern in _PLACES)
_BUILD_TREE = re.compile(r"/tmp/|/home/dev/project/")  # noqa: S108 - names in a box


def detect(run: RunView) -> Iterator[Match]:
    """One match for each file. In P1 a build may write start hooks into its own tree."""
    seen = set()
    for event, path in run.written():
        what = place_of(path)
        building = event.phase is Phase.INSTALL and _BUILD_TREE.match(path)
        if what and path not in seen and not (building and what == "python-start-hook"):
            seen.add(path)
            yield Match.of(event, run, what=what)


def place_of(path: str) -> str:
    """What kind of hook lies at an absolute path; empty for none."""
    return next((what for what, pattern in PLACES if pattern.match(path)), "")
