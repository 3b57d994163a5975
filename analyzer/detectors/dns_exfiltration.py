"""Data hidden in the host names that are looked up."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.dns_lookup import lookups
from analyzer.detectors.trade import was_given
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

LABEL_CHARS_MIN = 40
"""Characters of one label; those of honest hosts stay below (a sha1 in hex has 40)."""
SIBLINGS_MIN = 12
"""Different names below one domain in one run: a stream cut into labels."""
ENCODED_CHARS_MIN = 16
"""Characters of a label that looks encoded: 8 bytes in hex."""
ENCODED_MIN = 4
"""Names with such labels below one domain; a tenant or a bucket is one."""
_ENCODED = re.compile(r"[0-9a-f]+|[a-z2-7]+")
_SHARED = frozenset({"co", "com", "org", "net", "ac", "gov", "edu"})
DEFINITION = Definition(
    id="dns-exfiltration",
    title="Data hidden in host names",
    rationale=(
        "Out-of-band domains take part in 25 % of the install-time malware that acts on Linux "
        "(FACTS.md, 3). Encoded data need long labels or many of them; honest hosts need neither, "
        "but for a cloud's SDK that knows each of its services by name, in use."
    ),
    severity=Severity.HIGH,
    in_use=Severity.LOW,
    technique="T1048.003",
    techniques=("T16",),
    needs=frozenset({EventKind.DNS}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each domain that names point below."""
    below: dict[tuple[bool, str], set[str]] = defaultdict(set)
    told = set()
    for event in lookups(run):
        if event.phase is Phase.USE and was_given(event):
            continue  # each argument is a host of its own
        name = event.host.rstrip(".").lower()
        domain = (event.phase is Phase.USE, registered(name))
        below[domain].add(name)
        if domain not in told and (_carries(name) or _is_stream(below[domain])):
            told.add(domain)
            yield Match.of(event, run)


def registered(name: str) -> str:
    """The part of a host name that somebody registered: two labels, three below a shared one."""
    labels = name.split(".")
    return ".".join(labels[-3 if labels[-2:-1] and labels[-2] in _SHARED else -2 :])


def looks_encoded(label: str) -> bool:
    """Whether a label looks like hex or base32 and not like a word."""
    return (
        len(label) >= ENCODED_CHARS_MIN
        and _ENCODED.fullmatch(label) is not None
        and any(character.isdigit() for character in label)
    )


def _carries(name: str) -> bool:
    return max(map(len, name.split("."))) >= LABEL_CHARS_MIN


def _is_stream(names: set[str]) -> bool:
    if len(names) >= SIBLINGS_MIN:
        return True
    encoded = sum(any(map(looks_encoded, name.split("."))) for name in names)
    return encoded >= ENCODED_MIN
