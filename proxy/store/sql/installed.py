"""Who has which bytes, as triggers add it up; and which files turned for the worse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256
from models.decision import Action, Decision, HoldKind
from proxy.store.bounds import row_limit
from proxy.store.codec import micros, moment
from proxy.store.installed_port import Holder, Holders, Worsened
from proxy.store.sql import traffic
from proxy.store.sql.connection import Row, Session
from proxy.store.sql.rows import ref_columns, ref_of, value_of

# Both group in the order of the table, which sorts nothing. Totals as a window over the first would
# write all groups into a table of its own.
HOLDERS = """
SELECT sha256, requester, groups, address, sum(fetches) AS fetches, sum(whole) AS whole,
  sum(parts) AS parts, min(first_at) AS first_at, max(last_at) AS last_at
FROM holders WHERE sha256 IN (SELECT value FROM json_each(:files))
GROUP BY sha256, requester, groups, address
ORDER BY last_at DESC, sha256, requester, groups, address LIMIT :limit
"""
HOLDERS_TOTAL = """
SELECT count(*) AS holders, coalesce(sum(fetches), 0) AS fetches FROM (
  SELECT sum(fetches) AS fetches FROM holders
  WHERE sha256 IN (SELECT value FROM json_each(:files))
  GROUP BY sha256, requester, groups, address
)
"""
REFS_OF = """
SELECT * FROM current_decisions WHERE project = :project ORDER BY filename, index_name, sha256
"""
WAITS = """
SELECT number FROM worsened_decisions
WHERE index_name = :index_name AND project = :project
  AND sha256 = :sha256 AND filename = :filename AND waits = 1
"""
BEGIN = """
INSERT INTO worsened_decisions (
  number, served, at, index_name, project, sha256, filename, waits
) VALUES (:number, :served, :at, :index_name, :project, :sha256, :filename, :waits)
"""
SETTLE = "UPDATE worsened_decisions SET number = :number, at = :at, waits = 0 WHERE number = :was"
FORGET = "DELETE FROM worsened_decisions WHERE number = :was"
WORSENED = """
SELECT w.number, w.at, d.schema_version, d.value,
  s.schema_version AS served_version, s.value AS served_value
FROM worsened_decisions w JOIN decisions d ON d.number = w.number
LEFT JOIN decisions s ON s.number = w.served
WHERE w.waits = 0 AND w.at >= :since AND w.number < :before
ORDER BY w.number DESC LIMIT :limit
"""
NEWEST = 2**63 - 1
"""Above every number."""


def holders(session: Session, files: Sequence[Sha256], *, limit: int) -> Holders:
    """Who fetched any of some bytes."""
    params = {"files": json.dumps(list(files)), "limit": row_limit(limit)}
    total = session.rows(HOLDERS_TOTAL, params)[0]
    return Holders(
        rows=tuple(_holder_of(row) for row in session.rows(HOLDERS, params)),
        count=total["holders"],
        fetches=total["fetches"],
    )


def refs_of(session: Session, project: NormalizedName) -> tuple[ArtifactRef, ...]:
    """Refs of a project, from the columns alone."""
    return tuple(ref_of(row) for row in session.rows(REFS_OF, {"project": project}))


def follow(
    session: Session,
    decision: Decision,
    *,
    number: int,
    before: Row | None,
    now: datetime,
) -> None:
    """Note where a new decision ends that its file is served.

    `before` is the one that was current: its number, action and hold. An analysis that begins anew
    opens the question, and what comes after it answers. What went out unjudged, where nothing is
    enforced, was served as well.
    """
    if before is None:
        return
    waits = decision.hold is HoldKind.ANALYSIS
    params = ref_columns(decision.ref) | {"number": number, "at": micros(now), "waits": int(waits)}
    if before["action"] == Action.SERVE:
        if not decision.served:
            session.run(BEGIN, params | {"served": before["number"]})
    elif waits or before["action"] != Action.HOLD:
        return
    elif open_ := session.row(WAITS, params):
        asked = {"was": open_["number"], "number": number, "at": micros(now)}
        session.run(FORGET if decision.served else SETTLE, asked)
    elif (
        before["hold"] == HoldKind.ANALYSIS and not decision.served and _fetched(session, decision)
    ):
        session.run(BEGIN, params | {"served": before["number"]})


def _fetched(session: Session, decision: Decision) -> bool:
    return traffic.count(session, decision.ref.sha256) > 0


def worsened(session: Session, *, since: datetime, before: int, limit: int) -> tuple[Worsened, ...]:
    """Files that turned for the worse, newest first."""
    params = {
        "since": micros(since),
        "before": before if 0 < before < NEWEST else NEWEST,
        "limit": row_limit(limit),
    }
    return tuple(_worsened_of(row) for row in session.rows(WORSENED, params))


def _holder_of(row: Row) -> Holder:
    return Holder(
        sha256=Sha256(row["sha256"]),
        requester=row["requester"],
        groups=tuple(row["groups"].split()),
        address=row["address"],
        fetches=row["fetches"],
        whole=row["whole"],
        parts=row["parts"],
        first_at=moment(row["first_at"]),
        last_at=moment(row["last_at"]),
    )


def _worsened_of(row: Row) -> Worsened:
    served = None
    if row["served_value"] is not None:
        stored = {"schema_version": row["served_version"], "value": row["served_value"]}
        served = value_of(Decision, stored)
    return Worsened(
        number=row["number"],
        at=moment(row["at"]),
        decision=value_of(Decision, row),
        served=served,
    )
