"""Which value a parameter gets, and which parameters get one although they need none."""

from __future__ import annotations

import pathlib

import pytest

from analyzer.sandbox.runner import arguments
from analyzer.sandbox.runner.arguments import COMPANY, NUMBER, PROJECT, is_worth, value_for

P = "plantedplanted12"


@pytest.mark.parametrize(
    ("name", "annotation", "default", "value"),
    [
        ("token", None, None, P),
        ("x", None, None, P),
        ("x", str, None, P),
        ("x", object, None, P),
        ("url", None, None, f"https://{P}.{COMPANY}/"),
        ("webhook_url", "str", None, f"https://{P}.{COMPANY}/"),
        ("host", None, None, f"{P}.{COMPANY}"),
        ("email", "str | None", None, f"{P}@{COMPANY}"),
        ("path", None, None, f"{PROJECT}/{P}.txt"),
        ("where", pathlib.Path, None, f"{PROJECT}/{P}.txt"),
        ("where", "os.PathLike[str]", None, f"{PROJECT}/{P}.txt"),
        ("n", int, None, NUMBER),
        ("n", "int", None, NUMBER),
        ("n", "Optional[int]", None, NUMBER),
        ("n", "int | None", None, NUMBER),
        ("flag", bool, None, True),
        ("ratio", float, None, float(NUMBER)),
        ("port", None, 8080, NUMBER),
        ("data", bytes, None, P.encode()),
        ("data", "bytes | str", None, P.encode()),
        ("names", list, None, [P]),
        ("names", list[str], None, [P]),
        ("names", "typing.Sequence[str]", None, [P]),
        ("names", "tuple[str, ...]", None, (P,)),
        ("names", "set[int]", None, {P}),
        ("options", dict, None, {"value": P}),
        ("options", "Mapping[str, int]", None, {"value": P}),
        ("printer", "str", None, P),
        ("interval", "Interval", None, P),
    ],
)
def test_value_for__fits_name_annotation_and_default(
    name: str, annotation: object, default: object, value: object
) -> None:
    made = value_for(name, annotation, default, P)

    assert made == value
    assert type(made) is type(value)


def test_value_for__a_function_takes_anything() -> None:
    made = value_for("callback", "Callable[[int], str]", None, P)

    assert callable(made)
    assert made(1, two=2) == P


@pytest.mark.parametrize(
    ("name", "worth"),
    [
        ("token", True),
        ("access_token", True),
        ("apikey", True),
        ("API_KEY", True),
        ("base_url", True),
        ("user", True),
        ("timeout", False),
        ("verbose", False),
        ("keyboard", False),
        ("retries", False),
    ],
)
def test_is_worth__by_its_words(name: str, worth: bool) -> None:
    assert is_worth(name) is worth


def test_value_for__an_annotation_of_no_form_is_no_obstacle() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd" * 1000

    assert value_for("x", Odd(), None, P) == P
    assert arguments.kind_of(Odd()) == ("odd" * 1000)[:200]
