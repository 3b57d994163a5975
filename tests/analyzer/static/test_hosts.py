"""Hosts in texts, and what kind each is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.static.hosts import HOSTS_MAX, hosts_in, kind_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://reenact.invalid/x", ["reenact.invalid"]),
        (
            "see https://user:word@Reenact.Test:8080/?q=1 and ftp://b.test",
            ["reenact.test", "b.test"],
        ),
        ("203.0.113.7", ["203.0.113.7"]),
        ("203.0.113.7:4444", ["203.0.113.7"]),
        ("http://127.0.0.1/", []),
        ("http://10.1.2.3/", []),
        ("x.oastify.com", ["x.oastify.com"]),
        ("reenact.test", []),
        ("module.submodule.name", []),
        ("file.py", []),
        ("http://localhost/", []),
        ("no host", []),
    ],
)
def test_hosts_in__those_of_addresses_and_known_services(text: str, expected: list[str]) -> None:
    assert list(hosts_in(text)) == expected


@pytest.mark.parametrize(
    ("host", "text", "expected"),
    [
        ("a.b.oastify.com", "", "out-of-band"),
        ("oastify.com.reenact.test", "", ""),
        ("x.ngrok-free.app", "", "tunnel"),
        ("transfer.sh", "", "file-drop"),
        ("pastebin.com", "", "paste"),
        ("api.ipify.org", "", "address-lookup"),
        ("203.0.113.7", "", "address"),
        ("discord.com", "https://discord.com/api/webhooks/x", "chat-hook"),
        ("discord.com", f"https://discord.com/api/webhooks/{'1' * 18}/{'a' * 60}", "chat-token"),
        ("discord.com", "https://discord.com/developers", ""),
        ("api.telegram.org", "https://api.telegram.org/bot{token}/sendMessage", "chat-hook"),
    ],
)
def test_kind_of__services_by_name_and_hooks_by_their_path(
    host: str, text: str, expected: str
) -> None:
    assert kind_of(host, text) == expected


@given(st.text(alphabet="ht:/.@x1-[]%", max_size=200))
def test_hosts_in__are_few_and_lower_case(text: str) -> None:
    found = list(hosts_in(text))

    assert len(found) <= HOSTS_MAX
    assert all(host == host.lower() and "/" not in host for host in found)
