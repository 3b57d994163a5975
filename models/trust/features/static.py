"""Features of reading the sources as code: each detector, each family of them, and how many are bad."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from models.evidence import Layer
from models.phase import Phase
from models.trust.features.feature import Feature, rising
from models.trust.features.measures import (
    HIGH,
    MEDIUM,
    NOT_MEASURED,
    read_ids,
    read_rank,
    read_signal,
    slug,
)
from models.trust.features.subject import Subject
from models.vocabulary import finding_title

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "flows": (
            *("static-reverse-shell", "static-remote-command", "static-fetched-command"),
            *("static-download-exec", "static-download-run", "static-written-run"),
            *("static-decode-exec", "static-secret-sent", "static-environment-sent"),
            *("static-facts-sent", "static-token-sent", "static-screen-sent"),
        ),
        "acts": (
            *("static-network", "static-process", "static-command", "static-odd-command"),
            *("static-python-child", "static-install-network", "static-install-process"),
            *("static-hidden-name", "static-persistence", "static-site-write"),
            *("static-secret-read", "static-collector", "static-memory-code"),
            *("static-exfiltration-host", "static-chat-token", "static-doubtful-host"),
            *("static-network-process", "static-stealer", "static-dropper"),
        ),
        "hiding": (
            *("static-far-right", "static-invisible", "static-homoglyph", "static-obfuscator"),
            *("static-protector", "static-escape-wall", "static-blob", "static-deep-nesting"),
            *("static-packed-line", "static-broken-source"),
        ),
        "signs": ("static-hull", "static-probe-version", "static-start-dynamic"),
        "members": (
            *("executable-disguised", "executable-appended", "executable-unexpected"),
            *("runtime-shipped", "script-foreign", "script-named"),
            *("bytecode-without-source", "bytecode-differs", "bytecode-unchecked"),
            *("bytecode-shipped", "native-shadows-source", "archive-inside", "data-opaque"),
        ),
    }
)
"""Family → its detectors. A family's worst generalises to one of its detectors that training never saw."""
_FAMILY_WORDS = {
    "flows": "data that flow from a source to a sink",
    "acts": "acts that code makes where it is reached",
    "hiding": "what keeps a reader from reading",
    "signs": "signs of a package that is none",
    "members": "files that are no sources",
}
DETECTORS = tuple(identity for ids in FAMILIES.values() for identity in ids)
SEVERITIES = ("critical", "high", "medium")
REACHES = ("build", "start", "import", "module", "call")
"""What makes code run, the most eager first (`analyzer.static.result.Reach`)."""
EAGER = REACHES[:3]
"""Reaches at which nobody asked for anything."""
SINKS = ("network", "process", "dynamic", "credentials", "persistence", "native", "site")
"""What code can do that matters (`analyzer.static.result.Sink`)."""
_REACH_WORDS = {
    "build": "the build",
    "start": "the start of an interpreter",
    "import": "importing the package",
    "module": "importing a module of it",
    "call": "a call",
}


def _eager_kinds(subject: Subject) -> float:
    """Kinds of sinks that run unasked."""
    if not subject.is_read_as_code:
        return NOT_MEASURED
    told = subject.signals
    return float(sum([any(told.get(key) for key in keys) for keys in _EAGER_KEYS]))


_EAGER_KEYS = tuple(
    tuple((f"metadata.static_{reach}_{sink}", Phase.INVENTORY) for reach in EAGER) for sink in SINKS
)


_feature = partial(rising, Layer.METADATA)


STATIC: tuple[Feature, ...] = (
    *(
        _feature(
            f"static.{slug(identity, 'static-')}",
            "severity",
            f"`{identity}`: it {finding_title(identity)}",
            read_rank(identity, code=True),
        )
        for identity in DETECTORS
    ),
    *(
        _feature(
            f"static.family_{family}",
            "severity",
            f"the worst of {_FAMILY_WORDS[family]}",
            read_rank(*ids, code=True),
        )
        for family, ids in FAMILIES.items()
    ),
    _feature(
        "static.ids_high",
        "count",
        "different detectors at high or worse",
        read_ids(DETECTORS, HIGH),
    ),
    _feature(
        "static.ids_medium",
        "count",
        "different detectors at medium or worse",
        read_ids(DETECTORS, MEDIUM),
    ),
    *(
        _feature(
            f"static.matches_{severity}",
            "count",
            f"matches of severity {severity}",
            read_signal(f"static_matches_{severity}"),
        )
        for severity in SEVERITIES
    ),
)

REACHED: tuple[Feature, ...] = (
    *(
        _feature(
            f"reach.{reach}_{sink}",
            "flag",
            f"{_REACH_WORDS[reach]} reaches code of the kind {sink}",
            read_signal(f"static_{reach}_{sink}"),
        )
        for reach in REACHES
        for sink in SINKS
    ),
    _feature(
        "reach.eager_kinds",
        "count",
        "kinds of such code that build, start or import reach",
        _eager_kinds,
    ),
)
