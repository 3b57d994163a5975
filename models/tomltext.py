"""TOML text into plain values: what the parser cannot bear is a mistake of the text like any other."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from models.errors import ValueInvalid

KEY_PARTS_MAX = 16
"""Parts of a dotted key. tomllib keeps every prefix of a key: its memory grows with the square of
the parts, and 200 KB of `a.a.a` take more than a machine has."""

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_LONG_KEY = re.compile(
    rf"(?:^|[\[{{,])[ \t]*(?:{_PART}[ \t]*\.[ \t]*){{{KEY_PARTS_MAX}}}", re.MULTILINE
)


def read_toml(text: str) -> dict[str, Any]:
    """The values of a document. Raises ValueInvalid, whose words name the line where one is known."""
    long_key = _LONG_KEY.search(text)
    if long_key:
        line = text.count("\n", 0, long_key.start() + 1) + 1
        raise ValueInvalid(f"A key has more than {KEY_PARTS_MAX} parts (at line {line}, column 1).")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueInvalid("Its values are nested too deeply.") from error
    except (
        ValueError
    ) as error:  # TOMLDecodeError, and plain ones of numbers and dates beyond Python's
        raise ValueInvalid(str(error)) from error
