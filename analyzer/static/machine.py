"""Statements and modules read as the interpreter would run them, each piece with what reaches it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from analyzer.static.calls import CALL_DEPTH_MAX, CALLS_MAX, NESTED_MAX, Arguments, Calls
from analyzer.static.expressions import Enough, element
from analyzer.static.frames import ORDER, Event, Frame, Module
from analyzer.static.hosts import hosts_in
from analyzer.static.names import BUILD_COMMANDS, BUILTINS, source_of
from analyzer.static.places import place_kinds
from analyzer.static.result import Reach
from analyzer.static.values import Mark, Value, all_marks, joined

STEPS_MAX = 80_000
"""Expressions and statements of one artifact that are read: 0.4 s on a slow core."""
STEPS_CALL_MAX = 35_000
"""Those of them that bodies of functions may take which nothing calls."""
SEEN_CHARS_MAX = 20_000
"""Characters of one text that are searched for places and hosts."""
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
_PARAMETER = frozenset({Mark.PARAMETER})
_NEVER = Reach.NOTHING


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the artifact: its bases as values."""

    bases: tuple[Value, ...]


class Machine(Calls):
    """Reads modules of one artifact. `modules`: those worth it, by dotted name."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        super().__init__()
        self.modules = dict(modules)
        self.events: list[Event] = []
        self.written: dict[str, frozenset[str]] = {}
        self.steps_left = STEPS_MAX
        self.calls_left = CALLS_MAX
        self.unparsed: list[Module] = []
        self.setups: list[tuple[Arguments, Module]] = []
        """Each `setup(...)` that was met."""
        self.commands: dict[tuple[str, str], str] = {}
        """(path, class) of command classes that an installation runs → the command."""
        self._running = 0
        self._nested = 0
        self._memo: dict[tuple[int, Reach, tuple[Any, ...]], Value] = {}
        self._active: set[int] = set()
        self._run: dict[type[ast.AST], Callable[[Any, Frame], None]] = {
            ast.Expr: self._expression,
            ast.Assign: self._assign,
            ast.AnnAssign: self._annotated,
            ast.AugAssign: self._augmented,
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: self._class,
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
            ast.Raise: lambda node, frame: self._values((node.exc,), frame),
            ast.Assert: lambda node, frame: self._values((node.test, node.msg), frame),
            ast.Delete: lambda node, frame: None,
            ast.Match: self._match,
        }
        if hasattr(ast, "TryStar"):
            self._run[ast.TryStar] = self._try

    # -- modules -------------------------------------------------------------------------------

    def run_module(self, module: Module, reach: Reach) -> None:
        """Run a module's top level, once; a module that does not parse is noted."""
        if module.frame is not None:
            return
        module.reach = reach
        module.frame = Frame(module=module, reach=reach)
        module.tree = parse(module.data)
        if module.tree is None:
            self.unparsed.append(module)
            return
        module.frame.names["__name__"] = Value(const=module.name or "__main__", name="__name__")
        self._block(module.tree.body, module.frame)

    def run_left(self, module: Module, reach: Reach) -> None:
        """Run the bodies of functions that nothing called; parameters are marked as such."""
        index = 0
        while index < len(module.functions):
            node, frame = module.functions[index]
            index += 1
            if id(node) in module.ran:
                continue
            module.ran.add(id(node))
            self._body(node, frame, None, reach, None)

    def _block(self, body: Iterable[ast.stmt], frame: Frame) -> None:
        for statement in body:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise Enough
            function = self._run.get(type(statement))
            if function is not None:
                function(statement, frame)

    # -- simple statements ---------------------------------------------------------------------

    def _values(self, nodes: Iterable[ast.AST | None], frame: Frame) -> None:
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
        load = _loaded(node.target)
        both = ast.BinOp(left=load, op=node.op, right=node.value, lineno=node.lineno, col_offset=0)
        self.bind(node.target, self.value(both, frame), frame)

    def bind(self, target: ast.AST, value: Value, frame: Frame) -> None:
        """Bind a name, attribute, subscript or a pattern of them."""
        match target:
            case ast.Name(id=name):
                self._set(name, value, frame)
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
                self._values((target.slice,), frame)
                owner = self.value(base, frame)
                owner.add(all_marks(value))
                if len(owner.parts) < 200 and not owner.keys:
                    owner.parts = (*owner.parts, value)
            case _:
                pass

    def _set(self, name: str, value: Value, frame: Frame) -> None:
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
            self._block(body, frame)
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
        self._block(node.body, frame)

    def _try(self, node: ast.Try, frame: Frame) -> None:
        self._branch(node.body, frame)
        for handler in node.handlers:
            if handler.name:
                self._set(handler.name, Value(), frame)
            self._branch(handler.body, frame)
        self._branch(node.orelse, frame)
        self._branch(node.finalbody, frame)

    def _match(self, node: ast.Match, frame: Frame) -> None:
        subject = self.value(node.subject, frame)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                if isinstance(part, ast.MatchAs | ast.MatchStar) and part.name:
                    self._set(part.name, Value(marks=all_marks(subject)), frame)
            self._branch(case.body, frame)

    # -- imports -------------------------------------------------------------------------------

    def _import(self, node: ast.Import, frame: Frame) -> None:
        for alias in node.names:
            value = self.module_value(alias.name, frame)
            if alias.asname:
                self._set(alias.asname, value, frame)
            else:
                first = alias.name.partition(".")[0]
                known = self.modules.get(first)
                self._set(
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
            member = self.member(source, alias.name, frame)
            if member is None:
                sub = f"{base}.{alias.name}" if base else alias.name
                ours = self.modules.get(sub)
                member = self.module_value(sub, frame) if ours else self._named_value(sub)
            self._set(alias.asname or alias.name, member, frame)

    def _import_all(self, base: str, source: Value, frame: Frame) -> None:
        ours = self.modules.get(base)
        if ours is not None and ours.frame is not None:
            for name, value in list(ours.frame.names.items())[:2000]:
                if not name.startswith("_"):
                    frame.names.setdefault(name, value)
        else:
            for name in _STARS.get(source.name, ()):
                self._set(name, self._named_value(f"{source.name}.{name}"), frame)

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

    def member(self, value: Value, name: str, frame: Frame) -> Value | None:
        """An attribute of a class, an instance or a module of the artifact."""
        if name in value.fields:
            return self._method(value.fields[name], value)
        if isinstance(value.node, ast.ClassDef):
            found = _inherited(value, name, 0)
            return self._method(found, value) if found is not None else None
        if isinstance(value.home, Module) and value.home.frame is not None:
            return value.home.frame.names.get(name)
        if value.name and value.node is None:
            ours = self.modules.get(f"{value.name}.{name}")
            if ours is not None:
                return Value(name=f"{value.name}.{name}", home=ours)
        return None

    def _method(self, found: Value, owner: Value) -> Value:
        if owner.instance and isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef):
            return Value(node=found.node, home=found.home, owner=owner, marks=found.marks)
        return found

    # -- functions and classes -----------------------------------------------------------------

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> None:
        value = Value(node=node, home=frame)
        frame.module.functions.append((node, frame))
        self._values((*node.args.defaults, *node.args.kw_defaults), frame)
        for decorator in node.decorator_list:
            wrapper = self.value(decorator, frame)
            if wrapper.node is not None:
                made = self.run_function(wrapper, Arguments([value], {}, []), frame)
                value = made if made.node is not None else value
            elif wrapper.name == "atexit.register":
                self.run_function(value, None, frame)
        self._set(node.name, value, frame)

    def _class(self, node: ast.ClassDef, frame: Frame) -> None:
        bases = tuple(self.value(base, frame) for base in node.bases)
        self._values((keyword.value for keyword in node.keywords), frame)
        self._values(node.decorator_list, frame)
        scope = f"{frame.scope}.{node.name}" if frame.scope else node.name
        inner = Frame(
            module=frame.module,
            reach=frame.reach,
            parent=frame,
            scope=scope,
            depth=frame.depth,
            hold=True,
        )
        self._block(node.body, inner)
        value = Value(node=node, home=frame, fields=inner.names, parts=bases)
        self._set(node.name, value, frame)
        if frame.module.reach is Reach.BUILD and frame.reach is Reach.BUILD:
            command = next((b.name for b in bases if _is_command(b.name)), "")
            if command:
                self.commands[frame.module.path, scope] = command.rpartition(".")[2]
                self.run_class(value, frame)

    def run_class(self, value: Value, frame: Frame) -> None:
        """Run every method of a class whose instance somebody else will call."""
        one = self._instance(value, None, frame)
        for name, method in list(value.fields.items()):
            if isinstance(method.node, ast.FunctionDef) and name != "__init__":
                self.run_function(self._method(method, one), None, frame)

    def _instance(self, value: Value, arguments: Arguments | None, frame: Frame) -> Value:
        one = Value(
            node=value.node,
            home=value.home,
            instance=True,
            fields=dict(value.fields),
            parts=value.parts,
            name=next((f"{base.name}()" for base in value.parts if base.name), ""),
        )
        init = _inherited(value, "__init__", 0)
        if init is not None and init.node is not None:
            self.run_function(self._method(init, one), arguments, frame)
        return one

    def run_function(self, value: Value, arguments: Arguments | None, frame: Frame) -> Value:
        """Follow a call into the artifact; what it gives is remembered by the marks it was given."""
        node = value.node
        if isinstance(node, ast.ClassDef):
            if value.instance:
                called = _inherited(value, "__call__", 0)
                return (
                    self.run_function(self._method(called, value), arguments, frame)
                    if called
                    else Value()
                )
            thread = any(
                base.name in ("threading.Thread", "multiprocessing.Process") for base in value.parts
            )
            one = self._instance(value, arguments, frame)
            if thread and "run" in value.fields:
                self.run_function(self._method(value.fields["run"], one), None, frame)
            return one
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return Value()
        given = arguments.all() if arguments else []
        key = (id(node), frame.reach, tuple(map(_signature, given)))
        known = self._memo.get(key)
        if known is not None:
            return known
        busy = id(node) in self._active or frame.depth >= CALL_DEPTH_MAX or self.calls_left <= 0
        if busy or not isinstance(value.home, Frame):
            return Value(marks=all_marks(*given))
        self.calls_left -= 1
        self._active.add(id(node))
        try:
            result = self._body(
                node, value.home, arguments, frame.reach, value.owner, frame.depth + 1
            )
        finally:
            self._active.discard(id(node))
        if ORDER[frame.reach] <= ORDER[Reach.MODULE]:
            value.home.module.ran.add(id(node))
        self._memo[key] = result
        return result

    def _body(
        self,
        node: ast.AST,
        home: Frame,
        arguments: Arguments | None,
        reach: Reach,
        owner: Value | None,
        depth: int = 1,
    ) -> Value:
        name = getattr(node, "name", "lambda")
        inner = Frame(
            module=home.module,
            reach=reach,
            parent=home,
            scope=f"{home.scope}.{name}" if home.scope else name,
            depth=depth,
        )
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        self._bind_parameters(node, inner, home, arguments, owner)
        if isinstance(node, ast.Lambda):
            return self.value(node.body, inner)
        self._block(node.body, inner)
        result = Value()
        for index, value in enumerate(inner.returned):
            result = joined(result, value) if index else value
        return result

    def _bind_parameters(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        inner: Frame,
        home: Frame,
        arguments: Arguments | None,
        owner: Value | None,
    ) -> None:
        args = node.args
        places = [*args.posonlyargs, *args.args]
        defaults = [None] * (len(places) - len(args.defaults)) + list(args.defaults)
        method = home.hold and not _is_static(node)
        given = list(arguments.positional) if arguments else []
        if method and places:
            given = [owner or Value(node=None, marks=frozenset()), *given]
        for index, place in enumerate(places):
            default = defaults[index]
            if index < len(given):
                value = given[index]
            elif arguments and place.arg in arguments.names:
                value = arguments.names[place.arg]
            elif default is not None and arguments is not None:
                value = self.value(default, home)
            else:
                value = Value(marks=_PARAMETER)
            inner.names[place.arg] = value
        for place, kw_default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if arguments and place.arg in arguments.names:
                inner.names[place.arg] = arguments.names[place.arg]
            else:
                known = (
                    self.value(kw_default, home)
                    if kw_default is not None and arguments
                    else Value(marks=_PARAMETER)
                )
                inner.names[place.arg] = known
        spread = tuple(given[len(places) :]) if arguments else ()
        if args.vararg:
            inner.names[args.vararg.arg] = Value(parts=spread, marks=all_marks(*spread))
        if args.kwarg:
            more = tuple(arguments.names.values()) if arguments else ()
            inner.names[args.kwarg.arg] = Value(parts=more, marks=all_marks(*more))

    # -- what texts hold -----------------------------------------------------------------------

    def seen(self, value: Value, node: ast.AST, frame: Frame) -> Value:
        """A text was met: note the places and hosts that it names."""
        text = value.text[:SEEN_CHARS_MAX]
        for kind, mark in place_kinds(text):
            value.add(frozenset({mark}))
            self.note("place", kind, node, frame, [], extra=text[:200])
        for host in hosts_in(text):
            self.note("host", host, node, frame, [], extra=text[:300])
        return value

    def run_text(self, text: str, frame: Frame, node: ast.AST) -> None:
        """Read code that stands in a text, with the names in force here."""
        if self._nested >= NESTED_MAX or len(text) < 6:
            return
        tree = parse(text.encode("utf-8", "surrogatepass"))
        if tree is None:
            return
        line = getattr(node, "lineno", 0)
        for part in ast.walk(tree):
            if hasattr(part, "lineno"):
                part.lineno = line
        self._nested += 1
        try:
            self._block(tree.body, frame)
        finally:
            self._nested -= 1

    def run_setup(self, arguments: Arguments, frame: Frame) -> None:
        """The command classes that `setup(cmdclass=…)` is given; those that an install runs act."""
        self.setups.append((arguments, frame.module))
        commands = arguments.names.get("cmdclass")
        if commands is None:
            return
        keys = commands.keys or (None,) * len(commands.parts)
        for key, part in zip(keys, commands.parts, strict=False):
            if isinstance(part.node, ast.ClassDef) and (key is None or key in BUILD_COMMANDS):
                home = part.home
                if isinstance(home, Frame):
                    self.commands[home.module.path, part.node.name] = key or "?"
                self.run_class(part, frame)


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
_COMMAND_BASE = re.compile(
    r"(?:setuptools\.command|distutils\.command|wheel\.bdist_wheel|wheel\._bdist_wheel|numpy\.distutils\.command)"
    r"[\w.]*\.(?P<name>\w+)\Z"
)


def _is_command(base: str) -> bool:
    """Whether a base class is a command that an installation runs."""
    found = _COMMAND_BASE.match(base)
    return bool(found) and found["name"] in BUILD_COMMANDS if found else False


def _inherited(value: Value, name: str, depth: int) -> Value | None:
    if name in value.fields:
        return value.fields[name]
    if depth > 8:
        return None
    for base in value.parts:
        if isinstance(base.node, ast.ClassDef):
            found = _inherited(base, name, depth + 1)
            if found is not None:
                return found
    return None


def _signature(value: Value) -> Any:
    const = value.const if isinstance(value.const, str | int | bytes | None) else None
    return (const, value.name, all_marks(value, depth=1), id(value.node))


def _is_static(node: ast.AST) -> bool:
    decorators = getattr(node, "decorator_list", ())
    return isinstance(node, ast.Lambda) or any(
        isinstance(item, ast.Name) and item.id == "staticmethod" for item in decorators
    )


def _loaded(target: ast.AST) -> ast.AST:
    """A target of an assignment, as something to read."""
    return target


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


def parse(data: bytes) -> ast.Module | None:
    """The syntax tree; None where it is no Python 3, or too deeply nested."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


__all__ = ["BUILTINS", "Machine", "parse"]
