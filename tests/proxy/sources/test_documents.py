"""Project documents: read with bounds, kept with their age."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from models.errors import UpstreamError, UpstreamInvalid
from proxy.sources.documents import (
    FRESH_S,
    LINKS_MAX,
    PEOPLE_MAX,
    STALE_S,
    ProjectDocuments,
    read_document,
)
from tests.proxy.index.local import answer, local_upstream
from tests.proxy.sources.asked import NOW, Clock
from tests.proxy.sources.test_provenance import client_of

DEMO = canonicalize_name("reenact-demo")
PATH = "/pypi/reenact-demo/json"


def document(**info: Any) -> bytes:
    roles = [{"role": "Owner", "user": "ben"}, {"role": "Owner", "user": "ann"}]
    roles.append({"role": "Maintainer", "user": "kim"})
    return json.dumps(
        {
            "info": {"name": "Reenact_Demo", "version": "1.0"} | info,
            "ownership": {"organization": "demo", "roles": roles},
            "releases": {"1.0": [{"filename": "x"}]},
        }
    ).encode()


def test_read_document__keeps_who_owns_it_and_its_links() -> None:
    read = read_document(
        document(
            home_page="https://demo.test",
            project_urls={
                "Home": "https://demo.test",
                "Source": "https://github.com/a/b",
                "No": None,
            },
            author_email="ann@demo.test",
            description="words",
            classifiers=["a", "b"],
        ),
        DEMO,
    )
    assert (read.owners, read.maintainers, read.organisation) == (("ann", "ben"), ("kim",), "demo")
    assert read.links == ("https://demo.test", "https://github.com/a/b")
    assert (read.described, read.classifiers, read.version) == (True, 2, "1.0")


def test_read_document__an_index_without_owners_names_none() -> None:
    read = read_document(b'{"info":{"name":"reenact-demo","description":"UNKNOWN"}}', DEMO)
    assert (read.owners, read.identity, read.described) == ((), (), False)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"<html>", b'{"info":{"name":"other"}}', b'{"info":{"name":["x"]}}'],
)
def test_read_document__what_is_not_the_projects_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        read_document(body, DEMO)


@given(st.lists(st.text(max_size=30), max_size=PEOPLE_MAX + 20), st.lists(st.text(), max_size=60))
def test_read_document__hostile_words_are_printable_and_bounded(
    people: list[str], links: list[str]
) -> None:
    body = {
        "info": {
            "name": "reenact-demo",
            "project_urls": {str(n): link for n, link in enumerate(links)},
        },
        "ownership": {"roles": [{"role": "Owner", "user": user} for user in people]},
    }
    read = read_document(json.dumps(body).encode(), DEMO)
    assert len(read.owners) <= PEOPLE_MAX
    assert len(read.links) <= LINKS_MAX
    assert all(word.isprintable() for word in (*read.owners, *read.links))


async def test_documents__are_kept_while_fresh_and_may_be_stale_while_upstream_fails() -> None:
    async with local_upstream() as upstream, client_of(upstream) as client:
        clock = Clock()
        documents = ProjectDocuments(client, clock=clock)
        upstream.always[PATH] = answer(document())
        assert (await documents.of(DEMO)).told_at == NOW
        clock.now = NOW + timedelta(seconds=FRESH_S - 1)
        assert (await documents.of(DEMO)).told_at == NOW
        assert len(upstream.seen) == 1

        upstream.always[PATH] = answer(status=503)
        clock.now = NOW + timedelta(seconds=FRESH_S)
        assert (await documents.of(DEMO)).told_at == NOW
        assert len(upstream.seen) == 2

        clock.now = NOW + timedelta(seconds=STALE_S)
        with pytest.raises(UpstreamError):
            await documents.of(DEMO)

        upstream.always[PATH] = answer(document())
        assert (await documents.of(DEMO)).told_at == clock.now


async def test_documents__an_index_without_one_is_no_error() -> None:
    async with local_upstream() as upstream, client_of(upstream) as client:
        assert (await ProjectDocuments(client, clock=Clock()).of(DEMO)).ownership is None
