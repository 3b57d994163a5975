"""Dependency confusion against real pip and uv: a stranger's 99.0 never stands in for our own 1.0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from proxy.demo.packages import BuiltFile, build_wheel
from proxy.demo.upstream import LocalUpstream
from tests.firewall import ClientEnvironment, Firewall, client_environment, fetch, scratch_folder
from tests.proofs.background import running_upstream

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(300)]

SECRET = "s3cret-of-ci"
SETTINGS = """
[[upstreams]]
name = "wheels"
folder = "{folder}"
names = ["acme-tools"]

[[upstreams]]
name = "acme"
url = "{private}"
credentials = "ci:{secret}"
names = ["acme-*"]
mode = "observe"
timeout_s = 2
"""


@dataclass
class Stage:
    public: LocalUpstream
    private: LocalUpstream
    private_runs: ExitStack
    firewall: Firewall

    def asked_of_public(self) -> list[str]:
        return [path for path in self.public.requests if "acme" in path]


def wheel(project: str, version: str, requires: tuple[str, ...] = ()) -> BuiltFile:
    module = project.replace("-", "_")
    return build_wheel(project, version, {f"{module}.py": "VALUE = 1\n"}, requires=requires)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    ours = [wheel("acme-internal", "1.0", ("acme-tools",)), wheel("acme-other", "1.0")]
    names = ("acme-internal", "acme-other", "acme-tools", "acme-unpublished")
    strangers = [wheel(name, "99.0") for name in names]
    folder = scratch_folder()
    tools = wheel("acme-tools", "1.0")
    (folder / tools.filename).write_bytes(tools.data)
    with ExitStack() as stack:
        private_runs = stack.enter_context(ExitStack())
        public = stack.enter_context(running_upstream(LocalUpstream(strangers)))
        private = private_runs.enter_context(running_upstream(LocalUpstream(ours)))
        text = SETTINGS.format(folder=folder, private=private.url, secret=SECRET)
        file = folder / "settings.toml"
        file.write_text(text)
        firewall = stack.enter_context(
            Firewall(
                upstream=public.url,
                uid_base=62300,
                harness=False,
                options=("--config", str(file), "--boxes", "0", "--without-behaviour"),
            )
        )
        yield Stage(public, private, private_runs, firewall)


def install(client: ClientEnvironment, tool: str, *what: str) -> int:
    done = client.pip(*what) if tool == "pip" else client.uv(*what)
    return done.returncode


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_own_name__comes_from_its_owner_though_a_stranger_has_more(stage: Stage, tool: str) -> None:
    with client_environment(stage.firewall.index_url) as client:
        assert install(client, tool, "acme-internal") == 0
        installed = client.installed()
    assert (installed["acme-internal"], installed["acme-tools"]) == ("1.0", "1.0")
    assert stage.asked_of_public() == []


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_own_name__that_its_owner_lacks_is_nobodys(stage: Stage, tool: str) -> None:
    with client_environment(stage.firewall.index_url) as client:
        assert install(client, tool, "acme-unpublished") != 0
        assert "acme-unpublished" not in client.installed()
    assert stage.asked_of_public() == []


def test_strangers_file__is_not_there_whatever_url_names_it(stage: Stage) -> None:
    (file,) = (one for one in stage.public.files if one.project == "acme-internal")
    for index in ("pypi", "acme", "wheels"):
        url = f"{stage.firewall.origin}/files/{index}/acme-internal/{file.sha256}/{file.filename}"
        assert fetch(url).status == 404
    assert stage.asked_of_public() == []


def test_private_index_down__fails_and_nobody_stands_in(stage: Stage) -> None:
    stage.private_runs.close()
    for tool in ("pip", "uv"):
        with client_environment(stage.firewall.index_url) as client:
            assert install(client, tool, "acme-other") != 0
            assert "acme-other" not in client.installed()
            # What was seen goes on from what is kept.
            assert install(client, tool, "acme-internal") == 0
            assert client.installed()["acme-internal"] == "1.0"
    answer = fetch(f"{stage.firewall.index_url}acme-other/")
    assert answer.status == 504
    assert stage.asked_of_public() == []
    assert SECRET not in stage.firewall.log_file.read_text()
