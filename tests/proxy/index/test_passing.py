"""Nothing that a page says leads a client past us, in whatever key it stands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from proxy.index.passing import LOCATIONS_MAX, passed_file_keys, passed_meta, passed_page_keys
from tests.proxy.simple.strategies import CALM, json_values

ELSEWHERE = "https://elsewhere.test/demo-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    "value",
    [
        ELSEWHERE,
        "//elsewhere.test/x",
        "HTTPS:elsewhere.test/x",
        "see http:x",
        "\\\\elsewhere.test",
        {"mirrors": [{"at": ELSEWHERE}]},
        {ELSEWHERE: 1},
        [[["ftp://x"]]],
    ],
)
def test_passed__a_key_of_tomorrow_with_an_address_is_left_out(value: Any) -> None:
    keys = {"mirror": value, "x": 1}
    assert passed_file_keys(keys) == {"x": 1}
    assert passed_page_keys(keys) == {"x": 1}
    assert passed_meta(keys) == {"x": 1}


@CALM
@given(json_values)
def test_passed__any_value_is_passed_whole_or_left_out(value: Any) -> None:
    assert passed_meta({"new": value}) in ({"new": value}, {})


def test_passed__deeply_nested_is_no_matter() -> None:
    value: Any = "x"
    for _ in range(50_000):
        value = [value]
    assert "deep" in passed_meta({"deep": value})


def test_passed_page_keys__alternate_locations_are_plain_urls_and_few() -> None:
    good = "https://elsewhere.test/simple/demo/"
    bad = [
        "javascript:alert(1)", "https://me:secret@elsewhere.test/", "//elsewhere.test/",
        "https://[bad", 7, "https://elsewhere.test/\n", "https://x.test/" + "a" * 600, "",
    ]  # fmt: skip
    assert passed_page_keys({"alternate-locations": [good, *bad]}) == {
        "alternate-locations": [good]
    }
    many = passed_page_keys({"alternate-locations": [good] * 1_000})
    assert len(many["alternate-locations"]) == LOCATIONS_MAX
    assert passed_page_keys({"alternate-locations": good}) == {}


def test_passed_meta__tracks_is_never_passed_on() -> None:
    meta = {"tracks": ["https://elsewhere.test/simple/demo/"], "_last-serial": 7}
    assert passed_meta(meta) == {"_last-serial": 7}
