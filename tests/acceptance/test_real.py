"""Real packages from the index that pip on this machine uses, by real pip and uv, cold and warm."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from models.clock import utc_now
from proxy.index.default import default_upstream
from proxy.store.bounds import DATABASE
from proxy.store.port import Fetch, Store
from proxy.store.sqlite import SqliteStore
from tests.firewall import ClientEnvironment, Firewall, client_environment

pytestmark = [pytest.mark.privileged, pytest.mark.upstream, pytest.mark.timeout(600)]

LOOKS = 600
"""Looks for a record, half a minute in all where there is none."""


@pytest.fixture(scope="module")
def firewall() -> Iterator[Firewall]:
    with Firewall(upstream=default_upstream(), harness=False, uid_base=61200) as running:
        yield running


@pytest.fixture
def client(firewall: Firewall) -> Iterator[ClientEnvironment]:
    with client_environment(firewall.index_url) as environment:
        yield environment


@pytest.mark.parametrize("tool", ["pip", "uv", "pip-again"])
def test_requests__installs_cold_then_warm(client: ClientEnvironment, tool: str) -> None:
    install = client.uv if tool == "uv" else client.pip
    done = install("requests==2.32.5", seconds=400)
    assert done.returncode == 0, done.stderr
    assert client.installed()["requests"] == "2.32.5"
    assert {"urllib3", "idna", "certifi", "charset-normalizer"} <= set(client.installed())


# uv first: above it was pip that met a cold firewall.
@pytest.mark.parametrize("tool", ["uv", "pip", "uv-again"])
def test_docopt__which_is_an_sdist_only(
    firewall: Firewall, client: ClientEnvironment, tool: str
) -> None:
    install = client.pip if tool == "pip" else client.uv
    done = install("docopt==0.6.2", seconds=400)
    assert done.returncode == 0, done.stderr
    assert client.installed()["docopt"] == "0.6.2"
    rows = [row for row in firewall.decisions() if row["ref"]["project"] == "docopt"]
    assert [row["action"] for row in rows] == ["SERVE"]


async def _fetches_of(store: Store, project: str) -> list[Fetch]:
    return [row for row in await store.fetches(limit=1000) if row.ref.project == project]


async def test_every_fetch__is_on_record_and_the_audit_chain_holds(
    firewall: Firewall, client: ClientEnvironment
) -> None:
    done = client.pip("six==1.17.0", seconds=400)
    assert done.returncode == 0, done.stderr
    store = SqliteStore.open(firewall.data_dir / DATABASE, clock=utc_now)
    try:
        # It is in the journal before the bytes go out, and in the store a moment later.
        found: list[Fetch] = []
        for _ in range(LOOKS):
            found = found or await _fetches_of(store, "six")
            await asyncio.sleep(0 if found else 0.05)
        (fetch,) = found
        assert (fetch.requester, fetch.address, fetch.status) == ("anonymous", "127.0.0.1", 200)
        assert fetch.user_agent.startswith("pip/")
        decision = await store.decision_by_id(fetch.decision_id)
        assert decision is not None
        assert decision.served
        assert await store.verify_audit() > 0
    finally:
        await store.close()
