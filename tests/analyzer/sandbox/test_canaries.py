"""Laws: what is encoded in a known way is found, wherever it lies and however it is cut."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox import decoys
from analyzer.sandbox.canaries import Forms, Stream, forms

TOKEN = "ghp_" + "Ab3xY/+z" * 4
FORMS = Forms({"c1": (TOKEN,), "c2": ("sk-" + "q7Rw" * 12,)})

ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "hex": lambda data: data.hex().encode(),
    "HEX": lambda data: data.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64 urlsafe": base64.urlsafe_b64encode,
    "base64 in lines": base64.encodebytes,
    "base64 in quoted lines": lambda data: quote(base64.encodebytes(data)).encode(),
    "base32": base64.b32encode,
    "base32 lower": lambda data: base64.b32encode(data).lower(),
    "quoted": lambda data: quote(data, safe="").encode(),
    "reversed": lambda data: data[::-1],
}
NOISE = st.binary(max_size=90)


@pytest.mark.parametrize("name", sorted(ENCODINGS))
@given(before=NOISE, after=NOISE, cuts=st.lists(st.integers(0, 400), max_size=4))
def test_stream__finds_what_was_encoded_with_its_surroundings(
    name: str, before: bytes, after: bytes, cuts: list[int]
) -> None:
    sent = ENCODINGS[name](before + TOKEN.encode() + after)
    stream = Stream(FORMS)
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    for first, last in pairwise(places):
        stream.feed(sent[first:last])

    assert stream.found == {"c1"}


@given(st.binary(max_size=4000))
def test_stream__finds_nothing_in_noise(data: bytes) -> None:
    stream = Stream(FORMS)
    stream.feed(data)
    assert not stream.found


@given(st.integers(0, 2**32))
def test_decoys__no_value_of_one_run_is_found_in_another(seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - a test's own
    mine, other = decoys.plant(source), decoys.plant(source)
    wanted = Forms(mine.values)

    for path, content in other.files.items():
        assert not wanted.find(content), path
    for identity, values in mine.values.items():
        assert all(identity in wanted.find(value.encode()) for value in values)


def test_forms__short_ones_are_left_out() -> None:
    assert all(len(form) >= 12 for form in forms("abcdefgh"))
