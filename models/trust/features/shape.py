"""Features of hidden code, of the metadata's shape, of names, and of what a release's files hold anew."""

from __future__ import annotations

from functools import partial

from models.artifact import version_of
from models.evidence import Layer
from models.trust.features.feature import Feature, Measure, rising
from models.trust.features.measures import NOT_MEASURED, number, read_rank, read_signal
from models.trust.features.subject import Subject

LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
"""PEP 517's default where a project says nothing (`analyzer.metadata`)."""
_REQUIRES_PYTHON = read_signal("requires_python")
_STATED = read_signal("build_system_stated")
_FILES = read_signal("static_files")
_UNPARSED = read_signal("static_unparsed")


def _no_requires_python(subject: Subject) -> float:
    return 1.0 - _REQUIRES_PYTHON(subject)


def _build_unstated(subject: Subject) -> float:
    """1 for an sdist without a build system; a wheel needs none, which is absent and not missing."""
    built = read_build_backend(subject)
    return built if built != 1.0 else 1.0 - _STATED(subject)


read_build_backend = read_signal("build_backend")
"""1 where there is a back end: of every sdist, stated or by default."""


def _unparsed_share(subject: Subject) -> float:
    files = _FILES(subject)
    return _UNPARSED(subject) / files if files > 0 else files  # 0 files: 0; NaN stays


def _version_zero(subject: Subject) -> float:
    """1 for versions that begin with 0.0: a first try, or a throw-away."""
    version = version_of(subject.evidence.filename)
    if not subject.is_read or version is None:
        return NOT_MEASURED
    return float(version == "0" or version.startswith("0.0"))


def _told(name: str) -> Measure:
    """A fact that is not live; NaN where nobody told it."""

    def measure(subject: Subject) -> float:
        return number(subject.told[name]) if name in subject.told else NOT_MEASURED

    return measure


def _compared(measure: Measure) -> Measure:
    """NaN where there was no release before to compare the files with."""

    def measured(subject: Subject) -> float:
        return measure(subject) if subject.evidence.contents_changes else NOT_MEASURED

    return measured


def _beside(subject: Subject) -> float:
    """NaN where the release's other file is not known."""
    return _DIFFERS(subject) if _FILES_BESIDE(subject) >= 0 else NOT_MEASURED


_DIFFERS = read_rank("sdist-wheel-differ")
_FILES_BESIDE = read_signal("wheel_files_not_in_sdist")


_feature = partial(rising, Layer.METADATA)


HIDDEN: tuple[Feature, ...] = (
    _feature(
        "hidden.entropy",
        "bits/1000",
        "highest entropy of a long literal in code that something reaches, in thousandths of a bit a "
        "character; 0: there is no long one",
        read_signal("static_entropy_milli"),
    ),
    _feature(
        "hidden.unparsed_share",
        "ratio",
        "share of the Python files that do not parse as Python 3",
        _unparsed_share,
    ),
)

SHAPE: tuple[Feature, ...] = (
    _feature(
        "shape.no_requires_python",
        "flag",
        "it does not say which Python it needs",
        _no_requires_python,
    ),
    _feature(
        "shape.no_build_system",
        "flag",
        "an sdist does not say how it is built; 0 for wheels, which are built",
        _build_unstated,
    ),
    _feature(
        "shape.backend_in_tree",
        "flag",
        "an sdist brings its own build back end; 0 for wheels",
        read_signal("build_backend_in_tree"),
    ),
    _feature("shape.version_zero", "flag", "its version begins with 0.0", _version_zero),
)

NAMES: tuple[Feature, ...] = (
    _feature(
        "names.module_taken",
        "severity",
        "it installs a module that belongs to another project",
        read_rank("module-name-taken"),
    ),
    _feature(
        "names.lookalikes",
        "count",
        "popular names that its own is taken for; NaN where no facts are handed over, as in training",
        _told("confusion.lookalikes"),
    ),
    _feature(
        "names.near",
        "flag",
        "one of them is a slip of hand or eye away; NaN as above",
        _told("confusion.near"),
    ),
)

RELEASES: tuple[Feature, ...] = (
    *(
        _feature(
            f"release.new_{name}",
            "count",
            f"{meaning} that the release before did not have; NaN without one",
            _compared(read_signal(f"diff_new_{name}")),
        )
        for name, meaning in (
            ("sinks", "reached kinds of acting code"),
            ("hosts", "hosts in reached code"),
            ("binaries", "executables and libraries"),
            ("hooks", "start hooks, entry points and build hooks"),
        )
    ),
    _feature(
        "release.first_sinks",
        "count",
        "kinds of acting code that run unasked for the first time; NaN without a release before",
        _compared(read_signal("diff_first_sinks")),
    ),
    _feature(
        "release.entropy_rise",
        "bits/1000",
        "by how much the highest entropy of a literal rose; NaN without a release before",
        _compared(read_signal("diff_entropy_rise_milli")),
    ),
    _feature(
        "release.contents_changed",
        "severity",
        "it holds what the release before it did not; NaN without one",
        _compared(read_rank("contents-changed")),
    ),
    _feature(
        "release.files_not_in_sdist",
        "count",
        "files of the wheel that the sdist lacks; NaN where one of the two is not known",
        _FILES_BESIDE,
    ),
    _feature(
        "release.sdist_wheel_differ",
        "severity",
        "its wheel holds what its sdist does not; NaN where one of the two is not known",
        _beside,
    ),
)
