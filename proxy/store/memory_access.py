"""The twin's sessions."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from datetime import datetime

from models.clock import Clock
from models.errors import StoreConflict
from proxy.store.access_port import (
    SESSIONS_PER_TOKEN_MAX,
    SETUP_LINKS_MAX,
    AccessPort,
    SetupLink,
    SignedIn,
)
from proxy.store.codec import micros


class MemoryAccess(AccessPort):
    """`AccessPort` in memory."""

    _clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self._sessions: dict[str, SignedIn] = {}
        self._setup_links: dict[str, SetupLink] = {}

    async def begin_session(self, session: SignedIn) -> None:
        micros(session.created_at), micros(session.expires_at)
        if session.hash in self._sessions:
            raise StoreConflict("There is a session of that hash already.")
        now = self._clock()
        kept = {key: one for key, one in self._sessions.items() if one.expires_at > now}
        kept[session.hash] = session
        own = sorted(
            (one for one in kept.values() if one.token_id == session.token_id),
            key=lambda one: (one.created_at, one.hash),
            reverse=True,
        )
        for one in own[SESSIONS_PER_TOKEN_MAX:]:
            del kept[one.hash]
        self._sessions = kept

    async def session(self, hash_: str, *, as_of: datetime) -> SignedIn | None:
        micros(as_of)
        found = self._sessions.get(hash_)
        return found if found is not None and found.expires_at > as_of else None

    async def end_session(self, hash_: str) -> None:
        self._sessions.pop(hash_, None)

    async def offer_setup(self, link: SetupLink) -> None:
        micros(link.expires_at)
        now = self._clock()
        links = [one for one in self._setup_links.values() if one.expires_at > now]
        links = sorted([*links, link], key=lambda one: (one.expires_at, one.hash), reverse=True)
        self._setup_links = {one.hash: one for one in links[:SETUP_LINKS_MAX]}

    async def setup_offered(self, hash_: str, *, as_of: datetime) -> bool:
        micros(as_of)
        found = self._setup_links.get(hash_)
        return found is not None and found.expires_at > as_of
