"""A feed's bytes from its URL to a file: conditional, bounded, and taken up where it broke off."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from models.errors import FeedError, UpstreamError, UpstreamTooLarge, UpstreamUnavailable
from proxy.feeds.source import FeedSource, check_url
from proxy.index.client import Answer, UpstreamBounds, UpstreamClient

FEED_BYTES_MAX = 2 * 1024**3
"""Bytes of one download; the archive of the malicious-packages repository has some 200 MB."""
FETCH_S = 900.0
"""Seconds one download may take; at 1 MB/s that repository needs 200."""
READ_S = 60.0
"""Seconds of silence: archives are made while one waits."""
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What a server calls a version of what it gave, as it said it; empty: it said nothing."""

    etag: str = ""
    last_modified: str = ""

    @property
    def conditions(self) -> dict[str, str]:
        """The headers that ask for anything but this version."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}

    @property
    def strong(self) -> str:
        """What a partial answer can be tied to (RFC 9110, 13.1.5: a strong one); empty: nothing."""
        return "" if self.etag.startswith("W/") else self.etag or self.last_modified


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A whole download. `path` None: the server says that nothing changed."""

    path: Path | None
    validators: Validators


async def download(
    source: FeedSource,
    folder: Path,
    known: Validators,
    *,
    bytes_max: int = FEED_BYTES_MAX,
    fetch_s: float = FETCH_S,
) -> Downloaded:
    """The file of a feed, below `folder`. Raises FeedError; what came so far stays for the next try."""
    check_url(source.location)
    partial = _Partial(folder / f"{source.name}.part")
    bounds = replace(UpstreamBounds(), read_s=READ_S)
    client = UpstreamClient(source.location, bounds=bounds)
    # The client writes an index's URL with a slash at its end; a feed's is a file.
    url = client.url if source.location.endswith("/") else client.url.removesuffix("/")
    await client.start()
    try:
        async with asyncio.timeout(fetch_s):
            return await client.retrying(
                lambda: _attempt(client, url, partial, known, bytes_max, fetch_s)
            )
    except UpstreamTooLarge as error:
        partial.drop()
        raise FeedError(f"The feed {source.name} is larger than {bytes_max} bytes.") from error
    except (UpstreamError, TimeoutError, OSError) as error:
        told = (
            error.message if isinstance(error, UpstreamError) else str(error) or "it took too long"
        )
        raise FeedError(f"The feed {source.name} could not be fetched: {told}") from error
    finally:
        await client.close()


def discard(source: FeedSource, folder: Path) -> None:
    """Throw away what was downloaded, once it was read."""
    _Partial(folder / f"{source.name}.part").drop()


async def _attempt(
    client: UpstreamClient,
    url: str,
    partial: _Partial,
    known: Validators,
    bytes_max: int,
    fetch_s: float,
) -> Downloaded:
    begun, size = partial.begun(), partial.size()
    headers = {"Accept-Encoding": "identity"}
    if begun.strong:
        headers |= {"Range": f"bytes={size}-", "If-Range": begun.strong}
    else:
        headers |= known.conditions
    async with client.get(url, total_s=fetch_s, headers=headers, raw=True) as answer:
        if answer.status == 304:
            return Downloaded(path=None, validators=known)
        if answer.status == 416 or (answer.status == 206 and _start(answer) != size):
            partial.drop()
            raise UpstreamUnavailable("the server has another file than the one that was begun")
        validators = Validators(
            etag=answer.header("ETag"), last_modified=answer.header("Last-Modified")
        )
        partial.begin(validators, keep=answer.status == 206)
        async for chunk in answer.response.content.iter_chunked(CHUNK_BYTES):
            partial.add(chunk, bytes_max)
    return Downloaded(path=partial.path, validators=validators)


def _start(answer: Answer) -> int:
    """Where a partial answer begins; -1 where it does not say."""
    stated = answer.header("Content-Range").removeprefix("bytes ").partition("-")[0]
    return int(stated) if stated.isdecimal() else -1


class _Partial:
    """What came so far, and beside it what it is part of. Small writes into the page cache: no thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.json")

    def size(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def begun(self) -> Validators:
        """What the bytes are part of; nothing where there are none, or nobody knows."""
        try:
            if self.size():
                return msgspec.json.decode(self._note.read_bytes(), type=Validators)
        except (OSError, msgspec.MsgspecError):
            pass
        return Validators()

    def begin(self, validators: Validators, *, keep: bool) -> None:
        """Go on with what is there, or anew."""
        if not keep:
            self.path.write_bytes(b"")
        self._note.write_bytes(msgspec.json.encode(validators))

    def add(self, chunk: bytes, bytes_max: int) -> None:
        """Append. Raises UpstreamTooLarge past `bytes_max`."""
        if self.size() + len(chunk) > bytes_max:
            raise UpstreamTooLarge(f"It is larger than {bytes_max} bytes.")
        with self.path.open("ab") as file:
            file.write(chunk)

    def drop(self) -> None:
        """Throw away what came so far."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
