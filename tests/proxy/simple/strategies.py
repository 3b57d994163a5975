"""Hypothesis strategies for pages that an index may hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from models.artifact import Sha256
from proxy.simple.page import IndexFile, ProjectPage

CALM = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no reason to fail: pages are large values, and 50 of them are many."""

BASE_URL = "https://index.test/simple/demo/"

hex64 = st.text("0123456789abcdef", min_size=64, max_size=64)
printable = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
"""What `str.isprintable` calls so; made, for filtering it out of all characters wears out."""
line = st.text(printable, min_size=1, max_size=40).filter(str.strip)
words = line.map(lambda text: " ".join(text.split())).filter(bool)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
extras = st.dictionaries(st.text(max_size=8).map(lambda text: f"x-{text}"), json_values, max_size=3)
filenames = st.builds(
    "demo-{}.{}{}".format,
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["-py3-none-any.whl", ".tar.gz", "+local.1-py3-none-any.whl", ".zip", ".egg"]),
)


@st.composite
def files(draw: st.DrawFn, *, html: bool = False) -> IndexFile:
    """A file; with `html`, one that loses nothing in an HTML page."""
    filename = draw(filenames)
    sha256 = draw(st.none() | hex64)
    hashes = {} if sha256 is None else {"sha256": sha256}
    moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds are naive)
    return IndexFile(
        filename=filename,
        url=f"https://files.test/{draw(st.integers(0, 9))}/{filename.replace('+', '%2B')}",
        sha256=None if sha256 is None else Sha256(sha256),
        hashes=hashes,
        size=None if html else draw(st.none() | st.integers(0, 2**40)),
        upload_time=None if html else draw(st.none() | moments),
        requires_python=draw(st.none() | words),
        yanked=draw(st.booleans() | line),
        core_metadata=draw(st.booleans() | hex64),
        extra={} if html else draw(extras),
    )


@st.composite
def pages(draw: st.DrawFn, *, html: bool = False) -> ProjectPage:
    """A page; with `html`, one that loses nothing in an HTML page."""
    status = draw(st.sampled_from(["", "active", "archived", "quarantined", "deprecated"]))
    entries = draw(st.lists(files(html=html), max_size=4))
    sized = all(entry.size is not None for entry in entries)
    return ProjectPage(
        name=canonicalize_name("demo"),
        files=tuple(entries),
        versions=() if html else tuple(draw(st.lists(line, max_size=3, unique=True))),
        status=status,
        status_reason=draw(line) if status else "",
        api_version=draw(st.sampled_from(["1.0", "1.1", "1.4"])) if sized else "1.0",
        extra={} if html else draw(extras),
        extra_meta={} if html else draw(extras),
    )
