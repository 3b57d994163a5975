"""Statements and modules read as the interpreter would run them, each piece with what reaches it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from typing import Any

from analyzer.static.calls import CALL_DEPTH_MAX, CALLS_MAX, NESTED_MAX, Arguments
from analyzer.static.frames import ORDER, Event, Frame, Module
from analyzer.static.hosts import hosts_in
from analyzer.static.names import BUILD_COMMANDS
from analyzer.static.places import place_kinds
from analyzer.static.result import Reach
from analyzer.static.statements import Statements
from analyzer.static.values import Mark, Value, all_marks, joined

STEPS_MAX = 80_000
"""Expressions and statements of one artifact that are read: 0.4 s on a slow core."""
STEPS_CALL_MAX = 35_000
"""Those of them that bodies of functions may take which nothing calls."""
SEEN_CHARS_MAX = 4000
"""Characters of one text that are searched for places and hosts."""
SEEN_ALL_MAX = 1_000_000
"""Characters of all texts of one artifact that are searched: a sum of texts is searched at each step."""
_PARAMETER = frozenset({Mark.PARAMETER})
_NEVER = Reach.NOTHING


Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Machine(Statements):
    """Reads modules of one artifact. `modules`: those worth it, by dotted name."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        super().__init__()
        self.modules = dict(modules)
        self.events: list[Event] = []
        self.written: dict[str, frozenset[str]] = {}
        self.steps_left = STEPS_MAX
        self.calls_left = CALLS_MAX
        self.unparsed: list[Module] = []
        self.nested: list[Module] = []
        """Modules nested deeper than can be read."""
        self.setups: list[tuple[Arguments, Module]] = []
        """Each `setup(...)` that was met."""
        self.commands: dict[tuple[str, str], str] = {}
        """(path, class) of command classes that an installation runs → the command."""
        self._nested = 0
        self._seen_left = SEEN_ALL_MAX
        self._memo: dict[tuple[int, Reach, tuple[Any, ...]], Value] = {}
        self._active: set[int] = set()

    # -- modules -------------------------------------------------------------------------------

    def run_module(self, module: Module, reach: Reach) -> None:
        """Run a module's top level, once; a module that does not parse is noted."""
        if module.frame is not None:
            return
        module.reach = reach
        module.frame = Frame(module=module, reach=reach)
        try:
            module.tree = parse(module.data)
        except (RecursionError, MemoryError):
            self.nested.append(module)
        if module.tree is None:
            self.unparsed.append(module)
            return
        module.frame.names["__name__"] = Value(const=module.name or "__main__", name="__name__")
        self.block(module.tree.body, module.frame)

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

    # -- members

    def member(self, value: Value, name: str) -> Value | None:
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

    def define_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> None:
        """A definition: defaults and decorators run now, the body where it is called."""
        value = Value(node=node, home=frame)
        frame.module.functions.append((node, frame))
        self.values((*node.args.defaults, *node.args.kw_defaults), frame)
        for decorator in node.decorator_list:
            wrapper = self.value(decorator, frame)
            if wrapper.node is not None:
                made = self.run_function(wrapper, Arguments([value], {}, []), frame)
                value = made if made.node is not None else value
            elif wrapper.name == "atexit.register":
                self.run_function(value, None, frame)
        self.set_name(node.name, value, frame)

    def define_class(self, node: ast.ClassDef, frame: Frame) -> None:
        """A class: its body runs now; a command that an installation runs acts."""
        bases = tuple(self.value(base, frame) for base in node.bases)
        self.values((keyword.value for keyword in node.keywords), frame)
        self.values(node.decorator_list, frame)
        scope = f"{frame.scope}.{node.name}" if frame.scope else node.name
        inner = Frame(
            module=frame.module,
            reach=frame.reach,
            parent=frame,
            scope=scope,
            depth=frame.depth,
            hold=True,
        )
        self.block(node.body, inner)
        value = Value(node=node, home=frame, fields=inner.names, parts=bases)
        self.set_name(node.name, value, frame)
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
        node: Function,
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
        self._bind_parameters(node, inner, home, arguments, owner)
        if isinstance(node, ast.Lambda):
            return self.value(node.body, inner)
        self.block(node.body, inner)
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
        self._seen_left -= len(text)
        if self._seen_left < 0:
            return value
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
        self.steps_left -= len(text) // 256
        try:
            tree = parse(text.encode("utf-8", "surrogatepass"))
        except (RecursionError, MemoryError):
            self.nested.append(frame.module)
            return
        if tree is None:
            return
        line = getattr(node, "lineno", 0)
        for part in ast.walk(tree):
            if hasattr(part, "lineno"):
                part.lineno = line
        self._nested += 1
        try:
            self.block(tree.body, frame)
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


def parse(data: bytes) -> ast.Module | None:
    """The syntax tree; None where it is no Python 3. Raises RecursionError, MemoryError: too nested."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except SyntaxError as error:
        if "too many nested" in str(error):
            raise RecursionError from error
        return None
    except (ValueError, OverflowError):
        return None
