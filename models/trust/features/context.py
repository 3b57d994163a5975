"""Context: size, format, coverage, cost and route. Measured for negative controls, never learned.

A model that sees these learns how malware was collected and not what it does: file size alone told
the classes apart in a random split, and nearly nothing out of time.
"""

from __future__ import annotations

from collections.abc import Callable

from models.artifact import ArtifactKind, kind_of
from models.evidence import Layer
from models.phase import Phase
from models.trust.features.feature import Direction, Feature, Measure
from models.trust.features.measures import (
    NOT_MEASURED,
    PHASE_WORDS,
    number,
    phase_signal,
    read_signal,
    run_signal,
)
from models.trust.features.subject import Subject

_READ = (
    ("unpacked_bytes", "unpacked_bytes", "bytes", "bytes of all members"),
    ("members", "members", "count", "members of the archive"),
    ("python_files", "python_files", "count", "Python files"),
    ("native_files", "native_files", "count", "native libraries"),
    ("foreign_modules", "foreign_modules", "count", "extension modules for other platforms"),
    ("modules", "modules", "count", "top-level modules of a wheel"),
    ("entry_points", "entry_points", "count", "entry points"),
    ("code_bytes", "static_code_bytes", "bytes", "bytes of Python source"),
    ("code_files_left", "static_files_left", "count", "Python files beyond a bound"),
    ("code_hosts", "static_hosts", "count", "hosts in reached code"),
    ("binaries", "static_binaries", "count", "executables and libraries by their first bytes"),
)
_VOLUME = (
    ("opens", "count", "files opened, or tried to be"),
    ("own_files_opened", "count", "different files of the site folder that were opened"),
    ("other_files_opened", "count", "different other files that were opened"),
    ("executable_mappings", "count", "libraries and code mapped as executable"),
    ("forks", "count", "processes and threads made"),
    ("unlinks", "count", "files removed"),
    ("renames", "count", "files renamed; each module that is compiled renames one"),
    ("memory_peak_bytes", "bytes", "highest use of memory"),
    ("cpu_us", "µs", "processor time"),
    ("output_bytes", "bytes", "bytes printed"),
)
_IMPORTED = (
    ("modules_imported", Phase.IMPORT, "top-level modules imported"),
    ("modules_failed", Phase.IMPORT, "top-level modules that raised"),
    ("libraries_loaded", Phase.IMPORT, "extension modules loaded"),
    ("callables_found", Phase.USE, "functions and classes found"),
    ("callables_called", Phase.USE, "functions and classes called"),
    ("callables_raised", Phase.USE, "calls that raised"),
    ("callables_timed_out", Phase.USE, "calls that did not end"),
    ("callables_left", Phase.USE, "functions and classes beyond the budget"),
    ("scripts_started", Phase.USE, "console scripts started"),
)
_SUBMODULES = (
    ("submodules_found", "submodules found"),
    ("submodules_tried", "submodules imported"),
    ("submodules_failed", "submodules that raised"),
    ("submodules_timed_out", "submodules that did not end"),
    ("submodules_ended_process", "submodules that ended the process"),
    ("findings_beyond_bound", "findings beyond a detector's bound"),
)
_ROUTE = (
    ("run_requirements_resolved", "requirements that the index had"),
    ("run_requirements_unresolved", "requirements that it had not"),
    ("run_requirements_as_sdist", "requirements that had to be built"),
    ("build_requirements_resolved", "build requirements that the index had"),
    ("build_requirements_unresolved", "build requirements that it had not"),
    ("build_requirements_as_sdist", "build requirements that had to be built"),
    ("requirements_built", "requirements that were built"),
    ("requirements_not_built", "requirements that could not be built"),
    ("runs", "runs that the analysis took"),
)


def context(name: str, layer: Layer, unit: str, meaning: str, measure: Measure) -> Feature:
    """A feature that is measured and not learned."""
    return Feature(
        name=name,
        layer=layer,
        unit=unit,
        direction=Direction.FREE,
        meaning=meaning,
        measure=measure,
    )


def flag(holds: Callable[[Subject], bool]) -> Measure:
    """1 where it holds, else 0; never NaN."""
    return lambda subject: float(holds(subject))


def _wall(phase: Phase) -> Measure:
    def measure(subject: Subject) -> float:
        if phase not in subject.ran:
            return NOT_MEASURED
        return float(next(r.wall_ms for r in subject.evidence.phases if r.phase is phase))

    return measure


def _graph_direct(subject: Subject) -> float:
    told = subject.told
    return number(told["graph.direct"]) if "graph.direct" in told else NOT_MEASURED


def _is_wheel(subject: Subject) -> bool:
    return kind_of(subject.evidence.filename) is ArtifactKind.WHEEL


SIZES: tuple[Feature, ...] = (
    context(
        "size.bytes",
        Layer.METADATA,
        "bytes",
        "bytes of the file",
        lambda subject: float(subject.evidence.size_bytes),
    ),
    *(
        context(f"size.{name}", Layer.METADATA, unit, meaning, read_signal(signal))
        for name, signal, unit, meaning in _READ
    ),
    context(
        "size.requirements",
        Layer.PROVENANCE,
        "count",
        "requirements that it states",
        read_signal("requirements"),
    ),
    context(
        "size.build_requirements",
        Layer.PROVENANCE,
        "count",
        "build requirements of an sdist; 0 for wheels",
        read_signal("build_requirements"),
    ),
    context(
        "size.requirements_met",
        Layer.PROVENANCE,
        "count",
        "releases that it requires itself; NaN where no facts are handed over",
        _graph_direct,
    ),
    context("kind.wheel", Layer.METADATA, "flag", "it is a wheel, else an sdist", flag(_is_wheel)),
)

VOLUMES: tuple[Feature, ...] = (
    *(
        context(
            f"volume.{word}_{name}",
            Layer.BEHAVIOUR,
            unit,
            f"{meaning}, in {phase.value}",
            phase_signal(name, phase),
        )
        for phase, word in PHASE_WORDS.items()
        for name, unit, meaning in _VOLUME
    ),
    *(
        context(
            f"volume.{word}_wall_ms",
            Layer.BEHAVIOUR,
            "ms",
            f"time that {phase.value} took",
            _wall(phase),
        )
        for phase, word in PHASE_WORDS.items()
    ),
)

COVERAGE: tuple[Feature, ...] = (
    *(
        context(f"coverage.{name}", Layer.BEHAVIOUR, "count", meaning, phase_signal(name, phase))
        for name, phase, meaning in _IMPORTED
    ),
    *(
        context(f"coverage.{name}", Layer.BEHAVIOUR, "count", meaning, run_signal(name))
        for name, meaning in _SUBMODULES
    ),
    *(
        context(f"route.{name}", Layer.BEHAVIOUR, "count", meaning, run_signal(name))
        for name, meaning in _ROUTE
    ),
)
