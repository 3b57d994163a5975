"""From a recipe to bytes: the re-enactment or its twin, the same every time."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from tests.analyzer.archives import core_metadata, make_zip, plain_member, record_line
from tests.corpus.recipe import (
    THE_ACT,
    THE_MODULE,
    THE_PROJECT,
    VERSION,
    Content,
    Kind,
    Recipe,
)

ACTS = {False: "_reenact", True: "_honest"}
"""What THE_ACT becomes, by whether it is the twin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One archive, and the wheels that its requirements are met with (filename → bytes)."""

    project: str
    filename: str
    data: bytes
    beside: Mapping[str, bytes]


def build(recipe: Recipe, *, twin: bool) -> Built:
    """The archive of a recipe or of its twin."""
    members = texts(recipe, twin=twin)
    lines = tuple(f"Requires-Dist: {line}" for line in recipe.requires)
    pack = recipe.twin_pack if twin else recipe.pack
    if recipe.kind is Kind.WHEEL:
        data = (pack or make_zip)(wheel_members(members, recipe.project, lines))
    else:
        stem = f"{recipe.module}-{VERSION}"
        named = {f"{stem}/{path}": content for path, content in members.items()}
        named.setdefault(f"{stem}/PKG-INFO", core_metadata(recipe.project, VERSION, *lines))
        data = (pack or make_sdist)(named)
    beside = {
        f"{project.replace('-', '_')}-{VERSION}-py3-none-any.whl": make_zip(
            wheel_members(_written(files, recipe, twin=twin), project, ())
        )
        for project, files in recipe.beside.items()
    }
    return Built(project=recipe.project, filename=recipe.filename, data=data, beside=beside)


def texts(recipe: Recipe, *, twin: bool) -> dict[str, bytes]:
    """The files of the archive itself, with every word of the recipe written out."""
    chosen = {**recipe.files, **recipe.twin_files} if twin else recipe.files
    return _written(chosen, recipe, twin=twin)


def wheel_members(
    files: Mapping[str, bytes], project: str, lines: tuple[str, ...]
) -> dict[str, bytes]:
    """Everything a wheel holds; what `files` has of the dist-info folder is left as it is."""
    info = f"{project.replace('-', '_')}-{VERSION}.dist-info"
    wheel = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    members = dict(files)
    members.setdefault(f"{info}/METADATA", core_metadata(project, VERSION, *lines))
    members.setdefault(f"{info}/WHEEL", wheel)
    record = "".join(record_line(path, data) for path, data in members.items())
    members.setdefault(f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode())
    return members


def make_sdist(members: Mapping[str, bytes]) -> bytes:
    """A gzip'd tar without the time of its making."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in members.items():
            member, content = plain_member(path, data)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def _written(files: Mapping[str, Content], recipe: Recipe, *, twin: bool) -> dict[str, bytes]:
    return {
        _words(path, recipe, twin=twin): (
            content if isinstance(content, bytes) else _words(content, recipe, twin=twin).encode()
        )
        for path, content in files.items()
    }


def _words(text: str, recipe: Recipe, *, twin: bool) -> str:
    return (
        text.replace(THE_ACT, ACTS[twin])
        .replace(THE_MODULE, recipe.module)
        .replace(THE_PROJECT, recipe.project)
    )
