"""Following advisories: what was served is judged again, and who fetched it is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from analyzer.advisories.meaning import findings_of, signals_of
from analyzer.advisories.record import Advisory
from models.artifact import ArtifactRef
from models.decision import Action, HoldKind, ReasonCode
from models.errors import JudgeUnavailable, UpstreamUnavailable
from models.evidence import Layer
from models.facts import Answer, Facts, Source, SourceState
from models.reason import reason_line
from models.work import JobState, Priority
from proxy.judge.advised import MATCHED_SERVED, REFS_BATCH, ROUND, SETTLE
from proxy.judge.desk import Desk
from proxy.sources.advisories import AdvisorySource, with_advisories
from proxy.store.port import AuditRow, Feed, Fetch
from tests.analyzer.advisories.records import ALL, advisory
from tests.models.examples import NOW, OTHER_SHA, facts, finding, ref
from tests.proxy.judge.examples import MODEL, QUICK, Room

FEED = Feed(name="ossf", source="/feeds/ossf", tried_at=NOW, succeeded_at=NOW)
EXACT = advisory(versions=("2.0",))
LATER = "2026-02-02T00:00:00Z"
WITHDRAWN = advisory(versions=("2.0",), modified=LATER, withdrawn=LATER)


class Advised(Room):
    """A room whose desk asks the store's advisories, as the door's does."""

    def new_desk(self) -> Desk:
        self.source = AdvisorySource(self.store)
        return Desk(
            store=self.store,
            judge=self.judge,
            policy=lambda: self.policy,
            model_digest=lambda _: MODEL,
            clock=self.clock,
            on_decision=self.told.append,
            facts=self._facts,
            advised=self.source,
            times=QUICK,
        )

    async def bring(self, *records: Advisory) -> None:
        await self.store.import_advisories(FEED, records, now=self.clock())

    async def serve(self, of: ArtifactRef | None = None) -> None:
        """Let a clean file be judged, and fetched by two."""
        about = of or ref()
        await self.observe(about)
        assert (await self.desk.judge_ref(about)).action is Action.SERVE
        await self.store.record_fetches(
            [fetch(about, "alice", 1), fetch(about, "bob", 2), fetch(about, "alice", 3)]
        )

    async def sweep(self) -> None:
        """Upkeep until it has nothing to do, without a running desk."""
        while await self.desk._upkeep.follow_advisories():
            pass

    async def matched(self) -> list[AuditRow]:
        return [row for row in await self.store.audit() if row.action == MATCHED_SERVED]

    async def action(self, of: ArtifactRef | None = None) -> Action:
        decision = await self.store.decision_of(of or ref())
        assert decision is not None
        return decision.action


def fetch(about: ArtifactRef, requester: str, minute: int, **rest: Any) -> Fetch:
    return Fetch(
        at=NOW + timedelta(minutes=minute),
        ref=about,
        requester=requester,
        address="192.0.2.7",
        user_agent="pip/26.3",
        status=200,
        decision_id="x",
        **rest,
    )


async def test_follow__a_record_of_the_exact_version_denies_what_was_served() -> None:
    room = Advised()
    await room.serve()
    await room.bring(EXACT)
    async with room.running():
        await room.until(lambda: _is(room, Action.DENY))
    decision = await room.store.decision_of(ref())
    assert decision is not None
    assert decision.reasons[0].code is ReasonCode.PROOF_KNOWN_MALICIOUS
    assert "is a known malicious release (MAL-2026-1)" in reason_line(decision)
    assert decision.evidence_digest is not None
    assert room.told[-1] == decision


async def test_follow__those_who_fetched_it_are_told_once() -> None:
    room = Advised()
    await room.serve()
    await room.bring(EXACT)
    await room.sweep()
    room.clock.turn(seconds=SETTLE.total_seconds())
    await room.sweep()
    (row,) = await room.matched()
    detail = json.loads(row.detail)
    assert row.subject == ref().key
    assert (detail["advisories"], detail["findings"]) == (["MAL-2026-1"], ["known-malicious"])
    assert detail["fetches"] == 3
    assert [(one["requester"], one["at"]) for one in detail["requesters"]] == [
        ("alice", (NOW + timedelta(minutes=3)).isoformat()),
        ("bob", (NOW + timedelta(minutes=2)).isoformat()),
    ]


async def test_follow__what_nobody_fetched_is_judged_again_and_told_to_nobody() -> None:
    room = Advised()
    await room.observe()
    await room.desk.judge_ref(ref())
    await room.bring(EXACT)
    await room.sweep()
    assert await room.action() is Action.DENY
    assert await room.matched() == []


@pytest.mark.parametrize(
    ("record", "action", "told"),
    [
        (advisory(ranges=(ALL,)), Action.HOLD, 1),
        (advisory(versions=("1.9",)), Action.SERVE, 0),
        (advisory("PYSEC-2026-1", versions=("2.0",)), Action.SERVE, 1),
        (advisory(project="other", versions=("2.0",)), Action.SERVE, 0),
        (advisory(project="other", sha256s=(ref().sha256,)), Action.DENY, 1),
    ],
    ids=["range", "another version", "a flaw", "another project", "the bytes"],
)
async def test_follow__each_kind_of_record_does_what_it_says(
    record: Advisory, action: Action, told: int
) -> None:
    room = Advised()
    await room.serve()
    await room.bring(record)
    await room.sweep()
    assert await room.action() is action
    assert len(await room.matched()) == told


async def test_follow__a_withdrawn_record_serves_it_again() -> None:
    room = Advised()
    await room.serve()
    await room.bring(EXACT)
    await room.sweep()
    await room.bring(WITHDRAWN)
    await room.sweep()
    assert await room.action() is Action.SERVE


async def test_follow__a_record_that_is_gone_serves_it_again() -> None:
    room = Advised()
    await room.serve()
    await room.bring(EXACT)
    await room.sweep()
    await room.store.remove_feed("ossf", actor="ada")
    await room.sweep()
    assert await room.action() is Action.SERVE


async def test_follow__works_while_upstream_is_down() -> None:
    room = Advised()
    await room.serve()
    await room.bring(EXACT)
    room.facts_errors = [UpstreamUnavailable("down")] * 5
    await room.sweep()
    assert await room.action() is Action.DENY


async def test_follow__the_judge_away_changes_nothing_and_tells_once() -> None:
    room = Advised()
    await room.serve()
    await room.bring(EXACT)
    room.judge.errors = [JudgeUnavailable("away")] * 3
    for _ in range(3):
        with pytest.raises(JudgeUnavailable):
            await room.sweep()
    assert await room.action() is Action.SERVE
    await room.sweep()
    assert await room.action() is Action.DENY
    assert len(await room.matched()) == 1


async def test_follow__goes_on_after_a_restart() -> None:
    room = Advised()
    many = [ref(f"demo-{n}.0-py3-none-any.whl", f"{n:064x}") for n in range(1, REFS_BATCH + 10)]
    for about in many:
        await room.observe(about)
        await room.desk.judge_ref(about)
    await room.bring(advisory(versions=tuple(about.version for about in many)))
    assert await room.desk._upkeep.follow_advisories()  # a part of them
    room.desk = room.new_desk()
    await room.sweep()
    assert {await room.action(about) for about in many} == {Action.DENY}


async def test_follow__a_decision_that_was_under_way_is_caught_by_the_second_look() -> None:
    """Its facts were asked for before the record came, and it is stored after the first look."""
    room = Advised()
    other = ref("demo-1.0-py3-none-any.whl", OTHER_SHA)
    await room.serve(other)
    await room.bring(EXACT)
    await room.sweep()
    unaware = Room(store=room.store)
    await unaware.observe()
    assert (await unaware.desk.judge_ref(ref())).action is Action.SERVE
    await room.sweep()
    assert await room.action() is Action.SERVE
    room.clock.turn(seconds=SETTLE.total_seconds())
    await room.sweep()
    assert await room.action() is Action.DENY
    assert await room.store.advisory_changes(limit=10) == ()


async def test_follow__what_concerned_nothing_at_first_is_looked_at_once_it_does() -> None:
    """The first decision about a project, under way when the record came, behind another change."""
    room = Advised()
    other = ref("other-1.0-py3-none-any.whl", OTHER_SHA)
    await room.serve(other)
    await room.bring(EXACT)
    await room.bring(EXACT, advisory("MAL-2026-2", project="other", versions=("1.0",)))
    await room.sweep()
    assert await room.action(other) is Action.DENY
    unaware = Room(store=room.store)
    await unaware.observe()
    assert (await unaware.desk.judge_ref(ref())).action is Action.SERVE
    room.clock.turn(seconds=ROUND.total_seconds())
    await room.sweep()  # to the end of the round
    await room.sweep()
    assert await room.action() is Action.DENY


async def test_follow__a_queued_file_is_denied_and_leaves_the_queue() -> None:
    room = Advised()
    await room.store.enqueue(
        ref(), size_bytes=1, facts=facts(), priority=Priority.FILE, now=room.clock()
    )
    await room.bring(EXACT)
    await room.sweep()
    assert await room.action() is Action.DENY
    job = await room.store.job_of(ref())
    assert job is not None
    assert job.state is JobState.DECIDED


async def test_judge__what_is_known_is_denied_unseen_also_without_facts() -> None:
    room = Advised()
    await room.bring(EXACT)
    room.facts_errors = [UpstreamUnavailable("down")] * 5
    decision = await room.desk.judge_ref(ref())
    assert (decision.action, decision.evidence_digest) == (Action.DENY, None)
    assert await room.store.job_of(ref()) is None


async def test_judge__what_is_known_is_never_queued_again() -> None:
    room = Advised()
    await room.bring(EXACT)
    known = with_advisories(facts(), await room.source.told(ref(), NOW))
    assert not await room.desk._hearings.requeue(ref(), known)
    assert await room.store.job_of(ref()) is None


async def test_judge__a_withdrawn_proof_of_an_unseen_file_is_analysed_at_last() -> None:
    room = Advised()
    await room.bring(EXACT)
    assert (await room.desk.judge_ref(ref())).action is Action.DENY
    await room.bring(WITHDRAWN)
    await room.sweep()
    decision = await room.store.decision_of(ref())
    assert decision is not None
    assert decision.hold is HoldKind.ANALYSIS
    job = await room.store.job_of(ref())
    assert job is not None
    assert job.state is JobState.QUEUED


def test_with_advisories__nothing_new_is_the_very_same() -> None:
    source = AdvisorySource
    assert source.name == "advisories"
    once = with_advisories(facts(), answer_of())
    assert with_advisories(once, answer_of(read=NOW + timedelta(hours=6))) is once


def test_with_advisories__leaves_what_others_found() -> None:
    other = finding("name-confusion")
    base: Facts = facts(findings=(other,))
    advised = with_advisories(base, answer_of())
    assert other in advised.findings
    assert with_advisories(advised, Answer(source=answer_of().source)).findings == (other,)


def answer_of(**rest: Any) -> Answer:
    """What the source says of the file after `EXACT`."""
    return Answer(
        source=Source(
            name="advisories",
            layer=Layer.REPUTATION,
            state=SourceState.MEASURED,
            told_at=rest.get("read", NOW),
        ),
        signals=signals_of([EXACT], ref(), NOW),
        findings=findings_of([EXACT], ref(), NOW),
    )


async def _is(room: Advised, action: Action) -> bool:
    return await room.action() is action
