"""Expressions read as the interpreter would evaluate them, as far as constants, names and marks go."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from analyzer.static.folding import fold_binary, fold_index, fold_slice
from analyzer.static.frames import Frame
from analyzer.static.names import BUILTINS, source_of
from analyzer.static.values import (
    NO_MARKS,
    PARTS_MAX,
    UNKNOWN,
    Mark,
    Value,
    all_marks,
    constant,
    joined,
)

MADE = frozenset({Mark.MADE})
LONG_ENOUGH = 3
"""Characters from which on a text that is put together counts as made."""
COMPREHENSION_MAX = 4000
"""Rounds of a comprehension over constants that are worked out."""
_LOOKUPS = ("globals()", "locals()", "vars()", "__dict__")


class Enough(Exception):
    """Inside static reading only: the work for one artifact is spent."""


class Expressions(ABC):
    """Evaluates expressions. What calls and imports do is for those who build on it."""

    steps_left: int

    def __init__(self) -> None:
        self._dispatch: dict[type[ast.AST], Callable[[Any, Frame], Value]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Call: self.call,
            ast.BinOp: self._binary,
            ast.JoinedStr: self._joined_text,
            ast.FormattedValue: lambda node, frame: self.value(node.value, frame),
            ast.Subscript: self._subscript,
            ast.List: self._sequence,
            ast.Tuple: self._sequence,
            ast.Set: self._sequence,
            ast.Dict: self._dict,
            ast.IfExp: self._either,
            ast.BoolOp: self._any_of,
            ast.Compare: self._compare,
            ast.UnaryOp: self._unary,
            ast.Lambda: self._lambda,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.NamedExpr: self._named,
            ast.Starred: lambda node, frame: self.value(node.value, frame),
            ast.Await: lambda node, frame: self.value(node.value, frame),
            ast.Yield: self._yield,
            ast.YieldFrom: self._yield,
        }

    @abstractmethod
    def call(self, node: ast.Call, frame: Frame) -> Value:
        """A call."""

    @abstractmethod
    def bind(self, target: ast.AST, value: Value, frame: Frame) -> None:
        """Bind a target to a value."""

    @abstractmethod
    def member(self, value: Value, name: str) -> Value | None:
        """An attribute of a class, an instance or a module of the artifact; None: nothing of ours."""

    @abstractmethod
    def seen(self, value: Value, node: ast.AST, frame: Frame) -> Value:
        """A text was met: look up whether it names a place or a host."""

    def value(self, node: ast.AST | None, frame: Frame) -> Value:
        """What an expression gives."""
        if node is None:
            return Value()
        self.steps_left -= 1
        if self.steps_left < 0:
            raise Enough
        function = self._dispatch.get(type(node))
        return function(node, frame) if function else Value()

    def charge(self, const: Any) -> None:
        """Long results cost more than a step: work and memory stay bounded by the steps."""
        if isinstance(const, str | bytes):
            self.steps_left -= len(const) // 4096
        elif isinstance(const, list | tuple):
            self.steps_left -= len(const) // 64

    # -- leaves --------------------------------------------------------------------------------

    def _constant(self, node: ast.Constant, frame: Frame) -> Value:
        value = Value(const=node.value)
        if isinstance(node.value, str | bytes) and len(node.value) > LONG_ENOUGH:
            return self.seen(value, node, frame)
        return value

    def _name(self, node: ast.Name, frame: Frame) -> Value:
        found = frame.find(node.id)
        if found is not None:
            return found
        if node.id == "__builtins__":
            return Value(name="builtins")
        if node.id == "__file__":
            return Value(const=frame.module.path.rpartition("/")[2], exact=False, name="__file__")
        if node.id in BUILTINS:
            return Value(name=f"builtins.{node.id}")
        return Value()

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Value:
        return self.attribute(self.value(node.value, frame), node.attr)

    def attribute(self, base: Value, name: str, *, hidden: bool = False) -> Value:
        """`base.name`."""
        own = self.member(base, name)
        if own is not None:
            return own
        dotted = f"{base.name}.{name}" if base.name else ""
        if name == "__builtins__" or dotted.startswith("builtins.__builtins__"):
            return Value(name="builtins")
        marks = base.marks | (source_of(dotted) if dotted else NO_MARKS)
        return Value(
            name=dotted,
            marks=marks,
            path=base.path,
            hidden=base.hidden or hidden,
            owner=base if _holds(base) else None,
        )

    # -- texts and numbers ---------------------------------------------------------------------

    def _binary(self, node: ast.BinOp, frame: Frame) -> Value:
        # Long sums of texts nest to the left: walk down in a loop, not by recursion.
        spine: list[ast.BinOp] = []
        first: ast.AST = node
        while isinstance(first, ast.BinOp):
            spine.append(first)
            first = first.left
        left = self.value(first, frame)
        for step in reversed(spine):
            left = self._operate(step, left, self.value(step.right, frame))
        if isinstance(left.const, str) and len(left.const) > LONG_ENOUGH:
            return self.seen(left, node, frame)
        return left

    def _operate(self, node: ast.BinOp, left: Value, right: Value) -> Value:
        marks = left.marks | right.marks
        if left.parts or right.parts:
            marks |= all_marks(left, right)
        if isinstance(node.op, ast.BitXor):
            marks |= {Mark.XORED}
        if left.known and right.known:
            const = fold_binary(node.op, left.const, right.const)
            self.charge(const)
            if isinstance(const, str | bytes) and isinstance(node.op, ast.Add):
                marks |= MADE
            if const is not UNKNOWN:
                return constant(const, marks=marks)
        if isinstance(node.op, ast.BitXor):
            return Value(marks=marks)
        if isinstance(node.op, ast.Add | ast.Div | ast.Mod) and (left.text or right.text):
            between = "/" if isinstance(node.op, ast.Div) else ""
            text = f"{left.text or '*'}{between}{right.text or '*'}"
            if isinstance(node.op, ast.Mod):
                text = left.text.replace("%s", right.text or "*", 1)
            made = constant(text[:10_000], exact=False, marks=marks)
            made.name = left.name if left.name.startswith("pathlib.") else ""
            return made
        return Value(marks=marks, parts=(*left.parts, *right.parts)[:PARTS_MAX])

    def _joined_text(self, node: ast.JoinedStr, frame: Frame) -> Value:
        pieces = [self.value(piece, frame) for piece in node.values]
        exact = all(piece.known and isinstance(piece.const, str) for piece in pieces)
        text = "".join(
            piece.text or (str(piece.const) if isinstance(piece.const, int) else "*")
            for piece in pieces
        )
        return self.seen(
            constant(text[:10_000], exact=exact, marks=all_marks(*pieces)), node, frame
        )

    def _unary(self, node: ast.UnaryOp, frame: Frame) -> Value:
        value = self.value(node.operand, frame)
        if value.known and isinstance(value.const, int):
            if isinstance(node.op, ast.USub):
                return constant(-value.const)
            if isinstance(node.op, ast.Invert):
                return constant(~value.const)
        return Value(marks=value.marks)

    def _compare(self, node: ast.Compare, frame: Frame) -> Value:
        for part in (node.left, *node.comparators):
            self.value(part, frame)
        return Value()

    # -- containers ----------------------------------------------------------------------------

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set, frame: Frame) -> Value:
        parts = tuple(self.value(part, frame) for part in node.elts[:PARTS_MAX])
        return self.sequence(parts, whole=len(node.elts) <= PARTS_MAX)

    def sequence(self, parts: tuple[Value, ...], *, whole: bool = True) -> Value:
        """A list of values: a constant where all of them are."""
        if whole and parts and all(part.known for part in parts):
            return Value(
                const=[part.const for part in parts], parts=parts, marks=all_marks(*parts, depth=1)
            )
        return Value(
            parts=parts, marks=all_marks(*parts, depth=1), name="" if parts else "builtins.list()"
        )

    def _dict(self, node: ast.Dict, frame: Frame) -> Value:
        keys = tuple(self.value(key, frame) if key else Value() for key in node.keys[:PARTS_MAX])
        parts = tuple(self.value(part, frame) for part in node.values[:PARTS_MAX])
        names = tuple(key.const if isinstance(key.const, str | int) else None for key in keys)
        made = "" if parts else "builtins.dict()"
        return Value(parts=parts, keys=names, marks=all_marks(*parts), name=made)

    def _subscript(self, node: ast.Subscript, frame: Frame) -> Value:
        base = self.value(node.value, frame)
        if isinstance(node.slice, ast.Slice):
            return self._slice(base, node.slice, frame)
        index = self.value(node.slice, frame)
        if base.keys and isinstance(index.const, str | int):
            for key, part in zip(base.keys, base.parts, strict=False):
                if key == index.const:
                    return part
        if base.name and isinstance(index.const, str):
            found = self._looked_up(base, index, frame)
            if found is not None:
                return found
        if base.known and index.known:
            const = fold_index(base.const, index.const)
            if const is not UNKNOWN:
                return constant(
                    const, marks=base.marks | (MADE if isinstance(const, str) else NO_MARKS)
                )
        if (
            base.parts
            and isinstance(index.const, int)
            and -len(base.parts) <= index.const < len(base.parts)
            and not base.keys
        ):
            return base.parts[index.const]
        return Value(
            name=f"{base.name}[]" if base.name else "", marks=all_marks(base), path=base.path
        )

    def _looked_up(self, base: Value, index: Value, frame: Frame) -> Value | None:
        """Names found by text: variables of the environment, modules, members of a namespace."""
        text, hidden = index.const, Mark.MADE in index.marks
        if base.name in ("os.environ", "os.environb"):
            return variable(text)
        if base.name == "sys.modules":
            return Value(name=text, hidden=hidden)
        if base.name in ("builtins", "builtins.__dict__"):
            return Value(name=f"builtins.{text}", hidden=hidden)
        if base.name in ("builtins.globals()", "builtins.locals()", "builtins.vars()"):
            found = frame.find(text)
            if found is None:
                return self.value(ast.Name(id=text), frame) if text.isidentifier() else None
            if found.name and hidden:
                return Value(
                    name=found.name,
                    marks=found.marks,
                    node=found.node,
                    home=found.home,
                    hidden=True,
                )
            return found
        if base.name.endswith(".__dict__"):
            outer = Value(name=base.name.removesuffix(".__dict__"))
            return self.attribute(outer, text, hidden=hidden)
        return None

    def _slice(self, base: Value, node: ast.Slice, frame: Frame) -> Value:
        bounds = [
            self.value(part, frame) if part else constant(None)
            for part in (node.lower, node.upper, node.step)
        ]
        if base.known and all(bound.known for bound in bounds):
            const = fold_slice(base.const, *(bound.const for bound in bounds))
            if const is not UNKNOWN:
                step = bounds[2].const
                marks = base.marks | (MADE if isinstance(step, int) and step < 0 else NO_MARKS)
                return constant(const, marks=marks)
        return Value(
            marks=all_marks(base), parts=base.parts if not base.keys else (), name=base.name
        )

    # -- choices and functions -----------------------------------------------------------------

    def _either(self, node: ast.IfExp, frame: Frame) -> Value:
        self.value(node.test, frame)
        return joined(self.value(node.body, frame), self.value(node.orelse, frame))

    def _any_of(self, node: ast.BoolOp, frame: Frame) -> Value:
        result = self.value(node.values[0], frame)
        for part in node.values[1:]:
            result = joined(result, self.value(part, frame))
        return result

    def _lambda(self, node: ast.Lambda, frame: Frame) -> Value:
        frame.module.functions.append((node, frame))
        return Value(node=node, home=frame)

    def _named(self, node: ast.NamedExpr, frame: Frame) -> Value:
        value = self.value(node.value, frame)
        self.bind(node.target, value, frame)
        return value

    def _yield(self, node: ast.Yield | ast.YieldFrom, frame: Frame) -> Value:
        value = self.value(node.value, frame)
        frame.returned.append(value)
        return Value()

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, frame: Frame
    ) -> Value:
        inner = Frame(
            module=frame.module,
            reach=frame.reach,
            parent=frame,
            scope=frame.scope,
            depth=frame.depth,
            branches=frame.branches,
        )
        single = len(node.generators) == 1 and not node.generators[0].ifs
        if single and not isinstance(node, ast.DictComp):
            source = self.value(node.generators[0].iter, frame)
            rounds = _rounds(source)
            if rounds is not None:
                parts = []
                for item in rounds:
                    self.bind(node.generators[0].target, item, inner)
                    parts.append(self.value(node.elt, inner))
                return self.sequence(tuple(parts))
            self.bind(node.generators[0].target, element(source), inner)
            return Value(parts=(self.value(node.elt, inner),), marks=source.marks)
        for generator in node.generators:
            self.bind(generator.target, element(self.value(generator.iter, inner)), inner)
            for test in generator.ifs:
                self.value(test, inner)
        if isinstance(node, ast.DictComp):
            self.value(node.key, inner)
            part = self.value(node.value, inner)
        else:
            part = self.value(node.elt, inner)
        return Value(parts=(part,), marks=all_marks(part))


def _holds(base: Value) -> bool:
    """Whether it matters whose method is called."""
    return (
        base.const is not UNKNOWN
        or bool(base.parts)
        or base.path is not None
        or base.name.startswith(("tempfile.", "socket.socket(", "builtins.list(", "builtins.dict("))
        or bool(base.marks)
    )


def _rounds(source: Value) -> Iterable[Value] | None:
    """The constants that a comprehension goes over, where they are known and few."""
    known = source.known and isinstance(source.const, str | bytes | list | tuple)
    if not known or len(source.const) > COMPREHENSION_MAX:
        return None
    return [constant(item, marks=source.marks) for item in source.const]


def element(value: Value) -> Value:
    """What a loop over a value gives."""
    if value.parts and not value.keys:
        result = value.parts[0]
        for part in value.parts[1:8]:
            result = joined(result, part)
        return Value(
            const=result.const,
            exact=False,
            name=result.name,
            marks=all_marks(value),
            node=result.node,
            home=result.home,
            parts=result.parts,
            path=result.path,
        )
    return Value(
        marks=all_marks(value), name=f"{value.name}[]" if value.name else "", path=value.path
    )


_SECRET_NAMES = (
    "TOKEN",
    "SECRET",
    "PASSW",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIAL",
)


def variable(name: str) -> Value:
    """One variable of the environment: stands for itself in paths."""
    secret = any(word in name.upper() for word in _SECRET_NAMES)
    marks = {Mark.VARIABLE, Mark.TOKEN} if secret else {Mark.VARIABLE}
    if name.upper() in ("USER", "USERNAME", "COMPUTERNAME", "HOSTNAME", "LOGNAME"):
        marks.add(Mark.HOST)
    if name.upper() in ("TEMP", "TMP"):
        marks.add(Mark.TEMPORARY)
    return constant(f"%{name}%", exact=False, marks=frozenset(marks))
