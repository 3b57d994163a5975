"""Which override speaks about which file."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from packaging.utils import NormalizedName

from models.decision import OverrideAction
from policies.overrides import in_scope, problems_of, speaking
from tests.models.examples import NOW, OTHER_SHA, SHA, override, ref
from tests.policies.examples import policy

ALLOW, DENY = OverrideAction.ALLOW, OverrideAction.DENY


@pytest.mark.parametrize(
    ("specifier", "version", "inside"),
    [
        ("", "2.0", True),
        ("==2.0", "2.0", True),
        ("==2", "2.0", True),
        ("==2.0", "2.0.1", False),
        ("==2.*", "2.7", True),
        ("<2", "1.9", True),
        ("<2", "2.0", False),
        ("<=2", "2.0", True),
        (">2", "2.0", False),
        (">=2", "2.0", True),
        (">=2,<3", "3.0", False),
        ("!=2.0", "2.0", False),
        # Pre-releases are inside wherever their order puts them; PEP 440 keeps them out of `<2`.
        (">=1", "2.0rc1", True),
        ("<=2", "2.0rc1", True),
        ("<2", "2.0rc1", False),
        (">=2.0", "2.0rc1", False),
        (">=1", "2.0.dev1", True),
        ("==2.0", "2.0+local.1", True),
        (">=1!0", "2.0", False),
    ],
)
@pytest.mark.parametrize("action", [ALLOW, DENY])
def test_in_scope__specifiers(
    specifier: str, version: str, inside: bool, action: OverrideAction
) -> None:
    made = override(action, specifier=specifier)
    assert in_scope(made, ref(f"demo-{version}-py3-none-any.whl")) is inside


@pytest.mark.parametrize(
    ("changes", "allowed", "denied"),
    [
        ({}, True, True),
        ({"project": NormalizedName("Demo")}, True, True),
        ({"project": NormalizedName("other")}, False, False),
        ({"sha256": SHA}, True, True),
        ({"sha256": OTHER_SHA}, False, False),
        ({"sha256": SHA, "project": None}, True, True),
        ({"sha256": SHA, "project": NormalizedName("other")}, False, False),
        ({"sha256": SHA, "bound": ()}, True, True),
        ({"bound": ()}, False, True),
        ({"bound": (OTHER_SHA,)}, False, True),
        ({"bound": (OTHER_SHA, SHA)}, True, True),
        ({"bound": (), "future": True}, True, True),
        ({"project": None}, False, False),
        # What cannot be read is denied and not allowed.
        ({"specifier": "not a specifier"}, False, True),
    ],
)
def test_in_scope__both_actions(changes: dict[str, Any], allowed: bool, denied: bool) -> None:
    assert in_scope(override(ALLOW, **changes), ref()) is allowed
    assert in_scope(override(DENY, **changes), ref()) is denied


def test_in_scope__a_version_that_cannot_be_read_is_denied_and_not_allowed() -> None:
    egg = ref("demo-2.0.egg")
    assert in_scope(override(DENY, specifier="<1"), egg)
    assert not in_scope(override(ALLOW, specifier=">=1"), egg)


def test_in_scope__un_normalised_names() -> None:
    under = ref("My_Demo-1.0-py3-none-any.whl")
    assert under.project == "my-demo"
    assert in_scope(override(DENY, project=NormalizedName("My.Demo")), under)


def test_speaking__prefers_above_proof_then_the_longest() -> None:
    short = override(id="short", expires_at=NOW + timedelta(days=1))
    long = override(id="long", expires_at=NOW + timedelta(days=9))
    above = override(id="above", above_proof=True, expires_at=NOW + timedelta(hours=1))

    def spoken(*made: Any) -> str | None:
        found = speaking(made, ALLOW, ref(), policy(), NOW)
        return found.id if found else None

    assert spoken(short, long) == "long"
    assert spoken(long, short, above) == "above"
    assert spoken() is None
    assert spoken(replace(long, action=DENY)) is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"project": None}, "scope"),
        ({"specifier": "2"}, "specifier"),
        ({"specifier": "==2", "project": None, "sha256": SHA}, "specifier"),
        ({"actor": " "}, "actor"),
        ({"justification": ""}, "justification"),
        ({"expires_at": NOW - timedelta(days=1)}, "expires"),
        ({"expires_at": NOW + timedelta(days=365)}, "expires"),
        ({"above_proof": True, "action": DENY}, "above_proof"),
    ],
)
def test_problems_of__names_them(changes: dict[str, Any], where: str) -> None:
    made = override(changes.pop("action", ALLOW), **changes)
    assert where in [problem.where for problem in problems_of(made, policy())]


def test_problems_of__policy_may_forbid_above_proof() -> None:
    above = override(above_proof=True)
    assert problems_of(above, policy()) == ()
    assert problems_of(above, policy("overrides.above_proof = false"))


def test_problems_of__a_deny_may_last() -> None:
    assert not problems_of(override(DENY, expires_at=NOW + timedelta(days=9999)), policy())
