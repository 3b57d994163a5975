"""From the bytes of one OSV record to an Advisory, or to the plain reason why it is refused.

Nothing is guessed: a version that was left out would be a release called clean. Fields that decide
nothing (references, credits) are not looked at, unknown ones are passed over as the schema asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import yaml
from msgspec import Meta
from packaging.utils import canonicalize_version

from analyzer.advisories.record import (
    MALICIOUS_PREFIX,
    Advisory,
    Affected,
    Event,
    EventKind,
    Range,
    Refused,
)
from analyzer.clean import printable
from models.artifact import Sha256, parse_project, parse_sha256
from models.errors import ValueInvalid

RECORD_BYTES_MAX = 8 * 1024 * 1024
"""Bytes of one record; the largest published for PyPI are below 1 MB (ours)."""
AFFECTED_MAX = 2_000
"""Entries of `affected`; a campaign's record names some hundred projects."""
VERSIONS_MAX = 50_000
"""Entries of one `versions`; the project with the most releases has some 10,000."""
RANGES_MAX = 1_000
EVENTS_MAX = 1_000
"""Events of one range."""
ALIASES_MAX = 200
INTEGRITY_MAX = 20_000
"""Files whose digest one entry states."""
VERSION_CHARS_MAX = 200
DETAILS_CHARS_MAX = 1_000
"""Characters of `details` that are kept; some hold whole articles."""
YAML_DEPTH_MAX = 32
"""Nesting of a YAML record; the schema needs nine."""
ECOSYSTEM = "PyPI"
ORIGINS = "malicious-packages-origins"
"""In `database_specific`: the record is of the OpenSSF database of malicious packages."""

_Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
_Version = Annotated[str, Meta(min_length=1, max_length=VERSION_CHARS_MAX)]
_SEVERITIES = ("CVSS_V4", "CVSS_V3", "CVSS_V2")


class _Package(msgspec.Struct):
    ecosystem: str
    name: str


class _Range(msgspec.Struct):
    type: str
    events: Annotated[list[dict[str, Any]], Meta(max_length=EVENTS_MAX)] | None = None


class _Affected(msgspec.Struct):
    package: _Package | None = None
    versions: Annotated[list[_Version], Meta(max_length=VERSIONS_MAX)] | None = None
    ranges: Annotated[list[_Range], Meta(max_length=RANGES_MAX)] | None = None
    database_specific: Any = None


class _Severity(msgspec.Struct):
    type: str
    score: str = ""


class _Record(msgspec.Struct):
    id: _Id
    modified: str
    published: str | None = None
    withdrawn: str | None = None
    schema_version: str | None = None
    aliases: Annotated[list[_Id], Meta(max_length=ALIASES_MAX)] | None = None
    summary: str | None = None
    details: str | None = None
    severity: list[_Severity] | None = None
    affected: Annotated[list[_Affected], Meta(max_length=AFFECTED_MAX)] | None = None
    database_specific: Any = None


def parse_json(data: bytes) -> Advisory | Refused:
    """The record in one JSON document. Never raises, whatever the bytes are."""
    if len(data) > RECORD_BYTES_MAX:
        return Refused(why=f"larger than {RECORD_BYTES_MAX} bytes")
    try:
        return parse_value(msgspec.json.decode(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Refused(why=f"no JSON: {printable(str(error), 200)}")


def parse_yaml(data: bytes) -> Advisory | Refused:
    """The record in one YAML document, as the PyPA database has them. Never raises."""
    if len(data) > RECORD_BYTES_MAX:
        return Refused(why=f"larger than {RECORD_BYTES_MAX} bytes")
    try:
        text = data.decode("utf-8")
        _check_nesting(text)
        return parse_value(yaml.load(text, Loader=_PlainLoader))  # noqa: S506 - a safe loader's child
    except (yaml.YAMLError, ValueError, ValueInvalid, RecursionError) as error:
        return Refused(why=f"no YAML: {printable(str(error), 200)}")


def parse_value(value: object) -> Advisory | Refused:
    """The record in a decoded document. Never raises, whatever it holds."""
    known = _id_of(value)
    try:
        raw = msgspec.convert(value, _Record)
        _check_schema(raw.schema_version)
        ours = [one for one in raw.affected or () if _is_ours(one.package)]
        if raw.affected and not ours:
            return Refused(id=raw.id, why=f"about nothing on {ECOSYSTEM}", foreign=True)
        return Advisory(
            id=raw.id,
            modified=_moment(raw.modified, "modified"),
            published=_moment(raw.published, "published") if raw.published else None,
            withdrawn=_moment(raw.withdrawn, "withdrawn") if raw.withdrawn else None,
            aliases=tuple(dict.fromkeys(raw.aliases or ())),
            malicious=raw.id.startswith(MALICIOUS_PREFIX) or _has_origins(raw.database_specific),
            severity=_severity(raw.severity or []),
            summary=printable(raw.summary or ""),
            details=printable(raw.details or "", DETAILS_CHARS_MAX),
            affected=tuple(_affected(one) for one in ours),
        )
    except (msgspec.MsgspecError, ValueInvalid, ValueError, RecursionError) as error:
        return Refused(id=known, why=printable(_told(error)))


def _affected(raw: _Affected) -> Affected:
    package = raw.package
    if package is None:  # `_is_ours` said otherwise
        raise ValueInvalid("An entry of `affected` has no package.")
    return Affected(
        project=parse_project(package.name),
        versions=frozenset(canonicalize_version(version) for version in raw.versions or ()),
        ranges=tuple(_range(one) for one in raw.ranges or () if one.type != "GIT"),
        sha256s=frozenset(_integrity(raw.database_specific)),
    )


def _range(raw: _Range) -> Range:
    if raw.type not in ("ECOSYSTEM", "SEMVER"):
        raise ValueInvalid(f"A range has the type {raw.type!r}, which the schema does not know.")
    events = tuple(_event(one) for one in raw.events or ())
    kinds = {event.kind for event in events}
    if EventKind.INTRODUCED not in kinds:
        raise ValueInvalid("A range has no `introduced` event.")
    if {EventKind.FIXED, EventKind.LAST_AFFECTED} <= kinds:
        raise ValueInvalid("A range has both `fixed` and `last_affected` events.")
    return Range(events=events)


def _event(raw: dict[str, Any]) -> Event:
    stated = [(kind, raw[kind.value]) for kind in EventKind if raw.get(kind.value) is not None]
    if len(stated) != 1:
        raise ValueInvalid(
            "An event is not exactly one of introduced, fixed, last_affected, limit."
        )
    kind, version = stated[0]
    return Event(kind=kind, version=msgspec.convert(version, _Version))


def _integrity(specific: object) -> Iterator[Sha256]:
    """The digests of whole files, where the database states them; what has another form says none."""
    indicators = _get(specific, "indicators")
    files = _get(indicators, "package_integrity")
    if not isinstance(files, list):
        return
    if len(files) > INTEGRITY_MAX:
        raise ValueInvalid(f"`package_integrity` has more than {INTEGRITY_MAX} files.")
    for file in files:
        digest = _get(_get(file, "hashes"), "sha256")
        if isinstance(digest, str):
            yield parse_sha256(digest.lower())


def _has_origins(specific: object) -> bool:
    return isinstance(_get(specific, ORIGINS), list)


def _get(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _is_ours(package: _Package | None) -> bool:
    # A suffix (`Ecosystem:release`) names a part of an ecosystem; PyPI has none that is defined.
    return package is not None and package.ecosystem == ECOSYSTEM


def _check_schema(version: str | None) -> None:
    if version is not None and version.partition(".")[0] != "1":
        raise ValueInvalid(f"The schema version is {version!r:.40}; versions 1.x are understood.")


def _moment(text: str, field: str) -> datetime:
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise ValueInvalid(f"`{field}` is no RFC 3339 time.") from error
    # A time without a zone is UTC: the schema allows no other.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _severity(stated: list[_Severity]) -> str:
    by_type = {one.type: one.score for one in stated}
    return next((printable(by_type[kind], 100) for kind in _SEVERITIES if kind in by_type), "")


def _id_of(value: object) -> str:
    """The id of a record that is refused for something else; empty where it has none of its form."""
    try:
        return msgspec.convert(_get(value, "id"), _Id)
    except msgspec.ValidationError:
        return ""


def _told(error: BaseException) -> str:
    return error.message if isinstance(error, ValueInvalid) else str(error) or type(error).__name__


class _PlainLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader without its guesses: `1.0` is a version and no number, a date is a text."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _check_nesting(text: str) -> None:
    """Raises ValueInvalid before anything is built: aliases multiply, and depth costs the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_PlainLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueInvalid("It has aliases, which no record needs.")
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            depth += 1
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            depth -= 1
        if depth > YAML_DEPTH_MAX:
            raise ValueInvalid(f"It is nested more than {YAML_DEPTH_MAX} deep.")
