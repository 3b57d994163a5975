"""Statements read as the interpreter would run them: bindings, branches, loops, imports."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from analyzer.static.calls import CALL_DEPTH_MAX
from analyzer.static.expressions import Enough, element
from analyzer.static.frames import ORDER, Frame, Module
from analyzer.static.names import source_of
from analyzer.static.outside import Outside
from analyzer.static.result import Reach
from analyzer.static.values import Value, all_marks, joined

_ALIASES = {
    "urllib2": "urllib",
    "six.moves.urllib": "urllib",
    "cPickle": "pickle",
    "_pickle": "pickle",
    "builtins": "builtins",
    "__builtin__": "builtins",
    "posix": "os",
    "nt": "os",
    "future.moves.urllib": "urllib",
}
_STARS: Mapping[str, tuple[str, ...]] = {
    "os": ("system", "popen", "environ", "getlogin", "getcwd", "startfile", "path"),
    "subprocess": ("Popen", "run", "call", "check_output", "check_call", "getoutput", "PIPE"),
    "socket": ("socket", "gethostname", "gethostbyname", "AF_INET", "SOCK_STREAM"),
    "requests": ("get", "post", "put", "Session"),
    "urllib.request": ("urlopen", "urlretrieve", "Request"),
    "base64": ("b64decode", "b64encode", "b32decode", "b85decode"),
    "ctypes": ("windll", "CDLL", "cdll", "WinDLL"),
    "setuptools": ("setup", "find_packages", "Command", "Extension"),
    "distutils.core": ("setup", "Command", "Extension"),
    "zlib": ("decompress",),
    "marshal": ("loads",),
    "cryptography.fernet": ("Fernet",),
    "getpass": ("getuser",),
    "platform": ("node", "uname", "system"),
}
"""What matters of modules that are imported with a star."""


class Statements(Outside):
    """Runs statements. What functions and classes mean is for those who build on it."""

    modules: dict[str, Module]

    def __init__(self) -> None:
        super().__init__()
        self._running = 0
        self._run: dict[type[ast.AST], Callable[[Any, Frame], None]] = {
            ast.Expr: self._expression,
            ast.Assign: self._assign,
            ast.AnnAssign: self._annotated,
            ast.AugAssign: self._augmented,
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
            ast.FunctionDef: self.define_function,
            ast.AsyncFunctionDef: self.define_function,
            ast.ClassDef: self.define_class,
            ast.Return: self._return,
            ast.If: self._if,
            ast.For: self._for,
            ast.AsyncFor: self._for,
            ast.While: self._while,
            ast.With: self._with,
            ast.AsyncWith: self._with,
            ast.Try: self._try,
            ast.Global: self._outer,
            ast.Nonlocal: self._outer,
            ast.Raise: lambda node, frame: self.values((node.exc,), frame),
            ast.Assert: lambda node, frame: self.values((node.test, node.msg), frame),
            ast.Match: self._match,
        }
        if hasattr(ast, "TryStar"):
            self._run[ast.TryStar] = self._try

    @abstractmethod
    def run_module(self, module: Module, reach: Reach) -> None:
        """Run a module's top level, once."""

    @abstractmethod
    def define_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> None:
        """A function's definition."""

    @abstractmethod
    def define_class(self, node: ast.ClassDef, frame: Frame) -> None:
        """A class's definition: its body runs."""

    def block(self, body: Iterable[ast.stmt], frame: Frame) -> None:
        """Run statements. Raises Enough where the work is spent."""
        for statement in body:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise Enough
            function = self._run.get(type(statement))
            if function is not None:
                function(statement, frame)

    # -- simple statements ---------------------------------------------------------------------

    def values(self, nodes: Iterable[ast.AST | None], frame: Frame) -> None:
        """Evaluate expressions for what they do."""
        for node in nodes:
            if node is not None:
                self.value(node, frame)

    def _expression(self, node: ast.Expr, frame: Frame) -> None:
        if not isinstance(node.value, ast.Constant):
            self.value(node.value, frame)

    def _assign(self, node: ast.Assign, frame: Frame) -> None:
        value = self.value(node.value, frame)
        for target in node.targets:
            self.bind(target, value, frame)

    def _annotated(self, node: ast.AnnAssign, frame: Frame) -> None:
        if node.value is not None:
            self.bind(node.target, self.value(node.value, frame), frame)

    def _augmented(self, node: ast.AugAssign, frame: Frame) -> None:
        both = ast.BinOp(
            left=node.target, op=node.op, right=node.value, lineno=node.lineno, col_offset=0
        )
        self.bind(node.target, self.value(both, frame), frame)

    def bind(self, target: ast.AST, value: Value, frame: Frame) -> None:
        """Bind a name, attribute, subscript or a pattern of them."""
        match target:
            case ast.Name(id=name):
                self.set_name(name, value, frame)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                spread = len(value.parts) == len(targets) and not value.keys
                for index, part in enumerate(targets):
                    self.bind(part, value.parts[index] if spread else element(value), frame)
            case ast.Starred(value=inner):
                self.bind(inner, value, frame)
            case ast.Attribute(value=base, attr=name):
                owner = self.value(base, frame)
                if owner.instance or owner.node is not None:
                    old = owner.fields.get(name)
                    owner.fields[name] = joined(old, value) if old else value
                else:
                    owner.add(all_marks(value))
            case ast.Subscript(value=base):
                self.values((target.slice,), frame)
                owner = self.value(base, frame)
                owner.add(all_marks(value))
                if len(owner.parts) < 200 and not owner.keys:
                    owner.parts = (*owner.parts, value)
            case _:
                pass

    def set_name(self, name: str, value: Value, frame: Frame) -> None:
        """Bind a name; in a branch, to either of what it was and what it is."""
        place = frame.top() if name in frame.outer else frame
        old = place.names.get(name)
        place.names[name] = joined(old, value) if old is not None and frame.branches else value

    def _outer(self, node: ast.Global | ast.Nonlocal, frame: Frame) -> None:
        frame.outer.update(node.names)

    def _return(self, node: ast.Return, frame: Frame) -> None:
        frame.returned.append(self.value(node.value, frame))

    # -- choices and loops ---------------------------------------------------------------------

    def _branch(self, body: Iterable[ast.stmt], frame: Frame) -> None:
        frame.branches += 1
        try:
            self.block(body, frame)
        finally:
            frame.branches -= 1

    def _if(self, node: ast.If, frame: Frame) -> None:
        guard = _guard(node.test)
        if guard == "types":
            self._branch(node.orelse, frame)
            return
        self.value(node.test, frame)
        if guard == "main" and frame.module.name:
            # Run as a script only; setup.py is run as one.
            inner, kept = frame, frame.reach
            inner.reach = max(kept, Reach.CALL, key=ORDER.__getitem__)
            self._branch(node.body, inner)
            inner.reach = kept
        else:
            self._branch(node.body, frame)
        self._branch(node.orelse, frame)

    def _for(self, node: ast.For | ast.AsyncFor, frame: Frame) -> None:
        self.bind(node.target, element(self.value(node.iter, frame)), frame)
        self._branch(node.body, frame)
        self._branch(node.orelse, frame)

    def _while(self, node: ast.While, frame: Frame) -> None:
        self.value(node.test, frame)
        self._branch(node.body, frame)
        self._branch(node.orelse, frame)

    def _with(self, node: ast.With | ast.AsyncWith, frame: Frame) -> None:
        for item in node.items:
            value = self.value(item.context_expr, frame)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value, frame)
        self.block(node.body, frame)

    def _try(self, node: ast.Try, frame: Frame) -> None:
        self._branch(node.body, frame)
        for handler in node.handlers:
            if handler.name:
                self.set_name(handler.name, Value(), frame)
            self._branch(handler.body, frame)
        self._branch(node.orelse, frame)
        self._branch(node.finalbody, frame)

    def _match(self, node: ast.Match, frame: Frame) -> None:
        subject = self.value(node.subject, frame)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                if isinstance(part, ast.MatchAs | ast.MatchStar) and part.name:
                    self.set_name(part.name, Value(marks=all_marks(subject)), frame)
            self._branch(case.body, frame)

    # -- imports -------------------------------------------------------------------------------

    def _import(self, node: ast.Import, frame: Frame) -> None:
        for alias in node.names:
            value = self.module_value(alias.name, frame)
            if alias.asname:
                self.set_name(alias.asname, value, frame)
            else:
                first = alias.name.partition(".")[0]
                known = self.modules.get(first)
                self.set_name(
                    first, value if alias.name == first else Value(name=first, home=known), frame
                )

    def _import_from(self, node: ast.ImportFrom, frame: Frame) -> None:
        base = node.module or ""
        if node.level:
            steps = frame.module.package.split(".") if frame.module.package else []
            steps = steps[: len(steps) - (node.level - 1)]
            base = ".".join([*steps, base] if base else steps)
        source = self.module_value(base, frame) if base else Value()
        for alias in node.names:
            if alias.name == "*":
                self._import_all(base, source, frame)
                continue
            member = self.member(source, alias.name)
            if member is None:
                sub = f"{base}.{alias.name}" if base else alias.name
                ours = self.modules.get(sub)
                member = self.module_value(sub, frame) if ours else self._named_value(sub)
            self.set_name(alias.asname or alias.name, member, frame)

    def _import_all(self, base: str, source: Value, frame: Frame) -> None:
        ours = self.modules.get(base)
        if ours is not None and ours.frame is not None:
            for name, value in list(ours.frame.names.items())[:2000]:
                if not name.startswith("_"):
                    frame.names.setdefault(name, value)
        else:
            for name in _STARS.get(source.name, ()):
                self.set_name(name, self._named_value(f"{source.name}.{name}"), frame)

    def _named_value(self, dotted: str) -> Value:
        for alias, name in _ALIASES.items():
            if dotted == alias or dotted.startswith(f"{alias}."):
                dotted = name + dotted[len(alias) :]
        return Value(name=dotted, marks=source_of(dotted))

    def module_value(self, name: str, frame: Frame) -> Value:
        """What importing a module gives; one of the artifact runs now, as eagerly as we do."""
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            ours = self.modules.get(".".join(parts[:count]))
            if ours is not None and ours.frame is None and self._running < CALL_DEPTH_MAX:
                self._running += 1
                try:
                    # What only a call imports is still a module that somebody may import first.
                    self.run_module(ours, min(frame.reach, ours.reach, key=ORDER.__getitem__))
                finally:
                    self._running -= 1
        value = self._named_value(name)
        return Value(name=value.name, marks=value.marks, home=self.modules.get(name))


def _guard(test: ast.AST) -> str:
    """`main` for `__name__ == "__main__"`, `types` for TYPE_CHECKING, else nothing."""
    match test:
        case ast.Compare(
            left=ast.Name(id="__name__"),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value="__main__")],
        ):
            return "main"
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return "types"
    return ""
