"""A mining protocol was spoken."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.detectors.commands import command_text
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="mining",
    title="A mining protocol was spoken",
    rationale=(
        "Stratum begins with `mining.subscribe` or a JSON-RPC `login` in plain text (T22). A pool's "
        "usual name or a miner's command line says the same before a word is spoken; processor time "
        "alone says nothing, for compilers burn it too."
    ),
    severity=Severity.CRITICAL,
    in_use=Severity.HIGH,
    technique="T1496.001",
    techniques=("T22",),
    needs=frozenset({EventKind.NET, EventKind.DNS, EventKind.EXEC}),
)
_STRATUM = re.compile(
    r"mining\.(?:subscribe|authorize|configure|extranonce)|eth_submit(?:Login|Hashrate|Work)|eth_getWork"
    r"|\"method\"\s*:\s*\"(?:login|keepalived|submit)\".*\"(?:login|agent|jsonrpc)\"|\"method\"\s*:\s*\"login\""
    r"|EthereumStratum/"
)
_POOL = re.compile(
    r"(?:\A|[.-])(?:xmrpool|supportxmr|minexmr|moneroocean|nanopool|hashvault|2miners|f2pool|ethermine"
    r"|nicehash|unmineable|herominers|dwarfpool|antpool|viabtc|c3pool|kryptex|miningpoolhub|flexpool"
    r"|stratum)(?:[.-]|\Z)"
)
"""Names of pools, as labels of host names."""
_COMMAND = re.compile(
    r"stratum\d?\+(?:tcp|ssl|udp|tls)://|(?:\A|[\s/])(?:xmrig|xmr-stak\S*|cpuminer\S*|minerd|ethminer"
    r"|cgminer|bfgminer|t-rex|nbminer|lolminer|phoenixminer)(?:\s|\Z)"
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and destination, or command."""
    seen = set()
    for event in run.events(EventKind.NET, EventKind.DNS, EventKind.EXEC):
        severity = _severity(event)
        key = (event.phase, event.host or event.address, event.argv, severity)
        if severity is not None and key not in seen:
            seen.add(key)
            yield Match.of(event, run, severity=severity)


def _severity(event: Event) -> Severity | None:
    if event.kind is EventKind.EXEC:
        found = _COMMAND.search(command_text(event.path, event.argv))
        return Severity.HIGH if found else None
    if event.kind is EventKind.NET and _STRATUM.search(event.path2):
        return Severity.CRITICAL
    return Severity.HIGH if _POOL.search(event.host.rstrip(".").lower()) else None
