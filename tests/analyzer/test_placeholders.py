"""Placeholders: what chance makes up comes out alike, what was meant stays."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.placeholders import MORE, PATHS_MAX, Placeholders

TMP, SHM = "/tmp/", "/dev/shm"  # noqa: S108 - names in a box
PLAIN = Placeholders(project="demo-app", version="1.2.3")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/dev/.bashrc", "~/.bashrc"),
        ("/home/developer/x", "/home/developer/x"),
        ("/home/dev/.cache/demo-app/1.2.3/x", "~/.cache/demo-app/<version>/x"),
        ("/home/dev/.cache/demo_app-v1.2.3.log", "~/.cache/demo_app-v<version>.log"),
        ("/home/dev/demo_app-1_2_3", "~/demo_app-<version>"),
        ("/home/dev/other-11.2.3", "~/other-11.2.3"),
        ("/home/dev/other-1.2.3.4", "~/other-1.2.3.4"),
        ("/usr/bin/python3.11", "/usr/bin/python<python>"),
        ("/home/dev/.local/lib/python3.13/x", "~/.local/lib/python<python>/x"),
        ("/home/dev/x.cpython-311-x86_64.so", "~/x.cpython-<python>-x86_64.so"),
        ("/proc/4711/mem", "/proc/<pid>/mem"),
        (f"{TMP}tmpab12_xyz/payload", f"{TMP}tmp<random>/payload"),
        (f"{TMP}ccQ3x9Zq.s", f"{TMP}cc<random>.s"),
        (f"{TMP}state-17.sock", f"{TMP}state-<n>.sock"),
        (f"{TMP}payload", f"{TMP}payload"),
        ("/home/dev/notes-17", "~/notes-17"),
        ("/home/dev/log-1700000000.txt", "~/log-<n>.txt"),
        (f"/home/dev/{'0123456789abcdef' * 4}.bin", "~/<hash>.bin"),
        ("/home/dev/a1b2c3d4.bin", "~/<hash>.bin"),
        ("/home/dev/deadbeef.bin", "~/deadbeef.bin"),
        ("/home/dev/12345678-1234-1234-1234-1234567890ab", "~/<random>"),
        (f"{SHM}/sem.aB3dE9", f"{SHM}/sem.<random>"),
    ],
)
def test_path__what_chance_made_up_is_replaced_and_nothing_else(path: str, expected: str) -> None:
    assert PLAIN.path(path) == expected


def test_path__a_short_version_is_replaced_only_behind_the_name() -> None:
    plain = Placeholders(project="demo", version="3")
    assert plain.path("/home/dev/demo-3.log") == "~/demo-<version>.log"
    assert plain.path("/home/dev/part-3.log") == "~/part-3.log"


def test_path__a_temporary_name_of_hexadecimal_digits_is_like_any_other() -> None:
    names = {PLAIN.path(f"{TMP}x-{made_up}") for made_up in ("a1b2c3d4", "zq_x81_w", "abcdefgh")}
    assert names == {f"{TMP}x-<random>"}


@given(st.sampled_from(["", "x-", "build."]), st.sampled_from(["", ".log", ".tar.gz"]))
def test_path__two_temporary_files_of_one_form_are_one(prefix: str, suffix: str) -> None:
    names = set()
    for _ in range(5):
        with tempfile.NamedTemporaryFile(prefix=prefix or None, suffix=suffix or None) as file:
            names.add(PLAIN.path(f"{TMP}{Path(file.name).name}"))
    assert len(names) == 1


@given(st.sampled_from(["1.0", "2.10.1", "0.9rc1"]), st.sampled_from(["3.0", "10.2.1", "1!4.5"]))
def test_path__a_version_bump_makes_no_difference(old: str, new: str) -> None:
    def shown(version: str) -> str:
        return Placeholders(project="demo", version=version).path(f"/home/dev/demo/{version}/x")

    assert shown(old) == shown(new)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("Files.Example.ORG.", "files.example.org"),
        ("s3-eu-west-1.amazonaws.com", "s3-eu-west-1.amazonaws.com"),
        (f"{uuid.UUID(int=5)}.example.test", "<random>.example.test"),
        ("nbswy3dpeb3w64tmmqqhi2djmqwaufrg.mfxgkids.sink.test", "<data>.mfxgkids.sink.test"),
        ("6b6579.0a1b2c3d4e5f60718293a4b5.sink.test", "6b6579.<data>.sink.test"),
        ("a1b2c3d4.b1c2d3e4.sink.test", "<hash>.sink.test"),
    ],
)
def test_host__labels_that_carry_data_are_one(host: str, expected: str) -> None:
    assert PLAIN.host(host) == expected


def test_path__beyond_its_bound_paths_are_only_more_and_known_ones_stay() -> None:
    plain = Placeholders(project="demo", version="1.0")
    for number in range(PATHS_MAX):
        plain.path(f"/home/dev/{number}")
    assert plain.path("/home/dev/another") == MORE
    assert plain.path("/home/dev/7") == "~/7"
