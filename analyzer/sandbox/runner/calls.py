"""Use one top-level module as its users might: call what it offers, in forks, with planted arguments.

    calls.py NAME BUDGET_MS CALLS_MAX SUBMODULES_MAX FIRST OF

Of the planted texts this process hands out every OF-th, from FIRST on, so that no two modules share
one. Whatever a call raises is caught; a call that hangs is interrupted, and where that does not
help, its fork is killed. Reports `argument`, `used`.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from analyzer.sandbox.runner.arguments import FILES, value_for, wants_file
from analyzer.sandbox.runner.forks import (
    DONE,
    RAISED,
    TIMED_OUT,
    await_threads,
    flush,
    hide,
    in_forks,
    plain,
    report,
)
from analyzer.sandbox.runner.module import submodules
from analyzer.sandbox.runner.targets import Target, is_public, loaded, targets_of

TYPE_CHECKING = False  # typing is not loaded for this
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

ARGUMENTS = "/opt/runner/arguments"
CALL_S = 1.0
"""Seconds after which a call is interrupted."""
HURRIED_S = 0.3
"""The same once TIMEOUTS_MAX calls of a fork had to be: what waits for a network does so in every call."""
TIMEOUTS_MAX = 3
AGAIN_S = 0.2
"""Seconds after which it is interrupted again, where the package caught that."""
SILENT_S = 2.5
"""Seconds after which a fork is killed that does not get on with its calls."""
THREADS_S = 1.0
"""Seconds that threads get which calls left behind."""
ITEMS_MAX = 3
"""Items that are taken of what a call yields."""
ARGUMENTS_TOLD_MAX = 200
"""`argument` lines of one fork; a planted text is handed out again once all were."""


class TimeIsUpError(BaseException):
    """A call took too long. No Exception, for packages catch those."""


class Alarm:
    """Interrupts what is done while it is on."""

    def __init__(self) -> None:
        self._on = False
        signal.signal(signal.SIGALRM, self._ring)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._on:
            raise TimeIsUpError

    def start(self, seconds: float) -> None:
        """From here on."""
        self._on = True
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)

    def stop(self) -> None:
        """Until here."""
        self._on = False
        signal.setitimer(signal.ITIMER_REAL, 0)


class Caller:
    """Makes the calls; `planted` are the texts of this module, `indices` their places among all."""

    def __init__(self, planted: list[tuple[int, str]], files: list[tuple[int, str]]) -> None:
        self._planted = planted
        self._files = files
        self._given: dict[int, dict[str, tuple[int, str]]] = {}
        self._made: dict[int, object] = {}
        self._told: set[str] = set()
        self._timeouts = 0
        self._alarm = Alarm()

    def assign(self, targets: list[Target]) -> None:
        """Give each parameter a text of its own, as long as there are some."""
        next_text = next_file = 0
        for target in targets:
            given = self._given[id(target)] = {}
            for parameter in target.parameters:
                if wants_file(parameter.name, parameter.annotation) and self._files:
                    given[parameter.name] = self._files[next_file % len(self._files)]
                    next_file += 1
                elif self._planted:
                    given[parameter.name] = self._planted[next_text % len(self._planted)]
                    next_text += 1

    def act(self, target: Target) -> str:
        """Make one call to its end; says how it went."""
        try:
            self._alarm.start(CALL_S if self._timeouts < TIMEOUTS_MAX else HURRIED_S)
            what = target.what
            if target.owner is not None:
                what = getattr(self._instance(target.owner), target.attribute)
            result = self._call(what, target)
            if target.owner is None and isinstance(target.what, type):
                self._made[id(target)] = result
            finish(result)
        except TimeIsUpError:
            self._timeouts += 1
            return TIMED_OUT
        except BaseException:  # noqa: BLE001 - whatever it raises is data
            return RAISED
        finally:
            self._alarm.stop()
        return DONE

    def _instance(self, owner: Target) -> object:
        """The instance whose methods are called; made again where the fork it was made in is gone."""
        if id(owner) not in self._made:
            self._made[id(owner)] = self._call(owner.what, owner)
        return self._made[id(owner)]

    def _call(self, what: object, target: Target) -> object:
        positional: list[object] = []
        named: dict[str, object] = {}
        for parameter in target.parameters:
            index, text = self._given[id(target)].get(parameter.name, (-1, "x"))
            value = value_for(parameter.name, parameter.annotation, parameter.default, text)
            of = plain(f"{target.name}.{parameter.name}")
            if index >= 0 and of not in self._told and len(self._told) < ARGUMENTS_TOLD_MAX:
                self._told.add(of)
                report(f'{{"kind":"argument","index":{index},"of":"{of}"}}')
            if parameter.by_name:
                named[parameter.name] = value
            else:
                positional.append(value)
        if not callable(what):
            return None
        return what(*positional, **named)


def finish(result: Any) -> None:
    """What a call gave may only begin with use: run coroutines, take a few of what is yielded."""
    kind = type(result)
    if hasattr(kind, "__await__") or hasattr(kind, "__anext__"):
        import asyncio  # noqa: PLC0415 - only packages that need it pay for it

        asyncio.run(asyncio.wait_for(_awaited(result), CALL_S))
    elif hasattr(kind, "__next__"):
        for _ in range(ITEMS_MAX):
            kind.__next__(result)


async def _awaited(result: Any) -> None:
    kind = type(result)
    if hasattr(kind, "__anext__"):
        for _ in range(ITEMS_MAX):
            await kind.__anext__(result)
    else:
        await result


def texts(first: int, of: int) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """This module's planted texts, and those that are files, each with its place among all."""
    with open(ARGUMENTS, encoding="ascii") as file:  # noqa: PTH123 - pathlib is not loaded for this
        every = list(enumerate(file.read().split()))
    shared = every[:-FILES]
    return shared[first % max(1, len(shared)) :: of], every[-FILES:]


def load(package: str, limit: int, end: float) -> bool:
    """Import the package, and of what is below it what others may use; False where the first fails."""
    alarm = Alarm()
    try:
        __import__(package)
    except BaseException:  # noqa: BLE001 - P3 has said so
        return False
    below = [name for name in submodules(package, limit) if is_public(name)] if limit else []
    for name in below[:limit]:
        if name in sys.modules or time.monotonic() >= end:
            continue
        try:
            alarm.start(CALL_S)
            __import__(name)
        except BaseException:  # noqa: BLE001, S112 - P3 has said so
            continue
        finally:
            alarm.stop()
    return True


def main(name: str, budget_ms: int, limit: int, below: int, first: int, of: int) -> None:
    """Load, plan, call, report."""
    begun = time.monotonic()
    end = begun + budget_ms / 1000 * 0.9
    planted, files = texts(first, of)
    if not load(name, below, begun + budget_ms / 4000):
        return
    found = targets_of(name, loaded(name))
    caller = Caller(planted, files)
    caller.assign(found[:limit])
    outcomes = in_forks(
        found[:limit],
        caller.act,
        silent_s=SILENT_S,
        end=end,
        lost=lambda *_: None,
        at_end=lambda: await_threads(THREADS_S),
    )
    counts = ",".join(
        f'"{key}":{number}'
        for key, number in (
            ("found", len(found)),
            ("called", len(outcomes)),
            ("raised", sum(word not in (DONE, TIMED_OUT) for word in outcomes)),
            ("timeouts", outcomes.count(TIMED_OUT)),
            ("left", len(found) - len(outcomes)),
        )
    )
    report(f'{{"kind":"used","module":"{plain(name)}",{counts}}}')


def start() -> None:
    """What `use` starts. Ends at once: what the import left running had its time in P3."""
    name, *numbers = sys.argv[1:]
    hide()
    main(name, *map(int, numbers))
    flush()
    os._exit(0)
