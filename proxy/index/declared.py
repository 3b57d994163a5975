"""What the operator says of each upstream: its name, its place, the names that it owns, its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.artifact import IndexName, parse_index_name
from models.errors import PratiqueError, Problem
from policies.modes import Mode
from policies.rules.names import NAME_PATTERN, normalised
from proxy.index.credentials import authorization_of

UPSTREAMS_MAX = 20
"""Upstreams of one firewall; as many as a policy may name as the organisation's own."""
NAMES_MAX = 10_000
"""Names and patterns of one upstream; as many as a policy may own."""
CREDENTIALS_BYTES_MAX = 16 * 1024
"""Bytes of a file with credentials; a signed token seldom has 4 KiB."""
DOWNLOADS = 8
"""Files fetched at once from one upstream, where it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One index behind us, over HTTP or in a folder. Exactly one of `url` and `folder` is there."""

    name: IndexName
    url: str = ""
    """Of a simple index, with a slash at its end and without credentials."""
    folder: Path | None = None
    """Of own wheels and sdists."""
    names: tuple[str, ...] = ()
    """Normalised; `*` stands for any run of characters. It alone is asked for these, and it is asked
    for nothing else. Empty: it is asked for every name that nobody owns, in the order of upstreams."""
    authorization: str = field(default="", repr=False)
    """The header's value; a secret."""
    mode: Mode | None = None
    """How decisions about its files act; None: as the policy has it."""
    timeout_s: int = 30
    downloads: int = DOWNLOADS

    @property
    def place(self) -> str:
        """URL or folder, as it may be shown."""
        return str(self.folder) if self.folder is not None else self.url


def plain(name: IndexName, url: str, *, timeout_s: int = 30) -> Upstream:
    """An upstream that is asked for every name that nobody owns; credentials may stand in the URL."""
    bare, authorization = authorization_of(url)
    return Upstream(name=name, url=bare, authorization=authorization, timeout_s=timeout_s)


class Entry:
    """One table of `[[upstreams]]`: its keys are taken one by one, and every mistake is noted."""

    def __init__(
        self, table: Mapping[str, Any], where: str, environment: Mapping[str, str]
    ) -> None:
        self._left = dict(table)
        self._where = where
        self._environment = environment
        self.problems: list[Problem] = []

    def note(self, message: str, suggestion: str = "") -> None:
        """Something is wrong here."""
        self.problems.append(Problem(where=self._where, message=message, suggestion=suggestion))

    def text(self, key: str) -> str:
        """A string; empty where it is not there."""
        value = self._left.pop(key, "")
        if isinstance(value, str):
            return value
        self.note(f"{key}: must be a string")
        return ""

    def number(self, key: str, low: int, high: int, default: int) -> int:
        """A whole number within bounds."""
        value = self._left.pop(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.note(f"{key}: write a whole number from {low} to {high}")
            return default
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self._left.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.note(f"{key}: must be a list of strings")
            return ()
        if len(value) > NAMES_MAX:
            self.note(f"{key}: holds more than {NAMES_MAX}")
            return ()
        return tuple(value)

    def secret(self) -> str:
        """What `credentials`, `credentials_file` or `credentials_env` holds; it is in no message."""
        given = {
            key: self.text(key) for key in ("credentials", "credentials_file", "credentials_env")
        }
        said = [key for key, value in given.items() if value]
        if len(said) > 1:
            self.note(f"has {' and '.join(said)}; one of them says enough")
            return ""
        if given["credentials_env"]:
            variable = given["credentials_env"]
            if not self._environment.get(variable, "").strip():
                self.note(f"credentials_env: there is no variable {variable:.60}")
            return self._environment.get(variable, "").strip()
        if given["credentials_file"]:
            return self._from_file(Path(given["credentials_file"]).expanduser())
        return given["credentials"]

    def finish(self, known: Sequence[str]) -> None:
        """What is left was meant, and is nothing that we know."""
        for key in self._left:
            self.note(f"{key}: there is no such key", "known are " + ", ".join(known))

    def _from_file(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                data = file.read(CREDENTIALS_BYTES_MAX + 1)
            if len(data) > CREDENTIALS_BYTES_MAX:
                raise ValueError(f"larger than {CREDENTIALS_BYTES_MAX} bytes")
            return data.decode().strip()
        except OSError as error:
            self.note(f"credentials_file: {path} cannot be read: {error.strerror}")
        except ValueError:
            self.note(f"credentials_file: {path} is no text file of a few bytes")
        return ""


KEYS = (
    "name",
    "url",
    "folder",
    "names",
    "mode",
    "credentials",
    "credentials_file",
    "credentials_env",
    "timeout_s",
    "downloads",
)


def read_upstreams(
    value: object,
    where: str,
    environment: Mapping[str, str],
    *,
    parse_url: Callable[[str], str],
    timeout_s: int,
) -> tuple[tuple[Upstream, ...], list[Problem]]:
    """`[[upstreams]]` of a settings file, and every mistake in it.

    `parse_url` raises ValueError for what is no URL; `timeout_s` counts where a table says nothing.
    """
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        return (), [Problem(where=where, message="must be tables: [[upstreams]]")]
    if len(value) > UPSTREAMS_MAX:
        return (), [Problem(where=where, message=f"holds more than {UPSTREAMS_MAX}")]
    found: list[Upstream] = []
    problems: list[Problem] = []
    for number, table in enumerate(value, start=1):
        entry = Entry(table, f"{where} (table {number})", environment)
        upstream = _read(entry, parse_url, timeout_s)
        problems += entry.problems
        if upstream is not None and not entry.problems:
            found.append(upstream)
    return tuple(found), problems


def contradictions(upstreams: Sequence[Upstream]) -> list[Problem]:
    """What several upstreams cannot mean together."""
    problems = []
    seen: set[str] = set()
    owners: dict[str, str] = {}
    for one in upstreams:
        where = f"upstream {one.name}"
        if one.name in seen:
            problems.append(Problem(where=where, message="there are two upstreams of this name"))
        seen.add(one.name)
        for pattern in one.names:
            if owners.setdefault(pattern, one.name) != one.name:
                message = f"names: {pattern} belongs to the upstream {owners[pattern]} already"
                problems.append(Problem(where=where, message=message))
    return problems


def _read(entry: Entry, parse_url: Callable[[str], str], timeout_s: int) -> Upstream | None:
    name = _index_name(entry)
    url, authorization = _place(entry, parse_url)
    folder = _folder(entry)
    if bool(url) == (folder is not None):
        entry.note("needs either url or folder")
    if folder is not None and authorization:
        entry.note("a folder takes no credentials")
    names = _names(entry)
    mode = _mode(entry, own=folder is not None)
    timeout = entry.number("timeout_s", 1, 600, timeout_s)
    downloads = entry.number("downloads", 1, 256, DOWNLOADS)
    entry.finish(KEYS)
    if name is None:
        return None
    return Upstream(
        name=name,
        url=url,
        folder=folder,
        names=names,
        authorization=authorization,
        mode=mode,
        timeout_s=timeout,
        downloads=downloads,
    )


def _index_name(entry: Entry) -> IndexName | None:
    try:
        return parse_index_name(entry.text("name"))
    except PratiqueError as error:
        entry.note(f"name: {error.message}")
        return None


def _place(entry: Entry, parse_url: Callable[[str], str]) -> tuple[str, str]:
    """URL without credentials, and the header that they make."""
    text, secret = entry.text("url"), entry.secret()
    try:
        url = parse_url(text) if text else ""
        return authorization_of(url, secret)
    except ValueError as error:
        entry.note(f"url: {error}")
        return "", ""


def _folder(entry: Entry) -> Path | None:
    text = entry.text("folder")
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_absolute():
        entry.note("folder: write an absolute path")
    return path


def _names(entry: Entry) -> tuple[str, ...]:
    patterns = []
    for text in entry.strings("names"):
        pattern = normalised(text)
        if not NAME_PATTERN.match(pattern):
            entry.note(f"names: holds {text!r:.60}, which is not a project name or pattern")
        elif not pattern.strip("*-"):
            entry.note('names: must not match every name ("*"); leave names out for that')
        else:
            patterns.append(pattern)
    return tuple(dict.fromkeys(patterns))


def _mode(entry: Entry, *, own: bool) -> Mode | None:
    """What somebody here put into a folder is let through, and looked at afterwards.

    An index that owns names need not be ours: who takes `torch` from its makers' index wants it judged.
    """
    text = entry.text("mode")
    if not text:
        return Mode.OBSERVE if own else None
    if text == "policy":
        return None
    try:
        return Mode(text)
    except ValueError:
        entry.note("mode: write one of: policy, observe, warn, enforce")
        return None
