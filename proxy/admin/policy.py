"""The policy, as an admin handles it: put in force, looked back at, put back; one of two wins."""

from __future__ import annotations

import asyncio

from models.errors import StoreError
from policies.document import parse_policy
from policies.policy import Policy
from proxy.admin.access import Principal, Role
from proxy.admin.events import Event, EventKind
from proxy.store.policy_port import PolicyDocument, PolicyPort

SOURCE = "the policy in the store"


async def read_policy(text: str, *, source: str) -> Policy:
    """The policy in a document that somebody sent. Raises PolicyInvalid with every mistake.

    A document of the largest size takes a second, which is not the event loop's.
    """
    return await asyncio.to_thread(parse_policy, text, source=source)


async def set_policy(
    store: PolicyPort,
    by: Principal,
    text: str,
    *,
    comment: str,
    expected: int,
) -> PolicyDocument:
    """Put a document in force, and tell. `expected`: the number that the admin saw in force, 0 for none.

    Raises NotAllowed, PolicyInvalid with every mistake, and StoreConflict where another was faster:
    then nothing has changed.
    """
    by.require(Role.ADMIN)
    policy = await read_policy(text, source=SOURCE)
    why = f": {comment}" if comment else "."

    def told(made: PolicyDocument) -> tuple[Event, ...]:
        facts = (("number", str(made.number)), ("digest", made.digest), ("mode", policy.mode))
        return (
            Event(
                kind=EventKind.POLICY_CHANGED,
                at=made.at,
                subject=f"policy {made.number}",
                sentence=f"{by.name} put policy {made.number} in force{why}",
                facts=facts,
            ),
        )

    return await store.put_policy_document(
        policy.digest, text, actor=by.name, comment=comment, expected=expected, telling=told
    )


async def roll_back(
    store: PolicyPort,
    by: Principal,
    number: int,
    *,
    comment: str = "",
) -> PolicyDocument:
    """Put an earlier document in force again, as a new one. Raises as `set_policy`, and StoreError."""
    by.require(Role.ADMIN)
    found = await document(store, number)
    current = await store.policy_document()
    return await set_policy(
        store,
        by,
        found.text,
        comment=comment or f"back to policy {number}",
        expected=current.number if current else 0,
    )


async def document(store: PolicyPort, number: int) -> PolicyDocument:
    """One document by its number. Raises StoreError where there is none."""
    found = await store.policy_documents(before=number + 1, limit=1)
    if not found or found[0].number != number:
        raise StoreError(
            f"There is no policy {number}.", next_step="`pratique policy history` lists them."
        )
    return found[0]


async def policy_in_store(store: PolicyPort) -> Policy | None:
    """The policy that the newest document is; None where there is none. Raises PolicyInvalid."""
    found = await store.policy_document()
    return None if found is None else parse_policy(found.text, source=SOURCE)
