"""Principals, policies and listeners of the tests of use cases."""

from __future__ import annotations

import asyncio

from policies.document import DEFAULT_POLICY_TOML, parse_policy
from policies.policy import Policy
from proxy.admin.access import Principal, Role
from proxy.admin.events import Event

DEV = Principal(name="dev", role=Role.REQUESTER)
RITA = Principal(name="rita", role=Role.REVIEWER)
ROB = Principal(name="rob", role=Role.REVIEWER)
ADA = Principal(name="ada", role=Role.ADMIN)
VIEW = Principal(name="vic", role=Role.VIEWER)
CI = Principal(name="ci", role=Role.INSTALLER)


def policy_of(text: str = DEFAULT_POLICY_TOML) -> Policy:
    return parse_policy(text, source="test")


class Listener:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.rung = asyncio.Event()

    async def tell(self, event: Event) -> None:
        self.heard.append(event)
        self.rung.set()
