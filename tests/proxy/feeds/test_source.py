"""Naming feeds: a folder, a file, a URL, and what is refused."""

from __future__ import annotations

import pytest

from models.errors import ValueInvalid
from proxy.feeds.source import SourceKind, parse_source, parse_sources


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("https://feeds.invalid/PyPI/all.zip", "pypi-all", SourceKind.URL),
        ("https://feeds.invalid/", "feed", SourceKind.URL),
        ("ossf=https://feeds.invalid/a.zip?x=1", "ossf", SourceKind.URL),
        ("/data/malicious_pypi.jsonl.gz", "malicious-pypi", SourceKind.LOCAL),
        ("/data/advisory-database", "advisory-database", SourceKind.LOCAL),
        ("mine=/data/x", "mine", SourceKind.LOCAL),
        ("http://127.0.0.1:9/x.tar.gz", "x", SourceKind.URL),
    ],
)
def test_parse_source__names_itself_or_is_named(text: str, name: str, kind: SourceKind) -> None:
    source = parse_source(text)
    assert (source.name, source.kind) == (name, kind)


@pytest.mark.parametrize(
    "text", ["", "x=", "http://feeds.invalid/x.zip", "ftp://x.invalid/y", "https://"]
)
def test_parse_source__what_anybody_could_change_or_nobody_fetch_is_refused(text: str) -> None:
    with pytest.raises(ValueInvalid):
        parse_source(text)


def test_parse_source__credentials_are_not_shown() -> None:
    source = parse_source("https://me:secret@feeds.invalid/x.zip")
    assert source.shown == "https://feeds.invalid/x.zip"


def test_parse_sources__several_have_commas_between_and_different_names() -> None:
    sources = parse_sources("a=/x, b=/y,")
    assert [source.name for source in sources] == ["a", "b"]
    assert parse_sources("") == ()
    with pytest.raises(ValueInvalid, match="Two feeds"):
        parse_sources("/x/all.zip,/y/all.zip")
