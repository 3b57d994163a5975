"""The API over real sockets: who may, what is given, what is refused, and its own description."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession

from models.decision import Override
from proxy.admin.access import Role
from proxy.web.api.operation import BODY_BYTES_MAX, PREFIX, Operation, Page
from proxy.web.api.operations import OPERATIONS
from tests.proxy.web.decided import held, served
from tests.proxy.web.house import House, open_house

READS = [one for one in OPERATIONS if not one.changes]
CHANGES = [one for one in OPERATIONS if one.changes]
EVIL = "<script>alert(1)</script>"


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        for name in ("demo-1.0", "demo-2.0", "other-1.0"):
            ref = house.upstream.publish(f"{name}-py3-none-any.whl", name.encode())
            await house.decide(held(ref) if name == "demo-2.0" else served(ref))
        yield house


async def call(
    house: House, method: str, path: str, secret: str = "", body: Any = None, **headers: str
) -> tuple[int, Any]:
    named = {"Authorization": f"Bearer {secret}"} if secret else {}
    async with (
        ClientSession() as session,
        session.request(
            method,
            house.url + PREFIX + path,
            headers={**named, **headers},
            json=body,
            allow_redirects=False,
        ) as response,
    ):
        text = await response.text()
        kind = response.headers["Content-Type"]
        assert kind.startswith(("application/json", "application/problem+json")), kind
        return response.status, json.loads(text)


async def filled(house: House, path: str) -> str:
    """A path with its parts: the held decision, and things that are there."""
    waiting = [one for one in await house.store.decisions() if not one.served]
    parts = {
        "decision_id": waiting[0].id,
        "target": "demo==1.0",
        "project": "demo",
        "number": "1",
        "override_id": "none",
        "request_id": "none",
        "token_id": "none",
        "name": "none",
        "worker": "none",
        "feed": "none",
    }
    return re.sub(r"\{(\w+)\}", lambda match: parts[match[1]], path)


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
async def test_operation__a_stranger_and_a_lesser_role_are_told(
    house: House, one: Operation
) -> None:
    path = await filled(house, one.path)
    body: dict[str, str] | None = {} if one.body else None
    status, told = await call(house, one.method, path, body=body)
    assert (status, told["status"]) == (401, 401)
    below = [role for role in Role if not role.covers(one.role)]
    if below:
        secret = await house.token("lesser", below[-1])
        status, told = await call(house, one.method, path, secret, body=body)
        assert status == 403
        assert f"needs the role {one.role.value}" in told["detail"]


@pytest.mark.parametrize("one", READS, ids=lambda one: one.name)
async def test_operation__gives_what_its_description_says(house: House, one: Operation) -> None:
    secret = await house.token("ada", Role.ADMIN)
    if "number" in one.path:
        made = {"text": 'mode = "observe"\n', "comment": EVIL}
        assert (await call(house, "POST", "/policies", secret, made))[0] == 201
    status, told = await call(house, "GET", await filled(house, one.path), secret)
    if status == 404:
        assert one.name in {"evidence", "request", "overrideUses", "origin"}
        return
    assert status == 200, told
    assert msgspec.convert(told, one.gives, strict=False) is not None


async def test_review__the_first_of_two_wins_and_the_record_shows_who(house: House) -> None:
    ada = await house.token("ada", Role.REVIEWER)
    bea = await house.token("bea", Role.REVIEWER)
    path = await filled(house, "/decisions/{decision_id}/review")
    body = {"action": "allow", "justification": EVIL, "days": 30}
    status, told = await call(house, "POST", path, ada, body)
    assert status == 201
    made = msgspec.convert(told, Override, strict=False)
    assert (made.actor, made.justification) == ("ada", EVIL)
    status, told = await call(house, "POST", path, bea, body)
    assert status == 409
    assert "ada has approved it already" in told["detail"]
    status, told = await call(house, "GET", "/overrides?active=true", ada)
    assert [one["id"] for one in told["items"]] == [made.id]
    status, told = await call(house, "DELETE", f"/overrides/{made.id}", bea)
    assert (status, told["revoked_by"]) == (200, "bea")


async def test_request__asked_for_by_one_and_granted_by_another(house: House) -> None:
    dev = await house.token("dev", Role.REQUESTER)
    ada = await house.token("ada", Role.REVIEWER)
    (decision_id,) = [one.id for one in await house.store.decisions() if not one.served]
    body = {"decision_id": decision_id, "justification": "the build needs it"}
    status, asked = await call(house, "POST", "/requests", dev, body)
    assert (status, asked["requester"]) == (201, "dev")
    assert (await call(house, "POST", "/requests", dev, body))[0] == 409
    path = f"/requests/{asked['id']}/approve"
    assert (await call(house, "POST", path, dev, {}))[0] == 403
    status, done = await call(house, "POST", path, ada, {})
    assert (status, done["state"]) == (200, "approved")
    assert (await call(house, "POST", path, ada, {}))[0] == 409
    status, uses = await call(house, "GET", f"/overrides/{done['override_id']}/uses", dev)
    assert (status, uses["fetches"]) == (200, 0)


async def test_policy__a_broken_one_and_a_late_one_change_nothing(house: House) -> None:
    ada = await house.token("ada", Role.ADMIN)
    good = {"text": 'mode = "warn"\n', "comment": "pilot"}
    assert (await call(house, "POST", "/policies", ada, good))[0] == 201
    status, told = await call(
        house, "POST", "/policies", ada, {"text": "mode = 3\n", "expected": 1}
    )
    assert status == 422
    assert "mode must be one of" in told["detail"]
    status, told = await call(house, "POST", "/policies", ada, good)
    assert status == 409
    status, told = await call(house, "GET", "/policies", ada)
    assert [(one["number"], one["actor"]) for one in told["items"]] == [(1, "ada")]
    status, told = await call(house, "POST", "/policies/1/restore", ada)
    assert (status, told["number"]) == (201, 2)
    status, told = await call(house, "POST", "/policy/check", ada, {"text": 'mode = "observe"'})
    assert (status, told["mode"]) == (200, "observe")


async def test_tokens__a_secret_is_given_once_and_a_hash_never(house: House) -> None:
    ada = await house.token("ada", Role.ADMIN)
    body = {"name": "ci-9", "role": "installer", "groups": ["pilot"]}
    status, made = await call(house, "POST", "/tokens", ada, body)
    assert status == 201
    assert made["secret"].startswith("pratique_client_")
    status, told = await call(house, "GET", "/tokens", ada)
    assert "hash" not in json.dumps(told)
    assert made["secret"] not in json.dumps(told)
    assert [one["groups"] for one in told if one["name"] == "ci-9"] == [["pilot"]]
    assert (await call(house, "DELETE", f"/tokens/{made['token']['id']}", ada))[0] == 200
    status, told = await call(house, "DELETE", "/tokens/ada", ada)
    assert status == 409
    assert "last admin" in told["detail"]


async def test_pages__walk_a_list_without_a_row_twice(house: House) -> None:
    ada = await house.token("ada", Role.ADMIN)
    seen: list[int] = []
    before = 0
    while True:
        status, told = await call(house, "GET", f"/audit?limit=2&before={before}", ada)
        assert status == 200
        seen += [row["number"] for row in told["items"]]
        if told["next"] is None:
            break
        before = told["next"]
    assert seen == list(range(len(await house.store.audit()), 0, -1))
    assert len(seen) > 4


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=x", "before=-1", "unknown=1", "limit=1&limit=2", "log=mine"],
)
async def test_query__what_makes_no_sense_is_refused(house: House, query: str) -> None:
    ada = await house.token("ada", Role.ADMIN)
    status, told = await call(house, "GET", f"/audit?{query}", ada)
    assert status == 422
    assert "openapi.json" in told["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"action": "allow", "justification": "x", "days": 0},
        {"action": "perhaps", "justification": "x", "days": 1},
        {"action": "allow", "justification": "x" * 2001, "days": 1},
        {"action": "allow", "justification": "x", "days": 1, "surprise": True},
        {"action": "allow", "justification": "", "days": 1},
    ],
)
async def test_body__what_is_not_expected_is_refused_and_nothing_is_made(
    house: House, body: Any
) -> None:
    ada = await house.token("ada", Role.REVIEWER)
    path = await filled(house, "/decisions/{decision_id}/review")
    assert (await call(house, "POST", path, ada, body))[0] == 422
    assert await house.store.overrides() == ()


@pytest.mark.parametrize("chunked", [False, True])
async def test_body__of_ten_megabytes_is_refused_by_a_problem_document(
    house: House, chunked: bool
) -> None:
    ada = await house.token("ada", Role.ADMIN)
    data = b'{"text": "' + b"x" * 10_000_000 + b'"}'

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 256 * 1024):
            yield data[start : start + 256 * 1024]

    async with (
        ClientSession() as session,
        session.post(
            f"{house.url}{PREFIX}/policy/check",
            data=parts() if chunked else io.BytesIO(data),
            headers={"Authorization": f"Bearer {ada}", "Content-Type": "application/json"},
        ) as response,
    ):
        assert response.status == 413
        assert response.headers["Content-Type"] == "application/problem+json"
        assert (await response.json(content_type=None))["status"] == 413


@pytest.mark.parametrize(
    ("justification", "days"),
    [
        (r'"a\u0000b"', "30"),
        (r'"a\ud800b"', "30"),
        (r'"a\u202eb"', "30"),
        ('"a\u0000b"', "30"),
        ("1" * 4_000, "30"),
        ("1e400", "30"),
        ("-1e999999999", "30"),
        ("NaN", "30"),
        ("null", "30"),
        ("[[[]]]", "30"),
        ('{"a": "b"}', "30"),
        ("true", "30"),
        ('"\xff"', "30"),
        ('"why"', "30"),
        ('"why"', "1e400"),
        ('"why"', "9" * 400),
        ('"why"', "30.5"),
        ('"why"', '"30"'),
        ('"why"', "-0"),
        ('"why"', "null"),
    ],
)
async def test_body__hostile_values_are_refused_or_kept_as_they_are(
    house: House, justification: str, days: str
) -> None:
    ada = await house.token("ada", Role.REVIEWER)
    path = await filled(house, "/decisions/{decision_id}/review")
    data = f'{{"action": "allow", "justification": {justification}, "days": {days}}}'
    async with (
        ClientSession() as session,
        session.post(
            house.url + PREFIX + path,
            data=data.encode("latin-1"),
            headers={"Authorization": f"Bearer {ada}", "Content-Type": "application/json"},
        ) as response,
    ):
        told = json.loads(await response.text())
        assert response.status in (201, 422), told
    kept = await house.store.overrides()
    assert len(kept) == (response.status == 201)
    for one in kept:
        assert (json.loads(justification), int(days)) == (one.justification, 30)


async def test_body__is_bounded_and_is_json(house: House) -> None:
    ada = await house.token("ada", Role.ADMIN)
    headers = {"Authorization": f"Bearer {ada}", "Content-Type": "application/json"}
    url = f"{house.url}{PREFIX}/policies"
    for data, kind, status in (
        (b"{" * BODY_BYTES_MAX + b"{", "application/json", 413),
        (b"[" * 100_000, "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b"text=1", "application/x-www-form-urlencoded", 415),
    ):
        async with (
            ClientSession() as session,
            session.post(
                url, data=io.BytesIO(data), headers={**headers, "Content-Type": kind}
            ) as response,
        ):
            assert response.status == status


async def test_change__by_a_cookie_alone_or_from_elsewhere_is_refused(house: House) -> None:
    cookie = await house.sign_in(Role.ADMIN, "ada")
    body = {"text": 'mode = "observe"'}
    status, _ = await call(house, "POST", "/policies", body=body, Cookie=cookie)
    assert status == 403
    secret = await house.token("bea", Role.ADMIN)
    status, _ = await call(
        house, "POST", "/policies", secret, body, **{"Sec-Fetch-Site": "cross-site"}
    )
    assert status == 403
    assert (await call(house, "GET", "/policy", Cookie=cookie))[0] == 200


async def test_openapi__describes_every_operation_and_all_its_references_exist(
    house: House,
) -> None:
    status, told = await call(house, "GET", "/openapi.json")
    assert status == 200
    found = {
        (method.upper(), path): entry
        for path, entries in told["paths"].items()
        for method, entry in entries.items()
    }
    assert set(found) == {(one.method, PREFIX + one.path) for one in OPERATIONS}
    ids = [entry["operationId"] for entry in found.values()]
    assert len(set(ids)) == len(ids)
    for reference in re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(told)):
        assert reference in told["components"]["schemas"]
    for one in CHANGES:
        assert ("requestBody" in found[one.method, PREFIX + one.path]) is (one.body is not None)
    assert issubclass(Page, msgspec.Struct)
