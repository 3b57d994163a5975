"""What was approved goes on: real pip and uv while upstream is down, deletes, hides or changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

import pytest

from proxy.demo.packages import BuiltFile, build_wheel
from proxy.demo.upstream import LocalUpstream
from tests.firewall import (
    ClientEnvironment,
    Firewall,
    client_environment,
    fetch,
    file_url,
    project_page,
)
from tests.proofs.background import running_upstream

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(300)]


def build(version: str, value: int = 1) -> BuiltFile:
    return build_wheel("lasting", version, {"lasting.py": f"VALUE = {value}\n"})


@dataclass
class Scene:
    upstream: LocalUpstream
    firewall: Firewall


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """A firewall that approved both releases, above an index whose pages are never fresh."""
    upstream = LocalUpstream([build("1.0"), build("2.0")])
    upstream.max_age_s = 0
    with (
        running_upstream(upstream),
        Firewall(upstream=upstream.url, harness=False, uid_base=61900) as firewall,
    ):
        for file in list(upstream.files):
            answer = fetch(file_url(firewall.index_url, "lasting", file.filename))
            assert answer.status == 200, answer.reason
        yield Scene(upstream, firewall)


@pytest.fixture(autouse=True)
def as_it_was(scene: Scene) -> None:
    scene.upstream.files = [build("1.0"), build("2.0")]
    scene.upstream.down = False
    project_page(scene.firewall.index_url, "lasting")


@pytest.fixture(params=["pip", "uv"])
def tool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(scene: Scene) -> Iterator[ClientEnvironment]:
    with client_environment(scene.firewall.index_url) as environment:
        yield environment


def install(client: ClientEnvironment, tool: str, what: str) -> str:
    done = (client.pip if tool == "pip" else client.uv)(what)
    assert done.returncode == 0, done.stderr
    return client.installed()["lasting"] + "\n" + done.stdout + done.stderr


def test_down__installs_go_on(scene: Scene, client: ClientEnvironment, tool: str) -> None:
    scene.upstream.down = True
    assert install(client, tool, "lasting").startswith("2.0\n")


def test_deleted_release__a_pin_installs_and_says_so(
    scene: Scene, client: ClientEnvironment, tool: str
) -> None:
    scene.upstream.files = [build("1.0")]
    said = install(client, tool, "lasting==2.0")
    assert said.startswith("2.0\n")
    assert "The index lists this file no more since" in said


def test_deleted_release__an_open_requirement_takes_what_is_still_listed(
    scene: Scene, client: ClientEnvironment, tool: str
) -> None:
    scene.upstream.files = [build("1.0")]
    assert install(client, tool, "lasting").startswith("1.0\n")


def test_deleted_project__goes_on(scene: Scene, client: ClientEnvironment, tool: str) -> None:
    scene.upstream.files = []
    assert install(client, tool, "lasting").startswith("2.0\n")


def test_changed_bytes__the_approved_ones_are_installed_and_the_others_refused(
    scene: Scene, client: ClientEnvironment, tool: str
) -> None:
    other = build("2.0", value=2)
    scene.upstream.files = [build("1.0"), other]
    assert install(client, tool, "lasting==2.0").startswith("2.0\n")
    url = urljoin(
        scene.firewall.index_url, f"../files/main/lasting/{other.sha256}/{other.filename}"
    )
    answer = fetch(url)
    assert answer.status == 403, answer.reason
    assert "changed the bytes" in scene.firewall.cli("override", "list", "--json").stdout
