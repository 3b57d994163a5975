"""What metadata claims as its repository, from labels and URLs of many hands."""

from __future__ import annotations

import pytest

from analyzer.graph.repository import claimed_repository, repository_of


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/Owner/Name", "github.com/owner/name"),
        ("https://www.github.com/owner/name.git", "github.com/owner/name"),
        ("git+https://gitlab.com/owner/name/-/tree/main", "gitlab.com/owner/name"),
        ("https://github.com/owner", ""),
        ("https://github.com/sponsors/owner", ""),
        ("https://github.com.evil.test/owner/name", ""),
        ("https://evil.test/github.com/owner/name", ""),
        ("ftp://github.com/owner/name", ""),
        ("", ""),
    ],
)
def test_repository_of__a_url(url: str, repository: str) -> None:
    assert repository_of(url) == repository


def test_claimed_repository__is_that_of_the_best_label() -> None:
    urls = [
        ("Funding", "https://github.com/sponsors/me"),
        ("Changelog", "https://github.com/me/docs"),
        ("Source Code", "https://github.com/me/code"),
    ]
    assert claimed_repository(urls) == "github.com/me/code"
    assert claimed_repository(urls[:1]) == ""
