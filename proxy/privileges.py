"""Who runs as whom: the uids of the processes, and how a child is started as one of them."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import msgspec

from models.errors import PratiqueError

Answer = TypeVar("Answer")

ANSWER_BYTES_MAX = 1024 * 1024
"""Bytes of an answer of `as_owner_of`."""
_ANSWERED, _REFUSED = b"+", b"-"

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The uids that processes drop to. Each has a group of the same number.

    Numbers without names, so that nothing has to be added to the machine's user list; boxes and
    their sinkholes use the uids from `boxes` on.
    """

    proxy: int
    judge: int
    worker: int
    boxes: int

    @classmethod
    def from_base(cls, uid_base: int) -> Roles:
        """The roles at their places after `uid_base`."""
        return cls(proxy=uid_base, judge=uid_base + 1, worker=uid_base + 2, boxes=uid_base + 8)


def is_root() -> bool:
    """Whether this process may change its uid."""
    return os.geteuid() == 0


def child_setup(
    uid: int | None, *, groups: tuple[int, ...] = (), network: bool = True, nice: int = 0
) -> Callable[[], None]:
    """What a child does between fork and exec: drop to `uid`, and die with its parent.

    `uid` None keeps the uid. Without `network` it gets an empty network namespace, where this
    process may make one. `nice` is how far it stands back (nice(2)). The parent-death signal is set
    after the drop, which would clear it.
    """

    def setup() -> None:
        if not network and uid is not None and _LIBC.unshare(_CLONE_NEWNET) != 0:
            os._exit(os.EX_OSERR)
        if nice:
            os.nice(nice)
        if uid is not None:
            drop_to(uid, groups=groups)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    return setup


def drop_to(uid: int, *, groups: tuple[int, ...] = ()) -> None:
    """Become `uid` for good: real, effective and saved, with no way back through setuid files."""
    os.setgroups(list(groups))
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def own_folder(path: Path, *, uid: int | None, mode: int, group: int | None = None) -> None:
    """Make `path` with `mode`, owned by `uid` where this process is root."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if uid is not None and is_root():
        os.chown(path, uid, uid if group is None else group)


def hand_over(folder: Path, names: Iterable[str], *, uid: int) -> None:
    """Give what root made in a folder of root's to `uid`, before the folder itself is given away.

    A command that ran before the first start leaves such files. Once the folder is another's, a link
    or a name in it may be meant to have something else given away, so nothing is.
    """
    if not is_root() or not folder.is_dir() or folder.lstat().st_uid != 0:
        return
    for name in names:
        path = folder / name
        with suppress(FileNotFoundError):
            status = path.lstat()
            if status.st_uid == 0 and stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                os.chown(path, uid, uid, follow_symlinks=False)


def owner_of(path: Path) -> int:
    """The uid that owns `path`, or its nearest existing parent."""
    while not path.exists():
        path = path.parent
    return path.stat().st_uid


def become_owner_of(path: Path) -> None:
    """As root, become the owner of `path` (or of its nearest existing parent).

    The command line opens the server's store: what it creates must stay readable to the server.
    """
    if not is_root():
        return
    owner = owner_of(path)
    if owner != 0:
        os.environ["HOME"] = "/nonexistent"
        drop_to(owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """A PratiqueError on its way through the pipe."""

    message: str
    next_step: str


def as_owner_of(path: Path, work: Callable[[], Answer], kind: type[Answer]) -> Answer:
    """Do `work` as the owner of `path`, in a child where this process is root, and give its answer.

    For commands that need both: root outside the data folder, its owner for what is in it. The answer
    (JSON of `kind`, for it comes from somebody with fewer rights) and any PratiqueError come through a
    pipe. Only in a process without threads.
    """
    uid = owner_of(path)
    if not is_root() or uid == 0:
        return work()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(uid, writing, work)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read(ANSWER_BYTES_MAX)
    _, status = os.waitpid(child, 0)
    if status == 0 and data[:1] == _ANSWERED:
        return msgspec.json.decode(data[1:], type=kind)
    if status == 0 and data[:1] == _REFUSED:
        refusal = msgspec.json.decode(data[1:], type=_Refusal)
        raise PratiqueError(refusal.message, next_step=refusal.next_step)
    raise PratiqueError(
        f"The part of the command that runs as uid {uid} ended early.",
        next_step="Its message stands above; it is a fault of Pratique unless somebody ended it.",
    )


def _answer(uid: int, writing: int, work: Callable[[], object]) -> NoReturn:
    """In the child: become `uid`, work, answer, and end without what the parent has yet to do."""
    code = os.EX_SOFTWARE
    try:
        os.environ["HOME"] = "/nonexistent"
        drop_to(uid)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        try:
            data = _ANSWERED + msgspec.json.encode(work())
        except PratiqueError as error:
            refusal = _Refusal(message=error.message, next_step=error.next_step)
            data = _REFUSED + msgspec.json.encode(refusal)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)
        code = os.EX_OK
    except BaseException:  # noqa: BLE001 - the edge of a process: told on standard error, and it ends
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
