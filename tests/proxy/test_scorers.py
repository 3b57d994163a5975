"""Scorers by name and by digest."""

from __future__ import annotations

import pytest

from models.canonical import digest_of_bytes
from models.errors import ValueInvalid
from proxy.scorers import known_names, scorer_by_digest, scorer_named, scorer_of
from tests.policies.examples import policy


def test_known_scorers__are_found_by_name_family_and_digest() -> None:
    for scorer in map(scorer_named, known_names()):
        assert scorer_named(scorer.name).digest == scorer.digest
        found = scorer_by_digest(scorer.digest)
        assert found is not None
        assert found.name == scorer.name
    assert scorer_named("rules").name.startswith("rules-")
    assert scorer_of(policy()).digest in {scorer_named(name).digest for name in known_names()}


def test_known_scorers__differ_in_name_and_digest() -> None:
    known = [scorer_named(name) for name in known_names()]
    assert len({scorer.digest for scorer in known}) == len(known)
    assert len({scorer.name for scorer in known}) == len(known)


@pytest.mark.parametrize("name", ["", "rule", "rules-0", "nonsense"])
def test_scorer_named__unknown_names_those_there_are(name: str) -> None:
    with pytest.raises(ValueInvalid) as caught:
        scorer_named(name)
    assert "rules" in caught.value.next_step


def test_scorer_by_digest__unknown_is_none() -> None:
    assert scorer_by_digest(digest_of_bytes(b"gone")) is None
