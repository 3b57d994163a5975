"""Roles go in steps."""

from __future__ import annotations

import itertools

import pytest

from models.errors import NotAllowed
from proxy.admin.access import Principal, Role


def test_role__each_covers_all_below_and_none_above() -> None:
    order = [Role.INSTALLER, Role.VIEWER, Role.REQUESTER, Role.REVIEWER, Role.ADMIN]
    for (low, lesser), (high, greater) in itertools.product(enumerate(order), repeat=2):
        assert greater.covers(lesser) is (high >= low)


def test_require__a_lesser_role_is_told_which_one_it_needs() -> None:
    asking = Principal(name="dev", role=Role.REQUESTER)
    asking.require(Role.VIEWER)
    with pytest.raises(NotAllowed, match="needs the role reviewer; dev is requester"):
        asking.require(Role.REVIEWER)
