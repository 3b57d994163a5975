"""What the API takes and gives, where it is not a value that the store keeps as it is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from models.artifact import PROJECT_CHARS_MAX, PROJECT_PATTERN
from models.decision import Action, Decision, HoldKind, Override, OverrideAction, TrustTier
from policies.outcome import Outcome
from policies.trial import Tried
from proxy.admin.access import Role
from proxy.admin.events import EventKind
from proxy.lockfiles import Locked
from proxy.simulating import DAYS_MAX
from proxy.store.audit_port import AuditLog
from proxy.store.exceptions_port import RequestState, Scope
from proxy.store.pages_port import HeldCount, Hour, QueueState, Recorded, Waiting
from proxy.store.policy_port import PolicyDocument
from proxy.store.port import Token, TokenKind
from proxy.store.telling_port import Delivery, Template
from proxy.web.api.operation import ROWS, ROWS_MAX

Before = Annotated[int, Meta(ge=0, le=2**53)]
Limit = Annotated[int, Meta(ge=1, le=ROWS_MAX)]
Text = Annotated[str, Meta(max_length=2_000)]
Words = Annotated[str, Meta(min_length=1, max_length=2_000, pattern=r"[!-~]")]
"""Something that a person wrote: it says something."""
Short = Annotated[str, Meta(max_length=200)]
Days = Annotated[int, Meta(ge=1, le=3_650)]
Project = Annotated[str, Meta(max_length=PROJECT_CHARS_MAX, pattern=f"^({PROJECT_PATTERN})?$")]
"""A project's name in any spelling; empty: none is meant."""
Digest = Annotated[str, Meta(max_length=64, pattern=r"^([0-9a-fA-F]{64})?$")]
"""A sha256 in hex; empty: none is meant."""
Name = Annotated[
    str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
]
HOURS_MAX = 24 * 31
"""Hours that one overview goes back."""
Group = Annotated[str, Meta(max_length=40, pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class Taken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends: a key that nobody knows is a mistake, and said."""


# -- queries ------------------------------------------------------------------------------------
class Rows(Taken, frozen=True, kw_only=True):
    before: Before = 0
    limit: Limit = ROWS


class DecisionQuery(Rows, frozen=True, kw_only=True):
    action: Action | None = None
    project: Project = ""


class HeldQuery(Taken, frozen=True, kw_only=True):
    project: Project = ""
    hold: HoldKind = HoldKind.REVIEW
    after: Before = 0
    limit: Limit = ROWS


class OverrideQuery(Rows, frozen=True, kw_only=True):
    active: bool = False


class RequestQuery(Rows, frozen=True, kw_only=True):
    state: RequestState | None = None
    requester: Short = ""


class AuditQuery(Rows, frozen=True, kw_only=True):
    log: AuditLog = AuditLog.ALL


class Some(Taken, frozen=True, kw_only=True):
    limit: Limit = ROWS


class Later(Some, frozen=True, kw_only=True):
    after: Before = 0


class WatchQuery(Some, frozen=True, kw_only=True):
    project: Project = ""


class TurnedQuery(Rows, frozen=True, kw_only=True):
    days: Days = 30


class ExpiringQuery(Taken, frozen=True, kw_only=True):
    days: Days = 7


class FlowQuery(Taken, frozen=True, kw_only=True):
    hours: Annotated[int, Meta(ge=1, le=HOURS_MAX)] = 24


class EndTokenQuery(Taken, frozen=True, kw_only=True):
    last_admin: bool = False
    """The last admin's token may end too; then only `pratique token add` makes another."""


# -- bodies -------------------------------------------------------------------------------------
class ReviewBody(Taken, frozen=True, kw_only=True):
    action: OverrideAction
    justification: Words
    days: Days
    whole_release: bool = False


class OverrideBody(Taken, frozen=True, kw_only=True):
    action: OverrideAction
    justification: Words
    days: Days
    project: Project = ""
    specifier: Short = ""
    sha256: Digest = ""
    future: bool = False


class ExtendBody(Taken, frozen=True, kw_only=True):
    justification: Words
    days: Days


class LockText(Taken, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[ -~]+$")]
    """Of the file; it stands in the justification where none is given."""
    text: Annotated[str, Meta(max_length=1_000_000)]


class LocksBody(Taken, frozen=True, kw_only=True):
    locks: Annotated[tuple[LockText, ...], Meta(min_length=1, max_length=16)]
    days: Days
    justification: Text = ""
    dry_run: bool = False
    """Only say what would be allowed."""


class RequestBody(Taken, frozen=True, kw_only=True):
    decision_id: Short
    justification: Words
    scope: Scope = Scope.FILE
    specifier: Short = ""
    days: Days = 30


class ApproveBody(Taken, frozen=True, kw_only=True):
    answer: Text = ""
    above_proof: bool = False


class RefuseBody(Taken, frozen=True, kw_only=True):
    answer: Words


class PolicyBody(Taken, frozen=True, kw_only=True):
    text: Annotated[str, Meta(max_length=1_000_000)]
    comment: Annotated[str, Meta(max_length=1_000)] = ""
    expected: Annotated[int, Meta(ge=0)] = 0
    """The number that is in force as far as the caller knows; 0: none."""


class PolicyText(Taken, frozen=True, kw_only=True):
    text: Annotated[str, Meta(max_length=1_000_000)]


class CasesBody(PolicyText, frozen=True, kw_only=True):
    cases: Annotated[str, Meta(max_length=1_000_000)]
    """The table, as `pratique policy test` takes it."""


class TrialBody(PolicyText, frozen=True, kw_only=True):
    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = 14


class TokenBody(Taken, frozen=True, kw_only=True):
    name: Name
    kind: TokenKind = TokenKind.CLIENT
    role: Role = Role.INSTALLER
    groups: Annotated[tuple[Group, ...], Meta(max_length=16)] = ()
    person: Annotated[str, Meta(max_length=64, pattern=r"^[ -~]{0,64}$")] = ""
    """Whose it is; empty: the name stands for the person."""
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class WebhookBody(Taken, frozen=True, kw_only=True):
    name: Name
    url: Text
    kinds: tuple[EventKind, ...] = ()
    template: Template = Template.JSON
    allow_private: bool = False


class RetryBody(Taken, frozen=True, kw_only=True):
    numbers: (
        Annotated[tuple[Annotated[int, Meta(ge=1, le=2**53)], ...], Meta(max_length=1_000)] | None
    ) = None
    """Null: all."""


class MoveBody(Taken, frozen=True, kw_only=True):
    to: Annotated[str, Meta(max_length=32, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    justification: Words


# -- what comes back ----------------------------------------------------------------------------
class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A decision in short; the whole of it is at its own address."""

    id: str
    project: str
    version: str
    filename: str
    sha256: str
    index: str
    action: Action
    hold: HoldKind | None
    tier: TrustTier | None
    score: int | None
    reasons: tuple[str, ...]
    as_of: datetime
    expires_at: datetime | None
    override_id: str
    policy_digest: str

    @classmethod
    def of(cls, row: Recorded, sentences: tuple[str, ...]) -> Told:
        """`sentences`: its causes, in words."""
        decision = row.decision
        return cls(
            id=row.id,
            project=decision.ref.project,
            version=decision.ref.version,
            filename=decision.ref.filename,
            sha256=decision.ref.sha256,
            index=decision.ref.index,
            action=decision.action,
            hold=decision.hold,
            tier=decision.tier,
            score=decision.score.value if decision.score else None,
            reasons=sentences,
            as_of=decision.as_of,
            expires_at=decision.expires_at,
            override_id=decision.override_id,
            policy_digest=decision.policy_digest,
        )


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A decision with its score, layer by layer."""

    decision: Decision
    reasons: tuple[str, ...]
    current: bool
    """Whether it is the one in force."""


class TokenShown(msgspec.Struct, frozen=True, kw_only=True):
    """A token without its hash."""

    id: str
    kind: TokenKind
    name: str
    role: Role
    groups: tuple[str, ...]
    person: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, token: Token) -> TokenShown:
        """What may be seen of `token`."""
        return cls(
            id=token.id,
            kind=token.kind,
            name=token.name,
            role=token.role,
            groups=token.groups,
            person=token.owner,
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
        )


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new token; its secret is shown only now."""

    token: TokenShown
    secret: str


class WebhookMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new webhook; its secret is shown only now."""

    id: str
    name: str
    secret: str


class PolicyChecked(msgspec.Struct, frozen=True, kw_only=True):
    """A sound policy."""

    digest: str
    mode: str
    rules: int


class PolicyInForce(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force in this process."""

    digest: str
    mode: str
    source: str
    text: str
    number: int
    """Of the store's document; 0: it comes from a file, or is the one that ships."""


class CaseTried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a case."""

    name: str
    expected: Outcome
    found: Outcome
    tier: TrustTier | None
    rule: str
    """The operator's rule that decided; empty: none did."""
    passed: bool

    @classmethod
    def of(cls, tried: Tried) -> CaseTried:
        """The case's name, what it expects and what came of it."""
        return cls(
            name=tried.trial.name,
            expected=tried.trial.expected,
            found=tried.found,
            tier=tried.decision.tier,
            rule=tried.rule,
            passed=tried.passed,
        )


class Grandfathered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of some lock files."""

    files: int
    """Files that are allowed now and were not."""
    overrides: tuple[str, ...]
    """One for each release."""
    covered: int
    """Releases that an override allows already, for about as long."""
    malicious: tuple[Locked, ...]
    """Releases with files that are known to be malicious: those files were left out."""
    unpinned: tuple[str, ...]
    """Names that a lock mentions without a sha256: those were left out."""


class Flowing(msgspec.Struct, frozen=True, kw_only=True):
    """What flows, and what waits."""

    hours: tuple[Hour, ...]
    """Hours in which something happened, by their beginning."""
    held: tuple[HeldCount, ...]
    queue: QueueState


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is not tried again by itself."""

    webhook: str
    """Its name; empty: it is gone."""
    delivery: Delivery


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many."""

    count: int


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    name: str
    role: Role
    groups: tuple[str, ...]


__all__ = [
    "Override",
    "PolicyDocument",
    "Recorded",
    "Waiting",
]
