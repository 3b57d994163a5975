"""Every client gets the type that it asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.simple.negotiate import UPSTREAM_ACCEPT, Coding, Format, choose, choose_coding
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


ZSTD, GZIP, PLAIN = Coding.ZSTD, Coding.GZIP, Coding.IDENTITY


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, PLAIN),
        ("", PLAIN),
        ("gzip, deflate", GZIP),
        ("gzip, deflate, br, zstd", ZSTD),
        ("GZIP;q=0.5", GZIP),
        ("x-gzip", GZIP),
        ("zstd;q=0.5, gzip;q=0.8", GZIP),
        ("zstd;q=0.5, gzip;q=0.5", ZSTD),
        ("gzip;q=0.5, identity;q=0.9", PLAIN),
        ("gzip;q=0", PLAIN),
        ("gzip; q=0.000", PLAIN),
        ("gzip;q=nonsense", PLAIN),
        ("*", ZSTD),
        ("*;q=0.5, zstd;q=0", GZIP),
        ("*;q=0", PLAIN),
        ("identity", PLAIN),
        ("identity;q=0", PLAIN),
        ("identity;q=0, gzip;q=0.1", GZIP),
        ("br", PLAIN),
        ("," * 5_000 + "gzip", PLAIN),
    ],
)
def test_choose_coding__follows_the_qualities(header: str | None, expected: Coding) -> None:
    assert choose_coding(header) is expected


def test_choose_coding__offers_only_what_there_is() -> None:
    assert choose_coding("zstd, gzip;q=0.1", (GZIP, PLAIN)) is GZIP
    assert choose_coding("zstd", (PLAIN,)) is PLAIN


@CALM
@given(st.text(max_size=100))
def test_choose_coding__never_fails(header: str) -> None:
    assert choose_coding(header) in set(Coding)
