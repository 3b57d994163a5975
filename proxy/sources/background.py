"""What an index tells of a project beside its files: summary, links, owners, requirements.

Read from the project document (`/pypi/NAME/json` of the warehouse API, beside the simple index),
which not every index has, and which `proxy.sources.documents` fetches. Everything in it is the
project's own word but for its owners.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from packaging.utils import NormalizedName

from models.errors import UpstreamError, UpstreamInvalid

TEXT_CHARS_MAX = 20_000
"""Characters kept of a description, to be compared."""
ITEMS_MAX = 100
"""Links, owners and requirements kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What is read of a document. `owners` None: the index does not tell."""

    summary: str = ""
    description: str = ""
    links: tuple[str, ...] = ()
    owners: frozenset[str] | None = None
    """`user:name` and `organisation:name`."""
    requires: tuple[str, ...] = ()
    """Requirement lines of the newest release."""


class Backgrounds(Protocol):
    """Where backgrounds come from."""

    async def of(self, project: NormalizedName) -> Background | None:
        """The background; None where the index has no document of it. Raises UpstreamError."""


def parse_document(body: bytes) -> Background:
    """What is read of a document; fields of another form than documented count as not there.

    Raises UpstreamInvalid where it is no JSON object.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamInvalid("The index's document of a project is not JSON.") from error
    if not isinstance(document, dict):
        raise UpstreamInvalid("The index's document of a project is not an object.")
    info = document.get("info")
    if not isinstance(info, dict):
        info = {}
    return Background(
        summary=_text(info.get("summary")),
        description=_text(info.get("description")),
        links=tuple(dict.fromkeys(_links(info)))[:ITEMS_MAX],
        owners=_owners(document.get("ownership")),
        requires=_texts(info.get("requires_dist")),
    )


async def background_or_none(
    backgrounds: Backgrounds, project: NormalizedName
) -> Background | None:
    """The background, or None where it could not be had: nothing may rest on its absence."""
    try:
        return await backgrounds.of(project)
    except UpstreamError:
        return None


def _links(info: dict[str, Any]) -> Iterator[str]:
    urls = info.get("project_urls")
    stated = list(urls.values()) if isinstance(urls, dict) else []
    for link in (info.get("home_page"), info.get("download_url"), *stated):
        if isinstance(link, str) and link.strip():
            yield link.strip()[:TEXT_CHARS_MAX]


def _owners(ownership: Any) -> frozenset[str] | None:
    if not isinstance(ownership, dict):
        return None
    roles = ownership.get("roles")
    users = (role.get("user") for role in roles or () if isinstance(role, dict))
    owners = {f"user:{user}" for user in list(users)[:ITEMS_MAX] if isinstance(user, str)}
    organisation = ownership.get("organization")
    if isinstance(organisation, str) and organisation:
        owners.add(f"organisation:{organisation}")
    return frozenset(owners)


def _text(value: Any) -> str:
    return value[:TEXT_CHARS_MAX] if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(text[:1000] for text in value[:ITEMS_MAX] if isinstance(text, str))
