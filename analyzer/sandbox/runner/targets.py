"""What P4 calls of a module: its public functions, its public classes and their public methods.

Parameters are read off code objects, for `inspect` costs more than most packages. Nothing is called
here, but a module may answer a look with code of its own. Runs under every interpreter that boxes
have.
"""

from __future__ import annotations

import sys
import types

from analyzer.sandbox.runner.arguments import is_worth
from analyzer.sandbox.runner.module import LAST

TYPE_CHECKING = False  # typing is not loaded for this
if TYPE_CHECKING:
    from collections.abc import Iterator

PARAMETERS_MAX = 12
"""Parameters of one callable that are given a value."""
METHODS_MAX = 30
"""Methods of one class."""
_SPECIAL = ("__call__", "__enter__", "__aenter__")
_VARARGS = 0x04
"""CO_VARARGS of a code object: it has `*args`."""
_WRAPPED_MAX = 10


class Parameter:
    """One parameter that is given a value."""

    __slots__ = ("annotation", "by_name", "default", "name")

    def __init__(self, name: str, annotation: object, default: object, *, by_name: bool) -> None:
        self.name = name
        self.annotation = annotation
        self.default = default
        self.by_name = by_name


class Target:
    """One call: a function, a class to be made an instance of, or a method of such an instance."""

    __slots__ = ("attribute", "name", "owner", "parameters", "what")

    def __init__(
        self,
        name: str,
        what: object,
        parameters: list[Parameter],
        *,
        owner: Target | None = None,
        attribute: str = "",
    ) -> None:
        self.name = name
        self.what = what
        self.parameters = parameters
        self.owner = owner
        self.attribute = attribute


def targets_of(package: str, modules: list[str]) -> list[Target]:
    """Every call that is to be made of these modules, each thing once.

    Those come first that take what is worth stealing: nobody is to hide one behind many others. Else
    the package's own come before those of the modules below it.
    """
    found: list[Target] = []
    seen: set[int] = set()
    for module in modules:
        for name, thing in public(module, package, top=module == package):
            if id(thing) not in seen:
                seen.add(id(thing))
                found += _of_thing(f"{module}.{name}", thing, package)
    found.sort(key=lambda target: not any(is_worth(one.name) for one in target.parameters))
    return found


def loaded(package: str) -> list[str]:
    """The package and what is loaded below it, but for private modules and tests."""
    below = sorted(name for name in sys.modules if name.startswith(f"{package}."))
    return [package, *(name for name in below if is_public(name))]


def is_public(module: str) -> bool:
    """Whether a module's name says that others may use it."""
    return not any(part.startswith("_") or part in LAST for part in module.split("."))


def public(module: str, package: str, *, top: bool) -> Iterator[tuple[str, object]]:
    """Names and things that a module offers: its `__all__`, else what is defined in the package.

    Of a module below the top only what is defined in it, whatever it lists.
    """
    held = dict(vars(sys.modules[module]))
    listed = held.get("__all__")
    if top and isinstance(listed, (list, tuple)):
        names = [name for name in listed if isinstance(name, str)]
    else:
        names = [name for name in held if not name.startswith("_")]
    for name in names:
        thing = held[name] if name in held else getattr(sys.modules[module], name, None)
        home = getattr(thing, "__module__", None)
        known = isinstance(home, str) and (home == package or home.startswith(f"{package}."))
        if callable(thing) and ((top and listed) or known) and (top or home == module):
            yield name, thing


def _of_thing(name: str, thing: object, package: str) -> list[Target]:
    if not isinstance(thing, type):
        return [Target(name, thing, parameters_of(thing))]
    if issubclass(thing, BaseException):
        return []
    made = Target(name, thing, _of_class(thing))
    return [made, *_methods(made, thing, package)]


def _of_class(thing: type) -> list[Parameter]:
    own = [getattr(thing, name, None) for name in ("__init__", "__new__")]
    for maker in own:
        if hasattr(maker, "__code__"):
            return parameters_of(maker, bound=True)
    return [] if own[0] is object.__init__ else parameters_of(thing)


def _methods(made: Target, thing: type, package: str) -> list[Target]:
    found: dict[str, Target] = {}
    for home in thing.__mro__:
        if not str(getattr(home, "__module__", "")).startswith(package):
            continue
        for name, held in dict(vars(home)).items():
            if name in found or (name.startswith("_") and name not in _SPECIAL):
                continue
            inner = getattr(held, "__func__", held)
            if hasattr(inner, "__code__"):
                bound = not isinstance(held, staticmethod)
                parameters = parameters_of(inner, bound=bound)
                found[name] = Target(
                    f"{made.name}.{name}", held, parameters, owner=made, attribute=name
                )
    return list(found.values())[:METHODS_MAX]


def parameters_of(function: object, *, bound: bool = False) -> list[Parameter]:
    """The parameters that are given a value. `bound`: the first one is the instance or class."""
    for _ in range(_WRAPPED_MAX):
        function = getattr(function, "__wrapped__", function)
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if not isinstance(code, types.CodeType):
        return _of_signature(getattr(function, "__text_signature__", None))
    annotations = _annotations(function)
    positional = code.co_varnames[: code.co_argcount]
    named = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    defaults = getattr(function, "__defaults__", None) or ()
    first = len(positional) - len(defaults)
    by_default = {positional[first + index]: value for index, value in enumerate(defaults)}
    by_default.update(getattr(function, "__kwdefaults__", None) or {})
    found: list[Parameter] = []
    skipped = False
    for index, name in enumerate((*positional[1 if bound else 0 :], *named)):
        by_name = skipped or index >= len(positional) - bool(bound)
        if name in by_default and not is_worth(name):
            skipped = True
            continue
        found.append(Parameter(name, annotations.get(name), by_default.get(name), by_name=by_name))
    if not found and not positional[1 if bound else 0 :] and code.co_flags & _VARARGS:
        found.append(Parameter("args", None, None, by_name=False))
    return found[:PARAMETERS_MAX]


def _annotations(function: object) -> dict[str, object]:
    try:
        found = getattr(function, "__annotations__", None)
    except Exception:  # noqa: BLE001 - evaluated late (PEP 649), by names that need not be there
        return {}
    return found if isinstance(found, dict) else {}


def _of_signature(text: object) -> list[Parameter]:
    """Of a callable in C: what its `__text_signature__` says, else one argument."""
    if not isinstance(text, str):
        return [Parameter("data", None, None, by_name=False)]
    found = []
    for part in text.strip("()").split(","):
        name = part.strip()
        if (
            name in ("*", "/")
            or "=" in name
            or name.startswith(("$", "*"))
            or not name.isidentifier()
        ):
            continue
        found.append(Parameter(name, None, None, by_name=False))
    return found[:PARAMETERS_MAX]
