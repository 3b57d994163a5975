"""The port's contract, held against the SQLite store and its twin: decisions, values, people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from models.canonical import digest_of, digest_of_bytes
from models.decision import Action, Override
from models.errors import StoreConflict, StoreError, ValueInvalid
from models.work import Priority
from proxy.store.bounds import BLOB_BYTES_MAX, FETCH_TEXT_CHARS_MAX, HEADER_CHARS_MAX, ROWS_MAX
from proxy.store.port import GATE, Change, Store, Token, TokenKind
from tests.proxy.store.conftest import Opener
from tests.proxy.store.values import (
    LOCAL,
    MODEL,
    POLICY,
    PYPI,
    START,
    FakeClock,
    make_decision,
    make_evidence,
    make_facts,
    make_fetch,
    make_override,
    make_page,
    make_ref,
    make_token,
    name,
    sha,
)

OTHER = digest_of_bytes(b"other")


# -- decisions -------------------------------------------------------------------------------
async def test_put_decision__makes_it_current_and_keeps_the_history(store: Store) -> None:
    first = make_decision(score=90)
    second = make_decision(score=10, action=Action.DENY, as_of=START + timedelta(days=1))
    await store.put_decision(first)
    await store.put_decision(second)
    assert await store.decision_of(first.ref) == second
    assert await store.decision_by_id(first.id) == first
    assert await store.decision_by_id(second.id) == second


async def test_decision__unknown_is_none(store: Store) -> None:
    assert await store.decision_of(make_ref()) is None
    assert await store.decision_by_id("aaaaaaaa") is None
    assert await store.decisions_of(PYPI, name("demo")) == ()


async def test_put_decision__the_current_one_again_changes_nothing(store: Store) -> None:
    decision = make_decision()
    await store.put_decision(decision)
    generation, audit = await store.generation(), await store.audit()
    await store.put_decision(decision)
    assert (await store.generation(), await store.audit()) == (generation, audit)


async def test_put_decision__an_earlier_one_again_becomes_current_again(store: Store) -> None:
    first = make_decision(score=90)
    await store.put_decision(first)
    await store.put_decision(make_decision(score=50))
    await store.put_decision(first)
    assert await store.decision_of(first.ref) == first


async def test_put_decision__a_word_of_the_gate_never_replaces_a_decision(store: Store) -> None:
    ref = make_ref("demo", "1.0")
    judged = make_decision(ref, action=Action.DENY)
    word = make_decision(ref, action=Action.SERVE)
    await store.put_decision(judged)
    before = await store.generation()
    await store.put_decision(word, actor=GATE)
    assert await store.decision_of(ref) == judged
    assert await store.generation() == before


async def test_put_decision__a_word_of_the_gate_is_kept_for_a_ref_without_one(store: Store) -> None:
    word = make_decision(make_ref("demo", "1.0"), action=Action.SERVE)
    await store.put_decision(word, actor=GATE)
    assert await store.decision_of(word.ref) == word


async def test_put_decision__without_a_time_zone_is_refused_whole(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.put_decision(make_decision(as_of=START.replace(tzinfo=None)))
    assert await store.generation() == 0
    assert await store.audit() == ()


async def test_decisions_of__is_the_project_on_that_index_newest_first(store: Store) -> None:
    mine = [make_decision(make_ref(version=version)) for version in ("1.0", "3.0", "2.0")]
    for decision in (
        *mine,
        make_decision(make_ref("other")),
        make_decision(make_ref(index=LOCAL)),
    ):
        await store.put_decision(decision)
    assert await store.decisions_of(PYPI, name("demo")) == tuple(reversed(mine))


async def test_decision__the_same_bytes_under_another_name_are_another_ref(store: Store) -> None:
    await store.put_decision(make_decision(make_ref("demo", content="same")))
    assert await store.decision_of(make_ref("evil", content="same")) is None


async def test_decisions__filters_and_limits(store: Store) -> None:
    served = make_decision(make_ref("a"))
    denied = make_decision(make_ref("a", "2.0"), action=Action.DENY, score=5)
    other = make_decision(make_ref("b"))
    for decision in (served, denied, other):
        await store.put_decision(decision)
    assert await store.decisions() == (other, denied, served)
    assert await store.decisions(limit=1) == (other,)
    assert await store.decisions(action="DENY") == (denied,)
    assert await store.decisions(project="a") == (denied, served)
    assert await store.decisions(project="a", action="SERVE") == (served,)


@pytest.mark.parametrize(("limit", "count"), [(-1, 0), (0, 0), (2, 2), (ROWS_MAX * 10, 3)])
async def test_decisions__a_limit_is_never_no_limit(store: Store, limit: int, count: int) -> None:
    for version in ("1", "2", "3"):
        await store.put_decision(make_decision(make_ref(version=version)))
    assert len(await store.decisions(limit=limit)) == count


async def test_decisions_not_resting_on__finds_other_policy_and_other_model(store: Store) -> None:
    fresh = make_decision(make_ref("fresh"))
    unscored = make_decision(make_ref("unscored"), score=None)
    stale = {
        make_decision(make_ref("policy"), policy=OTHER),
        make_decision(make_ref("model"), model=OTHER),
        make_decision(make_ref("both"), policy=OTHER, model=OTHER),
    }
    for decision in (fresh, unscored, *stale):
        await store.put_decision(decision)
    found = await store.decisions_not_resting_on(POLICY, MODEL, limit=10)
    assert (len(found), set(found)) == (3, stale)
    assert len(await store.decisions_not_resting_on(POLICY, MODEL, limit=2)) == 2


async def test_decisions_not_resting_on__forgets_what_was_decided_anew(store: Store) -> None:
    await store.put_decision(make_decision(policy=OTHER))
    await store.put_decision(make_decision())
    assert await store.decisions_not_resting_on(POLICY, MODEL, limit=10) == ()


async def test_decisions_expired__at_the_very_moment_and_oldest_first(store: Store) -> None:
    late = make_decision(make_ref("late"), expires_at=START + timedelta(hours=2))
    soon = make_decision(make_ref("soon"), expires_at=START + timedelta(hours=1))
    for decision in (late, soon, make_decision(make_ref("never"))):
        await store.put_decision(decision)
    assert await store.decisions_expired(START, limit=9) == ()
    assert await store.decisions_expired(START + timedelta(hours=1), limit=9) == (soon,)
    assert await store.decisions_expired(START + timedelta(hours=3), limit=9) == (soon, late)
    assert await store.decisions_expired(START + timedelta(hours=3), limit=1) == (soon,)


# -- generations -----------------------------------------------------------------------------
async def test_generation__grows_with_every_decision(store: Store) -> None:
    assert await store.generation() == 0
    await store.put_decision(make_decision())
    first = await store.generation()
    await store.put_decision(make_decision(score=50))
    assert 0 < first < await store.generation()


async def test_changes_since__names_each_project_once_oldest_first(store: Store) -> None:
    await store.touch_project(PYPI, name("a"))
    start = await store.touch_project(PYPI, name("b"))
    await store.touch_project(PYPI, name("c"))
    last = await store.touch_project(PYPI, name("a"))
    changes = await store.changes_since(start)
    assert [change.project for change in changes] == ["c", "a"]
    assert changes[-1] == Change(generation=last, index=PYPI, project=name("a"))
    assert await store.changes_since(start, limit=1) == changes[:1]
    assert await store.changes_since(last) == ()


async def test_changes_before__are_the_newest_of_what_is_older(store: Store) -> None:
    for project in ("a", "b", "c"):
        start = await store.touch_project(PYPI, name(project))
    await store.touch_project(PYPI, name("a"))
    older = await store.changes_before(start + 1, limit=10)
    assert [change.project for change in older] == ["c", "b"]
    assert await store.changes_before(start + 1, limit=1) == older[:1]
    assert await store.changes_before(older[-1].generation, limit=10) == ()


async def test_changes_since__another_instance_sees_them(opener: Opener) -> None:
    here, there = opener(), opener()
    before = await there.generation()
    await here.put_decision(make_decision())
    assert [change.project for change in await there.changes_since(before)] == ["demo"]
    assert await there.decision_of(make_ref()) == make_decision()
    await there.put_decision(make_decision(score=50))
    assert await here.generation() == await there.generation()


# -- values by digest ------------------------------------------------------------------------
async def test_facts__are_kept_by_digest(store: Store) -> None:
    facts = make_facts()
    digest = await store.put_facts(facts)
    assert digest == digest_of(facts) == await store.put_facts(facts)
    assert await store.facts(digest) == facts
    assert await store.facts(OTHER) is None


async def test_evidence__unknown_is_none(store: Store) -> None:
    assert await store.evidence(OTHER) is None
    assert await store.latest_evidence(sha("x"), "x.whl") is None


async def test_blob__is_kept_by_digest(store: Store) -> None:
    digest = digest_of_bytes(b"\x00trace")
    await store.put_blob(digest, b"\x00trace")
    await store.put_blob(digest, b"\x00trace")
    assert await store.blob(digest) == b"\x00trace"
    assert await store.blob(OTHER) is None


async def test_put_blob__of_other_bytes_is_refused(store: Store) -> None:
    with pytest.raises(StoreConflict):
        await store.put_blob(OTHER, b"not these")
    assert await store.blob(OTHER) is None


async def test_put_blob__beyond_its_bound_is_refused(store: Store) -> None:
    data = bytes(BLOB_BYTES_MAX + 1)
    with pytest.raises(StoreError):
        await store.put_blob(digest_of_bytes(data), data)


# -- overrides -------------------------------------------------------------------------------
async def test_overrides__by_project_by_time_and_oldest_first(store: Store) -> None:
    by_name = make_override("o1", project="demo")
    by_bytes = make_override("o2", project=None, sha256=sha("x"), days=1)
    other = make_override("o3", project="other", sha256=sha("x"))
    for override in (by_name, by_bytes, other):
        await store.add_override(override)
    assert await store.overrides() == (by_name, by_bytes, other)
    assert await store.overrides(project=name("demo")) == (by_name, by_bytes)
    tomorrow = START + timedelta(days=1)
    assert await store.overrides(active_at=tomorrow) == (by_name, other)
    assert await store.overrides(project=name("demo"), active_at=tomorrow) == (by_name,)
    assert await store.overrides(active_at=START - timedelta(seconds=1)) == ()


async def test_add_override__again_is_a_no_op_and_another_a_conflict(store: Store) -> None:
    await store.put_decision(make_decision())
    await store.add_override(make_override())
    generation = await store.generation()
    await store.add_override(make_override())
    with pytest.raises(StoreConflict):
        await store.add_override(make_override(project="other"))
    assert await store.overrides() == (make_override(),)
    assert await store.generation() == generation


@pytest.mark.parametrize(
    "override",
    [make_override(project=None), make_override(days=0), make_override(days=-1)],
    ids=["matches everything", "never in force", "ends before it begins"],
)
async def test_add_override__without_sense_is_refused(store: Store, override: Override) -> None:
    with pytest.raises(ValueInvalid):
        await store.add_override(override)
    assert await store.overrides() == ()


async def test_add_override__may_bind_every_file_of_the_largest_project(store: Store) -> None:
    override = replace(make_override(), bound=tuple(sha(str(n)) for n in range(5000)))
    await store.add_override(override)
    assert await store.overrides() == (override,)
    (row,) = await store.audit()
    assert digest_of(override) in row.detail


async def test_revoke_override__ends_it_once(store: Store, clock: FakeClock) -> None:
    await store.add_override(make_override())
    ended = await store.revoke_override("o1", actor="bob", at=clock.advance(60))
    assert (ended.revoked_at, ended.revoked_by) == (clock.now, "bob")
    again = await store.revoke_override("o1", actor="eve", at=clock.advance(60))
    assert again == ended
    assert await store.overrides() == (ended,)
    assert await store.overrides(active_at=clock.now) == ()
    assert [row.action for row in await store.audit()] == ["override_revoked", "override_added"]


async def test_revoke_override__unknown_is_an_error_with_a_next_step(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        await store.revoke_override("nope", actor="bob", at=START)
    assert caught.value.next_step


async def _touched(store: Store, override: Override) -> set[tuple[str, str]]:
    before = await store.generation()
    await store.add_override(override)
    return {(change.index, change.project) for change in await store.changes_since(before)}


async def test_add_override__by_project_touches_it_on_every_index_seen(store: Store) -> None:
    await store.put_decision(make_decision(make_ref("unrelated", index=PYPI)))
    await store.put_page(make_page("unrelated", index=LOCAL))
    assert await _touched(store, make_override(project="demo")) == {
        (PYPI, "demo"),
        (LOCAL, "demo"),
    }


async def test_add_override__by_project_touches_an_index_that_was_only_asked_for(
    store: Store,
) -> None:
    await store.decisions_of(PYPI, name("demo"))
    assert await _touched(store, make_override(project="demo")) == {(PYPI, "demo")}


async def test_add_override__by_sha256_touches_every_project_that_has_it(store: Store) -> None:
    decided, queued = make_ref("decided", content="x"), make_ref("queued", content="x")
    await store.put_decision(make_decision(decided))
    await store.put_decision(make_decision(make_ref("unrelated")))
    await store.enqueue(
        queued, size_bytes=1, facts=make_facts(queued), priority=Priority.FILE, now=START
    )
    await store.put_page(make_page("announced", body=b"#sha256=" + sha("x").encode()))
    await store.put_page(make_page("silent", body=b"#sha256=" + sha("y").encode()))
    assert await _touched(store, make_override(project=None, sha256=sha("x"))) == {
        (PYPI, "decided"),
        (PYPI, "queued"),
        (PYPI, "announced"),
    }


async def test_revoke_override__touches_as_much_as_adding_it(store: Store) -> None:
    await store.put_decision(make_decision(make_ref("demo")))
    await store.add_override(make_override())
    before = await store.generation()
    await store.revoke_override("o1", actor="bob", at=START)
    assert [change.project for change in await store.changes_since(before)] == ["demo"]


# -- tokens ----------------------------------------------------------------------------------
async def test_tokens__by_kind_oldest_first(store: Store) -> None:
    client = make_token("t1", expires_at=START + timedelta(days=1))
    worker = make_token("t2", called="pi", kind=TokenKind.WORKER)
    await store.add_token(client, actor="alice")
    await store.add_token(worker, actor="alice")
    assert await store.tokens() == (client, worker)
    assert await store.tokens(kind=TokenKind.WORKER) == (worker,)


@pytest.mark.parametrize(
    "other",
    [
        make_token("t2", called="laptop"),
        make_token("t2", called="laptop", kind=TokenKind.WORKER),
        make_token("t1", called="desk"),
    ],
    ids=["name", "name of another kind", "id and hash"],
)
async def test_add_token__taken_is_a_conflict(store: Store, other: Token) -> None:
    await store.add_token(make_token("t1"), actor="alice")
    with pytest.raises(StoreConflict):
        await store.add_token(other, actor="alice")
    assert await store.tokens() == (make_token("t1"),)
    assert len(await store.audit()) == 1


async def test_add_token__a_name_is_free_again_once_revoked_or_expired(
    store: Store, clock: FakeClock
) -> None:
    await store.add_token(make_token("t1", expires_at=START + timedelta(hours=1)), actor="a")
    clock.advance(3600)
    await store.add_token(make_token("t2"), actor="a")
    await store.revoke_token("laptop", actor="a", at=clock.now)
    await store.add_token(make_token("t3"), actor="a")
    assert [token.active(clock.now) for token in await store.tokens()] == [False, False, True]


@pytest.mark.parametrize("key", ["t1", "laptop"])
async def test_revoke_token__by_id_or_name_and_once(
    store: Store, clock: FakeClock, key: str
) -> None:
    await store.add_token(make_token("t1"), actor="alice")
    ended = await store.revoke_token(key, actor="bob", at=clock.advance(60))
    assert ended.revoked_at == clock.now
    assert await store.revoke_token(key, actor="eve", at=clock.advance(60)) == ended
    assert await store.tokens() == (ended,)
    assert [(row.action, row.actor) for row in await store.audit()] == [
        ("token_revoked", "bob"),
        ("token_added", "alice"),
    ]


async def test_revoke_token__unknown_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.revoke_token("nope", actor="bob", at=START)


async def test_audit__never_holds_a_token_hash(store: Store) -> None:
    token = make_token()
    await store.add_token(token, actor="alice")
    await store.revoke_token(token.id, actor="alice", at=START)
    assert not any(token.hash in row.detail for row in await store.audit())


# -- what happened ---------------------------------------------------------------------------
async def test_fetches__newest_first_and_by_bytes(store: Store) -> None:
    old, other, new = make_fetch(), make_fetch(make_ref("other")), make_fetch(agent="uv")
    await store.record_fetches([old, other])
    await store.record_fetches([new])
    await store.record_fetches([])
    assert await store.fetches() == (new, other, old)
    assert await store.fetches(limit=1) == (new,)
    assert await store.fetches(sha256=make_ref().sha256) == (new, old)


async def test_record_fetches__a_hostile_header_costs_no_record(store: Store) -> None:
    await store.record_fetches([make_fetch(agent="\udcff" * 1000), make_fetch()])
    newest, hostile = await store.fetches()
    assert newest == make_fetch()
    assert len(hostile.user_agent) == FETCH_TEXT_CHARS_MAX
    assert hostile.user_agent.isascii()


async def test_audit__every_act_is_a_row_with_its_actor(store: Store) -> None:
    await store.put_decision(make_decision(), actor="desk")
    await store.add_override(make_override())
    await store.distrust_worker("pi", actor="carol")
    await store.distrust_worker("pi", actor="carol")
    await store.append_audit(actor="dan", action="policy_loaded", subject="x", detail="{}")
    rows = await store.audit()
    assert [(row.number, row.actor, row.action) for row in rows] == [
        (4, "dan", "policy_loaded"),
        (3, "carol", "worker_distrusted"),
        (2, "alice", "override_added"),
        (1, "desk", "decision_made"),
    ]
    assert await store.audit(limit=1) == rows[:1]
    assert await store.verify_audit() == 4


async def test_verify_audit__an_empty_chain_holds(store: Store) -> None:
    assert await store.verify_audit() == 0


async def test_append_audit__beyond_its_bound_or_no_text_is_refused(store: Store) -> None:
    for detail in ("x" * 100_000, "\ud800"):
        with pytest.raises(StoreError):
            await store.append_audit(actor="a", action="b", subject="c", detail=detail)
    assert await store.verify_audit() == 0


# -- pages -----------------------------------------------------------------------------------
async def test_page__is_kept_as_it_came_and_replaced(store: Store) -> None:
    await store.put_page(make_page(body=b"\xff\x00old"))
    assert await store.page(PYPI, name("demo")) == make_page(body=b"\xff\x00old")
    await store.put_page(make_page(body=b"", status=404))
    assert await store.page(PYPI, name("demo")) == make_page(body=b"", status=404)
    assert await store.page(LOCAL, name("demo")) is None


async def test_put_page__a_hostile_header_costs_no_page(store: Store) -> None:
    await store.put_page(replace(make_page(), etag="\udcff" * 5000))
    page = await store.page(PYPI, name("demo"))
    assert page is not None
    assert (page.body, len(page.etag)) == (make_page().body, HEADER_CHARS_MAX)


async def test_put_page__raises_no_generation_by_itself(store: Store) -> None:
    await store.put_page(make_page())
    assert await store.generation() == 0


# -- the whole -------------------------------------------------------------------------------
async def test_store__what_one_instance_acknowledged_another_finds(opener: Opener) -> None:
    first = opener()
    decision, evidence = make_decision(), make_evidence()
    await first.put_decision(decision)
    await first.record_fetches([make_fetch()])
    await first.enqueue(
        make_ref("queued"), size_bytes=1, facts=make_facts(), priority=Priority.FILE, now=START
    )
    await first.close()
    second = opener()
    assert await second.decision_of(decision.ref) == decision
    assert await second.fetches() == (make_fetch(),)
    assert len(await second.jobs()) == 1
    assert await second.latest_evidence(evidence.sha256, evidence.filename) is None


async def test_close__twice_is_once(store: Store) -> None:
    await store.close()
    await store.close()
