"""Constants worked out: what hides a name shows it, and what would cost too much is left alone."""

from __future__ import annotations

import ast
import base64
import codecs
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.static.folding import fold_binary, fold_call, fold_method
from analyzer.static.values import TEXT_CHARS_MAX, UNKNOWN
from tests.analyzer.static.reading import found, setup_py

CODE = b"import os\nos.system('make')\n"
HEX = CODE.hex()


@pytest.mark.parametrize(
    "expression",
    [
        f"base64.b64decode({base64.b64encode(CODE)!r})",
        f"base64.b64decode({base64.b64encode(CODE)[::-1]!r}[::-1])",
        f"zlib.decompress(base64.b64decode({base64.b64encode(zlib.compress(CODE))!r}))",
        f"bytes.fromhex({HEX!r})",
        f"binascii.unhexlify({HEX!r})",
        f"codecs.decode({codecs.encode(CODE.decode(), 'rot13')!r}, 'rot13')",
        f"''.join(chr(c) for c in {list(CODE)!r})",
        f"''.join(map(chr, {list(CODE)!r}))",
        f"bytes([c ^ 7 for c in {[c ^ 7 for c in CODE]!r}])",
        f"(lambda x: base64.b64decode(x[::-1]))({base64.b64encode(CODE)[::-1]!r})",
        f"__import__('base64').b64decode({base64.b64encode(CODE)!r})",
        f"getattr(base64, 'b64' + 'decode')({base64.b64encode(CODE)!r})",
    ],
)
def test_exec__what_is_decoded_is_read_as_the_code_that_it_is(expression: str) -> None:
    report = setup_py(f"import base64, binascii, codecs, zlib\nexec({expression})\n")

    assert ("static-decode-exec", "build") in found(report)
    assert "build process" in report.sinks


@pytest.mark.parametrize(
    "name",
    [
        "'sys' + 'tem'",
        "'metsys'[::-1]",
        "''.join(['sys', 'tem'])",
        "'s{}m'.format('yste')",
        "'sXystem'.replace('X', '')",
        "base64.b64decode('c3lzdGVt').decode()",
        "chr(115) + 'ystem'",
        "bytes([115, 121, 115, 116, 101, 109]).decode()",
    ],
)
def test_hidden__names_that_are_put_together_are_known(name: str) -> None:
    report = setup_py(f"import base64, os\ngetattr(os, {name})('make')\n")

    assert ("static-hidden-name", "build") in found(report)


@pytest.mark.parametrize(
    ("op", "left", "right"),
    [
        (ast.Mult(), "a", 10**9),
        (ast.Mult(), [0], 10**9),
        (ast.Pow(), 9, 10**9),
        (ast.LShift(), 1, 10**9),
        (ast.Mod(), "%0999999999d", 1),
        (ast.FloorDiv(), 1, 0),
        (ast.Add(), "a", 1),
    ],
)
def test_fold_binary__too_much_or_wrong_is_unknown(op: ast.AST, left: Any, right: Any) -> None:
    assert fold_binary(op, left, right) is UNKNOWN


@pytest.mark.parametrize(
    ("value", "method", "args"),
    [
        ("a" * 10_000, "replace", ["a", "a" * 10_000]),
        ("{:>999999999}", "format", ["a"]),
        ("{0.__class__}", "format", ["a"]),
        ("a" * 10_000, "join", [["b"] * 100_000]),
        (1, "to_bytes", [10**9, "big"]),
        ("a", "no_such_method", []),
    ],
)
def test_fold_method__too_much_or_wrong_is_unknown(
    value: Any, method: str, args: list[Any]
) -> None:
    assert fold_method(value, method, args, {}) is UNKNOWN


def test_fold_call__a_bomb_is_cut_at_the_bound() -> None:
    made = fold_call("zlib.decompress", [zlib.compress(b"\0" * 50_000_000)], {})

    assert made is UNKNOWN or len(made) <= TEXT_CHARS_MAX


_CONSTANTS = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=20),
    st.integers(-5, 300),
    st.none(),
    st.lists(st.integers(0, 255), max_size=5),
)


@given(
    st.sampled_from(
        [
            "base64.b64decode",
            "zlib.decompress",
            "builtins.chr",
            "codecs.decode",
            "builtins.bytes",
            "os.path.join",
        ]
    ),
    st.lists(_CONSTANTS, max_size=3),
)
def test_fold_call__never_raises(name: str, args: list[Any]) -> None:
    fold_call(name, args, {})


@given(
    st.sampled_from(
        [ast.Add(), ast.Sub(), ast.Mult(), ast.Mod(), ast.BitXor(), ast.RShift(), ast.FloorDiv()]
    ),
    _CONSTANTS,
    _CONSTANTS,
)
def test_fold_binary__never_raises(op: ast.AST, left: Any, right: Any) -> None:
    fold_binary(op, left, right)
