"""The rules find what they are there to find."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from models.phase import Phase
from tests.corpus.guard import GUARD
from tests.corpus.recipe import Channel, Encoding, Recipe
from tests.corpus.rules import destinations, violations

BOTH = "def _reenact():\n    pass\n\ndef _honest():\n    pass\n\n"
GOOD = Recipe(
    technique="T05",
    name="nothing",
    phase=Phase.IMPORT,
    channel=Channel.NONE,
    encoding=Encoding.NONE,
    files={"THE_MODULE/__init__.py": GUARD + BOTH + "if ACT:\n    THE_ACT()\n"},
    twin_does="does nothing",
)


def test_violations__a_good_recipe_has_none() -> None:
    assert violations(GOOD) == []


@pytest.mark.parametrize(
    "code",
    [
        GUARD + BOTH + "THE_ACT()\n",
        GUARD + BOTH + "if ACT or True:\n    THE_ACT()\n",
        GUARD + BOTH + "if not ACT:\n    THE_ACT()\n",
        GUARD + BOTH + "if ACT:\n    pass\nelse:\n    THE_ACT()\n",
        "ACT = True\n" + BOTH + "if ACT:\n    THE_ACT()\n",
        GUARD + BOTH + "if ACT:\n    THE_ACT()\nURL = 'http://192.168.1.1/'\n",
        GUARD + BOTH + "if ACT:\n    THE_ACT()\nHOST = 'collector.example-thief.ru'\n",
        GUARD + BOTH + "if ACT:\n    THE_ACT()\nHOST = b'aHR0cDovL3RoaWVmLm9yZy8='\n",
        GUARD + BOTH + "if ACT:\n    pass\n",
        "def\n",
    ],
)
def test_violations__each_of_these_is_one(code: str) -> None:
    recipe = replace(GOOD, files={"THE_MODULE/__init__.py": code})
    assert len(violations(recipe)) >= 1


@pytest.mark.parametrize("pack", [lambda data: data, zlib.compress, gzip.compress])
def test_violations__code_in_an_encoded_hook_is_held_to_the_rules(
    pack: Callable[[bytes], bytes],
) -> None:
    code = GUARD + BOTH + "_reenact()\n" + "HOST = 'evil.com'\n"
    text = base64.b64encode(pack(code.encode())).decode()
    hook = f"import base64; exec(base64.b64decode('{text}'))\n"
    recipe = replace(GOOD, files={**GOOD.files, "THE_MODULE.pth": hook})
    said = violations(recipe)
    assert any("outside of `if ACT:`" in problem for problem in said)
    assert any("evil.com" in problem for problem in said)


def test_violations__an_entry_point_may_not_be_the_act_itself() -> None:
    entry = "[console_scripts]\nreenact = THE_MODULE:THE_ACT\n"
    files = {**GOOD.files, "THE_MODULE-1.0.dist-info/entry_points.txt": entry}
    assert any("no guard" in problem for problem in violations(replace(GOOD, files=files)))


def test_violations__a_twin_that_lacks_a_string_is_told_apart() -> None:
    path = "THE_MODULE/__init__.py"
    quiet = replace(GOOD, twin_files={path: GUARD + BOTH})
    loud = replace(quiet, files={path: str(GOOD.files[path]) + "NAME = '.aws/credentials'\n"})
    assert violations(quiet) == []
    assert "the twin lacks" in violations(loud)[0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (replace(GOOD, technique="T35"), "no technique"),
        (replace(GOOD, name="Not_good"), "small letters"),
        (replace(GOOD, twin_does=""), "is not said"),
        (replace(GOOD, beside={"thief": {}}), "reenact-"),
    ],
)
def test_violations__names_are_held_to_their_form(changed: Recipe, said: str) -> None:
    assert any(said in problem for problem in violations(changed))


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:80",
        "http://203.0.113.7/x",
        "https://a.b.test/",
        "198.51.100.255",
        "http://[::1]/",
    ],
)
def test_destinations__these_belong_to_nobody(text: str) -> None:
    assert list(destinations(text)) == []


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "10.0.0.1", "http://intranet/", "say evil.com", "https://[2a00::1]/"]
)
def test_destinations__these_do_not(text: str) -> None:
    assert list(destinations(text)) != []
