"""Licences: whether a stated one, an SPDX expression or other words, is among those of a policy."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

_TOKENS = re.compile(r"[()]|[^\s()]+")
_WORDS = frozenset({"(", ")", "AND", "OR", "WITH"})

Allowed = Callable[[str], bool]


@lru_cache(maxsize=4096)
def spdx_of(text: str) -> str:
    """The canonical form of an SPDX expression; empty where it is none."""
    try:
        return str(canonicalize_license_expression(text))
    except (InvalidLicenseExpression, ValueError, RecursionError):
        return ""


def names_any(text: str, patterns: tuple[str, ...]) -> bool | None:
    """Whether a licence is named, even as one to choose; None: these words may mean any licence."""
    if matches(text, patterns):
        return True
    spdx = spdx_of(text)
    if not spdx:
        return None
    return any(matches(one, patterns) for one in _TOKENS.findall(spdx) if one not in _WORDS)


def satisfied(text: str, patterns: tuple[str, ...]) -> bool | None:
    """Whether the licences of `patterns` alone suffice; None: these words may mean any licence."""
    if matches(text, patterns):
        return True
    spdx = spdx_of(text)
    if not spdx:
        return None
    return _Reading(_TOKENS.findall(spdx), lambda one: matches(one, patterns)).whole()


def matches(text: str, patterns: tuple[str, ...]) -> bool:
    """Whether `text` is one of `patterns`, in any case; `*` stands for any run of characters."""
    folded = text.casefold()
    return any(fnmatchcase(folded, pattern.casefold()) for pattern in patterns)


class _Reading:
    """One expression, read once from left to right; AND binds closer than OR (SPDX 2.3, annex D)."""

    def __init__(self, tokens: list[str], allowed: Allowed) -> None:
        self._tokens = tokens
        self._allowed = allowed
        self._at = 0

    def whole(self) -> bool:
        return self._choice()

    def _choice(self) -> bool:
        found = self._all()
        while self._took("OR"):
            other = self._all()
            found = found or other
        return found

    def _all(self) -> bool:
        found = self._one()
        while self._took("AND"):
            other = self._one()
            found = found and other
        return found

    def _one(self) -> bool:
        if self._took("("):
            found = self._choice()
            self._took(")")
            return found
        name = self._next()
        if self._took("WITH"):
            # An exception only ever permits more.
            return self._allowed(name) | self._allowed(f"{name} WITH {self._next()}")
        return self._allowed(name)

    def _took(self, word: str) -> bool:
        if self._tokens[self._at : self._at + 1] != [word]:
            return False
        self._at += 1
        return True

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]
