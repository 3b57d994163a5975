"""The worker against a proxy that speaks the worker API, and fails in every way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from analyzer.proxyclient import ProxyClient
from analyzer.worker import Worker
from models.artifact import Sha256
from models.clock import utc_now
from models.errors import (
    CapabilityRefused,
    LeaseLost,
    NotAuthorised,
    SandboxFailed,
    SandboxUnavailable,
    UpstreamHashMismatch,
    UpstreamInvalid,
    UpstreamTooLarge,
    UpstreamUnavailable,
)
from models.work import EvidencePost, FailurePost, Lease, ResolveRequest
from tests.analyzer.archives import make_wheel, make_zip, wheel_members
from tests.analyzer.fakes import (
    INTERPRETER,
    FakeProxy,
    FakeSandbox,
    lease_of,
    outcome,
    sha256_of,
    until,
)

TOKEN = "pratique_worker_x"
WHEEL = "reenact_demo-1.0-py3-none-any.whl"
DATA = make_wheel({"reenact_demo.py": "x = 1"})
NEEDY = make_zip(
    wheel_members({"reenact_demo.py": "import loud"}, metadata=("Requires-Dist: loud",))
)
LOUD = make_wheel({"loud.py": "y = 2"}, name="loud")


def fresh_lease(data: bytes = DATA) -> Lease:
    return replace(lease_of(WHEEL, data), expires_at=utc_now() + timedelta(seconds=30))


@dataclass
class Proxy:
    """The worker API over scripted state. `troubles`: statuses given before the real answer."""

    leases: list[Lease] = field(default_factory=list)
    artifact: bytes = DATA
    files: FakeProxy = field(default_factory=FakeProxy)
    troubles: dict[str, list[int]] = field(default_factory=dict)
    workers: list[str] = field(default_factory=list)
    evidence: list[EvidencePost] = field(default_factory=list)
    failures: list[FailurePost] = field(default_factory=list)
    posted: asyncio.Event = field(default_factory=asyncio.Event)
    seen: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """The last segment of each call's path."""

    def app(self) -> web.Application:
        app = web.Application(client_max_size=32 << 20, middlewares=[self._guard])
        one = "/worker/v1/leases/{lease_id}"
        app.add_routes(
            [
                web.post("/worker/v1/lease", self._lease),
                web.post(f"{one}/heartbeat", self._heartbeat),
                web.get(f"{one}/artifact", self._artifact),
                web.post(f"{one}/resolve", self._resolve),
                web.get(f"{one}/files/{{sha256}}", self._file),
                web.post(f"{one}/evidence", self._evidence),
                web.post(f"{one}/fail", self._fail),
            ]
        )
        return app

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return problem(401)
        call = request.path.rpartition("/")[2]
        self.seen.put_nowait(call)
        if self.troubles.get(call):
            return problem(self.troubles[call].pop(0))
        return await handler(request)

    async def _lease(self, request: web.Request) -> web.StreamResponse:
        self.workers.append((await request.json())["worker"])
        if self.leases:
            return answer(self.leases.pop(0))
        await asyncio.sleep(0.02)  # the wait that a real proxy would hold
        return web.Response(status=204)

    async def _heartbeat(self, request: web.Request) -> web.StreamResponse:
        return answer(replace(fresh_lease(), lease_id=request.match_info["lease_id"]))

    async def _artifact(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=self.artifact)

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        body = msgspec.json.decode(await request.read(), type=ResolveRequest)
        return answer(await self.files.resolve(body))

    async def _file(self, request: web.Request) -> web.StreamResponse:
        for data in self.files.files.values():
            if sha256_of(data) == request.match_info["sha256"]:
                return web.Response(body=data)
        return problem(403)

    async def _evidence(self, request: web.Request) -> web.StreamResponse:
        self.evidence.append(msgspec.json.decode(await request.read(), type=EvidencePost))
        self.posted.set()
        return web.Response(status=204)

    async def _fail(self, request: web.Request) -> web.StreamResponse:
        self.failures.append(msgspec.json.decode(await request.read(), type=FailurePost))
        self.posted.set()
        return web.Response(status=204)


def answer(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def problem(status: int) -> web.Response:
    body = msgspec.json.encode({"title": "Trouble", "detail": f"trouble {status}"})
    return web.Response(
        status=status, body=body, headers={"Content-Type": "application/problem+json"}
    )


@asynccontextmanager
async def serving(proxy: Proxy) -> AsyncIterator[str]:
    server = TestServer(proxy.app())
    await server.start_server()
    try:
        yield str(server.make_url("/"))
    finally:
        await server.close()


@asynccontextmanager
async def working(
    proxy: Proxy, sandbox: FakeSandbox, *, heartbeat_s: float = 5, parallel: int = 1
) -> AsyncIterator[asyncio.Task[None]]:
    """A worker at work; told to stop at the end, which it must do at once."""
    stop = asyncio.Event()
    async with serving(proxy) as url:
        worker = Worker(
            server=url,
            token=TOKEN,
            sandbox=sandbox,
            name="pi-1",
            parallel=parallel,
            jitter=lambda: 0.0,
            heartbeat_s=heartbeat_s,
        )
        task = asyncio.create_task(worker.run(stop))
        try:
            async with asyncio.timeout(20):
                yield task
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await task


async def test_run__a_lease_becomes_evidence() -> None:
    proxy = Proxy(leases=[fresh_lease()])

    async with working(proxy, FakeSandbox(runs=[outcome()])):
        await proxy.posted.wait()

    (post,) = proxy.evidence
    assert post.lease_id == "lease-1"
    assert post.sha256 == sha256_of(DATA)
    assert post.evidence.analyzer.worker == "pi-1"
    assert post.evidence.shortfalls == ()
    assert proxy.failures == []
    assert proxy.workers[0] == "pi-1"


async def test_run__dependencies_come_through_the_leases_capability() -> None:
    files = FakeProxy(files={"loud-1.0-py3-none-any.whl": LOUD})
    proxy = Proxy(leases=[fresh_lease(NEEDY)], artifact=NEEDY, files=files)

    async with working(proxy, FakeSandbox(runs=[outcome()])):
        await proxy.posted.wait()

    assert [file.filename for file in proxy.evidence[0].evidence.dependencies] == [
        "loud-1.0-py3-none-any.whl"
    ]


async def test_run__passing_trouble_is_waited_out() -> None:
    proxy = Proxy(
        leases=[fresh_lease()],
        troubles={"lease": [503], "artifact": [502, 429], "evidence": [503]},
    )

    async with working(proxy, FakeSandbox(runs=[outcome()])):
        await proxy.posted.wait()

    assert len(proxy.evidence) == 1


@pytest.mark.parametrize(
    ("proxy", "sandbox", "word"),
    [
        (Proxy(), FakeSandbox(runs=[SandboxFailed("the box broke")]), "the box broke"),
        (Proxy(artifact=b"other"), FakeSandbox(), "sha256"),
        (Proxy(artifact=DATA + b"x"), FakeSandbox(), "More than"),
        (Proxy(troubles={"artifact": [400]}), FakeSandbox(), "trouble 400"),
        (Proxy(troubles={"evidence": [422]}), FakeSandbox(runs=[outcome()]), "trouble 422"),
    ],
)
async def test_run__our_own_failure_is_told_and_work_goes_on(
    proxy: Proxy, sandbox: FakeSandbox, word: str
) -> None:
    proxy.leases.append(fresh_lease())

    async with working(proxy, sandbox):
        await until(proxy.seen, "fail")
        await until(proxy.seen, "lease")

    (failure,) = proxy.failures
    assert word in failure.error
    assert proxy.evidence == []


async def test_run__a_lost_lease_kills_its_run_and_nothing_is_posted() -> None:
    proxy = Proxy(leases=[fresh_lease()], troubles={"heartbeat": [409]})
    sandbox = FakeSandbox(hang=True)

    async with working(proxy, sandbox, heartbeat_s=0.01):
        await until(proxy.seen, "heartbeat")
        await until(proxy.seen, "lease")
        assert sandbox.killed.is_set()

    assert proxy.evidence == []
    assert proxy.failures == []


async def test_run__heartbeats_go_on_through_passing_trouble() -> None:
    proxy = Proxy(leases=[fresh_lease()], troubles={"heartbeat": [503, 502]})
    sandbox = FakeSandbox(hang=True)

    async with working(proxy, sandbox, heartbeat_s=0.01):
        await until(proxy.seen, "heartbeat", times=5)
        assert not sandbox.killed.is_set()

    assert sandbox.killed.is_set()


async def test_run__evidence_for_a_lease_that_is_gone_is_dropped() -> None:
    proxy = Proxy(leases=[fresh_lease()], troubles={"evidence": [409]})

    async with working(proxy, FakeSandbox(runs=[outcome()])):
        await until(proxy.seen, "evidence")
        await until(proxy.seen, "lease")

    assert proxy.evidence == []
    assert proxy.failures == []


async def test_run__stopping_drops_what_is_under_way_at_once() -> None:
    proxy = Proxy(leases=[fresh_lease()])
    sandbox = FakeSandbox(hang=True)

    async with working(proxy, sandbox):
        await sandbox.running.wait()

    assert sandbox.killed.is_set()
    assert proxy.evidence == []


async def test_run__works_on_several_leases_side_by_side() -> None:
    proxy = Proxy(leases=[fresh_lease(), replace(fresh_lease(), lease_id="lease-2")])
    sandbox = FakeSandbox(hang=True)

    async with working(proxy, sandbox, parallel=2):
        await until(sandbox.seen, "run", times=2)

    assert proxy.leases == []


async def test_run__without_a_sandbox_nothing_is_leased() -> None:
    proxy = Proxy(leases=[fresh_lease()])
    sandbox = FakeSandbox(runs=[outcome()], away=SandboxUnavailable("no daemon"))

    async with working(proxy, sandbox):
        await until(sandbox.seen, "hello", times=2)
        assert proxy.workers == []
        sandbox.away = None
        await proxy.posted.wait()

    assert len(proxy.evidence) == 1


async def test_run__a_sandbox_that_was_restarted_costs_no_attempt() -> None:
    proxy = Proxy(leases=[fresh_lease()])
    sandbox = FakeSandbox(runs=[SandboxUnavailable("the daemon is gone"), outcome()])

    async with working(proxy, sandbox):
        await proxy.posted.wait()

    assert len(proxy.evidence) == 1
    assert proxy.failures == []


async def test_run__a_sandbox_that_is_lost_twice_is_told() -> None:
    gone = SandboxUnavailable("the daemon is gone")
    proxy = Proxy(leases=[fresh_lease()])

    async with working(proxy, FakeSandbox(runs=[gone, gone])):
        await until(proxy.seen, "fail")

    assert "the daemon is gone" in proxy.failures[0].error


async def test_run__a_refused_token_ends_the_worker() -> None:
    async with serving(Proxy()) as url:
        worker = Worker(server=url, token="wrong", sandbox=FakeSandbox(), name="pi-1")
        with pytest.raises(NotAuthorised, match="401"):
            await worker.run(asyncio.Event())


# -- the client by itself -------------------------------------------------------------------------


@asynccontextmanager
async def client_of(proxy: Proxy) -> AsyncIterator[ProxyClient]:
    async with serving(proxy) as url, ProxyClient(server=url, token=TOKEN, retry_s=0.2) as client:
        yield client


async def test_client__nothing_to_lease_is_none() -> None:
    async with client_of(Proxy()) as client:
        assert await client.lease("pi-1") is None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, NotAuthorised),
        (404, LeaseLost),
        (409, LeaseLost),
        (400, UpstreamInvalid),
        (302, UpstreamInvalid),
        (429, UpstreamUnavailable),
        (503, UpstreamUnavailable),
    ],
)
async def test_client__each_status_is_one_of_our_errors(
    status: int, error: type[Exception]
) -> None:
    async with client_of(Proxy(troubles={"heartbeat": [status]})) as client:
        with pytest.raises(error):
            await client.heartbeat("lease-1")


async def test_client__a_file_outside_the_capability_is_refused() -> None:
    async with client_of(Proxy()) as client:
        with pytest.raises(CapabilityRefused):
            await client.file("lease-1", Sha256("0" * 64))


async def test_client__trouble_that_does_not_pass_is_given_up() -> None:
    async with client_of(Proxy(troubles={"artifact": [503] * 50})) as client:
        with pytest.raises(UpstreamUnavailable, match="trouble 503"):
            await client.artifact(fresh_lease())


@pytest.mark.parametrize(
    ("artifact", "error"),
    [
        (b"other", UpstreamHashMismatch),
        (DATA + b"x", UpstreamTooLarge),
        (b"", UpstreamHashMismatch),
    ],
)
async def test_client__wrong_bytes_are_never_given_out(
    artifact: bytes, error: type[Exception]
) -> None:
    async with client_of(Proxy(artifact=artifact)) as client:
        with pytest.raises(error):
            await client.artifact(fresh_lease())


async def test_client__an_answer_of_another_form_is_refused() -> None:
    async def resolve(_: ResolveRequest) -> object:
        return {"files": 7}

    proxy = Proxy()
    proxy.files.resolve = resolve  # type: ignore[method-assign,assignment]  # a proxy of another version
    async with client_of(proxy) as client:
        with pytest.raises(UpstreamInvalid, match="form"):
            await client.resolve(
                "lease-1",
                ResolveRequest(requirements=("a",), role="run", target=INTERPRETER.target),
            )


async def test_client__nobody_at_the_address_is_said_so() -> None:
    async with ProxyClient(server="http://127.0.0.1:9", token=TOKEN) as client:
        with pytest.raises(UpstreamUnavailable, match="does not answer"):
            await client.lease("pi-1")
