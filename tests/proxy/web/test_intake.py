"""The way into the queue: what is known already never gets there, nor onto our disk."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from models.artifact import ArtifactRef
from models.decision import Decision, ReasonCode, reason
from models.evidence import ProofKind
from models.facts import Facts
from tests.models.examples import proof
from tests.proxy.web.decided import denied, served
from tests.proxy.web.house import House, path_of

WHEEL = "demo-1.0-py3-none-any.whl"


def known(ref: ArtifactRef) -> Decision:
    why = reason(ReasonCode.PROOF_KNOWN_MALICIOUS, advisory="MAL-2026-1")
    return denied(ref, reasons=(why,), evidence=None)


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=-16"}], ids=["file", "a look at its end"])
async def test_start__what_is_known_is_refused_unfetched_and_never_queued(
    house: House, headers: dict[str, str]
) -> None:
    ref = house.upstream.publish(WHEEL, b"bytes of it")
    house.known[ref] = known(ref)
    answer = await house.get(path_of(ref), **headers)
    assert answer.status == 403
    assert "known malicious release (MAL-2026-1)" in answer.reason
    assert house.upstream.fetched == []
    assert await house.store.job_of(ref) is None


async def test_start__the_page_then_shows_it_yanked_with_the_reason(house: House) -> None:
    ref = house.upstream.publish(WHEEL, b"bytes of it")
    older = house.upstream.publish("demo-0.9-py3-none-any.whl", b"an older one")
    await house.decide(served(older))
    house.known[ref] = known(ref)
    await house.get(path_of(ref))
    page = await house.get(
        "/simple/demo/",
        Accept="application/vnd.pypi.simple.v1+json",
        Accept_Encoding="identity",
    )
    yanked = {file["filename"]: file["yanked"] for file in json.loads(page.body)["files"]}
    assert "known malicious release (MAL-2026-1)" in yanked[WHEEL]
    assert not yanked[older.filename]


async def test_start__what_became_known_while_it_was_fetched_is_not_queued(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = house.upstream.publish(WHEEL, b"bytes of it")
    plain = house.door.announced

    async def facts(about: ArtifactRef) -> Facts:
        house.known[ref] = known(ref)
        found = proof(kind=ProofKind.KNOWN_MALICIOUS)
        return replace(await plain(about), findings=(found,))

    monkeypatch.setattr(type(house.door), "announced", property(lambda _: facts))
    answer = await house.get(path_of(ref))
    assert answer.status == 403
    assert await house.store.job_of(ref) is None
