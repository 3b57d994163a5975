"""The licence that core metadata states: an SPDX expression where it is one, else the words as they are.

PEP 639 has `License-Expression`; before it there were a free field and classifiers.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

LICENCE_CHARS_MAX = 200
"""Characters of a stated licence; some packages put the whole text into the field."""
_PREFIX = "License :: "
_OSI = "License :: OSI Approved :: "
_CLASSIFIERS = {
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}
"""Classifiers that mean one licence (PEP 639, appendix); of the others several may be meant."""


def stated_licence(*, expression: str, free: str, classifiers: Iterable[str]) -> str:
    """What is stated, the newest way first; empty where nothing is.

    Several classifiers are joined by AND, which asks for the most: they do not say if one may choose.
    """
    for text in (expression, free):
        spdx = as_spdx(text)
        if spdx:
            return spdx
    named = [
        one for one in classifiers if one.startswith(_PREFIX) and one != _OSI.removesuffix(" :: ")
    ]
    known = [_CLASSIFIERS.get(one.removeprefix(_OSI), "") for one in named]
    if named and all(known):
        return " AND ".join(sorted(set(known)))
    words = (expression, free, *(one.rpartition(" :: ")[2] for one in named))
    return next((first for text in words if (first := _first_line(text))), "")


def as_spdx(text: str) -> str:
    """The canonical form of an SPDX expression; empty where it is none."""
    if not text or len(text) > LICENCE_CHARS_MAX:
        return ""
    try:
        return str(canonicalize_license_expression(text))
    except (InvalidLicenseExpression, ValueError, RecursionError):
        return ""


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0].strip()[:LICENCE_CHARS_MAX] if lines else ""
