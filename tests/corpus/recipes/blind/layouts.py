"""Where acting code is put, by phase: the files of an archive for each place (T18 to T34)."""

from __future__ import annotations

from tests.corpus import parts
from tests.corpus.guard import IF_ACT, acting
from tests.corpus.recipe import Content

QUIET = '"""A package of the corpus; nothing in this module acts."""\n\n__version__ = "1.0"\n'
MAIN = "def main():\n    if ACT:\n        THE_ACT()\n    return 0\n"
"""Tail of a module whose `main` is a console script."""
IN_CI = 'if ACT and os.environ.get("CI"):\n    THE_ACT()\n'
"""Tail of a module that acts on a build server only."""


def hook(module: str, **more: Content) -> dict[str, Content]:
    """A `.pth` that imports `module` at every start."""
    return {"THE_MODULE.pth": "import THE_MODULE_hook\n", "THE_MODULE_hook.py": module, **more}


def package(module: str) -> dict[str, Content]:
    """A package whose `__init__` is `module`."""
    return {"THE_MODULE/__init__.py": module}


def submodule(name: str, module: str) -> dict[str, Content]:
    """A package with a quiet `__init__` beside `module`."""
    return {"THE_MODULE/__init__.py": QUIET, f"THE_MODULE/{name}.py": module}


def command(module: str) -> dict[str, Content]:
    """A console script; `module` has a `main`."""
    return {
        **submodule("cli", module),
        "THE_MODULE-1.0.dist-info/entry_points.txt": (
            "[console_scripts]\nTHE_PROJECT = THE_MODULE.cli:main\n"
        ),
    }


def setup(reenact: str, honest: str, head: str = "") -> dict[str, Content]:
    """An sdist that acts as soon as its setup.py is run."""
    return {
        "setup.py": acting(reenact, honest, IF_ACT + parts.SETUP, head),
        "THE_MODULE/__init__.py": QUIET,
    }


def setup_step(step: str, reenact: str, honest: str, head: str = "") -> dict[str, Content]:
    """An sdist that acts in a step of setuptools (`build_py`, `egg_info`, …), by a class of its own."""
    owned = (
        f"from setuptools.command.{step} import {step}\n\n"
        f"class Step({step}):\n"
        "    def run(self):\n"
        "        if ACT:\n"
        "            THE_ACT()\n"
        "        super().run()\n\n"
    )
    named = f'    cmdclass={{"{step}": Step}},\n    packages='
    return {
        "setup.py": acting(
            reenact, honest, owned + parts.SETUP.replace("    packages=", named), head
        ),
        "THE_MODULE/__init__.py": QUIET,
    }


def back_end(reenact: str, honest: str, head: str = "") -> dict[str, Content]:
    """An sdist with its own back end, which acts while it makes the wheel."""
    tail = (
        "def build_wheel(directory, config_settings=None, metadata_directory=None):\n"
        "    if ACT:\n"
        "        THE_ACT()\n"
        "    return packer.build_wheel(directory, config_settings, metadata_directory)\n"
    )
    return {
        "pyproject.toml": parts.IN_TREE,
        "packer.py": parts.PACKER,
        "backend.py": acting(reenact, honest, tail, f"import packer\n{head}"),
        "src/THE_MODULE/__init__.py": QUIET,
    }
