"""Files: GET, HEAD, Range and .metadata end at the same decision, whatever the spelling."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.artifact import ArtifactRef
from models.decision import Decision, HoldKind, OverrideAction
from models.errors import (
    UpstreamError,
    UpstreamHashMismatch,
    UpstreamInvalid,
    UpstreamTooLarge,
    UpstreamUnavailable,
)
from models.work import Job, JobState, Priority
from proxy.web.delivery import OPENS_MAX
from proxy.web.door import FETCHES_AHEAD_MAX
from tests.proxy.web.decided import START, denied, held, override, proved, ref_of, served, until
from tests.proxy.web.house import PUBLIC_URL, House, open_house, path_of, unavailable

WHEEL = "demo-1.0-py3-none-any.whl"
NEWER = "demo-2.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
DATA = b"PK\x03\x04 the bytes of a wheel that nobody may have " * 40
LARGE = b"\x00\x01large" * 60_000
PIP = "pip/26.3"
UV = "uv/0.13.9"


# -- served -----------------------------------------------------------------------------------
@pytest.mark.parametrize("data", [DATA, LARGE], ids=["from memory", "by sendfile"])
async def test_get__approved_file_comes_whole(house: House, data: bytes) -> None:
    ref = house.upstream.publish(WHEEL, data)
    await house.decide(served(ref))
    for _ in range(2):
        answer = await house.get(path_of(ref))
        assert (answer.status, answer.body) == (200, data)
        assert answer.headers["ETag"] == f'"{ref.sha256}"'
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Content-Length"] == str(len(data))
    assert len(house.upstream.fetched) == 1


@pytest.mark.parametrize("data", [DATA, LARGE], ids=["from memory", "by sendfile"])
@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=8-", 8, None),
        ("bytes=10-19", 10, 20),
        ("bytes=-16", -16, None),
        ("bytes=5-99999999", 5, None),
    ],
)
async def test_get__range_of_an_approved_file(
    house: House, data: bytes, header: str, start: int, stop: int | None
) -> None:
    ref = house.upstream.publish(WHEEL, data)
    await house.decide(served(ref))
    answer = await house.get(path_of(ref), Range=header)
    assert answer.status == 206
    assert answer.body == data[start:stop]
    first = start % len(data)
    assert answer.headers["Content-Range"] == (
        f"bytes {first}-{first + len(answer.body) - 1}/{len(data)}"
    )


async def test_get__range_beyond_the_end_is_416(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    answer = await house.get(path_of(ref), Range=f"bytes={len(DATA)}-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize(("tag", "status"), [("mine", 206), ('"another"', 200)])
async def test_get__if_range_is_the_sha256(house: House, tag: str, status: int) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    tag = f'"{ref.sha256}"' if tag == "mine" else tag
    answer = await house.get(path_of(ref), Range="bytes=3-5", If_Range=tag)
    assert answer.status == status


async def test_get__what_the_client_has_is_304(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    answer = await house.get(path_of(ref), If_None_Match=f'"{ref.sha256}"')
    assert (answer.status, answer.body) == (304, b"")


@pytest.mark.parametrize("data", [DATA, LARGE], ids=["from memory", "by sendfile"])
async def test_head__approved_file_tells_its_length(house: House, data: bytes) -> None:
    ref = house.upstream.publish(WHEEL, data)
    await house.decide(served(ref))
    answer = await house.get(path_of(ref), method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["Accept-Ranges"] == "bytes"


async def test_get__fetch_is_recorded(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    decision = await house.decide(served(ref))
    await house.get(path_of(ref), User_Agent="pip/26.3 {}")
    await house.get(path_of(ref), Range="bytes=0-9")
    await house.get(path_of(ref), method="HEAD")
    rows = await house.fetches(sha256=ref.sha256)
    assert [(row.status, row.requester, row.decision_id) for row in rows] == [
        (206, "ci", decision.id),
        (200, "ci", decision.id),
    ]
    assert rows[1].user_agent == "pip/26.3 {}"
    assert rows[1].address == "127.0.0.1"


async def test_get__upstream_down_is_no_matter_once_the_bytes_are_here(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    await house.upstream.ensure(ref)
    house.upstream.fault = UpstreamUnavailable("The upstream does not answer.")
    assert (await house.get(path_of(ref))).body == DATA


async def test_get__bytes_gone_from_disk_come_again(house: House) -> None:
    ref = house.upstream.publish(WHEEL, LARGE)
    await house.decide(served(ref))
    assert (await house.get(path_of(ref))).body == LARGE
    house.folder.remove(ref.sha256)
    assert (await house.get(path_of(ref))).body == LARGE
    assert len(house.upstream.fetched) == 2


@pytest.mark.parametrize("data", [DATA, LARGE], ids=["small", "large"])
async def test_get__damaged_bytes_are_never_sent_and_come_again(house: House, data: bytes) -> None:
    ref = house.upstream.publish(WHEEL, data)
    await house.decide(served(ref))
    path = await house.upstream.ensure(ref)
    path.chmod(0o644)
    path.write_bytes(b"X" + data[1:])
    answer = await house.get(path_of(ref))
    assert (answer.status, answer.body == data) == (200, True)
    assert len(house.upstream.fetched) == 2
    assert path.read_bytes() == data


@pytest.mark.parametrize("data", [DATA, LARGE], ids=["small", "large"])
async def test_get__damaged_bytes_without_an_upstream_are_an_error(
    house: House, data: bytes
) -> None:
    ref = house.upstream.publish(WHEEL, data)
    await house.decide(served(ref))
    path = await house.upstream.ensure(ref)
    path.chmod(0o644)
    path.write_bytes(b"X" + data[1:])
    house.upstream.fault = unavailable()
    answer = await house.get(path_of(ref))
    assert answer.status == 504
    assert data[10:60] not in answer.body
    house.upstream.fault = None
    assert (await house.get(path_of(ref))).body == data


async def test_get__a_disk_that_damages_every_time_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = house.upstream.publish(WHEEL, LARGE)
    await house.decide(served(ref))
    ensure = house.upstream.ensure

    async def damaging(wanted: ArtifactRef) -> Path:
        path = await ensure(wanted)
        path.chmod(0o644)
        path.write_bytes(b"X" + LARGE[1:])
        return path

    monkeypatch.setattr(house.upstream, "ensure", damaging)
    answer = await house.get(path_of(ref))
    assert answer.status == 403
    assert LARGE[10:60] not in answer.body
    assert len(house.upstream.fetched) == OPENS_MAX


async def test_head__knows_no_ranges(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    for range_ in ("bytes=0-9", "bytes=-10", "bytes=9999999-"):
        answer = await house.get(path_of(ref), method="HEAD", Range=range_)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(DATA))


PROVENANCE = b'{"version": 1, "attestation_bundles": []}'


async def test_provenance__of_an_approved_file_is_upstreams_behind_our_url(house: House) -> None:
    extra = {"provenance": "https://index.invalid/integrity/demo"}
    ref = house.upstream.publish(WHEEL, DATA, extra=extra)
    house.upstream.provenance_of[WHEEL] = PROVENANCE
    decision = await house.decide(served(ref))
    page = await house.get(
        "/simple/demo/",
        Accept="application/vnd.pypi.simple.v1+json",
        Accept_Encoding="identity",
        Host="evil.invalid",
    )
    (entry,) = json.loads(page.body)["files"]
    assert entry["provenance"] == f"{PUBLIC_URL}{path_of(ref)}.provenance"
    answer = await house.get(f"{path_of(ref)}.provenance")
    assert (answer.status, answer.body) == (200, PROVENANCE)
    assert answer.headers["Content-Type"] == "application/vnd.pypi.integrity.v1+json"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Link"] == f'<{PUBLIC_URL}/v/{decision.id}>; rel="describedby"'
    again = await house.get(f"{path_of(ref)}.provenance", If_None_Match=answer.headers["ETag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("decide", [denied, held, proved])
async def test_provenance__of_a_refused_file_is_refused(
    house: House, decide: Callable[[ArtifactRef], Decision]
) -> None:
    ref = house.upstream.publish(WHEEL, DATA, extra={"provenance": "https://index.invalid/p"})
    house.upstream.provenance_of[WHEEL] = PROVENANCE
    await house.decide(decide(ref))
    answer = await house.get(f"{path_of(ref)}.provenance")
    assert answer.status == 403
    assert PROVENANCE not in answer.body


async def test_provenance__of_an_unseen_file_waits_as_the_file_does(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA, extra={"provenance": "https://index.invalid/p"})
    house.upstream.provenance_of[WHEEL] = PROVENANCE
    answer = await house.get(f"{path_of(ref)}.provenance")
    assert (answer.status, answer.headers["Location"]) == (302, "?hop=1")


async def test_provenance__that_nobody_has_is_404(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    assert (await house.get(f"{path_of(ref)}.provenance")).status == 404
    assert (await house.get(f"{path_of(ref)}.provenance.metadata")).status == 404


async def test_get__denial_during_the_record_stops_the_byte(house: House, tmp_path: Path) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    (
        tmp_path / "fetches"
    ).touch()  # no folder: the record goes straight to the store, which takes time
    house.store.record_began.clear()
    house.store.record_may_end.clear()
    task = asyncio.create_task(house.get(path_of(ref)))
    await house.store.record_began.wait()
    await house.decide(denied(ref, as_of=START + timedelta(seconds=1)))
    house.store.record_may_end.set()
    answer = await task
    assert answer.status == 403
    assert DATA[:50] not in answer.body


async def test_get__a_held_store_delays_no_byte(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    house.store.record_may_end.clear()
    async with house.session.get(house.url + path_of(ref)) as answer:
        assert await answer.read() == DATA
    assert await house.store.fetches() == ()
    house.store.record_may_end.set()
    await house.door.fetch_log.flush()
    assert len(await house.fetches()) == 1


async def test_get__store_down_serves_what_is_approved_and_keeps_the_record(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    unseen = house.upstream.publish(NEWER, b"newer")
    await house.decide(served(ref))
    assert (await house.get(path_of(ref))).status == 200
    house.store.down = True
    assert (await house.get(path_of(ref))).body == DATA
    assert house.door.fetch_log.spooling
    assert (await house.get(path_of(unseen))).status == 302
    house.store.down = False
    await until(lambda: not house.door.fetch_log.spooling)
    assert len(await house.fetches()) == 2


# -- refused ----------------------------------------------------------------------------------
REFUSALS = [
    pytest.param(denied, id="block"),
    pytest.param(proved, id="proof"),
    pytest.param(held, id="review"),
    pytest.param(lambda ref: held(ref, HoldKind.AGE), id="age"),
]
REQUESTS = [
    pytest.param("GET", "", {}, id="get"),
    pytest.param("HEAD", "", {}, id="head"),
    pytest.param("GET", "", {"Range": "bytes=-100"}, id="range"),
    pytest.param("GET", "", {"Range": "bytes=99999999-"}, id="range beyond"),
    pytest.param("GET", ".metadata", {}, id="metadata"),
    pytest.param("HEAD", ".metadata", {}, id="head metadata"),
    pytest.param("GET", "", {"If-None-Match": "*"}, id="if-none-match"),
    pytest.param("GET", "?hop=5", {}, id="hop"),
    pytest.param("GET", "?x=../../..", {}, id="query"),
]


@pytest.mark.parametrize("decide", REFUSALS)
@pytest.mark.parametrize(("method", "suffix", "headers"), REQUESTS)
async def test_file__refused_gives_neither_byte_nor_length(
    house: House,
    decide: Callable[[ArtifactRef], Decision],
    method: str,
    suffix: str,
    headers: dict[str, str],
) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    house.upstream.metadata_of[WHEEL] = b"Metadata-Version: 2.1\n"
    await house.upstream.ensure(ref)
    await house.decide(decide(ref))
    answer = await house.get(path_of(ref) + suffix, method=method, **headers)
    assert answer.status == 403
    assert DATA[:40] not in answer.body
    assert "ETag" not in answer.headers
    assert str(len(DATA)) not in (answer.headers.get("Content-Length"), "")
    assert await house.fetches() == ()


async def test_get__refusal_says_why_in_every_way_a_client_can_show(house: House) -> None:
    ref = house.upstream.publish(NEWER, DATA)
    await house.decide(served(house.upstream.publish(WHEEL, b"old")))
    decision = await house.decide(proved(ref))
    answer = await house.get(path_of(ref))
    assert answer.status == 403
    assert answer.reason.isascii()
    assert len(answer.reason) <= 200
    assert answer.reason.startswith("Blocked by pratique: demo 2.0 sent ")
    assert "203.0.113.7" in answer.reason
    assert "Use demo==1.0." in answer.reason
    assert answer.reason.endswith(f"{PUBLIC_URL}/v/{decision.id}")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Link"] == f'<{PUBLIC_URL}/v/{decision.id}>; rel="describedby"'
    body = json.loads(answer.body)
    assert body["status"] == 403
    assert body["title"] == "Blocked by pratique"
    assert body["instance"] == f"/v/{decision.id}"
    assert body["pratique"] == {
        "decision": decision.id,
        "action": "DENY",
        "tier": "BLOCK",
        "score": 10,
        "use": "demo==1.0",
    }


async def test_get__sibling_of_a_proof_links_to_the_proof(house: House) -> None:
    wheel = house.upstream.publish(WHEEL, DATA)
    sdist = house.upstream.publish(SDIST, b"sdist")
    await house.decide(served(sdist))
    proof = await house.decide(proved(wheel))
    answer = await house.get(path_of(sdist))
    assert answer.status == 403
    assert answer.reason.endswith(f"/v/{proof.id}")


async def test_get__denied_by_override_is_stored_so_that_its_link_works(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.store.add_override(override(OverrideAction.DENY))
    answer = await house.get(path_of(ref))
    assert answer.status == 403
    link = json.loads(answer.body)["instance"]
    assert (await house.get(link)).status == 200


# -- held -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("method", "suffix", "headers"), REQUESTS)
async def test_file__unseen_gives_neither_byte_nor_length(
    house: House, method: str, suffix: str, headers: dict[str, str]
) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    answer = await house.get(path_of(ref) + suffix, method=method, **headers)
    assert answer.status in ((302,) if "metadata" not in suffix else (404,))
    assert DATA[:40] not in answer.body
    assert str(len(DATA)) != answer.headers.get("Content-Length")


async def test_get__unseen_is_fetched_once_queued_once_and_redirected_to_ourselves(
    house: House,
) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    answers = await asyncio.gather(*(house.get(path_of(ref)) for _ in range(12)))
    assert {answer.status for answer in answers} == {302}
    assert {answer.headers["Location"] for answer in answers} == {"?hop=1"}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert house.upstream.fetched == [WHEEL]
    (job,) = await house.store.jobs()
    assert (job.ref, job.size_bytes, job.priority) == (ref, len(DATA), Priority.FILE)
    assert "door" in house.nudges


async def test_get__decision_wakes_every_waiter_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path, hop_s=60) as house:
        ref = house.upstream.publish(WHEEL, DATA)
        waiting = [asyncio.create_task(house.get(path_of(ref))) for _ in range(8)]
        await until(lambda: house.holds.in_all == 8)
        await house.decide(served(ref))
        answers = await asyncio.gather(*waiting)
        assert {(answer.status, answer.body) for answer in answers} == {(200, DATA)}


async def test_get__denial_wakes_every_waiter_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path, hop_s=60) as house:
        ref = house.upstream.publish(WHEEL, DATA)
        waiting = [asyncio.create_task(house.get(path_of(ref))) for _ in range(8)]
        await until(lambda: house.holds.in_all == 8)
        await house.decide(proved(ref))
        assert {answer.status for answer in await asyncio.gather(*waiting)} == {403}


async def test_get__other_process_decision_wakes_a_waiter(tmp_path: Path) -> None:
    async with open_house(tmp_path, hop_s=60) as house:
        ref = house.upstream.publish(WHEEL, DATA)
        waiting = asyncio.create_task(house.get(path_of(ref)))
        await until(lambda: house.holds.in_all == 1)
        await house.store.put_decision(served(ref))
        await house.reload()
        assert (await waiting).body == DATA


@pytest.mark.parametrize(
    ("agent", "hops"), [(UV, 9), ("curl/8", 9), ("", 9), (PIP, 29), ("poetry/2.5.1", 29)]
)
async def test_get__chain_is_as_long_as_the_client_follows(
    house: House, agent: str, hops: int
) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    last = await house.get(f"{path_of(ref)}?hop={hops - 1}", User_Agent=agent)
    assert (last.status, last.headers["Location"]) == (302, f"?hop={hops}")
    after = await house.get(f"{path_of(ref)}?hop={hops}", User_Agent=agent)
    assert after.status == 429
    assert after.headers["Retry-After"] == "2"
    assert after.reason.startswith("Being checked by pratique: demo 1.0 is still being checked.")


@pytest.mark.parametrize(
    "query", ["hop=-1", "hop=x", "hop=99999999", "hop=%00", "hop=1&hop=2", "hop"]
)
async def test_get__odd_hop_counts_as_none(house: House, query: str) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    answer = await house.get(f"{path_of(ref)}?{query}")
    assert answer.status == 302


async def test_get__deadline_is_a_403_and_the_next_try_waits_anew(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    assert (await house.get(path_of(ref))).status == 302
    house.clock.forward(301)
    answer = await house.get(f"{path_of(ref)}?hop=3")
    assert answer.status == 403
    assert answer.reason.startswith("Being checked by pratique: demo 1.0 is still being checked.")
    assert (await house.get(path_of(ref))).status == 302


async def test_get__new_attempt_after_an_hour_waits_anew(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    assert (await house.get(path_of(ref))).status == 302
    house.clock.forward(3600)
    assert (await house.get(path_of(ref))).status == 302
    assert (await house.get(f"{path_of(ref)}?hop=1")).status == 302


async def test_get__client_that_left_takes_nobody_along(tmp_path: Path) -> None:
    async with open_house(tmp_path, hop_s=60) as house:
        ref = house.upstream.publish(WHEEL, DATA)
        gone = asyncio.create_task(house.get(path_of(ref)))
        await until(lambda: house.holds.in_all == 1)
        gone.cancel()
        stays = asyncio.create_task(house.get(path_of(ref)))
        await until(lambda: house.holds.in_all >= 1)
        await until(lambda: bool(house.upstream.fetched))
        await house.decide(served(ref))
        assert (await stays).body == DATA


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (UpstreamUnavailable("It does not answer."), 504),
        (UpstreamInvalid("It answers nonsense."), 504),
        (UpstreamTooLarge("It sends more than the bound."), 504),
        (UpstreamHashMismatch("It sends other bytes."), 403),
    ],
)
async def test_get__upstream_that_fails_is_told_at_once(
    house: House, fault: UpstreamError, status: int
) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    house.upstream.fault = fault
    answer = await house.get(path_of(ref))
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert await house.store.jobs() == ()


async def test_get__lie_about_the_hash_is_told_and_queues_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path, hop_s=60) as house:
        ref = house.upstream.publish(WHEEL, DATA)
        house.upstream.bytes[ref.sha256] = b"other bytes"
        answer = await house.get(path_of(ref))
        assert answer.status == 403
        assert "sha256" in answer.reason
        assert await house.store.jobs() == ()
        assert house.folder.path(ref.sha256) is None


async def test_head__and_range_queue_at_the_lower_priority_and_a_get_raises_it(
    house: House,
) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.get(path_of(ref), method="HEAD")
    (job,) = await house.store.jobs()
    assert job.priority is Priority.METADATA
    await house.get(path_of(ref))
    (job,) = await house.store.jobs()
    assert job.priority is Priority.FILE


async def test_get__expired_approval_without_evidence_is_queued_again(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.store.add_override(override(OverrideAction.ALLOW))
    assert (await house.get(path_of(ref))).status == 200
    await house.store.revoke_override("o1", actor="somebody", at=START)
    await house.reload()
    assert (await house.get(path_of(ref))).status == 302
    (job,) = await house.store.jobs()
    assert (job.state, job.priority) == (JobState.QUEUED, Priority.FILE)


async def test_get__too_many_holds_of_one_client_are_429(tmp_path: Path) -> None:
    async with open_house(tmp_path, intake_per_client_max=1) as house:
        house.upstream.may_fetch.clear()
        first = house.upstream.publish(WHEEL, DATA)
        second = house.upstream.publish(NEWER, b"newer")
        assert (await house.get(path_of(first))).status == 302
        answer = await house.get(path_of(second))
        assert answer.status == 429
        assert "Retry-After" in answer.headers
        house.upstream.may_fetch.set()


# -- metadata ---------------------------------------------------------------------------------
async def test_metadata__of_an_unseen_wheel_is_upstreams_and_queues_the_wheel(house: House) -> None:
    text = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
    ref = house.upstream.publish(WHEEL, DATA, core_metadata="0" * 64)
    house.upstream.metadata_of[WHEEL] = text
    answer = await house.get(f"{path_of(ref)}.metadata")
    assert (answer.status, answer.body) == (200, text)
    await until(lambda: bool(house.upstream.fetched))
    await until(lambda: "door" in house.nudges)
    (job,) = await house.store.jobs()
    assert job.priority is Priority.METADATA


async def test_metadata__of_an_unseen_sdist_does_not_go_out(house: House) -> None:
    ref = house.upstream.publish(SDIST, DATA, core_metadata="0" * 64)
    house.upstream.metadata_of[SDIST] = b"Metadata-Version: 2.2\n"
    assert (await house.get(f"{path_of(ref)}.metadata")).status == 404
    await house.decide(served(ref))
    assert (await house.get(f"{path_of(ref)}.metadata")).status == 200


async def test_metadata__nobody_has_is_404(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    assert (await house.get(f"{path_of(ref)}.metadata")).status == 404


# -- what does not exist ----------------------------------------------------------------------
async def test_file__nobody_lists_is_404_and_queues_nothing(house: House) -> None:
    house.upstream.publish(WHEEL, DATA)
    for ref in (ref_of(WHEEL, b"other bytes"), ref_of(NEWER, DATA), ref_of(SDIST, DATA)):
        assert (await house.get(path_of(ref))).status == 404
        assert (await house.get(f"{path_of(ref)}.metadata")).status == 404
    assert (await house.get(path_of(ref_of("nothing-1.0.tar.gz")))).status == 404
    assert house.upstream.fetched == []
    assert await house.store.jobs() == ()


async def test_file__invented_one_leaves_no_decision_behind(house: House) -> None:
    house.upstream.publish(WHEEL, DATA)
    await house.store.add_override(override(OverrideAction.DENY))
    for name in ("demo-1.0.egg", "demo-1.0.exe", NEWER, SDIST):
        ref = ref_of(name, b"invented")
        for suffix in ("", ".metadata"):
            assert (await house.get(path_of(ref) + suffix)).status == 404
    assert await house.store.decisions() == ()


async def test_file__egg_is_refused_with_its_reason(house: House) -> None:
    ref = house.upstream.publish("demo-1.0.egg", DATA)
    answer = await house.get(path_of(ref))
    assert answer.status == 403
    assert "not a wheel or sdist" in answer.reason


async def test_file__denied_while_the_store_is_down_is_refused_all_the_same(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.store.add_override(override(OverrideAction.DENY))
    await house.gate.load(ref.index, ref.project)
    house.store.down = True
    assert (await house.get(path_of(ref))).status == 403


async def test_file__allowed_while_the_store_is_down_is_not_served_unrecorded(
    house: House,
) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.store.add_override(override(OverrideAction.ALLOW))
    await house.gate.load(ref.index, ref.project)
    house.store.down = True
    answer = await house.get(path_of(ref))
    assert answer.status == 429
    assert DATA[:40] not in answer.body


async def test_file__approved_bytes_under_another_listed_name_are_unseen(house: House) -> None:
    await house.decide(served(house.upstream.publish(WHEEL, DATA)))
    twin = house.upstream.publish("demo-1.0-py2.py3-none-any.whl", DATA)
    assert (await house.get(path_of(twin))).status == 302


async def test_file__upstream_dropped_but_decided_is_served(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    await house.upstream.ensure(ref)
    house.upstream.pages.clear()
    assert (await house.get(path_of(ref))).body == DATA


async def test_file__other_methods_are_405(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
        answer = await house.get(path_of(ref), method=method)
        assert answer.status == 405
        assert DATA[:40] not in answer.body


async def test_get__a_file_does_not_wait_behind_what_is_only_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(tmp_path, hop_s=60) as house:
        looked_at = [
            house.upstream.publish(f"demo-{n}.0-py3-none-any.whl", f"wheel {n}".encode())
            for n in range(FETCHES_AHEAD_MAX + 1)
        ]
        wanted = looked_at[-1]
        stuck = asyncio.Event()
        real = house.upstream.ensure

        async def ensure(ref: ArtifactRef) -> Path:
            if ref != wanted:
                await stuck.wait()
            return await real(ref)

        monkeypatch.setattr(house.upstream, "ensure", ensure)
        for ref in looked_at:
            await house.get(path_of(ref) + ".metadata")
        asked = asyncio.create_task(house.get(path_of(wanted)))
        await until(lambda: "door" in house.nudges)
        job = await house.store.job_of(wanted)
        assert job is not None
        assert job.priority is Priority.FILE
        await house.decide(served(wanted))
        assert (await asked).status == 200
        stuck.set()


async def test_get__a_file_asked_for_while_its_job_is_queued_has_its_priority(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    real = house.store.enqueue
    began, may_end = asyncio.Event(), asyncio.Event()

    async def enqueue(*args: Any, **kwargs: Any) -> Job:
        began.set()
        await may_end.wait()
        return await real(*args, **kwargs)

    monkeypatch.setattr(house.store, "enqueue", enqueue)
    await house.get(path_of(ref) + ".metadata")
    await began.wait()
    assert (await house.get(path_of(ref))).status == 302
    may_end.set()
    await until(lambda: "door" in house.nudges)
    job = await house.store.job_of(ref)
    assert job is not None
    assert job.priority is Priority.FILE


async def test_metadata__of_an_sdist_that_turns_meanwhile_stays_here(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = house.upstream.publish("demo-1.0.tar.gz", DATA, core_metadata="0" * 64)
    house.upstream.metadata_of[ref.filename] = b"Name: demo"
    await house.decide(served(ref))
    real = house.upstream.metadata

    async def metadata(asked: ArtifactRef) -> bytes:
        await house.decide(denied(ref, as_of=START + timedelta(seconds=1)))
        return await real(asked)

    monkeypatch.setattr(house.upstream, "metadata", metadata)
    answer = await house.get(path_of(ref) + ".metadata")
    assert answer.status == 403
    assert b"Name: demo" not in answer.body
