"""A cloud's metadata service was asked: it hands out the machine's credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="metadata-service",
    title="A cloud metadata service was asked",
    rationale=(
        "boto3 and google-auth ask it when they are used, never at install, start or import (T19). "
        "The token of a Kubernetes service account is the same thing as a file."
    ),
    severity=Severity.HIGH,
    in_use=Severity.LOW,
    technique="T1552.005",
    techniques=("T19",),
    needs=frozenset({EventKind.CONNECT, EventKind.DNS, EventKind.NET, EventKind.OPEN}),
)
ADDRESSES = frozenset(
    {
        "169.254.169.254",  # AWS, Azure, Google and most others
        "169.254.170.2",  # AWS ECS task credentials
        "169.254.170.23",  # AWS EKS pod identity
        "fd00:ec2::254",  # AWS over IPv6
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure wire server
    }
)
NAMES = frozenset({"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})
SERVICE_ACCOUNT = re.compile(
    r"(?:/var)?/run/secrets/(?:kubernetes\.io|eks\.amazonaws\.com)/.*/token\Z"
)
"""Opened, there or not: whether it is there is asked with `stat` by those who only want to know."""


def is_metadata_service(event: Event) -> bool:
    """Whether an event's destination is one."""
    return event.address in ADDRESSES or event.host.rstrip(".").lower() in NAMES


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and destination."""
    seen = set()
    for event in run.events(EventKind.NET, EventKind.CONNECT, EventKind.DNS):
        key = (event.phase, event.host, event.address)
        if is_metadata_service(event) and key not in seen:
            seen.add(key)
            yield Match.of(event, run)
    for event in run.events(EventKind.OPEN):
        place = (event.phase, run.absolute(event.path), "")
        if SERVICE_ACCOUNT.match(place[1]) and place not in seen:
            seen.add(place)
            yield Match.of(event, run, what="service-account")
