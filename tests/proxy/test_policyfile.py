"""The policy file in force."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import PolicyInvalid
from policies.document import DEFAULT_POLICY_TOML, parse_policy
from policies.modes import Mode
from proxy.admin.access import at_the_machine
from proxy.admin.policy import set_policy
from proxy.policyfile import PolicyFile, policy_in_force
from proxy.store.memory import MemoryStore
from tests.proxy.store.values import FakeClock

ADA = at_the_machine("ada")


def _write(path: Path, text: str, moment: int) -> None:
    path.write_text(text)
    os.utime(path, (moment, moment))


def test_reload__takes_a_changed_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    _write(path, DEFAULT_POLICY_TOML, 1)
    policy = PolicyFile(path)
    before = policy.current().digest
    assert not policy.reload()
    _write(path, DEFAULT_POLICY_TOML.replace('\nunseen = "hold"', '\nunseen = "fallback"'), 2)
    assert policy.reload()
    assert policy.current().digest != before


def test_reload__keeps_the_sound_policy_when_the_file_goes_bad(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    _write(path, DEFAULT_POLICY_TOML, 1)
    policy = PolicyFile(path)
    before = policy.current().digest
    _write(path, "unseen = 7\n", 2)
    assert not policy.reload()
    assert policy.current().digest == before
    path.unlink()
    assert not policy.reload()
    assert policy.current().digest == before


def test_first_read__of_a_bad_file_refuses_to_start(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("")
    with pytest.raises(PolicyInvalid):
        PolicyFile(path)


async def test_follow__a_store_follows_and_a_broken_document_changes_nothing() -> None:
    store = MemoryStore(clock=FakeClock())
    policy = PolicyFile(None)
    default = policy.current().digest
    assert not await policy.follow(store)
    text = 'mode = "enforce"\nunseen = "fallback"\n'
    made = await set_policy(store, ADA, text, comment="", expected=0)
    assert await policy.follow(store)
    assert policy.current().digest == made.digest != default
    assert not await policy.follow(store)
    await store.put_policy_document(
        made.digest, "mode = 7", actor="newer", comment="", expected=made.number
    )
    assert not await policy.follow(store)
    assert policy.current().digest == made.digest
    assert policy.notices() == ()


async def test_follow__a_file_goes_first_and_says_what_it_passes_over(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(DEFAULT_POLICY_TOML)
    policy = PolicyFile(path)
    store = MemoryStore(clock=FakeClock())
    await policy.follow(store)
    assert policy.notices() == ()
    await set_policy(store, ADA, 'mode = "observe"\n', comment="", expected=0)
    assert not await policy.follow(store)
    assert policy.current().mode is Mode.ENFORCE
    (notice,) = policy.notices()
    assert "policy 1" in notice


async def test_policy_in_force__is_what_a_server_would_have(tmp_path: Path) -> None:
    store = MemoryStore(clock=FakeClock())
    assert (await policy_in_force(store, None)).text == DEFAULT_POLICY_TOML
    await set_policy(store, ADA, 'mode = "observe"\n', comment="", expected=0)
    assert (await policy_in_force(store, None)).mode is Mode.OBSERVE
    path = tmp_path / "policy.toml"
    path.write_text('mode = "warn"\n')
    assert (await policy_in_force(store, path)).mode is Mode.WARN


@settings(deadline=None)
@given(
    texts=st.lists(
        st.sampled_from(
            [
                'mode = "enforce"\n',
                'mode = "warn"\nminimum_age_hours = 1\n',
                'mode = "observe"\n[groups]\na = "warn"\n',
                "",
                "mode = 3\n",
                'mode = "enforce"\nmoed = 1\n',
                "[[rule]]\n",
                "\xff not TOML",
                None,
            ]
        ),
        max_size=12,
    )
)
def test_reload__what_is_in_force_is_always_the_last_sound_text(texts: list[str | None]) -> None:
    """Whatever a file goes through, torn, empty, gone: a broken policy never replaces a good one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.toml"
        _write(path, DEFAULT_POLICY_TOML, 1)
        policy = PolicyFile(path)
        expected = policy.current().digest
        for moment, text in enumerate(texts, start=2):
            if text is None:
                path.unlink(missing_ok=True)
            else:
                _write(path, text, moment)
            with suppress(PolicyInvalid):
                expected = parse_policy("" if text is None else text, source="x").digest
            policy.reload()
            assert policy.current().digest == expected
