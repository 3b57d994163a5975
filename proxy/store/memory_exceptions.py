"""The twin's exceptions, who installed what, and the audit log as a list."""
# ruff: noqa: D102 -- the ports document every method, once, for both stores.

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256
from models.clock import Clock
from models.decision import Action, Decision, HoldKind, Override
from models.errors import StoreConflict
from proxy.admin.events import Event
from proxy.store.audit_port import AuditLog, AuditPort
from proxy.store.bounds import row_limit
from proxy.store.codec import micros
from proxy.store.exceptions_port import (
    Answer,
    ExceptionsPort,
    OverrideRequest,
    OverrideUses,
    RequestState,
    Use,
)
from proxy.store.installed_port import Holder, Holders, InstalledPort, Worsened
from proxy.store.port import AuditRow, Fetch
from proxy.store.requests import (
    ENDED,
    EXTENDED,
    REQUESTED,
    answer_detail,
    check_extendable,
    check_room,
    checked,
    ended,
    extension_detail,
    request_detail,
    same_request,
)

_Client = tuple[str, str, str]


class MemoryExceptions(ExceptionsPort, InstalledPort, AuditPort):
    """Methods of `MemoryStore`, over what it holds."""

    _clock: Clock
    _history: list[Decision]
    _current: dict[ArtifactRef, int]
    _fetches: list[Fetch]
    _audit: list[AuditRow]
    _overrides: dict[str, Override]

    def __init__(self) -> None:
        super().__init__()
        self._requests: dict[str, OverrideRequest] = {}
        """In the order in which they came, which is their number."""
        self._extends: dict[str, str] = {}
        self._reminders: set[tuple[str, int]] = set()
        self._override_decisions: dict[str, set[str]] = {}
        self._worse: dict[int, tuple[int, datetime, ArtifactRef, bool]] = {}
        """Number of the decision → the one that served, when, of what, and whether it waits."""

    # -- what the store has, and this part needs ----------------------------------------------
    def _append_audit(self, actor: str, action: str, subject: str, detail: str) -> None:
        raise NotImplementedError

    def _tell_all(self, events: Sequence[Event]) -> None:
        raise NotImplementedError

    async def add_override(self, override: Override) -> None:
        raise NotImplementedError

    async def revoke_override(self, override_id: str, *, actor: str, at: datetime) -> Override:
        raise NotImplementedError

    # -- requests ----------------------------------------------------------------------------
    async def add_request(self, request: OverrideRequest, *, telling: Sequence[Event] = ()) -> None:
        kept = checked(request)
        if kept.id in self._requests:
            raise StoreConflict(f"There is another request {kept.id} already.")
        states = [one.as_of(kept.created_at) for one in self._requests.values()]
        open_ = [one for one in states if one.state is RequestState.OPEN]
        own = [one for one in open_ if one.requester == kept.requester]
        for one in own:
            if (one.ref, one.scope, one.specifier) == (kept.ref, kept.scope, kept.specifier):
                raise same_request(one)
        check_room(of_requester=len(own), in_all=len(open_))
        self._append_audit(kept.requester, REQUESTED, kept.id, request_detail(kept))
        self._requests[kept.id] = kept
        self._tell_all(telling)

    async def request(self, request_id: str) -> tuple[int, OverrideRequest] | None:
        found = (entry for entry in self._numbered() if entry[1].id == request_id)
        return next(found, None)

    async def requests(
        self,
        *,
        state: RequestState | None = None,
        requester: str = "",
        before: int = 0,
        limit: int = 100,
    ) -> tuple[tuple[int, OverrideRequest], ...]:
        found = [
            (number, one)
            for number, one in self._numbered()
            if state in (None, one.state)
            and requester in ("", one.requester)
            and (before <= 0 or number < before)
        ]
        return tuple(found[::-1][: row_limit(limit)])

    async def approve_request(
        self,
        request_id: str,
        override: Override,
        answer: Answer,
        *,
        telling: Sequence[Event] = (),
    ) -> OverrideRequest:
        done = ended(self._requests.get(request_id), answer, request_id)
        await self.add_override(override)
        self._tell_all(telling)
        return self._end(replace(done, override_id=override.id))

    async def end_request(
        self, request_id: str, answer: Answer, *, telling: Sequence[Event] = ()
    ) -> OverrideRequest:
        done = self._end(ended(self._requests.get(request_id), answer, request_id))
        self._tell_all(telling)
        return done

    async def extend_override(
        self, override_id: str, extended: Override, *, at: datetime
    ) -> Override:
        check_extendable(self._overrides.get(override_id), override_id, at)
        await self.add_override(extended)
        await self.revoke_override(override_id, actor=extended.actor, at=at)
        detail = extension_detail(override_id, extended)
        self._append_audit(extended.actor, EXTENDED, extended.id, detail)
        self._extends[extended.id] = override_id
        return extended

    async def request_behind(self, override_id: str) -> OverrideRequest | None:
        line: str | None = override_id
        while line:
            for _, one in self._numbered():
                if one.override_id == line:
                    return one
            line = self._extends.get(line)
        return None

    # -- uses and reminders ------------------------------------------------------------------
    async def override_uses(self, override_id: str, *, limit: int = 100) -> OverrideUses:
        made = self._override_decisions.get(override_id, set())
        fetches = [fetch for fetch in self._fetches if fetch.decision_id in made]
        by: dict[_Client, list[datetime]] = {}
        for fetch in fetches:
            by.setdefault(_client(fetch), []).append(fetch.at)
        uses = [
            Use(
                requester=client[0],
                groups=tuple(client[1].split()),
                address=client[2],
                fetches=len(times),
                first_at=min(times),
                last_at=max(times),
            )
            for client, times in sorted(by.items())
        ]
        uses.sort(key=lambda use: use.last_at, reverse=True)
        return OverrideUses(
            override_id=override_id,
            decisions=len(made),
            fetches=len(fetches),
            first_at=min((fetch.at for fetch in fetches), default=None),
            last_at=max((fetch.at for fetch in fetches), default=None),
            clients=len(uses),
            by=tuple(uses[: row_limit(limit)]),
        )

    async def reminder_told(self, override_id: str, threshold_h: int) -> bool:
        return (override_id, threshold_h) in self._reminders

    async def tell_reminder(
        self, override_id: str, threshold_h: int, *, at: datetime, telling: Sequence[Event] = ()
    ) -> bool:
        micros(at)
        new = (override_id, threshold_h) not in self._reminders
        self._reminders.add((override_id, threshold_h))
        self._tell_all(telling if new else ())
        return new

    # -- who installed what ------------------------------------------------------------------
    async def holders(self, files: Sequence[Sha256], *, limit: int = 10_000) -> Holders:
        wanted = set(files)
        by: dict[tuple[Sha256, _Client], list[Fetch]] = {}
        for fetch in self._fetches:
            if fetch.ref.sha256 in wanted:
                by.setdefault((fetch.ref.sha256, _client(fetch)), []).append(fetch)
        rows = [
            Holder(
                sha256=sha256,
                requester=client[0],
                groups=tuple(client[1].split()),
                address=client[2],
                fetches=len(found),
                whole=sum(fetch.status == 200 for fetch in found),
                parts=sum(fetch.status == 206 for fetch in found),
                first_at=min(fetch.at for fetch in found),
                last_at=max(fetch.at for fetch in found),
            )
            for (sha256, client), found in sorted(by.items())
        ]
        rows.sort(key=lambda row: row.last_at, reverse=True)
        return Holders(
            rows=tuple(rows[: row_limit(limit)]),
            count=len(rows),
            fetches=sum(row.fetches for row in rows),
        )

    async def refs_of(self, project: NormalizedName) -> tuple[ArtifactRef, ...]:
        found = [ref for ref in self._current if ref.project == project]
        return tuple(sorted(found, key=lambda ref: (ref.filename, ref.index, ref.sha256)))

    async def worsened(
        self, *, since: datetime, before: int = 0, limit: int = 100
    ) -> tuple[Worsened, ...]:
        micros(since)
        found = [
            Worsened(
                number=number,
                at=at,
                decision=self._history[number - 1],
                served=self._history[served - 1],
            )
            for number, (served, at, _, waits) in sorted(self._worse.items(), reverse=True)
            if not waits and at >= since and (before <= 0 or number < before)
        ]
        return tuple(found[: row_limit(limit)])

    # -- the audit log -----------------------------------------------------------------------
    async def audit_rows(
        self,
        log: AuditLog = AuditLog.ALL,
        *,
        after: int = 0,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
    ) -> tuple[AuditRow, ...]:
        found = [
            row
            for row in self._audit
            if row.number > after
            and log.has(row.action)
            and (since is None or micros(row.at) >= micros(since))
            and (until is None or micros(row.at) < micros(until))
        ]
        return tuple(found[: row_limit(limit)])

    async def audit_before(
        self, log: AuditLog = AuditLog.ALL, *, before: int = 0, limit: int
    ) -> tuple[AuditRow, ...]:
        found = [
            row
            for row in self._audit
            if log.has(row.action) and (before <= 0 or row.number < before)
        ]
        return tuple(found[::-1][: row_limit(limit)])

    # -- within ------------------------------------------------------------------------------
    def _numbered(self) -> Iterable[tuple[int, OverrideRequest]]:
        now = self._clock()
        return [(n, one.as_of(now)) for n, one in enumerate(self._requests.values(), 1)]

    def _end(self, done: OverrideRequest) -> OverrideRequest:
        self._append_audit(done.decided_by, ENDED[done.state], done.id, answer_detail(done))
        self._requests[done.id] = done
        return done

    def _note_decision(self, decision: Decision, before: int | None) -> None:
        """What `sql.deciding` does beside: `before` is the number of the one that was current."""
        if decision.override_id:
            self._override_decisions.setdefault(decision.override_id, set()).add(decision.id)
        if before is None:
            return
        number, now = len(self._history), self._clock()
        waits = decision.hold is HoldKind.ANALYSIS
        old = self._history[before - 1]
        if old.action is Action.SERVE and not decision.served:
            self._worse[number] = (before, now, decision.ref, waits)
        elif old.action is Action.HOLD and not waits:
            open_ = any(one[3] and one[2] == decision.ref for one in self._worse.values())
            self._settle(decision, number, now)
            fetched = any(fetch.ref.sha256 == decision.ref.sha256 for fetch in self._fetches)
            if not open_ and old.hold is HoldKind.ANALYSIS and not decision.served and fetched:
                self._worse[number] = (before, now, decision.ref, False)

    def _settle(self, decision: Decision, number: int, now: datetime) -> None:
        for was, (served, _, ref, waits) in list(self._worse.items()):
            if waits and ref == decision.ref:
                del self._worse[was]
                if not decision.served:
                    self._worse[number] = (served, now, ref, False)


def _client(fetch: Fetch) -> _Client:
    return fetch.requester, " ".join(fetch.groups), fetch.address
