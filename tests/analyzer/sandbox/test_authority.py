"""Certificates that strict clients take, for names and addresses, and nothing that a name smuggles in."""

from __future__ import annotations

import ssl

import pytest

from analyzer.sandbox import authority
from analyzer.sandbox.authority import Authority
from tests.analyzer.sandbox.tlsclient import Client

AUTHORITY = Authority()
LONG = f"{'a' * 63}.{'b' * 63}.test"


@pytest.mark.parametrize(
    ("sni", "address", "host"),
    [
        ("name.invalid", "192.0.2.1", "name.invalid"),
        ("NAME.invalid.", "192.0.2.1", "name.invalid"),
        ("under_score.invalid", "192.0.2.1", "under_score.invalid"),
        (LONG, "192.0.2.1", LONG),
        ("", "192.0.2.1", "192.0.2.1"),
        ("", "2001:db8::1", "2001:db8::1"),
        ("192.0.2.9", "192.0.2.1", "192.0.2.1"),
        ("x,DNS:evil.test", "192.0.2.1", "192.0.2.1"),
        ("@section", "192.0.2.1", "192.0.2.1"),
        ("a\nb", "192.0.2.1", "192.0.2.1"),
        ("é.test", "192.0.2.1", "192.0.2.1"),
    ],
)
def test_context__is_for_the_name_or_else_the_address(sni: str, address: str, host: str) -> None:
    client = Client(AUTHORITY.trust.pem, host)
    context = AUTHORITY.context(sni, address)
    assert client.shake(context) == "TLSv1.3"
    (alternative,) = client.peer_names()
    assert alternative == host or ":" in host


def test_context__is_kept_and_their_number_bounded() -> None:
    mine = Authority()
    first = mine.context("n0.test", "192.0.2.1")
    assert mine.context("n0.test", "192.0.2.1") is first
    for number in range(1, authority.LEAVES_MAX + 1):
        mine.context(f"n{number}.test", "192.0.2.1")
    assert mine.context("n0.test", "192.0.2.1") is not first


def test_context__another_runs_authority_is_not_trusted() -> None:
    other = Authority()
    assert other.trust.pem != AUTHORITY.trust.pem
    client = Client(other.trust.pem, "name.invalid")
    with pytest.raises(ssl.SSLCertVerificationError):
        client.shake(AUTHORITY.context("name.invalid", "192.0.2.1"))


def test_trust__is_a_certificate_without_a_key() -> None:
    pem = AUTHORITY.trust.pem
    assert pem.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in pem
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    (own,) = context.get_ca_certs()
    assert own["subject"] == own["issuer"]
    assert len(AUTHORITY.trust.hash_name) == 10
