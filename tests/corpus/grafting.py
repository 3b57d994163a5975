"""Recipes grafted onto benign hosts: an archive that does what the host does, and the act or its twin.

No archive of the corpus looks like a real release, so what is learned from them alone would be that
real code is honest. A graft is a host with a recipe's files merged in; its twin is the same host with
the recipe's twin. The rules of the corpus hold for what is merged in; the host's own files stay as they
are, but for the one that calls it: the `__init__` of its package, or its setup.py.
"""

from __future__ import annotations

import ast
import random
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.phase import Phase
from tests.analyzer.archives import make_zip
from tests.corpus.building import ACTS, make_sdist, wheel_members
from tests.corpus.graft_info import info_members, renamed
from tests.corpus.hosts import Host, check_module
from tests.corpus.recipe import (
    THE_ACT,
    THE_MODULE,
    THE_PROJECT,
    VERSION,
    Content,
    Kind,
    Pack,
    Recipe,
)
from tests.corpus.setup_file import head_of, merged_setup

USES_MAX = 3
"""Recipes of one host, so that no host is what a technique is known by."""
MODULES_MAX_OF_USE = 25
"""Python files of a host whose functions are called, since the time for all calls is short."""
WORDS = ("support", "runtime", "bridge", "session", "adapter", "platforms", "service", "transport")
"""What the grafted module is called below, or after, its host's name."""
INFO = f"{THE_MODULE}-{VERSION}.dist-info/"
PART_INFO = f"{THE_MODULE}_part-{VERSION}.dist-info/"
_DOTTED = re.compile(rf"(?<![\w/.]){THE_MODULE}(?!\w)")
"""Where the name is not a part of a path or of a longer name."""
_LISTED = f'packages = ["{THE_MODULE}"]'
CALLED_BY_HOST = frozenset({Phase.IMPORT, Phase.USE, Phase.WAIT})
"""Phases in which a recipe acts as a part of its host, which therefore imports it."""


class LeftOutError(ValueError):
    """A recipe that is not grafted, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a recipe's module goes: what THE_MODULE becomes."""

    dotted: str
    """The name that it is imported by."""
    slug: str
    """An identifier, for file names and what begins with its name."""

    @property
    def folder(self) -> str:
        """Of the package."""
        return self.dotted.replace(".", "/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Graft:
    """One archive, and what in it is whose."""

    recipe: Recipe
    host: Host
    twin: bool
    data: bytes
    members: Mapping[str, bytes]
    """Everything in it, an sdist's without the top folder; before a `pack` makes it odd."""
    ours: Mapping[str, bytes]
    """Of the members, those that came of the recipe."""
    changed: Mapping[str, bytes]
    """Of the host's files, those that were changed, as they are now."""
    head: bytes = b""
    """What a changed setup.py begins with that is ours."""

    @property
    def filename(self) -> str:
        """Of the archive; the twin's is the same."""
        return self.recipe.filename


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which recipe meets which host, and what is left out (project → why)."""

    pairs: tuple[tuple[Recipe, Host], ...]
    left_out: Mapping[str, str]


def plan(recipes: Sequence[Recipe], hosts: Sequence[Host], *, seed: int) -> Plan:
    """Give every recipe a host, no host more than USES_MAX; the same for the same seed and order."""
    order = list(hosts)
    random.Random(seed).shuffle(order)  # noqa: S311 - a choice that can be made again, not a secret
    uses = [0] * len(order)
    pairs: list[tuple[Recipe, Host]] = []
    left_out: dict[str, str] = {}
    # The choosy ones first, else the hosts that would do for them are taken.
    for recipe in sorted(recipes, key=lambda one: (_is_easy(one), one.project)):
        if why := reason_against(recipe):
            left_out[recipe.project] = why
            continue
        ranked = sorted(range(len(order)), key=lambda at: (uses[at], at))
        for at in ranked:
            if uses[at] < USES_MAX and suits(recipe, order[at]):
                uses[at] += 1
                pairs.append((recipe, order[at]))
                break
        else:
            left_out[recipe.project] = "no host that suits it was left"
    return Plan(pairs=tuple(sorted(pairs, key=lambda pair: pair[0].project)), left_out=left_out)


def reason_against(recipe: Recipe) -> str:
    """Why a recipe cannot be grafted at all; empty where it can."""
    if recipe.kind is Kind.WHEEL or _is_by_setup(recipe) or _has_own_packer(recipe):
        return ""
    if recipe.beside:
        return "its build needs a project that no index has"
    if _LISTED in str(recipe.files.get("pyproject.toml", "")):
        return ""
    return "its build names no packages, so that a host's would stop it"


def graft(recipe: Recipe, host: Host, *, twin: bool, seed: int) -> Graft:
    """The host with the recipe, or with the recipe's twin, merged in."""
    place = _place(recipe, host, seed)
    chosen = {**recipe.files, **recipe.twin_files} if twin else dict(recipe.files)
    for files in recipe.beside.values():  # what no index has comes along
        chosen |= {path.replace(PART_INFO, INFO): text for path, text in files.items()}
    written = {
        _path(path, recipe, place): (
            text if isinstance(text, bytes) else _words(text, recipe, place, twin=twin).encode()
        )
        for path, text in chosen.items()
    }
    if _is_by_setup(recipe):
        return _by_setup(recipe, host, written, twin=twin)
    return _beside_packages(recipe, host, place, written, twin=twin)


def _is_by_setup(recipe: Recipe) -> bool:
    return recipe.kind is Kind.SDIST and "setup.py" in recipe.files and recipe.pack is None


def _has_own_packer(recipe: Recipe) -> bool:
    return f"src/{THE_MODULE}/__init__.py" in recipe.files and "packer.py" in recipe.files


def _is_easy(recipe: Recipe) -> bool:
    """Whether any wheel would do."""
    return recipe.kind is Kind.WHEEL and recipe.phase in (Phase.IMPORT, Phase.START, Phase.WAIT)


def suits(recipe: Recipe, host: Host) -> bool:
    """Whether a recipe and a host go together."""
    if _is_by_setup(recipe):
        own = recipe.files.keys() - {"setup.py", "pyproject.toml"}
        return host.kind is Kind.SDIST and not own & host.files.keys()
    if host.kind is Kind.SDIST:
        return False
    if recipe.phase is Phase.USE:  # its functions are called only if it can be imported
        return not host.requires and host.modules <= MODULES_MAX_OF_USE
    # The builds of recipes, and METADATA that is wrong on purpose, tell of no requirements.
    keeps_metadata = recipe.kind is Kind.WHEEL and recipe.phase is not Phase.INVENTORY
    return keeps_metadata or not host.requires


def _place(recipe: Recipe, host: Host, seed: int) -> Place:
    if recipe.kind is Kind.SDIST or recipe.pack or recipe.twin_pack:
        return Place(dotted=recipe.module, slug=recipe.module)
    chance = random.Random(f"{seed} {recipe.project}")  # noqa: S311 - as above
    taken = {path.split("/")[1].partition(".")[0] for path in host.files if "/" in path}
    tops = {path.partition("/")[0].partition(".")[0] for path in host.files}
    free = [w for w in WORDS if w not in taken and f"{host.top}_{w}" not in tops]
    word = chance.choice(free or [recipe.module])
    slug = f"{host.top}_{word}"
    inside = f"{THE_MODULE}/__init__.py" in recipe.files and not recipe.beside
    inside = inside and all(path.startswith((f"{THE_MODULE}/", INFO)) for path in recipe.files)
    return Place(dotted=f"{host.top}.{word}" if inside else slug, slug=slug)


def _path(path: str, recipe: Recipe, place: Place) -> str:
    if path.startswith(INFO):
        return path.replace(THE_MODULE, recipe.module)
    return path.replace(f"{THE_MODULE}/", f"{place.folder}/").replace(THE_MODULE, place.slug)


def _words(text: str, recipe: Recipe, place: Place, *, twin: bool) -> str:
    written = _DOTTED.sub(place.dotted, text.replace(THE_ACT, ACTS[twin]))
    return written.replace(THE_MODULE, place.slug).replace(THE_PROJECT, recipe.project)


def _by_setup(recipe: Recipe, host: Host, written: dict[str, bytes], *, twin: bool) -> Graft:
    """A host's sdist whose setup.py begins with the recipe's."""
    theirs = written.pop("setup.py").decode()
    setup = merged_setup(host.files["setup.py"], theirs)
    ours = {path: data for path, data in written.items() if path not in host.files}
    members = {**host.files, "setup.py": setup, **ours}
    members["PKG-INFO"] = renamed(host.info["PKG-INFO"], recipe.project)
    return Graft(
        recipe=recipe,
        host=host,
        twin=twin,
        data=make_sdist({f"{recipe.module}-{VERSION}/{p}": data for p, data in members.items()}),
        members=members,
        ours=ours,
        changed={"setup.py": setup},
        head=head_of(theirs).encode(),
    )


def _beside_packages(
    recipe: Recipe, host: Host, place: Place, written: dict[str, bytes], *, twin: bool
) -> Graft:
    """A host's packages with the recipe's module among them, as a wheel or in the recipe's sdist."""
    root = "src/" if _has_own_packer(recipe) else ""
    theirs = {f"{root}{path}": data for path, data in host.files.items()}
    if both := theirs.keys() & written.keys():
        raise LeftOutError(f"it and its host both have {min(both)}")
    changed: dict[str, bytes] = {}
    if recipe.phase in CALLED_BY_HOST and _is_importable(recipe.files, recipe.kind):
        caller = f"{root}{host.top}/__init__.py"
        changed[caller] = with_import(theirs[caller], host.top, place.dotted)
    if recipe.kind is Kind.SDIST:
        settings = written["pyproject.toml"].decode()
        listed = f'packages = ["{recipe.module}"'
        more = "".join(f', "{name}"' for name in _packages(host))
        written["pyproject.toml"] = settings.replace(listed, listed + more).encode()
        members = {**theirs, **changed, **written}
        members.setdefault("PKG-INFO", renamed(host.info["METADATA"], recipe.project))
        packed = {f"{recipe.module}-{VERSION}/{path}": data for path, data in members.items()}
        pack = (recipe.twin_pack if twin else recipe.pack) or make_sdist
    else:
        info = f"{recipe.module}-{VERSION}.dist-info"
        merged = {**theirs, **changed, **written}
        merged |= info_members(host.info, written, info, recipe.project, place.folder)
        members = wheel_members(merged, recipe.project, ())
        packed = members
        pack = (recipe.twin_pack if twin else recipe.pack) or make_zip
    return Graft(
        recipe=recipe,
        host=host,
        twin=twin,
        data=_packed(pack, packed),
        members=members,
        ours=written,
        changed=changed,
    )


def _packed(pack: Pack, members: Mapping[str, bytes]) -> bytes:
    try:
        return pack(members)
    except struct.error as error:
        raise LeftOutError("its odd archive has no room for a host") from error


def _is_importable(files: Mapping[str, Content], kind: Kind) -> bool:
    root = "src/" if kind is Kind.SDIST else ""
    return f"{root}{THE_MODULE}/__init__.py" in files


def _packages(host: Host) -> list[str]:
    folders = {p.rpartition("/")[0] for p in host.files if p.endswith("/__init__.py")}
    return sorted(folder.replace("/", ".") for folder in folders)


def with_import(module: bytes, top: str, dotted: str) -> bytes:
    """A package's `__init__` that imports the grafted module before all else that it does."""
    after = 0
    for at, node in enumerate(check_module(module).body):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (at == 0 and is_text) and not is_future:
            break
        after = node.end_lineno or 0
    lines = module.split(b"\n")
    name = dotted.removeprefix(f"{top}.")
    line = f"from . import {name} as _{name}" if name != dotted else f"import {name} as _{name}"
    if module.startswith(b"\xef\xbb\xbf") and not after:
        return b"\xef\xbb\xbf" + line.encode() + b"\n" + module[3:]
    return b"\n".join([*lines[:after], line.encode(), *lines[after:]])
