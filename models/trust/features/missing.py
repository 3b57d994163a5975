"""What was not measured and where an analysis fell short, and tells of the test-bed. Never learned.

A model to which missingness alone says something has learned how samples were collected.
"""

from __future__ import annotations

from models.artifact import project_of
from models.evidence import Layer, Shortfall
from models.phase import Phase
from models.trust.features.context import context, flag
from models.trust.features.feature import Feature, Measure
from models.trust.features.masks import PROJECT_PREFIX, is_reserved
from models.trust.features.measures import NOT_MEASURED, PHASE_WORDS, number
from models.trust.features.subject import Subject
from models.vocabulary import SHORTFALLS

_TRIMMED = (
    ("findings_left_out", "count", "findings that evidence had no room for, the mildest"),
    ("profile_left_out", "flag", "evidence had no room for what it was seen to do"),
    ("contents_left_out", "flag", "evidence had no room for what its files hold"),
)


def _reserved_hosts(subject: Subject) -> float:
    contents = subject.evidence.contents
    return NOT_MEASURED if contents is None else float(sum(map(is_reserved, contents.hosts)))


def _is_ours(subject: Subject) -> bool:
    return (project_of(subject.evidence.filename) or "").startswith(PROJECT_PREFIX)


def _short(shortfall: Shortfall) -> Measure:
    return flag(lambda subject: shortfall in subject.evidence.shortfalls)


def _not_run(phase: Phase) -> Measure:
    return flag(lambda subject: phase not in subject.ran)


def _trimmed(name: str) -> Measure:
    """Evidence has a bound, and says what did not fit (`analyzer.document.within_bound`)."""
    key = (f"evidence.{name}", None)
    return lambda subject: number(subject.signals.get(key))


MISSING: tuple[Feature, ...] = (
    *(
        context(
            f"short.{shortfall.value.replace('-', '_')}",
            Layer.BEHAVIOUR,
            "flag",
            f"the analysis fell short: {SHORTFALLS[shortfall.value]}",
            _short(shortfall),
        )
        for shortfall in Shortfall
    ),
    *(
        context(f"short.{name}", Layer.METADATA, unit, meaning, _trimmed(name))
        for name, unit, meaning in _TRIMMED
    ),
    context(
        "missing.reading",
        Layer.METADATA,
        "flag",
        "no reader reported on the archive",
        flag(lambda subject: not subject.is_read),
    ),
    context(
        "missing.code",
        Layer.METADATA,
        "flag",
        "its sources were not read as code",
        flag(lambda subject: not subject.is_read_as_code),
    ),
    context(
        "missing.release_before",
        Layer.METADATA,
        "flag",
        "there was no release before to compare the files with",
        flag(lambda subject: subject.evidence.contents_changes is None),
    ),
    context(
        "missing.behaviour",
        Layer.BEHAVIOUR,
        "flag",
        "it was not run",
        flag(lambda subject: not subject.ran),
    ),
    *(
        context(
            f"missing.{word}",
            Layer.BEHAVIOUR,
            "flag",
            f"{phase.value} did not run",
            _not_run(phase),
        )
        for phase, word in PHASE_WORDS.items()
    ),
    context(
        "missing.baseline",
        Layer.BEHAVIOUR,
        "flag",
        "there was no approved release to compare the run with",
        flag(lambda subject: subject.evidence.changes is None),
    ),
)

TELLS: tuple[Feature, ...] = (
    context(
        "tell.project",
        Layer.METADATA,
        "flag",
        f"its project is called `{PROJECT_PREFIX}…`, as those of the test-bed are",
        flag(_is_ours),
    ),
    context(
        "tell.reserved_hosts",
        Layer.METADATA,
        "count",
        "hosts in reached code that only documentation and test-beds use",
        _reserved_hosts,
    ),
)
