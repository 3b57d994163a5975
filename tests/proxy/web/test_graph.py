"""The picture of a decision's graph: from what it rests on, under headers that let it do nothing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from analyzer.graph.joined import pack
from analyzer.graph.svg import STYLE, STYLE_HASH
from models.canonical import Digest, digest_of, digest_of_bytes
from models.evidence import Layer
from models.facts import Facts, FactSignal
from proxy.sources.graph import TREE_SIGNAL
from tests.analyzer.graph.examples import joined, tree_of
from tests.proxy.web.decided import served
from tests.proxy.web.house import House
from tests.proxy.web.test_people import HOSTILE, NEW_REF, with_evidence


async def decided(house: House, *, digest: str | None, text: str = "plain") -> str:
    """A decision on evidence and facts; its page's path."""
    evidence = await with_evidence(house, text=text)
    signals: tuple[FactSignal, ...] = ()
    if digest is not None:
        signals = (
            FactSignal(name=TREE_SIGNAL, layer=Layer.PROVENANCE, value=digest, source="graph"),
        )
    facts = Facts(ref=NEW_REF, as_of=house.clock.now, signals=signals)
    await house.store.put_facts(facts)
    decision = replace(
        served(NEW_REF), evidence_digest=digest_of(evidence), facts_digest=digest_of(facts)
    )
    await house.decide(decision)
    return f"/v/{decision.id}"


async def test_graph__is_the_tree_that_facts_name(house: House) -> None:
    packed = pack(joined(tree_of("demo > deeper", root="demo")))
    await house.store.put_blob(digest_of_bytes(packed), packed)
    path = await decided(house, digest=digest_of_bytes(packed))
    page = (await house.get(path)).body.decode()
    assert f'src="{path.removeprefix("/v/")}/graph.svg"' in page
    answer = await house.get(f"{path}/graph.svg")
    assert answer.status == 200
    assert "deeper" in answer.body.decode()
    ET.fromstring(answer.body)  # noqa: S314 - our own output


@pytest.mark.parametrize("digest", [None, digest_of_bytes(b"not kept")])
async def test_graph__without_one_is_what_was_installed_beside_it(
    house: House, digest: str | None
) -> None:
    path = await decided(house, digest=digest)
    answer = await house.get(f"{path}/graph.svg")
    assert answer.status == 200
    assert "plain" in answer.body.decode()


async def test_graph__a_blob_of_another_kind_is_no_graph(house: House) -> None:
    await house.store.put_blob(digest_of_bytes(b"other"), b"other")
    path = await decided(house, digest=Digest(digest_of_bytes(b"other")))
    assert (await house.get(f"{path}/graph.svg")).status == 200


async def test_graph__nothing_known_is_not_found_and_not_on_the_page(house: House) -> None:
    decision = served(NEW_REF)
    await house.decide(decision)
    assert "graph.svg" not in (await house.get(f"/v/{decision.id}")).body.decode()
    assert (await house.get(f"/v/{decision.id}/graph.svg")).status == 404
    assert (await house.get("/v/aaaaaaaaaa/graph.svg")).status == 404


async def test_graph__headers_let_it_do_nothing(house: House) -> None:
    path = await decided(house, digest=None, text=HOSTILE)
    answer = await house.get(f"{path}/graph.svg")
    assert answer.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src '{STYLE_HASH}'")
    assert "unsafe" not in policy
    text = answer.body.decode()
    assert f"<style>{STYLE}</style>" in text
    assert "<script" not in text
    assert "<img" not in text
