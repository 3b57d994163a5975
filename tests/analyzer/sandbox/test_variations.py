"""What the second start's variations come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.sandbox import variations
from analyzer.sandbox.protocol import VARIATIONS


def test_varied__nothing_is_nothing() -> None:
    made = variations.varied(())

    assert (made.variables, made.mounts, made.clock, made.speed) == ({}, (), {}, 1)


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("ci", "GITHUB_ACTIONS", "true"),
        ("locale", "LANG", "ru_RU.UTF-8"),
    ],
)
def test_varied__each_changes_its_own_variables(name: str, variable: str, value: str) -> None:
    assert variations.varied((name,)).variables[variable] == value
    others = [other for other in VARIATIONS if other != name]
    assert variable not in variations.varied(others).variables


def test_varied__no_variable_looks_like_a_secret() -> None:
    names = set(variations.varied(VARIATIONS).variables)

    assert not [name for name in names if "TOKEN" in name or "SECRET" in name or "KEY" in name]


@pytest.mark.parametrize(
    ("here", "there", "zone"),
    [
        ("Etc/UTC", True, "Europe/Moscow"),
        ("Europe/Moscow", True, "Asia/Shanghai"),
        ("Etc/UTC", False, "MSK-3"),
    ],
)
def test_timezone__is_another_one_than_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, there: bool, zone: str
) -> None:
    local = tmp_path / "localtime"
    local.symlink_to(tmp_path / here)
    monkeypatch.setattr(variations, "_LOCALTIME", local)
    monkeypatch.setattr(variations, "_ZONE_FILES", tmp_path)
    if there:
        for name, _ in variations.ZONES:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()

    made = variations.varied(("timezone",))

    assert made.variables == {"TZ": zone}
    assert [mount.source for mount in made.mounts] == ([str(tmp_path / zone)] if there else [])
    assert not any(mount.writable for mount in made.mounts)


def test_clock__without_the_library_there_is_no_jump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variations, "_LIBRARIES", tmp_path)

    assert variations.varied(("clock",)).clock == {}
    assert variations.varied(("clock",)).speed == 1


def test_clock__its_variables_are_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variations, "_LIBRARIES", tmp_path)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    library = tmp_path / "aarch64-linux-gnu/faketime/libfaketimeMT.so.1"
    library.parent.mkdir(parents=True)
    library.touch()

    made = variations.varied(VARIATIONS)

    assert made.clock["LD_PRELOAD"] == str(library)
    assert made.clock["FAKETIME"] == "+35d x60"
    assert made.speed == 60
    assert not set(made.clock) & set(made.variables)
