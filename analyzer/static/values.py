"""What is known of a value while code is read: a constant, a name of the outside, a mark of origin.

Standard library only: this runs in the reader box.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, Final

TEXT_CHARS_MAX = 400_000
"""Characters of a constant that is made while reading; droppers carry 200 KiB of base64."""
PARTS_MAX = 2000
"""Elements of a list or tuple that are followed."""


_BREADTHS = (0, 4, 10, 200)
"""Elements that are looked at for marks, by how deep may still be looked."""


class _Unknown:
    """Stands for a value that is not known."""

    __slots__ = ()


UNKNOWN: Final = _Unknown()


class Mark:
    """Where a value came from, or what was done to it: labels that flow along."""

    ENVIRON = "environ"
    """All of the environment."""
    VARIABLE = "variable"
    """One variable of it."""
    SECRET = "secret"  # noqa: S105 - a label
    """Content or path of a place where secrets lie, or a variable named like one."""
    TOKEN = "token"  # noqa: S105 - a label
    """A variable of the environment that is named like a secret."""
    HOST = "host"
    """Facts that tell one machine or person: host name, user, hardware address."""
    PLATFORM = "platform"
    """Facts that many machines share: system, version."""
    FILE = "file"
    DOWNLOAD = "download"
    DECODED = "decoded"
    """Came out of base64, zlib, a cipher or the like."""
    XORED = "xored"
    """Numbers after `^`: decoded, once they become a text."""
    MADE = "made"
    """Put together from pieces where one literal would do."""
    SCREEN = "screen"
    """Screen, clipboard, keyboard, microphone, camera."""
    OUTPUT = "output"
    """What another program printed."""
    PARAMETER = "parameter"
    SOCKET = "socket"
    """A connection, or its descriptor."""
    RESPONSE = "response"
    """Came over a bare socket."""
    DROPPED = "dropped"
    """A path to which downloaded bytes were written."""
    WRITTEN = "written"
    """A path to which code or decoded bytes were written."""
    TEMPORARY = "temporary"
    """A path in a temporary folder."""
    SITE = "site"
    """A path of installed packages."""
    START = "start"
    """A path of something that starts by itself."""
    INLINE = "inline"
    """`__import__` or getattr in the middle of an expression."""


NO_MARKS: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Value:
    """One value. Marks may grow later: a path that something is written to is then a dropped one."""

    const: Any = UNKNOWN
    exact: bool = True
    """False: `const` is a text in which some parts stand for what is not known."""
    name: str = ""
    """Dotted name of the outside that it is, or that made it: `os.system`, `requests.get()`."""
    marks: frozenset[str] = NO_MARKS
    node: ast.AST | None = None
    """The function, lambda or class of the artifact that it is."""
    home: Any = None
    """The module that `node` belongs to."""
    instance: bool = False
    """An instance of the class `node`, not the class."""
    parts: tuple[Value, ...] = ()
    """Elements of a list, tuple or set; values of a dict."""
    keys: tuple[Any, ...] = ()
    """Keys of a dict, where `parts` are its values."""
    path: Value | None = None
    """The path that an open file has."""
    hidden: bool = False
    """Its name was put together or looked up by text."""
    owner: Value | None = None
    """The instance that a bound method belongs to."""
    fields: dict[str, Value] = field(default_factory=dict)
    """Attributes that were set on an instance."""

    @property
    def known(self) -> bool:
        """Whether it is a constant, exactly."""
        return self.exact and self.const is not UNKNOWN

    @property
    def text(self) -> str:
        """The text it holds, as far as it is known; bytes as Latin-1."""
        if isinstance(self.const, str):
            return self.const
        if isinstance(self.const, bytes):
            return self.const.decode("latin-1")
        return ""

    def add(self, marks: frozenset[str]) -> None:
        """Mark it, wherever it is held."""
        self.marks |= marks


def constant(value: Any, *, exact: bool = True, marks: frozenset[str] = NO_MARKS) -> Value:
    """A constant; unknown where it is longer than the bound."""
    if isinstance(value, str | bytes) and len(value) > TEXT_CHARS_MAX:
        return Value(marks=marks)
    return Value(const=value, exact=exact, marks=marks)


def all_marks(*values: Value | None, depth: int = 3) -> frozenset[str]:
    """The marks of values and of what they hold: less and less of it the deeper it lies."""
    found: set[str] = set()
    breadth = _BREADTHS[depth]
    for value in values:
        if value is None:
            continue
        found |= value.marks
        if depth and value.parts:
            found |= all_marks(*value.parts[:breadth], depth=depth - 1)
        if depth and value.fields:
            found |= all_marks(*list(value.fields.values())[:breadth], depth=depth - 1)
    return frozenset(found)


def joined(one: Value, other: Value) -> Value:
    """Either of two values: what a branch leaves behind."""
    if one is other:
        return one
    kept = other if other.const is not UNKNOWN or other.name or other.node else one
    return Value(
        const=kept.const,
        exact=kept.exact and one.const == other.const if _plain(one, other) else False,
        name=kept.name,
        marks=one.marks | other.marks,
        node=kept.node,
        home=kept.home,
        instance=kept.instance,
        parts=kept.parts or one.parts,
        keys=kept.keys,
        path=kept.path or one.path,
        hidden=kept.hidden,
        owner=kept.owner,
        fields=kept.fields,
    )


def _plain(one: Value, other: Value) -> bool:
    plain = (str, bytes, int, float, type(None))
    return isinstance(one.const, plain) and isinstance(other.const, plain)
