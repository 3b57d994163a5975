"""Metadata out of evidence: announced where it is stored, and served as announced."""

from __future__ import annotations

import json

from models.artifact import ArtifactRef
from models.canonical import digest_of, digest_of_bytes
from models.evidence import Analyzer, Evidence, Layer
from models.work import Priority
from proxy.facts import gather
from tests.proxy.web.decided import held, served, sha256_of
from tests.proxy.web.house import House, path_of, unavailable

WHEEL = "demo-1.0-py3-none-any.whl"
TEXT = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
JSON = "application/vnd.pypi.simple.v1+json"


async def analysed(house: House) -> tuple[ArtifactRef, Evidence]:
    ref = house.upstream.publish(WHEEL, b"wheel")
    now = house.clock.now
    facts = gather(house.upstream.pages["demo"], ref, now)
    await house.store.enqueue(ref, size_bytes=5, facts=facts, priority=Priority.FILE, now=now)
    assert await house.store.lease(worker="box-1", lease_id="l1", now=now)
    evidence = Evidence(
        sha256=ref.sha256,
        filename=ref.filename,
        size_bytes=5,
        analyzer=Analyzer(version="1", python="3.11", platform="linux", worker="box-1"),
        observed_at=now,
        duration_ms=1,
        layers=(Layer.METADATA,),
        metadata_digest=digest_of_bytes(TEXT),
    )
    await house.store.complete(
        "l1",
        worker="box-1",
        evidence=evidence,
        blobs=[(digest_of_bytes(TEXT), TEXT)],
        now=now,
    )
    return ref, evidence


async def announced(house: House) -> object:
    answer = await house.get("/simple/demo/", Accept=JSON, Accept_Encoding="identity")
    return json.loads(answer.body)["files"][0].get("core-metadata")


async def test_metadata__of_an_approved_wheel_is_announced_and_served(house: House) -> None:
    ref, evidence = await analysed(house)
    assert not await announced(house)
    await house.decide(served(ref, evidence=digest_of(evidence)))
    assert await announced(house) == {"sha256": sha256_of(TEXT)}
    answer = await house.get(f"{path_of(ref)}.metadata")
    assert (answer.status, answer.body) == (200, TEXT)
    again = await house.get(f"{path_of(ref)}.metadata", If_None_Match=answer.headers["ETag"])
    assert again.status == 304


async def test_metadata__of_a_refused_wheel_is_refused(house: House) -> None:
    ref, evidence = await analysed(house)
    await house.decide(held(ref, evidence=digest_of(evidence)))
    answer = await house.get(f"{path_of(ref)}.metadata")
    assert answer.status == 403
    assert TEXT not in answer.body


async def test_metadata__upstream_down_is_no_matter(house: House) -> None:
    ref, evidence = await analysed(house)
    await house.decide(served(ref, evidence=digest_of(evidence)))
    house.upstream.fault = unavailable()
    assert (await house.get(f"{path_of(ref)}.metadata")).body == TEXT
