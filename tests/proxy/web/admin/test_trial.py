"""A draft tried on the last days: by a person in a real browser, by two at once, and with mistakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from proxy.admin import simulation
from proxy.admin.access import Role
from proxy.simulating import Simulated
from proxy.web.admin import trial
from tests.proxy.web.admin.browser import accessible, chromium, needs_chromium, signed_in
from tests.proxy.web.admin.desk import HOSTILE, Desk, at_desk, furnish, open_desk_house
from tests.proxy.web.house import House

STRICT = 'mode = "enforce"\n\n[[rule]]\nname = "none"\noutcome = "deny"\nprojects = ["steady"]\n'
OBSERVED = STRICT.replace("enforce", "observe")


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_desk_house(tmp_path) as opened:
        await furnish(opened, text=HOSTILE)
        yield opened


@pytest_asyncio.fixture
async def admin(house: House) -> AsyncIterator[Desk]:
    async with at_desk(house, Role.ADMIN) as desk:
        yield desk


class Gate:
    """A simulation that a test lets go on."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, *arguments: Any, **more: Any) -> Simulated:
        more["progress"](7, 1_234)
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return await simulation.simulate_policy(*arguments, **more)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr(trial, "simulate_policy", gate)
    monkeypatch.setattr(trial, "TOLD_S", 0.01)
    return gate


async def test_trial__says_what_would_change_and_for_whom(house: House, admin: Desk) -> None:
    before = house.gate.policy()
    shown = await admin.send("/policy/trial", document=STRICT, days="14")
    assert shown.status == 200
    assert "<strong>7</strong> would have been stricter" in shown.text
    assert "steady-1.0-py3-none-any.whl" in shown.text
    assert "Who would have been stopped" in shown.text
    assert "<script>" not in shown.text
    assert shown.text.rstrip().endswith("</html>")
    assert house.gate.policy() is before


async def test_trial__a_policy_that_stops_nobody_says_so(admin: Desk) -> None:
    shown = await admin.send("/policy/trial", document=OBSERVED)
    assert "would have been stricter" in shown.text
    assert "Nobody who fetched these files" in shown.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"document": "mode = 3\nnonsense = 1\n"}, "nonsense"),
        ({"document": OBSERVED, "days": "0"}, "1 to 365 days"),
        ({"document": OBSERVED, "days": "366"}, "1 to 365 days"),
        ({"document": OBSERVED, "days": "soon"}, "not a number"),
    ],
)
async def test_trial__mistakes_are_told_before_anything_begins_beside_the_draft(
    admin: Desk, fields: dict[str, str], words: str
) -> None:
    shown = await admin.send("/policy/trial", **fields)
    assert shown.status == 422
    assert words in shown.text
    assert escape(fields["document"]).replace("&quot;", "&#34;") in shown.text


async def test_trial__one_at_a_time_and_the_second_is_told_by_whom(
    house: House, admin: Desk, gate: Gate
) -> None:
    first = asyncio.create_task(admin.send("/policy/trial", document=STRICT))
    await gate.begun.wait()
    async with at_desk(house, Role.ADMIN, "grace") as other:
        refused = await other.send("/policy/trial", document=STRICT)
    assert refused.status == 429
    assert "ada tries a policy already" in refused.text
    assert escape(STRICT).replace("&quot;", "&#34;") in refused.text
    gate.go.set()
    assert "would have been stricter" in (await first).text
    assert (await admin.send("/policy/trial", document=STRICT)).status == 200


async def test_trial__how_far_it_is_comes_before_what_came_of_it(admin: Desk, gate: Gate) -> None:
    trying = asyncio.create_task(admin.send("/policy/trial", document=STRICT))
    await gate.begun.wait()
    await asyncio.sleep(0.05)
    gate.go.set()
    shown = (await trying).text
    assert 0 < shown.index("7 of 1,234 decisions") < shown.index("would have been stricter")


async def test_trial__whoever_leaves_ends_it(admin: Desk, gate: Gate) -> None:
    trying = asyncio.create_task(admin.send("/policy/trial", document=STRICT))
    await gate.begun.wait()
    trying.cancel()
    async with asyncio.timeout(10):
        await gate.cancelled.wait()


async def test_trial__a_failure_ends_the_page_with_words(
    admin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> Simulated:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(trial, "simulate_policy", fail)
    shown = await admin.send("/policy/trial", document=STRICT)
    assert "The trial failed." in shown.text
    assert "secret of ours" not in shown.text
    assert shown.text.rstrip().endswith("</html>")


@needs_chromium
@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 400)])
async def test_trial__in_a_browser(house: House, scheme: Any, width: int) -> None:
    async with (
        chromium() as browser,
        signed_in(
            browser,
            house,
            Role.ADMIN,
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
        ) as page,
    ):
        await page.goto(house.url + "/policy")
        await page.get_by_text("Change it").click()
        await page.fill("#document", STRICT)
        await page.fill("#days", "30")
        await page.get_by_role("button", name="Try it on these days").click()
        await expect(
            page.get_by_role("heading", name="Who would have been stopped")
        ).to_be_visible()
        await expect(page.locator(".step")).to_have_count(
            await page.locator(".step:not(:visible)").count()
        )
        assert await accessible(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate("window.ran === undefined")
        await page.get_by_text("The draft").click()
        assert await page.input_value("#document") == STRICT
