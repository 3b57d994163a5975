"""A planted file was read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from analyzer.boxpaths import in_dependencies, in_site
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import UNASKED, RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="decoy-read",
    title="A planted secret was read",
    rationale=(
        "inotify on the decoys' inodes cannot be raced or forged from inside. Reading credentials "
        "at install, start or import is how collectors begin (FACTS.md, T05); clients that honestly "
        "read their own settings do so when they are used. No SDK's trade are browsers, wallets, chats "
        "and histories. "
        "A client that some make on import, of a service whose own library is loaded, weighs less where "
        "that is all that is read and nothing is sent. So does ~/.netrc alone where `requests`, as "
        "something it requires, looks there for a login before a GET."
    ),
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1552.001",
    techniques=("T05", "T31"),
    needs=frozenset({EventKind.DECOY}),
)
EVERYDAY = frozenset({"dotenv-secret"})
"""Decoys that ordinary libraries look for too: settings first, secrets second."""
READS = ("open", "access")
CLIENTS: Mapping[str, tuple[str, ...]] = {
    "aws-key": ("botocore", "boto3"),
    "gcloud-token": ("google",),
    "kube-token": ("kubernetes",),
    "docker-auth": ("docker",),
    "huggingface-token": ("huggingface_hub",),
    "azure-token": ("azure",),
}
"""Kind of decoy → the packages whose trade it is to read it."""
BUILD_TOOLS = frozenset({"netrc-password"})
"""Decoys that build tools read on their own: meson looks for logins in ~/.netrc before each build."""
LOGIN_LOOKERS = ("requests", "mesonbuild")
"""Packages that look into ~/.netrc before each request or download that they make, whoever asked."""
_BODILESS = re.compile(r"(?:^| )(?:GET|HEAD) ")
"""In what the sinkhole says of a conversation: a request without a body (RFC 9110)."""
PERSONAL = frozenset({"browser-store", "wallet", "chat-session", "shell-history"})
"""Decoys that only a person's own programs read, in use too (T31)."""


def read_decoys(run: RunView) -> Iterator[tuple[Event, str]]:
    """(event, kind) for the first reading of each decoy in each phase."""
    seen = set()
    for event in run.events(EventKind.DECOY):
        if event.detail not in READS:
            continue
        kind = run.planted(event.canaries[0]) if event.canaries else run.planted_at(event.path)
        if (event.phase, event.path) not in seen:
            seen.add((event.phase, event.path))
            yield event, kind or "unknown"


def detect(run: RunView) -> Iterator[Match]:
    """One match for each decoy and phase."""
    read = list(read_decoys(run))
    kinds = kinds_unasked(read)
    sent = any(event.size_bytes > 0 for event in run.events(EventKind.NET, phases=UNASKED))
    for event, kind in read:
        alone = len(kinds) == 1 and not sent
        if alone and event.phase is Phase.INSTALL and kind in BUILD_TOOLS:
            yield Match.of(event, run, what=kind, severity=Severity.LOW)
            continue
        own = (alone and _by_client(run, event, kind)) or is_login_look_up(run, event, kind, kinds)
        yield Match.of(event, run, what=kind, severity=_severity(event, kind, own=own))


def kinds_unasked(read: Iterable[tuple[Event, str]]) -> frozenset[str]:
    """Kinds of decoys that were read before anybody asked the package for anything."""
    return frozenset(kind for event, kind in read if event.phase is not Phase.USE) - EVERYDAY


def is_login_look_up(run: RunView, read: Event, kind: str, kinds: frozenset[str]) -> bool:
    """Whether an HTTP client asked ~/.netrc for a login.

    No other secret was touched then, and all that was sent unasked were requests without a body. A
    login that left in a header, or in a path of its own making, would still be missed; connecting
    unasked weighs by itself.
    """
    if kind not in BUILD_TOOLS or kinds != {kind} or read.phase is Phase.USE:
        return False
    sent = [event for event in run.events(EventKind.NET, phases=UNASKED) if event.size_bytes > 0]
    return all(_BODILESS.search(event.detail) for event in sent) and _loaded(
        run, read, LOGIN_LOOKERS, own=False
    )


def _severity(event: Event, kind: str, *, own: bool) -> Severity | None:
    if event.phase is Phase.USE and kind not in PERSONAL:
        return Severity.LOW
    return Severity.MEDIUM if kind in EVERYDAY or own else None


def _by_client(run: RunView, read: Event, kind: str) -> bool:
    """Whether an import read its service's key, with that service's library loaded before."""
    if read.phase not in (Phase.IMPORT, Phase.WAIT) or kind not in CLIENTS:
        return False
    return _loaded(run, read, CLIENTS[kind], own=True)


def _loaded(run: RunView, read: Event, packages: Iterable[str], *, own: bool) -> bool:
    """Whether a file of one of these packages had been opened in that phase before.

    `own`: the artifact may be that package; else it must be something that it requires.
    """
    names = tuple(f"/site-packages/{name}/" for name in packages)
    opened = run.events(EventKind.OPEN, phases=(read.phase,))
    return any(
        event.result >= 0
        and event.at_us <= read.at_us
        and (in_dependencies(event.path) or (own and in_site(event.path)))
        and any(name in event.path for name in names)
        for event in opened
    )
