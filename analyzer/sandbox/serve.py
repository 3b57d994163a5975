"""One connection: its messages in order, one run, its result. The client closing ends the run."""

from __future__ import annotations

import queue
import select
import socket
import string
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from analyzer.sandbox import inputs, phases, preparing, reading, trust, wire
from analyzer.sandbox.protocol import (
    INPUT_BYTES_MAX,
    INPUT_FILES_MAX,
    KINDS,
    PHASES,
    SCRIPTS_MAX,
    SOURCES_MAX,
    VARIATIONS,
    Hello,
    InputFile,
    PhaseResult,
    RunRequest,
    RunResult,
)
from analyzer.sandbox.stage import Input, Stage, Station
from analyzer.sandbox.supervise import BoxFailed, Report, RunStopped
from analyzer.sandbox.surroundings import World, surround

SPEAK_S = 60.0
"""Seconds within which a client has sent all of its request."""
BUDGET_MS_MAX = 900_000
"""Milliseconds of the longest run that may be asked for."""
MODULES_MAX = 200
SLOT_LOOK_S = 0.5
ARCHIVES = ("wheel", "sdist")
_PLAIN = frozenset(string.ascii_letters + string.digits + "._-+")
CODE_ROOT = Path(__file__).resolve().parents[2]

T = TypeVar("T")


class RequestRefused(Exception):
    """The client's request is not one that the protocol allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """One result on its way out."""

    name: str
    descriptor: int
    truncated: bool = False


class Conversation:
    """One client connection, held by one thread."""

    def __init__(
        self, station: Station, slots: queue.Queue[int], hello: Hello, connection: socket.socket
    ) -> None:
        self._station = station
        self._slots = slots
        self._hello = hello
        self._connection = connection
        self._descriptors: list[int] = []

    def hold(self) -> None:
        """Speak until the run is done or the client goes. Never raises."""
        try:
            self._speak()
        except RunStopped:
            pass  # nobody is there to tell, or the daemon closes
        except (RequestRefused, inputs.InputRefused, wire.WireError) as error:
            self._tell_error(str(error), "Send what analyzer.sandbox.protocol describes.")
        except BoxFailed as error:
            self._tell_error(str(error), "Run `pratique doctor` on this machine.")
        except Exception as error:  # noqa: BLE001 - a thread's edge: the daemon outlives any one run
            print(f"pratique-sandbox: a run failed: {error!r}", file=sys.stderr, flush=True)
            self._tell_error(f"the run failed: {error}"[:500], "Look at the daemon's own output.")
        finally:
            wire.close_all(self._descriptors)
            self._connection.close()

    def _tell_error(self, error: str, next_step: str) -> None:
        try:
            wire.send(self._connection, {"op": "error", "error": error, "next_step": next_step})
        except OSError:
            return

    def _speak(self) -> None:
        self._connection.settimeout(SPEAK_S)
        end = time.monotonic() + SPEAK_S
        request: RunRequest | None = None
        files: list[Input] = []
        while time.monotonic() < end:
            message, descriptors = self._receive()
            self._descriptors += descriptors
            operation = message.pop("op", None)
            if operation == "hello" and not descriptors:
                wire.send(self._connection, {"op": "hello", **asdict(self._hello)})
            elif operation == "run" and request is None and not descriptors:
                request = check_request(build(RunRequest, message), self._hello)
            elif operation == "input" and request is not None and len(descriptors) == 1:
                files.append(_input(message, descriptors[0], files))
            elif operation == "go" and request is not None:
                self._run(request, check_files(request, files))
                return
            else:
                raise RequestRefused("a message came out of order")
        raise RequestRefused("the request took too long to arrive")

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        try:
            received = wire.receive(self._connection)
        except OSError as error:
            raise RunStopped("the client is silent") from error
        if received is None:
            raise RunStopped("the client went away")
        return received

    def _run(self, request: RunRequest, files: tuple[Input, ...]) -> None:
        self._connection.settimeout(None)
        slot = self._wait_for_slot()
        try:
            started = time.monotonic()
            stage = Stage(
                station=self._station,
                slot=slot,
                request=request,
                files=files,
                client=self._connection,
                deadline=started + request.budget_ms / 1000,
            )
            with stage:
                result, blobs = self._results(stage)
                self._send_result(result, blobs, started)
        finally:
            self._slots.put(slot)

    def _wait_for_slot(self) -> int:
        while True:
            try:
                return self._slots.get(timeout=SLOT_LOOK_S)
            except queue.Empty:
                ready, _, _ = select.select(
                    [self._connection.fileno(), self._station.stop], [], [], 0
                )
                if ready:
                    raise RunStopped("the client went away, or the daemon closes") from None

    def _results(self, stage: Stage) -> tuple[RunResult, list[Blob]]:
        run_id = stage.request.run_id
        if stage.request.kind == "read":
            stage.prepare()
            phase = reading.read(stage, CODE_ROOT)
            result = RunResult(run_id=run_id, phases=(phase,), blobs=())
            return result, [blob_of("report", stage.report)]
        with surround(stage) as world:
            base = phases.base_environment(harness=False)
            builds = preparing.build_sources(stage, base)
            unpacked = preparing.unpack_requirements(stage, base, builds)
            if unpacked is None or (unpacked.ended == "exit" and unpacked.exit_code == 0):
                done, account, blobs = self._run_phases(stage, world)
            else:  # whatever is wrong with a dependency, the artifact cannot run as it would
                done, account, blobs = (unpacked,), {}, []
        blobs += [blob_of("sinkhole", world.sinkhole.log), blob_of("decoys", world.watch.report)]
        blobs.append(blob_of("report", stage.report))
        canaries = world.planted.canaries
        result = RunResult(
            run_id=run_id,
            phases=done,
            blobs=(),
            account=account,
            canaries=canaries,
            builds=builds,
            python=stage.python.version,
        )
        return result, blobs

    def _run_phases(
        self, stage: Stage, world: World
    ) -> tuple[tuple[PhaseResult, ...], dict[str, int], list[Blob]]:
        base = phases.base_environment(harness=self._station.options.harness)
        env = {**base, **trust.VARIABLES, **world.planted.variables}
        drainer = self._station.drainer
        group = stage.group.id if stage.group is not None else 0
        with drainer.watch(stage.slot, group) as watch:
            stage.owned += [watch.store.descriptor] if watch.store is not None else []
            run = phases.Phases(
                stage=stage,
                env=env,
                watch=watch,
                progress=self._progress,
                connect=lambda: world.connect(stage),
                arguments=world.planted.arguments,
            )
            done = run.run()
            world.close()
            account = drainer.finish(watch)
        if drainer.failure:
            raise BoxFailed(drainer.failure)
        store = watch.store
        if store is None:
            return done, account, []
        trace = Blob(name="trace", descriptor=store.descriptor, truncated=store.truncated)
        return done, account, [trace]

    def _progress(self, phase: str, state: str) -> None:
        try:
            wire.send(self._connection, {"op": "progress", "phase": phase, "state": state})
        except OSError as error:
            raise RunStopped("the client went away") from error

    def _send_result(self, result: RunResult, blobs: list[Blob], started: float) -> None:
        for blob in blobs:
            inputs.seal(blob.descriptor)
        message = asdict(result) | {
            "op": "result",
            "blobs": [blob.name for blob in blobs],
            "truncated": [blob.name for blob in blobs if blob.truncated],
            "python": result.python or self._hello.python,
            "wall_ms": int((time.monotonic() - started) * 1000),
        }
        try:
            wire.send(self._connection, message, [blob.descriptor for blob in blobs])
        except OSError as error:
            raise RunStopped("the client went away") from error


def blob_of(name: str, report: Report) -> Blob:
    """A report on its way out."""
    return Blob(name=name, descriptor=report.descriptor, truncated=report.truncated)


def build(kind: type[T], message: dict[str, Any]) -> T:
    """A dataclass of the protocol out of a message: exactly its fields, each of its own form."""
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    if not set(message) <= set(known):
        raise RequestRefused("a message has unknown fields")
    values = {
        name: tuple(value) if isinstance(value, list) else value for name, value in message.items()
    }
    for name, value in values.items():
        if not _is(str(known[name].type), value):
            raise RequestRefused(f"the field {name} is not of its type")
    try:
        return kind(**values)
    except TypeError as error:
        raise RequestRefused("a message lacks fields") from error


def _is(annotation: str, value: object) -> bool:
    if annotation == "str":
        return isinstance(value, str)
    if annotation == "bool":
        return isinstance(value, bool)
    if annotation == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation == "tuple[str, ...]":
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return False


def check_request(request: RunRequest, hello: Hello) -> RunRequest:
    """Raise RequestRefused unless each field is within its bounds, and we offer what it asks for."""
    if request.kind not in KINDS or request.archive not in ARCHIVES:
        raise RequestRefused("the request's kind or archive is unknown")
    if request.kind == "run" and not hello.traced:
        raise RequestRefused("this daemon makes reader boxes only")
    if not 0 < len(request.run_id) <= 100 or not request.run_id.isprintable():
        raise RequestRefused("the run_id is empty or too long")
    if not 0 < request.budget_ms <= BUDGET_MS_MAX:
        raise RequestRefused(f"budget_ms is not within 1 to {BUDGET_MS_MAX}")
    if any(phase not in PHASES for phase in request.phases):
        raise RequestRefused("a phase is unknown")
    if list(request.phases) != sorted(set(request.phases)):
        raise RequestRefused("the phases are not in order")
    if request.kind == "run" and not request.phases:
        raise RequestRefused("a run names its phases")
    if len(request.modules) > MODULES_MAX or not all(_dotted(m) for m in request.modules):
        raise RequestRefused("modules are not names")
    if len(request.scripts) > SCRIPTS_MAX or not all(_plain(s) for s in request.scripts):
        raise RequestRefused(f"scripts are not up to {SCRIPTS_MAX} plain names")
    if len(set(request.variations)) != len(request.variations):
        raise RequestRefused("a variation is named twice")
    if any(variation not in VARIATIONS for variation in request.variations):
        raise RequestRefused("a variation is unknown; there are: " + ", ".join(VARIATIONS))
    if request.python and request.python not in hello.pythons:
        raise RequestRefused("boxes cannot run that python; they can: " + ", ".join(hello.pythons))
    return request


def _dotted(name: str) -> bool:
    return len(name) <= 200 and all(part.isidentifier() for part in name.split("."))


def _plain(name: str) -> bool:
    """Whether it is a file's name that means nothing to a shell, a path or a line of JSON."""
    return 0 < len(name) <= 100 and not name.startswith((".", "-")) and set(name) <= _PLAIN


def _input(message: dict[str, Any], descriptor: int, before: Iterable[Input]) -> Input:
    described = build(InputFile, message)
    inputs.check_input(described, descriptor)
    seen = list(before)
    if len(seen) >= INPUT_FILES_MAX:
        raise RequestRefused("too many inputs")
    if described.size + sum(file.described.size for file in seen) > INPUT_BYTES_MAX:
        raise RequestRefused("the inputs are too large together")
    return Input(described=described, descriptor=descriptor)


def check_files(request: RunRequest, files: list[Input]) -> tuple[Input, ...]:
    """Raise RequestRefused unless there is one artifact, the named one, first, and no name twice."""
    roles = [file.described.role for file in files]
    if roles[:1] != ["artifact"] or roles.count("artifact") != 1:
        raise RequestRefused("the first input, and no other, is the artifact")
    if files[0].described.filename != request.artifact:
        raise RequestRefused("the artifact does not have the requested name")
    names = {(file.described.role, file.described.filename) for file in files}
    if len(names) != len(files):
        raise RequestRefused("two inputs have one name")
    tools = {file.described.filename for file in files if file.described.role == "tool"}
    sources = [file.described for file in files if file.described.is_source]
    if len(sources) > SOURCES_MAX:
        raise RequestRefused("too many requirements are sdists")
    if any(file.described.needs and file.described not in sources for file in files):
        raise RequestRefused("only an sdist among the requirements needs tools")
    if any(not set(source.needs) <= tools for source in sources):
        raise RequestRefused("an sdist needs a tool that did not come")
    return tuple(files)
