"""Features of what a run touched: planted secrets, and different things by when they were touched."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from models.behaviour import ActKind
from models.evidence import Layer, ProofKind
from models.phase import Phase
from models.trust.features.feature import Feature, Measure, rising
from models.trust.features.measures import NOT_MEASURED, UNASKED, acts_in
from models.trust.features.subject import Subject

_ACTS = (
    (ActKind.HOST, "hosts", "hosts reached for"),
    (ActKind.EXECUTABLE, "programs", "programs run"),
    (ActKind.WRITTEN, "written", "places outside of its own folders that were written to"),
    (ActKind.CALL, "calls", "kinds of rare system calls"),
    (ActKind.LISTENS, "listens", "ports listened on"),
)
_WHEN: tuple[tuple[str, tuple[Phase, ...], str], ...] = (
    ("build", (Phase.INSTALL,), "at build and install"),
    ("unasked", (Phase.START, Phase.IMPORT, Phase.WAIT), "at start, import and second start"),
    ("use", (Phase.USE,), "in use"),
)
"""Builds run programs by trade, and use is asked for; in between nobody asks for anything."""
_EARLIER = (Phase.START, Phase.IMPORT)
_HELD_BACK = (
    *((kind, name, meaning) for kind, name, meaning in _ACTS),
    (ActKind.DECOY, "decoys", "kinds of planted secrets touched"),
)


_feature = partial(rising, Layer.BEHAVIOUR)


def _profiled(subject: Subject, phases: Iterable[Phase]) -> bool:
    """Whether any of these phases ran, and what was done is known as acts."""
    return subject.evidence.profile is not None and not subject.ran.isdisjoint(phases)


def _distinct(kind: ActKind, phases: tuple[Phase, ...]) -> Measure:
    def measure(subject: Subject) -> float:
        if not _profiled(subject, phases):
            return NOT_MEASURED
        return float(len(acts_in(subject, kind, phases)))

    return measure


def _decoys(phases: tuple[Phase, ...], *, changed: bool) -> Measure:
    """Kinds of planted things that were read, or changed (`models.behaviour.ActKind.DECOY`)."""

    def measure(subject: Subject) -> float:
        if not _profiled(subject, phases):
            return NOT_MEASURED
        touched = acts_in(subject, ActKind.DECOY, phases)
        return float(sum([value.endswith(" changed") is changed for value in touched]))

    return measure


def _held_back(kind: ActKind) -> Measure:
    """Acts of the second start that neither the first nor the first import made."""

    def measure(subject: Subject) -> float:
        both = Phase.WAIT in subject.ran and not subject.ran.isdisjoint(_EARLIER)
        if not both or subject.evidence.profile is None:
            return NOT_MEASURED
        before = acts_in(subject, kind, _EARLIER)
        return float(len(acts_in(subject, kind, (Phase.WAIT,)) - before))

    return measure


def _left(phases: frozenset[Phase]) -> Measure:
    """Kinds of planted secrets that left the box in these phases."""

    def measure(subject: Subject) -> float:
        if subject.ran.isdisjoint(phases):
            return NOT_MEASURED
        left = {f.what for f in subject.findings if f.id == "canary-left" and f.phase in phases}
        return float(len(left))

    return measure


def _proofs(subject: Subject) -> float:
    if not subject.ran:
        return NOT_MEASURED
    return float(sum([found.proof is ProofKind.CANARY_LEFT for found in subject.findings]))


def _arguments(subject: Subject) -> float:
    if not subject.ran:
        return NOT_MEASURED
    return float(sum([found.id == "canary-argument-left" for found in subject.findings]))


CANARIES: tuple[Feature, ...] = (
    _feature(
        "canary.kinds_left_unasked",
        "count",
        "kinds of planted secrets that left the box unasked",
        _left(frozenset(UNASKED)),
    ),
    _feature(
        "canary.kinds_left_use",
        "count",
        "kinds of planted secrets that left the box in use",
        _left(frozenset({Phase.USE})),
    ),
    _feature("canary.proofs", "count", "findings that prove that a planted secret left", _proofs),
    _feature("canary.arguments_left", "count", "values given in use that left the box", _arguments),
    *(
        _feature(
            f"canary.kinds_read_{name}",
            "count",
            f"kinds of planted secrets that were read {meaning}",
            _decoys(phases, changed=False),
        )
        for name, phases, meaning in _WHEN
    ),
    *(
        _feature(
            f"canary.kinds_changed_{name}",
            "count",
            f"kinds of planted files that were changed {meaning}",
            _decoys(phases, changed=True),
        )
        for name, phases, meaning in _WHEN
    ),
)

ACTS: tuple[Feature, ...] = (
    *(
        _feature(
            f"acts.{name}_{when}",
            "count",
            f"different {meaning} {words}",
            _distinct(kind, phases),
        )
        for kind, name, meaning in _ACTS
        for when, phases, words in _WHEN
    ),
    _feature(
        "acts.start_hooks",
        "count",
        "start hooks that it installs",
        _distinct(ActKind.START_HOOK, (Phase.START,)),
    ),
    *(
        _feature(
            f"later.{name}",
            "count",
            f"{meaning} at the second start and not before it",
            _held_back(kind),
        )
        for kind, name, meaning in _HELD_BACK
    ),
)
