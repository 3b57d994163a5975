"""The worker API: a worker gets what its lease covers, and posts for nobody else's."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession

from models.artifact import ArtifactRef
from models.behaviour import Act, ActKind, BehaviourProfile
from models.canonical import digest_of, digest_of_bytes
from models.errors import StoreError
from models.evidence import EVIDENCE_BYTES_MAX, Analyzer, Evidence, Layer, ResolvedFile
from models.phase import Phase
from models.work import (
    EvidencePost,
    FailurePost,
    JobState,
    Lease,
    Priority,
    ResolvedSet,
    ResolveRequest,
    Target,
)
from proxy.facts import gather
from proxy.store.port import Served, TokenKind
from proxy.tokens import mint
from tests.proxy.web.decided import served, sha256_of, until
from tests.proxy.web.house import PLAN, House, path_of

WHEEL = "demo-1.0-py3-none-any.whl"
DATA = b"PK\x03\x04 the bytes of a wheel that nobody may have " * 40
API = "/worker/v1"
RESOLVE = ResolveRequest(
    requirements=("dep>=1",), role="run", target=Target(markers={}, tags=("py3-none-any",))
)


@dataclass
class Worker:
    """What a worker does, by hand."""

    house: House
    session: ClientSession

    async def post(self, path: str, body: Any = b"", *, raw: bool = False) -> tuple[int, bytes]:
        data = body if raw or isinstance(body, bytes) else msgspec.json.encode(body)
        async with self.session.post(f"{self.house.url}{API}{path}", data=data) as response:
            return response.status, await response.read()

    async def get(self, path: str) -> tuple[int, bytes]:
        async with self.session.get(f"{self.house.url}{API}{path}") as response:
            return response.status, await response.read()

    async def lease(self) -> Lease:
        status, body = await self.post("/lease", {"worker": "me"})
        assert status == 200
        return msgspec.json.decode(body, type=Lease)


@asynccontextmanager
async def worker_with(house: House, secret: str) -> AsyncIterator[Worker]:
    headers = {"Authorization": f"Bearer {secret}"}
    async with ClientSession(headers=headers) as session:
        yield Worker(house, session)


@pytest.fixture
async def worker(house: House) -> AsyncIterator[Worker]:
    async with worker_with(house, house.worker_secret) as made:
        yield made


async def queued(house: House, filename: str = WHEEL, data: bytes = DATA) -> ArtifactRef:
    ref = house.upstream.publish(filename, data)
    facts = gather(house.upstream.pages[ref.project], ref, house.clock.now)
    await house.store.enqueue(
        ref, size_bytes=len(data), facts=facts, priority=Priority.FILE, now=house.clock.now
    )
    return ref


def post_of(lease: Lease, **rest: Any) -> EvidencePost:
    evidence = Evidence(
        sha256=lease.ref.sha256,
        filename=lease.ref.filename,
        size_bytes=lease.size_bytes,
        analyzer=Analyzer(version="1", python="3.11", platform="linux", worker="somebody-else"),
        observed_at=lease.expires_at,
        duration_ms=10,
        layers=(Layer.METADATA, Layer.BEHAVIOUR),
    )
    return EvidencePost(
        lease_id=lease.lease_id, sha256=lease.ref.sha256, evidence=replace(evidence, **rest)
    )


# -- leases -----------------------------------------------------------------------------------
async def test_lease__nothing_to_do_is_204(worker: Worker) -> None:
    assert await worker.post("/lease", {"worker": "me"}) == (204, b"")


async def test_lease__carries_the_job(house: House, worker: Worker) -> None:
    ref = await queued(house)
    lease = await worker.lease()
    assert (lease.ref, lease.size_bytes) == (ref, len(DATA))
    assert lease.facts.ref == ref
    assert await worker.post("/lease", {"worker": "me"}) == (204, b"")


async def test_lease__carries_the_plan_of_the_policy_in_force(house: House, worker: Worker) -> None:
    await queued(house)

    assert (await worker.lease()).plan == PLAN


async def approved(house: House, worker: Worker, filename: str, **rest: Any) -> Evidence:
    """A file with evidence that is served."""
    ref = await queued(house, filename, filename.encode())
    lease = await worker.lease()
    post = post_of(lease, **rest)
    status, _ = await worker.post(f"/leases/{lease.lease_id}/evidence", post)
    assert status == 204
    stored = await house.store.latest_evidence(ref.sha256, ref.filename)
    assert stored is not None
    await house.decide(replace(served(ref), evidence_digest=digest_of(stored)))
    return stored


async def test_lease__carries_the_last_approved_release_to_compare_with(
    house: House, worker: Worker
) -> None:
    profile = BehaviourProfile(
        acts=(Act(kind=ActKind.EXECUTABLE, phase=Phase.INSTALL, value="gcc"),)
    )
    old = await approved(house, worker, "demo-0.9-py3-none-any.whl", profile=profile)
    await queued(house)
    lease = await worker.lease()
    assert lease.baseline is not None
    assert (lease.baseline.profile, lease.baseline.evidence_digest) == (profile, digest_of(old))


async def test_lease__is_given_though_the_baseline_cannot_be_read(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> tuple[Served, ...]:
        raise StoreError("a damaged row")

    monkeypatch.setattr(house.store, "served_files", fails)
    ref = await queued(house)
    lease = await worker.lease()
    assert (lease.ref, lease.baseline) == (ref, None)


async def test_lease__waits_until_the_bell_rings(house: House, worker: Worker) -> None:
    waiting = asyncio.create_task(worker.post("/lease?wait=20", {"worker": "me"}))
    ref = house.upstream.publish(WHEEL, DATA)
    await house.get(path_of(ref))
    status, body = await waiting
    assert status == 200
    assert msgspec.json.decode(body, type=Lease).ref == ref


@pytest.mark.parametrize("wait", ["x", "-1", "1e9", "99999", "", "%00"])
async def test_lease__odd_wait_is_422(worker: Worker, wait: str) -> None:
    status, _ = await worker.post(f"/lease?wait={wait}", {"worker": "me"})
    assert status == 422


async def test_heartbeat__prolongs(house: House, worker: Worker) -> None:
    await queued(house)
    lease = await worker.lease()
    house.clock.forward(20)
    status, body = await worker.post(f"/leases/{lease.lease_id}/heartbeat")
    assert status == 200
    assert msgspec.json.decode(body, type=Lease).expires_at > lease.expires_at


async def test_lease__lost_one_is_409_everywhere(house: House, worker: Worker) -> None:
    await queued(house)
    lease = await worker.lease()
    house.clock.forward(3600)
    await house.store.expire_leases(house.clock.now)
    base = f"/leases/{lease.lease_id}"
    assert (await worker.get(f"{base}/artifact"))[0] == 409
    assert (await worker.get(f"{base}/files/{lease.ref.sha256}"))[0] == 409
    assert (await worker.post(f"{base}/heartbeat"))[0] == 409
    assert (await worker.post(f"{base}/resolve", RESOLVE))[0] == 409
    assert (await worker.post(f"{base}/evidence", post_of(lease)))[0] == 409
    post = FailurePost(lease_id=lease.lease_id, error="x")
    assert (await worker.post(f"{base}/fail", post))[0] == 409
    (job,) = await house.store.jobs()
    assert job.state is JobState.QUEUED


async def test_lease__of_another_worker_is_409_everywhere(house: House, worker: Worker) -> None:
    await queued(house)
    lease = await worker.lease()
    secret, token = mint(TokenKind.WORKER, "box-2", clock=house.clock)
    await house.store.add_token(token, actor="test")
    await house.read_tokens()
    base = f"/leases/{lease.lease_id}"
    async with worker_with(house, secret) as thief:
        assert (await thief.get(f"{base}/artifact"))[0] == 409
        assert (await thief.post(f"{base}/heartbeat"))[0] == 409
        assert (await thief.post(f"{base}/resolve", RESOLVE))[0] == 409
        assert (await thief.post(f"{base}/evidence", post_of(lease)))[0] == 409
        post = FailurePost(lease_id=lease.lease_id, error="x")
        assert (await thief.post(f"{base}/fail", post))[0] == 409
    (job,) = await house.store.jobs()
    assert (job.state, job.worker) == (JobState.LEASED, "box-1")


@pytest.mark.parametrize("lease_id", ["..%2f..", "%00", "a%20b", "x" * 100, "é"])
async def test_lease__odd_id_is_422(worker: Worker, lease_id: str) -> None:
    assert (await worker.get(f"/leases/{lease_id}/artifact"))[0] == 422


async def test_artifact__is_the_verified_bytes(house: House, worker: Worker) -> None:
    await queued(house)
    lease = await worker.lease()
    assert await worker.get(f"/leases/{lease.lease_id}/artifact") == (200, DATA)
    assert await house.fetches() == ()


# -- the resolved set -------------------------------------------------------------------------
async def test_files__only_what_was_resolved_for_this_lease(house: House, worker: Worker) -> None:
    await queued(house)
    lease = await worker.lease()
    dep, other = b"a dependency", b"not a dependency"
    for data in (dep, other):
        house.upstream.bytes[sha256_of(data)] = data
    file = ResolvedFile(
        project="dep", version="1.0", filename="dep-1.0-py3-none-any.whl", sha256=sha256_of(dep)
    )
    house.resolver.answer = ResolvedSet(files=(file,), unresolved=("x: no such project",))
    house.resolver.places = {file.sha256: ("https://files.invalid/dep", len(dep))}
    base = f"/leases/{lease.lease_id}"
    assert (await worker.get(f"{base}/files/{file.sha256}"))[0] == 403
    status, body = await worker.post(f"{base}/resolve", RESOLVE)
    assert status == 200
    assert msgspec.json.decode(body, type=ResolvedSet) == house.resolver.answer
    assert house.resolver.asked == [RESOLVE]
    assert await worker.get(f"{base}/files/{file.sha256}") == (200, dep)
    assert (await worker.get(f"{base}/files/{sha256_of(other)}"))[0] == 403
    assert (await worker.get(f"{base}/files/nonsense"))[0] == 422


async def test_resolve__is_bounded_for_each_lease(house: House, worker: Worker) -> None:
    await queued(house)
    lease = await worker.lease()
    answers = [
        (await worker.post(f"/leases/{lease.lease_id}/resolve", RESOLVE))[0] for _ in range(9)
    ]
    assert answers == [200] * 8 + [429]


async def test_capability__carries_nothing_out_by_names(house: House, worker: Worker) -> None:
    """Who asks for what was not resolved is refused before anybody upstream hears of the name."""
    await queued(house)
    lease = await worker.lease()
    base = f"/leases/{lease.lease_id}"
    asked, fetched = house.upstream.asked, list(house.upstream.fetched)
    secrets = [sha256_of(b"a secret, piece %d" % number) for number in range(20)]

    for digest in secrets:
        assert (await worker.get(f"{base}/files/{digest}"))[0] == 403
    for name in ("..%2f..%2fsimple%2fdata", "data.invalid", "http:%2f%2fcollect.invalid", "%00"):
        assert (await worker.get(f"{base}/files/{name}"))[0] == 422
    for path in ("/simple/data-in-a-name/", f"/files/pypi/data/{secrets[0]}/data-1.0.tar.gz"):
        assert (await worker.get(f"{base}{path}"))[0] == 404

    assert (house.upstream.asked, house.upstream.fetched) == (asked, fetched)
    assert house.resolver.asked == []


# -- evidence ---------------------------------------------------------------------------------
async def test_evidence__is_stored_under_the_tokens_name(house: House, worker: Worker) -> None:
    ref = await queued(house)
    lease = await worker.lease()
    trace, metadata = b"\x1f\x8btrace", b"Metadata-Version: 2.1\n"
    post = replace(
        post_of(
            lease,
            trace_digest=digest_of_bytes(trace),
            metadata_digest=digest_of_bytes(metadata),
        ),
        trace=trace,
        metadata=metadata,
    )
    house.nudges.clear()
    assert await worker.post(f"/leases/{lease.lease_id}/evidence", post) == (204, b"")
    evidence = await house.store.latest_evidence(ref.sha256, ref.filename)
    assert evidence is not None
    assert evidence.analyzer.worker == "box-1"
    assert await house.store.blob(digest_of_bytes(trace)) == trace
    assert await house.store.blob(digest_of_bytes(metadata)) == metadata
    assert house.nudges == ["door"]
    assert (await worker.post(f"/leases/{lease.lease_id}/evidence", post))[0] == 409


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"sha256": sha256_of(b"other")}, "$.evidence.sha256"),
        ({"filename": "demo-2.0-py3-none-any.whl"}, "$.evidence.filename"),
        ({"size_bytes": 1}, "$.evidence.size_bytes"),
        ({"trace_digest": digest_of_bytes(b"x")}, "$.trace"),
        ({"metadata_digest": digest_of_bytes(b"x")}, "$.metadata"),
    ],
)
async def test_evidence__about_something_else_is_422(
    house: House, worker: Worker, change: dict[str, Any], where: str
) -> None:
    await queued(house)
    lease = await worker.lease()
    status, body = await worker.post(f"/leases/{lease.lease_id}/evidence", post_of(lease, **change))
    assert status == 422
    assert where in json.loads(body)["detail"]
    assert await house.store.latest_evidence(lease.ref.sha256, lease.ref.filename) is None


@pytest.mark.parametrize("field", ["lease_id", "sha256"])
async def test_evidence__post_that_names_another_lease_is_422(
    house: House, worker: Worker, field: str
) -> None:
    await queued(house)
    lease = await worker.lease()
    changed: dict[str, Any] = {field: sha256_of(b"other")}
    post = replace(post_of(lease), **changed)
    status, body = await worker.post(f"/leases/{lease.lease_id}/evidence", post)
    assert status == 422
    assert f"$.{field}" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("mutate", "where"),
    [
        (lambda d: d["evidence"].update(schema_version="x"), "$.evidence.schema_version"),
        (lambda d: d["evidence"].update(layers=["magic"]), "$.evidence.layers[0]"),
        (lambda d: d["evidence"].update(duration_ms=1.5), "$.evidence.duration_ms"),
        (lambda d: d["evidence"].update(observed_at="yesterday"), "$.evidence.observed_at"),
        (lambda d: d["evidence"].pop("analyzer"), "$.evidence"),
        (lambda d: d.update(trace="not base64!"), "$.trace"),
        (lambda d: d["evidence"]["analyzer"].update(version="x" * 301), "$.evidence.analyzer"),
    ],
)
async def test_evidence__schema_mistake_names_its_path(
    house: House, worker: Worker, mutate: Any, where: str
) -> None:
    await queued(house)
    lease = await worker.lease()
    document = msgspec.to_builtins(post_of(lease))
    document["trace"] = base64.b64encode(b"").decode()
    mutate(document)
    status, body = await worker.post(f"/leases/{lease.lease_id}/evidence", document)
    assert status == 422
    assert where in json.loads(body)["detail"]
    (job,) = await house.store.jobs()
    assert job.state is JobState.LEASED


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000])
async def test_body__that_is_no_document_is_422(house: House, worker: Worker, body: bytes) -> None:
    await queued(house)
    lease = await worker.lease()
    for path in ("evidence", "fail", "resolve"):
        status, _ = await worker.post(f"/leases/{lease.lease_id}/{path}", body, raw=True)
        assert status in (413, 422)


async def test_evidence__too_large_is_413(house: House, worker: Worker) -> None:
    await queued(house)
    lease = await worker.lease()
    many = tuple(
        ResolvedFile(project="p" * 200, version="1", filename="f" * 200, sha256=lease.ref.sha256)
        for _ in range(EVIDENCE_BYTES_MAX // 400)
    )
    status, _ = await worker.post(
        f"/leases/{lease.lease_id}/evidence", post_of(lease, dependencies=many)
    )
    assert status == 413
    status, _ = await worker.post(
        f"/leases/{lease.lease_id}/evidence", io.BytesIO(b"x" * (16 << 20)), raw=True
    )
    assert status == 413
    assert await house.store.latest_evidence(lease.ref.sha256, lease.ref.filename) is None


async def test_fail__gives_the_job_back(house: House, worker: Worker) -> None:
    await queued(house)
    lease = await worker.lease()
    post = FailurePost(lease_id=lease.lease_id, error="the box broke")
    assert (await worker.post(f"/leases/{lease.lease_id}/fail", post))[0] == 204
    (job,) = await house.store.jobs()
    assert job.state is JobState.QUEUED
    assert job.attempts == 1


async def test_fail__for_another_lease_is_422(house: House, worker: Worker) -> None:
    await queued(house)
    lease = await worker.lease()
    post = FailurePost(lease_id="another", error="x")
    assert (await worker.post(f"/leases/{lease.lease_id}/fail", post))[0] == 422


async def test_get__held_file_goes_out_when_evidence_becomes_a_decision(
    house: House, worker: Worker
) -> None:
    """The whole way of one file, with the desk played by hand."""
    ref = house.upstream.publish(WHEEL, DATA)
    assert (await house.get(path_of(ref))).status == 302
    lease = await worker.lease()
    assert (await worker.post(f"/leases/{lease.lease_id}/evidence", post_of(lease)))[0] == 204
    waiting = asyncio.create_task(house.get(f"{path_of(ref)}?hop=1"))
    await until(lambda: house.holds.in_all > 0 or waiting.done())
    await house.decide(served(ref))
    answer = await waiting
    if answer.status == 302:
        answer = await house.get(path_of(ref) + answer.headers["Location"])
    assert answer.body == DATA
