"""`pratique doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from analyzer.sandbox import interpreters, standing
from analyzer.sandbox import requirements as sandbox_requirements
from analyzer.trace import requirements as trace_requirements
from proxy.cli.options import settings_options
from proxy.privileges import Roles, is_root
from proxy.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One requirement: what it is for, whether it is met, and the command that mends it."""

    what: str
    met: bool
    mend: str = ""
    stands_in: bool = False
    """It is not met, but something weaker is in its place, as `what` says."""

    @property
    def word(self) -> str:
        """How the line begins."""
        if self.met:
            return "ok"
        return "STAND-IN" if self.stands_in else "MISSING"


@click.command()
@settings_options()
def doctor(settings: Settings) -> None:
    """Check everything Pratique needs on this machine, and print the command that mends each gap.

    A STAND-IN is weaker than what it stands for, and the line says how. Exit code 0: nothing is
    missing. 1: something is.
    """
    missing = stand_ins = 0
    for title, group in (
        ("The proxy", proxy_checks(settings)),
        ("The boxes", box_checks(settings)),
        ("The trace", trace_checks()),
    ):
        click.echo(f"{title}:")
        for check in group:
            click.echo(f"  {check.word:8} {check.what}")
            if not check.met:
                missing += not check.stands_in
                stand_ins += check.stands_in
                click.echo(f"           → {check.mend}")
    if missing:
        click.echo(
            f"\n{missing} thing(s) missing. Without the boxes or the trace Pratique still runs, but"
        )
        click.echo("packages are only read, not run: nothing scores above MONITOR.")
        sys.exit(1)
    click.echo("\nAll is in place: `pratique serve` runs with every layer.")
    if stand_ins:
        click.echo(f"{stand_ins} thing(s) stand in for better ones, see above.")


def proxy_checks(settings: Settings) -> Iterator[Check]:
    """What the ordinary processes need."""
    version = ".".join(platform.python_version_tuple())
    yield Check(
        what=f"Python 3.11 or newer (this is {version})",
        met=sys.version_info >= (3, 11),
        mend="Install a newer Python and run `make install` again.",
    )
    yield Check(
        what=f"the data folder {settings.data_dir} can be used",
        met=_usable(settings.data_dir),
        mend=f"mkdir -p {settings.data_dir}, or name another folder with --data-dir",
    )
    yield Check(
        what="started as root, so that each process gets its own uid and boxes can be traced",
        met=is_root(),
        mend="Run it with sudo; as an ordinary user packages are read but not run.",
    )
    if is_root():
        roles = Roles.from_base(settings.uid_base)
        yield Check(
            what=f"dropped users (uid {roles.proxy} …) can read this environment",
            met=readable_by_others(Path(sys.prefix)) and readable_by_others(Path(__file__)),
            mend="Move the checkout out of a private folder such as /root, then `make install`.",
        )
    free = shutil.disk_usage(_nearest(settings.data_dir)).free
    yield Check(
        what=f"1 GiB of disk for artifacts ({free >> 20} MiB free)",
        met=free > 1 << 30,
        mend="Free some space, or name a data folder on another disk with --data-dir.",
    )


def readable_by_others(path: Path) -> bool:
    """Whether every folder above `path` may be passed, and `path` read, by any user."""
    resolved = path.resolve()
    return all(parent.stat().st_mode & 0o001 for parent in resolved.parents) and bool(
        resolved.stat().st_mode & 0o004
    )


def _nearest(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _usable(path: Path) -> bool:
    nearest = _nearest(path)
    try:
        return nearest.is_dir() and (is_root() or _writable(nearest))
    except OSError:
        return False


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK | os.X_OK)


def box_checks(settings: Settings) -> Iterator[Check]:
    """What boxes need, and how real their limits are."""
    missing = sandbox_requirements.missing_pieces()
    if not missing:
        yield Check(what="boxes can be made", met=True)
    for piece in missing:
        yield Check(what=piece.what, met=False, mend=piece.mend)
    found = interpreters.find(settings.interpreters)
    for fact in standing.standings(pythons=tuple(one.executable for one in found.interpreters)):
        yield Check(what=fact.what, met=fact.real, mend=fact.mend, stands_in=not fact.real)
    for why_not in found.refused:
        yield Check(what=f"boxes do not run {why_not}", met=True)


def trace_checks() -> Iterator[Check]:
    """What the tracer needs, and what it finds."""
    missing = trace_requirements.missing_pieces()
    if not missing:
        yield Check(what="the kernel can be traced", met=True)
        for fact in trace_requirements.facts():
            yield Check(what=fact, met=True)
    for what, command in missing:
        yield Check(what=f"not traced for lack of {what}", met=False, mend=command)
