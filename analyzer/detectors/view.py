"""A run as detectors see it: events by kind, processes, and what was planted where."""

from __future__ import annotations

import bisect
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from analyzer.boxpaths import WRITE_FLAGS, absolute, in_site
from analyzer.clean import printable
from analyzer.lineage import ARTIFACT, Lineage, Process
from models.phase import Phase
from models.trace import Event, EventKind

BOX_PHASES = (Phase.INSTALL, Phase.START, Phase.IMPORT, Phase.USE, Phase.WAIT)
"""The phases that run in boxes, in their order."""
UNASKED = (Phase.INSTALL, Phase.START, Phase.IMPORT, Phase.WAIT)
"""Those in which nobody asked the package for anything: P5 is a second start and import."""
AFTER_INSTALL = (Phase.START, Phase.IMPORT, Phase.USE, Phase.WAIT)
LINKS_FOLLOWED_MAX = 8
"""Links behind each other; the kernel follows 40."""
ANCESTORS_MAX = 32
"""Generations of processes that are looked back on; a chain of that length is a flood of its own."""
ACTOR_SLACK_US = 50_000
"""Microseconds by which the outside view of an act may lag behind the call that made it."""
DNS_PORT = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A planted value: `kind` is of the closed vocabulary of decoys; `path` empty for a variable."""

    id: str
    kind: str
    path: str = ""
    variable: str = ""


class RunView:
    """One run, indexed once. Only what is charged to the artifact is shown, unless said."""

    def __init__(
        self,
        lineage: Lineage,
        *,
        planted: Iterable[Planted] = (),
        sdist: bool = False,
        patched: Iterable[str] = (),
    ) -> None:
        """`patched`: names of others that the runner found changed after an import; untrusted."""
        self.sdist = sdist
        self.patched = tuple(dict.fromkeys(patched))
        self.processes: Mapping[tuple[Phase, int], Process] = lineage.processes
        self._events: dict[EventKind, list[tuple[int, Event]]] = {}
        for index, event in enumerate(lineage.events):
            if event.owner == ARTIFACT:
                self._events.setdefault(event.kind, []).append((index, event))
        self.installed = frozenset(
            absolute(event.path)
            for event in lineage.events
            if event.phase is Phase.INSTALL
            and event.kind is EventKind.OPEN
            and event.flags & WRITE_FLAGS
            and event.result >= 0
            and in_site(absolute(event.path))
        )
        """Files that whoever installed, wrote into the artifact's folder."""
        self._absolute: dict[str, str] = {}
        self._links = dict(_symbolic_links(lineage))
        self._planted = {item.id: item for item in planted}
        self._planted_at = {item.path: item for item in self._planted.values() if item.path}

    def events(self, *kinds: EventKind, phases: Iterable[Phase] = BOX_PHASES) -> Iterator[Event]:
        """The artifact's events of these kinds, in the order of phase and time."""
        wanted = frozenset(phases)
        if len(kinds) == 1:
            found = self._events.get(kinds[0], [])
        else:
            found = sorted(
                (item for kind in kinds for item in self._events.get(kind, ())),
                key=lambda item: item[0],
            )
        return (event for _, event in found if event.phase in wanted)

    def process_of(self, event: Event) -> Process | None:
        """The process of an event."""
        return self.processes.get((event.phase, event.pid))

    def image_of(self, event: Event) -> tuple[str, tuple[str, ...]]:
        """(program, arguments) that the process of an event ran at that time; empty where not known."""
        process = self.process_of(event)
        return process.at(event.at_us) if process else ("", ())

    def family_of(self, event: Event) -> Iterator[Process]:
        """The process of an event and its ancestors, nearest first, as far as they were seen."""
        process = self.process_of(event)
        for _ in range(ANCESTORS_MAX):
            if process is None:
                return
            yield process
            process = self.processes.get((event.phase, process.parent))

    def command_of(self, event: Event) -> str:
        """The command line of the acting process, printable and cut."""
        program, argv = self.image_of(event if event.pid else self._actor(event) or event)
        return printable(" ".join(argv) or program)

    def _actor(self, event: Event) -> Event | None:
        """The call behind what was seen from outside: the last fitting one before it, by the clock."""
        if event.kind is EventKind.DNS:
            key: tuple[object, ...] = (event.phase, DNS_PORT)
        elif event.kind is EventKind.DECOY:
            key = (event.phase, event.path)
        else:
            key = (event.phase, event.address, event.port)
        calls = self._calls.get(key, [])
        at = bisect.bisect_right(calls, event.at_us + ACTOR_SLACK_US, key=lambda call: call.at_us)
        return calls[at - 1] if at else None

    @cached_property
    def _calls(self) -> dict[tuple[object, ...], list[Event]]:
        """Calls by what they reach: a destination, any resolver, or the path of a decoy."""
        found: dict[tuple[object, ...], list[Event]] = {}
        for event in self.events(EventKind.CONNECT, EventKind.SEND, EventKind.OPEN):
            if event.kind is EventKind.OPEN:
                path = self.real(event.path)
                if path in self._planted_at:
                    found.setdefault((event.phase, path), []).append(event)
                continue
            found.setdefault((event.phase, event.address, event.port), []).append(event)
            if event.port == DNS_PORT:
                found.setdefault((event.phase, DNS_PORT), []).append(event)
        return found

    def planted(self, canary_id: str) -> str:
        """The kind of a planted value; `unknown` where the id is not one of this run."""
        item = self._planted.get(canary_id)
        return item.kind if item else "unknown"

    def variable(self, canary_id: str) -> str:
        """The variable that holds a planted value; empty where it is none."""
        item = self._planted.get(canary_id)
        return item.variable if item else ""

    def planted_at(self, path: str) -> str:
        """The kind of the decoy at a path; empty where none lies there."""
        item = self._planted_at.get(path)
        return item.kind if item else ""

    def executed(self, *, phases: Iterable[Phase] = BOX_PHASES) -> Iterator[Event]:
        """Programs that the artifact started, successfully or not."""
        return self.events(EventKind.EXEC, phases=phases)

    def written(self, *, phases: Iterable[Phase] = BOX_PHASES) -> Iterator[tuple[Event, str]]:
        """(event, absolute path) of each file opened for writing, made by rename or link."""
        wanted = frozenset(phases)
        return (item for item in self._written if item[0].phase in wanted)

    @cached_property
    def _written(self) -> tuple[tuple[Event, str], ...]:
        kinds = (EventKind.OPEN, EventKind.RENAME, EventKind.LINK)
        return tuple(
            (event, self.real(event.path if event.kind is EventKind.OPEN else event.path2))
            for event in self.events(*kinds)
            if event.kind is not EventKind.OPEN or event.flags & WRITE_FLAGS
        )

    def absolute(self, path: str) -> str:
        """`boxpaths.absolute`, once for each path of the run: several detectors look at all of them."""
        found = self._absolute.get(path)
        if found is None:
            found = self._absolute[path] = absolute(path)
        return found

    def real(self, path: str) -> str:
        """An absolute path behind the symbolic links that the artifact was seen to make."""
        path = self.absolute(path)
        for _ in range(LINKS_FOLLOWED_MAX if self._links else 0):
            parts = path.split("/")
            prefixes = ("/".join(parts[:end]) for end in range(2, len(parts) + 1))
            link = next((prefix for prefix in prefixes if prefix in self._links), "")
            if not link:
                break
            path = absolute(self._links[link] + path[len(link) :])
        return path


def _symbolic_links(lineage: Lineage) -> Iterator[tuple[str, str]]:
    for event in lineage.events:
        ours = event.kind is EventKind.LINK and event.owner == ARTIFACT and event.result >= 0
        if ours and event.syscall.startswith("symlink"):
            place = absolute(event.path2)
            yield place, absolute(event.path, cwd=place.rpartition("/")[0] or "/")


def is_remote(event: Event) -> bool:
    """Whether a connect, send or state change goes beyond the box: not loopback, not local sockets."""
    if not event.address:
        return False
    try:
        address = ipaddress.ip_address(event.address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return not (address.is_loopback or address.is_unspecified)
