"""Whose address counts where front ends stand between."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.web.forwarded import HOPS_MAX, address_of
from tests.proxy.web.decided import served
from tests.proxy.web.house import open_house, path_of

TRUSTED = tuple(ipaddress.ip_network(one) for one in ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8"))


def from_(
    peer: str, *told: str, trusted: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
) -> str:
    request = make_mocked_request("GET", "/", headers=[("X-Forwarded-For", one) for one in told])
    return address_of(request.clone(remote=peer), trusted)


@pytest.mark.parametrize(
    ("peer", "told", "address"),
    [
        ("127.0.0.1", (), "127.0.0.1"),
        ("127.0.0.1", ("192.0.2.7",), "192.0.2.7"),
        ("127.0.0.1", ("192.0.2.7, 10.1.1.1",), "192.0.2.7"),
        ("127.0.0.1", ("198.51.100.1, 192.0.2.7",), "192.0.2.7"),
        ("127.0.0.1", ("198.51.100.1", "192.0.2.7"), "192.0.2.7"),
        ("127.0.0.1", ("10.1.1.1, 10.2.2.2",), "10.1.1.1"),
        ("192.0.2.9", ("198.51.100.1",), "192.0.2.9"),
        ("127.0.0.1", ("192.0.2.7, me",), "127.0.0.1"),
        ("127.0.0.1", ("",), "127.0.0.1"),
        ("127.0.0.1", ("192.0.2.7:4711",), "192.0.2.7"),
        ("fd00::1", ("[2001:db8::7]:4711",), "2001:db8::7"),
        ("::ffff:127.0.0.1", ("2001:DB8::7",), "2001:db8::7"),
        ("", ("192.0.2.7",), ""),
    ],
)  # fmt: skip
def test_address__is_the_nearest_that_is_no_front_end(
    peer: str, told: tuple[str, ...], address: str
) -> None:
    assert from_(peer, *told, trusted=TRUSTED) == address


def test_address__nobody_is_believed_unless_it_is_set() -> None:
    assert from_("127.0.0.1", "192.0.2.7", trusted=()) == "127.0.0.1"


def test_address__a_long_row_is_read_from_its_end() -> None:
    told = ", ".join(["192.0.2.7"] + ["10.1.1.1"] * (HOPS_MAX + 5))
    assert from_("127.0.0.1", told, trusted=TRUSTED) == "10.1.1.1"


async def test_fetch_record__knows_the_client_behind_a_trusted_front_end(tmp_path: Path) -> None:
    async with open_house(tmp_path, trusted_proxies=TRUSTED) as house:
        ref = house.upstream.publish("demo-1.0-py3-none-any.whl", b"bytes")
        await house.decide(served(ref))
        answer = await house.get(path_of(ref), **{"X-Forwarded-For": "192.0.2.7"})
        assert answer.status == 200
        assert [fetch.address for fetch in await house.fetches()] == ["192.0.2.7"]
