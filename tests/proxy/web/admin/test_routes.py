"""Every page over a real socket: what it shows and to whom, under which policy, and that text stays text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from models.canonical import digest_of
from models.decision import Decision, HoldKind, OverrideAction
from models.evidence import Shortfall
from models.trust.shelf import SHIPPED
from proxy.admin.access import Role
from proxy.web.session import FORM_BYTES_MAX
from tests.proxy.archive import put_evidence
from tests.proxy.web.admin.desk import (
    HOSTILE,
    LOCAL_URL,
    LONG,
    Desk,
    Shown,
    at_desk,
    evidence_of,
    furnish,
    hold,
    open_desk_house,
)
from tests.proxy.web.decided import held, proved, ref_of
from tests.proxy.web.house import House

Made = dict[str, Decision]

VIEWERS = (
    "/",
    "/queue",
    "/queue?sort=age&project=parcels",
    "/projects",
    "/projects/steady",
    "/projects/demo/2.0",
    "/v/{evidence}",
    "/v/{evidence}/processes",
    "/policy",
    "/policy/{policy}",
    "/overrides",
    "/overrides?view=all",
    "/requests",
    "/requests?view=all",
    "/requests/q1",
    "/audit",
    "/audit?log=decisions",
    "/audit?log=all&before=4",
    "/workers",
)
REQUESTERS = ("/v/{held}/request",)
REVIEWERS = ("/installed", "/installed/{bytes}")
ADMINS = ("/tokens", "/tokens?all=1")
PAGES = (*VIEWERS, *REQUESTERS, *REVIEWERS, *ADMINS)
FORMS = (
    ("/queue/{held}", Role.REVIEWER),
    ("/policy/check", Role.REVIEWER),
    ("/policy/trial", Role.ADMIN),
    ("/policy", Role.ADMIN),
    ("/policy/documents/1/restore", Role.ADMIN),
    ("/requests/q1", Role.REQUESTER),
    ("/v/{held}/request", Role.REQUESTER),
    ("/overrides", Role.REVIEWER),
    ("/overrides/o-deny/end", Role.REVIEWER),
    ("/audit/verify", Role.VIEWER),
    ("/workers/box-1/distrust", Role.ADMIN),
    ("/tokens", Role.ADMIN),
    ("/tokens/ci/revoke", Role.ADMIN),
)


def path_of(pattern: str, made: Made) -> str:
    return pattern.format(
        evidence=made["evidence"].id,
        held=made["held"].id,
        policy=made["evidence"].policy_digest,
        bytes=made["served"].ref.sha256,
    )


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_desk_house(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def made(house: House) -> Made:
    return await furnish(house)


@pytest_asyncio.fixture
async def admin(house: House) -> AsyncIterator[Desk]:
    async with at_desk(house, Role.ADMIN) as desk:
        yield desk


@pytest_asyncio.fixture
async def reviewer(house: House) -> AsyncIterator[Desk]:
    async with at_desk(house, Role.REVIEWER) as desk:
        yield desk


def assert_strict(shown: Shown) -> None:
    """No script but the one that is ours, by its hashed name; no style and no handler in the page."""
    policy = shown.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert shown.headers["Cache-Control"] == "no-store"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    scripts = re.findall(r"<script[^>]*>", shown.text)
    ours = r'<script src="/static/review\.[0-9a-f]{12}\.js" defer>'
    assert all(re.fullmatch(ours, one) for one in scripts)
    assert ("script-src 'self'" in policy) is bool(scripts)
    assert not re.search(r"<[^>]+\sstyle=", shown.text)
    assert not re.search(r"<[a-z][^<>]*\son[a-z]+=", shown.text)
    assert not re.search(r"<style", shown.text)


@pytest.mark.parametrize("pattern", PAGES)
async def test_page__opens_for_an_admin_under_a_strict_policy(
    admin: Desk, made: Made, pattern: str
) -> None:
    shown = await admin.see(path_of(pattern, made))
    assert shown.status == 200
    assert 'aria-current="page"' in shown.text
    assert_strict(shown)


@pytest.mark.parametrize("pattern", PAGES)
async def test_page__hostile_text_is_text(house: House, admin: Desk, pattern: str) -> None:
    made = await furnish(house, text=HOSTILE)
    shown = await admin.see(path_of(pattern, made))
    assert shown.status == 200
    assert_strict(shown)
    assert "<img src=x" not in shown.text
    assert "\u202e" not in shown.text
    assert "\u2028" not in shown.text


@pytest.mark.parametrize(
    "pattern", ["/audit", "/v/{evidence}", "/v/{evidence}/processes", "/overrides"]
)
async def test_page__hostile_text_is_there_to_be_read(
    house: House, admin: Desk, pattern: str
) -> None:
    made = await furnish(house, text=HOSTILE)
    shown = await admin.see(path_of(pattern, made))
    assert "&lt;script&gt;window.ran=1&lt;/script&gt;" in shown.text


@pytest.mark.parametrize("pattern", PAGES)
async def test_page__texts_of_10_kb_are_cut(house: House, admin: Desk, pattern: str) -> None:
    made = await furnish(house, text=LONG)
    shown = await admin.see(path_of(pattern, made))
    assert shown.status == 200
    assert "x" * 2_500 not in shown.text


@pytest.mark.parametrize("pattern", PAGES)
async def test_page__a_stranger_is_sent_to_sign_in(house: House, made: Made, pattern: str) -> None:
    async with at_desk(house, None) as stranger:
        shown = await stranger.see(path_of(pattern, made))
        assert made["evidence"].id not in shown.text
        if pattern.startswith("/v/{evidence}"):
            assert shown.status == 401  # a developer's client may give an installer's token there
        else:
            assert shown.url == "/login"


@pytest.mark.parametrize(
    ("role", "patterns"),
    [(Role.VIEWER, (*REQUESTERS, *REVIEWERS, *ADMINS)), (Role.REVIEWER, ADMINS)],
)
async def test_page__needs_its_role(
    house: House, made: Made, role: Role, patterns: tuple[str, ...]
) -> None:
    async with at_desk(house, role) as desk:
        for pattern in patterns:
            shown = await desk.see(path_of(pattern, made))
            assert shown.status == 403, pattern
            assert "This needs the role" in shown.text
            assert_strict(shown)
        for pattern in VIEWERS:
            assert (await desk.see(path_of(pattern, made))).status == 200, pattern


@pytest.mark.parametrize(("pattern", "role"), FORMS)
async def test_form__needs_its_role_and_the_sessions_own_word(
    house: House, made: Made, pattern: str, role: Role
) -> None:
    before = await house.store.verify_audit()
    lower = [one for one in Role if not one.covers(role) and one.covers(Role.VIEWER)]
    path = path_of(pattern, made)
    for one in lower[-1:]:
        async with at_desk(house, one, "lower") as desk:
            assert (await desk.send(path)).status == 403
    async with at_desk(house, role, "same") as desk:
        shown = await desk.forge(path, csrf="0" * 64)
        assert shown.status == 403
        assert "not of your session" in shown.text
    async with at_desk(house, None) as stranger:
        assert (await stranger.forge(path)).url == "/login"
    rows = (await house.store.audit())[: await house.store.verify_audit() - before]
    assert {row.action for row in rows} <= {"token_added"}


@pytest.mark.parametrize(
    "path",
    [
        "/queue?sort=else",
        "/queue?page=x",
        "/queue?project=%3Cscript%3E",
        "/audit?before=-1",
        "/audit?before=99999999999999999999999",
        "/audit?log=else",
        "/projects/%3Cscript%3E",
        "/projects/nobody",
        "/projects/steady/9.9.9",
        "/policy/sha256:abc",
        "/policy/sha256:" + "0" * 64,
        "/installed/zz",
    ],
)
async def test_page__bad_input_is_a_page_that_says_what(admin: Desk, made: Made, path: str) -> None:  # noqa: ARG001 - furnished
    shown = await admin.see(path)
    assert shown.status == 404
    assert "That did not work" in shown.text
    assert "<script>" not in shown.text


async def test_lost__a_browser_gets_a_page_and_a_program_a_problem(admin: Desk) -> None:
    for path in ("/v/aaaaaaaaaa", "/v/aaaaaaaaaa/processes", "/nothing/here"):
        shown = await admin.see(path)
        assert shown.status == 404
        assert "That did not work" in shown.text
        told = await admin.see(path, Accept="application/json")
        assert told.status == 404
        assert told.headers["Content-Type"] == "application/problem+json"
    for path in ("/simple/a/b/c", "/api/v1/nothing", "/static/nothing"):
        told = await admin.see(path)
        assert told.status == 404
        assert told.headers["Content-Type"] == "application/problem+json"


async def test_overview__shows_what_flows_and_what_is_held(admin: Desk, made: Made) -> None:
    page = (await admin.see("/")).text
    for piece in (
        'aria-label="50 files sent in 24 hours',
        'aria-label="1 decisions to deny in 24 hours',
        '<a href="/queue">4</a>',
        "412,345",
        made["held"].policy_digest[7:19],
        "enforce",
        "box-1",
        f"{LOCAL_URL}/simple/",
        '<a href="/requests">1 request for an exception</a>',
        f"{SHIPPED.meant('default')}, made ",
    ):
        assert piece in page, piece


async def test_overview__without_the_store_says_so(house: House, admin: Desk, made: Made) -> None:  # noqa: ARG001 - furnished
    house.store.down = True
    shown = await admin.see("/")
    assert shown.status == 200
    assert "The store does not answer" in shown.text


async def test_overview__whoever_only_installs_sees_how_to(house: House, made: Made) -> None:
    answer = await house.get("/")
    assert b"Install through Pratique" in answer.body
    assert b"/queue" not in answer.body
    assert made["served"].id.encode() in answer.body


async def test_page__on_a_firewall_for_this_machine_alone_anybody_may_look(tmp_path: Path) -> None:
    async with open_desk_house(tmp_path, token_required=False) as house:
        made = await furnish(house)
        async with at_desk(house, None) as stranger:
            for pattern in VIEWERS:
                shown = await stranger.see(path_of(pattern, made))
                assert shown.status == 200, pattern
                assert 'href="/login"' in shown.text, pattern
                assert 'name="csrf"' not in shown.text, pattern
            for pattern in (*REVIEWERS, *ADMINS):
                assert (await stranger.see(path_of(pattern, made))).url == "/login", pattern


async def test_queue__sorts_filters_and_tells_the_causes(
    house: House, reviewer: Desk, made: Made
) -> None:
    def order(page: str) -> list[str]:
        return re.findall(r"data-open href=\"/v/(\w+)\"", page)

    names = {key: made[key].id for key in ("held", "second", "third", "evidence")}
    by_score = order((await reviewer.see("/queue?sort=score")).text)
    assert by_score == [names["third"], names["evidence"], names["held"], names["second"]]
    assert order((await reviewer.see("/queue?sort=age")).text)[0] == names["held"]
    assert order((await reviewer.see("/queue?project=Parcels")).text) == [names["second"]]
    page = (await reviewer.see("/queue")).text
    assert "It has a trust score of 33." in page
    for number in range(40):
        await hold(house, f"many-1.{number}.tar.gz")
    assert "page 1 of 2" in (await reviewer.see("/queue")).text
    assert len(order((await reviewer.see("/queue?page=2")).text)) == 14


async def test_queue__a_viewer_sees_it_and_cannot_decide(house: House, made: Made) -> None:
    async with at_desk(house, Role.VIEWER) as desk:
        page = (await desk.see("/queue")).text
        assert made["held"].id in page
        assert "Approve" not in page


async def test_review__an_approval_without_any_script(
    house: House, reviewer: Desk, made: Made
) -> None:
    shown = await reviewer.send(
        f"/queue/{made['held'].id}",
        action="allow",
        justification="known vendor",
        days="30",
        scope="file",
        back="queue",
    )
    assert (shown.status, shown.url) == (200, "/queue")
    assert "approved" in shown.text
    assert "by ada" in shown.text
    (override,) = [one for one in await house.store.overrides() if one.id.startswith("r-")]
    assert (override.action, override.actor) == (OverrideAction.ALLOW, "ada")
    assert "door" in house.nudges


async def test_review__the_second_reviewer_is_told(
    house: House, reviewer: Desk, made: Made
) -> None:
    fields = {"justification": "no use", "days": "30", "scope": "file"}
    path = f"/queue/{made['held'].id}"
    await reviewer.send(path, action="deny", **fields)
    async with at_desk(house, Role.REVIEWER, "grace") as second:
        shown = await second.send(path, action="allow", **fields)
    assert shown.status == 409
    assert "ada has denied it already" in shown.text
    assert "Nothing was changed by your decision" in shown.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "else"},
        {"justification": ""},
        {"days": "0"},
        {"days": "many"},
        {"days": "3000"},
        {"justification": "x" * 20_000},
    ],
)
async def test_review__a_wrong_form_is_422_and_changes_nothing(
    house: House, reviewer: Desk, made: Made, wrong: dict[str, str]
) -> None:
    before = await house.store.overrides()
    fields = {"action": "allow", "justification": "x", "days": "30", "scope": "file"} | wrong
    shown = await reviewer.send(f"/queue/{made['held'].id}", **fields)
    assert shown.status == 422
    assert await house.store.overrides() == before


async def test_request__asked_for_by_one_and_granted_by_another(
    house: House, reviewer: Desk, made: Made
) -> None:
    held_id = made["second"].id
    async with at_desk(house, Role.REQUESTER, "dora") as dora:
        assert f'href="/v/{held_id}/request"' in (await dora.see(f"/v/{held_id}")).text
        shown = await dora.send(
            f"/v/{held_id}/request", scope="file", days="30", justification="build is red"
        )
        assert shown.url.startswith("/requests/")
        again = {"scope": "file", "days": "30", "justification": "build is red"}
        assert (await dora.send(f"/v/{held_id}/request", **again)).status == 409
        assert (await dora.send(shown.url, action="approve", answer="me")).status == 403
        assert "build is red" in (await reviewer.see("/requests")).text
        told = await reviewer.see(shown.url)
        assert "trust score of 58" in told.text  # why it is held stands beside the wish
        granted = await reviewer.send(shown.url, action="approve", answer="fine")
        assert "approved" in granted.text
        assert "pip install parcels==2.1" in granted.text
        late = await reviewer.send(shown.url, action="refuse", answer="no")
        assert late.status == 409
        assert (await dora.send("/requests/q1", action="withdraw")).status == 200
    override = (await house.store.overrides())[-1]
    assert (override.actor, override.bound) == ("ada", (made["second"].ref.sha256,))
    assert "asked for by dora" in override.justification


async def test_request__a_refusal_says_why(reviewer: Desk, made: Made) -> None:  # noqa: ARG001 - furnished
    assert (await reviewer.send("/requests/q1", action="refuse", answer="")).status == 422
    shown = await reviewer.send("/requests/q1", action="refuse", answer="use parcels 2.0")
    assert "refused" in shown.text
    assert "use parcels 2.0" in shown.text


async def test_overrides__add_and_end(house: House, reviewer: Desk, made: Made) -> None:
    digest = made["served"].ref.sha256
    shown = await reviewer.send(
        "/overrides",
        action="allow",
        project="Steady",
        specifier=">=1.5",
        justification="ticket 4711",
        days="10",
    )
    assert shown.status == 200
    made_now = (await house.store.overrides())[-1]
    assert made_now.bound == (digest,)
    assert "ticket 4711" in shown.text
    ended = await reviewer.send(f"/overrides/{made_now.id}/end")
    assert ended.status == 200
    assert "ticket 4711" not in ended.text
    assert "ended by ada" in (await reviewer.see("/overrides?view=all")).text
    async with at_desk(house, Role.REVIEWER, "grace") as second:
        assert (await second.send(f"/overrides/{made_now.id}/end")).status == 409


async def test_evidence__every_way_through_it_leads_somewhere(reviewer: Desk, made: Made) -> None:
    for decision in made.values():
        page = (await reviewer.see(f"/v/{decision.id}")).text
        wanted = set(re.findall(r'href="#([a-z]+)"', page))
        assert wanted >= {"main", "history", "rests"}
        assert wanted <= set(re.findall(r'id="([a-z]+)"', page))


async def test_evidence__what_was_not_run_is_not_called_unremarkable(
    house: House, reviewer: Desk
) -> None:
    ref = ref_of("later-1.0-py3-none-any.whl")
    seen = replace(
        evidence_of(ref, "x", now=house.clock.now, trace=b""),
        phases=(),
        findings=(),
        shortfalls=(Shortfall.INTERPRETER_MISSING,),
    )
    await put_evidence(house.store, ref, seen)
    decision = await house.decide(
        replace(held(ref, HoldKind.REVIEW), evidence_digest=digest_of(seen))
    )
    page = (await reviewer.see(f"/v/{decision.id}")).text
    assert "Nothing was run: it needs another Python." in page
    assert "Nothing remarkable" not in page


async def test_evidence__who_may_decide_can_from_there(reviewer: Desk, made: Made) -> None:
    page = (await reviewer.see(f"/v/{made['held'].id}")).text
    assert f'action="/queue/{made["held"].id}"' in page
    assert "Decisions about this file" in page
    assert 'action="/queue/' not in (await reviewer.see(f"/v/{made['served'].id}")).text


async def test_processes__tree_with_what_each_touched(reviewer: Desk, made: Made) -> None:
    page = (await reviewer.see(f"/v/{made['evidence'].id}/processes")).text
    assert 'id="P3"' in page
    assert "1 planted secret in it" in page
    for piece in ('class="d0 ours"', 'class="d1"', 'class="d2"', "planted", "network", "ptrace"):
        assert piece in page, piece
    assert "No trace is kept" in (await reviewer.see(f"/v/{made['held'].id}/processes")).text


async def test_project__pages_of_files_and_its_releases(
    house: House, admin: Desk, made: Made
) -> None:
    page = (await admin.see("/projects/steady")).text
    assert made["served"].id in page
    assert 'href="/projects/steady/1.5"' in page
    for number in range(60):
        await hold(house, f"steady-2.{number}.tar.gz")
    first = (await admin.see("/projects/steady")).text
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older is not None
    second = (await admin.see(older.group(1))).text
    assert made["served"].id in second
    assert made["served"].id not in first
    assert (await admin.see("/projects?name=Steady")).url == "/projects/steady"


async def test_release__tells_the_history_of_each_file(
    house: House, admin: Desk, made: Made
) -> None:
    again = await hold(house, "steady-1.5-py3-none-any.whl")
    page = (await admin.see("/projects/steady/1.5")).text
    assert made["served"].id in page
    assert again.id in page
    assert page.count("in force") == 1


async def test_audit__verifies_the_chain(house: House, admin: Desk, made: Made) -> None:  # noqa: ARG001 - furnished
    count = await house.store.verify_audit()
    shown = await admin.send("/audit/verify")
    assert re.search(rf"All {count} rows|All {count + 1} rows", shown.text)


async def test_installed__who_from_where_and_when(admin: Desk, made: Made) -> None:
    page = (await admin.see(f"/installed/{made['served'].ref.sha256}")).text
    assert "build-farm" in page
    assert "192.0.2.9" in page


async def test_installed__lists_what_turned_and_who_has_it(
    house: House, admin: Desk, made: Made
) -> None:
    assert "Nothing that was served turned" in (await admin.see("/installed")).text
    ref = made["served"].ref
    await house.decide(proved(ref, as_of=house.clock()))
    page = (await admin.see("/installed")).text
    assert ref.filename in page
    assert f'href="/installed/{ref.sha256}"' in page


async def test_tokens__one_may_say_whose_it_is(house: House, admin: Desk) -> None:
    await admin.send("/tokens", name="g-desk", role="reviewer", person="Grace H", days="30")
    assert "Grace H" in (await admin.see("/tokens")).text
    token = next(one for one in await house.store.tokens() if one.name == "g-desk")
    assert token.owner == "Grace H"


async def test_workers__distrust_asks_for_the_name(house: House, admin: Desk, made: Made) -> None:
    refused = await admin.send("/workers/box-1/distrust", sure="box")
    assert refused.status == 422
    shown = await admin.send("/workers/box-1/distrust", sure="box-1")
    assert shown.status == 200
    assert "distrusted" in shown.text
    evidence = made["evidence"]
    assert await house.store.latest_evidence(evidence.ref.sha256, evidence.ref.filename) is None


async def test_tokens__the_secret_is_shown_once(house: House, admin: Desk) -> None:
    shown = await admin.send(
        "/tokens", name="grace", kind="client", role="reviewer", groups="ci, nightly", days="30"
    )
    secret = re.search(r"pratique_client_[\w-]+", shown.text)
    assert secret is not None
    page = (await admin.see("/tokens")).text
    assert secret.group(0) not in page
    assert "ci, nightly" in page
    token = next(one for one in await house.store.tokens() if one.name == "grace")
    assert token.role is Role.REVIEWER
    assert (await admin.send(f"/tokens/{token.id}/revoke")).status == 200
    assert "revoked" in (await admin.see("/tokens?all=1")).text


async def test_tokens__the_last_admin_is_not_locked_out(house: House, admin: Desk) -> None:
    token = next(one for one in await house.store.tokens() if one.name == "ada")
    shown = await admin.send(f"/tokens/{token.id}/revoke")
    assert shown.status == 409
    assert "last admin" in shown.text


async def test_policy__a_draft_is_checked_and_changes_nothing(house: House, reviewer: Desk) -> None:
    before = house.gate.policy()
    wrong = await reviewer.send("/policy/check", document='mode = "enforce"\nnonsense = 1\n')
    assert wrong.status == 422
    assert "nonsense" in wrong.text
    sound = await reviewer.send("/policy/check", document='mode = "enforce"\nunseen = "fallback"\n')
    assert sound.status == 200
    assert "It would be the policy" in sound.text
    assert house.gate.policy() is before


async def test_policy__put_in_force_history_and_back(house: House, admin: Desk) -> None:
    first, second = 'mode = "enforce"\n', 'mode = "enforce"\nunseen = "fallback"\n'
    assert (
        await admin.send("/policy", document=first, comment="the first", expected="0")
    ).url == "/policy"
    shown = await admin.send("/policy", document=second, comment="roll out", expected="1")
    assert "roll out" in shown.text
    late = await admin.send("/policy", document=first, comment="late", expected="1")
    assert late.status == 409
    assert "Nothing has changed" in late.text
    wrong = await admin.send("/policy", document="mode = 1", comment="x", expected="2")
    assert wrong.status == 422
    assert (await admin.send("/policy", document=first, comment="", expected="2")).status == 422
    assert (await admin.send("/policy/documents/1/restore")).status == 200
    documents = await house.store.policy_documents()
    assert (await admin.see(f"/policy/{documents[1].digest}")).status == 200
    assert [(one.number, one.text, one.actor) for one in documents] == [
        (3, first, "ada"),
        (2, second, "ada"),
        (1, first, "ada"),
    ]


@pytest.mark.parametrize("first_step", ["/policy/check", "/policy/trial"])
async def test_policy__looking_at_a_draft_does_not_hide_that_another_was_faster(
    house: House, admin: Desk, first_step: str
) -> None:
    mine, theirs = 'mode = "observe"\n', 'mode = "warn"\n'
    async with at_desk(house, Role.ADMIN, "grace") as other:
        await other.send("/policy", document=theirs, comment="hers", expected="0")
    looked = await admin.send(first_step, document=mine, comment="mine", days="9", expected="0")
    begun = re.search(r'name="expected" value="([0-9]+)"', looked.text)
    assert begun is not None
    assert begun.group(1) == "0"
    assert 'value="mine"' in looked.text
    assert 'name="days" type="number" min="1" max="365" value="9"' in looked.text
    late = await admin.send("/policy", document=mine, comment="mine", expected=begun.group(1))
    assert late.status == 409
    # Now she was told, and may do it all the same.
    assert 'name="expected" value="1"' in late.text
    assert [one.text for one in await house.store.policy_documents()] == [theirs]


async def test_policy__a_long_document_is_checked_and_put_in_force(
    house: House, admin: Desk
) -> None:
    names = ", ".join(f'"team-{number}-*"' for number in range(9_000))
    text = f'mode = "enforce"\n# {names}\n'
    assert len(text) > 2 * FORM_BYTES_MAX
    assert "sound" in (await admin.send("/policy/check", document=text)).text
    put = await admin.send("/policy", document=text, comment="long", expected="0")
    assert put.status == 200
    assert (await house.store.policy_documents())[0].text == text


@pytest.mark.parametrize(
    ("document", "status", "words"),
    [
        ("#" * 10_000_000, 413, "too large"),
        ("#" * 1_000_001, 422, "is longer than 1000000 characters"),
        ('mode = "enforce"\nx = ' + "[" * 5_000, 422, "nested too deeply"),
        ('mode = "enforce"\n' + ".".join("a" * 100_000) + " = 1", 422, "more than 16 parts"),
        ("x = " + "9" * 5_000, 422, "is not TOML"),
        ('mode = "enforce"\n"</textarea>' + HOSTILE.replace("\n", "") + '" = 1', 422, "mistake"),
    ],
    ids=["10 MB", "1 MB", "deep", "long key", "large number", "markup"],
)
@pytest.mark.parametrize("path", ["/policy/check", "/policy/trial", "/policy"])
async def test_policy__what_cannot_be_read_is_a_page_that_says_so(
    admin: Desk, path: str, document: str, status: int, words: str
) -> None:
    shown = await admin.send(path, document=document, comment="x", expected="0")
    assert shown.status == status
    assert words in shown.text
    assert shown.text.rstrip().endswith("</html>")
    assert "<script>window" not in shown.text
    assert "<img src=x" not in shown.text


@pytest.mark.parametrize("name", ["review.js", "pratique.000000000000.css", "..%2fbase.html", "x"])
async def test_static__nothing_but_what_pages_name(admin: Desk, name: str) -> None:
    assert (await admin.see(f"/static/{name}")).status == 404
