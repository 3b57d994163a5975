"""Admins define webhooks; nobody else does, and no secret is seen twice."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping

import pytest

from models.errors import NotAllowed, StoreConflict, StoreError, ValueInvalid
from proxy.admin.access import Principal, Role
from proxy.admin.events import EventKind
from proxy.admin.webhooks import URL_CHARS_MAX, Webhooks, check_url
from proxy.store.memory import MemoryStore
from proxy.store.telling_port import Template, Webhook
from proxy.telling.sending import Outcome
from tests.proxy.store.test_contract_telling import make_event
from tests.proxy.store.values import FakeClock

ADMIN = Principal(name="alice", role=Role.ADMIN)
URL = "https://hooks.example.test/services/T0/hidden"


class Kept:
    """A sender that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[Webhook, bytes, Mapping[str, str]]] = []

    async def send(self, webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> Outcome:
        self.sent.append((webhook, body, headers))
        return Outcome(status=200)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=FakeClock())


@pytest.fixture
def webhooks(store: MemoryStore) -> Webhooks:
    return Webhooks(store, clock=FakeClock(), random_bytes=os.urandom)


async def test_add__is_shown_afterwards_without_its_secrets(
    webhooks: Webhooks, store: MemoryStore
) -> None:
    made = await webhooks.add(
        ADMIN, name="ops", url=URL, kinds=[EventKind.FEED_FAILED], template=Template.SLACK
    )
    assert made.secret.startswith("whsec_")
    viewer = Principal(name="eve", role=Role.VIEWER)
    (shown,) = await webhooks.shown(viewer)
    assert (shown.name, shown.url, shown.created_by) == (
        "ops",
        "https://hooks.example.test/…",
        "alice",
    )
    everywhere = repr(shown) + repr(await store.audit())
    assert made.secret not in everywhere
    assert "hidden" not in everywhere
    with pytest.raises(StoreConflict):
        await webhooks.add(ADMIN, name="ops", url=URL)


async def test_add__no_two_have_one_secret(webhooks: Webhooks) -> None:
    one = await webhooks.add(ADMIN, name="one", url=URL)
    two = await webhooks.add(ADMIN, name="two", url=URL)
    assert one.secret != two.secret
    assert one.id != two.id


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_everything__needs_an_admin(webhooks: Webhooks, role: Role) -> None:
    nobody = Principal(name="eve", role=role)
    await webhooks.add(ADMIN, name="ops", url=URL)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: webhooks.add(nobody, name="mine", url=URL),
        lambda: webhooks.remove(nobody, "ops"),
        lambda: webhooks.test(nobody, "ops", sender=Kept()),
        lambda: webhooks.dead(nobody),
        lambda: webhooks.retry(nobody),
    ]
    for call in calls:
        with pytest.raises(NotAllowed):
            await call()
    assert [one.name for one in await webhooks.shown(ADMIN)] == ["ops"]


async def test_shown__not_to_installers(webhooks: Webhooks) -> None:
    with pytest.raises(NotAllowed):
        await webhooks.shown(Principal(name="eve", role=Role.INSTALLER))


@pytest.mark.parametrize("name", ["", "-x", "a b", "a\n", "x" * 65, "ö"])
async def test_add__names_are_plain(webhooks: Webhooks, name: str) -> None:
    with pytest.raises(ValueInvalid):
        await webhooks.add(ADMIN, name=name, url=URL)


BAD = [
    "",
    "hooks.example.test",
    "ftp://hooks.example.test/",
    "file:///etc/passwd",
    "https://",
    "https://user:hunter2@hooks.example.test/",
    "https://user@hooks.example.test/",
    "https://hooks.example.test/a b",
    "https://hooks.example.test/\r\nX-Evil: 1",
    "https://hooks.example.test:port/",
    "https://[::1/",
    "https://höoks.example.test/",
    "https://hooks.example.test/" + "x" * URL_CHARS_MAX,
]
PRIVATE = [
    "http://hooks.example.test/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.1:8443/",
    "https://2130706433/",
]


@pytest.mark.parametrize("url", BAD)
@pytest.mark.parametrize("allow", [True, False])
def test_check_url__refuses_what_is_no_web_address_and_does_not_repeat_it(
    url: str, allow: bool
) -> None:
    with pytest.raises(ValueInvalid) as caught:
        check_url(url, allow_private=allow)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", PRIVATE)
def test_check_url__private_ones_only_where_that_is_said(url: str) -> None:
    with pytest.raises(ValueInvalid) as caught:
        check_url(url, allow_private=False)
    assert "--allow-private" in caught.value.next_step
    check_url(url, allow_private=True)


def test_check_url__takes_those_of_chats() -> None:
    check_url("https://hooks.slack.com/services/T0/B0/x", allow_private=False)
    check_url("https://8.8.8.8/hook?a=b", allow_private=False)


async def test_test__sends_one_signed_message_whatever_the_kinds(webhooks: Webhooks) -> None:
    sender = Kept()
    await webhooks.add(ADMIN, name="ops", url=URL, kinds=[EventKind.WORKER_LOST])
    assert (await webhooks.test(ADMIN, "ops", sender=sender)).arrived
    ((webhook, body, headers),) = sender.sent
    assert webhook.name == "ops"
    assert b"sent by alice" in body
    assert headers["webhook-signature"].startswith("v1,")
    with pytest.raises(StoreError):
        await webhooks.test(ADMIN, "nobody", sender=sender)


async def test_retry__by_number_or_all(webhooks: Webhooks, store: MemoryStore) -> None:
    clock = FakeClock()
    made = await webhooks.add(ADMIN, name="ops", url=URL)
    for number in range(3):
        await store.tell(make_event(sentence=f"{number}"))
        one = await store.claim_delivery(made.id, now=clock(), until=clock())
        assert one is not None
        await store.bury_delivery(one.number, error="HTTP 500", now=clock())
    dead = await webhooks.dead(ADMIN)
    assert {name for name, _ in dead} == {"ops"}
    assert await webhooks.retry(ADMIN, [dead[0][1].number]) == 1
    with pytest.raises(StoreError):
        await webhooks.retry(ADMIN, [dead[0][1].number])
    assert await webhooks.retry(ADMIN) == 2
    assert await webhooks.retry(ADMIN) == 0


async def test_remove__and_its_name_is_free_again(webhooks: Webhooks) -> None:
    await webhooks.add(ADMIN, name="ops", url=URL)
    assert (await webhooks.remove(ADMIN, "ops")).name == "ops"
    with pytest.raises(StoreError):
        await webhooks.remove(ADMIN, "ops")
    await webhooks.add(ADMIN, name="ops", url=URL)
