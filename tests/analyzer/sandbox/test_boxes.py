"""The arguments of bubblewrap: what must be among them, and in which order."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from itertools import pairwise

from analyzer.sandbox import boxes
from analyzer.sandbox.boxes import Box, Data, Mount, Way

BOX = Box(
    command=("/bin/true", "x"),
    mounts=(
        Mount(source="/run/a", target="/a"),
        Mount(source="/run/b", target="/b", writable=True),
    ),
    cwd="/a",
)


def test_arguments__isolate() -> None:
    arguments = boxes.bwrap_arguments(BOX)

    for flag in ("user", "pid", "ipc", "uts", "net", "cgroup-try"):
        assert f"--unshare-{flag}" in arguments
    assert {"--die-with-parent", "--new-session", "--disable-userns"} <= set(arguments)
    assert ("--cap-drop", "ALL") in pairwise(arguments)


def test_arguments__network_is_shared_only_with_the_sinkhole() -> None:
    assert "--unshare-net" in boxes.bwrap_arguments(BOX)
    assert "--unshare-net" not in boxes.bwrap_arguments(replace(BOX, network=True))


def test_arguments__only_named_mounts_are_writable() -> None:
    arguments = boxes.bwrap_arguments(BOX)
    writable = [arguments[i + 1] for i, word in enumerate(arguments) if word == "--bind"]

    assert writable == ["/run/b"]
    ends = [arguments[i + 1] for i, word in enumerate(arguments) if word == "--remount-ro"]
    assert ends == ["/dev", "/"]


def test_arguments__folders_above_mounts_are_for_everybody() -> None:
    mounts = (
        Mount(source="/run/a", target="/etc"),
        Mount(source="/run/b", target="/etc/ssl/certs"),
        Mount(source="/run/c", target="/home/dev"),
    )
    arguments = boxes.bwrap_arguments(replace(BOX, mounts=mounts))

    at = arguments.index("--dir")
    assert arguments[at - 2 : at + 2] == ("--perms", "0755", "--dir", "/home")
    assert arguments.count("--dir") == 1  # /etc/ssl comes with /etc
    assert at < arguments.index("/home/dev")


def test_setpriv__bwrap_keeps_root_and_the_command_does_not() -> None:
    box = replace(BOX, way=Way.SETPRIV, uid=64_905)

    assert "--unshare-user" not in boxes.bwrap_arguments(box)
    line = boxes.command_line(box)
    assert line[3] == boxes.SETPRIV
    assert {"--reuid=64905", "--regid=64905", "--clear-groups", "--bounding-set=-all"} <= set(line)
    assert line[-2:] == ("/bin/true", "x")


def test_command_line__shows_no_path_of_the_host() -> None:
    assert boxes.command_line(BOX) == (boxes.BWRAP, "--args", "4", "/bin/true", "x")


def test_data__is_numbered_from_the_first_free_descriptor() -> None:
    box = replace(BOX, data=(Data(descriptor=77, target="/in/x"),), tmpfs_bytes=1 << 20)
    arguments = boxes.bwrap_arguments(box)

    at = arguments.index("--ro-bind-data")
    assert arguments[at : at + 3] == ("--ro-bind-data", "6", "/in/x")
    assert arguments.count("--tmpfs") == 2


def test_encode__each_argument_ends_with_nul() -> None:
    assert boxes.encode_arguments(("a", "", "b c")) == b"a\0\0b c\0"


def test_make_hostname__differs_from_run_to_run_and_is_a_plain_label() -> None:
    source = random.Random(1)  # noqa: S311 - a test that comes out the same each time
    names = {boxes.make_hostname(source) for _ in range(200)}

    assert len(names) > 100
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in names)
    arguments = boxes.bwrap_arguments(replace(BOX, hostname="ci-dell"))
    assert ("--hostname", "ci-dell") in pairwise(arguments)
