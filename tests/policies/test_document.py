"""Policy documents: the default is the default, and every mistake is named with its line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from models.decision import TrustTier
from models.errors import PolicyInvalid
from models.evidence import Layer, Shortfall
from models.phase import Phase
from models.trust.shelf import Shelf
from models.work import AnalysisPlan
from policies.document import DEFAULT_POLICY_TOML, POLICY_CHARS_MAX, parse_policy
from policies.outcome import Outcome
from policies.policy import Policy
from policies.reading import PROBLEMS_MAX
from tests.models.trust.shelved import COLUMNS, put

ENFORCE = 'mode = "enforce"\n'
BEFORE_SCORERS = "sha256:30aced1aa25d3b3c460527c019b6307a173adb374678a209ac373621c01bfb9c"


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(text, source="policy.toml")
    assert caught.value.next_step
    return [str(problem) for problem in caught.value.problems]


def default() -> Policy:
    return parse_policy(DEFAULT_POLICY_TOML, source="default")


def test_default__has_a_comment_on_every_line() -> None:
    for number, line in enumerate(DEFAULT_POLICY_TOML.splitlines(), start=1):
        assert not line.strip() or "#" in line, f"line {number} has no comment"


def test_default__says_what_a_key_left_out_means() -> None:
    assert default().digest == parse_policy(ENFORCE, source="short").digest


def test_default__states_every_key() -> None:
    stated = tomllib.loads(DEFAULT_POLICY_TOML)
    shortfalls = {s.value.replace("-", "_") for s in Shortfall} - {"wrong_platform"}
    assert set(stated["incomplete"]) == {*shortfalls, "default"}
    assert set(stated["layers"]["missing"]) == {layer.value for layer in Layer}


def test_digest__a_policy_that_names_no_scorer_keeps_the_one_it_had() -> None:
    """Taken before a policy could name one: nothing goes stale by the choice alone."""
    short = parse_policy(ENFORCE, source="x").digest
    assert short == BEFORE_SCORERS
    assert parse_policy(ENFORCE + 'scorer = "default"', source="x").digest == short


def test_parse_policy__the_scorer_is_one_of_the_shelf(tmp_path: Path) -> None:
    shelf = Shelf(put(tmp_path), columns=COLUMNS, default="rules")
    policy = parse_policy(ENFORCE + 'scorer = "tiny"', source="x", shelf=shelf)
    assert policy.scorer == "tiny"
    assert default().scorer == "default"
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(ENFORCE + 'scorer = "tinny"', source="x", shelf=shelf)
    (problem,) = caught.value.problems
    assert '"default", "rules", "tiny"' in problem.message
    assert problem.suggestion == 'did you mean "tiny"?'


def test_parse_policy__a_scorer_that_is_broken_is_a_problem(tmp_path: Path) -> None:
    shelf = Shelf(put(tmp_path, text=b"tree"), columns=COLUMNS)
    with pytest.raises(
        PolicyInvalid, match=r"line 2: scorer cannot be used: The model tiny\.txt is"
    ):
        parse_policy(ENFORCE + 'scorer = "tiny"', source="x", shelf=shelf)


def test_default__example_rule_is_sound() -> None:
    rule = DEFAULT_POLICY_TOML[DEFAULT_POLICY_TOML.index("# [[rule]]") :]
    lines = [re.sub(r" #.*", "", line.removeprefix("# ")) for line in rule.splitlines()]
    text = ENFORCE + "\n".join(lines).replace('"…"', f'"{"a" * 64}"')
    assert len(parse_policy(text, source="x").rules[0].conditions) == 10


def test_default__serves_the_upper_bands_only() -> None:
    policy = default()
    assert [policy.outcome(tier) for tier in TrustTier] == [
        Outcome.SERVE,
        Outcome.SERVE,
        Outcome.HOLD,
        Outcome.DENY,
    ]
    assert not policy.block_on_score
    assert not policy.fallback
    assert all(policy.cap_incomplete(s) is TrustTier.QUARANTINE for s in Shortfall)


def test_parse_policy__keeps_its_text_and_source() -> None:
    policy = parse_policy(ENFORCE, source="here.toml")
    assert (policy.text, policy.source) == (ENFORCE, "here.toml")


def test_digest__covers_meaning_and_not_comments_or_order() -> None:
    one = parse_policy('mode = "enforce"\nunseen = "fallback"\n', source="a")
    other = parse_policy('# why\nunseen = "fallback" # so\nmode = "enforce"', source="b")
    assert one.digest == other.digest != default().digest


@pytest.mark.parametrize(
    "change",
    [
        "minimum_age_hours = 1",
        'scorer = "rules"',
        'unseen = "fallback"',
        "tiers.block_on_score = true",
        'tiers.monitor = "hold"',
        'layers.switched_off = "quarantine"',
        'layers.missing.provenance = "monitor"',
        'incomplete.crashed = "block"',
        'incomplete.default = "block"',
        'files.wrong_platform = "monitor"',
        'files.direct_url = "monitor"',
        'files.unsupported = "deny"',
        "overrides.days_max = 7",
        'names.owned = ["acme-*"]',
        'names.owned_outcome = "hold"',
        'names.indexes = ["ours"]',
        "overrides.above_proof = false",
        '[[rule]]\nname = "x"\noutcome = "deny"\nprojects = ["a"]',
        '[[rule]]\nname = "x"\noutcome = "deny"\nprojects = ["a", "b"]',
        '[[rule]]\nname = "x"\noutcome = "hold"\nprojects = ["a"]',
        '[[rule]]\nname = "x"\noutcome = "hold"\nfindings = ["reverse-shell"]',
    ],
)
def test_digest__covers_every_key(change: str) -> None:
    assert parse_policy(ENFORCE + change, source="x").digest != default().digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the document: is empty"),
        ("# only a comment\n", "the document: is empty"),
        ('unseen = "hold"', "mode: mode is missing"),
        ("mode = enforce", "line 1: is not TOML"),
        ('mode = "enforce', "is not TOML"),
        ('mode = "observ"', "line 1: mode must be one of"),
        (ENFORCE + '[groups]\npilot = "off"', "groups.pilot must be one of"),
        (ENFORCE + '[groups]\nPilot = "warn"', "groups.Pilot is not a group"),
        (
            ENFORCE
            + '[[rule]]\nname = "a"\noutcome = "hold"\nscore_at_least = 50\nscore_below = 50',
            "is not above",
        ),
        (
            ENFORCE + '[[rule]]\nname = "a"\noutcome = "hold"\ntiers = ["moniter"]',
            'did you mean "monitor"',
        ),
        ("mode = 3", "must be one of"),
        ("mode = 0x" + "f" * 5_000, "not a very large number"),
        (ENFORCE + "minimum_age_hours = " + "9" * 5_000, "the document: is not TOML"),
        (ENFORCE + "x = " + "[" * 5_000, "the document: is not TOML: Its values are nested"),
        (ENFORCE + "[freeze]\nuntil = 9999-12-31T23:59:59-23:59", "line 3: freeze.until must be"),
        (
            ENFORCE + 'unsen = "hold"',
            'line 2: unsen is not a key of a policy here (did you mean "unseen"?)',
        ),
        (ENFORCE + 'unseen = "Hold"', '(did you mean "hold"?)'),
        (ENFORCE + "minimum_age_hours = -1", "from 0 to 8760, not -1"),
        (ENFORCE + "minimum_age_hours = 1.5", "must be a whole number"),
        (ENFORCE + "minimum_age_hours = true", "must be a whole number"),
        (ENFORCE + '[tiers]\nblock = "serve"', 'line 3: tiers.block must be one of "hold", "deny"'),
        (ENFORCE + '[tiers]\nquarantine = "serve"', "tiers.quarantine must be one of"),
        (ENFORCE + '[tiers]\napprove = "hold"', "tiers.monitor (serve) is more lenient"),
        (
            ENFORCE + '[tiers]\nquarantine = "deny"\nblock = "hold"',
            "is more lenient than quarantine",
        ),
        (ENFORCE + '[tiers]\nblock_on_score = "yes"', "must be true or false"),
        (ENFORCE + "tiers = 3", "tiers must be a table"),
        (ENFORCE + '[layers.missing]\nbehaviour = "approve"', "line 3: layers.missing.behaviour"),
        (ENFORCE + '[layers.missing]\nbehavior = "monitor"', 'did you mean "behaviour"?'),
        (ENFORCE + '[incomplete]\nevents_dropped = "monitor"', "incomplete.events_dropped must be"),
        (ENFORCE + '[incomplete]\ndefault = "monitor"', "incomplete.default must be"),
        (ENFORCE + '[incomplete]\ntimedout = "block"', 'did you mean "timed_out"?'),
        (ENFORCE + '[incomplete]\nwrong_platform = "block"', "is not a key"),
        (ENFORCE + "[overrides]\ndays_max = 0", "from 1 to 3650"),
        (ENFORCE + '[names]\nowned = "acme"', "line 3: names.owned must be a list of strings"),
        (ENFORCE + '[names]\nowned = ["acme-*", "a b"]', "'a b', which is not a project name"),
        (ENFORCE + '[names]\nowned = ["-*"]', "is not a project name"),
        (ENFORCE + '[names]\nowned = ["**"]', 'must not match every name ("*")'),
        (ENFORCE + '[names]\nowned_outcome = "serve"', 'must be one of "deny", "hold"'),
        (ENFORCE + '[names]\nindexes = ["Ours!"]', "names.indexes holds 'Ours!'"),
        (ENFORCE + "[names]\nowed = []", 'did you mean "owned"?'),
        (ENFORCE + "[rule]\nname = 'x'", "must be written as [[rule]]"),
        (ENFORCE + '[[rule]]\nname = "x"\nprojects = ["a"]', "rule[1].outcome is missing"),
        (ENFORCE + '[[rule]]\nname = "x"\noutcome = "deny"', "has no condition"),
        (ENFORCE + '[[rule]]\nname = "x"\noutcome = "deny"\nprojects = []', "1 to 10000 entries"),
        (ENFORCE + '[[rule]]\nname = "x"\noutcome = "deny"\nprojects = "a"', "must be a list"),
        (
            ENFORCE + '[[rule]]\nname = "x"\noutcome = "deny"\nprojects = ["a b"]',
            "not a project name",
        ),
        (ENFORCE + '[[rule]]\nname = "x"\noutcome = "deny"\nversions = "<2"', "needs projects"),
        (
            ENFORCE + '[[rule]]\nname = "x"\noutcome = "deny"\nprojects = ["a"]\nversions = "2"',
            "is not a version specifier",
        ),
        (ENFORCE + '[[rule]]\nname = "x"\noutcome = "deny"\nsha256 = ["abc"]', "is not a sha256"),
        (
            ENFORCE + '[[rule]]\nname = "x"\noutcome = "deny"\nfindings = ["revers-shell"]',
            'did you mean "reverse-shell"?',
        ),
        (
            ENFORCE + '[[rule]]\nname = "x"\noutcome = "deny"\nseverity = "hgh"',
            'did you mean "high"?',
        ),
        (
            ENFORCE + '[[rule]]\nname = "x"\noutcome = "deny"\nrelease_younger_than_hours = 0',
            "from 1 to 8760",
        ),
        (
            ENFORCE + '[[rule]]\nname = "x"\noutcome = "serve"\nprojects = ["*"]',
            "must not match every",
        ),
        (
            ENFORCE + '[[rule]]\nname = "x"\noutcome = "serve"\nseverity = "low"',
            "must name projects or sha256",
        ),
        (
            ENFORCE + '[[rule]]\nname = "X!"\noutcome = "hold"\nprojects = ["a"]',
            "rule[1].name must be",
        ),
        ("#" * (POLICY_CHARS_MAX + 1), "is longer than"),
    ],
)
def test_parse_policy__refuses(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text)), problems(text)


def test_parse_policy__names_three_mistakes_at_once_in_the_order_of_the_document() -> None:
    found = problems(
        'mode = "enforce"\nunsen = "hold"\n\n[tiers]\nblock = "serve"\n\n[overrides]\ndays_max = "x"\n'
    )
    assert [problem.split(":")[0] for problem in found] == ["line 2", "line 5", "line 8"]


def test_parse_policy__the_same_rule_name_twice_is_a_problem() -> None:
    rule = '[[rule]]\nname = "x"\noutcome = "deny"\nprojects = ["a"]\n'
    assert problems(ENFORCE + rule + rule) == ["line 7: rule[2].name x stands twice"]


def test_parse_policy__says_what_analyses_do() -> None:
    assert default().plan == AnalysisPlan()
    short = parse_policy(ENFORCE + "[analysis]\nuse = false\nelsewhere = []\n", source="short").plan
    assert short.phases == (Phase.INSTALL, Phase.START, Phase.IMPORT, Phase.WAIT)
    assert short.variations == ()
    (problem,) = problems(ENFORCE + '[analysis]\nelsewhere = ["ci", "timezones"]\n')
    assert 'did you mean "timezone"' in problem


def test_parse_policy__a_plan_makes_no_decision_stale() -> None:
    without = parse_policy(ENFORCE + "[analysis]\nuse = false\n", source="without")
    assert without.digest == parse_policy(ENFORCE, source="with").digest


def test_parse_policy__of_very_many_mistakes_the_first_are_told_and_the_rest_counted() -> None:
    text = ENFORCE + "".join(f"k{number} = 1\n" for number in range(PROBLEMS_MAX + 1_234))
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(text, source="x")
    first, *_, last = caught.value.problems
    assert len(caught.value.problems) == PROBLEMS_MAX + 1
    assert str(first).startswith("line 2: k0 is not a key")
    assert str(last) == "further on: there are 1,234 more mistakes"
