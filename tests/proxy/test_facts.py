"""Facts say what the index said; what it cannot say is named as missing."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from packaging.utils import canonicalize_name

from models.artifact import Sha256, parse_ref
from proxy.facts import gather
from proxy.simple.page import IndexFile, ProjectPage

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SHA = Sha256("ab" * 32)
WHEEL = "requests-2.0-py3-none-any.whl"
REF = parse_ref("main", "requests", SHA, WHEEL)


def file(filename: str = WHEEL, **keys: object) -> IndexFile:
    entry = IndexFile(
        filename=filename,
        url=f"https://files.test/{filename}",
        sha256=SHA if filename == WHEEL else Sha256("cd" * 32),
        size=7,
        upload_time=datetime(2026, 1, 1, tzinfo=UTC),
        requires_python=">=3.8",
    )
    return msgspec.structs.replace(entry, **keys)


def page(*files: IndexFile, api_version: str = "1.1") -> ProjectPage:
    return ProjectPage(name=canonicalize_name("requests"), files=files, api_version=api_version)


def test_gather__reads_file_release_and_project() -> None:
    old = file("requests-1.0.tar.gz", upload_time=datetime(2020, 1, 1, tzinfo=UTC))
    sdist = file("requests-2.0.tar.gz")
    facts = gather(page(file(yanked="why"), sdist, old), REF, NOW)
    assert (facts.ref, facts.as_of) == (REF, NOW)
    assert (facts.size_bytes, facts.requires_python, facts.yanked) == (7, ">=3.8", True)
    assert (facts.age_days, facts.project_age_days) == (1, 2193)
    assert (facts.project_release_count, facts.project_file_count) == (2, 3)
    assert facts.release_has_sdist is True
    assert facts.popularity_rank in range(1, 100)
    assert facts.missing == ("attested",)


def test_gather__another_releases_sdist_is_not_this_ones() -> None:
    assert gather(page(file(), file("requests-1.0.tar.gz")), REF, NOW).release_has_sdist is False


@pytest.mark.parametrize(
    ("api_version", "missing"),
    [
        ("1.0", ("attested", "project_first_upload", "size_bytes", "upload_time")),
        ("1.1", ("attested",)),
        ("1.3", ()),
    ],
)
def test_gather__absent_is_told_from_missing_by_what_the_index_speaks_of(
    api_version: str, missing: tuple[str, ...]
) -> None:
    bare = file(size=None, upload_time=None, requires_python=None)
    facts = gather(page(bare, api_version=api_version), REF, NOW)
    assert (facts.size_bytes, facts.upload_time, facts.requires_python) == (None, None, None)
    assert facts.missing == missing


@pytest.mark.parametrize(
    ("extra", "sibling", "api_version", "expected"),
    [
        ({"provenance": "https://p.test/"}, {}, "1.1", True),
        ({"provenance": None}, {}, "1.1", False),
        ({}, {"provenance": "https://p.test/"}, "1.1", False),
        ({}, {}, "1.3", False),
        ({}, {}, "1.1", None),
    ],
)
def test_gather__attested_is_true_false_or_unknown(
    extra: dict[str, object], sibling: dict[str, object], api_version: str, expected: bool | None
) -> None:
    files = (file(extra=extra), file("requests-1.0.tar.gz", extra=sibling))
    assert gather(page(*files, api_version=api_version), REF, NOW).attested is expected


def test_gather__a_file_that_is_not_listed_has_the_facts_of_its_project() -> None:
    facts = gather(page(file("requests-1.0.tar.gz")), REF, NOW)
    assert facts.project_file_count == 1
    assert (facts.size_bytes, facts.upload_time, facts.attested) == (None, None, None)
    assert facts.missing == ("attested", "requires_python", "size_bytes", "upload_time", "yanked")


def test_gather__the_same_page_and_time_give_the_same_facts() -> None:
    assert gather(page(file()), REF, NOW) == gather(page(file()), REF, NOW)
