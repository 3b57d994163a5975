"""T33: names that say something else than what is there (MITRE ATT&CK T1036.005).

A name like that of a popular project cannot be re-enacted, for ours begin with `reenact-`
(not_seen.py). What a confusion of names leaves inside an archive can: another name or version in
the metadata, a second project's metadata, another project's module. The twins are the same
packages with their own names. None of them acts.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.phase import Phase
from tests.analyzer.archives import make_zip
from tests.corpus.building import wheel_members
from tests.corpus.guard import GUARD
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Content, Encoding, Kind, Recipe

METADATA = (
    "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    "Classifier: Private :: Do Not Upload\n"
)
INFO = "THE_MODULE-1.0.dist-info/METADATA"
SECOND = "THE_MODULE/vendor/reenact_popular-2.0.dist-info/METADATA"
MODULE = {"THE_MODULE/__init__.py": GUARD + 'NAME = "reenact-popular"\n'}
OWN = METADATA.format(name="THE_PROJECT", version="1.0")
OTHER = METADATA.format(name="reenact-popular", version="1.0")
LATER = METADATA.format(name="THE_PROJECT", version="99.0")


def named(
    name: str,
    files: dict[str, Content],
    twin_files: dict[str, Content],
    *,
    kind: Kind = Kind.WHEEL,
    encoding: Encoding = Encoding.NONE,
    weak: bool = True,
) -> Recipe:
    """A package that says the wrong name somewhere."""
    return Recipe(
        technique="T33",
        name=name,
        phase=Phase.INVENTORY,
        channel=Channel.NONE,
        encoding=encoding,
        kind=kind,
        files=files,
        twin_files=twin_files,
        twin_does="says its own name",
        weak=weak,
    )


def at_the_top(members: Mapping[str, bytes]) -> bytes:
    """The archive with the second metadata where installers look, and RECORD right about it."""
    moved = {
        path.rpartition("/vendor/")[2]: content
        for path, content in members.items()
        if not path.endswith("/RECORD")
    }
    return make_zip(wheel_members(moved, "reenact-t33-second-metadata", ()))


RECIPES = (
    named("other-name-inside", {**MODULE, INFO: OTHER}, {INFO: OWN}),
    named("other-version-inside", {**MODULE, INFO: LATER}, {INFO: OWN}),
    Recipe(
        technique="T33",
        name="second-metadata",
        phase=Phase.INVENTORY,
        channel=Channel.NONE,
        encoding=Encoding.NONE,
        files={**MODULE, SECOND: METADATA.format(name="reenact-popular", version="2.0")},
        pack=at_the_top,
        twin_does="carries the other's metadata in a folder, as pip does with what it vendors",
        weak=True,
    ),
    named(
        "other-name-in-sdist",
        {
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": "from packer import build_wheel\n",
            "PKG-INFO": OTHER,
            "src/THE_MODULE/__init__.py": MODULE["THE_MODULE/__init__.py"],
        },
        {"PKG-INFO": OWN},
        kind=Kind.SDIST,
    ),
    named(
        "other-letters",
        {**MODULE, INFO: METADATA.format(name="reen\u0430ct-popular", version="1.0")},
        {INFO: OWN},
    ),
    named(
        "several-names",
        {**MODULE, INFO: OWN.replace("\nVersion", "\nName: reenact-popular\nVersion")},
        {INFO: OWN},
    ),
)
