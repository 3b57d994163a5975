"""Questions are read, answers are well formed, garbage is nothing."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox import dns


def query(name: str, kind: int = 1) -> bytes:
    """A query as a resolver sends it."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return (
        struct.pack(">HHHHHH", 77, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)
    )


@given(st.binary(max_size=600))
def test_parse__garbage_never_raises(data: bytes) -> None:
    question = dns.parse(data)
    if question is not None:
        assert dns.answer(data, question, "1.2.3.4")[:2] == data[:2]
        assert len(question.name) <= dns.NAME_BYTES_MAX


@given(st.binary(max_size=60), st.integers(0, 40))
def test_parse__cut_and_spoilt_queries_never_raise(noise: bytes, cut: int) -> None:
    whole = query("some.name.invalid")
    dns.parse(whole[:cut] + noise)
    dns.parse(whole[:-1])


@pytest.mark.parametrize(
    ("kind", "name", "answers"),
    [
        (1, "A", 1),
        (28, "AAAA", 0),
        (16, "TXT", 1),
        (15, "MX", 1),
        (33, "SRV", 0),
        (999, "TYPE999", 0),
    ],
)
def test_answer__is_given_where_a_host_would_have_one(kind: int, name: str, answers: int) -> None:
    asked = query("Host.invalid", kind)
    question = dns.parse(asked)
    assert question is not None
    assert (question.name, question.type_name) == ("Host.invalid", name)
    reply = dns.answer(asked, question, "44.5.6.7")
    _, flags, questions, count, _, _ = struct.unpack_from(">HHHHHH", reply)
    assert (flags & 0x800F, questions, count) == (0x8000, 1, answers)
    assert reply.endswith(bytes([44, 5, 6, 7])) == (kind == 1)
    assert (dns.TEXT in reply) == (kind == 16)


def test_parse__responses_are_no_questions() -> None:
    asked = bytearray(query("a.b"))
    asked[2] |= 0x80
    assert dns.parse(bytes(asked)) is None


NAMES = st.text("abcXYZ019-._", max_size=30)


@given(st.lists(NAMES, unique_by=str.lower, max_size=50))
def test_names__have_ordinary_addresses_of_their_own(names: list[str]) -> None:
    book = dns.Names("salt", limit=1000)
    addresses = [book.address(name) for name in names]
    assert len(set(addresses)) == len(names)
    for name, address in zip(names, addresses, strict=True):
        assert ipaddress.ip_address(address).is_global
        assert book.host(address) == name.lower()
        assert book.address(name.upper()) == address


def test_names__beyond_the_limit_are_answered_and_forgotten() -> None:
    book = dns.Names("salt", limit=1)
    book.address("one")
    assert book.host(book.address("two")) == ""
    assert book.address("two") == book.address("two")


def test_names__of_metadata_services_have_their_own_address() -> None:
    book = dns.Names("salt", limit=9, known={"metadata.google.internal": "169.254.169.254"})
    assert book.address("Metadata.Google.internal") == "169.254.169.254"
    assert book.host("169.254.169.254") == "metadata.google.internal"
