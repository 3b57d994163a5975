"""Every client gets the type that it asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.simple.negotiate import UPSTREAM_ACCEPT, Format, choose
from tests.proxy.simple.strategies import CALM

J, H, L = Format.JSON_V1, Format.HTML_V1, Format.HTML_LEGACY
PIP = f"{J}, {H}; q=0.1, {L}; q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, L),
        ("", L),
        ("*/*", L),
        (PIP, J),
        (f"{J}, {H};q=0.2, {L};q=0.01", J),
        (f"{J}, */*;q=0.1", J),
        ("text/html", L),
        (BROWSER, L),
        (str(J), J),
        (str(H), H),
        (f"{J};q=0.1, {H};q=0.9", H),
        (f"{J};q=0, */*", L),
        (f"{L};q=0, {H};q=0, */*;q=0.5", J),
        ("application/*", J),
        ("text/*", L),
        ("application/vnd.pypi.simple.latest+json", J),
        ("application/vnd.pypi.simple.latest+html", H),
        (str(J).upper(), J),
        (f"{H}, {J}", J),
        ("application/json", None),
        ("application/vnd.pypi.simple.v2+json", None),
        (f"{J};q=0", None),
        (f"{J};q=nonsense", None),
        (f"{J};q=nan", None),
        (f"{J};q=", None),
        (f"{J};q=9", J),
        ("image/png", None),
        (UPSTREAM_ACCEPT, J),
    ],
)
def test_choose__follows_the_header(accept: str | None, expected: Format | None) -> None:
    assert choose(accept) is expected


@CALM
@given(st.text(max_size=100))
def test_choose__never_fails(accept: str) -> None:
    assert choose(accept) in {J, H, L, None}


def test_content_type__only_html_has_a_charset() -> None:
    assert J.content_type == "application/vnd.pypi.simple.v1+json"
    assert H.content_type == "application/vnd.pypi.simple.v1+html; charset=utf-8"
    assert L.content_type == "text/html; charset=utf-8"
