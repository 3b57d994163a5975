"""Client tokens as real pip and uv send them: in the index URL, and out of a netrc file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from proxy.demo.packages import build_wheel
from proxy.demo.upstream import LocalUpstream
from tests.firewall import ClientEnvironment, Firewall, client_environment
from tests.proofs.background import running_upstream

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(300)]


@dataclass
class Guarded:
    firewall: Firewall
    secret: str

    @property
    def url_with_secret(self) -> str:
        return self.firewall.index_url.replace("http://", f"http://alice:{self.secret}@")


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    wheel = build_wheel("reenact-guarded", "1.0", {"reenact_guarded.py": "VALUE = 1\n"})
    with (
        running_upstream(LocalUpstream([wheel])) as upstream,
        Firewall(upstream=upstream.url, uid_base=61500) as firewall,
    ):
        added = firewall.cli("token", "add", "client", "alice", "--actor", "ada")
        firewall.stop()  # with a token in the store, the listener asks for one from the start
        firewall.start()
        yield Guarded(firewall, added.stdout.strip())


@pytest.mark.parametrize("tool", ["pip", "uv"])
@pytest.mark.parametrize("way", ["url", "netrc"])
def test_token__opens_the_door(guarded: Guarded, tool: str, way: str) -> None:
    url = guarded.url_with_secret if way == "url" else guarded.firewall.index_url
    with client_environment(url) as client:
        if way == "netrc":
            netrc = client.folder / ".netrc"
            netrc.write_text(f"machine 127.0.0.1 login alice password {guarded.secret}\n")
            netrc.chmod(0o600)
        done = _install(client, tool)
        assert done == 0
        assert client.installed()["reenact-guarded"] == "1.0"


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_token__without_it_nothing_is_installed(guarded: Guarded, tool: str) -> None:
    with client_environment(guarded.firewall.index_url) as client:
        assert _install(client, tool) != 0
        assert "reenact-guarded" not in client.installed()


def _install(client: ClientEnvironment, tool: str) -> int:
    if tool == "uv":
        return client.uv("reenact-guarded").returncode
    return client.pip("--no-input", "reenact-guarded").returncode
