"""One frozen tree of settings: a TOML file, then PRATIQUE_… variables, then flags.

`TABLE` is the only definition of a setting: the command line, `config check` and docs/settings.md
are made from it. Unknown keys fail, and all problems are reported together.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from analyzer.sandbox.capacity import boxes_that_fit
from analyzer.sandbox.options import BOXES_MAX
from models.artifact import IndexName, parse_index_name
from models.errors import PratiqueError, Problem, SettingsInvalid
from proxy.feeds.source import FeedSource, parse_sources
from proxy.index.declared import Upstream, contradictions, plain, read_upstreams
from proxy.store.bounds import EXPOSURE_DAYS

ENVIRONMENT_PREFIX = "PRATIQUE_"
SETTINGS_BYTES_MAX = 256 * 1024
"""Bytes of a settings file; ours is below 4 KiB."""

PROCESSES_MAX = 32
"""Proxy processes; each holds pages and decisions in its own memory."""
PROCESSES_AUTO_MAX = 4
"""Proxy processes that are started unasked."""

KEEP_DAYS_MAX = 36_500
"""Days that history may be set to stay; beyond a century write 0."""

NO_UPSTREAM = "none"
"""What `upstream` is where own upstreams are all there is."""
UPSTREAMS = "upstreams"
"""The one key of a settings file that is no single value: tables, read by `proxy.index.declared`."""

UIDS_NEEDED = 64
"""Uids from `uid_base` on: one each for proxy, judge and worker, then two for every box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def origin(self) -> str:
        """`http://host:port` as a client on this machine would write it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - not a bind
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


_ANY_HOST = frozenset({"0.0.0.0", "::"})  # noqa: S104 - not a bind
_LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the operator may set; see `TABLE` for units, defaults and meaning."""

    listen: Address
    data_dir: Path
    run_dir: Path
    upstream: str
    index_name: IndexName
    upstreams: tuple[Upstream, ...]
    """All indexes behind us, in the order in which they are asked: the tables, then `upstream`."""
    policy: Path | None
    public_url: str
    anonymous: bool
    processes: int
    boxes: int
    interpreters: tuple[Path, ...]
    without_behaviour: bool
    hold_s: int
    upstream_timeout_s: int
    prefetch: bool
    trusted_proxies: tuple[str, ...]
    """Networks of front ends, as `ipaddress` writes them."""
    feeds: tuple[FeedSource, ...]
    feeds_every_h: int
    feeds_stale_h: int
    watch_hours: int
    disk_bytes_max: int
    keep_fetches_days: int
    keep_evidence_days: int
    keep_traces_days: int
    keep_decisions_days: int
    keep_pages_days: int
    keep_audit_days: int
    keep_files_days: int
    refresh_trust_root: bool
    metrics_public: bool
    uid_base: int
    log_format: str
    log_file: Path | None
    harness: bool

    @property
    def origin(self) -> str:
        """The origin that stands in reasons and pages; never taken from a Host header."""
        return self.public_url or self.listen.origin

    @property
    def index_url(self) -> str:
        """What a team writes into pip's configuration."""
        return f"{self.origin}/simple/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: how it is called, read, defaulted and explained."""

    name: str
    parse: Callable[[str], Any]
    default: str
    help: str
    flag: bool = False
    metavar: str = "TEXT"
    hidden: bool = False

    @property
    def option(self) -> str:
        """The flag on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return ENVIRONMENT_PREFIX + self.name.upper()


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError("write HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080")
    return Address(host=host.strip("[]"), port=int(port))


def _path(text: str) -> Path:
    if not text:
        raise ValueError("a path is missing")
    return Path(text).expanduser().absolute()


def _optional_path(text: str) -> Path | None:
    return _path(text) if text else None


def _readable_file(text: str) -> Path | None:
    path = _optional_path(text)
    if path is not None and not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a whole http:// or https:// URL")
    return text


def _upstream(text: str) -> str:
    if text == NO_UPSTREAM:
        return ""
    return _url(text).rstrip("/") + "/" if text else ""


def _origin(text: str) -> str:
    return _url(text).rstrip("/") if text else ""


def _bool(text: str) -> bool:
    lowered = text.lower()
    if lowered not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError("write true or false")
    return lowered in ("true", "1", "yes")


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return int(text)

    return parse


def _days(low: int) -> Callable[[str], int]:
    """Days that something stays; 0 means for ever."""

    def parse(text: str) -> int:
        if not text.isdigit() or not (int(text) == 0 or low <= int(text) <= KEEP_DAYS_MAX):
            raise ValueError(f"write 0 (for ever), or a number from {low} to {KEEP_DAYS_MAX}")
        return int(text)

    return parse


def parse_processes(text: str) -> int:
    """`auto`, or a number from 1. Raises ValueError."""
    if text == "auto":
        return processes_that_fit(len(os.sched_getaffinity(0)))
    if not text.isdigit() or not 1 <= int(text) <= PROCESSES_MAX:
        raise ValueError(f"write auto, or a whole number from 1 to {PROCESSES_MAX}")
    return int(text)


def processes_that_fit(cores: int) -> int:
    """One for every second core, so that judge and boxes have theirs; four answer 30,000 a second."""
    return min(max(cores // 2, 1), PROCESSES_AUTO_MAX)


def parse_boxes(text: str) -> int:
    """`auto`, or a number; 0 means none here. Raises ValueError."""
    if text == "auto":
        return boxes_that_fit()
    if not text.isdigit() or int(text) > BOXES_MAX:
        raise ValueError(f"write auto, or a whole number from 0 to {BOXES_MAX}")
    return int(text)


def parse_interpreters(text: str) -> tuple[Path, ...]:
    """`auto` (none is named), or absolute paths with commas between them. Raises ValueError."""
    if text == "auto":
        return ()
    paths = tuple(Path(part.strip()) for part in text.split(","))
    for path in paths:
        if not path.is_absolute():
            raise ValueError("write auto, or absolute paths with commas between them")
    return paths


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError("write one of: " + ", ".join(words))
        return text

    return parse


def _networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(word)) for word in text.replace(",", " ").split())
    except ValueError as error:
        raise ValueError(f"write addresses or networks, such as 10.0.0.0/8 ({error})") from error


def _feeds(text: str) -> tuple[FeedSource, ...]:
    try:
        return parse_sources(text)
    except PratiqueError as error:
        raise ValueError(str(error)) from error


def _index(text: str) -> IndexName:
    try:
        return parse_index_name(text)
    except PratiqueError as error:
        raise ValueError(error.message) from error


def default_data_dir() -> Path:
    """`/var/lib/pratique` for root, else the user's XDG data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/pratique")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return (Path(base) / "pratique").expanduser()


def default_run_dir(data_dir: Path) -> Path:
    """`/run/pratique/<tag>` for root, else `run` inside the data folder (sockets, scratch)."""
    if os.geteuid() == 0:
        # Two firewalls on one machine (a demo beside the real one) must not share sockets.
        tag = "main" if data_dir == default_data_dir() else _tag(data_dir)
        return Path("/run/pratique") / tag
    return data_dir / "run"


def _tag(data_dir: Path) -> str:
    return hashlib.sha256(str(data_dir).encode()).hexdigest()[:8]


TABLE: tuple[Setting, ...] = (
    Setting(
        name="listen",
        parse=_address,
        default="127.0.0.1:8080",
        metavar="HOST:PORT",
        help="Where to listen. Beyond loopback it refuses to start without client tokens, unless --anonymous.",
    ),
    Setting(
        name="data_dir",
        parse=_path,
        default="",
        metavar="DIR",
        help="The store and the artifacts. Default: /var/lib/pratique as root, else ~/.local/share/pratique.",
    ),
    Setting(
        name="run_dir",
        parse=_path,
        default="",
        metavar="DIR",
        help="Sockets and the boxes' scratch space. Default: below /run/pratique as root, else DATA_DIR/run.",
    ),
    Setting(
        name="upstream",
        parse=_upstream,
        default="",
        metavar="URL",
        help="The simple index behind us; `none`: there is none but the tables `[[upstreams]]` "
        "(docs/upstreams.md), which are asked before it. Default: the index that pip on this machine "
        "is configured for.",
    ),
    Setting(
        name="index_name",
        parse=_index,
        default="pypi",
        metavar="NAME",
        help="Our short name for the upstream; it stands in file URLs and must not change later.",
    ),
    Setting(
        name="policy",
        parse=_readable_file,
        default="",
        metavar="FILE",
        help="The policy (TOML). Default: the one that ships with Pratique; print it with `policy show`.",
    ),
    Setting(
        name="public_url",
        parse=_origin,
        default="",
        metavar="URL",
        help="Our origin as clients see it, for the short links in reasons. Default: made from --listen.",
    ),
    Setting(
        name="trusted_proxies",
        parse=_networks,
        default="",
        metavar="NETWORK,…",
        help="Front ends whose X-Forwarded-For is believed, such as 127.0.0.1: fetch records and limits "
        "then know the client behind them (docs/access.md).",
    ),
    Setting(
        name="anonymous",
        parse=_bool,
        default="false",
        flag=True,
        help="Serve everybody who can reach the listener, without client tokens.",
    ),
    Setting(
        name="processes",
        parse=parse_processes,
        default="auto",
        metavar="auto|N",
        help="Proxy processes that answer on the listener; auto: one for every second core, four at "
        "most. Bounds per client are each process's own.",
    ),
    Setting(
        name="boxes",
        parse=parse_boxes,
        default="auto",
        metavar="auto|N",
        help="Boxes that the embedded worker runs at once; auto: one a core, as far as memory goes; "
        "0: workers run elsewhere (`pratique worker`).",
    ),
    Setting(
        name="interpreters",
        parse=parse_interpreters,
        default="auto",
        metavar="auto|PATHS",
        help="Pythons that boxes may run beside /usr/bin/python3, with commas between them; auto: every "
        "python3.N of /usr/bin, /usr/local/bin and /opt/python/*/bin. Each must be root's own.",
    ),
    Setting(
        name="without_behaviour",
        parse=_bool,
        default="false",
        flag=True,
        help="Judge without running anything: the behaviour layer is off, nothing scores above MONITOR.",
    ),
    Setting(
        name="hold_s",
        parse=_whole(1, 3600),
        default="300",
        metavar="SECONDS",
        help="How long a client is kept waiting for an analysis before it gets 'still being checked'.",
    ),
    Setting(
        name="upstream_timeout_s",
        parse=_whole(1, 600),
        default="30",
        metavar="SECONDS",
        help="How long the upstream may stay silent.",
    ),
    Setting(
        name="prefetch",
        parse=_bool,
        default="true",
        metavar="true|false",
        help="Bring the pages of what an approved file depends on up to date, and its bytes back to the "
        "disk, when its metadata is asked for; nothing is analysed for it (docs/upstreams.md).",
    ),
    Setting(
        name="feeds",
        parse=_feeds,
        default="",
        metavar="[NAME=]SOURCE,…",
        help="Feeds of advisories (OSV), with commas between them: folders, archives or https:// URLs. "
        "Default: none, and the source of advisories is off.",
    ),
    Setting(
        name="feeds_every_h",
        parse=_whole(1, 720),
        default="6",
        metavar="HOURS",
        help="Hours between two updates of a feed.",
    ),
    Setting(
        name="feeds_stale_h",
        parse=_whole(1, 8760),
        default="168",
        metavar="HOURS",
        help="Hours after which a feed that was not read no longer speaks for what it does not name.",
    ),
    Setting(
        name="watch_hours",
        parse=_whole(0, 8760),
        default="168",
        metavar="HOURS",
        help="Hours after which a file that is served as MONITOR is analysed again; 0: only on cause, "
        "such as an advisory or `pratique watch now`.",
    ),
    Setting(
        name="disk_bytes_max",
        parse=_whole(1 << 20, 1 << 50),
        default=str(50 << 30),
        metavar="BYTES",
        help="Bytes of artifacts kept on disk. Near it those go that nobody fetched for longest; what no "
        "index can give again, and what an override allows, stays.",
    ),
    Setting(
        name="keep_files_days",
        parse=_days(1),
        default="0",
        metavar="DAYS",
        help="Days after which a file that nobody fetched leaves the disk, although there is room; it is "
        "fetched again when somebody asks for it. 0: only where room is needed.",
    ),
    Setting(
        name="keep_fetches_days",
        parse=_days(EXPOSURE_DAYS),
        default="400",
        metavar="DAYS",
        help=f"Days that it is known who fetched what; at least {EXPOSURE_DAYS}. 0: for ever.",
    ),
    Setting(
        name="keep_evidence_days",
        parse=_days(1),
        default="400",
        metavar="DAYS",
        help="Days that evidence and facts stay which no decision in force rests on any more. 0: for "
        "ever.",
    ),
    Setting(
        name="keep_traces_days",
        parse=_days(1),
        default="90",
        metavar="DAYS",
        help="Days that recordings of runs stay; of files that are held, denied or under watch, as long "
        "as they are. 0: for ever.",
    ),
    Setting(
        name="keep_decisions_days",
        parse=_days(1),
        default="0",
        metavar="DAYS",
        help="Days that a decision stays after another one replaced it, and no less than "
        "keep_fetches_days. 0: for ever.",
    ),
    Setting(
        name="keep_pages_days",
        parse=_days(1),
        default="90",
        metavar="DAYS",
        help="Days that an upstream's page stays that nobody asked for, of projects without a decision. "
        "0: for ever.",
    ),
    Setting(
        name="keep_audit_days",
        parse=_days(1),
        default="0",
        metavar="DAYS",
        help="Days after which rows of the audit log move into archives in the data folder, which are "
        "part of its chain. 0: never.",
    ),
    Setting(
        name="refresh_trust_root",
        parse=_bool,
        default="false",
        flag=True,
        help="Ask sigstore's TUF repository once a day for newer keys to verify attestations with; "
        "else those that came with Pratique are used, and nothing is asked.",
    ),
    Setting(
        name="metrics_public",
        parse=_bool,
        default="false",
        flag=True,
        help="Show /metrics to everybody who can reach the listener; else to this machine alone, and "
        "to viewers.",
    ),
    Setting(
        name="uid_base",
        parse=_whole(1000, 60000 + 5000),
        default="64800",
        metavar="UID",
        help="First of 64 unused uids that the processes and boxes drop to (root only).",
    ),
    Setting(
        name="log_format",
        parse=_one_of("json", "text"),
        default="json",
        metavar="json|text",
        help="How log lines look.",
    ),
    Setting(
        name="log_file",
        parse=_optional_path,
        default="",
        metavar="FILE",
        help="Where log lines go. Default: standard error.",
    ),
    Setting(
        name="harness",
        parse=_bool,
        default="false",
        flag=True,
        hidden=True,
        help="Show the harness marker in boxes, for re-enactments. Test and research machines only.",
    ),
)
_BY_NAME = {setting.name: setting for setting in TABLE}


def read_settings(
    *,
    file: Path | None,
    environment: Mapping[str, str],
    flags: Mapping[str, str],
    default_upstream: Callable[[], str],
) -> Settings:
    """The settings from all three places. Raises SettingsInvalid naming every problem."""
    problems: list[Problem] = []
    raw: dict[str, tuple[str, str]] = {s.name: (s.default, "default") for s in TABLE}
    document = _document(file, problems)
    raw |= _from_file(file, document, problems)
    raw |= _from_environment(environment, problems)
    raw |= {name: (text, _BY_NAME[name].option) for name, text in flags.items()}
    values: dict[str, Any] = {}
    for setting in TABLE:
        text, where = raw[setting.name]
        try:
            values[setting.name] = _parsed(setting, text, values, default_upstream)
        except ValueError as error:
            problems.append(Problem(where=where, message=f"{setting.name}: {error}"))
    tables: tuple[Upstream, ...] = ()
    if UPSTREAMS in document:
        tables, mistakes = read_upstreams(
            document[UPSTREAMS],
            f"{file}, key {UPSTREAMS}",
            environment,
            parse_url=_upstream,
            timeout_s=values.get("upstream_timeout_s", 30),
        )
        problems += mistakes
    if not problems:
        values["upstreams"] = _in_order(tables, values)
        problems += _impossible(values)
    if problems:
        raise SettingsInvalid(
            "The settings",
            tuple(problems),
            next_step="`pratique serve --help` explains each setting.",
        )
    return Settings(**values)


def without_credentials(url: str) -> str:
    """`url` as it may be shown: user name and password in it are secrets."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _in_order(tables: tuple[Upstream, ...], values: Mapping[str, Any]) -> tuple[Upstream, ...]:
    """The tables, and `upstream` behind them."""
    if not values["upstream"]:
        return tables
    last = plain(values["index_name"], values["upstream"], timeout_s=values["upstream_timeout_s"])
    return (*tables, last)


def _impossible(values: Mapping[str, Any]) -> list[Problem]:
    """What is sound by itself, and cannot be meant together."""
    upstreams: tuple[Upstream, ...] = values["upstreams"]
    if not upstreams:
        message = "upstream: there is none at all"
        return [Problem(where="--upstream", message=message, suggestion="add [[upstreams]]")]
    problems = contradictions(upstreams)
    problems += [
        Problem(
            where="--upstream" if one.name == values["index_name"] else f"upstream {one.name}",
            message=f"upstream: {one.url} is this very firewall",
            suggestion="pip on this machine points here already; name the index behind us",
        )
        for one in upstreams
        if one.url and _is_ourselves(one.url, values)
    ]
    data_dir: Path = values["data_dir"]
    problems += [
        Problem(where=f"upstream {one.name}", message="folder: is a part of the data folder")
        for one in upstreams
        if one.folder is not None and one.folder.is_relative_to(data_dir)
    ]
    return problems


def _is_ourselves(url: str, values: Mapping[str, Any]) -> bool:
    """Whether an upstream is our own origin: every request would come back to us, for ever."""
    upstream = _place(url)
    listen: Address = values["listen"]
    public = values["public_url"]
    if public and _place(public) == upstream:
        return True
    ours = {_place(listen.origin)[0]}
    if listen.host in _ANY_HOST:
        ours |= _LOCAL_HOSTS
    elif listen.loopback:
        ours.add("localhost")
    return upstream[0] in ours and upstream[1] == listen.port


def _place(url: str) -> tuple[str, int]:
    """Host and port of a URL, however they are spelled."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    return host, parts.port or (443 if parts.scheme == "https" else 80)


def _parsed(
    setting: Setting, text: str, before: Mapping[str, Any], default_upstream: Callable[[], str]
) -> Any:
    if text:
        return setting.parse(text)
    match setting.name:
        case "data_dir":
            return default_data_dir()
        case "run_dir":
            return default_run_dir(before.get("data_dir") or default_data_dir())
        case "upstream":
            return _upstream(default_upstream())
        case _:
            return setting.parse(text)


def _document(file: Path | None, problems: list[Problem]) -> dict[str, Any]:
    """The settings file; empty where there is none, or it cannot be read."""
    if file is None:
        return {}
    try:
        data = file.read_bytes()
        if len(data) > SETTINGS_BYTES_MAX:
            raise ValueError(f"larger than {SETTINGS_BYTES_MAX} bytes")
        return tomllib.loads(data.decode())
    except (OSError, ValueError) as error:
        problems.append(Problem(where=str(file), message=f"cannot be read: {error}"))
        return {}


def _from_file(
    file: Path | None, document: Mapping[str, Any], problems: list[Problem]
) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for key, value in document.items():
        where = f"{file}, key {key}"
        if key == UPSTREAMS:
            continue
        if key not in _BY_NAME:
            problems.append(_unknown(where, key, [*_BY_NAME, UPSTREAMS]))
        elif isinstance(value, bool | int | str):
            found[key] = (str(value).lower() if isinstance(value, bool) else str(value), where)
        else:
            problems.append(
                Problem(where=where, message="must be a string, a number or true/false")
            )
    return found


def _from_environment(
    environment: Mapping[str, str], problems: list[Problem]
) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    variables = {setting.variable: setting.name for setting in TABLE}
    for variable, text in environment.items():
        # PRATIQUE_CONFIG names the file itself, and was followed before we came here.
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in CLI_VARIABLES:
            continue
        if variable in variables:
            found[variables[variable]] = (text, variable)
        else:
            problems.append(_unknown(variable, variable, list(variables)))
    return found


CLI_VARIABLES = frozenset(
    {"PRATIQUE_CONFIG", "PRATIQUE_HARNESS", "PRATIQUE_TOKEN_FILE", "PRATIQUE_SERVER"}
)
"""Variables of ours that are no settings of the server."""


def _unknown(where: str, name: str, known: list[str]) -> Problem:
    close = difflib.get_close_matches(name, known, n=1)
    return Problem(
        where=where,
        message="there is no such setting",
        suggestion=f"did you mean {close[0]}?" if close else "see `pratique serve --help`",
    )
