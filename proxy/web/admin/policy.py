"""`/policy`: the document in force with its lines, and what a change of it would do."""

from __future__ import annotations

import re

from aiohttp import web

from models.canonical import Digest
from models.errors import PolicyInvalid, UpstreamNotFound, ValueInvalid
from models.trust.shelf import SHIPPED
from policies.document import parse_policy
from policies.policy import Policy
from proxy.admin.access import Role
from proxy.web.admin.frame import Frame

LINES_SHOWN = 5_000
"""Lines of a document on one page."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class PolicyPages:
    """Handlers of `/policy`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /policy."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        policy = self._frame.policy
        return self._frame.show(
            request,
            who,
            "admin/policy.html",
            here="policy",
            policy=policy,
            digest=policy.digest,
            lines=policy.text.splitlines()[:LINES_SHOWN],
            model=SHIPPED.digest(policy.scorer),
            draft=policy.text,
            checked=None,
            error=None,
        )

    async def past(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /policy/{digest}: the text of any policy that a decision rests on."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        digest = request.match_info["digest"]
        if not _DIGEST.match(digest):
            raise ValueInvalid("That is not the digest of a policy.")
        current = self._frame.policy
        text: str | None = current.text
        if digest != current.digest:
            text = await self._frame.door.store.policy(Digest(digest))
        if text is None:
            raise UpstreamNotFound("There is no policy of that digest.")
        return self._frame.show(
            request,
            who,
            "admin/policy_past.html",
            here="policy",
            digest=digest,
            lines=text.splitlines()[:LINES_SHOWN],
            in_force=digest == current.digest,
        )

    async def check(self, request: web.Request) -> web.StreamResponse:
        """POST /policy/check: all mistakes of a document, or that it has none. Changes nothing."""
        who, form = await self._frame.post(request, Role.REVIEWER)
        policy = self._frame.policy
        draft = str(form.get("document", "")).replace("\r\n", "\n")
        checked: Policy | None = None
        error: PolicyInvalid | None = None
        try:
            checked = parse_policy(draft, source="your draft")
        except PolicyInvalid as invalid:
            error = invalid
        return self._frame.show(
            request,
            who,
            "admin/policy.html",
            here="policy",
            status=422 if error else 200,
            policy=policy,
            digest=policy.digest,
            lines=policy.text.splitlines()[:LINES_SHOWN],
            model=SHIPPED.digest(policy.scorer),
            draft=draft,
            checked=checked,
            error=error,
        )
