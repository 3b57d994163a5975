"""Tells of the test-bed: what would betray to a model where an artifact comes from, and is not learned.

Re-enactments and their twins carry a project name, a classifier, a guard and reserved addresses that
nobody else has. The first mask is that no feature reads a name, an address, a path or any other text
of an artifact: texts are only counted, and compared with each other. The second is here: what is
about the guard's marker alone is taken out before anything is counted.
"""

from __future__ import annotations

import ipaddress

from models.behaviour import Act
from models.evidence import Finding

HARNESS_FILE = "/run/pratique-harness"
"""The marker that the guard of a re-enactment asks for (`analyzer.sandbox.layout`)."""
HARNESS_VARIABLE = "PRATIQUE_HARNESS"
"""The variable that it asks for; no trace shows that a variable was read."""
PROJECT_PREFIX = "reenact-"
"""What the projects of re-enactments and twins are called by, normalised."""
CLASSIFIER = "Private :: Do Not Upload"
"""Stands in their core metadata, of which no feature reads anything."""
RESERVED_SUFFIXES = (".invalid", ".test", ".example")
"""Names that nobody can register (RFC 2606)."""
RESERVED_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"),
    )
)
"""Networks for documentation (RFC 5737, RFC 3849)."""


def is_about_marker(about: Finding | Act) -> bool:
    """Whether a finding or an act is about the guard's marker and nothing else.

    The path must be the marker's, whole: whoever only mentions it hides nothing by that.
    """
    if isinstance(about, Act):
        return about.value == HARNESS_FILE
    return about.place.path == HARNESS_FILE


def is_reserved(host: str) -> bool:
    """Whether a name or address is one that only documentation and test-beds use."""
    name = host.rstrip(".").lower()
    if name.endswith(RESERVED_SUFFIXES):
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in RESERVED_NETWORKS)
