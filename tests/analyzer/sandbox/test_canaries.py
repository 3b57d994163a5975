"""Laws: what is encoded in a known way is found, wherever it lies and however it is cut."""

from __future__ import annotations

import base64
import gzip
import random
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.sandbox import canaries, decoys, unwrapping
from analyzer.sandbox.canaries import FORM_BYTES_MIN, Forms, Stream, forms
from tests.analyzer.sandbox.encodings import ENCODINGS, TEXTUAL

TOKEN = "ghp_" + "Ab3xY/+zK9qW-2mT_s7vRd4hLcP8"
OTHER = "sk-" + "q7RwEn2ZpL9xVb4KcT8yUs6Md3"
VALUES = {"c1": (TOKEN,), "c2": (OTHER,)}
FORMS = Forms(VALUES)
NOISE = st.binary(max_size=90)
AROUND = [(b"", b""), (b"x", b"y"), (b'{"a":"', b'"}'), (b"key=\n ", b"\n"), (bytes(7), bytes(3))]


def fed(data: bytes, cuts: list[int], wanted: Forms = FORMS) -> set[str]:
    """What a stream finds in `data`, cut at those places."""
    stream = Stream(wanted)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for first, last in pairwise(places):
        stream.feed(data[first:last])
    return stream.settle()


@pytest.mark.parametrize(("before", "after"), AROUND)
@pytest.mark.parametrize("name", sorted(ENCODINGS))
def test_stream__finds_each_form_with_its_surroundings(
    name: str, before: bytes, after: bytes
) -> None:
    assert fed(ENCODINGS[name](before + TOKEN.encode() + after), []) == {"c1"}


@pytest.mark.parametrize("name", sorted(TEXTUAL))
@pytest.mark.parametrize("offset", range(8))
def test_stream__finds_each_form_at_any_offset(name: str, offset: int) -> None:
    sent = b"." * offset + ENCODINGS[name](b"a" * offset + TOKEN.encode()) + b"!" * 20
    assert fed(sent, []) == {"c1"}


PLAIN_FORMS = ("plain", "hex", "base64", "base64 urlsafe", "base32", "reversed", "quoted", "xor")


@pytest.mark.parametrize("name", PLAIN_FORMS)
@given(before=NOISE, after=NOISE, cuts=st.lists(st.integers(0, 400), max_size=4))
def test_stream__no_noise_hides_a_form(
    name: str, before: bytes, after: bytes, cuts: list[int]
) -> None:
    assert fed(ENCODINGS[name](before + TOKEN.encode() + after), cuts, Forms(VALUES)) == {"c1"}


PIECES = st.lists(
    st.one_of(
        NOISE,
        st.sampled_from([ENCODINGS[name](TOKEN.encode()) for name in sorted(ENCODINGS)]),
        st.sampled_from([ENCODINGS[name](OTHER.encode()) for name in sorted(ENCODINGS)]),
        st.just(b"\r\n\r\n"),
    ),
    max_size=5,
)


@given(pieces=PIECES, cuts=st.lists(st.integers(0, 900), max_size=6))
def test_stream__every_split_finds_the_same(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    assert fed(data, cuts, Forms(VALUES)) == fed(data, [], Forms(VALUES))


def test_stream__finds_what_lies_across_blocks() -> None:
    token = TOKEN.encode()
    for shift in (-30, -16, -1, 0, 5):
        data = b"ab " * 400_000
        place = canaries.BLOCK_BYTES + canaries.OVERLAP_BYTES + shift
        data = data[:place] + token + data[place:]
        assert fed(data, [70_000 * part for part in range(1, 17)], Forms(VALUES)) == {"c1"}


def test_stream__many_that_wait_are_searched_as_they_grow() -> None:
    wanted = Forms(VALUES)
    streams = [Stream(wanted) for _ in range(20)]
    for stream in streams:
        stream.feed(bytes(canaries.BLOCK_BYTES))
    assert wanted.pending <= canaries.PENDING_BYTES_MAX
    for stream in streams:
        stream.feed(TOKEN.encode())
        assert stream.settle() == {"c1"}
    assert wanted.pending == 0


@given(st.binary(max_size=4000))
def test_stream__finds_nothing_in_noise(data: bytes) -> None:
    assert not fed(data, [])


@given(st.text(max_size=2000))
def test_stream__finds_nothing_in_text(text: str) -> None:
    assert not fed(text.encode(), [])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_decoys__no_value_of_one_run_is_found_in_another(seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - a test's own
    mine, other = decoys.plant(source), decoys.plant(source)
    wanted = Forms(mine.values)

    assert not wanted.find(b"\n".join(other.files.values()))
    assert not wanted.find(" ".join([*other.variables.values(), *other.arguments]).encode())
    for identity, values in mine.values.items():
        assert all(identity in wanted.find(value.encode()) for value in values)


def test_forms__short_ones_are_left_out() -> None:
    assert all(len(form) >= FORM_BYTES_MIN for form in forms("abcdefgh"))


def test_forms__half_a_value_is_not_the_value() -> None:
    assert not FORMS.find(TOKEN[:20].encode())


BOMB = gzip.compress(bytes(64 << 20))


@pytest.mark.parametrize("sent", [BOMB, base64.b64encode(BOMB), zlib.compress(BOMB)])
def test_bomb__gives_no_more_than_its_bound(sent: bytes) -> None:
    inside = list(
        unwrapping.unwrap(sent, unwrapping.Budget.of(len(sent), most=1 << 30), beginning=True)
    )
    assert max(map(len, inside)) <= unwrapping.INFLATED_BYTES_MAX
    assert sum(map(len, inside)) <= unwrapping.PIECE_BYTES_MAX


def test_bomb__many_of_them_exhaust_a_budget_that_is_told() -> None:
    wanted = Forms(VALUES)
    for _ in range(200):
        wanted.find(BOMB)
    assert wanted.exhausted
    assert wanted.find(TOKEN.encode()) == {"c1"}


def test_packed__behind_a_broken_check_sum_is_found() -> None:
    packed = gzip.compress(TOKEN.encode() * 3)
    assert FORMS.find(packed[:-8] + bytes(8)) == {"c1"}
    assert FORMS.find(packed[:-3]) == {"c1"}


@given(st.binary(max_size=300), st.sampled_from([b"\x1f\x8b\x08", b"PK\x03\x04", b"BZh91AY&SY"]))
def test_unwrap__garbage_never_raises(data: bytes, magic: bytes) -> None:
    budget = unwrapping.Budget.of(len(data), most=1 << 20)
    for whole in (data, magic + data, data + magic, b"\xfd7zXZ\0" + data):
        assert all(len(inner) for inner in unwrapping.unwrap(whole, budget, beginning=True))
