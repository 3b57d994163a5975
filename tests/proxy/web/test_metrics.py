"""`/metrics`: who may read it, and that it tells of no package and no client."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from models.errors import NotAllowed, NotAuthorised
from proxy.admin.access import Principal, Role
from proxy.store.port import TokenKind
from proxy.tokens import mint
from proxy.web.health import Health
from proxy.web.metrics import MetricsPage, from_this_machine
from tests.proxy.web.decided import served
from tests.proxy.web.house import House, open_house, path_of

DIGESTS = {"policy": "sha256:" + "a" * 64, "model": "sha256:" + "b" * 64}


def series(body: bytes, name: str) -> dict[str, float]:
    """Labels → value, of one metric."""
    found = {}
    for line in body.decode().splitlines():
        if line.startswith((name + "{", name + " ")):
            labels, _, number = line.removeprefix(name).rpartition(" ")
            found[labels] = float(number)
    return found


async def test_metrics__counts_requests_by_the_names_of_routes(house: House) -> None:
    await house.get("/healthz")
    await house.get("/no/such/page")
    answer = await house.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Cache-Control"] == "no-store"
    requests = series(answer.body, "pratique_http_requests_total")
    assert requests['{route="healthz",status="200"}'] == 1
    assert requests['{route="none",status="404"}'] == 1


async def test_metrics__no_label_is_a_package_a_path_or_a_client(house: House) -> None:
    ref = house.upstream.publish("secret_project-1.0-py3-none-any.whl", b"x")
    await house.decide(served(ref))
    await house.get(f"/simple/{ref.project}/")
    await house.get(path_of(ref))
    await house.get("/simple/another-name/")
    body = (await house.get("/metrics", User_Agent="pip/evil")).body
    for told in (b"secret", b"another-name", b"whl", b"evil", ref.sha256.encode(), b'"ci"'):
        assert told not in body
    assert series(body, "pratique_cache_lookups_total")


async def test_metrics__has_every_gauge_that_is_promised(tmp_path: Path) -> None:
    async with open_house(tmp_path, digests=DIGESTS) as house:
        await house.reload()
        body = (await house.get("/metrics")).body
        for name in (
            "pratique_holds",
            "pratique_jobs",
            "pratique_queue_age_seconds",
            "pratique_overrides_active",
            "pratique_outbox_deliveries",
            "pratique_outbox_age_seconds",
            "pratique_store_poll_age_seconds",
            "pratique_watched_files",
            "pratique_ready",
            "process_resident_memory_bytes",
        ):
            assert series(body, name), name
        assert len(series(body, "pratique_in_force_info")) == 2
        assert series(body, "pratique_store_up") == {"": 1}


async def test_metrics__answers_while_the_store_is_down(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(_: object) -> None:
        house.store.down = True
        house.store._answer()

    monkeypatch.setattr(house.store, "figures", down)
    answer = await house.get("/metrics")
    assert answer.status == 200
    assert series(answer.body, "pratique_store_up") == {"": 0}


async def test_metrics__is_open_to_this_machine_without_a_token(house: House) -> None:
    reply = await house.raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
async def test_metrics__not_to_whoever_comes_through_a_proxy_on_it(
    header: str, house: House
) -> None:
    asked = (
        f"GET /metrics HTTP/1.1\r\nHost: x\r\n{header}: 203.0.113.9\r\nConnection: close\r\n\r\n"
    )
    assert (await house.raw(asked.encode())).startswith(b"HTTP/1.1 401")


async def test_metrics__to_everybody_where_the_operator_says_so(tmp_path: Path) -> None:
    async with open_house(tmp_path, metrics_public=True) as house:
        assert (await house.get("/metrics", X_Forwarded_For="203.0.113.9")).status == 200


async def test_metrics__to_viewers_from_anywhere(house: House) -> None:
    async def principal_of(request: web.Request) -> Principal | None:
        role = request.headers.get("X-Role")
        return Principal(name="somebody", role=Role(role)) if role else None

    health = Health(house.door, alive=lambda: True)
    page = MetricsPage(house.door, health, principal_of=principal_of)
    far = {"X-Forwarded-For": "203.0.113.9"}
    assert (await page.page(_request(far | {"X-Role": "viewer"}))).status == 200
    with pytest.raises(NotAllowed):
        await page.page(_request(far | {"X-Role": "installer"}))
    with pytest.raises(NotAuthorised):
        await page.page(_request(far))


def test_from_this_machine__by_the_address_of_the_connection() -> None:
    assert not from_this_machine(_request({}))


def _request(headers: dict[str, str]) -> web.Request:

    return make_mocked_request("GET", "/metrics", headers=headers)


async def test_worker_api__is_heard_and_its_analyses_are_counted(house: House) -> None:

    headers = {"Authorization": f"Bearer {house.worker_secret}"}
    async with house.session.post(
        f"{house.url}/worker/v1/lease", json={"worker": "x"}, headers=headers
    ) as response:
        assert response.status == 204
    assert house.heard == ["box-1"]
    async with house.session.post(f"{house.url}/worker/v1/lease", json={}) as response:
        assert response.status == 401
    assert house.heard == ["box-1"]


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 200), (Role.INSTALLER, 403)])
async def test_metrics__by_a_token_of_a_viewer(role: Role, status: int, house: House) -> None:
    secret, token = mint(TokenKind.CLIENT, "prometheus", clock=house.clock, role=role)
    await house.store.add_token(token, actor="test")
    await house.read_tokens()
    answer = await house.get(
        "/metrics", X_Forwarded_For="203.0.113.9", Authorization=f"Bearer {secret}"
    )
    assert answer.status == status
