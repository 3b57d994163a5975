"""Many host names that look random were looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.dns_exfiltration import looks_encoded, registered
from analyzer.detectors.dns_lookup import lookups
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

NAMES_MIN = 10
"""Different names of one phase; families make some dozens to thousands a day."""
DEFINITION = Definition(
    id="dga-burst",
    title="Many random host names were looked up",
    rationale=(
        "Generated names let a bot find its master when hosts are taken down (T17). Retries ask for "
        "one name again and again; here the names differ, and none is a word. It weighs little alone."
    ),
    severity=Severity.LOW,
    in_use=Severity.INFO,
    technique="T1568.002",
    techniques=("T17",),
    needs=frozenset({EventKind.DNS}),
)
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}")
_MIXED = re.compile(r"[a-z]\d|\d[a-z]")
LABEL_CHARS_MIN = 8


def detect(run: RunView) -> Iterator[Match]:
    """At most one match for each phase: at the name that makes it many."""
    names: dict[Phase, set[str]] = {}
    for event in lookups(run):
        name = event.host.rstrip(".").lower()
        mine = names.setdefault(event.phase, set())
        if name not in mine and looks_random(registered(name).partition(".")[0]):
            mine.add(name)
            if len(mine) == NAMES_MIN:
                yield Match.of(event, run)


def looks_random(label: str) -> bool:
    """Whether nobody would have chosen a label: encoded, few vowels, letters and digits in turn."""
    if len(label) < LABEL_CHARS_MIN:
        return False
    letters = [character for character in label if character.isalpha()]
    vowels = sum(character in "aeiouy" for character in letters)
    return (
        looks_encoded(label)
        or _CONSONANTS.search(label) is not None
        or len(_MIXED.findall(label)) >= 3
        or (len(letters) >= LABEL_CHARS_MIN and vowels * 5 < len(letters))
    )
