"""The table of operations: each thin over the use case that pages and commands call too."""

from __future__ import annotations

import secrets
from typing import Any

from models.artifact import parse_project, parse_sha256
from models.decision import Decision, Override
from models.errors import StoreError, UpstreamNotFound, ValueInvalid
from models.evidence import Evidence
from models.reason import sentence
from policies.document import parse_policy
from proxy.admin.access import Role
from proxy.admin.audit import list_audit, verify_store
from proxy.admin.exceptions import Ask, Terms
from proxy.admin.installed import Installed, parse_target, who_installed
from proxy.admin.policy import document, roll_back, set_policy
from proxy.admin.review import Verdict, add_exception, decide_held, end_exception
from proxy.admin.tokens import create_token, list_tokens, revoke_token
from proxy.admin.watch import look_now
from proxy.admin.webhooks import ShownWebhook, Webhooks
from proxy.store.exceptions_port import OverrideRequest, OverrideUses
from proxy.store.pages_port import Recorded, Waiting, WorkerSeen
from proxy.store.policy_port import PolicyDocument
from proxy.store.port import AuditRow, Feed
from proxy.web.api import shapes
from proxy.web.api.operation import Call, Empty, Operation, Page, page_of


async def me(call: Call) -> shapes.Me:
    return shapes.Me(name=call.who.name, role=call.who.role, groups=call.who.groups)


# -- decisions ----------------------------------------------------------------------------------
async def decisions(call: Call) -> tuple[shapes.Told, ...]:
    query = call.query
    project = str(parse_project(query.project)) if query.project else ""
    action = query.action.value if query.action else ""
    found = await call.frame.door.store.decisions(limit=query.limit, action=action, project=project)
    return tuple(_told(one) for one in found)


async def decision(call: Call) -> shapes.Whole:
    found = await _decision(call)
    current = await call.frame.door.store.decision_of(found.ref)
    return shapes.Whole(
        decision=found,
        reasons=_sentences(found),
        current=current is not None and current.digest == found.digest,
    )


async def evidence(call: Call) -> Evidence:
    found = await _decision(call)
    seen = None
    if found.evidence_digest is not None:
        seen = await call.frame.door.store.evidence(found.evidence_digest)
    if seen is None:
        raise UpstreamNotFound("That decision rests on no evidence that is kept.")
    return seen


async def history(call: Call) -> Page[Recorded]:
    found = await _decision(call)
    rows = await call.frame.door.store.history(
        found.ref, before=call.query.before, limit=call.query.limit + 1
    )
    return page_of(tuple((row.number, row) for row in rows), call.query.limit)


async def held(call: Call) -> tuple[Waiting, ...]:
    project = str(parse_project(call.query.project)) if call.query.project else ""
    return await call.frame.door.store.waiting(call.query.hold, project=project)


async def review(call: Call) -> Override:
    door, body = call.frame.door, call.body
    said = Verdict(
        action=body.action,
        justification=body.justification,
        days=body.days,
        whole_release=body.whole_release,
    )
    id_ = call.path["decision_id"].lower()
    return await decide_held(
        door.store, call.who, id_, said, policy=call.frame.policy, clock=door.clock
    )


# -- exceptions ---------------------------------------------------------------------------------
async def overrides(call: Call) -> Page[Override]:
    door, query = call.frame.door, call.query
    rows = await door.store.overrides_page(
        active_at=door.clock() if query.active else None,
        before=query.before,
        limit=query.limit + 1,
    )
    return page_of(rows, query.limit)


async def add_override(call: Call) -> Override:
    door, body = call.frame.door, call.body
    project = parse_project(body.project) if body.project else None
    sha256 = parse_sha256(body.sha256.lower()) if body.sha256 else None
    if project is None and sha256 is None:
        raise ValueInvalid("An override names a project or a sha256.")
    bound = await call.frame.existing(project, body.specifier) if project else ()
    return await add_exception(
        door.store,
        call.who,
        action=body.action,
        project=project,
        specifier=body.specifier,
        sha256=sha256,
        bound=bound,
        future=body.future,
        justification=body.justification,
        days=body.days,
        policy=call.frame.policy,
        clock=door.clock,
    )


async def end_override(call: Call) -> Override:
    door = call.frame.door
    return await end_exception(door.store, call.who, call.path["override_id"], clock=door.clock)


async def override_uses(call: Call) -> OverrideUses:
    return await call.frame.exceptions.uses(call.who, call.path["override_id"])


async def requests(call: Call) -> Page[OverrideRequest]:
    query = call.query
    rows = await call.frame.exceptions.requests(
        call.who,
        state=query.state,
        requester=query.requester,
        before=query.before,
        limit=query.limit + 1,
    )
    return page_of(rows, query.limit)


async def request(call: Call) -> OverrideRequest:
    return await call.frame.exceptions.get(call.who, call.path["request_id"])


async def ask(call: Call) -> OverrideRequest:
    body = call.body
    return await call.frame.exceptions.request(
        call.who,
        Ask(
            decision_id=body.decision_id.lower(),
            justification=body.justification,
            scope=body.scope,
            specifier=body.specifier,
            days=body.days,
        ),
    )


async def approve(call: Call) -> OverrideRequest:
    terms = Terms(answer=call.body.answer, above_proof=call.body.above_proof)
    done, _ = await call.frame.exceptions.approve(call.who, call.path["request_id"], terms)
    return done


async def refuse(call: Call) -> OverrideRequest:
    return await call.frame.exceptions.refuse(call.who, call.path["request_id"], call.body.answer)


async def withdraw(call: Call) -> OverrideRequest:
    return await call.frame.exceptions.withdraw(call.who, call.path["request_id"])


# -- policy -------------------------------------------------------------------------------------
async def policy(call: Call) -> shapes.PolicyInForce:
    inforce = call.frame.policy
    found = await call.frame.door.store.policy_document()
    same = found is not None and found.digest == inforce.digest
    return shapes.PolicyInForce(
        digest=inforce.digest,
        mode=inforce.mode.value,
        source=inforce.source,
        text=inforce.text,
        number=found.number if found and same else 0,
    )


async def check_policy(call: Call) -> shapes.PolicyChecked:
    parsed = parse_policy(call.body.text, source="the policy sent")
    return shapes.PolicyChecked(
        digest=parsed.digest, mode=parsed.mode.value, rules=len(parsed.rules)
    )


async def put_policy(call: Call) -> PolicyDocument:
    door, body = call.frame.door, call.body
    return await set_policy(
        door.store,
        call.who,
        body.text,
        comment=body.comment,
        expected=body.expected,
    )


async def policies(call: Call) -> Page[PolicyDocument]:
    query = call.query
    found = await call.frame.door.store.policy_documents(
        before=query.before or None, limit=query.limit + 1
    )
    return page_of(tuple((one.number, one) for one in found), query.limit)


async def one_policy(call: Call) -> PolicyDocument:
    return await document(call.frame.door.store, _number(call.path["number"]))


async def restore_policy(call: Call) -> PolicyDocument:
    door = call.frame.door
    return await roll_back(door.store, call.who, _number(call.path["number"]))


# -- what happened ------------------------------------------------------------------------------
async def audit(call: Call) -> Page[AuditRow]:
    query = call.query
    rows = await list_audit(
        call.frame.door.store,
        call.who,
        log=query.log,
        before=query.before,
        limit=query.limit + 1,
    )
    return page_of(tuple((row.number, row) for row in rows), query.limit)


async def verify_audit(call: Call) -> shapes.Counted:
    return shapes.Counted(count=await verify_store(call.frame.door.store, call.who))


async def installed(call: Call) -> Installed:
    target = parse_target(call.path["target"])
    return await who_installed(call.frame.door.store, call.who, target)


async def workers(call: Call) -> tuple[WorkerSeen, ...]:
    return await call.frame.door.store.workers_seen()


async def feeds(call: Call) -> tuple[Feed, ...]:
    return await call.frame.door.store.feeds()


async def watch_now(call: Call) -> shapes.Counted:
    return shapes.Counted(
        count=await look_now(call.frame.door.store, call.who, call.path["project"])
    )


# -- tokens and webhooks ------------------------------------------------------------------------
async def tokens(call: Call) -> tuple[shapes.TokenShown, ...]:
    found = await list_tokens(call.frame.door.store, call.who)
    return tuple(map(shapes.TokenShown.of, found))


async def add_token(call: Call) -> shapes.TokenMade:
    door, body = call.frame.door, call.body
    secret, token = await create_token(
        door.store,
        call.who,
        name=body.name,
        kind=body.kind,
        role=body.role,
        groups=body.groups,
        expires_at=body.expires_at,
        clock=door.clock,
    )
    return shapes.TokenMade(token=shapes.TokenShown.of(token), secret=secret)


async def end_token(call: Call) -> shapes.TokenShown:
    door = call.frame.door
    ended = await revoke_token(door.store, call.who, call.path["token_id"], clock=door.clock)
    return shapes.TokenShown.of(ended.token)


async def webhooks(call: Call) -> tuple[ShownWebhook, ...]:
    return await _webhooks(call).shown(call.who)


async def add_webhook(call: Call) -> shapes.WebhookMade:
    body = call.body
    made = await _webhooks(call).add(
        call.who,
        name=body.name,
        url=body.url,
        kinds=body.kinds,
        template=body.template,
        allow_private=body.allow_private,
    )
    return shapes.WebhookMade(id=made.id, name=made.name, secret=made.secret)


async def remove_webhook(call: Call) -> ShownWebhook:
    return await _webhooks(call).remove(call.who, call.path["name"])


def _webhooks(call: Call) -> Webhooks:
    door = call.frame.door
    return Webhooks(door.store, clock=door.clock, random_bytes=secrets.token_bytes)


async def _decision(call: Call) -> Decision:
    found = await call.frame.door.store.decision_by_id(call.path["decision_id"].lower())
    if found is None:
        raise UpstreamNotFound("There is no decision of that id.")
    return found


def _sentences(found: Decision) -> tuple[str, ...]:
    return tuple(sentence(reason) for reason in found.reasons)


def _told(found: Decision) -> shapes.Told:
    return shapes.Told.of(found, _sentences(found))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise StoreError(f"There is no policy {text[:20]!r}.")
    return int(text)


def _get(path: str, name: str, summary: str, gives: Any, handler: Any, **more: Any) -> Operation:
    return Operation(
        method="GET",
        path=path,
        name=name,
        summary=summary,
        gives=gives,
        handler=handler,
        **{"role": Role.VIEWER, **more},
    )


def _post(path: str, name: str, summary: str, gives: Any, handler: Any, **more: Any) -> Operation:
    return Operation(
        method="POST",
        path=path,
        name=name,
        summary=summary,
        gives=gives,
        handler=handler,
        **{"role": Role.ADMIN, **more},
    )


def _delete(path: str, name: str, summary: str, gives: Any, handler: Any, **more: Any) -> Operation:
    return Operation(
        method="DELETE",
        path=path,
        name=name,
        summary=summary,
        gives=gives,
        handler=handler,
        **{"role": Role.ADMIN, **more},
    )


OPERATIONS: tuple[Operation, ...] = (
    _get("/me", "me", "Who asks", shapes.Me, me, role=Role.INSTALLER),
    _get(
        "/decisions",
        "decisions",
        "Current decisions, newest first",
        tuple[shapes.Told, ...],
        decisions,
        query=shapes.DecisionQuery,
    ),
    _get("/decisions/{decision_id}", "decision", "One decision", shapes.Whole, decision),
    _get("/decisions/{decision_id}/evidence", "evidence", "What it rests on", Evidence, evidence),
    _get(
        "/decisions/{decision_id}/history",
        "history",
        "Every decision about the same file",
        Page[Recorded],
        history,
        query=shapes.Rows,
    ),
    _get(
        "/held",
        "held",
        "Files that are held, the one held longest first",
        tuple[Waiting, ...],
        held,
        query=shapes.HeldQuery,
    ),
    _post(
        "/decisions/{decision_id}/review",
        "review",
        "Approve or deny a file that waits for a review",
        Override,
        review,
        role=Role.REVIEWER,
        body=shapes.ReviewBody,
        status=201,
    ),
    _get(
        "/overrides",
        "overrides",
        "Exceptions",
        Page[Override],
        overrides,
        query=shapes.OverrideQuery,
    ),
    _post(
        "/overrides",
        "addOverride",
        "Make an exception",
        Override,
        add_override,
        role=Role.REVIEWER,
        body=shapes.OverrideBody,
        status=201,
    ),
    _delete(
        "/overrides/{override_id}",
        "endOverride",
        "End an exception",
        Override,
        end_override,
        role=Role.REVIEWER,
    ),
    _get(
        "/overrides/{override_id}/uses",
        "overrideUses",
        "Who used an exception",
        OverrideUses,
        override_uses,
    ),
    _get(
        "/requests",
        "requests",
        "Requests for exceptions",
        Page[OverrideRequest],
        requests,
        query=shapes.RequestQuery,
    ),
    _get("/requests/{request_id}", "request", "One request", OverrideRequest, request),
    _post(
        "/requests",
        "ask",
        "Ask for an exception",
        OverrideRequest,
        ask,
        role=Role.REQUESTER,
        body=shapes.RequestBody,
        status=201,
    ),
    _post(
        "/requests/{request_id}/approve",
        "approve",
        "Grant a request",
        OverrideRequest,
        approve,
        role=Role.REVIEWER,
        body=shapes.ApproveBody,
    ),
    _post(
        "/requests/{request_id}/refuse",
        "refuse",
        "Refuse a request",
        OverrideRequest,
        refuse,
        role=Role.REVIEWER,
        body=shapes.RefuseBody,
    ),
    _post(
        "/requests/{request_id}/withdraw",
        "withdraw",
        "Take one's own request back",
        OverrideRequest,
        withdraw,
        role=Role.REQUESTER,
    ),
    _get("/policy", "policy", "The policy in force", shapes.PolicyInForce, policy),
    _post(
        "/policy/check",
        "checkPolicy",
        "Name every mistake of a policy; nothing changes",
        shapes.PolicyChecked,
        check_policy,
        role=Role.VIEWER,
        body=shapes.PolicyText,
    ),
    _post(
        "/policies",
        "putPolicy",
        "Put a policy in force",
        PolicyDocument,
        put_policy,
        body=shapes.PolicyBody,
        status=201,
    ),
    _get(
        "/policies",
        "policies",
        "Policies that were put in force",
        Page[PolicyDocument],
        policies,
        query=shapes.Rows,
    ),
    _get("/policies/{number}", "policyDocument", "One of them", PolicyDocument, one_policy),
    _post(
        "/policies/{number}/restore",
        "restorePolicy",
        "Put an earlier policy in force again",
        PolicyDocument,
        restore_policy,
        status=201,
    ),
    _get("/audit", "audit", "The audit log", Page[AuditRow], audit, query=shapes.AuditQuery),
    _get(
        "/audit/verify",
        "verifyAudit",
        "Walk the chain; how many rows are sound",
        shapes.Counted,
        verify_audit,
    ),
    _get(
        "/installed/{target}",
        "installed",
        "Who fetched a sha256, PROJECT or PROJECT==VERSION",
        Installed,
        installed,
        role=Role.REVIEWER,
    ),
    _get("/workers", "workers", "Workers by name", tuple[WorkerSeen, ...], workers),
    _get("/feeds", "feeds", "Feeds of advisories", tuple[Feed, ...], feeds),
    _post(
        "/watch/{project}",
        "watchNow",
        "Have the watched files of a project analysed again",
        shapes.Counted,
        watch_now,
        role=Role.REVIEWER,
    ),
    _get("/tokens", "tokens", "Tokens", tuple[shapes.TokenShown, ...], tokens, role=Role.ADMIN),
    _post(
        "/tokens",
        "addToken",
        "Make a token; its secret is shown once",
        shapes.TokenMade,
        add_token,
        body=shapes.TokenBody,
        status=201,
    ),
    _delete("/tokens/{token_id}", "endToken", "Revoke a token", shapes.TokenShown, end_token),
    _get("/webhooks", "webhooks", "Webhooks", tuple[ShownWebhook, ...], webhooks),
    _post(
        "/webhooks",
        "addWebhook",
        "Add a webhook; its secret is shown once",
        shapes.WebhookMade,
        add_webhook,
        body=shapes.WebhookBody,
        status=201,
    ),
    _delete("/webhooks/{name}", "removeWebhook", "Remove a webhook", ShownWebhook, remove_webhook),
)
"""Every operation, in the order of its documentation."""

__all__ = ["OPERATIONS", "Empty"]
