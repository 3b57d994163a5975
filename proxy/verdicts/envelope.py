"""DSSE envelopes (secure-systems-lab/dsse 1.0.2): bytes of a stated type, signed together.

What is read after a check is the very bytes that the signature covers, never a second reading of
the envelope.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from models.errors import PratiqueError
from proxy.verdicts.keys import key_id

ENVELOPE_BYTES_MAX = 1024 * 1024
"""Bytes of an envelope; ours have a few thousand."""
SIGNATURES_MAX = 16
"""Signatures that are looked at; ours have one."""


class EnvelopeRefused(PratiqueError):
    """A signed envelope is broken, of another type, or not signed by the key that was named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a checked signature covers."""

    payload: bytes
    key_id: str


def seal(payload: bytes, payload_type: str, key: Ed25519PrivateKey) -> bytes:
    """The envelope as canonical JSON; the same bytes for the same payload and key (RFC 8032)."""
    signature = key.sign(pre_authentication(payload_type, payload))
    return (
        rfc8785.dumps(
            {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": payload_type,
                "signatures": [
                    {
                        "keyid": key_id(key.public_key()),
                        "sig": base64.b64encode(signature).decode(),
                    }
                ],
            }
        )
        + b"\n"
    )


def unseal(data: bytes, payload_type: str, key: Ed25519PublicKey) -> Opened:
    """What `key` signed. Raises EnvelopeRefused, which says plainly what is wrong.

    A key id is only a hint that nothing signs: `key` is tried on every signature.
    """
    envelope = _read(data)
    if envelope.payloadType != payload_type:
        raise EnvelopeRefused(
            f"It holds {envelope.payloadType[:100]!r}, not {payload_type!r}.",
            next_step="Name a file that `pratique verdict export` wrote.",
        )
    payload = _decoded(envelope.payload, "payload")
    message = pre_authentication(envelope.payloadType, payload)
    for one in envelope.signatures:
        try:
            key.verify(_decoded(one.sig, "signature"), message)
        except InvalidSignature:
            continue
        return Opened(payload=payload, key_id=key_id(key))
    raise _unsigned(envelope, key)


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """What is signed: type and payload, each behind its length (DSSE protocol, PAE)."""
    named = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(named), named, len(payload), payload)


class _Signature(msgspec.Struct):
    sig: str
    keyid: str = ""


class _Envelope(msgspec.Struct):
    payload: str
    payloadType: str  # noqa: N815 - the wire's name
    signatures: list[_Signature]


def _read(data: bytes) -> _Envelope:
    if len(data) > ENVELOPE_BYTES_MAX:
        raise EnvelopeRefused(f"It is longer than {ENVELOPE_BYTES_MAX} bytes.")
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise EnvelopeRefused(
            f"It is no signed envelope: {error}.",
            next_step="Name a file that `pratique verdict export --key` wrote.",
        ) from error
    if not 1 <= len(envelope.signatures) <= SIGNATURES_MAX:
        raise EnvelopeRefused(f"It has {len(envelope.signatures)} signatures.")
    return envelope


def _decoded(text: str, what: str) -> bytes:
    """Either alphabet of base64, as the protocol asks; one spelling of each."""
    plain = text.translate(str.maketrans("-_", "+/"))
    try:
        data = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeRefused(f"Its {what} is no base64.") from error
    if base64.b64encode(data).decode() != plain:
        raise EnvelopeRefused(f"Its {what} is no clean base64.")
    return data


def _unsigned(envelope: _Envelope, key: Ed25519PublicKey) -> EnvelopeRefused:
    ours = key_id(key)
    named = [one.keyid for one in envelope.signatures]
    if ours in named:
        return EnvelopeRefused(
            "The signature does not fit: the verdict was changed after it was signed.",
            next_step="Trust nothing it says, and get it anew from whoever made it.",
        )
    shown = ", ".join(repr(one[:64]) for one in named)
    return EnvelopeRefused(
        f"It was not signed by this key ({ours}), but says it was by {shown}.",
        next_step="Get the public key from whoever made the verdict, by a way that you trust.",
    )
