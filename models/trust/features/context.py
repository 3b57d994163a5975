"""Context: size, format, coverage, cost, route and missingness. Measured for controls, never learned.

A model that sees these learns how malware was collected and not what it does: file size alone told
the classes apart in a random split, and nearly nothing out of time.
"""

from __future__ import annotations

from collections.abc import Callable

from models.artifact import ArtifactKind, kind_of, project_of
from models.evidence import Layer, Shortfall
from models.phase import Phase
from models.trust.features.feature import Direction, Feature, Measure
from models.trust.features.masks import PROJECT_PREFIX, is_reserved
from models.trust.features.measures import (
    NOT_MEASURED,
    PHASE_WORDS,
    number,
    phase_signal,
    read_signal,
    run_signal,
)
from models.trust.features.subject import Subject
from models.vocabulary import SHORTFALLS

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
_TRIMMED = (
    ("findings_left_out", "count", "findings that evidence had no room for, the mildest"),
    ("profile_left_out", "flag", "evidence had no room for what it was seen to do"),
    ("contents_left_out", "flag", "evidence had no room for what its files hold"),
)


def _context(name: str, layer: Layer, unit: str, meaning: str, measure: Measure) -> Feature:
    return Feature(
        name=name,
        layer=layer,
        unit=unit,
        direction=Direction.FREE,
        meaning=meaning,
        measure=measure,
    )


def _flag(holds: Callable[[Subject], bool]) -> Measure:
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


def _reserved_hosts(subject: Subject) -> float:
    contents = subject.evidence.contents
    return NOT_MEASURED if contents is None else float(sum(map(is_reserved, contents.hosts)))


def _is_wheel(subject: Subject) -> bool:
    return kind_of(subject.evidence.filename) is ArtifactKind.WHEEL


def _is_ours(subject: Subject) -> bool:
    return (project_of(subject.evidence.filename) or "").startswith(PROJECT_PREFIX)


SIZES: tuple[Feature, ...] = (
    _context(
        "size.bytes",
        Layer.METADATA,
        "bytes",
        "bytes of the file",
        lambda subject: float(subject.evidence.size_bytes),
    ),
    *(
        _context(f"size.{name}", Layer.METADATA, unit, meaning, read_signal(signal))
        for name, signal, unit, meaning in _READ
    ),
    _context(
        "size.requirements",
        Layer.PROVENANCE,
        "count",
        "requirements that it states",
        read_signal("requirements"),
    ),
    _context(
        "size.build_requirements",
        Layer.PROVENANCE,
        "count",
        "build requirements of an sdist; 0 for wheels",
        read_signal("build_requirements"),
    ),
    _context(
        "size.requirements_met",
        Layer.PROVENANCE,
        "count",
        "releases that it requires itself; NaN where no facts are handed over",
        _graph_direct,
    ),
    _context(
        "kind.wheel", Layer.METADATA, "flag", "it is a wheel, else an sdist", _flag(_is_wheel)
    ),
)

VOLUMES: tuple[Feature, ...] = (
    *(
        _context(
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
        _context(
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
        _context(f"coverage.{name}", Layer.BEHAVIOUR, "count", meaning, phase_signal(name, phase))
        for name, phase, meaning in _IMPORTED
    ),
    *(
        _context(f"coverage.{name}", Layer.BEHAVIOUR, "count", meaning, run_signal(name))
        for name, meaning in _SUBMODULES
    ),
    *(
        _context(f"route.{name}", Layer.BEHAVIOUR, "count", meaning, run_signal(name))
        for name, meaning in _ROUTE
    ),
)


def _short(shortfall: Shortfall) -> Measure:
    return _flag(lambda subject: shortfall in subject.evidence.shortfalls)


def _not_run(phase: Phase) -> Measure:
    return _flag(lambda subject: phase not in subject.ran)


def _trimmed(name: str) -> Measure:
    """Evidence has a bound, and says what did not fit (`analyzer.document.within_bound`)."""
    key = (f"evidence.{name}", None)
    return lambda subject: number(subject.signals.get(key))


MISSING: tuple[Feature, ...] = (
    *(
        _context(
            f"short.{shortfall.value.replace('-', '_')}",
            Layer.BEHAVIOUR,
            "flag",
            f"the analysis fell short: {SHORTFALLS[shortfall.value]}",
            _short(shortfall),
        )
        for shortfall in Shortfall
    ),
    *(
        _context(f"short.{name}", Layer.METADATA, unit, meaning, _trimmed(name))
        for name, unit, meaning in _TRIMMED
    ),
    _context(
        "missing.reading",
        Layer.METADATA,
        "flag",
        "no reader reported on the archive",
        _flag(lambda subject: not subject.is_read),
    ),
    _context(
        "missing.code",
        Layer.METADATA,
        "flag",
        "its sources were not read as code",
        _flag(lambda subject: not subject.is_read_as_code),
    ),
    _context(
        "missing.release_before",
        Layer.METADATA,
        "flag",
        "there was no release before to compare the files with",
        _flag(lambda subject: subject.evidence.contents_changes is None),
    ),
    _context(
        "missing.behaviour",
        Layer.BEHAVIOUR,
        "flag",
        "it was not run",
        _flag(lambda subject: not subject.ran),
    ),
    *(
        _context(
            f"missing.{word}",
            Layer.BEHAVIOUR,
            "flag",
            f"{phase.value} did not run",
            _not_run(phase),
        )
        for phase, word in PHASE_WORDS.items()
    ),
    _context(
        "missing.baseline",
        Layer.BEHAVIOUR,
        "flag",
        "there was no approved release to compare the run with",
        _flag(lambda subject: subject.evidence.changes is None),
    ),
)

TELLS: tuple[Feature, ...] = (
    _context(
        "tell.project",
        Layer.METADATA,
        "flag",
        f"its project is called `{PROJECT_PREFIX}…`, as those of the test-bed are",
        _flag(_is_ours),
    ),
    _context(
        "tell.reserved_hosts",
        Layer.METADATA,
        "count",
        "hosts in reached code that only documentation and test-beds use",
        _reserved_hosts,
    ),
)
