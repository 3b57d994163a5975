"""What was approved goes on: real pip and uv while upstream is down, deletes, hides or changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from proxy.demo.packages import BuiltFile, build_wheel
from proxy.demo.upstream import LocalUpstream
from tests.firewall import (
    ClientEnvironment,
    Firewall,
    client_environment,
    fetch,
    file_url,
    wait_until,
)
from tests.proofs.background import running_upstream

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(300)]


PROJECTS = ("keeps-release", "keeps-project", "keeps-bytes", "keeps-outage")
"""One for each case: what is known of a page that is gone is believed for a minute."""


def build(project: str, version: str, value: int = 1) -> BuiltFile:
    module = project.replace("-", "_")
    return build_wheel(project, version, {f"{module}.py": f"VALUE = {value}\n"})


@dataclass
class Scene:
    upstream: LocalUpstream
    firewall: Firewall

    def list_only(self, *files: BuiltFile, of: str) -> None:
        """The upstream lists these of a project, and no others."""
        others = [file for file in self.upstream.files if file.project != of]
        self.upstream.files = [*others, *files]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """A firewall that approved all releases, above an index whose pages are never fresh."""
    upstream = LocalUpstream(
        build(project, version) for project in PROJECTS for version in ("1.0", "2.0")
    )
    upstream.max_age_s = 0
    with (
        running_upstream(upstream),
        Firewall(upstream=upstream.url, harness=False, uid_base=61900) as firewall,
    ):
        for file in list(upstream.files):
            answer = fetch(file_url(firewall.index_url, file.project, file.filename))
            assert answer.status == 200, answer.reason
        yield Scene(upstream, firewall)


@pytest.fixture(params=["pip", "uv"])
def tool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(scene: Scene) -> Iterator[ClientEnvironment]:
    with client_environment(scene.firewall.index_url) as environment:
        yield environment


def install(client: ClientEnvironment, tool: str, what: str) -> tuple[str, str]:
    """(the version that is installed now, what was printed)."""
    done = (client.pip if tool == "pip" else client.uv)(what)
    assert done.returncode == 0, done.stderr
    return client.installed()[what.partition("=")[0]], done.stdout + done.stderr


def test_deleted_release__a_pin_installs_and_says_so_and_others_take_what_is_listed(
    scene: Scene, client: ClientEnvironment, tool: str
) -> None:
    project = "keeps-release"
    scene.list_only(build(project, "1.0"), of=project)
    assert install(client, tool, project)[0] == "1.0"
    version, said = install(client, tool, f"{project}==2.0")
    assert version == "2.0"
    assert "The index lists this file no more since" in said


def test_deleted_project__goes_on(scene: Scene, client: ClientEnvironment, tool: str) -> None:
    scene.list_only(of="keeps-project")
    assert install(client, tool, "keeps-project")[0] == "2.0"


def test_changed_bytes__the_approved_ones_are_installed_and_the_others_refused(
    scene: Scene, client: ClientEnvironment, tool: str
) -> None:
    project = "keeps-bytes"
    good, other = build(project, "2.0"), build(project, "2.0", value=2)
    scene.list_only(build(project, "1.0"), other, of=project)
    assert install(client, tool, f"{project}==2.0")[0] == "2.0"
    origin = scene.firewall.origin
    path = f"/files/pypi/{project}/{{}}/{other.filename}"
    assert fetch(origin + path.format(good.sha256)).body == good.data
    refused = fetch(origin + path.format(other.sha256))
    assert refused.status == 403, refused.reason
    assert "changed the bytes" in scene.firewall.cli("override", "list").stdout


def test_outage__installs_go_on(scene: Scene, client: ClientEnvironment, tool: str) -> None:
    scene.upstream.down = True
    assert install(client, tool, "keeps-outage")[0] == "2.0"


def test_outage__pages_say_how_old_they_are_until_the_index_is_back(scene: Scene) -> None:
    page = f"{scene.firewall.index_url}keeps-outage/"
    scene.upstream.down = True
    try:
        first = fetch(page)
        assert "detail=upstream-failed" in first.headers["Cache-Status"]
        wait_until(lambda: int(fetch(page).headers["Age"]) > int(first.headers["Age"]), seconds=10)
    finally:
        scene.upstream.down = False
    # After a failure the index is left alone for ten seconds.
    back = wait_until(
        lambda: [one for one in (fetch(page),) if "Cache-Status" not in one.headers], seconds=30
    )
    assert int(back[0].headers["Age"]) <= 1
