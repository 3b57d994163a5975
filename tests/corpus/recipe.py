"""What a recipe is: one variant of one technique, as files, and the benign twin it comes with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from models.phase import Phase

THE_ACT = "THE_ACT"
"""In a file's text: becomes `_reenact` in the re-enactment and `_honest` in the twin."""
THE_MODULE = "THE_MODULE"
"""In paths and texts: becomes the import name, such as `reenact_t05_post_json`."""
THE_PROJECT = "THE_PROJECT"
"""In paths and texts: becomes the project's name, such as `reenact-t05-post-json`."""
VERSION = "1.0"

Content = str | bytes
Pack = Callable[[Mapping[str, bytes]], bytes]
"""From members (path → bytes, RECORD or PKG-INFO included) to an archive."""


class Kind(StrEnum):
    """Which archive the files become."""

    WHEEL = "wheel"
    SDIST = "sdist"


class Channel(StrEnum):
    """What carries it out of the process, or what else it uses."""

    NONE = "none"
    """Files only."""
    HTTP = "http"
    HTTPS = "https"
    TCP = "tcp"
    UDP = "udp"
    DNS = "dns"
    PROCESS = "process"
    """Another program does it: curl, a shell, a second interpreter."""
    SERVER = "server"
    """It listens, or talks to something that it listens with itself."""
    MEMORY = "memory"
    """Through memory, file descriptors or native code, past Python's own modules."""


class Encoding(StrEnum):
    """What the data, or the payload, is wrapped in."""

    NONE = "none"
    PLAIN = "plain"
    HEX = "hex"
    BASE64 = "base64"
    BASE32 = "base32"
    URL = "url"
    JSON = "json"
    GZIP = "gzip"
    ZLIB = "zlib"
    XOR = "xor"
    REVERSED = "reversed"
    PIECES = "pieces"
    """Sent in several parts."""
    LABELS = "labels"
    """The labels of a host name."""
    ARCHIVE = "archive"
    """A zip or tar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One variant. See README.md for the rules, which `rules.violations` checks."""

    technique: str
    """`T01` to `T34` (the table in README.md)."""
    name: str
    """What tells this variant from the others of its technique: small letters, digits and `-`."""
    phase: Phase
    """The phase in which it acts."""
    channel: Channel
    encoding: Encoding
    files: Mapping[str, Content]
    """Path in the archive → text or bytes, with THE_ACT, THE_MODULE and THE_PROJECT in it."""
    twin_does: str
    """What the twin does in place of the act, as a verb phrase: `reads its own settings`."""
    kind: Kind = Kind.WHEEL
    requires: tuple[str, ...] = ()
    """Requires-Dist lines, of projects in `beside`."""
    beside: Mapping[str, Mapping[str, Content]] = field(default_factory=dict)
    """Project (`reenact-…`) → files of a wheel that is installed with it, THE_ACT and all."""
    twin_files: Mapping[str, Content] = field(default_factory=dict)
    """Files of the twin that differ by more than THE_ACT; paths are those of `files`."""
    pack: Pack | None = None
    """Makes the re-enactment's archive, where an ordinary one would not do."""
    twin_pack: Pack | None = None
    weak: bool = False
    """Honest packages do this too, so to be noticed (MONITOR, with a finding) is enough."""

    @property
    def project(self) -> str:
        """Of the re-enactment and of its twin: a name must not tell them apart."""
        return f"reenact-{self.technique.lower()}-{self.name}"

    @property
    def module(self) -> str:
        """The import name."""
        return self.project.replace("-", "_")

    @property
    def filename(self) -> str:
        """Of the archive."""
        ending = "-py3-none-any.whl" if self.kind is Kind.WHEEL else ".tar.gz"
        return f"{self.module}-{VERSION}{ending}"
