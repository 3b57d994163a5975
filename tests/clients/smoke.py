"""PDM, pipenv and hatch: they install what is approved, and not what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packaging.requirements import Requirement

from tests.clients.drivers import Ask, Driver
from tests.clients.place import Place, Said
from tests.clients.tools import Tool

SMOKE_CASES = ("install", "refused-pin")


@dataclass(frozen=True)
class OnlyInstalls:
    """A client of which nothing else is asked."""

    tool: Tool

    def lock(self, place: Place, ask: Ask) -> Said | None:
        del place, ask
        return None

    sync = cooled = lock

    def hashed(self, place: Place, ask: Ask, right: str, sha256: str) -> Said:
        raise NotImplementedError

    def stored_secret(self, place: Place, ask: Ask, user: str, secret: str) -> Said:
        raise NotImplementedError


@dataclass(frozen=True)
class Pdm(OnlyInstalls):
    """`pdm install` in a project."""

    def install(self, place: Place, ask: Ask) -> Said:
        place.write(
            "pyproject.toml",
            f'[project]\nname = "place"\nversion = "0"\nrequires-python = ">=3.11"\n'
            f'dependencies = ["{ask.wanted}"]\n\n[tool.pdm]\ndistribution = false\n\n'
            f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{ask.index}"\n',
        )
        variables = {
            "PDM_CACHE_DIR": str(place.folder / "pdm-cache"),
            "PDM_CHECK_UPDATE": "0",
            "PDM_USE_VENV": "1",
        }
        return place.run(
            self.tool.program, "install", "--no-self", "--verbose", variables=variables
        )


@dataclass(frozen=True)
class Pipenv(OnlyInstalls):
    """`pipenv install` in a project."""

    def install(self, place: Place, ask: Ask) -> Said:
        wanted = Requirement(ask.wanted)
        place.write(
            "Pipfile",
            f'[[source]]\nname = "ours"\nurl = "{ask.index}"\nverify_ssl = false\n\n'
            f'[packages]\n{wanted.name} = "{wanted.specifier or "*"}"\n',
        )
        variables = {
            "PIPENV_VENV_IN_PROJECT": "1",
            "PIPENV_NOSPIN": "1",
            "PIPENV_CACHE_DIR": str(place.folder / "pipenv-cache"),
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_CACHE_DIR": "1",
        }
        return place.run(self.tool.program, "install", variables=variables)


@dataclass(frozen=True)
class Hatch(OnlyInstalls):
    """`hatch env create`, with pip as its installer."""

    def install(self, place: Place, ask: Ask) -> Said:
        place.write(
            "pyproject.toml",
            '[project]\nname = "place"\nversion = "0"\n\n[tool.hatch.envs.default]\n'
            f'skip-install = true\ninstaller = "pip"\ndependencies = ["{ask.wanted}"]\n',
        )
        variables = {
            "HATCH_DATA_DIR": str(place.folder / "hatch"),
            "HATCH_CACHE_DIR": str(place.folder / "hatch-cache"),
            "PIP_INDEX_URL": ask.index,
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        return place.run(self.tool.program, "env", "create", variables=variables)


SMOKE: dict[str, Callable[[Tool], Driver]] = {"pdm": Pdm, "pipenv": Pipenv, "hatch": Hatch}
