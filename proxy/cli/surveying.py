"""`pratique scan --layers`: many files at once, none of them run, a line each."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import msgspec
from packaging.utils import NormalizedName
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from analyzer.readers.confinement import Confinement, choose_confinement
from analyzer.readers.pool import ReaderPool
from analyzer.readers.porter import Porter
from models.artifact import project_of
from models.clock import utc_now
from models.decision import Action
from models.errors import ValueInvalid
from models.evidence import Layer
from models.reason import reason_line
from policies.policy import Policy
from proxy.behind import Behind
from proxy.cli.advised import advisories_for
from proxy.cli.inforce import policy_for
from proxy.inquiry import Inquiry
from proxy.privileges import Roles, drop_to, is_root
from proxy.settings import Settings
from proxy.sources.composition import Means, sources_of
from proxy.store.memory import MemoryStore
from proxy.store.port import Store
from proxy.survey import LAYERS, NETWORK_LAYERS, Survey, Surveyed

FILES_MAX = 100_000
"""Files of one survey; their names are held, nothing else."""
NAMES_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of a list of files."""
READERS_MAX = 64
EXIT_UNREAD = 1
"""A file could not be read for a reason of ours; held (3) and denied (4) outrank it."""
EXIT = {Action.SERVE: 0, Action.HOLD: 3, Action.DENY: 4}
_RANK = (0, EXIT_UNREAD, 3, 4)


@dataclass(slots=True)
class Telling:
    """Writes each file's line, and remembers the worst exit code."""

    as_json: bool
    worst: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def line(self, surveyed: Surveyed) -> None:
        """One line on standard output."""
        decision = surveyed.decision
        code = EXIT[decision.action] if decision else EXIT_UNREAD
        self.worst = max(self.worst, code, key=_RANK.index)
        word = decision.action.value if decision else "unread"
        self.counts[word] = self.counts.get(word, 0) + 1
        if self.as_json:
            click.echo(msgspec.json.encode(surveyed).decode())
        elif decision is None:
            click.echo(f"{word:6}    -  {_plain(surveyed.file)}  {_plain(surveyed.error)}")
        else:
            score = decision.score.value if decision.score else "-"
            reason = "" if decision.action is Action.SERVE else f"  {reason_line(decision)}"
            click.echo(f"{word:6}  {score!s:>3}  {_plain(surveyed.file)}{reason}")


def parse_layers(text: str) -> tuple[Layer, ...]:
    """`metadata,provenance`. Raises ValueInvalid."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = {layer.value: layer for layer in LAYERS}
    wrong = [name for name in names if name not in known]
    if wrong or Layer.METADATA.value not in names:
        raise ValueInvalid(
            f"--layers takes metadata, and with it provenance and reputation; not {text!r}.",
            next_step="For behaviour, scan one file without --layers: it is then run in a box.",
        )
    return tuple(known[name] for name in dict.fromkeys(names))


def listed(targets: Sequence[str], files_from: str | None) -> tuple[Path, ...]:
    """The files that were named, on the command line and then in the list. Raises ValueInvalid."""
    names = list(targets)
    if files_from is not None:
        with click.open_file(files_from, "rb") as opened:
            data = opened.read(NAMES_BYTES_MAX + 1)
        if len(data) > NAMES_BYTES_MAX:
            raise ValueInvalid(f"The list of files has more than {NAMES_BYTES_MAX} bytes.")
        names += [os.fsdecode(line) for line in data.split(b"\n") if line]
    if not names:
        raise ValueInvalid("No file was named.", next_step="Name files, or --files-from LIST.")
    if len(names) > FILES_MAX:
        raise ValueInvalid(f"More than {FILES_MAX} files were named.")
    return tuple(map(Path, names))


def survey_files(
    settings: Settings,
    files: Sequence[Path],
    *,
    layers: tuple[Layer, ...],
    as_json: bool,
    readers: int,
    unconfined: bool,
) -> int:
    """Survey them all and write a line each; the exit code. Gives up root where it has it."""
    policy = policy_for(settings)
    networked = not NETWORK_LAYERS.isdisjoint(layers)
    named = [(project, None) for project in _projects(files)]
    advisories = advisories_for(settings.data_dir, named) if networked else None
    confinement = choose_confinement(unconfined=unconfined)
    roles = Roles.from_base(settings.uid_base)
    porter = Porter(files, confinement=confinement, reader_uid=roles.boxes if is_root() else None)
    try:
        if is_root():
            # From here on nothing of root's touches what archives hold; the porter only opens them.
            os.environ["HOME"] = "/nonexistent"
            drop_to(roles.worker)
        telling = Telling(as_json)
        size = min(readers or os.cpu_count() or 1, len(files), READERS_MAX)
        _warn(confinement)
        with ReaderPool(porter, size=size) as pool, _progress(len(files)) as advance:

            def tell(surveyed: Surveyed) -> None:
                telling.line(surveyed)
                advance()

            world = _World(settings, policy, advisories, networked=networked)
            try:
                asyncio.run(_survey(world, porter, pool, layers, files, tell))
            except* BrokenPipeError:
                # Whoever read the lines has enough; Python would complain once more at its end.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return telling.worst
    finally:
        porter.close()


class _World:
    """The index and the sources of facts; the network is touched only where it is `networked`."""

    def __init__(
        self, settings: Settings, policy: Policy, advisories: Store | None, *, networked: bool
    ) -> None:
        self.policy = policy
        self.networked = networked
        store = MemoryStore(clock=utc_now)
        self.behind = Behind(
            settings.upstreams,
            store,
            None,
            clock=utc_now,
            owned=lambda: policy.owned,
        )
        means = Means(
            index=self.behind.index,
            clients=self.behind.clients,
            home=self.behind.index.home,
            store=store,
            policy=lambda: policy,
            clock=utc_now,
            advisories=advisories,
        )
        self.inquiry = Inquiry(sources_of(means))


async def _survey(
    world: _World,
    porter: Porter,
    pool: ReaderPool,
    layers: tuple[Layer, ...],
    files: Sequence[Path],
    tell: Callable[[Surveyed], None],
) -> None:
    async with AsyncExitStack() as opened:
        if world.networked:
            await opened.enter_async_context(world.behind)
        survey = Survey(
            opener=porter,
            pool=pool,
            index=world.behind.index if world.networked else None,
            index_of=world.behind.index.would_be,
            inquiry=world.inquiry,
            layers=layers,
            policy=world.policy,
        )
        await survey.run(files, tell)


def _projects(files: Sequence[Path]) -> tuple[NormalizedName, ...]:
    names = (project_of(file.name) for file in files)
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _warn(confinement: Confinement) -> None:
    if confinement is Confinement.NONE:
        click.echo(f"Archives are read by {confinement.words}.", err=True)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error where that is a terminal; else nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=total)
        yield lambda: bar.advance(task)


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode() if not text.isprintable() else text
