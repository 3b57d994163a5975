"""Tokens as pip, uv, Poetry and netrc send them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from aiohttp import ClientSession

from proxy.store.port import TokenKind
from proxy.tokens import mint
from proxy.web.auth import secrets_of
from tests.proxy.web.decided import served
from tests.proxy.web.house import House, open_house, path_of

WHEEL = "demo-1.0-py3-none-any.whl"
GUARDED = ["/", "/simple", "/simple/", "/simple/demo", "/simple/demo/", "/v/abcdefgh"]


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic("user:secret"), ("secret", "user")),
        (basic("secret:"), ("secret",)),
        (basic("secret"), ("secret",)),
        (basic(":secret"), ("secret",)),
        (basic("a:b:c"), ("b:c", "a")),
        (basic("user:secret").replace("Basic", "bAsIc"), ("secret", "user")),
        ("Bearer secret", ("secret",)),
        ("bearer  secret ", ("secret",)),
        ("Bearer", ()),
        ("Bearer ", ()),
        ("Basic", ()),
        ("Basic !!!", ()),
        ("Basic /w==", ()),
        ("Digest username=x", ()),
        ("", ()),
        ("secret", ()),
        ("Bearer " + "x" * 2000, ()),
    ],
)
def test_secrets_of(header: str, expected: tuple[str, ...]) -> None:
    assert secrets_of(header) == expected


async def asked(house: House, path: str, header: str | None) -> tuple[int, str | None]:
    headers = {"Authorization": header} if header else {}
    async with (
        ClientSession(headers=headers) as session,
        session.get(house.url + path, allow_redirects=False) as response,
    ):
        return response.status, response.headers.get("WWW-Authenticate")


@pytest.mark.parametrize("path", GUARDED)
async def test_request__without_a_token_is_401(house: House, path: str) -> None:
    status, challenge = await asked(house, path, None)
    assert status == 401
    assert challenge is not None
    assert challenge.startswith("Basic realm=")


async def test_file__without_a_token_is_401_before_anything(house: House) -> None:
    ref = house.upstream.publish(WHEEL, b"data")
    await house.decide(served(ref))
    for suffix in ("", ".metadata"):
        assert (await asked(house, path_of(ref) + suffix, None))[0] == 401
    assert house.upstream.asked == 0


async def test_request__every_way_to_send_a_token(house: House) -> None:
    house.upstream.publish(WHEEL, b"data")
    secret = house.client_secret
    for header in (
        basic(f"anybody:{secret}"),
        basic(f"{secret}:"),
        basic(f":{secret}"),
        f"Bearer {secret}",
    ):
        assert (await asked(house, "/simple/demo/", header))[0] == 200


@pytest.mark.parametrize("what", ["worker token", "wrong", "empty"])
async def test_request__with_another_secret_is_401(house: House, what: str) -> None:
    secret = {"worker token": house.worker_secret, "wrong": house.client_secret + "x", "empty": ""}
    assert (await asked(house, "/simple/", basic(f"u:{secret[what]}")))[0] == 401


async def test_worker_api__takes_no_client_token(house: House) -> None:
    async with house.session.post(f"{house.url}/worker/v1/lease", data=b"{}") as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_token__revoked_one_opens_nothing_any_more(house: House) -> None:
    header = f"Bearer {house.client_secret}"
    assert (await asked(house, "/simple/", header))[0] == 200
    await house.store.revoke_token("ci", actor="somebody", at=house.clock.now)
    await house.read_tokens()
    assert (await asked(house, "/simple/", header))[0] == 401


async def test_token__expired_one_opens_nothing(house: House) -> None:
    secret, token = mint(
        TokenKind.CLIENT, "short", clock=house.clock, expires_at=house.clock.now.replace(hour=13)
    )
    await house.store.add_token(token, actor="test")
    await house.read_tokens()
    assert (await asked(house, "/simple/", f"Bearer {secret}"))[0] == 200
    house.clock.forward(3600)
    assert (await asked(house, "/simple/", f"Bearer {secret}"))[0] == 401


async def test_token__store_down_keeps_those_in_memory(house: House) -> None:
    house.upstream.publish(WHEEL, b"data")
    house.store.down = True
    assert (await asked(house, "/simple/demo/", f"Bearer {house.client_secret}"))[0] == 200


async def test_anonymous__serves_without_a_token_and_still_knows_names(tmp_path: Path) -> None:
    async with open_house(tmp_path, token_required=False) as house:
        ref = house.upstream.publish(WHEEL, b"data")
        await house.decide(served(ref))
        assert (await asked(house, path_of(ref), None))[0] == 200
        assert (await asked(house, path_of(ref), f"Bearer {house.client_secret}"))[0] == 200
        assert (await asked(house, path_of(ref), "Bearer something-else"))[0] == 200
        names = [row.requester for row in await house.fetches()]
        assert names == ["anonymous", "ci", "anonymous"]


async def test_verdicts_public__opens_the_pages_for_people_alone(tmp_path: Path) -> None:
    async with open_house(tmp_path, verdicts_public=True) as house:
        decision = await house.decide(served(house.upstream.publish(WHEEL, b"data")))
        assert (await asked(house, f"/v/{decision.id}", None))[0] == 200
        assert (await asked(house, "/", None))[0] == 200
        assert (await asked(house, "/simple/", None))[0] == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probe__needs_no_token(house: House, path: str) -> None:
    assert (await asked(house, path, None))[0] in (200, 503)
