"""Features of the archive itself: what is wrong with it, its file list, its identity, its start hooks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.evidence import Layer
from models.trust.features.feature import Direction, Feature
from models.trust.features.measures import read_rank, read_signal

GROUPS: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "content_hidden": (
            (
                *("archive-hidden-member", "archive-hidden-bytes", "archive-confusion"),
                *("archive-members-overlap", "archive-duplicate", "archive-repeated"),
                *("archive-header-twice", "archive-size-override", "archive-name-conflict"),
                *("archive-encrypted", "archive-sparse", "archive-unusual-compression"),
            ),
            "content that tools disagree on, or that no listing shows",
        ),
        "names_odd": (
            (
                *("archive-traversal", "archive-absolute-name", "archive-name-invalid"),
                *("archive-name-backslash", "archive-name-unprintable", "archive-name-too-long"),
                *("archive-name-windows", "archive-name-collision", "archive-too-deep"),
            ),
            "names of members that climb out, or that systems read differently",
        ),
        "format_odd": (
            (
                *("archive-unreadable", "archive-wrong-format", "archive-renamed"),
                *("archive-unsupported", "archive-prefix-bytes", "archive-trailing-bytes"),
            ),
            "bytes of another format than the name says, or around the archive",
        ),
        "bounds_exceeded": (
            (
                *("archive-bomb", "archive-too-large", "archive-too-many-members"),
                *("archive-member-too-large", "metadata-too-large"),
            ),
            "more than an archive may hold",
        ),
        "links_and_modes": (
            (
                *("archive-link-outside", "archive-link", "archive-link-empty"),
                *("archive-device", "archive-setuid"),
            ),
            "links, devices and set-uid bits",
        ),
        "record_wrong": (
            (
                *("record-missing", "record-invalid", "record-unlisted-file"),
                *("record-missing-file", "record-mismatch", "record-no-hash"),
            ),
            "a wheel's list of files that is not what the wheel holds",
        ),
        "identity_wrong": (
            (
                *("name-mismatch", "version-mismatch", "wheel-tags-differ"),
                *("sdist-is-built", "metadata-several"),
            ),
            "another name, version or format inside than outside",
        ),
        "metadata_wrong": (
            (
                *("metadata-missing", "metadata-missing-sdist", "metadata-invalid"),
                *("requirement-invalid", "build-system-invalid"),
            ),
            "core metadata or a build system that are missing or do not parse",
        ),
        "start_hook_odd": (
            ("start-hook", "site-customisation", "data-into-site"),
            "code that takes over the start of an interpreter, past where hooks are looked for",
        ),
    }
)
"""Feature → (the flaws of one kind, what they are); each flaw alone is rare."""

_COUNTED = (
    ("refused", "flag", "the archive is one that tools would disagree on, and is not run"),
    ("links", "count", "links in the archive"),
    ("bytecode_files", "count", "compiled modules in the archive"),
    ("start_hooks", "count", "files that run at every start of an interpreter"),
    ("start_files", "count", "those of them that only Python 3.15 and later run (PEP 829)"),
    ("record_unlisted", "count", "files that RECORD does not list; 0 in an sdist, which has none"),
    ("record_missing", "count", "files that RECORD lists and that are not there"),
    ("record_mismatched", "count", "files that are not what RECORD says"),
    ("record_unhashed", "count", "files without a usable hash in RECORD"),
)

ARCHIVE: tuple[Feature, ...] = (
    *(
        Feature(
            name=f"archive.{name}",
            layer=Layer.METADATA,
            unit="severity",
            direction=Direction.RISES,
            meaning=f"worst finding of: {meaning}",
            measure=read_rank(*ids),
        )
        for name, (ids, meaning) in GROUPS.items()
    ),
    *(
        Feature(
            name=f"archive.{name}",
            layer=Layer.METADATA,
            unit=unit,
            direction=Direction.RISES,
            meaning=meaning,
            measure=read_signal(name),
        )
        for name, unit, meaning in _COUNTED
    ),
)
