"""The port's contract on what replays and rescores read, held against the SQLite store and its twin."""

from __future__ import annotations

import pytest

from models.canonical import Digest, digest_of_bytes
from models.decision import Action
from models.errors import StoreError
from proxy.store.bounds import POLICY_BYTES_MAX
from proxy.store.port import Extent, Standing, Store
from tests.proxy.store.conftest import Opener
from tests.proxy.store.values import (
    LOCAL,
    POLICY,
    START,
    make_decision,
    make_fetch,
    make_ref,
    sha,
)


async def test_put_policy__keeps_the_first_text_of_a_digest(store: Store) -> None:
    assert await store.policy(POLICY) is None
    await store.put_policy(POLICY, 'mode = "enforce"')
    await store.put_policy(POLICY, 'mode = "enforce" # the same')
    assert await store.policy(POLICY) == 'mode = "enforce"'
    assert await store.policy(digest_of_bytes(b"another")) is None


async def test_put_policy__outlives_the_instance_that_kept_it(opener: Opener) -> None:
    await opener().put_policy(POLICY, "# ä 本")
    assert await opener().policy(POLICY) == "# ä 本"


async def test_put_policy__beyond_its_bound_is_refused(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        await store.put_policy(POLICY, "#" * (POLICY_BYTES_MAX + 1))
    assert caught.value.next_step
    assert await store.policy(POLICY) is None


async def test_extent__of_an_empty_store_is_nothing(store: Store) -> None:
    assert await store.extent() == Extent(count=0, newest=0)
    assert await store.standing(after=0, up_to=0, limit=10) == ()


async def test_standing__walks_current_decisions_in_pages_oldest_first(store: Store) -> None:
    made = [make_decision(make_ref(f"p{number}")) for number in range(5)]
    for decision in made:
        await store.put_decision(decision)
    extent = await store.extent()
    assert extent.count == 5
    met: list[Standing] = []
    while page := await store.standing(
        after=met[-1].number if met else 0, up_to=extent.newest, limit=2
    ):
        assert len(page) <= 2
        met += page
    assert [one.decision for one in met] == made
    assert [one.number for one in met] == sorted({one.number for one in met})


async def test_standing__meets_no_ref_twice_though_it_is_decided_anew_meanwhile(
    store: Store,
) -> None:
    first, second = make_decision(make_ref("a")), make_decision(make_ref("b"))
    await store.put_decision(first)
    await store.put_decision(second)
    extent = await store.extent()
    (met,) = await store.standing(after=0, up_to=extent.newest, limit=1)
    await store.put_decision(make_decision(make_ref("a"), action=Action.DENY, score=10))
    rest = await store.standing(after=met.number, up_to=extent.newest, limit=10)
    assert [one.decision for one in rest] == [second]
    assert (await store.extent()).count == 2


@pytest.mark.parametrize("limit", [0, -1])
async def test_standing__a_limit_is_never_no_limit(store: Store, limit: int) -> None:
    await store.put_decision(make_decision())
    assert await store.standing(after=0, up_to=99, limit=limit) == ()


async def test_decisions_with__finds_bytes_under_every_name_newest_first(store: Store) -> None:
    one = make_decision(make_ref("a", content="same"))
    other = make_decision(make_ref("b", index=LOCAL, content="same"))
    old = make_decision(make_ref("a", content="same"), score=70)
    for decision in (old, one, other, make_decision(make_ref("c"))):
        await store.put_decision(decision)
    assert await store.decisions_with(sha("same")) == (other, one)
    assert await store.decisions_with(sha("never seen")) == ()


async def test_fetch_count__is_of_bytes_under_every_name(store: Store) -> None:
    ref = make_ref("a", content="same")
    await store.record_fetches(
        [
            make_fetch(ref, at=START),
            make_fetch(ref, at=START),
            make_fetch(make_ref("b", content="same")),
            make_fetch(make_ref("a", content="other")),
        ]
    )
    assert await store.fetch_count(ref.sha256) == 3
    assert await store.fetch_count(sha("never")) == 0


async def test_policy__of_a_digest_is_not_another_ones(store: Store) -> None:
    await store.put_policy(POLICY, "one")
    await store.put_policy(Digest("sha256:" + "0" * 64), "two")
    assert await store.policy(POLICY) == "one"
