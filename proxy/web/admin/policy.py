"""`/policy`: the document in force with its lines, those before it, and a draft: checked, or put in force."""

from __future__ import annotations

import re

from aiohttp import web

from models.canonical import Digest
from models.errors import (
    PolicyInvalid,
    PratiqueError,
    StoreConflict,
    UpstreamNotFound,
    ValueInvalid,
)
from models.trust.shelf import SHIPPED
from policies.document import POLICY_CHARS_MAX
from policies.policy import Policy
from proxy.admin.access import Principal, Role
from proxy.admin.policy import read_policy, roll_back, set_policy
from proxy.store.policy_port import COMMENT_CHARS_MAX
from proxy.web.admin.frame import (
    Frame,
    before_of,
    field,
    listed,
    number_of,
    see,
    status_of,
)
from proxy.web.session import Form

DAYS = 14
"""Days that the form of a trial suggests."""
LINES_SHOWN = 5_000
"""Lines of a document on one page."""
DOCUMENTS_SHOWN = 20
"""Earlier documents on one page."""
DOCUMENTS_SEARCHED = 200
"""Documents, newest first, among which one that no decision rests on yet is looked for."""
DRAFT_BYTES_MAX = 4 * POLICY_CHARS_MAX
"""Bytes of a form with a draft: of one in English a fifth of the characters take three bytes each."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class PolicyPages:
    """Handlers of `/policy`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /policy?before=."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        return await self.shown(request, who)

    async def past(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /policy/{digest}: the text of any policy that a decision rests on."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        digest = request.match_info["digest"]
        if not _DIGEST.match(digest):
            raise ValueInvalid("That is not the digest of a policy.")
        current = self._frame.policy
        text: str | None = current.text
        if digest != current.digest:
            text = await self._kept(Digest(digest))
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

    async def _kept(self, digest: Digest) -> str | None:
        """The text of a policy that a decision rests on, or that was put in force here lately."""
        store = self._frame.door.store
        text = await store.policy(digest)
        if text is None:
            documents = await store.policy_documents(limit=DOCUMENTS_SEARCHED)
            text = next((one.text for one in documents if one.digest == digest), None)
        return text

    async def check(self, request: web.Request) -> web.StreamResponse:
        """POST /policy/check: all mistakes of a document, or that it has none. Changes nothing."""
        who, form = await self._frame.post(request, Role.REVIEWER, bytes_max=DRAFT_BYTES_MAX)
        draft = draft_of(form)
        # What was in force when the draft was begun goes with it: else checking it would hide that
        # another admin put something in force meanwhile.
        begun = number_of(field(form, "expected")) if field(form, "expected") else None
        try:
            checked = await read_policy(draft, source="your draft")
        except PolicyInvalid as error:
            return await self.shown(request, who, draft=draft, form=form, begun=begun, error=error)
        return await self.shown(request, who, draft=draft, form=form, begun=begun, checked=checked)

    async def put(self, request: web.Request) -> web.StreamResponse:
        """POST /policy: put a document in force; with mistakes, or where another was faster, nothing."""
        who, form = await self._frame.post(request, Role.ADMIN, bytes_max=DRAFT_BYTES_MAX)
        draft, begun = draft_of(form), number_of(field(form, "expected"))
        try:
            await set_policy(
                self._frame.door.store,
                who,
                draft,
                comment=_comment(field(form, "comment")),
                expected=begun,
            )
        except StoreConflict as error:
            return await self.shown(request, who, draft=draft, form=form, error=error)
        except (PolicyInvalid, ValueInvalid) as error:
            return await self.shown(request, who, draft=draft, form=form, begun=begun, error=error)
        return see("/policy")

    async def restore(self, request: web.Request) -> web.StreamResponse:
        """POST /policy/documents/{number}/restore: an earlier document, as a new one."""
        who, form = await self._frame.post(request, Role.ADMIN)
        await roll_back(
            self._frame.door.store,
            who,
            number_of(request.match_info["number"]),
            comment=field(form, "comment", chars_max=COMMENT_CHARS_MAX),
        )
        return see("/policy")

    async def shown(
        self,
        request: web.Request,
        who: Principal,
        *,
        draft: str | None = None,
        form: Form | None = None,
        begun: int | None = None,
        checked: Policy | None = None,
        error: PratiqueError | None = None,
    ) -> web.Response:
        """The page, with what somebody sent still in its form, and what is to be said of it."""
        policy, store = self._frame.policy, self._frame.door.store
        before = before_of(request)
        newest = await store.policy_document()
        rows = await store.policy_documents(before=before or None, limit=DOCUMENTS_SHOWN + 1)
        return self._frame.show(
            request,
            who,
            "admin/policy.html",
            here="policy",
            status=200 if error is None else status_of(error, request.method),
            policy=policy,
            digest=policy.digest,
            lines=policy.text.splitlines()[:LINES_SHOWN],
            model=SHIPPED.digest(policy.scorer),
            draft=policy.text if draft is None else draft,
            checked=checked,
            error=error,
            newest=newest,
            expected=(newest.number if newest else 0) if begun is None else begun,
            comment="" if form is None else str(form.get("comment", "")),
            days=DAYS if form is None else str(form.get("days", DAYS)),
            files=listed(rows, lambda row: row.number, before=before, limit=DOCUMENTS_SHOWN),
            comment_max=COMMENT_CHARS_MAX,
        )


def draft_of(form: Form) -> str:
    """The document in a form, with line ends as they were before a browser sent it."""
    return str(form.get("document", "")).replace("\r\n", "\n")


def _comment(text: str) -> str:
    if not text:
        raise ValueInvalid(
            "There is no reason.", next_step="Say why, for whoever reads the history."
        )
    if len(text) > COMMENT_CHARS_MAX:
        raise ValueInvalid(f"A reason has at most {COMMENT_CHARS_MAX} characters.")
    return text
