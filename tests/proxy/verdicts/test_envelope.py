"""Envelopes: what was signed comes back, and whatever was changed does not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer._key import SSlibKey

from proxy.verdicts.envelope import (
    ENVELOPE_BYTES_MAX,
    SIGNATURES_MAX,
    EnvelopeRefused,
    pre_authentication,
    seal,
    unseal,
)
from proxy.verdicts.keys import key_id

TYPE = "application/vnd.in-toto+json"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PAYLOAD = b'{"what": "it says"}'
SEALED = seal(PAYLOAD, TYPE, KEY)


def changed(**changes: Any) -> bytes:
    """The envelope with other fields; None: without."""
    value = json.loads(SEALED) | changes
    return json.dumps({k: v for k, v in value.items() if v is not None}).encode()


def refused(data: bytes) -> EnvelopeRefused:
    with pytest.raises(EnvelopeRefused) as caught:
        unseal(data, TYPE, KEY.public_key())
    return caught.value


def test_pre_authentication__is_that_of_the_specification() -> None:
    """The test vector of DSSE's protocol.md."""
    assert (
        pre_authentication("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(
    st.tuples(st.text(max_size=20), st.binary(max_size=20)),
    st.tuples(st.text(max_size=20), st.binary(max_size=20)),
)
def test_pre_authentication__is_the_same_only_for_the_same(
    one: tuple[str, bytes], other: tuple[str, bytes]
) -> None:
    assert (pre_authentication(*one) == pre_authentication(*other)) is (one == other)


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32))
def test_seal__what_was_sealed_is_what_comes_out_and_the_same_twice(
    payload: bytes, seed: bytes
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    sealed = seal(payload, TYPE, key)
    assert sealed == seal(payload, TYPE, key)
    opened = unseal(sealed, TYPE, key.public_key())
    assert opened.payload == payload
    assert opened.key_id == key_id(key.public_key())


def test_seal__another_implementation_accepts_it() -> None:
    key = SSlibKey.from_crypto(KEY.public_key(), keyid=key_id(KEY.public_key()))
    envelope = Envelope.from_dict(json.loads(SEALED))
    assert envelope.payload == PAYLOAD
    assert list(envelope.verify([key], 1)) == [key.keyid]


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_unseal__whatever_byte_is_changed_the_payload_is_never_another(
    at: int, difference: int
) -> None:
    """Some bytes mean nothing (the key's id is a hint, white space); none changes what is read."""
    data = bytearray(SEALED)
    data[at] ^= difference
    try:
        opened = unseal(bytes(data), TYPE, KEY.public_key())
    except EnvelopeRefused:
        return
    assert opened.payload == PAYLOAD


@given(st.integers(0, len(PAYLOAD) - 1), st.integers(1, 255))
def test_unseal__any_byte_of_the_payload_counts(at: int, difference: int) -> None:
    data = bytearray(PAYLOAD)
    data[at] ^= difference
    error = refused(changed(payload=base64.b64encode(bytes(data)).decode()))
    assert "was changed after it was signed" in error.message


@given(st.integers(0, 63), st.integers(1, 255))
def test_unseal__any_byte_of_the_signature_counts(at: int, difference: int) -> None:
    (signature,) = json.loads(SEALED)["signatures"]
    data = bytearray(base64.b64decode(signature["sig"]))
    data[at] ^= difference
    signature["sig"] = base64.b64encode(bytes(data)).decode()
    assert "was changed" in refused(changed(signatures=[signature])).message


@given(st.text(max_size=60))
def test_unseal__any_other_type_is_refused_though_it_is_signed(other: str) -> None:
    assume(other != TYPE)
    assert "not 'application/vnd.in-toto+json'" in refused(changed(payloadType=other)).message
    assert refused(seal(PAYLOAD, other, KEY))


@given(st.integers(0, len(SEALED) - 1))
def test_unseal__cut_short_is_refused(length: int) -> None:
    if length == len(SEALED) - 1:  # only the line's end is gone
        assert unseal(SEALED[:length], TYPE, KEY.public_key()).payload == PAYLOAD
    else:
        assert refused(SEALED[:length])


def test_unseal__by_another_key_says_whose_it_is() -> None:
    error = refused(seal(PAYLOAD, TYPE, OTHER))
    assert "was not signed by this key" in error.message
    assert key_id(OTHER.public_key()) in error.message
    assert error.next_step


def test_unseal__another_ones_signature_under_our_id_is_refused() -> None:
    """The id is a hint: claiming it is no signature, and lacking it is no harm."""
    theirs = json.loads(seal(PAYLOAD, TYPE, OTHER))["signatures"][0]
    ours = json.loads(SEALED)["signatures"][0]
    assert refused(changed(signatures=[theirs | {"keyid": ours["keyid"]}]))
    for keyid in ("", "another"):
        data = changed(signatures=[theirs, ours | {"keyid": keyid}])
        assert unseal(data, TYPE, KEY.public_key()).payload == PAYLOAD


def test_unseal__reads_either_alphabet_and_one_spelling_of_each() -> None:
    payload = bytes(range(256))
    value = json.loads(seal(payload, TYPE, KEY))
    value["payload"] = base64.urlsafe_b64encode(payload).decode()
    assert "-" in value["payload"]
    assert unseal(json.dumps(value).encode(), TYPE, KEY.public_key()).payload == payload
    text: str = json.loads(SEALED)["payload"]
    assert text.endswith("=")
    for other in (
        text.rstrip("="),
        text + "\n",
        " " + text,
        text[:-2] + chr(ord(text[-2]) + 1) + "=",
    ):
        assert "base64" in refused(changed(payload=other)).message


@pytest.mark.parametrize(
    "changes",
    [
        {"signatures": []},
        {"signatures": [{"sig": ""}] * (SIGNATURES_MAX + 1)},
        {"signatures": None},
        {"payload": None},
        {"payloadType": None},
        {"payload": 1},
        {"signatures": [{"keyid": "x"}]},
    ],
)
def test_unseal__of_no_envelope_is_refused(changes: dict[str, Any]) -> None:
    assert refused(changed(**changes)).message


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"nonsense", b"\xff", b"[" * 100_000, b" " * (ENVELOPE_BYTES_MAX + 1)]
)
def test_unseal__of_nonsense_is_refused(data: bytes) -> None:
    assert refused(data).message
