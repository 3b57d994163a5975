"""The network around was searched: many addresses, or many ports of one."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import DNS_PORT, RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

ADDRESSES_MIN = 8
"""Private addresses of one phase; a client knows a database, a cache and a broker."""
PORTS_MIN = 12
"""Ports of one address in one phase; a search for a free port binds and does not connect."""
PORTS_MANY = 20
"""Ports of one address that no client has a reason for."""
DEFINITION = Definition(
    id="network-scan",
    title="The network around was searched",
    rationale=(
        "Worms and brute forcers look for neighbours (T34): many private addresses, or many ports of "
        "one host, loopback among them. Scanners do it in use, with a target given."
    ),
    severity=Severity.HIGH,
    in_use=Severity.LOW,
    technique="T1046",
    techniques=("T34",),
    needs=frozenset({EventKind.CONNECT, EventKind.SEND}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase that goes through addresses, and each host whose ports it goes through."""
    addresses: dict[Phase, set[str]] = defaultdict(set)
    ports: dict[tuple[Phase, str], set[int]] = defaultdict(set)
    told: set[tuple[str, ...]] = set()
    for event in run.events(EventKind.CONNECT, EventKind.SEND):
        if not event.address or event.port in (0, DNS_PORT):
            continue
        if _is_neighbour(event):
            addresses[event.phase].add(event.address)
        if event.address:
            ports[event.phase, event.address].add(event.port)
        wide = len(addresses[event.phase]) >= ADDRESSES_MIN and (event.phase, "") not in told
        place = (event.phase, event.address)
        if wide:
            told.add((event.phase, ""))
            yield Match.of(event, run, what="addresses")
        elif len(ports[place]) >= PORTS_MIN and place not in told:
            told.add(place)
            yield Match.of(event, run, what="ports", severity=Severity.MEDIUM)
        elif len(ports[place]) == PORTS_MANY and (*place, "many") not in told:
            told.add((*place, "many"))
            yield Match.of(event, run, what="ports")


def _is_neighbour(event: Event) -> bool:
    try:
        address = ipaddress.ip_address(event.address.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in _PRIVATE if address.version == network.version)


_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7"),
    )
)
"""RFC 1918, link-local and RFC 4193; documentation networks (TEST-NET) are none."""
