"""What an import replaced in modules that are not the package's own: functions and classes by its hand.

Looks at the names of modules outside the package's environment, and at those of the classes which
they define. Runs under every interpreter that boxes have.
"""

from __future__ import annotations

import sys
import types

PATCHES_MAX = 50
"""Names that are told of one package; gevent replaces some thirty."""
ENV = "/env/"


def patched(package: str) -> list[str]:
    """Dotted names outside the package that now hold what was defined in it."""
    found: list[str] = []
    for name, module in list(sys.modules.items()):
        top = name.split(".")[0]
        if top in (package, "__main__") or not issubclass(type(module), types.ModuleType):
            continue
        held = vars(module)
        file = held.get("__file__")
        if isinstance(file, str) and file.startswith(ENV):
            continue  # another module of the same distribution may well use this one's things
        for key, value in list(held.items()):
            if not defined(value):
                continue
            if is_of(value, package):
                found.append(f"{name}.{key}")
            elif issubclass(type(value), type) and is_of(value, name):
                methods = list(vars(value).items())
                found += [
                    f"{name}.{key}.{inner}" for inner, what in methods if is_of(what, package)
                ]
        if len(found) >= PATCHES_MAX:
            break
    return found[:PATCHES_MAX]


def defined(thing: object) -> bool:
    """Whether it is a function or a class.

    `isinstance` would ask the thing itself, and a lazy one (Django's settings) then does what it was
    lazy about, or raises.
    """
    return issubclass(type(thing), (type, types.FunctionType))


def is_of(thing: object, package: str) -> bool:
    """Whether a function or class says that it was defined in this package."""
    if not defined(thing):
        return False
    own = issubclass(type(thing), type)
    home = vars(thing).get("__module__") if own else getattr(thing, "__module__", "")
    return isinstance(home, str) and (home == package or home.startswith(f"{package}."))
