"""Links are claims: against an attested repository they are held, alone they are neutral."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from analyzer.provenance.claims import claim_differs, claimed_repositories
from analyzer.provenance.publisher import Publisher, PublisherKind
from models.evidence import Severity

DEMO = canonicalize_name("reenact-demo")
PUBLISHER = Publisher(kind=PublisherKind.GITHUB, repository="maker/demo")


@pytest.mark.parametrize(
    ("link", "repository"),
    [
        ("https://github.com/Maker/Demo", "maker/demo"),
        ("https://www.github.com/maker/demo.git", "maker/demo"),
        ("https://github.com/maker/demo/issues?q=1#x", "maker/demo"),
        ("https://gitlab.com/group/sub/demo/-/issues", "group/sub/demo"),
        ("https://github.com/sponsors/maker", None),
        ("https://github.com/maker", None),
        ("https://github.com.evil.test/maker/demo", None),
        ("https://maker.github.io/demo/x", None),
        ("https://[broken", None),
        ("not a link", None),
    ],
)
def test_claimed_repositories__are_those_that_links_lead_into(
    link: str, repository: str | None
) -> None:
    assert [name for _, name in claimed_repositories((link,))] == (
        [repository] if repository else []
    )


@pytest.mark.parametrize(
    ("links", "severity"),
    [
        ((), None),
        (("https://demo.test",), None),
        (("https://gitlab.com/other/demo",), None),
        (("https://github.com/maker/demo",), None),
        (("https://github.com/maker/docs",), None),
        (("https://github.com/other/thing", "https://github.com/maker/demo"), None),
        (("https://github.com/other/reenact-thing",), Severity.LOW),
        (("https://github.com/psf/requests",), Severity.MEDIUM),
    ],
)
def test_claim_differs__only_where_no_link_leads_to_the_attested_owner(
    links: tuple[str, ...], severity: Severity | None
) -> None:
    found = claim_differs(DEMO, PUBLISHER, claimed_repositories(links))
    assert [one.severity for one in found] == ([severity] if severity else [])


@given(st.lists(st.text(max_size=40) | st.from_regex(r"https://github\.com/\S{0,30}"), max_size=60))
def test_claimed_repositories__whatever_stands_there_the_names_are_printable(
    links: list[str],
) -> None:
    for _, name in claimed_repositories(links):
        assert name.isascii()
        assert name.isprintable()
