"""Modes at the door: what is served, listed and recorded under observe, warn and enforce."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession

from models.artifact import ArtifactRef
from models.decision import Action, HoldKind, OverrideAction
from models.work import JobState
from policies.document import parse_policy
from policies.modes import Mode
from policies.policy import Policy
from proxy.admin.access import Role
from proxy.web.door import HOLD_S, OBSERVE_HOLD_S
from tests.proxy.store.values import START, make_override
from tests.proxy.web.decided import INDEX, held, proved, served
from tests.proxy.web.house import House, open_house, path_of

GOOD, BAD = "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"
JSON = "application/vnd.pypi.simple.v1+json"


def policy(mode: str, more: str = "") -> Policy:
    return parse_policy(f'mode = "{mode}"\n{more}', source="test")


async def asked(house: House, path: str, secret: str, **headers: str) -> tuple[int, bytes]:
    async with (
        ClientSession() as session,
        session.get(
            house.url + path,
            headers={"Authorization": f"Bearer {secret}", **headers},
            allow_redirects=False,
        ) as response,
    ):
        return response.status, await response.read()


async def published(house: House) -> tuple[ArtifactRef, ArtifactRef]:
    good = house.upstream.publish(GOOD, b"good")
    bad = house.upstream.publish(BAD, b"bad")
    await house.decide(served(good))
    await house.decide(held(bad))
    return good, bad


async def yanked(house: House, secret: str) -> dict[str, object]:
    _, body = await asked(house, "/simple/demo/", secret, Accept=JSON)
    return {file["filename"]: file.get("yanked", False) for file in json.loads(body)["files"]}


@pytest.mark.parametrize(
    ("mode", "status", "marked"),
    [("observe", 200, False), ("warn", 200, True), ("enforce", 403, True)],
)
async def test_mode__says_whether_a_hold_acts_and_is_marked(
    tmp_path: Path, mode: str, status: int, marked: bool
) -> None:
    async with open_house(tmp_path, policy=policy(mode)) as house:
        _, bad = await published(house)
        assert (await asked(house, path_of(bad), house.client_secret))[0] == status
        found = await yanked(house, house.client_secret)
        assert found[GOOD] is False
        assert bool(found[BAD]) is marked


@pytest.mark.parametrize("mode", ["observe", "warn"])
async def test_mode__a_proof_acts_in_every_one_and_is_marked(tmp_path: Path, mode: str) -> None:
    async with open_house(tmp_path, policy=policy(mode)) as house:
        good, bad = await published(house)
        await house.decide(proved(bad))
        assert (await asked(house, path_of(bad), house.client_secret))[0] == 403
        assert (await asked(house, path_of(good), house.client_secret))[0] == 200
        assert (await yanked(house, house.client_secret))[BAD]


async def test_mode__a_group_lives_under_its_own_and_pages_are_kept_apart(tmp_path: Path) -> None:
    async with open_house(
        tmp_path, policy=policy("enforce", '[groups]\npilot = "observe"\n')
    ) as house:
        _, bad = await published(house)
        pilot = await house.token("pilot-1", Role.INSTALLER, groups=("pilot",))
        other = await house.token("other-1", Role.INSTALLER, groups=("other",))
        for _ in range(2):  # the second answer comes from what was rendered for the first
            assert (await asked(house, path_of(bad), pilot))[0] == 200
            assert (await asked(house, path_of(bad), other))[0] == 403
            assert not (await yanked(house, pilot))[BAD]
            assert (await yanked(house, other))[BAD]


async def test_observe__the_record_names_the_decision_that_did_not_act(tmp_path: Path) -> None:
    async with open_house(tmp_path, policy=policy("observe")) as house:
        _, bad = await published(house)
        await asked(house, path_of(bad), house.client_secret)
        (fetch,) = await house.fetches()
        assert fetch.status == 200
        decision = await house.store.decision_by_id(fetch.decision_id)
        assert decision is not None
        assert not decision.served


async def test_observe__what_nobody_judged_waits_unless_it_is_said_otherwise(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path / "a", policy=policy("observe")) as house:
        ref = house.upstream.publish(GOOD, b"good")
        assert (await asked(house, path_of(ref), house.client_secret))[0] == 302
    text = 'observe_unseen = "serve"\n'
    async with open_house(tmp_path / "b", policy=policy("observe", text)) as house:
        ref = house.upstream.publish(GOOD, b"good")
        assert (await asked(house, path_of(ref), house.client_secret))[0] == 200
        assert await house.store.job_of(ref) is not None
    async with open_house(tmp_path / "c", policy=policy("enforce", text)) as house:
        ref = house.upstream.publish(GOOD, b"good")
        assert (await asked(house, path_of(ref), house.client_secret))[0] == 302


@pytest.mark.parametrize("mode", ["observe", "warn"])
async def test_unseen__goes_out_at_a_short_deadline_where_nothing_is_enforced_and_is_recorded(
    tmp_path: Path, mode: str
) -> None:
    async with open_house(tmp_path, policy=policy(mode)) as house:
        ref = house.upstream.publish(GOOD, b"good")
        assert (await asked(house, path_of(ref), house.client_secret))[0] == 302
        house.clock.forward(OBSERVE_HOLD_S)
        assert await asked(house, path_of(ref) + "?hop=1", house.client_secret) == (200, b"good")
        (fetch,) = await house.fetches()
        decision = await house.store.decision_by_id(fetch.decision_id)
        assert decision is not None
        assert (decision.action, decision.hold) == (Action.HOLD, HoldKind.ANALYSIS)
        job = await house.store.job_of(ref)
        assert job is not None
        assert job.state is JobState.QUEUED, "its analysis goes on"
        other = await house.token("other", Role.INSTALLER)
        assert (await asked(house, path_of(ref), other))[0] == 200, "nobody waits for it twice"


async def test_unseen__is_refused_at_the_deadline_where_the_policy_is_enforced(
    tmp_path: Path,
) -> None:
    """Also what went out to others unjudged."""
    groups = '[groups]\npilot = "observe"\n'
    async with open_house(tmp_path, policy=policy("enforce", groups)) as house:
        ref = house.upstream.publish(GOOD, b"good")
        pilot = await house.token("pilot-1", Role.INSTALLER, groups=("pilot",))
        for secret, status in ((pilot, 200), (house.client_secret, 302)):
            await asked(house, path_of(ref), secret)
            house.clock.forward(OBSERVE_HOLD_S)
            assert (await asked(house, path_of(ref) + "?hop=1", secret))[0] == status
        house.clock.forward(HOLD_S)
        assert (await asked(house, path_of(ref) + "?hop=2", house.client_secret))[0] == 403


@pytest.mark.parametrize("more", ["", 'observe_unseen = "serve"\n'])
async def test_unseen__what_is_judged_in_between_is_what_counts(tmp_path: Path, more: str) -> None:
    async with open_house(tmp_path, policy=policy("observe", more)) as house:
        ref = house.upstream.publish(BAD, b"bad")
        await asked(house, path_of(ref), house.client_secret)
        house.clock.forward(OBSERVE_HOLD_S)
        assert (await asked(house, path_of(ref) + "?hop=1", house.client_secret))[0] == 200
        await house.door.fetch_log.flush()
        await house.decide(replace(proved(ref), as_of=house.clock()))
        assert (await asked(house, path_of(ref), house.client_secret))[0] == 403
        (turned,) = await house.store.worsened(since=START)
        assert turned.decision.action is Action.DENY, "whoever has it is found"


@pytest.mark.parametrize("more", ["", 'observe_unseen = "serve"\n'])
async def test_unseen__what_advisories_prove_goes_out_in_no_mode(tmp_path: Path, more: str) -> None:
    async with open_house(tmp_path, policy=policy("observe", more)) as house:
        ref = house.upstream.publish(BAD, b"bad")
        house.known[ref] = proved(ref)
        for hop in range(3):
            status, _ = await asked(house, path_of(ref) + f"?hop={hop}", house.client_secret)
            house.clock.forward(OBSERVE_HOLD_S)
        assert status == 403
        assert await house.fetches() == ()


@pytest.mark.parametrize("more", ["", 'observe_unseen = "serve"\n'])
async def test_unseen__a_denial_by_name_counts_at_once(tmp_path: Path, more: str) -> None:
    async with open_house(tmp_path, policy=policy("observe", more)) as house:
        ref = house.upstream.publish(BAD, b"bad")
        await asked(house, path_of(ref), house.client_secret)
        house.clock.forward(OBSERVE_HOLD_S)
        assert (await asked(house, path_of(ref) + "?hop=1", house.client_secret))[0] == 200
        deny = make_override("o1", action=OverrideAction.DENY, days=3000)
        await house.store.add_override(replace(deny, project=ref.project, bound=()))
        await house.gate.poll()
        assert (await asked(house, path_of(ref), house.client_secret))[0] == 302
        await house.decide(held(ref))  # by a judge that has not heard of it yet
        assert (await asked(house, path_of(ref), house.client_secret))[0] == 403


@pytest.mark.parametrize("more", ["", 'observe_unseen = "serve"\n'])
async def test_unseen__stays_where_the_store_cannot_say_what_is_known_of_it(
    tmp_path: Path, more: str
) -> None:
    """A proof may stand there, and that acts in every mode."""
    async with open_house(tmp_path, policy=policy("observe", more)) as house:
        ref = house.upstream.publish(BAD, b"bad")
        house.store.down = True
        for hop in range(3):
            status, _ = await asked(house, path_of(ref) + f"?hop={hop}", house.client_secret)
            assert status != 200
            house.clock.forward(HOLD_S)


async def test_unseen__a_full_queue_breaks_no_build_where_nothing_is_enforced(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, policy=policy("observe"), queue_share_max=0) as house:
        ref = house.upstream.publish(GOOD, b"good")
        assert (await asked(house, path_of(ref), house.client_secret))[0] == 200
    async with open_house(tmp_path / "b", policy=policy("enforce"), queue_share_max=0) as house:
        ref = house.upstream.publish(GOOD, b"good")
        assert (await asked(house, path_of(ref), house.client_secret))[0] == 429


async def test_own_upstream__is_served_at_once_and_looked_at_afterwards(tmp_path: Path) -> None:
    own = {INDEX: Mode.OBSERVE}
    async with open_house(tmp_path, policy=policy("enforce"), index_modes=own) as house:
        unseen = house.upstream.publish(GOOD, b"good")
        assert await asked(house, path_of(unseen), house.client_secret) == (200, b"good")
        assert await house.store.job_of(unseen) is not None
        _, bad = await published(house)
        assert (await asked(house, path_of(bad), house.client_secret))[0] == 200
        assert (await yanked(house, house.client_secret))[BAD] is False
        await house.decide(proved(bad))
        assert (await asked(house, path_of(bad), house.client_secret))[0] == 403
        assert (await yanked(house, house.client_secret))[BAD]
