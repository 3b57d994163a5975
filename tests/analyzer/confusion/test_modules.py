"""Modules that belong to somebody else, and those that belong to nobody."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from analyzer.confusion.modules import COMMON, FINDINGS_MAX, OWNERS, SHARED, taken_modules
from models.evidence import Severity
from models.popularity import rank_of, ranks


@pytest.mark.parametrize(
    ("project", "module", "severity"),
    [
        ("reenact-innocent", "requests", Severity.MEDIUM),
        ("reenact-innocent", "yaml", Severity.MEDIUM),
        ("reenact-innocent", "PIL", Severity.MEDIUM),
        ("reenact-innocent", "charset_normalizer", Severity.MEDIUM),
        ("reenact-innocent", "flask_login", Severity.LOW),
        ("reenact-requests-fork", "requests", Severity.INFO),
        ("pyyaml-reenact", "yaml", Severity.INFO),
        # Nobody's, everybody's, or its own.
        ("reenact-innocent", "reenact_innocent", None),
        ("reenact-innocent", "google", None),
        ("reenact-innocent", "tests", None),
        ("reenact-innocent", "réquests", None),
        ("requests", "requests", None),
        ("pillow-simd", "PIL", None),
        ("opencv-python-headless", "cv2", None),
        ("beautifulsoup4", "bs4", None),
    ],
)
def test_taken_modules__by_owner(project: str, module: str, severity: Severity | None) -> None:
    found = taken_modules(canonicalize_name(project), [module])
    assert [one.severity for one in found] == ([severity] if severity else [])


def test_taken_modules__the_best_known_first_and_bounded() -> None:
    modules = [name.replace("-", "_") for name in list(ranks())[:200]]
    found = taken_modules(canonicalize_name("reenact-innocent"), modules)
    assert len(found) == FINDINGS_MAX
    assert found[0].place.path == "boto3"


def test_owners__are_listed_and_none_is_shared_or_common() -> None:
    assert all(rank_of(canonicalize_name(owners[0])) for owners in OWNERS.values())
    assert not set(OWNERS) & (SHARED | COMMON)
