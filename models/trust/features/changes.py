"""Features of what a release does that the last approved one did not, and of what hangs on it."""

from __future__ import annotations

from models.evidence import Layer
from models.trust.features.feature import Direction, Feature, Measure
from models.trust.features.measures import NOT_MEASURED, number, read_signal, run_rank, run_signal
from models.trust.features.subject import Subject

_NEW = (
    ("hosts", "hosts reached for"),
    ("executables", "programs run"),
    ("written", "places written to"),
    ("decoys", "planted secrets touched"),
    ("calls", "rare system calls made"),
    ("listens", "ports listened on"),
    ("start_hooks", "start hooks installed"),
    ("phases", "phases in which it does anything at all"),
)


def _compared(measure: Measure) -> Measure:
    """NaN where there was no release to compare the run with."""

    def measured(subject: Subject) -> float:
        return measure(subject) if subject.evidence.changes else NOT_MEASURED

    return measured


def _urls(identity: str) -> Measure:
    """Different requirements by direct URL."""

    def measure(subject: Subject) -> float:
        if not subject.is_read:
            return NOT_MEASURED
        return float(len({f.place.path for f in subject.findings if f.id == identity}))

    return measure


def _graph(name: str) -> Measure:
    def measure(subject: Subject) -> float:
        return number(subject.told[name]) if name in subject.told else NOT_MEASURED

    return measure


def _new_requirements(subject: Subject) -> float:
    return _NEW_REQUIRES(subject) if subject.evidence.contents_changes else NOT_MEASURED


_NEW_REQUIRES = read_signal("diff_new_requires")


CHANGES: tuple[Feature, ...] = (
    *(
        Feature(
            name=f"change.new_{name}",
            layer=Layer.BEHAVIOUR,
            unit="count",
            direction=Direction.RISES,
            meaning=f"{meaning} that were not in the last approved release; NaN without one",
            measure=_compared(run_signal(f"new_{name}")),
        )
        for name, meaning in _NEW
    ),
    Feature(
        name="change.behaviour_changed",
        layer=Layer.BEHAVIOUR,
        unit="severity",
        direction=Direction.RISES,
        meaning="it does what its last approved release did not; NaN without one",
        measure=_compared(run_rank("behaviour-changed")),
    ),
)

HANGS: tuple[Feature, ...] = (
    Feature(
        name="hangs.direct_urls",
        layer=Layer.PROVENANCE,
        unit="count",
        direction=Direction.RISES,
        meaning="requirements by direct URL, past any index",
        measure=_urls("direct-url-dependency"),
    ),
    Feature(
        name="hangs.build_direct_urls",
        layer=Layer.PROVENANCE,
        unit="count",
        direction=Direction.RISES,
        meaning="build requirements by direct URL",
        measure=_urls("direct-url-build-requirement"),
    ),
    Feature(
        name="hangs.tree_direct_urls",
        layer=Layer.PROVENANCE,
        unit="count",
        direction=Direction.RISES,
        meaning="requirements by direct URL in the whole tree; NaN where no facts are handed over",
        measure=_graph("graph.direct_urls"),
    ),
    Feature(
        name="hangs.new_requires",
        layer=Layer.PROVENANCE,
        unit="count",
        direction=Direction.RISES,
        meaning="projects that it requires and the release before did not; NaN without one",
        measure=_new_requirements,
    ),
)
