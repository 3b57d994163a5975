"""The policy file in force."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.errors import PolicyInvalid
from policies.document import DEFAULT_POLICY_TOML
from proxy.policyfile import PolicyFile


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
