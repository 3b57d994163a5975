"""Where code is while it is read: events that it gives, frames of names, modules of the artifact."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from analyzer.static.result import Reach
from analyzer.static.values import NO_MARKS, Value

ORDER = {reach: index for index, reach in enumerate(Reach)}
"""Rank of each reach, the most eager first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One act that the code would do, if it ran."""

    kind: str
    """A value of `Sink`, or `write`, `place`, `import`, `host`."""
    name: str
    """Dotted name of what is called; for `place` the kind of place, for `host` the host."""
    path: str
    line: int
    reach: Reach
    marks: frozenset[str] = NO_MARKS
    """Marks of everything it is given."""
    target: frozenset[str] = NO_MARKS
    """Of a `write`: marks of the path alone."""
    text: str = ""
    """Texts that it is given, as far as they are known, cut."""
    hidden: bool = False
    """The name was put together, or looked up by a text that was."""
    scope: str = ""
    """The function it stands in; empty at the top of a module."""
    options: frozenset[str] = frozenset()
    """Names of keyword arguments."""


@dataclass(slots=True, eq=False)
class Module:
    """One source file as a module."""

    name: str
    """Dotted; empty where it is none that can be imported."""
    path: str
    reach: Reach
    data: bytes
    package: str = ""
    tree: ast.Module | None = None
    frame: Frame | None = None
    """Its names, once it was run."""
    functions: list[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, Frame]] = field(
        default_factory=list
    )
    """Functions that were met, with the frame they were defined in."""
    ran: set[int] = field(default_factory=set)
    """Ids of functions that something called."""
    places: bool = True
    """Whether constants are looked up among secret and start-up places."""


@dataclass(slots=True, eq=False)
class Frame:
    """Names in force, what reaches the code, and how deep calls are nested."""

    module: Module
    reach: Reach
    names: dict[str, Value] = field(default_factory=dict)
    parent: Frame | None = None
    scope: str = ""
    depth: int = 0
    branches: int = 0
    """In how many branches we are: what is assigned there may also not be."""
    returned: list[Value] = field(default_factory=list)
    outer: set[str] = field(default_factory=set)
    """Names declared global or nonlocal."""
    hold: bool = False
    """A class body."""

    def find(self, name: str) -> Value | None:
        """The value of a name, through the enclosing frames; class bodies are not seen from within."""
        frame: Frame | None = self
        first = True
        while frame is not None:
            if name in frame.names and (first or not frame.hold):
                return frame.names[name]
            frame, first = frame.parent, False
        return None

    def top(self) -> Frame:
        """The module's frame."""
        frame = self
        while frame.parent is not None:
            frame = frame.parent
        return frame
