"""A project name in the forms in which it is compared: without separators, affixes, digits, plurals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from analyzer.confusion.words import AFFIXES, GLUED_BEFORE, GLUED_BEHIND, LOOK_ALIKE, SOUNDS

NAME_CHARS_MAX = 80
"""Characters that are compared; the longest listed name has 64."""
CORE_CHARS_MIN = 3
"""Characters that must be left where an affix is taken off."""

_RUNS = re.compile(r"(.)\1+")
_VERSION = re.compile(r"-?v?[0-9]+\Z")
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """All forms of one name. Every one is computed from `name` alone."""

    name: str
    """Normalised (PEP 503)."""
    tokens: tuple[str, ...]
    joined: str
    """Without separators."""
    ordered: str
    """Tokens in alphabetical order, each closed by a separator."""
    singular: str
    """Joined tokens without a closing `s`, and every run of one letter cut to one."""
    undigited: str
    """Joined without a number at its end."""
    core: str
    """Joined without affixes and without a number at its end."""
    collapsed: str
    """Joined, every run of one letter cut to one."""
    skeleton: str
    """Joined, everything that looks alike written alike."""
    sound: str
    """Joined, everything that sounds alike written alike."""


@lru_cache(maxsize=4096)
def forms_of(name: str) -> Forms:
    """The forms of `name`, in any spelling; only the first NAME_CHARS_MAX characters count."""
    normal = _SEPARATORS.sub("-", name[:NAME_CHARS_MAX]).lower().strip("-")
    tokens = tuple(normal.split("-"))
    joined = "".join(tokens)
    return Forms(
        name=normal,
        tokens=tokens,
        joined=joined,
        ordered="-".join(sorted(tokens)),
        singular=collapsed("".join(_singular(token) for token in tokens)),
        undigited=undigited(normal),
        core=_core(tokens),
        collapsed=collapsed(joined),
        skeleton=_rewritten(joined, LOOK_ALIKE),
        sound=collapsed(_rewritten(joined, SOUNDS)),
    )


def collapsed(text: str) -> str:
    """Every run of one character cut to one."""
    return _RUNS.sub(r"\1", text)


def undigited(name: str) -> str:
    """`name` without a number at its end, joined; as it is where too little would be left."""
    cut = _VERSION.sub("", name).replace("-", "")
    return cut if len(cut) >= CORE_CHARS_MIN else name.replace("-", "")


def _singular(token: str) -> str:
    return token[:-1] if len(token) > 3 and token.endswith("s") else token


def _core(tokens: tuple[str, ...]) -> str:
    kept = [token for token in tokens if token not in AFFIXES]
    text = undigited("-".join(kept)) if kept else "".join(tokens)
    for before in GLUED_BEFORE:
        if text.startswith(before) and len(text) - len(before) >= CORE_CHARS_MIN + 1:
            text = text.removeprefix(before)
            break
    for behind in GLUED_BEHIND:
        if text.endswith(behind) and len(text) - len(behind) >= CORE_CHARS_MIN + 1:
            return text.removesuffix(behind)
    return text


def _rewritten(text: str, table: tuple[tuple[str, str], ...]) -> str:
    for what, into in table:
        text = text.replace(what, into)
    return text
