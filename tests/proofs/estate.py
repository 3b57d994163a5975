"""A store as an organisation has it after a year, made in bulk and from a seed: for figures, not for truth.

Values are made once by the real classes and then stamped for each row, so that they decode, have their own
digests, and cost what real ones cost to read. Rows go in by plain SQL into a store that today's code made.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sqlite3
from base64 import b32encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256
from models.canonical import Digest
from models.decision import DECISION_ID_CHARS, Action, HoldKind, Override, OverrideAction
from models.work import JobState, Priority
from proxy.store import chain
from proxy.store.codec import digest_of_text, encode, micros
from proxy.store.port import AuditRow
from proxy.store.sql import traffic
from proxy.store.sql.rows import audit_columns
from proxy.store.sqlite import SqliteStore
from tests.proofs.estate_values import (
    EVIDENCE,
    FACTS,
    FILENAME,
    INDEX,
    PROJECT,
    SHA,
    STAMP,
    decision_template,
    evidence_template,
    facts_template,
    split,
    stamp,
)

DAYS = 365
FILES_OF_PROJECT = 5
REQUESTERS = 500
"""Developers and build machines that fetch."""
WORKERS = 3
PAGES = 2_000
PAGE_BYTES = 20_000
OVERRIDES = 200
OPEN_JOBS = 300
REQUESTS = 1_000
TURNED = 1_000
"""Files that were served and are not any more."""
EARLIER_EVERY = 5
"""Every so many files were decided otherwise before."""
BATCH = 5_000
SHAPES = (
    (700, Action.SERVE, None, 90),
    (220, Action.SERVE, None, 70),
    (60, Action.HOLD, HoldKind.REVIEW, 45),
    (15, Action.HOLD, HoldKind.AGE, 85),
    (5, Action.DENY, None, 5),
)
"""Of a thousand files: how many have which action, hold and score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A file of the estate, for whoever asks about it."""

    ref: ArtifactRef
    decision_id: str
    evidence_digest: Digest
    facts_digest: Digest
    number: int
    """Of its decision in the history; of its job too."""
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """What was made. The first files are fetched most."""

    path: Path
    now: datetime
    known: tuple[Known, ...]
    """Every hundredth file, and the first ten."""
    policy: Digest
    model: Digest


def make_estate(
    path: Path,
    *,
    now: datetime,
    policy: Digest,
    model: Digest,
    decisions: int,
    fetches: int,
    seed: int,
) -> Estate:
    """Make a store at `path`, with so many current decisions and fetch records."""
    store = SqliteStore.open(path, clock=lambda: now)
    asyncio.run(store.close())
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute("PRAGMA cache_size = -200000")
    maker = _Maker(raw, random.Random(seed), now, policy, model)  # noqa: S311 - figures, no secret
    raw.execute("BEGIN")
    known = maker.files(decisions)
    maker.fetches(fetches)
    maker.rest()
    raw.execute("COMMIT")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    return Estate(path=path, now=now, known=known, policy=policy, model=model)


@dataclass(slots=True)
class _File:
    number: int
    project: str
    filename: str
    sha256: str
    decision_id: str


class _Maker:
    def __init__(
        self,
        raw: sqlite3.Connection,
        dice: random.Random,
        now: datetime,
        policy: Digest,
        model: Digest,
    ) -> None:
        self._raw = raw
        self._dice = dice
        self._now = now
        self._policy = policy
        self._model = model
        self._begun = now - timedelta(days=DAYS)
        self._files: list[_File] = []
        self._last: AuditRow | None = None

    # -- files ---------------------------------------------------------------------------------
    def files(self, count: int) -> tuple[Known, ...]:
        """Decisions with everything they rest on, in the order of time."""
        shapes = [
            split(encode(decision_template(self._policy, self._model, action, hold, score)))
            for _, action, hold, score in SHAPES
        ]
        weights = [shape[0] for shape in SHAPES]
        evidence, facts = split(encode(evidence_template())), split(encode(facts_template()))
        known: list[Known] = []
        rows: list[_Row] = []
        for place in range(count):
            (which,) = self._dice.choices(range(len(SHAPES)), weights)
            row = self._file(place, count, shapes[which], evidence, facts, which)
            rows.append(row)
            if place < 10 or place % 100 == 0:
                known.append(row.known)
            if len(rows) == BATCH:
                self._put(rows)
                rows = []
        self._put(rows)
        return tuple(known)

    def _file(
        self,
        place: int,
        count: int,
        decision: list[str],
        evidence: list[str],
        facts: list[str],
        which: int,
    ) -> _Row:
        project = f"project-{place // FILES_OF_PROJECT:05d}"
        filename = f"{project.replace('-', '_')}-1.{place % FILES_OF_PROJECT}-py3-none-any.whl"
        sha256 = hashlib.sha256(filename.encode()).hexdigest()
        at = self._begun + timedelta(days=DAYS) * place / count
        at = at.replace(microsecond=0)
        stamps = {
            SHA: sha256,
            PROJECT: project,
            FILENAME: filename,
            STAMP: f"{at:%Y-%m-%dT%H:%M:%SZ}",
        }
        evidence_text = stamp(evidence, stamps)
        facts_text = stamp(facts, stamps)
        evidence_digest, facts_digest = digest_of_text(evidence_text), digest_of_text(facts_text)
        stamps |= {EVIDENCE: evidence_digest, FACTS: facts_digest}
        text = stamp(decision, stamps)
        digest = digest_of_text(text)
        raw = bytes.fromhex(digest.removeprefix("sha256:"))
        known = Known(
            ref=ArtifactRef(
                index=INDEX,
                project=NormalizedName(project),
                filename=filename,
                sha256=Sha256(sha256),
            ),
            decision_id=b32encode(raw).decode().lower()[:DECISION_ID_CHARS],
            evidence_digest=evidence_digest,
            facts_digest=facts_digest,
            number=place + 1,
            held=SHAPES[which][1] is Action.HOLD,
        )
        self._files.append(_File(place + 1, project, filename, sha256, known.decision_id))
        _, action, hold, score = SHAPES[which]
        return _Row(
            known=known,
            at=micros(at),
            digest=digest,
            action=action.value,
            hold=hold.value if hold else None,
            score=score,
            decision=text,
            evidence=evidence_text,
            facts=facts_text,
        )

    def _put(self, rows: list[_Row]) -> None:
        run = self._raw.executemany
        run("INSERT INTO facts VALUES (?, 1, ?)", [(r.known.facts_digest, r.facts) for r in rows])
        run(
            "INSERT INTO evidence (digest, schema_version, value) VALUES (?, 1, ?)",
            [(r.known.evidence_digest, r.evidence) for r in rows],
        )
        run(
            "INSERT INTO evidence_posts (digest, sha256, filename, worker, posted_at) "
            "VALUES (?, ?, ?, ?, ?)",
            [
                (
                    r.known.evidence_digest,
                    r.known.ref.sha256,
                    r.known.ref.filename,
                    f"worker-{r.known.number % WORKERS}",
                    r.at,
                )
                for r in rows
            ],
        )
        run(
            "INSERT INTO decisions (number, id, digest, recorded_at, schema_version, value, action, hold, "
            "score, sha256) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?)",
            [
                (
                    r.known.number, r.known.decision_id, r.digest, r.at, r.decision, r.action, r.hold,
                    r.score, r.known.ref.sha256,
                )
                for r in rows
            ],
        )  # fmt: skip
        places = [(*_columns(r.known.ref), r) for r in rows]
        run(
            "INSERT INTO decision_grounds VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (r.known.number, i, p, s, f, r.known.evidence_digest, r.known.facts_digest)
                for i, p, s, f, r in places
            ],
        )
        run(
            "INSERT INTO current_decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            [
                (
                    r.known.number, i, p, s, f, r.digest, r.action, self._policy, self._model,
                    r.known.evidence_digest,
                )
                for i, p, s, f, r in places
            ],
        )  # fmt: skip
        run(_JOB, [self._job(i, p, s, f, r) for i, p, s, f, r in places])
        run(
            "INSERT INTO dependencies VALUES (?, ?, ?, ?, ?, '1.0', ?)",
            [
                (i, p, s, f, f"project-{number:05d}", hashlib.sha256(b"%d" % number).hexdigest())
                for i, p, s, f, r in places
                for number in {r.known.number % 97, r.known.number % 89}
            ],
        )
        run(
            "INSERT OR REPLACE INTO changes (index_name, project) VALUES (?, ?)",
            [x[:2] for x in places],
        )
        self._audit(rows)

    def _job(
        self, index: str, project: str, sha256: str, filename: str, row: _Row
    ) -> tuple[Any, ...]:
        state = JobState.DECIDED
        if row.known.number <= OPEN_JOBS:
            state = JobState.OBSERVED if row.known.number % 3 else JobState.QUEUED
        return (
            row.known.number, index, project, sha256, filename, state.value, Priority.RESCAN.order,
            row.at, row.at, row.known.facts_digest, row.known.evidence_digest,
        )  # fmt: skip

    def _audit(self, rows: list[_Row]) -> None:
        made = []
        for row in rows:
            self._last = chain.link(
                self._last,
                at=datetime.fromtimestamp(row.at / 1e6, tz=UTC),
                actor="judge",
                action="decision_made",
                subject=row.known.ref.key,
                detail=f'{{"action":"{row.action}","digest":"{row.digest}"}}',
            )
            made.append(audit_columns(self._last))
        self._raw.executemany(
            "INSERT INTO audit VALUES (:number, :at, :actor, :action, :subject, :detail, :previous, "
            ":hash)",
            made,
        )

    # -- what went by --------------------------------------------------------------------------
    def fetches(self, count: int) -> None:
        """Fetch records: the first file has some six of a hundred, the last ones hardly any."""
        files, dice, begun = self._files, self._dice, micros(self._begun)
        span = DAYS * 86_400 * 1_000_000
        for start in range(0, count, BATCH * 4):
            rows = []
            for number in range(start, min(count, start + BATCH * 4)):
                file = files[int(len(files) ** dice.random()) - 1]
                who = dice.randrange(REQUESTERS)
                rows.append(
                    (
                        begun + span * number // count, INDEX, file.project, file.sha256,
                        file.filename, f"machine-{who:03d}", f"10.0.{who >> 8}.{who & 255}",
                        "pip/25.1 CPython/3.13.2 Linux/6.1", 200, file.decision_id,
                    )
                )  # fmt: skip
            self._raw.executemany(
                "INSERT INTO fetches (at, index_name, project, sha256, filename, requester, address, "
                "user_agent, status, decision_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        self._raw.execute(traffic.ADD_UP, {"last": 0})

    def rest(self) -> None:
        """People's acts, pages, and decisions from before."""
        now = micros(self._now)
        for number in range(OVERRIDES):
            override = _override(self._files[number * 7 % len(self._files)], number, self._now)
            self._raw.execute(
                "INSERT INTO overrides (id, project, created_at, expires_at, schema_version, value) "
                "VALUES (?, ?, ?, ?, 1, ?)",
                (
                    override.id, override.project, micros(override.created_at),
                    micros(override.expires_at), encode(override),
                ),
            )  # fmt: skip
        self._raw.executemany(
            "INSERT INTO tokens (id, kind, name, hash, created_at) VALUES (?, 'client', ?, ?, ?)",
            [
                (f"{n:08x}", f"machine-{n:03d}", hashlib.sha256(b"token %d" % n).hexdigest(), now)
                for n in range(REQUESTERS)
            ],
        )
        self._raw.execute("INSERT OR IGNORE INTO indexes VALUES (?)", (INDEX,))
        self._raw.executemany(
            "INSERT INTO pages VALUES (?, ?, 'application/json', '', ?, 600, 200, ?)",
            [
                (INDEX, f"project-{n:05d}", now, b"%d" % n + bytes(PAGE_BYTES))
                for n in range(min(PAGES, len(self._files) // FILES_OF_PROJECT))
            ],
        )
        self._requests()
        self._raw.execute(
            "INSERT INTO watches (index_name, project, sha256, filename, since, analysed_at, wanted) "
            "SELECT index_name, project, sha256, filename, recorded_at, recorded_at, 0 "
            "FROM current_decisions c JOIN decisions d USING (number, sha256) "
            "WHERE c.action = 'SERVE' AND d.score BETWEEN 61 AND 80"
        )
        self._raw.execute(
            "INSERT OR IGNORE INTO origins SELECT project, index_name, 0 FROM current_decisions"
        )
        self._raw.execute(
            "INSERT INTO worsened_decisions SELECT number, number, recorded_at, index_name, project, "
            "sha256, filename, 0 FROM current_decisions c JOIN decisions d USING (number, sha256) "
            "WHERE c.action <> 'SERVE' ORDER BY number DESC LIMIT ?",
            (TURNED,),
        )
        earlier = self._files[::EARLIER_EVERY]
        self._raw.executemany(
            "INSERT INTO decisions (id, digest, recorded_at, schema_version, value, action, hold, score, "
            "sha256) SELECT 'x' || id, digest, recorded_at - 1, schema_version, value, action, hold, "
            "score, sha256 FROM decisions "
            "WHERE number = ?",
            [(file.number,) for file in earlier],
        )

    def _requests(self) -> None:
        """Requests for exceptions, half of them answered."""
        now = micros(self._now)
        files = [self._files[n * 11 % len(self._files)] for n in range(REQUESTS)]
        self._raw.executemany(
            "INSERT INTO override_requests (id, decision_id, index_name, project, sha256, filename, "
            "scope, specifier, days, justification, requester, created_at, expires_at, state, "
            "decided_by, answer, override_id) VALUES "
            "(?, ?, ?, ?, ?, ?, 'file', '', 30, 'we need it', ?, ?, ?, ?, '', '', '')",
            [
                (
                    f"request-{n:05d}", file.decision_id, INDEX, file.project, file.sha256,
                    file.filename, f"machine-{n % REQUESTERS:03d}", now - n, now + 10**12,
                    "open" if n % 2 else "refused",
                )
                for n, file in enumerate(files)
            ],
        )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class _Row:
    known: Known
    at: int
    digest: Digest
    action: str
    hold: str | None
    score: int
    decision: str
    evidence: str
    facts: str


_JOB = (
    "INSERT INTO jobs (id, index_name, project, sha256, filename, size_bytes, state, priority, "
    "attempts, created_at, updated_at, lease_id, worker, last_error, facts_digest, evidence_digest) "
    "VALUES (?, ?, ?, ?, ?, 1000, ?, ?, 1, ?, ?, '', '', '', ?, ?)"
)


def _columns(ref: ArtifactRef) -> tuple[str, str, str, str]:
    return ref.index, ref.project, ref.sha256, ref.filename


def _override(file: _File, number: int, now: datetime) -> Override:
    made = Override(
        id=f"{number:08x}",
        action=OverrideAction.ALLOW,
        project=NormalizedName(file.project),
        specifier="",
        sha256=None,
        bound=(Sha256(file.sha256),),
        future=False,
        above_proof=False,
        actor="ada",
        justification="reviewed",
        created_at=now - timedelta(days=10),
        expires_at=now + timedelta(days=80),
    )
    return replace(made, expires_at=made.expires_at + timedelta(days=number))
