"""What an import replaced elsewhere, and what it did not."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import pytest

from analyzer.sandbox.runner.patches import PATCHES_MAX, patched


@pytest.fixture
def modules() -> Iterator[dict[str, types.ModuleType]]:
    """A package `reenact_a`, a module of the same distribution, and a stranger with a class."""
    made = {name: types.ModuleType(name) for name in ("reenact_a", "reenact_b", "stranger")}
    made["reenact_b"].__file__ = "/env/lib/python3.11/site-packages/reenact_b.py"
    exec("def own(): ...\nclass Own: ...\n", vars(made["reenact_a"]))  # noqa: S102 - our own text
    exec("def theirs(): ...\nclass Theirs:\n    def get(self): ...\n", vars(made["stranger"]))  # noqa: S102
    sys.modules |= made
    yield made
    for name in made:
        del sys.modules[name]


def test_patched__nothing_where_nothing_was_replaced(modules: dict[str, types.ModuleType]) -> None:
    vars(modules["reenact_b"])["own"] = vars(modules["reenact_a"])["own"]

    assert patched("reenact_a") == []


def test_patched__functions_classes_and_methods(modules: dict[str, types.ModuleType]) -> None:
    own, stranger = vars(modules["reenact_a"]), vars(modules["stranger"])
    stranger["theirs"] = own["own"]
    stranger["Other"] = own["Own"]
    setattr(stranger["Theirs"], "get", own["own"])  # noqa: B010 - as a package would

    assert patched("reenact_a") == ["stranger.theirs", "stranger.Theirs.get", "stranger.Other"]


def test_patched__is_bounded(modules: dict[str, types.ModuleType]) -> None:
    own = vars(modules["reenact_a"])["own"]
    vars(modules["stranger"]).update({f"name{number}": own for number in range(500)})

    assert len(patched("reenact_a")) == PATCHES_MAX


class _Lazy:
    """As lazy settings are: even its class is asked of what it stands for."""

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(f"not configured: {name}")


def test_patched__asks_nothing_of_the_things_it_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("string.lazy", _Lazy(), raising=False)

    assert patched("reenact_nothing") == []
