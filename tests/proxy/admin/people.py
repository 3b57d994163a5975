"""Principals, policies and what is told in the tests of use cases."""

from __future__ import annotations

from datetime import timedelta

from policies.document import DEFAULT_POLICY_TOML, parse_policy
from policies.policy import Policy
from proxy.admin.access import Principal, Role
from proxy.admin.events import Event
from proxy.store.telling_port import TellingPort, Template, Webhook
from tests.proxy.store.values import START

DEV = Principal(name="dev", role=Role.REQUESTER)
RITA = Principal(name="rita", role=Role.REVIEWER)
ROB = Principal(name="rob", role=Role.REVIEWER)
ADA = Principal(name="ada", role=Role.ADMIN)
VIEW = Principal(name="vic", role=Role.VIEWER)
CI = Principal(name="ci", role=Role.INSTALLER)


def policy_of(text: str = DEFAULT_POLICY_TOML) -> Policy:
    return parse_policy(text, source="test")


EARS = Webhook(
    id="ears",
    name="ears",
    url="https://hooks.example.test/ears",
    secret="whsec_c2VjcmV0IG9mIGEgd2ViaG9vaywgMzIgYnl0ZXM=",
    kinds=(),
    template=Template.JSON,
    allow_private=False,
    created_at=START,
    created_by="test",
)
FAR = timedelta(days=365_000)


async def heard(store: TellingPort) -> list[Event]:
    """What waits for the webhook EARS, the earliest first; it is taken out."""
    events = []
    while one := await store.claim_delivery(EARS.id, now=START + FAR, until=START + FAR):
        events.append(one.event)
        await store.delivered(one.number)
    return events
