"""Files of a resolved set, fetched into sealed memfds that live as long as the analysis."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

from analyzer.job import Job, Opened
from models.artifact import Sha256

FETCHES_AT_ONCE = 6
"""Files that are fetched side by side."""


async def fetch_all(job: Job, opened: Opened, wanted: Iterable[Sha256]) -> dict[Sha256, int]:
    """Have each of these in `job.descriptors`; returns their sizes. Raises what the proxy raised."""
    every = list(dict.fromkeys(wanted))
    places = asyncio.Semaphore(FETCHES_AT_ONCE)

    async def fetch(sha256: Sha256) -> None:
        async with places:
            descriptor = await job.proxy.fetch(sha256)
        opened.callback(os.close, descriptor)
        job.descriptors[sha256] = descriptor

    missing = [sha256 for sha256 in every if sha256 not in job.descriptors]
    for result in await asyncio.gather(*map(fetch, missing), return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
    return {sha256: os.fstat(job.descriptors[sha256]).st_size for sha256 in every}
