"""Which functions of others an import replaced."""

from __future__ import annotations

import builtins
import http.client
import ssl
import subprocess
from types import ModuleType

from analyzer.sandbox.runner.patched import WATCHED, keep, look_up, replaced


class Channel:
    def send(self) -> str:
        return "sent"


class Secure(Channel):
    pass


def loaded() -> dict[str, ModuleType]:
    talk = ModuleType("talk.wire")
    secure = type("Secure", (type("Channel", (), {"send": Channel.send}),), {})
    talk.__dict__.update(Secure=secure, dump=len, settings=Channel())
    return {"talk.wire": talk, "talk": ModuleType("talk")}


NAMES = ("talk.wire.Secure.send", "talk.wire.dump", "talk.wire.Secure.gone", "absent.thing")


def test_keep__only_what_is_there() -> None:
    assert keep(NAMES, modules=loaded()).keys() == {"talk.wire.Secure.send", "talk.wire.dump"}


def test_replaced__nothing_where_nothing_changed() -> None:
    modules = loaded()

    assert replaced(keep(NAMES, modules=modules), modules=modules) == []


def test_replaced__functions_and_inherited_methods() -> None:
    modules = loaded()
    before = keep(NAMES, modules=modules)

    modules["talk.wire"].__dict__["dump"] = max
    modules["talk.wire"].__dict__["Secure"].send = lambda _: "stolen"

    assert replaced(before, modules=modules) == ["talk.wire.Secure.send", "talk.wire.dump"]
    assert replaced(before, own=("talk",), modules=modules) == []


def test_replaced__what_was_not_there_before_is_nobodys() -> None:
    modules = loaded()
    before = keep(("later.send",), modules=modules)
    modules["later"] = ModuleType("later")
    modules["later"].__dict__["send"] = len

    assert replaced(before, modules=modules) == []


def test_look_up__runs_no_code_of_the_package() -> None:
    class Trap(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    modules: dict[str, ModuleType] = {"trap": Trap("trap")}

    assert keep(("trap.send",), modules=modules) == {}


def test_keep__knows_the_classes_of_values() -> None:
    assert look_up("talk.wire.settings.__class__.send", loaded()) is Channel.send


def test_watched__names_of_the_standard_library_are_there() -> None:
    modules = {module.__name__: module for module in (builtins, http.client, ssl, subprocess)}
    standard = {name for name in WATCHED if name.rpartition(".")[0].startswith(tuple(modules))}

    assert len(standard) > 10
    assert keep(WATCHED, modules=modules).keys() == standard
