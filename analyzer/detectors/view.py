"""A run as detectors see it: events by kind, processes, and what was planted where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from analyzer.boxpaths import WRITE_FLAGS, absolute, in_site
from analyzer.clean import printable
from analyzer.lineage import ARTIFACT, Lineage, Process
from models.phase import Phase
from models.trace import Event, EventKind

BOX_PHASES = (Phase.INSTALL, Phase.START, Phase.IMPORT)
"""The phases that run in boxes today, in their order."""
LINKS_FOLLOWED_MAX = 8
"""Links behind each other; the kernel follows 40."""
INET = ("inet", "inet6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A planted value: `kind` is of the closed vocabulary of decoys; `path` empty for a variable."""

    id: str
    kind: str
    path: str = ""


class RunView:
    """One run, indexed once. Only what is charged to the artifact is shown, unless said."""

    def __init__(
        self, lineage: Lineage, *, planted: Iterable[Planted] = (), sdist: bool = False
    ) -> None:
        self.sdist = sdist
        self.processes: Mapping[tuple[Phase, int], Process] = lineage.processes
        self._events: dict[EventKind, list[Event]] = {}
        for event in lineage.events:
            if event.owner == ARTIFACT:
                self._events.setdefault(event.kind, []).append(event)
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
        self._links = dict(_symbolic_links(lineage))
        self._planted = {item.id: item for item in planted}
        self._planted_at = {item.path: item for item in self._planted.values() if item.path}

    def events(self, *kinds: EventKind, phases: Iterable[Phase] = BOX_PHASES) -> Iterator[Event]:
        """The artifact's events of these kinds, in the order of phase and time."""
        wanted = tuple(phases)
        found = [event for kind in kinds for event in self._events.get(kind, ())]
        found.sort(key=lambda event: (event.phase, event.at_us))
        return (event for event in found if event.phase in wanted)

    def process_of(self, event: Event) -> Process | None:
        """The process of an event."""
        return self.processes.get((event.phase, event.pid))

    def command_of(self, event: Event) -> str:
        """The command line of the acting process, printable and cut."""
        process = self.process_of(event)
        return printable(process.command) if process else ""

    def planted(self, canary_id: str) -> str:
        """The kind of a planted value; `unknown` where the id is not one of this run."""
        item = self._planted.get(canary_id)
        return item.kind if item else "unknown"

    def planted_at(self, path: str) -> str:
        """The kind of the decoy at a path; empty where none lies there."""
        item = self._planted_at.get(path)
        return item.kind if item else ""

    def executed(self, *, phases: Iterable[Phase] = BOX_PHASES) -> Iterator[Event]:
        """Programs that the artifact started, successfully or not."""
        return self.events(EventKind.EXEC, phases=phases)

    def written(self, *, phases: Iterable[Phase] = BOX_PHASES) -> Iterator[tuple[Event, str]]:
        """(event, absolute path) of each file opened for writing, made by rename or link."""
        kinds = (EventKind.OPEN, EventKind.RENAME, EventKind.LINK)
        for event in self.events(*kinds, phases=phases):
            if event.kind is EventKind.OPEN:
                if event.flags & WRITE_FLAGS:
                    yield event, self.real(event.path)
            else:
                yield event, self.real(event.path2)

    def real(self, path: str) -> str:
        """An absolute path behind the symbolic links that the artifact was seen to make."""
        path = absolute(path)
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
