"""Tables of cases: what is expected, what comes, and mistakes with their lines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.errors import PolicyInvalid
from policies.trial import Tried, parse_trials, try_all
from tests.policies.examples import policy

NOW = datetime(2026, 4, 1, tzinfo=UTC)
YOUNG = '[[rule]]\nname = "young"\noutcome = "hold"\nrelease_younger_than_hours = 72\n'


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
        ("[[case", "is not TOML"),
    ],
)
def test_parse_trials__mistakes_are_told_with_their_lines(text: str, message: str) -> None:
    with pytest.raises(PolicyInvalid, match=message):
        parse_trials(text, source="cases", as_of=NOW)
