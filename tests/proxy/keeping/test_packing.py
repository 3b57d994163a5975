"""Backups as one file: what is cut, changed, added or smuggled in is refused before anything is written."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from models.errors import StoreError
from proxy.keeping.manifest import MANIFEST, Manifest, Part, encode_manifest
from proxy.keeping.packing import manifest_of, pack, unpack, verify
from tests.proxy.keeping.dataset import archive_of, tree
from tests.proxy.store.values import START

DATA = {"pratique.sqlite3": b"database" * 5_000, "keys/a.pem": b"secret"}


def manifest_for(data: dict[str, bytes]) -> Manifest:
    return Manifest(
        made_at=START,
        pratique="0.1",
        schema=1,
        audit_rows=0,
        parts=tuple(
            Part(name=name, size_bytes=len(one), sha256=hashlib.sha256(one).hexdigest())
            for name, one in data.items()
        ),
    )


MANIFEST_OF_DATA = manifest_for(DATA)


def plain(name: str, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), data


PLAIN = [plain(name, data) for name, data in DATA.items()]
LAST = plain(MANIFEST, encode_manifest(MANIFEST_OF_DATA))


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = target
    return member, b""


def test_pack__reads_back_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "from", tmp_path / "to"
    for name, data in DATA.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    (source / MANIFEST).write_bytes(encode_manifest(MANIFEST_OF_DATA))
    target.mkdir()
    pack(source, MANIFEST_OF_DATA, tmp_path / "b.tar.gz")
    with (tmp_path / "b.tar.gz").open("rb") as archive:
        assert manifest_of(archive) == MANIFEST_OF_DATA
        verify(archive, MANIFEST_OF_DATA)
        unpack(archive, MANIFEST_OF_DATA, target)
    assert tree(target) == DATA
    assert (tmp_path / "b.tar.gz").stat().st_mode & 0o777 == 0o600
    assert (target / "keys/a.pem").stat().st_mode & 0o777 == 0o600


HOSTILE = {
    "upwards": [plain("../escaped", b"x"), *PLAIN, LAST],
    "upwards within a part": [plain("keys/../../escaped", b"x"), *PLAIN, LAST],
    "absolute": [plain("/escaped", b"x"), *PLAIN, LAST],
    "a link": [special("policy.toml", tarfile.SYMTYPE, "/etc/passwd"), *PLAIN, LAST],
    "a hard link": [special("policy.toml", tarfile.LNKTYPE, "/etc/passwd"), *PLAIN, LAST],
    "a folder": [special("keys", tarfile.DIRTYPE), *PLAIN, LAST],
    "a device": [special("policy.toml", tarfile.CHRTYPE), *PLAIN, LAST],
    "a part that is not in the manifest": [plain("policy.toml", b"x"), *PLAIN, LAST],
    "a part twice": [PLAIN[0], *PLAIN, LAST],
    "a part less": [PLAIN[0], LAST],
    "another content": [plain("pratique.sqlite3", b"databasE" * 5_000), PLAIN[1], LAST],
    "more bytes": [plain("pratique.sqlite3", b"database" * 5_001), PLAIN[1], LAST],
    "fewer bytes": [plain("pratique.sqlite3", b"database" * 4_999), PLAIN[1], LAST],
    "no manifest": PLAIN,
    "the manifest first": [LAST, *PLAIN],
    "two manifests": [*PLAIN, LAST, LAST],
    "nothing": [],
    "a manifest that is none": [*PLAIN, plain(MANIFEST, b"{}")],
    "a manifest with odd names": [
        plain(MANIFEST, encode_manifest(manifest_for({"pratique.sqlite3": b"", "../x": b""})))
    ],
    "a manifest without a database": [plain(MANIFEST, encode_manifest(manifest_for({})))],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE.keys())
def test_unpack__refuses_what_no_backup_holds(
    members: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    archive = io.BytesIO(archive_of(members))
    with pytest.raises(StoreError, match="no whole backup") as caught:
        unpack(archive, manifest_of(archive), inner)
    assert "Nothing was changed" in caught.value.next_step
    assert [path for path in tmp_path.iterdir() if path != inner] == []
    assert not any(path.is_symlink() for path in inner.rglob("*"))


@pytest.mark.parametrize("keep_percent", [0, 1, 30, 70, 95])
def test_unpack__refuses_a_file_that_was_cut_off(keep_percent: int, tmp_path: Path) -> None:
    data = archive_of([*PLAIN, LAST])
    archive = io.BytesIO(data[: len(data) * keep_percent // 100])
    with pytest.raises(StoreError, match="no whole backup"):
        unpack(archive, manifest_of(archive), tmp_path)


@pytest.mark.parametrize("at_percent", [5, 40, 80])
def test_verify__finds_a_flipped_bit(at_percent: int) -> None:
    data = bytearray(archive_of([*PLAIN, LAST]))
    data[len(data) * at_percent // 100] ^= 0x10
    archive = io.BytesIO(bytes(data))
    with pytest.raises(StoreError):
        verify(archive, manifest_of(archive))


def test_unpack__overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "pratique.sqlite3").symlink_to(tmp_path / "elsewhere")
    archive = io.BytesIO(archive_of([*PLAIN, LAST]))
    with pytest.raises(FileExistsError):
        unpack(archive, manifest_of(archive), tmp_path)
    assert not (tmp_path / "elsewhere").exists()
