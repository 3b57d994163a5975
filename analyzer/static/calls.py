"""Calls read as the interpreter would make them: into the artifact's functions, or to the outside."""

from __future__ import annotations

import ast
from abc import abstractmethod

from analyzer.static.expressions import Expressions
from analyzer.static.folding import fold_call, fold_method
from analyzer.static.frames import Event, Frame
from analyzer.static.names import source_of
from analyzer.static.result import Sink
from analyzer.static.values import (
    NO_MARKS,
    UNKNOWN,
    Mark,
    Value,
    all_marks,
    constant,
)

CALL_DEPTH_MAX = 14
"""Calls into the artifact's functions that are followed into one another."""
CALLS_MAX = 1500
"""Calls into functions of one artifact that are followed."""
NESTED_MAX = 5
"""Code in texts in code in texts."""
LEAF_CHARS_MIN = 5
"""Characters of a file's name from which on a command that names it is taken to mean it."""
TEXT_SHOWN_MAX = 4000
"""Characters of an event's texts that detectors search."""
_WRITE_MODES = frozenset("wax+")
_WRITERS = frozenset({"write", "writelines", "write_text", "write_bytes"})
_READERS = frozenset({"read", "readlines", "readline", "read_text", "read_bytes"})
_COPIES = frozenset(
    {
        *("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.move", "shutil.copyfileobj"),
        *("shutil.copytree", "os.rename", "os.replace", "os.symlink", "os.link"),
    }
)
_RETRIEVES = frozenset({"urllib.request.urlretrieve", "urllib.urlretrieve", "wget.download"})
_OPENERS = frozenset(
    {"builtins.open", "io.open", "codecs.open", "os.open", "os.fdopen", "aiofiles.open"}
)
_EXECS = frozenset({"builtins.exec", "builtins.eval", "builtins.execfile"})
DECODED = frozenset({Mark.DECODED})
_SPREAD = "**"
"""The name under which keyword arguments stand whose names are not known."""
_BESIDE = frozenset(
    {"**", "cwd", "env", "stdout", "stderr", "timeout", "encoding", "context", "verify"}
)
"""Keyword arguments that are not what is run or sent."""
_REGISTRY = frozenset({"winreg.SetValueEx", "winreg.SetValue", "_winreg.SetValueEx"})


class Arguments:
    """The arguments of one call, evaluated."""

    __slots__ = ("names", "positional", "rest")

    def __init__(self, positional: list[Value], names: dict[str, Value], rest: list[Value]) -> None:
        self.positional = positional
        self.names = names
        self.rest = rest
        """What `*` and `**` spread."""

    def all(self) -> list[Value]:
        """Every argument."""
        return [*self.positional, *self.names.values(), *self.rest]

    def get(self, index: int, *names: str) -> Value | None:
        """An argument by place or name."""
        if index < len(self.positional):
            return self.positional[index]
        return next((self.names[name] for name in names if name in self.names), None)


class Calls(Expressions):
    """Evaluates calls: notes events, follows functions of the artifact, folds those of the library."""

    calls_left: int
    events: list[Event]
    written: dict[str, frozenset[str]]
    """Texts of paths that something was written to → DROPPED or WRITTEN."""

    @abstractmethod
    def run_function(self, value: Value, arguments: Arguments | None, frame: Frame) -> Value:
        """Follow a function, lambda or class of the artifact."""

    @abstractmethod
    def run_text(self, text: str, frame: Frame, node: ast.AST) -> None:
        """Read code that stands in a text, as if it stood here."""

    @abstractmethod
    def run_setup(self, arguments: Arguments, frame: Frame) -> None:
        """`setup(...)` of setuptools or distutils: its command classes act."""

    @abstractmethod
    def module_value(self, name: str, frame: Frame) -> Value:
        """What importing a module by a name gives."""

    @abstractmethod
    def outside(
        self, node: ast.Call, function: Value, method: str, arguments: Arguments, frame: Frame
    ) -> Value:
        """A call to what is not of the artifact."""

    @abstractmethod
    def written_to(
        self,
        node: ast.AST,
        target: Value,
        marks: frozenset[str],
        values: list[Value],
        frame: Frame,
    ) -> None:
        """Content goes into a path."""

    def note(
        self,
        kind: str,
        name: str,
        node: ast.AST,
        frame: Frame,
        values: list[Value],
        *,
        hidden: bool = False,
        options: frozenset[str] = NO_MARKS,
        extra: str = "",
        target: frozenset[str] = NO_MARKS,
    ) -> None:
        """Note an event."""
        texts = [extra] if extra else []
        for value in values:
            texts += texts_of(value, 2)
        marks = all_marks(*values)
        if kind in (Sink.PROCESS, Sink.NATIVE) and self.written:
            for path, mark in self.written.items():
                if any(path in text for text in texts):
                    marks |= mark
        self.events.append(
            Event(
                kind=kind,
                name=name,
                path=frame.module.path,
                line=getattr(node, "lineno", 0),
                reach=frame.reach,
                marks=marks,
                target=target,
                text=" ".join(texts)[:TEXT_SHOWN_MAX],
                hidden=hidden,
                scope=frame.scope,
                options=options,
            )
        )

    def call(self, node: ast.Call, frame: Frame) -> Value:
        """A call: its function, then its arguments, then what it does."""
        function = self.value(node.func, frame)
        arguments = self._arguments(node, frame)
        if function.node is not None:
            return self.run_function(function, arguments, frame)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        folded = self._fold(function, method, arguments)
        if folded is not None:
            self.charge(folded.const)
            text = isinstance(folded.const, str | bytes) and len(folded.const) > 3
            if not function.name.startswith(("os.path.", "builtins.str")) and text:
                folded.add(frozenset({Mark.MADE}))
            return self.seen(folded, node, frame) if text else folded
        return self.outside(node, function, method, arguments, frame)

    def _arguments(self, node: ast.Call, frame: Frame) -> Arguments:
        positional: list[Value] = []
        names: dict[str, Value] = {}
        rest: list[Value] = []
        for argument in node.args:
            value = self.value(argument, frame)
            if isinstance(argument, ast.Starred):
                known = value.parts and not value.keys
                (positional.extend(value.parts) if known else rest.append(value))
            else:
                positional.append(value)
        for keyword in node.keywords:
            value = self.value(keyword.value, frame)
            if keyword.arg is not None:
                names[keyword.arg] = value
            elif value.keys:
                names |= {
                    str(key): part for key, part in zip(value.keys, value.parts, strict=False)
                }
            else:
                names[_SPREAD] = value
        return Arguments(positional, names, rest)

    def _fold(self, function: Value, method: str, arguments: Arguments) -> Value | None:
        """The constant that a call gives; None where it cannot be worked out."""
        if arguments.rest:
            return None
        values = arguments.all()
        owner = function.owner
        if (
            function.name == "builtins.map"
            and len(values) == 2
            and isinstance(values[1].const, str | bytes | list)
        ):
            self.charge(values[1].const)
            made = [fold_call(values[0].name, [item], {}) for item in list(values[1].const)[:4000]]
            if made and all(item is not UNKNOWN for item in made):
                return constant(made, marks=all_marks(*values) | source_of(f"{values[0].name}()"))
            return None
        if not all(value.known for value in values):
            return None
        args = [value.const for value in arguments.positional]
        kwargs = {name: value.const for name, value in arguments.names.items()}
        marks = all_marks(*values)
        if owner is not None and owner.known and method:
            const = fold_method(owner.const, method, args, kwargs)
            marks |= owner.marks
        elif function.name:
            const = fold_call(function.name, args, kwargs)
            marks |= source_of(f"{function.name}()") | plain_again(function.name, marks)
        else:
            return None
        if const is UNKNOWN:
            return None
        result = constant(const, marks=marks)
        if function.name.startswith("pathlib."):
            result.name = "pathlib.Path()"
        return result

    def act(
        self, sink: Sink, node: ast.Call, function: Value, arguments: Arguments, frame: Frame
    ) -> None:
        """A sink is called: note it, and read the code that it is given as text."""
        name = function.name
        values = [
            *arguments.positional,
            *(value for key, value in arguments.names.items() if key not in _BESIDE),
            *arguments.rest,
        ]
        if function.owner is not None and sink is Sink.NETWORK:
            values = [*values, function.owner]
        self.note(
            sink,
            name,
            node,
            frame,
            values,
            hidden=function.hidden,
            options=frozenset(arguments.names),
        )
        if name in _RETRIEVES and len(arguments.positional) > 1:
            self.written_to(node, arguments.positional[1], frozenset({Mark.DOWNLOAD}), [], frame)
        first = arguments.get(0, "args", "source", "cmd", "command")
        if (
            name in _EXECS
            and first is not None
            and first.known
            and isinstance(first.const, str | bytes)
        ):
            self.run_text(first.text, frame, node)
        if sink is Sink.PROCESS:
            code = _inline_code(first)
            if code:
                self.run_text(code, frame, node)

    def call_back(self, values: list[Value], frame: Frame) -> None:
        """Functions that are handed to somebody who calls them; a Thread's arguments go along."""
        handed = [value for value in values if value.node is not None]
        others = [value for value in values if value.node is None]
        spread = [part for value in others for part in (value.parts or (value,))]
        for value in handed:
            self.run_function(value, Arguments(spread[:10], {}, []) if spread else None, frame)


def looks_like_code(text: str) -> bool:
    """Whether a text is Python, batch, PowerShell or shell: cheap signs at its beginning."""
    head = text[:3000]
    if len(head) < 12:
        return False
    signs = (
        "import ",
        "exec(",
        "@echo off",
        "powershell",
        "#!/",
        "Invoke-",
        "def ",
        "CreateObject(",
        "urlopen",
    )
    return any(sign in head for sign in signs)


def plain_again(name: str, marks: frozenset[str]) -> frozenset[str]:
    """What becomes of numbers after `^` when they are made a text: the cipher of those who want none."""
    made = name in ("builtins.bytes", "builtins.bytearray", "builtins.chr", "builtins.map")
    return DECODED if made and Mark.XORED in marks else NO_MARKS


def texts_of(value: Value, depth: int) -> list[str]:
    """The texts that a value holds, as far as they are known, cut at TEXT_SHOWN_MAX in all."""
    if value.text:
        return [value.text[:TEXT_SHOWN_MAX]]
    if depth and value.parts:
        found: list[str] = []
        for part in value.parts[:60]:
            found += texts_of(part, depth - 1)
            if sum(map(len, found)) > TEXT_SHOWN_MAX:
                break
        return found
    if isinstance(value.const, list):
        return [item[:500] for item in value.const[:60] if isinstance(item, str)]
    return [f"<{value.name}>"] if value.name in ("sys.executable", "__file__") else []


def _inline_code(first: Value | None) -> str:
    """The text behind `python -c` in a command; empty where there is none."""
    if first is None or len(first.parts) < 3:
        return ""
    for index, part in enumerate(first.parts[:-1]):
        if part.text == "-c" and index:
            code = first.parts[index + 1]
            return code.text if code.known else ""
    return ""
