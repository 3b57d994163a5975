"""Detectors of flows: what comes from where, and goes whither."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.static.detector import Detector, View, match
from analyzer.static.kind import StaticKind, eager
from analyzer.static.names import ASKS_NAME
from analyzer.static.result import Match, Reach, Sink
from analyzer.static.values import Mark

_RUNS = (
    "builtins.exec",
    "builtins.eval",
    "builtins.execfile",
    "types.",
    "marshal.",
    "code.",
    "imp.",
    "ctypes.pythonapi",
)
_FETCHED = frozenset({Mark.DOWNLOAD, Mark.RESPONSE})


def _decode_exec(view: View) -> Iterator[Match]:
    for event in view.of(Sink.DYNAMIC):
        # A function that decodes what it is given is a tool; what it is given shows where it is called.
        tool = event.reach is Reach.CALL and Mark.PARAMETER in event.marks
        hidden = Mark.DECODED in event.marks and not event.marks & _FETCHED
        if event.name.startswith(_RUNS) and hidden and not tool:
            yield match("static-decode-exec", event, what=event.name.rpartition(".")[2])


def _download_exec(view: View) -> Iterator[Match]:
    for event in view.of(Sink.DYNAMIC):
        if event.name.startswith(_RUNS) and event.marks & _FETCHED:
            yield match("static-download-exec", event, what=event.name.rpartition(".")[2])


def _download_run(view: View) -> Iterator[Match]:
    for event in view.of(Sink.PROCESS, Sink.NATIVE):
        if Mark.DROPPED in event.marks:
            yield match("static-download-run", event, what=event.name.rpartition(".")[2])


def _written_run(view: View) -> Iterator[Match]:
    for event in view.of(Sink.PROCESS, Sink.NATIVE):
        if Mark.WRITTEN in event.marks and Mark.DROPPED not in event.marks:
            yield match("static-written-run", event, what=event.name.rpartition(".")[2])


def _remote_command(view: View) -> Iterator[Match]:
    for event in view.of(Sink.PROCESS):
        if Mark.RESPONSE in event.marks:
            yield match("static-remote-command", event, what="response")
        elif Mark.DOWNLOAD in event.marks and Mark.DROPPED not in event.marks:
            yield match("static-fetched-command", event, what="download")


def _reverse_shell(view: View) -> Iterator[Match]:
    connected = {event.path for event in view.of(Sink.NETWORK) if event.name.startswith("socket.")}
    duplicated = {
        event.path
        for event in view.of("act")
        if event.name == "os.dup2" and Mark.SOCKET in event.marks
    }
    for event in view.of(Sink.PROCESS):
        shell = event.name == "pty.spawn" or Mark.SOCKET in event.marks
        if event.path in connected and (shell or event.path in duplicated):
            yield match("static-reverse-shell", event, what=event.name.rpartition(".")[2])


def _sent(kind_id: str, mark: str) -> Detector:
    def detect(view: View) -> Iterator[Match]:
        for event in view.of(Sink.NETWORK):
            if mark in event.marks and _tells(event.name, event.text):
                yield match(kind_id, event, what=event.name.rpartition(".")[2])

    return Detector(id=kind_id, kind=_SENT[kind_id], detect=detect)


def _tells(name: str, text: str) -> bool:
    """Whether a call carries data: a look-up of a name does so only by a name that was made."""
    return not ASKS_NAME.match(name) or re.search(r"[a-z*]\.[a-z*]", text) is not None


_SENT: dict[str, StaticKind] = {
    "static-secret-sent": StaticKind(
        title="Secrets are read and sent",
        levels=eager("high", module="medium", call="low"),
        technique="T1041",
        rationale=(
            "What was read from places where keys, sessions and passwords lie flows into a network call. "
            "Clients that log in do so with what they are given, when they are called."
        ),
    ),
    "static-environment-sent": StaticKind(
        title="The whole environment is sent",
        levels=eager("high", module="high", call="medium"),
        technique="T1082",
        rationale=(
            "All variables at once into a network call is a dump (T27); whoever needs one names it."
        ),
    ),
    "static-facts-sent": StaticKind(
        title="Facts that tell the machine or its user are sent",
        levels={
            Reach.BUILD: "high",
            Reach.START: "high",
            Reach.IMPORT: "high",
            Reach.MODULE: "medium",
            Reach.CALL: "info",
        },
        technique="T1082",
        rationale=(
            "Host and user name over HTTP or DNS at install: 18 % of malware that acts on Linux, and "
            "0.0 % of benign setup.py files (FACTS.md, 3). Telemetry sends it when it is used."
        ),
    ),
    "static-token-sent": StaticKind(
        title="A variable that is named like a secret is sent",
        levels={
            Reach.BUILD: "medium",
            Reach.START: "high",
            Reach.IMPORT: "medium",
            Reach.MODULE: "low",
        },
        technique="T1552",
        rationale=(
            "One token out of the environment into a network call is a login where it goes to its own "
            "service; builds that fetch releases do so, too, and seldom anything else that runs early."
        ),
    ),
    "static-screen-sent": StaticKind(
        title="Screen, keyboard or clipboard are sent",
        levels=eager("high", module="high", call="medium"),
        technique="T1113",
        rationale="What a person sees and types flows into a network call: spyware by its trade.",
    ),
}

FLOWS: tuple[Detector, ...] = (
    Detector(
        id="static-reverse-shell",
        kind=StaticKind(
            title="A shell is tied to a connection",
            levels=eager("critical", module="high", call="high"),
            technique="T1059.004",
            rationale=(
                "A socket is duplicated onto a shell's input, or a pseudo terminal is spawned beside one "
                "(T23). Terminal servers do it when they are called."
            ),
        ),
        detect=_reverse_shell,
    ),
    Detector(
        id="static-remote-command",
        kind=StaticKind(
            title="What comes over a socket is run as a command",
            levels=eager("critical", module="high", call="high"),
            technique="T1059",
            rationale="recv() into a shell is remote control; remote procedure libraries name functions.",
        ),
        detect=lambda view: (
            found for found in _remote_command(view) if found.id == "static-remote-command"
        ),
    ),
    Detector(
        id="static-fetched-command",
        kind=StaticKind(
            title="What was downloaded goes into a command",
            levels=eager("medium", module="low"),
            technique="T1105",
            rationale=(
                "A downloaded text as part of a command line may be a version number, or the command itself."
            ),
        ),
        detect=lambda view: (
            found for found in _remote_command(view) if found.id == "static-fetched-command"
        ),
    ),
    Detector(
        id="static-download-exec",
        kind=StaticKind(
            title="Downloaded code is run",
            levels=eager("high", module="high", call="high"),
            technique="T1105",
            rationale=(
                "The answer to a request flows into exec, eval or marshal (T09): the package's code is no "
                "longer what is in the package. Honest ez_setup.py of old did so for setuptools."
            ),
        ),
        detect=_download_exec,
    ),
    Detector(
        id="static-download-run",
        kind=StaticKind(
            title="A downloaded file is run",
            levels=eager("high", module="high", call="medium"),
            technique="T1105",
            rationale=(
                "Fetch, write, start: 17 % of malware that acts on Linux (FACTS.md, T09). Wrappers of tools "
                "fetch them on command, when they are called."
            ),
        ),
        detect=_download_run,
    ),
    Detector(
        id="static-written-run",
        kind=StaticKind(
            title="A file of code that it wrote itself is run",
            levels=eager("high", module="medium", call="low"),
            technique="T1204.002",
            rationale=(
                "Code, or decoded bytes, are written into a file which is then started: a dropper. Builds "
                "write configuration, and start compilers."
            ),
        ),
        detect=_written_run,
    ),
    Detector(
        id="static-decode-exec",
        kind=StaticKind(
            title="Decoded code is run",
            levels=eager("high", module="high", call="high"),
            technique="T1140",
            rationale=(
                "base64, zlib, a cipher or marshal into exec (20 % of malware that acts on Linux). Honest code "
                "has no reason to hide from its reader; loaders of bytecode do it when they are called."
            ),
        ),
        detect=_decode_exec,
    ),
    *(
        _sent(kind_id, mark)
        for kind_id, mark in (
            ("static-secret-sent", Mark.SECRET),
            ("static-environment-sent", Mark.ENVIRON),
            ("static-facts-sent", Mark.HOST),
            ("static-token-sent", Mark.TOKEN),
            ("static-screen-sent", Mark.SCREEN),
        )
    ),
)
