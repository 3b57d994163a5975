"""The store's bounds: how much of everything it keeps or gives at once, and how long it waits."""

from __future__ import annotations

from models.evidence import TRACE_BYTES_MAX
from models.work import RESOLVED_FILES_MAX

DATABASE = "pratique.sqlite3"
"""The store's file in the data folder; SQLite keeps others beside it."""
STORE_FILES = tuple(DATABASE + end for end in ("", "-wal", "-shm", "-journal"))

OPEN_JOBS_MAX = 10_000
"""Open jobs; at 1 s each a machine works on them for three hours, and nobody waits longer."""

RETRY_DELAY_S = 2
"""Seconds before a failed job is leased again: a restarted sandbox daemon is back by then, so that
one restart does not use up every attempt of a job within milliseconds."""

LEASE_FILES_MAX = 2 * RESOLVED_FILES_MAX
"""Files in the capability of one lease: one resolved set to run, one to build."""

BLOB_BYTES_MAX = TRACE_BYTES_MAX
"""Bytes of one blob; the compressed trace is the largest there is (DESIGN.md, Bounds)."""

ROWS_MAX = 10_000
"""Rows that one call gives back, whatever its caller asks for."""

FETCH_TEXT_CHARS_MAX = 300
"""Characters kept of a user agent, an address or a requester: all may come from a stranger."""

HEADER_CHARS_MAX = 1_000
"""Characters kept of an upstream's header; real etags have less than a hundred."""

ERROR_CHARS_MAX = 1_000
"""Characters kept of a worker's error; `FailurePost.error` allows no more."""

AUDIT_DETAIL_CHARS_MAX = 64 * 1024
"""Characters of one audit row's detail; ours have a few hundred and a justification."""

MEMORY_CHARS_MAX = 8 * 1024
"""Characters of one remembered value; a publisher has some 300, a list of owners some 20 each."""

MEMORY_ROWS_MAX = 2_000
"""Files of one project whose publishers, or owners, are remembered; ample for years of releases."""
DEPENDENCIES_MAX = 400
"""Dependencies kept of one file; a resolution looks at no more projects."""

POLICY_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of one policy's text: a document has a million characters at most, of four bytes each."""

INDEXES_SEEN_MAX = 64
"""Index names that a process remembers having been asked about; operators have a handful."""


EXPOSURE_DAYS = 90
"""Days for which it is known who fetched a file, whatever is set: releases turned out to be malicious
up to some two months after their upload (xz 5.6.0 after 35 days), and then that list is needed."""


def row_limit(limit: int) -> int:
    """`limit` within 0 and ROWS_MAX (SQLite reads a negative LIMIT as none at all)."""
    return max(0, min(limit, ROWS_MAX))
