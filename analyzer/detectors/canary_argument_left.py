"""A value that was given to the package as an argument left the box."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.canary_left import ARGUMENT
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.dns_exfiltration import looks_encoded
from analyzer.detectors.trade import was_given
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="canary-argument-left",
    title="A value that it was given left the box",
    rationale=(
        "Wrappers that steal pass on what they are given (T07), and so does every honest SDK: which "
        "host is the documented one is not known here. A finding, and never a proof; none to speak of "
        "where the host was given too. SDKs speak HTTP with a host of their own; what puts an argument, "
        "encoded, into names, or into datagrams or a bare connection to a host that nobody gave, hides it."
    ),
    severity=Severity.MEDIUM,
    in_use=Severity.HIGH,
    technique="T1056",
    techniques=("T07",),
    needs=frozenset({EventKind.NET, EventKind.DNS}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and host. Where the host was itself an argument, it went where it was sent."""
    seen = set()
    for event in run.events(EventKind.NET, EventKind.DNS):
        if not any(run.planted(canary) == ARGUMENT for canary in event.canaries):
            continue
        key = (event.phase, _domain(event), event.address if not event.host else "")
        if key not in seen:
            seen.add(key)
            yield Match.of(event, run, what=ARGUMENT, severity=_severity(event))


def _severity(event: Event) -> Severity | None:
    bare = event.kind is EventKind.DNS and "." not in event.host.rstrip(".")
    if bare or was_given(event):
        return Severity.INFO
    if event.kind is EventKind.DNS:  # a tenant, a bucket or a region is a label as it is
        return Severity.HIGH if any(map(looks_encoded, event.host.lower().split("."))) else None
    return None if event.detail.startswith("tcp ") else Severity.HIGH


def _domain(event: Event) -> str:
    """The last two labels: data in a name make a new name each time."""
    return ".".join(event.host.rstrip(".").lower().split(".")[-2:])
