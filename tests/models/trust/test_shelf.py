"""Scorers by name, and their digests without LightGBM."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import ArtefactInvalid
from models.trust.learned import LearnedScorer
from models.trust.rules import RulesScorer
from models.trust.shelf import SHIPPED, Shelf
from tests.models.trust.shelved import COLUMNS, NAME, card, put


@pytest.fixture(name="shelf")
def _shelf(tmp_path: Path) -> Shelf:
    return Shelf(put(tmp_path), columns=COLUMNS, default="rules")


def test_names__are_the_rules_and_every_artefact(shelf: Shelf, tmp_path: Path) -> None:
    assert shelf.names() == ("default", "rules", NAME)
    assert Shelf(tmp_path / "nowhere").names() == ("default", "rules")


def test_scorer__each_name_gives_the_one_it_names(shelf: Shelf) -> None:
    assert shelf.scorer("rules") == RulesScorer()
    assert isinstance(shelf.scorer(NAME), LearnedScorer)
    assert shelf.scorer(NAME) is shelf.scorer(NAME)


@pytest.mark.parametrize("name", ["default", "rules", NAME])
def test_digest__is_that_of_the_scorer(shelf: Shelf, name: str) -> None:
    assert shelf.digest(name) == shelf.scorer(name).digest


def test_created__is_told_by_the_card_and_rules_have_none(shelf: Shelf) -> None:
    assert shelf.created(NAME) == card().created
    assert shelf.created("default") is None
    assert (shelf.meant("default"), shelf.meant(NAME)) == ("rules", NAME)


@pytest.mark.parametrize("name", ["learned", "../tiny", ""])
def test_scorer__an_unknown_name_is_refused_with_those_that_are_known(
    shelf: Shelf, name: str
) -> None:
    for asked in (shelf.scorer, shelf.digest):
        with pytest.raises(ArtefactInvalid) as caught:
            asked(name)
        assert NAME in caught.value.next_step


def test_digest__a_broken_artefact_has_none(tmp_path: Path) -> None:
    shelf = Shelf(put(tmp_path, text=b"tree"), columns=COLUMNS)
    with pytest.raises(ArtefactInvalid, match=card().model_sha256):
        shelf.digest(NAME)


def test_shipped__every_model_is_sound() -> None:
    for name in SHIPPED.names():
        assert SHIPPED.scorer(name).digest == SHIPPED.digest(name)


def test_digest__needs_no_lightgbm() -> None:
    script = (
        "import sys\n"
        "from models.trust.shelf import SHIPPED\n"
        "for name in SHIPPED.names(): SHIPPED.digest(name)\n"
        "sys.exit('lightgbm' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
