"""What of a module is called, and with which of its parameters."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator

import pytest

from analyzer.sandbox.runner import targets

CODE = """
import json
from json import dumps
CONSTANT = 3
def function(a, b=1, *, token=None, flag=False): ...
def spread(*args, **kwargs): ...
def _private(a): ...
class Thing:
    def __init__(self, name): ...
    def method(self, url, timeout=3): ...
    @staticmethod
    def still(data): ...
    @classmethod
    def made(cls, path): ...
    def __call__(self, x): ...
    def _hidden(self): ...
    prop = property(lambda self: 1)
class Failed(Exception): ...
alias = Thing
"""


@pytest.fixture
def package() -> Iterator[types.ModuleType]:
    """A package `reenact_pkg` with the code above, and a module below it."""
    names = ("reenact_pkg", "reenact_pkg.sub", "reenact_pkg._inner", "reenact_pkg.tests")
    for name in names:
        module = types.ModuleType(name)
        sys.modules[name] = module
    exec(CODE, vars(sys.modules["reenact_pkg"]))  # noqa: S102 - our own text
    exec("def below(secret): ...\n", vars(sys.modules["reenact_pkg.sub"]))  # noqa: S102 - the same
    yield sys.modules["reenact_pkg"]
    for name in names:
        del sys.modules[name]


def calls(package: str) -> dict[str, list[str]]:
    """Name of each target → names of its parameters."""
    found = targets.targets_of(package, targets.loaded(package))
    return {target.name: [one.name for one in target.parameters] for target in found}


def test_targets__what_is_public_and_its_own(package: types.ModuleType) -> None:
    assert calls(package.__name__) == {
        "reenact_pkg.function": ["a", "token"],
        "reenact_pkg.spread": ["args"],
        "reenact_pkg.Thing": ["name"],
        "reenact_pkg.Thing.method": ["url"],
        "reenact_pkg.Thing.still": ["data"],
        "reenact_pkg.Thing.made": ["path"],
        "reenact_pkg.Thing.__call__": ["x"],
        "reenact_pkg.sub.below": ["secret"],
    }


def test_targets__what_takes_a_secret_comes_first(package: types.ModuleType) -> None:
    names = list(calls(package.__name__))

    assert set(names[:3]) == {
        "reenact_pkg.function",
        "reenact_pkg.Thing",
        "reenact_pkg.Thing.method",
    }
    assert names.index("reenact_pkg.sub.below") < names.index("reenact_pkg.spread")


def test_targets__all_says_what_is_offered(package: types.ModuleType) -> None:
    vars(package)["__all__"] = ["function", "dumps", "missing", 3]

    found = calls(package.__name__)

    assert set(found) == {"reenact_pkg.function", "reenact_pkg.dumps", "reenact_pkg.sub.below"}
    assert found["reenact_pkg.dumps"] == ["obj"]


def test_loaded__no_private_modules_and_no_tests(package: types.ModuleType) -> None:
    assert targets.loaded(package.__name__) == ["reenact_pkg", "reenact_pkg.sub"]


def _decorated(function: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(function)
    def wrapper(*args: object, **kwargs: object) -> object:
        return function(*args, **kwargs)

    return wrapper


@_decorated
def wrapped(email: str, count: int = 1) -> None:
    del email, count


def named(first: int, timeout: int = 1, token: str = "", *, host: str) -> None:
    del first, timeout, token, host


def test_parameters__of_a_wrapper_are_those_of_what_it_wraps() -> None:
    assert [one.name for one in targets.parameters_of(wrapped)] == ["email"]


def test_parameters__behind_one_that_is_left_out_go_by_name() -> None:
    found = targets.parameters_of(named)

    assert [(one.name, one.by_name) for one in found] == [
        ("first", False),
        ("token", True),
        ("host", True),
    ]
    assert found[0].annotation == "int"


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (len, ["obj"]),
        (isinstance, ["obj", "class_or_tuple"]),
        (max, ["data"]),
        (sys.exit, []),
        (print, []),
    ],
)
def test_parameters__of_what_is_written_in_c(
    function: Callable[..., object], names: list[str]
) -> None:
    assert [one.name for one in targets.parameters_of(function)] == names


def test_parameters__annotations_that_cannot_be_evaluated_are_none() -> None:
    class Late:
        __code__ = named.__code__

        @property
        def __annotations__(self) -> dict[str, object]:
            raise NameError("later")

        @__annotations__.setter
        def __annotations__(self, value: object) -> None:
            del value

    assert targets.parameters_of(Late())[0].annotation is None
