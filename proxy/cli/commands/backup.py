"""`pratique backup` and `pratique restore`."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click
from rich.console import Console

from models.clock import utc_now
from models.errors import StoreError
from proxy.cli.options import settings_options
from proxy.keeping.backup import Made, make_backup
from proxy.keeping.folder import digest_of_file, failed, flush
from proxy.keeping.manifest import KEYS, MANIFEST, POLICY_PART, is_part
from proxy.keeping.packing import SUFFIXES, manifest_of, pack, verify
from proxy.keeping.restore import ELSEWHERE, restore
from proxy.privileges import Roles, as_owner_of, is_root, owner_of
from proxy.settings import Settings
from proxy.store.bounds import POLICY_BYTES_MAX
from proxy.verdicts.keys import KEY_BYTES_MAX

CONTENT = "content"
PACKED = "packed.tar.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the part of the command that runs as the data folder's owner says."""

    parts: int
    artifacts: int
    size_bytes: int
    audit_rows: int
    damaged: int


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--with-files", is_flag=True, help="The artifacts too: linked, or copied elsewhere.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A key that signs verdicts, to be in the backup as well; repeatable.",
)
@settings_options("data_dir", "policy")
def backup(settings: Settings, target: Path, keys: tuple[Path, ...], *, with_files: bool) -> None:
    """Back the data folder up to TARGET while the server runs.

    TARGET is a new folder, or a new file that ends in .tar.gz. It holds the store as it is at one
    moment, archives of the audit log, fetch records that wait for the store, and the policy file.
    All of it is checked (the database, the audit chain, every digest) before TARGET appears: what
    is there is whole. It holds who fetched what, and keys where you name some: keep it as you keep those.

    \b
    pratique backup /backup/monday
    pratique backup /backup/monday.tar.gz --key /etc/pratique/verdict.pem
    """
    target = target.absolute()
    if target.exists() or target.is_symlink():
        raise StoreError(f"{target} is there already.", next_step="Name a new folder or file.")
    packed = target.name.endswith(SUFFIXES)
    extras = _extras(settings, keys)
    mark = f"partial-{secrets.token_hex(4)}"
    beside = target.with_name(f".{target.name}.{mark}")
    work = beside if _reachable(target.parent, settings.data_dir) else settings.data_dir / mark
    try:
        work.mkdir(mode=0o700)
        if is_root():
            shutil.chown(work, owner_of(settings.data_dir), owner_of(settings.data_dir))
        told = as_owner_of(
            settings.data_dir,
            lambda: _make(settings, work, extras, with_files=with_files, packed=packed),
            Told,
        )
        made = work / (PACKED if packed else CONTENT)
        digest, _ = digest_of_file(made if packed else made / MANIFEST)
        _move(made, target, beside)
    except OSError as error:
        raise failed(target, error) from error
    finally:
        for rest in (work, beside):
            shutil.rmtree(rest, ignore_errors=True)
    click.echo(
        f"{target}: {told.parts} parts, {told.size_bytes >> 20} MiB, {told.artifacts} artifacts, "
        f"{told.audit_rows} audit rows; checked."
    )
    click.echo(f"sha256 of {'the file' if packed else MANIFEST}: {digest}")
    if told.damaged:
        click.echo(
            f"{told.damaged} artifact(s) were not what their names say, and were left out: remove "
            "them from the data folder, and they are fetched anew.",
            err=True,
        )


@click.command("restore")
@click.argument("source", metavar="BACKUP", type=click.Path(exists=True, path_type=Path))
@click.option("--replace", is_flag=True, help="Where the data folder is not empty: keep it aside.")
@click.option("--actor", required=True, help="Who restores it; it goes into the audit log.")
@settings_options("data_dir", "uid_base")
def restore_(settings: Settings, source: Path, actor: str, *, replace: bool) -> None:
    """Make the data folder what BACKUP holds. No server may run on it.

    The backup is read and checked beside the data folder first; a backup that is broken, cut off or of
    a newer Pratique changes nothing. Artifacts that are not in it are fetched again from upstream.
    """
    data_dir = settings.data_dir
    owner = owner_of(data_dir) if data_dir.is_dir() else 0
    console = Console(stderr=True)
    with console.status("") as status:
        done = restore(
            source.absolute(),
            data_dir,
            replace=replace,
            owner=owner or Roles.from_base(settings.uid_base).proxy,
            actor=actor,
            clock=utc_now,
            say=status.update,
        )
    manifest = done.manifest
    click.echo(
        f"{data_dir} is what it was at {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC "
        f"({manifest.audit_rows} audit rows, {manifest.artifacts} artifacts)."
    )
    if done.aside is not None:
        click.echo(f"The folder from before is {done.aside}.")
    if (data_dir / ELSEWHERE).is_dir():
        click.echo(f"Policy and keys are in {data_dir / ELSEWHERE}: put them where they belong.")


def _make(
    settings: Settings, work: Path, extras: dict[str, bytes], *, with_files: bool, packed: bool
) -> Told:
    """As the data folder's owner: make the folder, and pack it where that was asked for."""
    content = work / CONTENT
    content.mkdir(mode=0o700)
    console = Console(stderr=True)
    with console.status("") as status:
        made = asyncio.run(
            make_backup(
                settings.data_dir,
                content,
                extras=extras,
                with_files=with_files,
                version=version("pratique"),
                clock=utc_now,
                say=status.update,
            )
        )
        if packed:
            status.update("packing")
            _pack(made, content, work / PACKED)
    manifest = made.manifest
    return Told(
        parts=len(manifest.parts),
        artifacts=manifest.artifacts,
        size_bytes=manifest.size_bytes,
        audit_rows=manifest.audit_rows,
        damaged=made.damaged,
    )


def _reachable(folder: Path, data_dir: Path) -> bool:
    """Whether the data folder's owner may go through `folder`: as root, it may be root's alone."""
    return as_owner_of(data_dir, lambda: os.access(folder, os.X_OK), bool)


def _move(made: Path, target: Path, beside: Path) -> None:
    """Give a whole backup its name; onto another disk it is copied first, and compared."""
    try:
        made.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside.mkdir(mode=0o700)
        copied = beside / made.name
        (shutil.copytree if made.is_dir() else shutil.copy2)(made, copied)
        for path in (made, *made.rglob("*")):
            if path.is_file():
                copy = copied / path.relative_to(made)
                if digest_of_file(copy) != digest_of_file(path):
                    raise StoreError(f"{copy} does not read back as written.") from error
                flush(copy)
        copied.rename(target)
    flush(target.parent)


def _pack(made: Made, content: Path, target: Path) -> None:
    pack(content, made.manifest, target)
    with target.open("rb") as archive:  # as a restore would read it
        verify(archive, manifest_of(archive))


def _extras(settings: Settings, keys: tuple[Path, ...]) -> dict[str, bytes]:
    """Parts that lie outside the data folder, read with the rights of whoever calls."""
    extras = {}
    if settings.policy is not None:
        extras[POLICY_PART] = _read(settings.policy, POLICY_BYTES_MAX)
    for path in keys:
        name = f"{KEYS}/{path.name}"
        if not is_part(name) or name in extras:
            raise StoreError(
                f"A key called {path.name!r} cannot be part of a backup.",
                next_step="Give each key a name of its own, of letters, digits, '.', '_' and '-'.",
            )
        extras[name] = _read(path, KEY_BYTES_MAX)
    return extras


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise failed(path, error) from error
    if len(data) > bytes_max:
        raise StoreError(f"{path} has more than {bytes_max} bytes.")
    return data
