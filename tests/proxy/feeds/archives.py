"""Feeds for tests, in every form that a feed may have."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from tests.analyzer.advisories.records import document, record

Members = Mapping[str, bytes]


def members(*values: dict[str, object]) -> dict[str, bytes]:
    """Name in the archive → document."""
    return {f"osv/pypi/{value['id']}.json": document(value) for value in values}


def to_folder(path: Path, files: Members) -> Path:
    for name, data in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return path


def to_zip(path: Path, files: Members) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def to_tar_gz(path: Path, files: Members) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def to_jsonl(path: Path, files: Members) -> Path:
    path.write_bytes(b"\n".join(files.values()) + b"\n")
    return path


def to_jsonl_gz(path: Path, files: Members) -> Path:
    path.write_bytes(gzip.compress(b"\n".join(files.values())))
    return path


FORMS: dict[str, Callable[[Path, Members], Path]] = {
    "folder": to_folder,
    "x.zip": to_zip,
    "x.tar.gz": to_tar_gz,
    "x.jsonl": to_jsonl,
    "x.jsonl.gz": to_jsonl_gz,
    "download": to_zip,
}


def yaml_record(id_: str = "PYSEC-2026-1") -> bytes:
    """As the PyPA database writes it."""
    return yaml.safe_dump(record(id_, versions=("1.0",))).encode()
