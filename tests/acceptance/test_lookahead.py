"""A real firewall asks for what comes next before the client does, and for each page once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

import pytest

from proxy.demo.packages import BuiltFile, build_wheel
from proxy.demo.upstream import LocalUpstream
from tests.firewall import Firewall, client_environment, fetch, file_url, wait_until
from tests.proofs.background import running_upstream

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(300)]

FRESH_S = 1
"""Seconds that pages are fresh while files are being approved: afterwards all of them are stale."""


def tree(prefix: str) -> tuple[BuiltFile, ...]:
    """An app needs left and right; left needs a leaf; an extra alone needs one more."""

    def wheel(name: str, *requires: str) -> BuiltFile:
        module = f"{prefix}_{name}"
        needs = tuple(f"{prefix}-{one}" for one in requires)
        return build_wheel(
            f"{prefix}-{name}", "1.0", {f"{module}.py": f"NAME = {name!r}\n"}, requires=needs
        )

    return (
        wheel("app", "left>=1", "right", 'unasked; extra == "more"'),
        wheel("left", "leaf"),
        wheel("right"),
        wheel("leaf"),
        wheel("unasked"),
    )


@dataclass
class Scene:
    upstream: LocalUpstream
    firewall: Firewall

    def forget(self) -> None:
        """From now on, what the upstream is asked for is looked at."""
        self.upstream.requests.clear()


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """A firewall that approved everything, and whose pages are all stale."""
    upstream = LocalUpstream(file for prefix in ("look", "pip", "uv") for file in tree(prefix))
    upstream.max_age_s = FRESH_S
    with (
        running_upstream(upstream),
        Firewall(upstream=upstream.url, harness=False, uid_base=62000) as firewall,
    ):
        for file in upstream.files:
            answer = fetch(file_url(firewall.index_url, file.project, file.filename))
            assert answer.status == 200, answer.reason
        upstream.max_age_s = None
        time.sleep(FRESH_S + 0.1)
        yield Scene(upstream, firewall)


def test_metadata__has_the_pages_of_dependencies_asked_before_any_client_does(scene: Scene) -> None:
    (app, *_) = tree("look")
    url = urljoin(
        scene.firewall.index_url, file_url(scene.firewall.index_url, "look-app", app.filename)
    )
    scene.forget()
    assert fetch(f"{url}.metadata").status == 200
    asked = scene.upstream.requests
    wait_until(lambda: {"/simple/look-left/", "/simple/look-right/"} <= set(asked), seconds=20)
    time.sleep(0.5)
    pages = Counter(path for path in asked if path.startswith("/simple/"))
    assert pages == {"/simple/look-left/": 1, "/simple/look-right/": 1}
    files = [path for path in asked if path.endswith(".whl")]
    assert files == [], "no bytes of what nobody asked for"


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_install__asks_the_index_for_each_page_once(scene: Scene, tool: str) -> None:
    scene.forget()
    with client_environment(scene.firewall.index_url) as client:
        done = (client.pip if tool == "pip" else client.uv)(f"{tool}-app")
        assert done.returncode == 0, done.stderr
        names = {f"{tool}-{name}" for name in ("app", "left", "right", "leaf")}
        assert names <= set(client.installed())
    pages = Counter(path for path in scene.upstream.requests if path.startswith("/simple/"))
    assert pages == {f"/simple/{name}/": 1 for name in names}


def test_metrics__count_what_was_looked_ahead(scene: Scene) -> None:
    text = fetch(f"{scene.firewall.origin}/metrics").body.decode()
    assert 'pratique_prefetches_total{outcome="fetched",what="page"}' in text
