"""What a page says of its age: `Age` always, and `Cache-Status` where upstream should have been heard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from aiohttp import hdrs

from proxy.index.freshness import Freshness
from proxy.web.ready import NOTHING_ADDED, Added, added

CACHE_STATUS = "Cache-Status"
"""RFC 9211; `Warning`, which once said so, is obsolete (RFC 9111, 5.5)."""
AGES_MAX = 4_096
"""Ages whose headers are kept: pages are renewed within the hour, so most are below 3,600 s."""


@dataclass(frozen=True, slots=True)
class Aged:
    """The headers, and the freshness where it is worth counting."""

    added: Added
    stale: Freshness | None = None


AGE_UNKNOWN = Aged(NOTHING_ADDED)


def aged_by(freshness: Freshness | None) -> Aged:
    """What to say of a page. Whoever answers from a cache must tell the age (RFC 9111, 4 and 5.1)."""
    if freshness is None:
        return AGE_UNKNOWN
    if freshness.trouble is None:
        return _fresh(freshness.age_s)
    status = f"pratique; hit; ttl={freshness.ttl_s}; detail={freshness.trouble}"
    headers = {hdrs.AGE: str(freshness.age_s), CACHE_STATUS: status}
    return Aged(added(headers), freshness)


@lru_cache(maxsize=AGES_MAX)
def _fresh(age_s: int) -> Aged:
    return Aged(added({hdrs.AGE: str(age_s)}))
