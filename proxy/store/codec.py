"""Values as they stand in a row: canonical JSON that reads back, and times as whole microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from analyzer.advisories.record import ADVISORY_SCHEMA_VERSION, Advisory
from models.canonical import Digest, canonical_json, digest_of_bytes
from models.decision import DECISION_SCHEMA_VERSION, Decision, Override
from models.errors import StoreError, StoreSchemaNewer
from models.evidence import EVIDENCE_SCHEMA_VERSION, Evidence
from models.facts import FACTS_SCHEMA_VERSION, Facts
from proxy.admin.events import Event
from proxy.store.gathering import Gathered

T = TypeVar("T")

OVERRIDE_SCHEMA_VERSION = 1
"""An override carries no version of its own; its row does."""
EVENT_SCHEMA_VERSION = 1
"""The same of an event."""
GATHERED_SCHEMA_VERSION = 1
"""The same of what a summary is made from."""

_VERSIONS: dict[type[Any], int] = {
    Decision: DECISION_SCHEMA_VERSION,
    Evidence: EVIDENCE_SCHEMA_VERSION,
    Advisory: ADVISORY_SCHEMA_VERSION,
    Facts: FACTS_SCHEMA_VERSION,
    Override: OVERRIDE_SCHEMA_VERSION,
    Event: EVENT_SCHEMA_VERSION,
    Gathered: GATHERED_SCHEMA_VERSION,
}
_DECODERS: dict[type[Any], msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in _VERSIONS
}
_ADVISORIES = msgspec.json.Encoder(order="deterministic")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REPORT = "This is a fault of Pratique; please report it with the log line before it."


def encode(value: Any) -> str:
    """The canonical JSON of a value, once it is sure that it reads back as the same value.

    What is stored must stay readable: a text beyond its bound would encode, and never decode.
    Raises StoreError.
    """
    kind = type(value)
    try:
        text = canonical_json(value).decode()
        same = _DECODERS[kind].decode(text) == value
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise StoreError(
            f"A {kind.__name__} cannot be stored: {error}.", next_step=_REPORT
        ) from error
    if not same:
        raise StoreError(f"A {kind.__name__} does not read back as stored.", next_step=_REPORT)
    return text


def encode_advisory(value: Advisory) -> str:
    """An advisory's JSON. No digest hangs on it and there are tens of thousands: it is written plainly.

    What it reads back as was checked by whoever made it (`proxy.feeds.reading`).
    """
    return _ADVISORIES.encode(value).decode()


def decode(kind: type[T], text: str, schema_version: int) -> T:
    """The value of a row. Raises StoreSchemaNewer, or StoreError where the row is damaged."""
    if schema_version > _VERSIONS[kind]:
        raise StoreSchemaNewer(
            f"A stored {kind.__name__} has schema version {schema_version}; "
            f"this Pratique reads up to {_VERSIONS[kind]}.",
            next_step="Run the newer Pratique that wrote it.",
        )
    try:
        value: T = _DECODERS[kind].decode(text)
    except (ValueError, msgspec.MsgspecError) as error:
        raise StoreError(
            f"A stored {kind.__name__} cannot be read: {error}.",
            next_step="Restore the database from a backup; the row was changed from outside.",
        ) from error
    return value


def digest_of_text(text: str) -> Digest:
    """The digest of a value by its canonical JSON."""
    return digest_of_bytes(text.encode())


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970 (UTC). Raises StoreError for a time without a zone."""
    if moment.tzinfo is None:
        raise StoreError("A time without a time zone cannot be stored.", next_step=_REPORT)
    return (moment - _EPOCH) // _MICROSECOND


def micros_or_none(moment: datetime | None) -> int | None:
    """The same, where there may be none."""
    return None if moment is None else micros(moment)


def moment(stored: int) -> datetime:
    """The aware UTC time of `stored` microseconds."""
    return _EPOCH + timedelta(microseconds=stored)


def moment_or_none(stored: int | None) -> datetime | None:
    """The same, where there may be none."""
    return None if stored is None else moment(stored)
