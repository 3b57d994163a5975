"""In a real browser: the review by keys alone, hostile text that does not run, and what axe says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from models.decision import OverrideAction
from proxy.admin.access import Role
from tests.proxy.web.admin.browser import accessible, chromium, needs_chromium, signed_in
from tests.proxy.web.admin.desk import HOSTILE, LONG, furnish, open_desk_house
from tests.proxy.web.admin.test_routes import PAGES, path_of
from tests.proxy.web.house import House

pytestmark = needs_chromium

NARROW = 400
"""Pixels of a phone held upright, and a window beside another."""


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_desk_house(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


async def here(page: Page) -> str:
    return await page.locator("[data-item][data-here] h2").inner_text()


async def test_review__by_keys_alone(house: House, browser: Browser) -> None:
    made = await furnish(house)
    async with signed_in(browser, house, Role.REVIEWER) as page:
        await page.goto(house.url + "/queue?sort=age")
        await page.keyboard.press("j")
        assert await here(page) == "arrow-tools 0.4"
        await page.keyboard.press("j")
        assert await here(page) == "parcels 2.1"
        await page.keyboard.press("k")
        await page.keyboard.press("?")
        await expect(page.locator("dialog#keys")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog#keys")).to_be_hidden()
        await page.keyboard.press("a")
        await page.keyboard.type("known vendor; keys j, k and d are text here")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/queue?said=1")
        await expect(page.locator("[data-item]").first).to_contain_text("approved by ada")
        await page.goto(house.url + "/queue?sort=score")
        await page.keyboard.press("j")
        assert await here(page) == "zeta-utils 0.0.1"
        await page.keyboard.press("d")
        await page.keyboard.type("not ours")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/queue?said=1")
    said = {one.id: one for one in await house.store.overrides()}
    allowed, denied = said[f"r-{made['held'].id}"], said[f"r-{made['third'].id}"]
    assert allowed.action is OverrideAction.ALLOW
    assert allowed.justification == "known vendor; keys j, k and d are text here"
    assert denied.action is OverrideAction.DENY


async def test_review__enter_opens_the_evidence_and_keys_decide_there(
    house: House, browser: Browser
) -> None:
    made = await furnish(house)
    async with signed_in(browser, house, Role.REVIEWER) as page:
        await page.goto(house.url + "/queue?sort=age")
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/v/{made['held'].id}")
        await page.keyboard.press("d")
        await page.keyboard.press("Enter")  # nothing is sent without a justification
        assert page.url.endswith(made["held"].id)
        await page.keyboard.type("typosquat")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/queue?said=1")
    assert (await house.store.overrides())[-1].action is OverrideAction.DENY


async def test_review__of_two_at_once_the_second_is_told(house: House, browser: Browser) -> None:
    await furnish(house)
    async with (
        signed_in(browser, house, Role.REVIEWER, "ada") as first,
        signed_in(browser, house, Role.REVIEWER, "grace") as second,
    ):
        for page in (first, second):
            await page.goto(house.url + "/queue?sort=age")
            await page.keyboard.press("j")
        for page, key in ((first, "a"), (second, "d")):
            await page.keyboard.press(key)
            await page.keyboard.type("seen")
            await page.keyboard.press("Enter")
            await page.wait_for_load_state()
        await expect(second.locator("[role=alert]")).to_contain_text("ada has approved it already")
    assert len(await house.store.overrides()) == 3


async def test_review__without_scripts_the_form_is_all_it_takes(
    house: House, browser: Browser
) -> None:
    made = await furnish(house)
    async with signed_in(browser, house, Role.REVIEWER, java_script_enabled=False) as page:
        await page.goto(house.url + "/queue?sort=age")
        item = page.locator("[data-item]").first
        await item.locator("summary").click()
        await item.locator("textarea").fill("known vendor")
        await item.locator("input[type=number]").press("Enter")  # which must not approve
        assert page.url.endswith("/queue?sort=age")
        await item.get_by_role("button", name="Approve").click()
        await page.wait_for_url("**/queue?said=1")
    assert (await house.store.overrides())[-1].id == f"r-{made['held'].id}"


@pytest.mark.parametrize(
    "text", [HOSTILE, LONG, "a\u202eb\u2066c" * 20, "' onfocus=window.ran=1 x='"]
)
async def test_pages__hostile_text_does_not_run_and_breaks_no_layout(
    house: House, browser: Browser, text: str
) -> None:
    made = await furnish(house, text=text)
    viewport = {"width": NARROW, "height": 800}
    async with signed_in(browser, house, Role.ADMIN, viewport=viewport) as page:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        for pattern in PAGES:
            await page.goto(house.url + path_of(pattern, made))
            assert await page.evaluate("window.ran === undefined"), pattern
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= NARROW, pattern
        assert said == []


async def test_accessible__finds_what_is_wrong(house: House, browser: Browser) -> None:
    async with signed_in(browser, house, Role.ADMIN) as page:
        await page.goto(house.url + "/queue")
        await page.evaluate("document.querySelector('#project').removeAttribute('id')")
        assert any(line.startswith("label") for line in await accessible(page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages__axe_finds_nothing(house: House, browser: Browser, scheme: str) -> None:
    made = await furnish(house)
    found: list[str] = []
    async with signed_in(browser, house, Role.ADMIN, color_scheme=scheme) as page:
        for pattern in (*PAGES, "/projects/nobody", "/login"):
            await page.goto(house.url + path_of(pattern, made))
            for details in await page.locator("details > summary").all():
                await details.click()
            found += [f"{pattern} {line}" for line in await accessible(page)]
        await page.goto(house.url + "/queue")
        await page.keyboard.press("?")
        found += [f"help {line}" for line in await accessible(page)]
    assert found == []
