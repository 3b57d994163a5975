"""Pages for people: everything is there, everything is escaped, nothing runs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from markupsafe import Markup
from multidict import CIMultiDict

from models.behaviour import Act, ActKind, BehaviourProfile, Changes
from models.canonical import digest_of
from models.decision import HoldKind, ReasonCode, reason
from models.evidence import (
    Analyzer,
    Coverage,
    Evidence,
    Finding,
    Layer,
    PhaseReport,
    Place,
    ProofKind,
    ResolvedFile,
    Severity,
    Shortfall,
)
from models.facts import FactSignal, Source, SourceState, sibling_text
from models.phase import Phase
from models.work import Priority
from proxy.facts import gather
from proxy.web.people import TEXT_CHARS_MAX, age, ago, plain, visible
from proxy.web.verdict import ACTS_SHOWN_MAX, finding_rows
from tests.proxy.web.decided import START, held, proved, ref_of, served
from tests.proxy.web.house import PUBLIC_URL, House

WHEEL = "demo-1.0-py3-none-any.whl"
NEWER = "demo-2.0-py3-none-any.whl"
NEW_REF = ref_of(NEWER, b"newer")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>"


async def with_evidence(house: House, *, text: str = "plain") -> Evidence:
    """Evidence that came the whole way: enqueued, leased, completed."""
    ref = house.upstream.publish(NEWER, b"newer")
    now = house.clock.now
    facts = gather(house.upstream.pages["demo"], ref, now)
    await house.store.put_facts(facts)
    await house.store.enqueue(ref, size_bytes=5, facts=facts, priority=Priority.FILE, now=now)
    lease = await house.store.lease(worker="box-1", lease_id="l1", now=now)
    assert lease is not None
    finding = Finding(
        id="canary-left",
        title=text,
        severity=Severity.CRITICAL,
        layer=Layer.BEHAVIOUR,
        phase=Phase.IMPORT,
        technique="T1552.001",
        what="aws-key",
        place=Place(path=text, host=text, address="203.0.113.7", port=443, process=text),
        owner=text,
        proof=ProofKind.CANARY_LEFT,
    )
    evidence = Evidence(
        sha256=ref.sha256,
        filename=ref.filename,
        size_bytes=5,
        analyzer=Analyzer(version="1", python=text, platform=text, worker="box-1"),
        observed_at=now,
        duration_ms=1234,
        layers=tuple(Layer),
        phases=(
            PhaseReport(
                phase=Phase.IMPORT,
                exit_code=3,
                wall_ms=321,
                ended="timeout",
                syscalls=(("openat", 40), ("read", 2)),
            ),
        ),
        findings=(
            replace(finding, proof=None, severity=Severity.LOW, id="small-thing"),
            finding,
        ),
        shortfalls=(Shortfall.TIMED_OUT,),
        dependencies=(
            ResolvedFile(project=text, version="9.9", filename="x.whl", sha256=ref.sha256),
        ),
        coverage=Coverage(modules_found=7, modules_imported=5, modules_failed=2),
    )
    await house.store.complete("l1", worker="box-1", evidence=evidence, blobs=(), now=now)
    return evidence


async def test_verdict__shows_what_the_decision_rests_on(house: House) -> None:
    await house.decide(served(house.upstream.publish(WHEEL, b"old")))
    evidence = await with_evidence(house)
    facts = gather(house.upstream.pages["demo"], NEW_REF, house.clock.now)
    await house.store.put_facts(facts)
    decision = replace(proved(NEW_REF, evidence=digest_of(evidence)), facts_digest=digest_of(facts))
    await house.decide(decision)
    answer = await house.get(f"/v/{decision.id}")
    page = answer.body.decode()
    assert answer.status == 200
    for piece in (
        "Blocked",
        "demo 2.0",
        "It sent ",
        "203.0.113.7",
        "demo==1.0",
        "T1552.001",
        "it did not end in time",
        "321 ms",
        "5 of 7 modules imported, 2 failed",
        "9.9",
        "behaviour",
        "10 of 100",
        decision.policy_digest,
        NEW_REF.sha256,
        "2026-01-02 12:00 UTC",
        '<table class="waterfall">',
        "Where every artifact begins",
    ):
        assert piece in page, piece
    drawn = page.count('<svg viewBox="0 0 1000 20"')
    assert page.count('<rect class="step"') == drawn >= 2
    assert page.index(">proof<") < page.index(">low<")
    assert_strict(answer.headers, page)


async def test_verdict__hostile_text_is_text(house: House) -> None:
    evidence = await with_evidence(house, text=HOSTILE)
    decision = await house.decide(proved(NEW_REF, evidence=digest_of(evidence)))
    answer = await house.get(f"/v/{decision.id}")
    page = answer.body.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert_strict(answer.headers, page)


def compared(evidence: Evidence, *, text: str) -> Evidence:
    """The evidence with a profile, and changes since demo 1.0."""
    acts = [
        Act(kind=ActKind.HOST, phase=Phase.INSTALL, value=text),
        Act(kind=ActKind.HOST, phase=Phase.USE, value=text),
        Act(kind=ActKind.DECOY, phase=Phase.IMPORT, value="aws-key"),
        *(
            Act(kind=ActKind.WRITTEN, phase=Phase.IMPORT, value=f"~/f{number}")
            for number in range(ACTS_SHOWN_MAX + 3)
        ),
    ]
    changes = Changes(
        since=WHEEL,
        since_sha256=NEW_REF.sha256,
        since_evidence=digest_of(evidence),
        added=(acts[0], acts[2]),
        gone=(Act(kind=ActKind.EXECUTABLE, phase=Phase.INSTALL, value=f"{text}-old"),),
    )
    profile = BehaviourProfile(acts=tuple(sorted(acts)))
    return replace(evidence, profile=profile, changes=changes)


async def with_comparison(house: House, *, text: str, changed: bool = True) -> str:
    """The page of a decision that rests on compared evidence."""
    seen = compared(await with_evidence(house), text=text)
    if not changed:
        seen = replace(seen, changes=None)
    house.store._queue.evidence[digest_of(seen)] = seen
    decision = await house.decide(proved(NEW_REF, evidence=digest_of(seen)))
    answer = await house.get(f"/v/{decision.id}")
    page = answer.body.decode()
    assert_strict(answer.headers, page)
    return page


async def test_verdict__says_what_changed_and_what_it_did(house: House) -> None:
    page = await with_comparison(house, text="evil.test")
    for piece in (
        "What changed since demo 1.0",
        WHEEL,
        "now while installing as well",
        "a planted AWS key, read",
        "evil.test-old",
        "What it did",
        "build and install",
        "and 3 more",
    ):
        assert piece in page, piece
    assert page.index("What changed") < page.index("What the sandbox saw")


async def test_verdict__acts_are_text_and_nothing_else(house: House) -> None:
    page = await with_comparison(house, text=HOSTILE)
    assert page.count("&lt;script&gt;alert(1)") >= 4


async def test_verdict__without_a_baseline_it_says_so(house: House) -> None:
    page = await with_comparison(house, text="evil.test", changed=False)
    assert "What changed" not in page
    assert "nothing to compare it with" in page


async def with_sources(house: House, *, text: str) -> str:
    """The page of a decision whose facts hold what sources said."""
    seen = await with_evidence(house)
    known = gather(house.upstream.pages["demo"], NEW_REF, house.clock.now)
    layer = Layer.PROVENANCE
    finding = Finding(
        id="publisher-changed",
        title=text,
        severity=Severity.HIGH,
        layer=layer,
        what=text[:40],
        place=Place(path=text),
    )
    known = replace(
        known,
        sources=(
            Source(
                name="provenance",
                layer=layer,
                state=SourceState.MEASURED,
                told_at=house.clock.now - timedelta(hours=3),
            ),
            Source(name="other", layer=layer, state=SourceState.MISSING, reason=text),
        ),
        signals=(
            FactSignal(name="provenance.repository", layer=layer, value=text, source="provenance"),
        ),
        findings=(finding,),
    )
    await house.store.put_facts(known)
    decision = replace(
        served(NEW_REF), evidence_digest=digest_of(seen), facts_digest=digest_of(known)
    )
    await house.decide(decision)
    answer = await house.get(f"/v/{decision.id}")
    page = answer.body.decode()
    assert_strict(answer.headers, page)
    return page


async def test_verdict__says_what_sources_said_and_how_old_it_is(house: House) -> None:
    page = await with_sources(house, text="maker/demo")
    for piece in (
        "What sources say",
        "3 hours before",
        "could not be asked",
        "publisher-changed",
        "provenance.repository",
        "maker/demo",
        "Where it was published from, signed.",
    ):
        assert piece in page, piece


async def test_verdict__what_sources_said_is_text_and_nothing_else(house: House) -> None:
    page = await with_sources(house, text=HOSTILE)
    assert page.count("&lt;script&gt;alert(1)") >= 4


async def test_verdict__names_the_sibling_that_it_rests_on(house: House) -> None:
    seen = await with_evidence(house)
    sibling = "demo-2.0-cp311-cp311-linux_x86_64.whl"
    known = gather(house.upstream.pages["demo"], NEW_REF, house.clock.now)
    known = replace(known, approved_sibling=sibling_text(digest_of(seen), sibling))
    await house.store.put_facts(known)
    rests = replace(
        served(NEW_REF),
        evidence_digest=digest_of(seen),
        facts_digest=digest_of(known),
        reasons=(reason(ReasonCode.PLATFORM_SIBLING),),
    )
    await house.decide(rests)
    page = (await house.get(f"/v/{rests.id}")).body.decode()
    assert page.count(sibling) == 2
    assert "equal those of an approved file" in page
    plain = replace(rests, reasons=())
    await house.decide(plain)
    assert sibling not in (await house.get(f"/v/{plain.id}")).body.decode()


async def test_verdict__replaced_decision_names_the_one_in_force(house: House) -> None:
    ref = house.upstream.publish(WHEEL, b"old")
    first = await house.decide(held(ref, HoldKind.REVIEW))
    second = await house.decide(served(ref, as_of=START.replace(hour=13)))
    page = (await house.get(f"/v/{first.id}")).body.decode()
    assert f'href="{second.id}"' in page
    assert "in force" in page
    assert "in force" not in (await house.get(f"/v/{second.id}")).body.decode()


@pytest.mark.parametrize("id_", ["abcdefgh", "x", "a" * 400, "..%2f..", "%00", "%3Cscript%3E"])
async def test_verdict__unknown_id_is_404(house: House, id_: str) -> None:
    answer = await house.get(f"/v/{id_}")
    assert answer.status == 404
    assert b"<script>" not in answer.body


async def test_home__shows_the_lines_to_copy_and_recent_decisions(house: House) -> None:
    decision = await house.decide(served(house.upstream.publish(WHEEL, b"old")))
    await house.reload()
    answer = await house.get("/")
    page = answer.body.decode()
    for piece in (
        f"pip config set global.index-url {PUBLIC_URL}/simple/",
        f"UV_DEFAULT_INDEX={PUBLIC_URL}/simple/",
        f"poetry source add --priority=primary pratique {PUBLIC_URL}/simple/",
        f"v/{decision.id}",
        "Ready",
    ):
        assert piece in page, piece
    assert_strict(answer.headers, page)


async def test_home__store_down_still_answers(house: House) -> None:
    house.store.down = True
    answer = await house.get("/")
    assert answer.status == 200


async def test_css__is_named_by_its_content(house: House) -> None:
    page = (await house.get("/")).body.decode()
    match = re.search(r'href="(static/pratique\.[0-9a-f]{12}\.css)"', page)
    assert match is not None
    answer = await house.get("/" + match.group(1))
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/css")
    assert b"@import" not in answer.body
    assert b"url(" not in answer.body


def assert_strict(headers: CIMultiDict[str], page: str) -> None:
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script" not in policy
    assert "<script" not in page.lower()
    assert not re.search(r"<[^>]+\sstyle=", page)
    assert not re.search(r"<[^>]+\son[a-z]+=", page)
    ours = r'<img src="[a-z2-7]{10}/graph\.svg" alt="[^"<>]*">'
    assert "<img" not in re.sub(ours, "", page)


@pytest.mark.parametrize(
    ("seconds", "told", "since"),
    [
        (5, "just now", "just now"),
        (60, "1 min", "1 min ago"),
        (7_300, "2 h", "2 h ago"),
        (400_000, "4 d", "4 d ago"),
        (-400_000, "in 4 d", "in 4 d"),
        (-30, "just now", "just now"),
    ],
)
def test_age__in_the_largest_unit_that_fits(seconds: int, told: str, since: str) -> None:
    at = START - timedelta(seconds=seconds)
    assert age(at, START) == told
    assert ago(at, START) == since


def test_visible__what_turns_words_about_is_written_out_and_lines_stay() -> None:
    assert visible("a\u202eb\nc\td") == "a\\u202eb\nc    d"
    assert visible("\u2066" * 50) == "\\u2066" * 50
    assert visible("plain ä 本") == "plain ä 本"
    assert visible(7) == 7
    assert visible(Markup("<b>\u202e</b>")) == "<b>\u202e</b>"


def test_plain__one_line_and_cut() -> None:
    assert plain("a\nb") == "a\\nb"
    assert len(plain("x" * 10_000)) == TEXT_CHARS_MAX


async def test_finding_rows__many_of_a_kind_take_little_room_and_none_is_lost(
    house: House,
) -> None:
    seen = await with_evidence(house)
    many = tuple(
        Finding(
            id="monkey-patch",
            title="Replaced",
            severity=Severity.LOW,
            layer=Layer.BEHAVIOUR,
            phase=Phase.IMPORT,
            at_ms=number,
            place=Place(path=f"place-{number}"),
        )
        for number in range(9)
    )
    other = replace(many[0], id="dns-lookup", title="Looked up", at_ms=4)
    rows = finding_rows(replace(seen, findings=(*many, other)))
    assert [(row.finding.id, len(row.alike)) for row in rows] == [
        ("monkey-patch", 0),
        ("monkey-patch", 0),
        ("monkey-patch", 6),
        ("dns-lookup", 0),
    ]
    shown = [one for row in rows for one in (row.finding, *row.alike)]
    assert [one.place.path for one in shown[:9]] == [f"place-{number}" for number in range(9)]
