"""Unpack wheels into a prefix, as an installer would, within bounds and without running anything.

    unpack.py PREFIX SITE WHEEL… [-- PREFIX SITE WHEEL…]

A folder in a wheel's place stands for the one wheel in it, as a build left it there.
A wheel runs no code when it is installed, so this loses no behaviour. Exit code 0: all unpacked;
1: refused, with one JSON line on the report descriptor saying why.
"""

# Start-up time counts in here; pathlib alone costs as much as the rest.
# ruff: noqa: PTH103, PTH112, PTH118, PTH119, PTH120, PTH123, PTH208

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
import zipfile

FILES_MAX = 100_000
"""Files of one wheel: several times the largest on PyPI."""
BYTES_MAX = 3 << 30
"""Bytes unpacked of one wheel; the box's file system ends well before."""
RATIO_MAX = 200
"""Unpacked over packed bytes of one member; deflate ends near 1,030."""
RATIO_FLOOR_BYTES = 64 << 20
"""Below this many unpacked bytes the ratio does not matter: honest libraries are padded with zeros
(2 MiB at a ratio of 224 in pillow). The reader's bound is the same (`analyzer.unpacking`)."""
PATH_CHARS_MAX = 1024
CHUNK = 1 << 18
REPORT_FD = 3
DATA_SCHEMES = ("purelib", "platlib", "scripts", "data", "headers")


class Refused(Exception):
    """The archive is not one that an installer should unpack."""


def report(**line: object) -> None:
    """One JSON line for whoever started the box."""
    with contextlib.suppress(OSError):
        os.write(REPORT_FD, (json.dumps(line) + "\n").encode())


def safe_parts(name: str) -> list[str]:
    """The segments of a member's name; raises Refused for any that could leave the target."""
    if not name or len(name) > PATH_CHARS_MAX or "\\" in name or "\0" in name:
        raise Refused("a member has an unusable name")
    parts = name.rstrip("/").split("/")
    if name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise Refused("a member's path leaves the archive")
    return parts


def target_of(parts: list[str], prefix: str, site: str) -> tuple[str, bool]:
    """Where a member goes, and whether it is a script."""
    if not (parts[0].endswith(".data") and len(parts) > 2):
        return os.path.join(site, *parts), False
    scheme, rest = parts[1], parts[2:]
    if scheme not in DATA_SCHEMES:
        raise Refused("a member belongs to an unknown scheme")
    if scheme == "scripts":
        return os.path.join(prefix, "bin", *rest), True
    if scheme == "data":
        return os.path.join(prefix, *rest), False
    if scheme == "headers":
        return os.path.join(prefix, "include", parts[0].split("-")[0], *rest), False
    return os.path.join(site, *rest), False


def check_member(info: zipfile.ZipInfo) -> None:
    """Raise Refused for devices, encryption and bombs.

    A link becomes a file that holds its target, as with pip: wheels have no links.
    """
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise Refused("a member is a device")
    if info.flag_bits & 0x1:
        raise Refused("a member is encrypted")
    if info.file_size > RATIO_FLOOR_BYTES and info.file_size > RATIO_MAX * max(
        1, info.compress_size
    ):
        raise Refused("a member is packed too tightly to be true")


def copy_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: str, *, script: bool
) -> int:
    """Write one member; returns its bytes. An existing file is replaced, as installers do."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    mode = 0o755 if script or (info.external_attr >> 16) & 0o111 else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    written = 0
    with archive.open(info) as source, os.fdopen(os.open(target, flags, mode), "wb") as out:
        data = source.read(CHUNK)
        if script and data.startswith(b"#!python"):
            data = b"#!/env/bin/python" + data[data.find(b"\n") :]
        while data:
            written += len(data)
            if written > info.file_size + CHUNK:
                raise Refused("a member is larger than it says")
            out.write(data)
            data = source.read(CHUNK)
    return written


def unpack(path: str, prefix: str, site: str) -> tuple[int, int]:
    """Unpack one wheel; returns files and bytes."""
    files = size = 0
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > FILES_MAX:
            raise Refused("the archive has too many members")
        if sum(member.file_size for member in members) > BYTES_MAX:
            raise Refused("the archive unpacks to too much")
        scripts = {}
        for info in members:
            check_member(info)
            parts = safe_parts(info.filename)
            target, script = target_of(parts, prefix, site)
            if info.filename.endswith("/"):
                os.makedirs(target, exist_ok=True)
                continue
            size += copy_member(archive, info, target, script=script)
            files += 1
            if (
                len(parts) == 2
                and parts[1] == "entry_points.txt"
                and parts[0].endswith(".dist-info")
            ):
                scripts = console_scripts(target)
    for name, reference in scripts.items():
        write_script(os.path.join(prefix, "bin", name), reference)
    return files, size


def console_scripts(path: str) -> dict[str, str]:
    """Name → `module:attribute` of the console scripts, leaving out what is not plainly one."""
    found = {}
    section = ""
    with open(path, encoding="utf-8", errors="replace") as lines:
        for raw in lines.read(1 << 20).splitlines():
            line = raw.strip()
            if line.startswith("["):
                section = line
            elif section in ("[console_scripts]", "[gui_scripts]") and "=" in line:
                name, _, reference = line.partition("=")
                name = name.strip()
                reference = reference.split("[")[0].strip()
                plain = reference.replace(".", "").replace(":", "").replace("_", "").isalnum()
                if plain and name.replace("-", "").replace("_", "").replace(".", "").isalnum():
                    found[name] = reference
    return found


def write_script(path: str, reference: str) -> None:
    """A console script as installers write it."""
    module, _, attribute = reference.partition(":")
    if not attribute:
        return
    first = attribute.split(".")[0]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o755), "w") as out:
        out.write(
            "#!/env/bin/python\nimport sys\n"
            f"from {module} import {first}\n"
            f"if __name__ == '__main__':\n    sys.exit({attribute}())\n"
        )


def only_wheel(path: str) -> str:
    """`path`, or the one wheel in it where it is a folder."""
    if not os.path.isdir(path):
        return path
    names = os.listdir(path)
    if len(names) != 1 or not names[0].endswith(".whl"):
        raise Refused("a build left something else than one wheel")
    return os.path.join(path, names[0])


def install(path: str, prefix: str, site: str) -> bool:
    """Unpack one wheel and report; False where it was refused."""
    name = os.path.basename(path)
    try:
        path = only_wheel(path)
        files, size = unpack(path, prefix, site)
    except Refused as error:
        report(kind="install", ok=False, file=name, error=str(error))
        return False
    except Exception as error:  # noqa: BLE001 - zlib.error, struct.error …: all mean a bad archive
        report(kind="install", ok=False, file=name, error=type(error).__name__)
        return False
    report(kind="install", ok=True, file=name, files=files, bytes=size)
    return True


def main(argv: list[str]) -> int:
    """Unpack each group of wheels; stop at the first wheel that is refused."""
    while argv:
        end = argv.index("--") if "--" in argv else len(argv)
        prefix, site, *wheels = argv[:end]
        argv = argv[end + 1 :]
        if not all(install(path, prefix, site) for path in wheels):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
