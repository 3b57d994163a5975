"""What reaches which source file: by its place in the archive, and by who imports it.

Imports are found by their lines, not by parsing: a large package has ten thousand files, and only those
that hold something are parsed at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from analyzer.metadata import site_path
from analyzer.static.frames import ORDER, Module
from analyzer.static.look import NOTHING_SEEN, Look, look
from analyzer.static.result import Reach
from analyzer.static.sources import Layout, Sources
from models.errors import ValueInvalid
from models.tomltext import read_toml

APART = frozenset(
    {
        *(
            "test",
            "tests",
            "testing",
            "_tests",
            "unittests",
            "unit_tests",
            "doc",
            "docs",
            "documentation",
        ),
        *(
            "example",
            "examples",
            "benchmark",
            "benchmarks",
            "bench",
            "sample",
            "samples",
            "demo",
            "demos",
        ),
        *(
            "tutorial",
            "tutorials",
            "ci",
            ".ci",
            ".github",
            "fuzz",
            "fuzzing",
            "perf",
            "integration_tests",
        ),
        *(
            "_vendor_tests",
            "test_data",
            "testdata",
            "fixtures",
            ".circleci",
            "notebooks",
            "asv_bench",
        ),
    }
)
"""Folders that nothing of what is installed reaches, unless they are all that is installed."""
_APART_FILE = re.compile(
    r"(?:test_.*|.*_test|tests?|conftest|noxfile|tasks|fabfile|dodo|toxfile|waf|wscript|release|make_release)\.pyw?\Z"
)
_ROOTS = ("src", "lib", "python", "source")
"""Folders of sdists that packages lie in."""
_IMPORT = re.compile(
    rb"^(?:(?:try|if|else|elif|except|finally|with)\b[^\n]*:[ \t]*\r?\n[ \t]+)?"
    rb"(?:from[ \t]+(?P<base>[.\w]+)[ \t]+import[ \t]+(?P<names>\([^)]{0,4000}\)|[^\n]{0,500})"
    rb"|import[ \t]+(?P<modules>[^\n#;]{1,300}))",
    re.MULTILINE,
)
_IMPORTS_MAX = 400
"""Import statements of one file that are followed."""
LOOK_BYTES_MAX = 6 * 1024 * 1024
"""Bytes of sources of one artifact that are looked at: some 0.2 s. 96 % of artifacts have less."""
_SCRIPT_GROUPS = frozenset({"console_scripts", "gui_scripts"})
_TOP_CALL = re.compile(rb"^(?:[ \t]+)?[\w.]+\(", re.MULTILINE)


@dataclass(slots=True)
class Plan:
    """Modules by what reaches them."""

    modules: dict[str, Module] = field(default_factory=dict)
    """By dotted name, those that can be imported."""
    scripts: list[Module] = field(default_factory=list)
    """Files that are run, not imported: setup.py, scripts."""
    looks: dict[str, Look] = field(default_factory=dict)
    """By path."""
    unseen: int = 0
    """How many sources there was no budget for to look at."""
    roots: list[str] = field(default_factory=list)
    """Names of what is imported first: packages and single modules."""

    def look_of(self, module: Module) -> Look:
        """What the first look at a module saw."""
        return self.looks.get(module.path, NOTHING_SEEN)


def plan(sources: Sources, layout: Layout) -> Plan:
    """Sort the sources by what reaches them."""
    made = Plan()
    backends = _backend_folders(layout)
    packages = {
        str(PurePosixPath(path).parent) for path in sources.files if path.endswith("/__init__.py")
    }
    own = _own_tops(sources, layout)
    for path, data in sources.files.items():
        local = _local(path, layout)
        if local is None:
            made.scripts.append(Module(name="", path=path, reach=Reach.CALL, data=data))
            continue
        if layout.kind == "sdist" and local == "setup.py":
            made.scripts.append(Module(name="", path=path, reach=Reach.BUILD, data=data))
            continue
        reach = _place_reach(local, path, layout, packages, own)
        name, package = _names(local, layout, backends)
        module = Module(name=name, path=path, reach=reach, data=data, package=package)
        if name and (name not in made.modules or ORDER[reach] < ORDER[made.modules[name].reach]):
            made.modules[name] = module
        else:
            module.name = ""
            made.scripts.append(module)
        if name and "." not in name and reach is Reach.IMPORT:
            made.roots.append(name)
    _start(made)
    _backend(made, layout)
    _plugins(made, layout)
    _look(made)
    _spread(made)
    return made


def _look(made: Plan) -> None:
    """Look at what something reaches, the most eager first, within the bound."""
    left = LOOK_BYTES_MAX
    modules = [*made.scripts, *made.modules.values()]
    for module in sorted(modules, key=lambda module: (ORDER[module.reach], len(module.data))):
        cost = len(module.data)
        if module.reach is Reach.NOTHING:
            cost *= 4  # what is apart has a quarter of the bound at most
        if cost > left:
            made.unseen += 1
            continue
        left -= len(module.data)
        made.looks[module.path] = look(module.data)


def _local(path: str, layout: Layout) -> str | None:
    """The path below the folder that everything lies in; None for scripts and data of wheels."""
    if layout.kind == "sdist":
        return path.removeprefix(f"{layout.top}/") if layout.top else path
    return site_path(path)


def _own_tops(sources: Sources, layout: Layout) -> frozenset[str]:
    """Top-level names that are the project itself, though they be called `demo`, `tests` or `tasks`.

    A wheel installs all that it holds: where nothing in it lies elsewhere, these names are what
    people import. In both formats a name that is the project's own is never apart.
    """
    tops = {
        _inner(local, layout)[0]
        for path in sources.files
        if (local := _local(path, layout)) is not None
    }
    own = {top for top in tops if _plain(_stem(top)) == _plain(layout.name)}
    if layout.kind == "wheel" and all(_is_apart(top) for top in tops):
        own |= tops
    return frozenset(own)


def _inner(local: str, layout: Layout) -> tuple[str, ...]:
    """The parts of a path, without the folder that sdists keep their packages in."""
    parts = PurePosixPath(local).parts
    under_root = layout.kind == "sdist" and len(parts) > 1 and parts[0] in _ROOTS
    return parts[1:] if under_root else parts


def _is_apart(top: str) -> bool:
    return top.lower() in APART or _APART_FILE.match(top) is not None


def _stem(top: str) -> str:
    return top.removesuffix(".py").removesuffix(".pyw")


def _place_reach(
    local: str, path: str, layout: Layout, packages: set[str], own: frozenset[str]
) -> Reach:
    parts = _inner(local, layout)
    looked = parts[1:] if parts[0] in own else parts
    apart = any(part.lower() in APART for part in looked[:-1])
    if apart or (looked and _APART_FILE.match(looked[-1])):
        return Reach.NOTHING
    if layout.kind == "sdist":
        if len(parts) > 1:
            first = str(PurePosixPath(path).parents[len(parts) - 2])
            if first not in packages and not _named_so(parts[0], layout):
                return Reach.NOTHING
            return Reach.IMPORT if len(parts) == 2 and parts[1] == "__init__.py" else Reach.MODULE
        named = _plain(PurePosixPath(local).stem) == _plain(layout.name)
        return Reach.IMPORT if named else Reach.MODULE
    single = len(parts) == 1 or (len(parts) == 2 and parts[1] == "__init__.py")
    return Reach.IMPORT if single else Reach.MODULE


def _named_so(folder: str, layout: Layout) -> bool:
    """Whether a folder without `__init__` bears the project's name, or begins it as a namespace."""
    name = _plain(layout.name or layout.top.rpartition("-")[0])
    return bool(name) and (f"{name}_").startswith(f"{_plain(folder)}_")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _names(local: str, layout: Layout, backends: tuple[str, ...]) -> tuple[str, str]:
    """The dotted name of a module and of its package; empty where it has none."""
    for folder in backends:
        if folder and local.startswith(f"{folder}/"):
            local = local.removeprefix(f"{folder}/")
    parts = list(PurePosixPath(local).with_suffix("").parts)
    if layout.kind == "sdist" and len(parts) > 1 and parts[0] in _ROOTS:
        parts = parts[1:]
    if not all(part.replace("-", "_").isidentifier() for part in parts):
        return "", ""  # a hyphen keeps nobody from naming a folder so and meaning a package
    if parts[-1] == "__init__":
        name = ".".join(parts[:-1])
        return name, name
    return ".".join(parts), ".".join(parts[:-1])


def _start(made: Plan) -> None:
    for name in ("sitecustomize", "usercustomize"):
        if name in made.modules:
            made.modules[name].reach = Reach.START


def _document(layout: Layout) -> Mapping[str, object]:
    try:
        table = read_toml(layout.pyproject.decode("utf-8")).get("build-system", {})
    except (ValueInvalid, UnicodeDecodeError):
        return {}
    return table if isinstance(table, dict) else {}


def _backend_folders(layout: Layout) -> tuple[str, ...]:
    paths = _document(layout).get("backend-path")
    texts = [str(path) for path in paths] if isinstance(paths, list) else []
    return tuple(
        str(PurePosixPath(text)).removeprefix("./").removeprefix(".") for text in texts[:10]
    )


def _backend(made: Plan, layout: Layout) -> None:
    """The module of a build back end that lies in the tree."""
    table = _document(layout)
    backend = table.get("build-backend")
    if not table.get("backend-path") or not isinstance(backend, str):
        return
    name = backend.partition(":")[0]
    for count in range(name.count(".") + 1):
        module = made.modules.get(name.rsplit(".", count)[0])
        if module is not None:
            module.reach = Reach.BUILD


def _plugins(made: Plan, layout: Layout) -> None:
    """Modules that somebody else's tool imports by an entry point."""
    for group, target in layout.entry_points:
        module = made.modules.get(target.partition(":")[0].strip())
        if module is not None:
            # A console script's module is imported where somebody starts it, wherever it lies.
            least = Reach.MODULE if group in _SCRIPT_GROUPS else Reach.IMPORT
            module.reach = min(module.reach, least, key=ORDER.__getitem__)


def _spread(made: Plan) -> None:
    """Who is imported by what runs early runs early too."""
    if not any(seen.weight for seen in made.looks.values()):
        return
    starts = [
        module for module in made.modules.values() if ORDER[module.reach] <= ORDER[Reach.IMPORT]
    ]
    for module in sorted((*made.scripts, *starts), key=lambda module: ORDER[module.reach]):
        if ORDER[module.reach] <= ORDER[Reach.IMPORT]:
            _follow(made, module)


def _follow(made: Plan, first: Module) -> None:
    waiting = [first]
    done = {first.path}
    while waiting:
        module = waiting.pop()
        for name in _imports(module):
            parts = name.split(".")
            for count in range(1, len(parts) + 1):
                found = made.modules.get(".".join(parts[:count]))
                if found is None or found.path in done:
                    continue
                done.add(found.path)
                if ORDER[found.reach] > ORDER[first.reach]:
                    found.reach = first.reach
                    waiting.append(found)


def _imports(module: Module) -> Iterator[str]:
    """Names of what a module imports at its top."""
    for count, found in enumerate(_IMPORT.finditer(module.data)):
        if count >= _IMPORTS_MAX:
            return
        if found["modules"]:
            for part in found["modules"].split(b","):
                yield part.split(b" as ")[0].strip().decode("ascii", "replace")
            continue
        base = found["base"].decode("ascii", "replace")
        level = len(base) - len(base.lstrip("."))
        if level:
            steps = module.package.split(".") if module.package else []
            steps = steps[: len(steps) - (level - 1)]
            base = ".".join([*steps, base.lstrip(".")] if base.lstrip(".") else steps)
        if base:
            yield base
        for part in re.split(rb"[,\s()\\]+", found["names"]):
            if part:
                name = part.decode("ascii", "replace")
                yield f"{base}.{name}" if base else name


def worth(made: Plan, module: Module) -> bool:
    """Whether a module is parsed: it holds something, or calls into what does."""
    seen = made.look_of(module)
    if module.reach in (Reach.BUILD, Reach.START):
        return True
    if seen.weight == 2:
        return True
    if seen.weight == 1:
        return module.reach is Reach.IMPORT
    root = module.reach is Reach.IMPORT and "." not in module.name
    return root and len(module.data) <= 65_536 and _TOP_CALL.search(module.data) is not None
