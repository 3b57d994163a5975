"""Tables of cases: what is expected, what comes, and mistakes with their lines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.errors import PolicyInvalid
from policies.casefile import parse_trials
from policies.trial import Tried, try_all
from tests.policies.examples import policy

NOW = datetime(2026, 4, 1, tzinfo=UTC)
YOUNG = '[[rule]]\nname = "young"\noutcome = "hold"\nrelease_younger_than_hours = 72\n'
FLAWS = '[[rule]]\nname = "flaws"\noutcome = "hold"\nadvisories = ["vulnerable"]\n'
LICENCES = '[[rule]]\nname = "licences"\noutcome = "hold"\nlicences_outside = ["MIT"]\n'
UNSIGNED = '[[rule]]\nname = "unsigned"\noutcome = "hold"\nprovenance = "none"\n'
BLIND = (
    '[[rule]]\nname = "blind"\noutcome = "hold"\nlayers_missing = ["behaviour"]\n'
    'layers_incomplete = ["behaviour"]\n'
)
ALLOWED = '[[case.override]]\naction = "allow"\n'
DENIED = '[[case.override]]\naction = "deny"\n'


def tried(cases: str, text: str = "") -> Tried:
    (found,) = try_all(parse_trials(cases, source="cases", as_of=NOW), policy(text))
    return found


@pytest.mark.parametrize(
    ("body", "text", "passed"),
    [
        ('expect = "serve"', "", True),
        ('expect = "deny"', "", False),
        ('expect = "serve"\ntier = "monitor"\nscore = 70', "", True),
        ('expect = "serve"\ntier = "approve"\nscore = 70', "", False),
        ('expect = "hold"\nscore = 31', "", True),
        ('expect = "hold"\nunseen = true', "", True),
        ('expect = "serve"\nrelease_age_hours = 72', YOUNG, True),
        ('expect = "hold"\nrelease_age_hours = 71\nrule = "young"', YOUNG, True),
        ('expect = "hold"\nrelease_age_hours = 71\nrule = "other"', YOUNG, False),
        ('expect = "hold"\nrelease_age_hours = -1', YOUNG, True),
        ('expect = "hold"\nfindings = ["reverse-shell:critical"]', "", True),
        ('expect = "hold"\nshortfalls = ["timed-out"]', "", True),
        ('expect = "serve"\nscore = 31\ngroups = ["pilot"]', '[groups]\npilot = "observe"\n', True),
        ('expect = "deny"\nadvisories = ["malicious:MAL-2026-1"]', "", True),
        ('expect = "serve"\nadvisories = ["vulnerable"]', "", True),
        ('expect = "hold"\nadvisories = ["vulnerable"]\nrule = "flaws"', FLAWS, True),
        ('expect = "hold"\nadvisories = ["unknown"]\nrule = "flaws"', FLAWS, True),
        ('expect = "serve"', FLAWS, True),
        ('expect = "serve"\nlicence = "MIT"', LICENCES, True),
        ('expect = "hold"\nlicence = "AGPL-3.0-only"\nrule = "licences"', LICENCES, True),
        ('expect = "hold"', LICENCES, True),
        ('expect = "serve"\nprovenance = "verified"', UNSIGNED, True),
        ('expect = "serve"\nprovenance = "announced"', UNSIGNED, True),
        ('expect = "hold"\nrule = "unsigned"', UNSIGNED, True),
        ('expect = "hold"\nprovenance = "unknown"\nrule = "unsigned"', UNSIGNED, True),
        ('expect = "hold"\nlayers_missing = ["behaviour"]\nrule = "blind"', BLIND, True),
        ('expect = "serve"\nlayers_missing = ["reputation"]', BLIND, True),
        ('expect = "hold"\nlayers_incomplete = ["behaviour"]\nrule = "blind"', BLIND, True),
        (f'expect = "serve"\nscore = 31\n{ALLOWED}', "", True),
        (f'expect = "hold"\nscore = 31\n{ALLOWED}specifier = ">=2"\n', "", True),
        (f'expect = "deny"\n{DENIED}', "", True),
        (f'expect = "serve"\n{DENIED}project = "other"\n', "", True),
        (f'expect = "deny"\nadvisories = ["malicious"]\n{ALLOWED}', "", True),
        (f'expect = "deny"\nscore = 31\n{ALLOWED}{DENIED}', "", True),
        ('expect = "hold"\nscore = 31\ngroups = ["other"]', '[groups]\npilot = "observe"\n', True),
    ],
)
def test_try_all(body: str, text: str, passed: bool) -> None:
    assert tried(f'[[case]]\nname = "x"\n{body}\n', text).passed is passed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no case"),
        ("[[case]]\n", "expect is missing"),
        ('[[case]]\nexpect = "srve"\n', 'did you mean "serve"'),
        (
            '[[case]]\nexpect = "serve"\nfindings = ["reverse-shel"]\n',
            'did you mean "reverse-shell"',
        ),
        ('[[case]]\nexpect = "serve"\nscroe = 3\n', "line 3: case\\[1\\].scroe is not a key"),
        ('[[case]]\nexpect = "serve"\nproject = "no/name"\n', "names no file"),
        ('[[case]]\nexpect = "serve"\nadvisories = ["vulnerble"]\n', 'did you mean "vulnerable"'),
        ('[[case]]\nexpect = "serve"\nprovenance = "yes"\n', "provenance"),
        ('[[case]]\nexpect = "serve"\n[[case.override]]\nactoin = "deny"\n', "line 4.*actoin"),
        ('[[case]]\nexpect = "serve"\n[[case.override]]\nsha256 = "x"\n', "about nothing"),
        ("[[case", "is not TOML"),
    ],
)
def test_parse_trials__mistakes_are_told_with_their_lines(text: str, message: str) -> None:
    with pytest.raises(PolicyInvalid, match=message):
        parse_trials(text, source="cases", as_of=NOW)
