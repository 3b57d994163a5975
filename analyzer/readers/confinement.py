"""What a warm reader is confined by on this machine: the strongest way that there is, or a refusal."""

from __future__ import annotations

import os
import sys
from enum import StrEnum

from analyzer.sandbox import boxes, kernelcalls, layout
from analyzer.sandbox.boxes import Box, Way
from analyzer.sandbox.launch import CODE_ROOT, environment_sites
from analyzer.sandbox.reading import app_mounts
from analyzer.sandbox.requirements import can_unshare
from models.errors import SandboxUnavailable

TMPFS_BYTES = 1 << 20
"""Bytes of /tmp in a reader's box: it writes nothing there."""
_CODE = (
    "import sys; sys.dont_write_bytecode = True; sys.path += {path!r}; "
    "from analyzer.readers.warm import main; main()"
)


class Confinement(StrEnum):
    """How a reader stands."""

    USERNS = "userns"
    """In a bubblewrap box made by an ordinary user."""
    SETPRIV = "setpriv"
    """In a bubblewrap box made by root, who gives up everything in it."""
    NONE = "none"
    """An ordinary process. Only where somebody asks for it by name."""

    @property
    def words(self) -> str:
        """For people."""
        match self:
            case Confinement.USERNS:
                return "bubblewrap boxes (user namespaces, no network, read-only)"
            case Confinement.SETPRIV:
                return "bubblewrap boxes (setpriv, no network, read-only)"
            case Confinement.NONE:
                return "ordinary processes, NOT confined"


def choose_confinement(*, unconfined: bool = False) -> Confinement:
    """The strongest that this machine has. Raises SandboxUnavailable where it has none."""
    if unconfined:
        return Confinement.NONE
    if not os.access(boxes.BWRAP, os.X_OK):
        raise SandboxUnavailable(
            "There is no bubblewrap, so nothing would confine the readers of hostile archives.",
            next_step="apt install bubblewrap; or, in a container that is thrown away, --unconfined.",
        )
    if can_unshare(kernelcalls.CLONE_NEWUSER, drop=True):
        return Confinement.USERNS
    if os.geteuid() == 0 and os.access(boxes.SETPRIV, os.X_OK):
        return Confinement.SETPRIV
    raise SandboxUnavailable(
        "Ordinary users may not make user namespaces here, so nothing would confine the readers.",
        next_step="Run this as root; or, in a container that is thrown away, --unconfined.",
    )


def reader_box(confinement: Confinement, *, uid: int) -> Box:
    """The box: our code and the environment's read-only, no network, nobody else's processes."""
    sites = environment_sites()
    path = [layout.APP, *(f"{layout.APP}/site{index}" for index in range(len(sites)))]
    way = Way.SETPRIV if confinement is Confinement.SETPRIV else Way.USERNS
    return Box(
        command=(layout.PYTHON, "-I", "-S", "-c", _CODE.format(path=path)),
        mounts=app_mounts(CODE_ROOT, sites),
        cwd="/tmp",  # noqa: S108 - the box's own
        way=way,
        uid=uid if way is Way.SETPRIV else layout.BOX_UID,
        tmpfs_bytes=TMPFS_BYTES,
    )


def bare_command() -> tuple[str, ...]:
    """The same reader without a box."""
    path = [str(CODE_ROOT), *map(str, environment_sites())]
    return (sys.executable, "-I", "-S", "-c", _CODE.format(path=path))
