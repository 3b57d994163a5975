"""The policy in force, and those before it."""

from __future__ import annotations

import asyncio

from models.errors import StoreError
from policies.casefile import parse_trials
from policies.document import parse_policy
from policies.trial import try_all
from proxy.admin.access import Role
from proxy.admin.policy import document, read_policy, roll_back, set_policy
from proxy.admin.simulation import ToldSimulation
from proxy.store.policy_port import PolicyDocument
from proxy.web.api import shapes
from proxy.web.api.operation import Call, Operation, Page, acts, page_of, reads


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
    parsed = await read_policy(call.body.text, source="the policy sent")
    return shapes.PolicyChecked(
        digest=parsed.digest, mode=parsed.mode.value, rules=len(parsed.rules)
    )


async def try_policy(call: Call) -> ToldSimulation:
    return await call.trials.run(call.who, call.body.text, call.body.days)


async def test_policy(call: Call) -> tuple[shapes.CaseTried, ...]:
    body = call.body
    parsed = parse_policy(body.text, source="the policy sent")
    trials = parse_trials(body.cases, source="the cases sent", as_of=call.frame.door.clock())
    # A thousand cases take longer than others may have to wait.
    tried = await asyncio.to_thread(try_all, trials, parsed)
    return tuple(map(shapes.CaseTried.of, tried))


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


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise StoreError(f"There is no policy {text[:20]!r}.")
    return int(text)


OPERATIONS: tuple[Operation, ...] = (
    reads("/policy", "policy", "The policy in force", shapes.PolicyInForce, policy),
    acts(
        "/policy/check",
        "checkPolicy",
        "Name every mistake of a policy; nothing changes",
        shapes.PolicyChecked,
        check_policy,
        role=Role.VIEWER,
        body=shapes.PolicyText,
    ),
    acts(
        "/policy/simulate",
        "simulatePolicy",
        "Replay the last days under a policy; nothing changes. It takes some 2 ms a decision",
        ToldSimulation,
        try_policy,
        body=shapes.TrialBody,
    ),
    acts(
        "/policy/test",
        "testPolicy",
        "Run a table of cases, in TOML, through a policy; nothing changes",
        tuple[shapes.CaseTried, ...],
        test_policy,
        role=Role.VIEWER,
        body=shapes.CasesBody,
    ),
    acts(
        "/policies",
        "putPolicy",
        "Put a policy in force",
        PolicyDocument,
        put_policy,
        body=shapes.PolicyBody,
        status=201,
    ),
    reads(
        "/policies",
        "policies",
        "Policies that were put in force",
        Page[PolicyDocument],
        policies,
        query=shapes.Rows,
    ),
    reads("/policies/{number}", "policyDocument", "One of them", PolicyDocument, one_policy),
    acts(
        "/policies/{number}/restore",
        "restorePolicy",
        "Put an earlier policy in force again",
        PolicyDocument,
        restore_policy,
        status=201,
    ),
)

__all__ = ["OPERATIONS"]
