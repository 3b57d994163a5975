"""Constants worked out as the interpreter would: pure, bounded, for the few operations that hide code.

Nothing here runs anything of the artifact: arithmetic, joins, slices and decoders on constants.
"""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import codecs
import lzma
import operator
import urllib.parse
import zlib
from collections.abc import Callable
from typing import Any

from analyzer.static.values import TEXT_CHARS_MAX, UNKNOWN

WORK_CHARS_MAX = 4_000_000
"""Characters that one operation may give before it is looked at: a bound on work, not on results."""
INTEGER_BITS_MAX = 4096
"""Bits of an integer that is worked out: longer ones are work without end."""
_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.FloorDiv: operator.floordiv,
    ast.RShift: operator.rshift,
}
_FAILURES = (
    *(ValueError, TypeError, ArithmeticError, IndexError, KeyError, EOFError, LookupError),
    *(binascii.Error, zlib.error, lzma.LZMAError, OSError, AttributeError, MemoryError),
)
_TEXT_CODECS = frozenset({"rot13", "rot_13", "utf-8", "utf8", "ascii", "latin-1", "latin1", "hex"})
_CODECS = _TEXT_CODECS | {"base64", "base_64", "hex_codec", "utf-16", "utf-16-le", "unicode_escape"}


def fold_binary(op: ast.AST, left: Any, right: Any) -> Any:
    """`left op right` of constants; UNKNOWN where it is too much or fails."""
    try:
        if isinstance(op, ast.Mult):
            return _times(left, right)
        if isinstance(op, ast.Mod):
            return _percent(left, right)
        function = _OPERATORS.get(type(op))
        if function is None or (isinstance(op, ast.RShift) and not isinstance(left, int)):
            return UNKNOWN
        return _bounded(function(left, right))
    except _FAILURES:
        return UNKNOWN


def _times(left: Any, right: Any) -> Any:
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _bounded(left * right)
    size = len(left) * right if isinstance(right, int) else right and len(right) * left
    return left * right if size <= 10_000 else UNKNOWN


def _percent(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        return left % right
    # Widths could ask for a gigabyte: only plain fields.
    if isinstance(left, str) and not any(char.isdigit() or char == "*" for char in left):
        _afford(left.count("%"), right)
        return _bounded(left % right)
    return UNKNOWN


def _afford(times: int, *values: Any) -> None:
    """Raises ValueError where `times` copies of the longest value are too much."""
    longest = 16
    for value in values:
        for item in value if isinstance(value, list | tuple) else (value,):
            longest = max(longest, len(item) if isinstance(item, str | bytes) else 16)
    if times * longest > WORK_CHARS_MAX:
        raise ValueError


def fold_slice(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """`value[start:stop:step]`."""
    try:
        return value[start:stop:step]
    except _FAILURES:
        return UNKNOWN


def fold_index(value: Any, index: Any) -> Any:
    """`value[index]`."""
    try:
        return value[index]
    except _FAILURES:
        return UNKNOWN


def fold_call(name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A decoder or builtin of the standard library, by its dotted name, on constants."""
    function = FUNCTIONS.get(name)
    if function is None:
        return UNKNOWN
    try:
        return _bounded(function(*args, **kwargs))
    except _FAILURES:
        return UNKNOWN


def fold_method(value: Any, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A method of a constant text, bytes or sequence."""
    try:
        if method == "join" and isinstance(value, str | bytes) and len(args) == 1:
            _afford(len(args[0]), value, args[0])
            return _bounded(value.join(args[0]))
        if method == "decode" and isinstance(value, bytes):
            encoding = args[0] if args else "utf-8"
            return value.decode(encoding, "replace") if encoding in _CODECS else UNKNOWN
        if method == "encode" and isinstance(value, str):
            return value.encode("utf-8", "replace")
        if method == "format" and isinstance(value, str):
            return _format(value, args, kwargs)
        if method == "translate" or method not in _METHODS:
            return UNKNOWN
        if method == "to_bytes" and args and args[0] > INTEGER_BITS_MAX:
            return UNKNOWN
        if method == "replace":
            _afford(len(value), args[1])
        if isinstance(value, str | bytes | list | tuple | int):
            return _bounded(getattr(value, method)(*args))
    except _FAILURES:
        return UNKNOWN
    return UNKNOWN


def _format(value: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    # A width in a field could ask for a gigabyte; attributes are nobody's constant.
    if any(mark in value for mark in (":", "!", ".", "[")) and ("{" in value):
        plain = value.count("{") == value.count("{}")
        if not plain:
            return UNKNOWN
    _afford(value.count("{"), *args, *kwargs.values())
    return _bounded(value.format(*args, **kwargs))


_METHODS = frozenset(
    {
        *("replace", "strip", "lstrip", "rstrip", "lower", "upper", "swapcase", "split"),
        *("removeprefix", "removesuffix", "title", "hex", "index", "find", "startswith"),
        *("rsplit", "partition", "rpartition", "splitlines", "to_bytes"),
    }
)


def _bounded(value: Any) -> Any:
    if isinstance(value, str | bytes | list | tuple) and len(value) > TEXT_CHARS_MAX:
        return UNKNOWN
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS_MAX:
        return UNKNOWN
    return value


def _inflate(data: bytes, wbits: int = zlib.MAX_WBITS, *_: Any) -> bytes:
    return zlib.decompressobj(wbits).decompress(data, TEXT_CHARS_MAX)


def _gunzip(data: bytes) -> bytes:
    return _inflate(data, 16 + zlib.MAX_WBITS)


def _unxz(data: bytes, *_: Any) -> bytes:
    return lzma.LZMADecompressor(memlimit=64 << 20).decompress(data, TEXT_CHARS_MAX)


def _bunzip(data: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, TEXT_CHARS_MAX)


def _b64(data: Any, *_: Any, **__: Any) -> bytes:
    return base64.b64decode(data)


def _codec(data: Any, encoding: str = "utf-8", *_: Any) -> Any:
    if encoding.lower() not in _CODECS:
        return UNKNOWN
    return codecs.decode(data, encoding)


def _to_bytes(value: Any = b"", *_: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return b"" if isinstance(value, int) else bytes(value)


def _to_text(value: Any = "", *more: Any) -> str:
    if isinstance(value, bytes) and more:
        return value.decode("utf-8", "replace")
    return str(value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "base64.b64decode": _b64,
    "base64.standard_b64decode": _b64,
    "base64.decodebytes": _b64,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode,
    "base64.b85decode": base64.b85decode,
    "base64.a85decode": base64.a85decode,
    "binascii.a2b_base64": _b64,
    "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_hex": binascii.unhexlify,
    "builtins.bytes.fromhex": bytes.fromhex,
    "builtins.bytearray.fromhex": bytes.fromhex,
    "zlib.decompress": _inflate,
    "gzip.decompress": _gunzip,
    "lzma.decompress": _unxz,
    "bz2.decompress": _bunzip,
    "codecs.decode": _codec,
    "urllib.parse.unquote": urllib.parse.unquote,
    "builtins.chr": chr,
    "builtins.ord": ord,
    "builtins.int": int,
    "builtins.float": float,
    "builtins.round": round,
    "builtins.str": _to_text,
    "builtins.bytes": _to_bytes,
    "builtins.bytearray": _to_bytes,
    "builtins.list": list,
    "builtins.tuple": tuple,
    "builtins.reversed": lambda value: list(reversed(value)),
    "builtins.len": len,
    "builtins.hex": hex,
    "os.path.join": lambda *parts: "/".join(part.rstrip("/") for part in parts),
    "os.path.expanduser": lambda path: path,
    "os.path.expandvars": lambda path: path,
    "os.path.abspath": lambda path: path,
    "os.path.normpath": lambda path: path,
    "os.path.realpath": lambda path: path,
    "os.fspath": lambda path: path,
    "pathlib.Path": lambda *parts: "/".join(part.rstrip("/") for part in parts),
    "pathlib.PurePath": lambda *parts: "/".join(part.rstrip("/") for part in parts),
}
"""Dotted name → what it gives on constants."""

DECODERS = frozenset(
    {
        *(name for name in FUNCTIONS if name.split(".")[0] in ("base64", "binascii", "zlib")),
        *("gzip.decompress", "lzma.decompress", "bz2.decompress", "codecs.decode"),
        *("builtins.bytes.fromhex", "builtins.bytearray.fromhex"),
        *("marshal.loads", "cryptography.fernet.Fernet().decrypt", "brotli.decompress"),
        *("binascii.a2b_uu", "quopri.decodestring", "zlib.decompressobj().decompress"),
    }
)
"""What turns hidden bytes into plain ones."""
