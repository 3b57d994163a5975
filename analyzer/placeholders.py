"""What differs between two runs, or between two releases, by chance alone: replaced by placeholders.

The same text always comes out the same, and what two runs make up (temporary names, process ids,
hashes) comes out alike. The price is that two names of one form are one name afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from analyzer.boxpaths import within
from analyzer.sandbox.layout import HOME

SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run/user")  # noqa: S108 - names in a box
"""Folders in which programs make up names: there every number, and what looks made up, is replaced."""
PATHS_MAX = 5_000
"""Different paths of one release that are looked into, at some 50 µs each; the rest is a flood."""
MORE = "<more>"
NUMBER_DIGITS_MIN = 5
"""Digits from which a number in any path counts as made up: times, large process ids."""
LABEL_CHARS_MIN = 24
"""Characters from which a label of a host name counts as data; real labels rarely reach 20."""
VERSION_CHARS_MIN = 3
"""Characters from which a version (`1.0`) is replaced wherever it stands; `1` only after the name."""

_UUID = re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])")
_HASH = re.compile(
    r"(?i)(?<![0-9a-z])(?:[0-9a-f]{16,}|(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,15})(?![0-9a-z])"
)
_PYTHON = re.compile(r"(?i)\b(python|pypy|cpython-|cp)[23](?:\.?\d{1,2})?(?!\d)(?:\.\d+)?")
_PID = re.compile(r"\A/proc/[0-9]+(?=/|\Z)")
_TEMPORARY = re.compile(r"(?<![A-Za-z0-9])(tmp|pymp-|cc)([a-z0-9_]{8}|[A-Za-z0-9]{6})(?=[./-]|\Z)")
_MADE_UP = re.compile(r"(?<=[-_.])(?:[a-z0-9_]{8}|(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{6,8})(?=[./]|\Z)")
"""What mkstemp(3) and Python's tempfile put behind a prefix: six of 62 characters, eight of 37."""
_BARE = re.compile(r"(?<=/)[a-z0-9_]{8}\Z")
"""The file by which Python's tempfile finds out where it may write has no prefix at all."""
_NUMBER = re.compile(r"\d+")
_LONG_NUMBER = re.compile(rf"\d{{{NUMBER_DIGITS_MIN},}}")
_DATA_LABEL = re.compile(rf"[0-9a-z_=+-]{{{LABEL_CHARS_MIN},}}\Z")


@dataclass(frozen=True)
class Placeholders:
    """Replaces for one release, known by its project and the version in its filename."""

    project: str
    version: str
    _known: dict[tuple[str, bool], str] = field(default_factory=dict, repr=False, compare=False)

    def path(self, path: str, *, fresh: bool = False) -> str:
        """An absolute path of a box; its home is `~`. `fresh`: made so that no other has the name.

        After PATHS_MAX different ones every further one is `<more>`.
        """
        known = self._known.get((path, fresh))
        if known is None:
            if len(self._known) >= PATHS_MAX:
                return MORE
            known = self._known[path, fresh] = self._path(path, fresh=fresh)
        return known

    def _path(self, path: str, *, fresh: bool) -> str:
        text = _PID.sub("/proc/<pid>", path)
        shared = within(text, *SHARED)
        if within(text, HOME):
            text = "~" + text[len(HOME) :]
        text = _PYTHON.sub(r"\1<python>", self._own_version(text))
        text = _TEMPORARY.sub(r"\1<random>", _UUID.sub("<random>", text))
        if fresh:
            text = _BARE.sub("<random>", text)
        if shared:
            text = _MADE_UP.sub("<random>", text)
        # Last, for a made-up name may happen to be one of hexadecimal digits.
        text = _HASH.sub("<hash>", text)
        return (_NUMBER if shared else _LONG_NUMBER).sub("<n>", text)

    def host(self, name: str) -> str:
        """A host name in lower case; labels that carry data rather than a name are one label."""
        labels = name.lower().rstrip(".").split(".")
        kept: list[str] = []
        for label in labels:
            text = _UUID.sub("<random>", label)
            text = "<data>" if _DATA_LABEL.match(text) else _HASH.sub("<hash>", text)
            if not (kept and text == kept[-1] and text.startswith("<")):
                kept.append(text)
        return ".".join(kept)

    def _own_version(self, text: str) -> str:
        return self._versions.sub(r"\1<version>", text) if self.version else text

    @cached_property
    def _versions(self) -> re.Pattern[str]:
        spelled = {self.version, *(self.version.replace(".", mark) for mark in "_-")}
        either = "|".join(re.escape(one) for one in sorted(spelled, key=len, reverse=True))
        name = "[-_.]".join(map(re.escape, re.split(r"[-_.]+", self.project)))
        before = rf"(?<![a-z0-9]){name}[-_.]v?"
        if len(self.version) >= VERSION_CHARS_MIN:
            before += r"|(?<![a-z0-9.])v?"
        return re.compile(rf"(?i)({before})(?:{either})(?![\w]|\.\d)")
