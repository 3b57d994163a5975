"""Only addresses of the Internet are public, however they are spelled."""

from __future__ import annotations

import socket

import pytest

from proxy.telling.addresses import PrivateAddress, guarded_socket, is_public

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.7",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "localhost",
    "example.org",
    "2130706433",
    "",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_is_public__not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
)
def test_is_public__an_address_of_the_internet(address: str) -> None:
    assert is_public(address)


def test_guarded_socket__none_for_a_private_address() -> None:
    with pytest.raises(PrivateAddress):
        guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    made = guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 443)))
    assert made.family is socket.AF_INET
    made.close()
