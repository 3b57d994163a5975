"""What the files of an artifact hold, as reading found it: comparable from release to release.

Everything here is the artifact's word, read from its bytes; nothing of it was run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from models.canonical import Digest
from models.phase import Text

CONTENTS_ITEMS_MAX = 200
"""Entries of each list; beyond it a release is compared by what is kept, and `cut` says so."""

CODE_FILES_MAX = 1_500
"""Python files whose text is known by hash; nine in ten artifacts have fewer, and evidence has 256 KiB."""
CODE_HASH_BYTES = 8
"""Bytes of each hash: two of 1,500 files are mistaken for each other once in 10^13 comparisons."""
CODE_CHARS_MAX = -(-CODE_FILES_MAX * CODE_HASH_BYTES // 3) * 4
"""Characters of all in base64."""

Items = Annotated[tuple[Text, ...], Meta(max_length=CONTENTS_ITEMS_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What one artifact's files hold. Every list is sorted, without repetition."""

    sinks: Items = ()
    """`reach sink` pairs out of the closed vocabulary of static reading, such as `build network`."""
    hosts: Items = ()
    """Host names and addresses that stand in code that something reaches."""
    binaries: Items = ()
    """Paths of executables and libraries, versions and platforms taken out."""
    hooks: Items = ()
    """Start hooks, entry points and build hooks."""
    requires: Items = ()
    """Names of the projects that it requires, normalised."""
    entropy_milli: int = 0
    """The highest Shannon entropy of a long literal in code, in thousandths of a bit a character."""
    code_bytes: int = 0
    """Bytes of all Python source."""
    cut: bool = False
    """A list was longer than is kept."""
    code: Annotated[str, Meta(max_length=CODE_CHARS_MAX)] = ""
    """Base64 of the sorted hashes of every Python file's text, CODE_HASH_BYTES each, for comparison
    with the release's other files; empty: it has none, or more than CODE_FILES_MAX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentsBaseline:
    """The contents of an older file of the same project, which a new one is compared with."""

    filename: Text
    evidence_digest: Digest
    contents: Contents


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentsChanges:
    """What the files of this release hold that those of the one before did not."""

    since: Text
    """The filename compared with."""
    evidence_digest: Digest
    sinks: Items = ()
    hosts: Items = ()
    binaries: Items = ()
    hooks: Items = ()
    requires: Items = ()
    entropy_milli: int = 0
    """How much the highest entropy rose; 0 where it did not."""
    code_percent: int = 100
    """Size of the source, in percent of what it was."""
