"""Where a feed comes from: a folder, an archive, or a URL, and the name it goes by."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from models.errors import ValueInvalid

FEEDS_MAX = 32
"""Feeds in the settings; there are a handful in the world that speak of PyPI."""
NAME_CHARS_MAX = 40

_NAMED = re.compile(r"([a-z0-9][a-z0-9-]{0,39})=(.*)", re.DOTALL)
_ENDINGS = (".gz", ".jsonl", ".ndjson", ".json", ".tar", ".tgz", ".zip", ".yaml", ".yml")


class SourceKind(StrEnum):
    """How a source is read."""

    LOCAL = "local"
    """A folder or a file on this machine."""
    URL = "url"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSource:
    """One feed as the operator named it. `location` may hold credentials: show `shown` instead."""

    name: str
    kind: SourceKind
    location: str

    @property
    def shown(self) -> str:
        """The location without user name and password."""
        if self.kind is SourceKind.LOCAL:
            return self.location
        parts = urlsplit(self.location)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def parse_source(text: str) -> FeedSource:
    """`NAME=SOURCE`, or a source that names itself. Raises ValueInvalid."""
    named = _NAMED.fullmatch(text)
    name, location = (named[1], named[2]) if named else ("", text)
    if "://" in location:
        check_url(location)
        kind = SourceKind.URL
        tail = urlsplit(location).path
    else:
        if not location:
            raise ValueInvalid("A feed is a folder, a file or an https:// URL.")
        kind = SourceKind.LOCAL
        location = str(Path(location).expanduser().absolute())
        tail = PurePosixPath(location).name
    return FeedSource(name=name or _own_name(tail), kind=kind, location=location)


def parse_sources(text: str) -> tuple[FeedSource, ...]:
    """Sources with commas between them; empty: none. Raises ValueInvalid, also for a name twice."""
    sources = tuple(parse_source(part.strip()) for part in text.split(",") if part.strip())
    if len(sources) > FEEDS_MAX:
        raise ValueInvalid(f"At most {FEEDS_MAX} feeds can be named.")
    names = [source.name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueInvalid(f"Two feeds are called {twice[0]}; write NAME=SOURCE.")
    return sources


def check_url(url: str) -> None:
    """Raises ValueInvalid unless it is https, or http to this very machine (a mirror beside us)."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ValueInvalid("A feed's URL begins with https://.")
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise ValueInvalid(
            "A feed is fetched over https://: whoever can change it decides what is served.",
            next_step="Download it by other means, and name the file.",
        )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _own_name(tail: str) -> str:
    """A name out of the end of a path: `PyPI/all.zip` is `pypi-all`."""
    words = "-".join(PurePosixPath(tail).parts[-2:]).lower()
    while ending := next((end for end in _ENDINGS if words.endswith(end)), ""):
        words = words.removesuffix(ending)
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:NAME_CHARS_MAX].strip("-") or "feed"
