"""Data hidden in the host names that are looked up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.dns_lookup import lookups
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import EventKind

LABEL_CHARS_MIN = 40
"""Characters of one label; those of honest hosts stay below (a sha1 in hex has 40)."""
SIBLINGS_MIN = 12
"""Different names below one domain in one run: a stream cut into labels."""
DEFINITION = Definition(
    id="dns-exfiltration",
    title="Data hidden in host names",
    rationale=(
        "Out-of-band domains take part in 25 % of the install-time malware that acts on Linux "
        "(FACTS.md, 3). Encoded data need long labels or many of them; honest hosts need neither."
    ),
    severity=Severity.HIGH,
    technique="T1048.003",
    needs=frozenset({EventKind.DNS}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each domain that names point below."""
    below: dict[str, set[str]] = defaultdict(set)
    told = set()
    for event in lookups(run):
        labels = event.host.rstrip(".").lower().split(".")
        domain = ".".join(labels[-2:])
        below[domain].add(event.host.lower())
        long = max(map(len, labels)) >= LABEL_CHARS_MIN
        if (long or len(below[domain]) >= SIBLINGS_MIN) and domain not in told:
            told.add(domain)
            yield Match.of(event, run)
