"""AtHand answers as an LRUCache does, whatever happens in between."""

from __future__ import annotations

import pytest
from cachetools import LRUCache
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.athand import AtHand

KEYS = st.integers(0, 2)
SIZES = st.integers(1, 5)
CAPACITY = 8


class BesideLru(RuleBasedStateMachine):
    """Whatever is done to both, they say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.ours: AtHand[int, int] = AtHand(CAPACITY, getsizeof=lambda value: value)
        self.theirs: LRUCache[int, int] = LRUCache(CAPACITY, getsizeof=lambda value: value)

    @rule(key=KEYS)
    def get(self, key: int) -> None:
        assert self.ours.get(key) == self.theirs.get(key)
        assert self.ours.get(key, 0) == self.theirs.get(key, 0)

    @rule(key=KEYS, value=SIZES)
    def put(self, key: int, value: int) -> None:
        self.ours[key] = value
        self.theirs[key] = value

    @rule(key=KEYS)
    def pop(self, key: int) -> None:
        assert self.ours.pop(key, None) == self.theirs.pop(key, None)

    @rule()
    def clear(self) -> None:
        self.ours.clear()
        self.theirs.clear()

    @invariant()
    def hold_the_same(self) -> None:
        assert dict(self.ours.items()) == dict(self.theirs.items())


BesideLru.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestBesideLru = BesideLru.TestCase


def test_get__a_repeated_question_is_answered_without_a_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache: AtHand[str, str] = AtHand(2)
    cache["a"] = "one"
    assert cache.get("a") == "one"
    monkeypatch.setattr(LRUCache, "__getitem__", lambda *_: pytest.fail("it looked"))
    assert cache.get("a") == "one"


@pytest.mark.parametrize("change", ["replace", "evict", "delete", "pop", "clear"])
def test_get__what_changed_is_at_hand_no_more(change: str) -> None:
    cache: AtHand[str, int] = AtHand(2)
    cache["a"] = 1
    assert cache.get("a") == 1
    match change:
        case "replace":
            cache["a"] = 2
        case "evict":
            cache["b"], cache["c"] = 1, 1
        case "delete":
            del cache["a"]
        case "pop":
            cache.pop("a")
        case _:
            cache.clear()
    assert cache.get("a") == (2 if change == "replace" else None)


def test_put__what_was_too_large_leaves_nothing_at_hand() -> None:
    cache: AtHand[str, int] = AtHand(2, getsizeof=lambda value: value)
    cache["a"] = 1
    assert cache.get("a") == 1
    with pytest.raises(ValueError, match="too large"):
        cache["a"] = 3
    assert cache.get("a") == 1
    del cache["a"]
    assert cache.get("a") is None
