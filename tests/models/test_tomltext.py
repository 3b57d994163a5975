"""TOML that its parser cannot bear: told as a mistake, and at once."""

from __future__ import annotations

import pytest

from models.errors import ValueInvalid
from models.tomltext import KEY_PARTS_MAX, read_toml


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = [", "at end of document"),
        ("a = 1\nb = ?", "at line 2"),
        ("a = " + "9" * 5_000, "digits"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "{a = " * 5_000, "nested too deeply"),
        # Each of these would take more memory than a machine has.
        ("a = 1\n" + ".".join("b" * 100_000) + " = 1", "16 parts (at line 2"),
        ("a = 1\n\n  [" + " . ".join("b" * 100_000) + "]\n", "16 parts (at line 3"),
        ("a = {b = 1, " + ".".join(['"\\"."'] * 100_000) + " = 1}", "16 parts (at line 1"),
        ("[[" + ".".join(["'b'"] * 100_000) + "]]", "16 parts (at line 1"),
    ],
)
def test_read_toml__what_cannot_be_read_is_a_mistake_of_the_text(text: str, words: str) -> None:
    with pytest.raises(ValueInvalid) as caught:
        read_toml(text)
    assert words in caught.value.message


def test_read_toml__dots_elsewhere_are_no_key() -> None:
    host = ".".join("b" * 100)
    text = f'# {host}\na = "{host}"\nb = ["{host}", 1.5]\n'
    assert read_toml(text) == {"a": host, "b": [host, 1.5]}


def test_read_toml__a_key_may_have_so_many_parts() -> None:
    assert "b" in read_toml(".".join("b" * KEY_PARTS_MAX) + " = 1")
    with pytest.raises(ValueInvalid):
        read_toml(".".join("b" * (KEY_PARTS_MAX + 1)) + " = 1")
