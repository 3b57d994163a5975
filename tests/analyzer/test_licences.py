"""What core metadata states of a licence, in the ways of twenty years."""

from __future__ import annotations

import pytest

from analyzer.licences import LICENCE_CHARS_MAX, stated_licence
from analyzer.metadata import read_core_metadata

OSI = "License :: OSI Approved :: "


@pytest.mark.parametrize(
    ("expression", "free", "classifiers", "stated"),
    [
        ("mit or apache-2.0", "", (), "MIT OR Apache-2.0"),
        ("MIT", "GPL-3.0-only", (OSI + "ISC License (ISCL)",), "MIT"),
        ("", "BSD-3-Clause", (), "BSD-3-Clause"),
        ("", "MIT License", (OSI + "MIT License",), "MIT"),
        ("", "", (OSI + "MIT License", "Topic :: Utilities"), "MIT"),
        (
            "",
            "",
            (OSI + "MIT License", OSI + "Mozilla Public License 2.0 (MPL 2.0)"),
            "MIT AND MPL-2.0",
        ),
        ("", "", (OSI.removesuffix(" :: "), OSI + "MIT License"), "MIT"),
        ("", "", (OSI + "Apache Software License",), "Apache Software License"),
        ("", "BSD", (OSI + "BSD License",), "BSD"),
        ("", "  The MIT Licence\n\nPermission is hereby granted", (), "The MIT Licence"),
        ("not an expression", "", (), "not an expression"),
        ("", "", ("License :: Other/Proprietary License",), "Other/Proprietary License"),
        ("", "", ("Topic :: Utilities",), ""),
        ("", "", (OSI.removesuffix(" :: "),), ""),
    ],
)
def test_stated_licence(
    expression: str, free: str, classifiers: tuple[str, ...], stated: str
) -> None:
    assert stated_licence(expression=expression, free=free, classifiers=classifiers) == stated


def test_stated_licence__is_bounded() -> None:
    assert (
        len(stated_licence(expression="", free="x" * 10_000, classifiers=())) == LICENCE_CHARS_MAX
    )
    nested = "(" * 5_000 + "MIT" + ")" * 5_000
    assert stated_licence(expression=nested, free="", classifiers=()).startswith("(((")


def test_read_core_metadata__reads_it() -> None:
    text = b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nLicense-Expression: mit\n"
    assert read_core_metadata(text, lambda *_: None).licence == "MIT"
