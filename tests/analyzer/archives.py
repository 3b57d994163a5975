"""Archives made on the spot: honest ones, and the parts that dishonest ones are made of."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping

EPOCH = (2026, 1, 1, 0, 0, 0)
CLASSIFIER = "Private :: Do Not Upload"


def record_line(path: str, data: bytes) -> str:
    """One line of RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"


def core_metadata(name: str, version: str, *lines: str) -> bytes:
    """A METADATA or PKG-INFO file."""
    head = ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}")
    return "\n".join((*head, f"Classifier: {CLASSIFIER}", *lines, "")).encode()


def wheel_members(
    files: Mapping[str, bytes | str],
    *,
    name: str = "reenact-demo",
    version: str = "1.0",
    metadata: Iterable[str] = (),
    tag: str = "py3-none-any",
) -> dict[str, bytes]:
    """Everything a well-formed wheel holds, RECORD included."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    members = {path: _bytes(content) for path, content in files.items()}
    members[f"{info}/METADATA"] = core_metadata(name, version, *metadata)
    members[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    record = "".join(record_line(path, data) for path, data in members.items())
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return members


def make_wheel(files: Mapping[str, bytes | str], **more: str) -> bytes:
    """A well-formed wheel of reenact-demo 1.0, unless `more` says otherwise."""
    return make_zip(wheel_members(files, **more))


def make_zip(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path, EPOCH), data, compression)
    return buffer.getvalue()


def make_sdist(
    files: Mapping[str, bytes | str], *, name: str = "reenact-demo", version: str = "1.0"
) -> bytes:
    """A gzip'd tar with one top folder and PKG-INFO."""
    stem = f"{name.replace('-', '_')}-{version}"
    members = {f"{stem}/{path}": _bytes(content) for path, content in files.items()}
    members.setdefault(f"{stem}/PKG-INFO", core_metadata(name, version))
    return make_tar(plain_member(path, data) for path, data in members.items())


def plain_member(path: str, data: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    """A regular file of a tar."""
    info = tarfile.TarInfo(path)
    info.size = len(data)
    return info, data


def odd_member(path: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """A link or device of a tar."""
    info = tarfile.TarInfo(path)
    info.type = kind
    info.linkname = target
    return info, b""


def make_tar(
    members: Iterable[tuple[tarfile.TarInfo, bytes]], *, form: int = tarfile.PAX_FORMAT
) -> bytes:
    """A gzip'd tar of members as they are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content
