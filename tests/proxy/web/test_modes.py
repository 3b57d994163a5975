"""Modes at the door: what is served, listed and recorded under observe, warn and enforce."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp import ClientSession

from models.artifact import ArtifactRef
from policies.document import parse_policy
from policies.modes import Mode
from policies.policy import Policy
from proxy.admin.access import Role
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
