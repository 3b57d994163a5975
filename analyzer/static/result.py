"""What static reading reports out of the reader box: plain values, bounded here and again outside.

Standard library only: the reader starts in every analysis, and its start counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MATCHES_MAX = 150
"""Matches reported of one artifact, the worst first; the rest are counted."""
ITEMS_MAX = 200
"""Sinks and hosts listed (`models.contents.CONTENTS_ITEMS_MAX`)."""
EXCERPT_CHARS_MAX = 200
"""Characters of a source line that are shown."""


class Reach(StrEnum):
    """What makes a piece of code run, the most eager first."""

    BUILD = "build"
    """setup.py's top level and command classes, a build back end out of the archive."""
    START = "start"
    """`.pth`, `.start`, `sitecustomize`, `usercustomize`: at every start of the interpreter."""
    IMPORT = "import"
    """Runs where the package itself is imported: its `__init__`, and what that imports or calls."""
    MODULE = "module"
    """Runs where a module that nothing else imports is imported."""
    CALL = "call"
    """Runs only where somebody calls it: bodies of functions, entry points."""
    NOTHING = "nothing"
    """Tests, documentation, examples: nothing of what is installed reaches it."""


class Sink(StrEnum):
    """What code can do that matters."""

    NETWORK = "network"
    PROCESS = "process"
    DYNAMIC = "dynamic"
    """exec, eval, compile, marshal.loads, import by a computed name."""
    CREDENTIALS = "credentials"
    """Paths of secrets: keys, tokens, browser and wallet stores."""
    PERSISTENCE = "persistence"
    """Start-up folders, shell profiles, units, cron, registry run keys."""
    NATIVE = "native"
    """Loads a library, or calls into memory that it made itself."""
    SITE = "site"
    """Writes into site-packages or other packages' code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One match of a static detector; `id` is a key of `analyzer.static.catalog.STATIC`."""

    id: str
    reach: str
    """A value of `Reach`; the severity is looked up by id and reach."""
    path: str
    line: int = 0
    """From 1; 0: the whole file."""
    excerpt: str = ""
    what: str = ""
    """A word out of the detector's closed vocabulary, at most 40 characters."""
    host: str = ""
    """A host name or address that stands beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticReport:
    """Everything that reading the files as code gave."""

    matches: tuple[Match, ...] = ()
    more: int = 0
    """Matches beyond MATCHES_MAX."""
    sinks: tuple[str, ...] = ()
    """`reach sink` pairs, sorted."""
    hosts: tuple[str, ...] = ()
    """Hosts in code that something reaches, sorted."""
    binaries: tuple[str, ...] = ()
    """Paths of executables and libraries by their first bytes, sorted."""
    entropy_milli: int = 0
    """The highest Shannon entropy of a long literal in reached code, thousandths of a bit a character."""
    code_bytes: int = 0
    """Bytes of all Python source."""
    files: int = 0
    """Python files read."""
    files_left: int = 0
    """Python files beyond a bound, of which only the first look was taken."""
    unparsed: int = 0
    """Python files that do not parse as Python 3 here."""
    cut: tuple[str, ...] = ()
    """Fields that were cut at their bound."""
