"""Debian's Chromium, driven by Playwright; nothing is downloaded for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from proxy.admin.access import Role
from tests.proxy.web.admin.desk import token_of
from tests.proxy.web.house import House

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
REQUIRED = os.environ.get("REQUIRE_PRIVILEGED") == "1"
"""As in CI, where Chromium is installed: a test that cannot run has failed."""
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}

needs_chromium = pytest.mark.skipif(
    not (CHROMIUM or REQUIRED), reason="there is no chromium here (apt install chromium)"
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without a window. Root may run it only without its own sandbox."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def signed_in(
    browser: Browser, house: House, role: Role, name: str = "ada", **options: Any
) -> AsyncIterator[Page]:
    """A tab of somebody who signed in by the form; errors of a page are kept in `page.faults`."""
    context: BrowserContext = await browser.new_context(**options)
    page = await context.new_page()
    await page.goto(house.url + "/login")
    await page.fill("#token", await token_of(house, name, role))
    await page.press("#token", "Enter")
    await page.wait_for_url(house.url + "/")
    try:
        yield page
    finally:
        await context.close()


async def accessible(page: Page) -> list[str]:
    """What axe finds wrong, one line each."""
    found = await Axe().run(page, options=RULES)
    return [
        f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]
