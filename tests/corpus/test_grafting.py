"""Every graft obeys, differs from its twin in the act alone, and comes out the same twice."""

from __future__ import annotations

import ast
import csv
import hashlib
import io
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.analyzer.archives import core_metadata, make_sdist, make_wheel
from tests.corpus.graft import COLUMNS, main
from tests.corpus.graft_info import merged_points, renamed
from tests.corpus.graft_rules import graft_problems
from tests.corpus.grafting import (
    USES_MAX,
    Graft,
    LeftOutError,
    graft,
    plan,
    reason_against,
    suits,
    with_import,
)
from tests.corpus.hosts import Host, UnfitError, read_host, read_hosts
from tests.corpus.library import recipes
from tests.corpus.recipe import Kind, Recipe
from tests.corpus.setup_file import merged_setup
from tests.proofs.manifest import read_entries

INIT = (
    '"""Boats."""\nfrom __future__ import annotations\nfrom .oars import row\n__all__ = ["row"]\n'
)
WHEEL_FILES = {
    "boats/__init__.py": INIT,
    "boats/oars.py": "URL = 'https://boats.example.org/'\ndef row(token):\n    return token\n",
    "boats-2.1.dist-info/top_level.txt": "boats\n",
    "boats-2.1.dist-info/entry_points.txt": "[console_scripts]\nboats = boats.oars:row\n",
}
SETUP = """\
# -*- coding: utf-8 -*-
import io
from setuptools import find_packages, setup

VERSION = "2.1"
setup(
    name="boats", version=VERSION, url="https://boats.example.org/",
    classifiers=["Programming Language :: Python"], packages=find_packages(),
)
"""
SDIST_FILES = {"setup.py": SETUP, "boats/__init__.py": INIT, "boats/oars.py": "row = id\n"}


def _wheel(files: dict[str, str] | None = None) -> bytes:
    return make_wheel({**WHEEL_FILES, **(files or {})}, name="boats", version="2.1")


def _sdist(files: dict[str, str] | None = None) -> bytes:
    return make_sdist({**SDIST_FILES, **(files or {})}, name="boats", version="2.1")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Host]:
    folder = tmp_path_factory.mktemp("hosts")
    found = {}
    for kind, name, data in (
        (Kind.WHEEL, "boats-2.1-py3-none-any.whl", _wheel()),
        (Kind.SDIST, "boats-2.1.tar.gz", _sdist()),
    ):
        (folder / name).write_bytes(data)
        found[kind] = read_host(folder / name, "boats", kind)
    return found


def _both(recipe: Recipe, hosts: dict[Kind, Host]) -> tuple[Graft, Graft]:
    host = next(host for host in hosts.values() if suits(recipe, host))
    return (
        graft(recipe, host, twin=False, seed=1),
        graft(recipe, host, twin=True, seed=1),
    )


@pytest.mark.parametrize(
    "recipe",
    [recipe for recipe in recipes() if not reason_against(recipe)],
    ids=lambda recipe: recipe.project,
)
def test_graft__obeys_the_rules_and_comes_out_the_same_twice(
    recipe: Recipe, hosts: dict[Kind, Host]
) -> None:
    one, twin = _both(recipe, hosts)
    assert graft_problems(one, twin) == []
    assert one.data != twin.data
    assert [each.data for each in _both(recipe, hosts)] == [one.data, twin.data]
    for path, data in {**one.ours, **one.changed}.items():
        if path.endswith(".py"):
            compile(data, path, "exec", dont_inherit=True)


def test_reason_against__four_of_all_recipes_have_one() -> None:
    left_out = {recipe.project for recipe in recipes() if reason_against(recipe)}
    assert left_out == {
        "reenact-t02-build-dependency",
        "reenact-t32-tar-goes-on",
        "reenact-t32-tar-through-link",
        "reenact-t32-tar-two-sizes",
    }


def _named(project: str) -> Recipe:
    return next(recipe for recipe in recipes() if recipe.project == project)


def test_graft__a_module_lies_in_its_hosts_package_which_imports_it(
    hosts: dict[Kind, Host],
) -> None:
    one, _ = _both(_named("reenact-t05-post-json"), hosts)
    (path,) = one.ours
    name = path.split("/")[1]
    assert path == f"boats/{name}/__init__.py"
    changed = one.changed["boats/__init__.py"].decode().splitlines()
    assert changed[2] == f"from . import {name} as _{name}"
    assert changed[:2] + changed[3:] == INIT.splitlines()


def test_graft__record_has_every_member_with_its_hash(hosts: dict[Kind, Host]) -> None:
    one, _ = _both(_named("reenact-t07-script-curl"), hosts)
    with zipfile.ZipFile(io.BytesIO(one.data)) as archive:
        names = archive.namelist()
        info = next(name for name in names if name.endswith("/RECORD"))
        rows = list(csv.reader(io.StringIO(archive.read(info).decode())))
        points = archive.read(info.replace("RECORD", "entry_points.txt")).decode()
    assert sorted(row[0] for row in rows) == sorted(names)
    assert [row[0] for row in rows if not row[1]] == [info]
    assert "boats = boats.oars:row" in points
    assert "reenact-t07-script-curl = boats." in points


def test_graft__a_start_hook_keeps_its_way_in_under_its_hosts_name(
    hosts: dict[Kind, Host],
) -> None:
    one, _ = _both(_named("reenact-t03-module-http"), hosts)
    hook = next(path for path in one.ours if path.endswith(".pth"))
    assert hook.startswith("boats_")
    assert one.ours[hook].decode() == f"import {hook.removesuffix('.pth')}_hook\n"
    assert one.changed == {}


def test_graft__what_a_recipe_is_installed_with_lies_in_it(hosts: dict[Kind, Host]) -> None:
    one, _ = _both(_named("reenact-t15-plugin-loads"), hosts)
    metadata = one.members["reenact_t15_plugin_loads-1.0.dist-info/METADATA"]
    assert b"Requires-Dist" not in metadata
    assert any(path.endswith("_part.py") for path in one.ours)


def test_graft__a_setup_file_begins_with_the_act_and_ends_with_the_hosts_call(
    hosts: dict[Kind, Host],
) -> None:
    one, _ = _both(_named("reenact-t01-install-command-http"), hosts)
    text = one.members["setup.py"].decode()
    (call,) = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "setup"
    ]
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    assert given["name"] == "'reenact-t01-install-command-http'"
    assert given["version"] == "'1.0'"
    assert given["packages"] == "find_packages()"
    assert "Private :: Do Not Upload" in given["classifiers"]
    assert "Programming Language :: Python" in given["classifiers"]
    assert "cmdclass" in given
    assert text.index("def _reenact") < text.index('VERSION = "2.1"')


def test_graft_problems__changed_files_and_unguarded_acts_are_seen(hosts: dict[Kind, Host]) -> None:
    one, twin = _both(_named("reenact-t05-post-json"), hosts)
    other = replace(one, members={**one.members, "boats/oars.py": b""})
    assert any("host's own file" in problem for problem in graft_problems(other, twin))
    (path,) = one.ours
    loud = one.ours[path].replace(b"if ACT:", b"if True:")
    other = replace(one, ours={path: loud}, members={**one.members, path: loud})
    problems = graft_problems(other, twin)
    assert any("outside of `if ACT:`" in problem for problem in problems)
    assert any("more than the act" in problem for problem in problems)


def test_plan__no_host_has_more_than_its_share_and_the_seed_decides(
    hosts: dict[Kind, Host],
) -> None:
    many = [replace(host, project=f"boats-{n}") for n in range(100) for host in hosts.values()]
    planned = plan(recipes(), many, seed=1)
    uses = Counter((host.kind, host.project) for _, host in planned.pairs)
    assert max(uses.values()) <= USES_MAX
    assert len(planned.pairs) + len(planned.left_out) == len(recipes())
    again = plan(recipes(), many, seed=1)
    assert again == planned
    assert plan(recipes(), many, seed=2).pairs != planned.pairs


def test_plan__without_hosts_every_recipe_is_left_out_with_a_reason() -> None:
    planned = plan(recipes(), (), seed=1)
    assert planned.pairs == ()
    assert all(planned.left_out[recipe.project] for recipe in recipes())


@pytest.mark.parametrize(
    ("kind", "files", "why"),
    [
        (Kind.WHEEL, {"boats/_fast.so": "x"}, "native files"),
        (Kind.WHEEL, {"boats.pth": "import boats\n"}, "a data folder or a .pth"),
        (
            Kind.WHEEL,
            {"boats/__init__.py": "import importlib.metadata\n"},
            "asks for distributions",
        ),
        (Kind.WHEEL, {"boats/__init__.py": "print 1\n"}, "not our Python"),
        (Kind.WHEEL, {"boats/__init__.py": "'x'; y = 1\n"}, "two statements in a line"),
        (Kind.SDIST, {"setup.py": "import numpy\n" + SETUP}, "imports more than setuptools"),
        (Kind.SDIST, {"setup.py": "from setuptools import setup\nsetup()\n"}, "does not name all"),
        (Kind.SDIST, {"pyproject.toml": '[project]\nname = "boats"\n'}, "does not name all"),
        (Kind.SDIST, {"setup.cfg": "[metadata]\nname = boats\n"}, "does not name all"),
        (
            Kind.SDIST,
            {"pyproject.toml": '[build-system]\nrequires = ["hatchling"]\n'},
            "other tools",
        ),
    ],
)
def test_read_host__these_are_none(
    kind: Kind, files: dict[str, str], why: str, tmp_path: Path
) -> None:
    wheel = kind is Kind.WHEEL
    path = tmp_path / ("boats-2.1-py3-none-any.whl" if wheel else "boats-2.1.tar.gz")
    path.write_bytes(_wheel(files) if wheel else _sdist(files))
    with pytest.raises(UnfitError, match=why):
        read_host(path, "boats", kind)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "from . import x as _x\n"),
        ("y = 1\n", "from . import x as _x\ny = 1\n"),
        ('"""Doc\nmore."""\ny = 1', '"""Doc\nmore."""\nfrom . import x as _x\ny = 1'),
        ('"""Doc."""', '"""Doc."""\nfrom . import x as _x'),
        ("\ufeffy = 1\n", "\ufefffrom . import x as _x\ny = 1\n"),
        (
            "# -*- coding: utf-8 -*-\ny = 1\n",
            "# -*- coding: utf-8 -*-\nfrom . import x as _x\ny = 1\n",
        ),
    ],
)
def test_with_import__stands_before_all_that_is_done(before: str, after: str) -> None:
    assert ast.dump(ast.parse(with_import(before.encode(), "boats", "boats.x"))) == ast.dump(
        ast.parse(after.encode())
    )
    assert with_import(b"", "boats", "boats_x") == b"import boats_x as _boats_x\n"


def test_merged_setup__names_are_replaced_where_they_stand() -> None:
    host = 'import setuptools\nn = "é"; setuptools.setup(version=n, name=("a"\n "b"))\n'
    ours = (
        'x = 1\nfrom setuptools import setup\nsetup(name="reenact-a", version="1.0", packages=[])\n'
    )
    assert merged_setup(host.encode(), ours).decode() == (
        "x = 1\nfrom setuptools import setup\n\n"
        'import setuptools\nn = "é"; setuptools.setup(version="1.0", name=("reenact-a"))\n'
    )


def test_renamed__keeps_everything_else() -> None:
    metadata = core_metadata("boats", "2.1", "Requires-Dist: oars", "", "Name: in the text")
    text = renamed(metadata, "reenact-x").decode()
    assert text.startswith("Metadata-Version: 2.1\nName: reenact-x\nVersion: 1.0\nClassifier: Priv")
    assert text.endswith("Requires-Dist: oars\n\nName: in the text\n")


def test_merged_points__groups_meet() -> None:
    assert merged_points("[a]\nx = y\n", "# z\n[b]\nk = l\n[a]\nm = n\n") == (
        "[a]\nx = y\nm = n\n\n[b]\nk = l\n"
    )


def test_main__writes_what_a_manifest_reader_finds_again(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    lines = ["project,kind,filename,sha256,population"]
    for kind, name, data in (
        ("wheel", "boats-2.1-py3-none-any.whl", _wheel()),
        ("sdist", "boats-2.1.tar.gz", _sdist()),
    ):
        (hosts / kind).mkdir(parents=True)
        (hosts / kind / name).write_bytes(data)
        lines.append(f"boats,{kind},{name},{hashlib.sha256(data).hexdigest()},popular")
    (hosts / "manifest.csv").write_text("\n".join(lines) + "\n")
    out = tmp_path / "out"
    result = CliRunner().invoke(main, [str(out), "--hosts", str(hosts)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "left out: " in result.output
    with (out / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert Counter(row["population"] for row in rows) == {"graft": 6, "twin": 6}
    entries = read_entries(out)
    assert [hashlib.sha256(e.path.read_bytes()).hexdigest() for e in entries] == [
        row["sha256"] for row in rows
    ]
    assert [host.kind for host in read_hosts(hosts)[0]] == [Kind.WHEEL, Kind.SDIST]


def test_graft__an_odd_archive_without_room_is_left_out(hosts: dict[Kind, Host]) -> None:
    large = replace(
        hosts[Kind.WHEEL], files={**hosts[Kind.WHEEL].files, "boats/a.txt": b"x" * 70_000}
    )
    with pytest.raises(LeftOutError, match="no room"):
        graft(_named("reenact-t32-archive-in-comment"), large, twin=False, seed=1)


@pytest.mark.parametrize("population", ["malware", "graft", "twin", ""])
def test_read_hosts__opens_only_what_is_called_honest(tmp_path: Path, population: str) -> None:
    """A graft is run, and its host with it."""
    (tmp_path / "wheel").mkdir()
    data = _wheel()
    (tmp_path / "wheel" / "boats-2.1-py3-none-any.whl").write_bytes(data)
    (tmp_path / "manifest.csv").write_text(
        "project,kind,filename,sha256,population\n"
        f"boats,wheel,boats-2.1-py3-none-any.whl,{hashlib.sha256(data).hexdigest()},{population}\n"
    )
    assert read_hosts(tmp_path) == ((), {"not called honest": 1})
