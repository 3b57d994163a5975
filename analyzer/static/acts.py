"""Detectors of single acts, by what reaches them: networks, commands, places, memory, hosts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator

from analyzer.static.commands import DAMNING, command_kinds
from analyzer.static.detector import EAGER, Detector, View, eagerest, match
from analyzer.static.frames import Event
from analyzer.static.hosts import EXFILTRATION, kind_of
from analyzer.static.kind import StaticKind, eager
from analyzer.static.names import ASKS_NAME, INSTALL_COMMANDS, MEMORY
from analyzer.static.places import SECRET_KINDS, START_KINDS, STEALERS, place_kinds
from analyzer.static.result import Match, Reach, Sink
from analyzer.static.values import Mark

COLLECTED_MIN = 3
"""Kinds of secret places in one file that make a collector; a client needs those of one service."""
_DOUBTFUL = frozenset({"tunnel", "file-drop", "paste", "address", "address-lookup"})
_ODD = frozenset({"fetch", "install", "hidden-window", "file-url"})
_PROGRAM_URL = re.compile(
    rb"https?://[^\s'\"<>]{4,300}\.(?:exe|msi|scr|bat|cmd|ps1|vbs|dll|pyw|jar|hta|elf)\b",
    re.IGNORECASE,
)
"""Addresses of programs, nearly all of Windows: tools come as archives and packages."""


def _network(view: View) -> Iterator[Match]:
    for event in view.of(Sink.NETWORK):
        if event.reach is not Reach.CALL and not _asks_itself(event):
            yield match("static-network", event, what=event.name.rpartition(".")[2])


def _asks_itself(event: Event) -> bool:
    return bool(ASKS_NAME.match(event.name)) and "." not in event.text


def _process(view: View) -> Iterator[Match]:
    for event in view.of(Sink.PROCESS):
        if event.reach is not Reach.CALL:
            yield match("static-process", event, what=event.name.rpartition(".")[2])


def _command(view: View) -> Iterator[Match]:
    for event in view.of(Sink.PROCESS):
        kinds = command_kinds(event.text) & DAMNING
        if kinds:
            yield match("static-command", event, what=min(kinds))


def _odd_command(view: View) -> Iterator[Match]:
    for event in view.of(Sink.PROCESS):
        kinds = command_kinds(event.text)
        odd = kinds & (_ODD | ({"python-code"} if event.reach is not Reach.BUILD else set()))
        quiet = {"creationflags", "startupinfo", "start_new_session"} & event.options
        if not kinds & DAMNING and (odd or quiet):
            yield match("static-odd-command", event, what=min(odd, default="hidden-window"))


def _python_child(view: View) -> Iterator[Match]:
    """Another Python, with its code on the command line, that nobody waits for."""
    for event in view.of(Sink.PROCESS):
        if event.name.endswith("Popen") and "python-code" in command_kinds(event.text):
            yield match("static-python-child", event)


def _install_command(view: View) -> Iterator[Match]:
    """Network calls in commands that an installation runs."""
    for event in view.of(Sink.NETWORK, Sink.PROCESS, Sink.DYNAMIC):
        command = view.commands.get((event.path, event.scope.rpartition(".")[0]))
        if event.reach is not Reach.BUILD or command is None:
            continue
        if event.kind == Sink.NETWORK and not _asks_itself(event):
            yield match("static-install-network", event, what=command)
        elif event.kind == Sink.PROCESS and command in INSTALL_COMMANDS:
            yield match("static-install-process", event, what=command)


def _hidden_name(view: View) -> Iterator[Match]:
    for event in view.of(*Sink):
        if event.hidden:
            yield match("static-hidden-name", event, what=event.name.rpartition(".")[2])


def _persistence(view: View) -> Iterator[Match]:
    for event in view.of("write", Sink.PROCESS, "registry"):
        kinds = {kind for kind, _ in place_kinds(event.text)} & START_KINDS
        if event.kind == "write" and Mark.START in event.target:
            yield match("static-persistence", event, what=min(kinds, default="start-hook"))
        elif event.kind == Sink.PROCESS and kinds & {
            "scheduled-task",
            "cron",
            "run-key",
            "systemd",
        }:
            yield match("static-persistence", event, what=min(kinds))
        elif event.kind == "registry" and "run-key" in kinds:
            yield match("static-persistence", event, what="run-key")


def _site_write(view: View) -> Iterator[Match]:
    for event in view.of("write"):
        if Mark.SITE in event.target:
            yield match("static-site-write", event)


def _secret_read(view: View) -> Iterator[Match]:
    for event in view.of("read"):
        kinds = {kind for kind, _ in place_kinds(event.text)} & SECRET_KINDS
        yield match("static-secret-read", event, what=min(kinds, default=""))


def _collector(view: View) -> Iterator[Match]:
    places: dict[str, list[Event]] = defaultdict(list)
    for event in view.of("place"):
        if event.name in SECRET_KINDS:
            places[event.path].append(event)
    for events in places.values():
        kinds = {event.name for event in events}
        if len(kinds) >= COLLECTED_MIN or len(kinds & STEALERS) > 1:
            yield match(
                "static-collector", eagerest(events), what=min(kinds & STEALERS, default=min(kinds))
            )


def _memory(view: View) -> Iterator[Match]:
    for event in view.of(Sink.NATIVE):
        if MEMORY.match(event.name):
            yield match("static-memory-code", event, what=event.name.rpartition(".")[2])


def _hosts(view: View) -> Iterator[Match]:
    acting = {event.path for event in view.of(Sink.NETWORK, Sink.PROCESS, Sink.DYNAMIC)}
    for event in view.of("host"):
        kind = kind_of(event.name, event.text)
        if kind in EXFILTRATION and event.path in acting:
            found = "static-chat-token" if kind == "chat-token" else "static-exfiltration-host"
            yield match(found, event, what=kind, host=event.name)
        elif kind in _DOUBTFUL and event.path in acting:
            yield match("static-doubtful-host", event, what=kind, host=event.name)


def _together(view: View) -> Iterator[Match]:
    """Network and programs in one file, both before anybody asks for either."""
    fetches: dict[str, list[Event]] = defaultdict(list)
    for event in view.of(Sink.NETWORK):
        if event.reach in EAGER and not _asks_itself(event):
            fetches[event.path].append(event)
    done = set()
    for event in view.of(Sink.PROCESS):
        if event.reach in EAGER and event.path in fetches and event.path not in done:
            done.add(event.path)
            yield match("static-network-process", eagerest([*fetches[event.path], event]))


def _stealer(view: View) -> Iterator[Match]:
    """Secrets, facts or screens, and a place to send them to, in one file."""
    takes: dict[str, list[Event]] = defaultdict(list)
    for event in view.of(Sink.NETWORK):
        if event.marks & {Mark.SECRET, Mark.ENVIRON, Mark.SCREEN, Mark.HOST}:
            takes[event.path].append(event)
    for event in view.of("read"):
        takes[event.path].append(event)
    for found in _collector(view):
        takes[found.path] += [
            e for e in view.of("place") if (e.path, e.line) == (found.path, found.line)
        ]
    acting = {event.path for event in view.of(Sink.NETWORK, Sink.PROCESS)}
    done = set()
    for event in view.of("host"):
        kind = kind_of(event.name, event.text)
        receives = kind in EXFILTRATION or kind in ("tunnel", "file-drop", "address")
        if receives and event.path in acting and event.path not in done and takes[event.path]:
            done.add(event.path)
            first = eagerest([event, *takes[event.path]])
            yield match("static-stealer", first, what=kind, host=event.name)


def _dropper(view: View) -> Iterator[Match]:
    """A downloaded file is run, and the address of a program stands in the source."""
    sources = {module.path: module.data for module in view.acting()}
    for event in view.of("write"):
        early = event.reach in EAGER and _PROGRAM_URL.search(sources.get(event.path, b"")[:500_000])
        if Mark.DOWNLOAD in event.marks and (early or Mark.START in event.target):
            yield match(
                "static-dropper", event, what="start-up" if Mark.START in event.target else ""
            )
    for event in view.of(Sink.PROCESS):
        if Mark.DROPPED in event.marks and _PROGRAM_URL.search(
            sources.get(event.path, b"")[:500_000]
        ):
            yield match("static-dropper", event)


def _only(kind_id: str, view: View, function: Callable[[View], Iterator[Match]]) -> Iterator[Match]:
    return (found for found in function(view) if found.id == kind_id)


ACTS: tuple[Detector, ...] = (
    Detector(
        id="static-network",
        kind=StaticKind(
            title="The network is used before anybody asks for it",
            levels={
                Reach.BUILD: "medium",
                Reach.START: "high",
                Reach.IMPORT: "medium",
                Reach.MODULE: "low",
            },
            technique="T1071",
            rationale=(
                "20 % of malicious setup.py files use it and almost no benign one (FACTS.md, 3); a few fetch "
                "libraries to link with, which is why it weighs little alone."
            ),
        ),
        detect=_network,
    ),
    Detector(
        id="static-process",
        kind=StaticKind(
            title="Programs are started before anybody asks for it",
            levels={
                Reach.START: "high",
                Reach.IMPORT: "low",
                Reach.MODULE: "info",
                Reach.BUILD: "info",
            },
            technique="T1106",
            rationale="Builds start compilers and git, so that this is a fact and no sign; start hooks do not.",
        ),
        detect=_process,
    ),
    Detector(
        id="static-command",
        kind=StaticKind(
            title="A command fetches and runs, hides code, or hands out a shell",
            levels=eager("high", module="high", call="high"),
            technique="T1059",
            rationale=(
                "curl into sh, PowerShell with an encoded command or a WebClient, /dev/tcp: the text of the "
                "command says it. Installers that are honest about it do so on command."
            ),
        ),
        detect=_command,
    ),
    Detector(
        id="static-odd-command",
        kind=StaticKind(
            title="A command fetches, installs, or hides its window",
            levels={
                Reach.BUILD: "low",
                Reach.START: "high",
                Reach.IMPORT: "medium",
                Reach.MODULE: "low",
            },
            technique="T1059",
            rationale=(
                "pip from within setup.py, curl for a source archive: bad habits of honest builds, and the "
                "way of simple malware. Nobody who has nothing to hide hides a window at install."
            ),
        ),
        detect=_odd_command,
    ),
    Detector(
        id="static-python-child",
        kind=StaticKind(
            title="Another Python is left running with code from the command line",
            levels={
                Reach.BUILD: "low",
                Reach.START: "high",
                Reach.IMPORT: "high",
                Reach.MODULE: "medium",
            },
            technique="T1059.006",
            rationale=(
                "`Popen([python, '-c', …])` on import hands the work to a process that outlives it (T21). "
                "Workers of honest libraries start when they are used; builds ask another Python and wait."
            ),
        ),
        detect=_python_child,
    ),
    Detector(
        id="static-install-network",
        kind=StaticKind(
            title="A command class of the installation uses the network",
            levels={Reach.BUILD: "high"},
            technique="T1195.002",
            rationale=(
                "Overriding install or its like is seen in 34 % of malware and 1 % of honest packages; with "
                "the network in it there is hardly an honest one (T01)."
            ),
        ),
        detect=lambda view: _only("static-install-network", view, _install_command),
    ),
    Detector(
        id="static-install-process",
        kind=StaticKind(
            title="A command class of the installation starts programs",
            levels={Reach.BUILD: "medium"},
            technique="T1195.002",
            rationale="`install` and `develop` of honest projects copy files; builds belong into build_ext.",
        ),
        detect=lambda view: _only("static-install-process", view, _install_command),
    ),
    Detector(
        id="static-hidden-name",
        kind=StaticKind(
            title="What it calls is put together from pieces",
            levels=eager("high", module="high", call="medium"),
            technique="T1027",
            rationale=(
                "getattr(os, 'sys' + 'tem'): nobody writes it so but to hide from a search. Honest look-ups "
                "by text take a whole name, or one that is not known here."
            ),
        ),
        detect=_hidden_name,
    ),
    Detector(
        id="static-persistence",
        kind=StaticKind(
            title="A start-up hook is written",
            levels=eager("high", module="medium", call="low"),
            technique="T1547",
            rationale=(
                "Start-up folders, run keys, cron, units, shell profiles outlive the package (T20). "
                "Installers of completions and services do it when they are called."
            ),
        ),
        detect=_persistence,
    ),
    Detector(
        id="static-site-write",
        kind=StaticKind(
            title="Installed packages or start hooks are written to",
            levels={
                Reach.BUILD: "medium",
                Reach.START: "high",
                Reach.IMPORT: "high",
                Reach.MODULE: "medium",
                Reach.CALL: "info",
            },
            technique="T1554",
            rationale=(
                "A patch in another package outlives this one (T08). Some honest builds put a .pth file "
                "into what they build."
            ),
        ),
        detect=_site_write,
    ),
    Detector(
        id="static-secret-read",
        kind=StaticKind(
            title="Places of secrets are opened",
            levels=eager("high", module="medium", call="info"),
            technique="T1552.001",
            rationale="Reading credentials at install or import is how collectors begin (T05).",
        ),
        detect=_secret_read,
    ),
    Detector(
        id="static-collector",
        kind=StaticKind(
            title="Places of secrets of several kinds are named together",
            levels=eager("high", module="high", call="medium"),
            technique="T1119",
            rationale=(
                "Browsers, wallets, chats and keys side by side in one file: no honest library has a trade "
                "in three of them. Scanners for secrets do."
            ),
        ),
        detect=_collector,
    ),
    Detector(
        id="static-memory-code",
        kind=StaticKind(
            title="Code is put into memory by hand",
            levels=eager("high", module="high", call="medium"),
            technique="T1620",
            rationale="VirtualAlloc, RtlMoveMemory, CreateThread through ctypes is a loader of shell code.",
        ),
        detect=_memory,
    ),
    Detector(
        id="static-exfiltration-host",
        kind=StaticKind(
            title="A host that serves to receive stands beside acting code",
            levels=eager("high", module="medium", call="medium"),
            technique="T1567",
            rationale=(
                "Out-of-band collectors and chat hooks need no server of one's own (T18): 10 % of malware, "
                "3.4 % of benign code of the same names, nearly all of it in functions that somebody calls."
            ),
        ),
        detect=lambda view: _only("static-exfiltration-host", view, _hosts),
    ),
    Detector(
        id="static-chat-token",
        kind=StaticKind(
            title="A chat hook stands in the code with its secret",
            levels=eager("high", module="high", call="high"),
            technique="T1567.004",
            rationale=(
                "A webhook with its token in published code reports to the author, and to nobody else. "
                "Libraries for chats take the token as an argument."
            ),
        ),
        detect=lambda view: _only("static-chat-token", view, _hosts),
    ),
    Detector(
        id="static-doubtful-host",
        kind=StaticKind(
            title="A tunnel, drop, paste or bare address stands beside acting code",
            levels={
                Reach.BUILD: "high",
                Reach.START: "high",
                Reach.IMPORT: "medium",
                Reach.MODULE: "low",
            },
            technique="T1102",
            rationale=(
                "Tunnels, file drops, pastes and bare addresses are where stages and loot of malware lie "
                "(T18); honest code names them in functions and examples."
            ),
        ),
        detect=lambda view: _only("static-doubtful-host", view, _hosts),
    ),
    Detector(
        id="static-network-process",
        kind=StaticKind(
            title="One file uses the network and starts programs before anybody asks",
            levels={Reach.BUILD: "medium", Reach.START: "high", Reach.IMPORT: "high"},
            technique="T1105",
            rationale=(
                "Either alone is seen in honest imports; both in one file of one import are a loader. Builds "
                "fetch sources and compile them, which is why it weighs less there."
            ),
        ),
        detect=_together,
    ),
    Detector(
        id="static-stealer",
        kind=StaticKind(
            title="Secrets or facts are gathered beside a host that serves to receive",
            levels=eager("high", module="high", call="high"),
            technique="T1041",
            rationale=(
                "What is taken and where it goes stand in one file: secrets, the environment, host facts or "
                "screens beside a chat hook, an out-of-band host, a tunnel, a drop or a bare address."
            ),
        ),
        detect=_stealer,
    ),
    Detector(
        id="static-dropper",
        kind=StaticKind(
            title="A Windows program is fetched from a fixed address and run",
            levels=eager("high", module="high", call="high"),
            technique="T1105",
            rationale=(
                "Wrappers of tools fetch archives by version and platform; a fixed address that ends in .exe, "
                "fetched and started in a few lines, is a dropper wherever it stands."
            ),
        ),
        detect=_dropper,
    ),
)
