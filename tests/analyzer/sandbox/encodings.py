"""Ways in which a thief may write what it sends; each a function of the bytes that hold the secret."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import zlib
from collections.abc import Callable
from io import BytesIO
from urllib.parse import quote, quote_plus
from zipfile import ZIP_DEFLATED, ZipFile

Encoding = Callable[[bytes], bytes]


def _per_byte(pattern: str) -> Encoding:
    return lambda data: "".join(pattern.format(byte) for byte in data).encode()


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def _zip(data: bytes) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        archive.writestr("loot/credentials", data)
    return buffer.getvalue()


def _text(encoding: str) -> Encoding:
    return lambda data: data.decode("latin-1").encode(encoding)


TEXTUAL: dict[str, Encoding] = {
    "plain": bytes,
    "hex": lambda data: data.hex().encode(),
    "HEX": lambda data: data.hex().upper().encode(),
    "hex with colons": lambda data: data.hex(":").encode(),
    "hex with spaces": lambda data: data.hex(" ").encode(),
    "hex as \\x": _per_byte("\\x{:02x}"),
    "hex as 0x": _per_byte("0x{:02x}, "),
    "decimal": _per_byte("{:d},"),
    "HTML entities": _per_byte("&#{:d};"),
    "base64": base64.b64encode,
    "base64 urlsafe": base64.urlsafe_b64encode,
    "base64 quoted": lambda data: quote(base64.b64encode(data), safe="").encode(),
    "base64 of base64": lambda data: base64.b64encode(base64.b64encode(data)),
    "base64 of base64 of base64": lambda data: base64.b64encode(
        base64.b64encode(base64.b64encode(data))
    ),
    "base64 of hex": lambda data: base64.b64encode(data.hex().encode()),
    "base64 of reversed": lambda data: base64.b64encode(data[::-1]),
    "base64 reversed": lambda data: base64.b64encode(data)[::-1],
    "base64 of UTF-16": lambda data: base64.b64encode(_text("utf-16-le")(data)),
    "hex of base64": lambda data: base64.b64encode(data).hex().encode(),
    "base32": base64.b32encode,
    "base32 lower": lambda data: base64.b32encode(data).lower(),
    "base85": base64.b85encode,
    "ascii85": base64.a85encode,
    "quoted": lambda data: quote(data, safe="").encode(),
    "quoted as a form": lambda data: quote_plus(data).encode(),
    "quoted through and through": _per_byte("%{:02X}"),
    "JSON": lambda data: json.dumps(data.decode("latin-1")).encode(),
    "JSON escapes": _per_byte("\\u{:04x}"),
    "reversed": lambda data: data[::-1],
    "gzip in base64": lambda data: base64.b64encode(gzip.compress(data)),
    "zlib in base64": lambda data: base64.b64encode(zlib.compress(data)),
    "zlib in urlsafe base64": lambda data: base64.urlsafe_b64encode(zlib.compress(data)),
    "deflate in base64": lambda data: base64.b64encode(_raw_deflate(data)),
    "gzip in hex": lambda data: gzip.compress(data).hex().encode(),
    "gzip in quoted base64": lambda data: quote(base64.b64encode(gzip.compress(data)), "").encode(),
    "xor in base64": lambda data: base64.b64encode(bytes(byte ^ 0x5A for byte in data)),
    "xor in hex": lambda data: bytes(byte ^ 0x21 for byte in data).hex().encode(),
}
"""Of printable characters without line breaks, so that they fit anywhere."""

BINARY: dict[str, Encoding] = {
    "base64 in lines": base64.encodebytes,
    "base64 in JSON lines": lambda data: json.dumps(base64.encodebytes(data).decode()).encode(),
    "base64 in quoted lines": lambda data: quote(base64.encodebytes(data)).encode(),
    "UTF-16": _text("utf-16"),
    "UTF-16 big": _text("utf-16-be"),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "deflate": _raw_deflate,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": _zip,
    "gzip of gzip": lambda data: gzip.compress(gzip.compress(data)),
    "gzip of base64": lambda data: gzip.compress(base64.b64encode(data)),
    "xor": lambda data: bytes(byte ^ 0xA7 for byte in data),
}
ENCODINGS = TEXTUAL | BINARY
