"""Calls to the outside: what they do, what they give, and what they leave behind."""

from __future__ import annotations

import ast
from collections.abc import Callable

from analyzer.static.calls import Arguments, Calls, looks_like_code, texts_of
from analyzer.static.commands import ASKS_FACTS
from analyzer.static.expressions import element, variable
from analyzer.static.frames import Frame
from analyzer.static.names import CALLERS, WATCHED, sink_of, source_of
from analyzer.static.result import Sink
from analyzer.static.values import NO_MARKS, Mark, Value, all_marks, constant

LEAF_CHARS_MIN = 5
"""Characters of a file's name from which on a command that names it is taken to mean it."""
HELD_MAX = 200
"""Elements that a list takes on by append and its like."""
_WRITE_MODES = frozenset("wax+")
_WRITERS = frozenset({"write", "writelines", "write_text", "write_bytes"})
_READERS = frozenset({"read", "readlines", "readline", "read_text", "read_bytes"})
_GROWERS = frozenset({"append", "extend", "add", "insert", "update", "setdefault", "put"})
_SHAPERS = frozenset({"format", "join", "replace", "lower", "strip", "encode", "decode"})
_PATHS = ("os.path.", "pathlib.", "posixpath.", "ntpath.")

Special = Callable[["Outside", ast.Call, Value, Arguments, Frame], Value | None]


class Outside(Calls):
    """Evaluates calls to what is not of the artifact."""

    def outside(
        self, node: ast.Call, function: Value, method: str, arguments: Arguments, frame: Frame
    ) -> Value:
        """A call by name: notes what it does, and gives what it returns."""
        special = _SPECIAL.get(function.name)
        if special is not None and arguments.positional:
            given = special(self, node, function, arguments, frame)
            if given is not None:
                return given
        if function.name in _SETUPS:
            self.run_setup(arguments, frame)
            return Value()
        values = arguments.all()
        self._effects(node, function, arguments, values, frame)
        marks = all_marks(*values) | function.marks | all_marks(function.owner)
        if method in _GROWERS and function.owner is not None:
            _grow(function.owner, values)
        if method in _WRITERS:
            self._write(node, function, values, frame)
        shaped = self._shaped(node, function, method, arguments, marks, frame)
        return shaped if shaped is not None else _given(function, method, values, marks)

    def _effects(
        self,
        node: ast.Call,
        function: Value,
        arguments: Arguments,
        values: list[Value],
        frame: Frame,
    ) -> None:
        name = function.name
        if not name:
            return
        sink = sink_of(name)
        if sink is not None:
            self.act(sink, node, function, arguments, frame)
        elif WATCHED.match(name):
            owner = [function.owner] if function.owner is not None else []
            self.note("act", name, node, frame, [*values, *owner])
            if name.endswith("extractall") and Mark.DROPPED in all_marks(*owner) and values:
                values[0].add(frozenset({Mark.DROPPED}))
        if CALLERS.match(name):
            self.call_back(values, frame)

    def _shaped(
        self,
        node: ast.Call,
        function: Value,
        method: str,
        arguments: Arguments,
        marks: frozenset[str],
        frame: Frame,
    ) -> Value | None:
        """Texts and paths that are known in part; None where the call makes none."""
        receiver = function.owner
        if receiver is not None and receiver.text and method in _SHAPERS:
            pieces = [receiver.text] if method != "join" else []
            for value in arguments.all():
                pieces += texts_of(value, 2)
            return self.seen(
                constant(" ".join(pieces)[:10_000], exact=False, marks=marks), node, frame
            )
        if not function.name.startswith(_PATHS) or method in _READERS | _WRITERS:
            return None
        text = "/".join(value.text or "*" for value in arguments.positional)
        if receiver is not None and receiver.text and method in ("joinpath", "with_name"):
            text = f"{receiver.text}/{text}"
        if function.name == "pathlib.Path.home":
            text = "~"
        made = constant(text[:2000], exact=False, marks=marks | source_of(f"{function.name}()"))
        made.name = "pathlib.Path()" if function.name.startswith("pathlib.") else ""
        return self.seen(made, node, frame) if len(text) > 3 else made

    # -- files ---------------------------------------------------------------------------------

    def open_file(self, node: ast.Call, name: str, arguments: Arguments, frame: Frame) -> Value:
        """`open(path, mode)`: a file that remembers its path."""
        target = arguments.positional[0]
        mode = arguments.get(1, "mode")
        if Mark.SECRET in target.marks:
            self.note("read", "", node, frame, [target])
        if mode is not None and _WRITE_MODES & set(mode.text):
            self.written_to(node, target, NO_MARKS, [], frame)
        kept = {Mark.SECRET, Mark.DROPPED, Mark.WRITTEN, Mark.START, Mark.SITE}
        return Value(name=f"{name}()", marks=(target.marks & kept) | {Mark.FILE}, path=target)

    def _write(self, node: ast.Call, function: Value, values: list[Value], frame: Frame) -> None:
        """`file.write(content)`, `path.write_bytes(content)`; not the writing of other objects."""
        owner, temporary = function.owner, function.name.startswith("tempfile.")
        if function.path is not None:
            target = function.path
        elif temporary or (owner is not None and owner.name.startswith("pathlib.")):
            target = owner or Value()
        else:
            return
        self.written_to(node, target, all_marks(*values), values, frame)

    def written_to(
        self,
        node: ast.AST,
        target: Value,
        marks: frozenset[str],
        values: list[Value],
        frame: Frame,
    ) -> None:
        """Content goes into a path: the path is marked, and what is written is noted."""
        code = any(looks_like_code(text) for value in values for text in texts_of(value, 1))
        grown = set()
        if marks & {Mark.DOWNLOAD, Mark.RESPONSE, Mark.DROPPED}:
            grown.add(Mark.DROPPED)
        if code or Mark.DECODED in marks:
            grown.add(Mark.WRITTEN)
        target.add(frozenset(grown))
        leaf = target.text.replace("\\", "/").rpartition("/")[2]
        if grown and len(leaf) >= LEAF_CHARS_MIN and "*" not in leaf and len(self.written) < 100:
            self.written[leaf] = self.written.get(leaf, NO_MARKS) | grown
        for value in values if code else ():
            if value.known and isinstance(value.const, str | bytes):
                self.run_text(value.text, frame, node)
        kind = "code" if code else ""
        self.note(
            "write",
            kind,
            node,
            frame,
            [target, *values],
            extra=target.text[:300],
            target=target.marks,
        )


def _grow(owner: Value, values: list[Value]) -> None:
    owner.add(all_marks(*values))
    if len(owner.parts) < HELD_MAX and not owner.keys and values:
        owner.parts = (*owner.parts, values[-1])


def _given(function: Value, method: str, values: list[Value], marks: frozenset[str]) -> Value:
    """What a call gives, by its name and by what it was given."""
    name = function.name
    result = Value(name=f"{name}()" if name else "", marks=marks, path=function.path)
    if name:
        result.add(source_of(result.name))
    if (
        Mark.OUTPUT in result.marks
        and values
        and ASKS_FACTS.match(" ".join(texts_of(values[0], 1)))
    ):
        result.add(frozenset({Mark.HOST}))
    if name == "builtins.map" and values and values[0].name == "builtins.chr":
        result.add(frozenset({Mark.DECODED}))
    if method in _READERS and function.path is not None:
        result.add(function.path.marks & {Mark.SECRET, Mark.DROPPED} | {Mark.FILE})
    return result


# -- calls that mean more than a call ------------------------------------------------------------


def _import(
    self: Outside, node: ast.Call, function: Value, arguments: Arguments, frame: Frame
) -> Value:
    first = arguments.positional[0]
    if not isinstance(first.const, str) or not first.exact:
        self.note("import", function.name, node, frame, [first], hidden=function.hidden)
        return Value(marks=first.marks)
    found = self.module_value(first.const.lstrip("."), frame)
    return Value(
        name=found.name,
        node=found.node,
        home=found.home,
        hidden=Mark.MADE in first.marks or function.hidden,
        marks=found.marks | {Mark.INLINE},
    )


def _getattr(
    self: Outside, node: ast.Call, _: Value, arguments: Arguments, frame: Frame
) -> Value | None:
    if len(arguments.positional) < 2:
        return None
    base, name = arguments.positional[:2]
    if isinstance(name.const, str) and name.exact:
        return self.attribute(base, name.const, hidden=Mark.MADE in name.marks)
    # Who asks for a builtin by a sum or a slice hides which; a plain variable is a loop's.
    computed = len(node.args) > 1 and isinstance(node.args[1], ast.BinOp | ast.Subscript)
    if base.name == "builtins" and computed:
        self.note(Sink.DYNAMIC, "builtins.?", node, frame, [], hidden=True)
    return Value(marks=base.marks, name=f"{base.name}.?" if base.name else "")


def _namespace(
    _: Outside, __: ast.Call, function: Value, arguments: Arguments, ___: Frame
) -> Value:
    first = arguments.positional[0]
    return Value(name=f"{first.name}.__dict__" if first.name else f"{function.name}()")


def _variable(
    _: Outside, __: ast.Call, ___: Value, arguments: Arguments, ____: Frame
) -> Value | None:
    text = arguments.positional[0].text
    return variable(text) if text else None


def _home(_: Outside, __: ast.Call, ___: Value, arguments: Arguments, ____: Frame) -> Value | None:
    first = arguments.positional[0]
    return Value(const=first.const, exact=False, marks=first.marks) if first.text else None


def _opens(
    self: Outside, node: ast.Call, function: Value, arguments: Arguments, frame: Frame
) -> Value:
    return self.open_file(node, function.name, arguments, frame)


def _same(_: Outside, __: ast.Call, ___: Value, arguments: Arguments, ____: Frame) -> Value:
    return arguments.positional[0]


def _one_of(_: Outside, __: ast.Call, ___: Value, arguments: Arguments, ____: Frame) -> Value:
    return element(arguments.positional[0])


def _partial(_: Outside, __: ast.Call, ___: Value, arguments: Arguments, ____: Frame) -> Value:
    first = arguments.positional[0]
    marks = all_marks(*arguments.all())
    return Value(
        name=first.name, node=first.node, home=first.home, marks=marks, hidden=first.hidden
    )


def _compile(_: Outside, __: ast.Call, function: Value, arguments: Arguments, ___: Frame) -> Value:
    # The same text, compiled: what exec is given is still that text.
    first = arguments.positional[0]
    return Value(const=first.const, exact=first.exact, marks=first.marks, hidden=function.hidden)


def _copy(
    self: Outside, node: ast.Call, _: Value, arguments: Arguments, frame: Frame
) -> Value | None:
    if len(arguments.positional) < 2:
        return None
    source, target = arguments.positional[:2]
    kept = {Mark.DOWNLOAD, Mark.DECODED, Mark.DROPPED, Mark.SECRET, Mark.RESPONSE}
    self.written_to(node, target.path or target, all_marks(source) & kept, [source], frame)
    return Value(marks=target.marks)


def _registry(
    self: Outside, node: ast.Call, function: Value, arguments: Arguments, frame: Frame
) -> None:
    self.note("registry", function.name, node, frame, arguments.all())


_BY_FUNCTION: tuple[tuple[Special, str], ...] = (
    (_import, "builtins.__import__ importlib.import_module"),
    (_getattr, "builtins.getattr"),
    (_namespace, "builtins.vars"),
    (_variable, "os.getenv os.environ.get os.environ.pop os.environ.setdefault"),
    (_home, "os.path.expanduser"),
    (_opens, "builtins.open io.open codecs.open os.open aiofiles.open"),
    (_same, "builtins.staticmethod builtins.classmethod builtins.property functools.wraps()"),
    (_one_of, "builtins.next builtins.iter random.choice"),
    (_partial, "functools.partial"),
    (_compile, "builtins.compile"),
    (
        _copy,
        "shutil.copy shutil.copy2 shutil.copyfile shutil.move shutil.copyfileobj shutil.copytree",
    ),
    (_copy, "os.rename os.replace os.symlink os.link"),
    (_registry, "winreg.SetValueEx winreg.SetValue _winreg.SetValueEx"),
)
_SPECIAL: dict[str, Special] = {
    name: function for function, names in _BY_FUNCTION for name in names.split()
}
_SETUPS = frozenset(
    ["setuptools.setup", "distutils.core.setup", "numpy.distutils.core.setup", "skbuild.setup"]
)
