"""Signing in: whose session it is, what ends it, and forms that nobody else can send."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import ClientSession, encode_basic_auth

from proxy.admin.access import Principal, Role
from proxy.admin.firstadmin import SETUP_MINUTES, FirstAdmin
from proxy.admin.sessions import CLOCK_BACK_MAX, SESSION_HOURS, csrf_token
from proxy.web.app import VISITORS
from proxy.web.session import CHANGES_MAX, FORM_BYTES_MAX, LOGIN_TRIES_MAX, TOKEN_TRIES_MAX
from proxy.web.throttle import WINDOW_S
from tests.proxy.web.house import PUBLIC_URL, Answer, House, open_house

COOKIE = "__Host-pratique"


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


def secret_of(cookie: str) -> str:
    name, _, secret = cookie.partition("=")
    assert name == COOKIE
    return secret


async def who(house: House, cookie: str) -> Principal | None:
    return await house.app[VISITORS].sessions.principal(secret_of(cookie))


async def out(house: House, cookie: str, csrf: str, **headers: str) -> Answer:
    return await house.post("/logout", {"csrf": csrf}, cookie=cookie, **headers)


async def add(house: House, name: str, **headers: str) -> tuple[int, str]:
    """A change by the API: its status, and what Retry-After says."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    async with (
        ClientSession() as client,
        client.post(house.url + "/api/v1/tokens", json={"name": name}, headers=named) as response,
    ):
        return response.status, response.headers.get("Retry-After", "")


async def test_login__a_viewer_gets_a_cookie_that_scripts_and_other_sites_do_not(
    house: House,
) -> None:
    secret = await house.token("eve", Role.VIEWER, groups=("qa", "build"))
    answer = await house.post("/login", {"token": secret, "next": "/queue?project=demo"})
    assert (answer.status, answer.headers["Location"]) == (303, "/queue?project=demo")
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert secret not in cookie
    found = await who(house, cookie)
    assert found is not None
    assert (found.name, found.role, found.groups) == ("eve", Role.VIEWER, ("build", "qa"))


async def test_login__an_installers_token_and_an_unknown_one_open_nothing(house: House) -> None:
    installer = await house.token("ci-2", Role.INSTALLER)
    for token, status in ((installer, 403), ("wrong", 401), ("", 401), (house.worker_secret, 401)):
        answer = await house.post("/login", {"token": token})
        assert answer.status == status
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "back",
    [
        "//evil.test/",
        "https://evil.test/",
        "/\\evil.test",
        "evil",
        "/a\nb",
        "",
        "/\u2028",
        "\\\\evil.test",
    ],
)
async def test_login__it_never_leads_to_another_host(house: House, back: str) -> None:
    secret = await house.token("eve", Role.VIEWER)
    answer = await house.post("/login", {"token": secret, "next": back})
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    page = await house.get("/login?next=" + quote(back))
    assert b'name="next" value="/"' in page.body


async def test_login__tries_are_counted_by_address_and_forgotten(house: House) -> None:
    secret = await house.token("eve", Role.VIEWER)
    for _ in range(LOGIN_TRIES_MAX):
        assert (await house.post("/login", {"token": "wrong"})).status == 401
    late = await house.post("/login", {"token": "wrong"})
    assert late.status == 429
    assert late.headers["Retry-After"] == f"{WINDOW_S:.0f}"
    assert (await house.post("/login", {"token": secret})).status == 303, (
        "a right token is never kept out"
    )
    house.clock.forward(400)
    assert (await house.post("/login", {"token": secret})).status == 303


async def test_session__ends_with_its_time_and_with_its_token(house: House) -> None:
    cookie = await house.sign_in(Role.VIEWER, "eve")
    assert await who(house, cookie) is not None
    await house.store.revoke_token("eve", actor="test", at=house.clock())
    await house.read_tokens()
    assert await who(house, cookie) is None

    other = await house.sign_in(Role.VIEWER, "mallory")
    house.clock.forward(timedelta(hours=SESSION_HOURS).total_seconds() + 1)
    assert await who(house, other) is None


async def test_session__a_clock_that_is_set_back_does_not_lengthen_it(house: House) -> None:
    cookie = await house.sign_in(Role.VIEWER, "eve")
    house.clock.forward(-CLOCK_BACK_MAX.total_seconds())
    assert await who(house, cookie) is not None
    house.clock.forward(-1)
    assert await who(house, cookie) is None


async def test_session__outlasts_no_token(house: House) -> None:
    ends = house.clock() + timedelta(minutes=5)
    secret = await house.token("brief", Role.VIEWER, expires_at=ends)
    answer = await house.post("/login", {"token": secret})
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    house.clock.forward(301)
    assert await who(house, cookie) is None


@pytest.mark.parametrize("forged", ["", "x", "x" * 5000, "../../etc/passwd", "\xff"])
async def test_session__a_forged_cookie_is_nobody(house: House, forged: str) -> None:
    assert await house.app[VISITORS].sessions.principal(forged) is None


async def test_logout__needs_the_sessions_own_form_token(house: House) -> None:
    cookie = await house.sign_in(Role.VIEWER, "eve")
    stranger = await house.sign_in(Role.VIEWER, "mallory")
    for csrf in ("", "0" * 64, csrf_token(secret_of(stranger)), "\u00e9"):
        assert (await out(house, cookie, csrf)).status == 403
        assert await who(house, cookie) is not None
    answer = await out(house, cookie, csrf_token(secret_of(cookie)))
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert await who(house, cookie) is None
    assert (await out(house, cookie, csrf_token(secret_of(cookie)))).status == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Origin": "https://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 303),
        ({"Origin": PUBLIC_URL}, 303),
        ({}, 303),
    ],
)
async def test_form__another_sites_page_cannot_send_one(
    house: House, headers: dict[str, str], status: int
) -> None:
    cookie = await house.sign_in(Role.VIEWER, "eve")
    answer = await out(house, cookie, csrf_token(secret_of(cookie)), **headers)
    assert answer.status == status


@pytest.mark.parametrize(
    "beside",
    ["", "Bearer junk", encode_basic_auth("x", "y"), "Bearer", "nonsense"],
)
async def test_change__a_worthless_authorization_does_not_excuse_a_session(
    house: House, beside: str
) -> None:
    cookie = await house.sign_in(Role.ADMIN, "ada")
    extra = {"Authorization": beside} if beside else {}
    assert (await add(house, "planted", Cookie=cookie, **extra))[0] == 403
    assert "planted" not in [one.name for one in await house.store.tokens()]
    word = csrf_token(secret_of(cookie))
    assert (await add(house, "meant", Cookie=cookie, X_CSRF_Token=word, **extra))[0] == 201


async def test_change__a_token_in_a_header_needs_no_word_and_no_other_site_sends_one(
    house: House,
) -> None:
    secret = await house.token("ada", Role.ADMIN)
    header = f"Bearer {secret}"
    assert (await add(house, "one", Authorization=header))[0] == 201
    assert (await add(house, "two", Authorization=header, Sec_Fetch_Site="cross-site"))[0] == 403


async def test_change__one_person_makes_so_many_and_is_told_when_to_go_on(house: House) -> None:
    cookie = await house.sign_in(Role.ADMIN, "ada")
    word = csrf_token(secret_of(cookie))
    for _ in range(CHANGES_MAX):
        # No group is called that, so that each is a change that leaves nothing behind.
        form = {"csrf": word, "name": "x", "role": "reviewer", "groups": "!"}
        assert (await house.post("/tokens", form, cookie=cookie)).status == 422
    house.clock.forward(100)
    left = f"{WINDOW_S - 100:.0f}"
    shown = await house.post("/tokens", {"csrf": word, "name": "x"}, cookie=cookie)
    assert (shown.status, shown.headers["Retry-After"]) == (429, left)
    assert await add(house, "x", Cookie=cookie, X_CSRF_Token=word) == (429, left)
    other = await house.token("bea", Role.ADMIN)
    assert (await add(house, "y", Authorization=f"Bearer {other}"))[0] == 201


async def test_token__wrong_ones_in_headers_are_counted_by_address_and_right_ones_pass(
    house: House,
) -> None:
    right = await house.token("ada", Role.ADMIN)
    for number in range(TOKEN_TRIES_MAX):
        assert await add(house, "x", Authorization=f"Bearer wrong{number}") == (401, "")
    assert await add(house, "x", Authorization="Bearer wrong") == (429, f"{WINDOW_S:.0f}")
    page = await house.get("/queue", Authorization="Bearer wrong")
    assert (page.status, page.headers["Retry-After"]) == (429, f"{WINDOW_S:.0f}")
    assert (await add(house, "x", Authorization=f"Bearer {right}"))[0] == 201
    # An index page says 401 as before: an installer's prompt needs the reason, and no wait.
    assert (await house.get("/simple/demo/", Authorization="Bearer wrong")).status == 401
    house.clock.forward(WINDOW_S)
    assert (await add(house, "y", Authorization="Bearer wrong"))[0] == 401


async def test_token__on_an_open_firewall_wrong_ones_are_counted_too(tmp_path: Path) -> None:
    async with open_house(tmp_path, token_required=False) as house:
        for _ in range(TOKEN_TRIES_MAX):
            assert (await add(house, "x", Authorization="Bearer wrong"))[0] == 401
        assert (await add(house, "x", Authorization="Bearer wrong"))[0] == 429


async def test_open_to_read__who_is_there_may_look_and_changes_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path, token_required=False) as house, ClientSession() as stranger:
        async with stranger.get(house.url + "/queue") as page:
            assert page.status == 200
        async with stranger.get(house.url + "/tokens", allow_redirects=False) as page:
            assert (page.status, page.headers["Location"]) == (303, "/login?next=/tokens")
        sent = await house.post("/tokens", {"name": "x", "role": "admin"})
        assert (sent.status, sent.headers["Location"]) == (303, "/login?next=/")


async def test_role__one_that_there_is_not_is_told(house: House) -> None:
    cookie = await house.sign_in(Role.ADMIN, "ada")
    form = {"csrf": csrf_token(secret_of(cookie)), "name": "x", "role": "<b>god</b>"}
    shown = await house.post("/tokens", form, cookie=cookie)
    assert shown.status == 422
    assert b"<b>god" not in shown.body
    assert "x" not in [one.name for one in await house.store.tokens()]


async def test_form__is_bounded_and_is_a_form(house: House) -> None:
    assert (await house.post("/login", {"token": "x" * (FORM_BYTES_MAX + 1)})).status == 413
    async with (
        ClientSession() as browser,
        browser.post(
            house.url + "/login",
            data=io.BytesIO(b"token=" + b"x" * 10_000_000),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ) as response,
    ):
        assert response.status == 413
    async with (
        ClientSession() as browser,
        browser.post(house.url + "/login", json={"token": "x"}) as response,
    ):
        assert response.status == 415
    many = {f"f{n}": "" for n in range(1000)}
    assert (await house.post("/login", many)).status == 400


async def test_setup__the_printed_link_makes_one_admin_and_no_second(house: House) -> None:
    first = house.door.first_admin
    assert first is not None
    key = await first.offer()
    assert (await house.get("/setup?key=wrong")).status == 403
    page = await house.get(f"/setup?key={key}")
    assert page.status == 200
    bad = await house.post("/setup", {"key": key, "name": "no spaces please"})
    assert bad.status == 422
    made = await house.post("/setup", {"key": key, "name": "alice"})
    assert made.status == 200
    assert b"pratique_client_" in made.body
    found = await who(house, made.headers["Set-Cookie"].partition(";")[0])
    assert found is not None
    assert (found.name, found.role) == ("alice", Role.ADMIN)
    again = await house.post("/setup", {"key": key, "name": "mallory"})
    assert again.status == 422
    assert [one.name for one in await house.store.tokens() if one.role is Role.ADMIN] == ["alice"]


async def test_setup__the_link_works_whichever_process_answers(house: House) -> None:
    """What another process printed: it and this one have the store in common, and nothing else."""
    key = await FirstAdmin(house.store, clock=house.clock).offer()
    here = await FirstAdmin(house.store, clock=house.clock).offer()
    assert (await house.get(f"/setup?key={key}")).status == 200
    assert (await house.post("/setup", {"key": key, "name": "alice"})).status == 200
    assert (await house.post("/setup", {"key": here, "name": "mallory"})).status == 422
    assert [one.name for one in await house.store.tokens() if one.role is Role.ADMIN] == ["alice"]


async def test_setup__the_link_ends(house: House) -> None:
    first = house.door.first_admin
    assert first is not None
    key = await first.offer()
    house.clock.forward(SETUP_MINUTES * 60)
    assert (await house.get(f"/setup?key={key}")).status == 403
    assert (await house.post("/setup", {"key": key, "name": "late"})).status == 403
