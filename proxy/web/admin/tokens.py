"""`/tokens`: who may do what: a new token, whose secret is shown once, and the end of one."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from models.errors import ValueInvalid
from proxy.admin.access import Role
from proxy.admin.tokens import create_token, list_tokens, revoke_token
from proxy.store.port import TokenKind
from proxy.web.admin.frame import Frame, chosen, field, number_of, see

ROWS = 100
"""Tokens on one page."""
DAYS_MAX = 3_650
"""Days that a token may last; 0: without an end."""


class Tokens:
    """Handlers of `/tokens`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /tokens?page=&all=."""
        who = await self._frame.visitors.require(request, Role.ADMIN)
        now = self._frame.door.clock()
        every = "all" in request.query
        found = await list_tokens(self._frame.door.store, who)
        tokens = [token for token in reversed(found) if every or token.active(now)]
        page = max(1, number_of(request.query.get("page", "1")))
        return self._frame.show(
            request,
            who,
            "admin/tokens.html",
            here="tokens",
            rows=tokens[(page - 1) * ROWS : page * ROWS],
            total=len(tokens),
            page=page,
            pages_count=max(1, -(-len(tokens) // ROWS)),
            every=every,
            roles=[role.value for role in Role],
            days_max=DAYS_MAX,
        )

    async def create(self, request: web.Request) -> web.StreamResponse:
        """POST /tokens: the one page on which the secret stands."""
        who, form = await self._frame.post(request, Role.ADMIN)
        door = self._frame.door
        days = number_of(field(form, "days") or "0")
        if days > DAYS_MAX:
            raise ValueInvalid(f"A token lasts at most {DAYS_MAX} days.")
        kind = chosen(field(form, "kind") or "client", TokenKind, what="kind of token")
        secret, token = await create_token(
            door.store,
            who,
            name=field(form, "name"),
            kind=kind,
            role=chosen(field(form, "role"), Role, what="role")
            if kind is TokenKind.CLIENT
            else Role.INSTALLER,
            groups=field(form, "groups").replace(",", " ").split(),
            person=field(form, "person"),
            expires_at=door.clock() + timedelta(days=days) if days else None,
            clock=door.clock,
        )
        return self._frame.show(
            request,
            who,
            "admin/token.html",
            here="tokens",
            secret=secret,
            token=token,
            index_url=f"{door.settings.public_url}/simple/",
        )

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """POST /tokens/{token_id}/revoke."""
        who, form = await self._frame.post(request, Role.ADMIN)
        await revoke_token(
            self._frame.door.store,
            who,
            request.match_info["token_id"],
            clock=self._frame.door.clock,
            last_admin=field(form, "last_admin") == "yes",
        )
        self._frame.door.nudge()
        return see("/tokens")
