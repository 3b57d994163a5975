"""`pratique webhook` and `pratique watch`, run as a person runs them."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from models.clock import utc_now
from proxy.store.bounds import DATABASE
from proxy.store.sqlite import SqliteStore
from tests.proxy.cli.test_commands import Run, data_dir, run
from tests.proxy.store.test_contract_telling import make_event
from tests.proxy.store.test_contract_watch import monitored
from tests.proxy.telling.receiver import Receiver, open_receiver

__all__ = ["data_dir", "run"]

URL = "https://hooks.example.test/services/T0/hidden"


def add(run: Run, *rest: str, url: str = URL) -> subprocess.CompletedProcess[str]:
    return run("webhook", "add", "ops", url, "--actor", "alice", *rest)


def test_webhook__its_secret_is_shown_once_and_its_url_never(run: Run) -> None:
    added = add(run, "--kind", "feed_failed", "--template", "slack")
    assert added.returncode == 0, added.stderr
    secret = added.stdout.strip()
    assert secret.startswith("whsec_")
    listed = run("webhook", "list").stdout
    assert listed.strip() == "ops  slack  https://hooks.example.test/…  feed_failed"
    removed = run("webhook", "remove", "ops", "--actor", "bob")
    assert removed.stdout == "Removed ops.\n"
    assert run("webhook", "list").stdout == "There is no webhook.\n"


def test_webhook__a_private_address_wants_to_be_allowed(run: Run) -> None:
    refused = add(run, url="http://127.0.0.1:9/hook")
    assert refused.returncode == 1
    assert "--allow-private" in refused.stderr
    assert add(run, "--allow-private", url="http://127.0.0.1:9/hook").returncode == 0
    tried = run("webhook", "test", "ops", "--actor", "alice")
    assert (tried.returncode, tried.stderr) == (3, "It did not arrive: it cannot be reached.\n")


async def test_webhook__a_test_arrives_signed(run: Run) -> None:
    async with open_receiver() as receiver:
        tried = await asyncio.to_thread(_try_out, run, receiver)
        assert tried.stdout.startswith("It arrived: HTTP 204")
        (got,) = receiver.received
    assert b"sent by alice" in got.body


def _try_out(run: Run, receiver: Receiver) -> subprocess.CompletedProcess[str]:
    assert add(run, "--allow-private", url=receiver.url).returncode == 0
    return run("webhook", "test", "ops", "--actor", "alice")


def test_webhook__dead_letters_are_listed_and_tried_again(run: Run, data_dir: Path) -> None:
    assert add(run).returncode == 0
    assert run("webhook", "dead").stdout == "There is no dead letter.\n"
    asyncio.run(_bury_one(data_dir))
    dead = run("webhook", "dead").stdout
    assert "ops" in dead
    assert "after 1 attempts: HTTP 500" in dead
    number = dead.split()[0]
    assert run("webhook", "retry", "--actor", "alice").returncode == 2
    tried = run("webhook", "retry", number, "--actor", "alice")
    assert tried.stdout == "1 delivery(s) will be tried again.\n"
    assert run("webhook", "dead").stdout == "There is no dead letter.\n"


async def _bury_one(data_dir: Path) -> None:
    store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
    (webhook,) = await store.webhooks()
    await store.tell(make_event())
    now = utc_now()
    one = await store.claim_delivery(webhook.id, now=now, until=now)
    assert one is not None
    await store.bury_delivery(one.number, error="HTTP 500", now=now)
    await store.close()


async def _watch_one(data_dir: Path) -> None:
    store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
    await store.put_decision(monitored())
    await store.close()


def test_watch__lists_and_looks_now(run: Run, data_dir: Path) -> None:
    assert run("watch", "list").stdout == "Nothing is on the watch list.\n"
    asyncio.run(_watch_one(data_dir))
    assert "next from " in run("watch", "list").stdout
    assert "next on cause alone" in run("watch", "list", "--watch-hours", "0").stdout
    asked = run("watch", "now", "demo", "--actor", "rita")
    assert asked.stdout == "1 file(s) will be analysed again.\n"
    assert "next as soon as there is room" in run("watch", "list").stdout
    missing = run("watch", "now", "other", "--actor", "rita")
    assert missing.returncode == 1
    assert "pratique watch list" in missing.stderr


@pytest.mark.parametrize("command", ["webhook", "watch"])
def test_help__names_what_there_is(run: Run, command: str) -> None:
    assert f"\n  {command} " in run("--help").stdout
