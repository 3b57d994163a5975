"""How each client is told to install, lock and sync."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from packaging.requirements import Requirement
from packaging.version import Version

from tests.clients.place import Place, Said
from tests.clients.tools import Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is wanted, and from where."""

    wanted: str
    index: str
    extra_index: str = ""
    days_old: int = 0
    """Days since its upload before a release is taken; 0: any."""
    before: str = ""
    """The same as a moment."""
    options: tuple[str, ...] = ()


class Driver(Protocol):
    """One client in one version. What it has no way of doing is None."""

    def install(self, place: Place, ask: Ask) -> Said:
        """Install what is asked for."""

    def lock(self, place: Place, ask: Ask) -> Said | None:
        """Write its lock file, and install nothing."""

    def sync(self, place: Place, ask: Ask) -> Said | None:
        """Install what its lock file says."""

    def hashed(self, place: Place, ask: Ask, right: str, sha256: str) -> Said:
        """Install where the bytes must have a sha256; `right` is the one that the index has."""

    def cooled(self, place: Place, ask: Ask) -> Said | None:
        """Install what is old enough."""

    def stored_secret(self, place: Place, ask: Ask, user: str, secret: str) -> Said:
        """Install with a secret out of a keyring, or a variable."""


@dataclass(frozen=True)
class Pip:
    """`pip --python … install`."""

    tool: Tool

    def install(self, place: Place, ask: Ask) -> Said:
        return self._install(place, ask, ask.wanted)

    def lock(self, place: Place, ask: Ask) -> Said | None:
        if self._older_than("25.1"):
            return None
        return self._run(place, "lock", *self._indexes(ask), "--output", "pylock.toml", ask.wanted)

    def sync(self, place: Place, ask: Ask) -> Said | None:
        if self._older_than("26.1"):
            return None
        return self._install(place, ask, "--requirement", "pylock.toml")

    def hashed(self, place: Place, ask: Ask, right: str, sha256: str) -> Said:
        del right
        place.write("requirements.txt", f"{ask.wanted} --hash=sha256:{sha256}\n")
        return self._install(place, ask, "--require-hashes", "--requirement", "requirements.txt")

    def cooled(self, place: Place, ask: Ask) -> Said | None:
        if self._older_than("26.0"):
            return None
        return self._install(place, ask, "--uploaded-prior-to", ask.before, ask.wanted)

    def stored_secret(self, place: Place, ask: Ask, user: str, secret: str) -> Said:
        asked = from_keyring(place, ask, user, secret)
        return self._run(
            place, "--keyring-provider", "subprocess", "install", *self._indexes(asked), ask.wanted
        )

    def _install(self, place: Place, ask: Ask, *arguments: str) -> Said:
        return self._run(place, "install", *self._indexes(ask), *arguments)

    def _indexes(self, ask: Ask) -> tuple[str, ...]:
        extra = ("--extra-index-url", ask.extra_index) if ask.extra_index else ()
        return ("--no-cache-dir", "--index-url", ask.index, *extra, *ask.options)

    def _run(self, place: Place, *arguments: str) -> Said:
        variables = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        return place.run(
            self.tool.python, "-m", "pip", "--no-input", "--python", str(place.python), *arguments,
            variables=variables,
        )  # fmt: skip

    def _older_than(self, version: str) -> bool:
        return Version(self.tool.version) < Version(version)


@dataclass(frozen=True)
class Uv:
    """`uv pip install`, and `uv lock` with `uv sync` in a project."""

    tool: Tool

    def install(self, place: Place, ask: Ask) -> Said:
        return self._install(place, ask, ask.wanted)

    def lock(self, place: Place, ask: Ask) -> Said | None:
        place.write(
            "pyproject.toml",
            f'[project]\nname = "place"\nversion = "0"\nrequires-python = ">=3.11"\n'
            f'dependencies = ["{ask.wanted}"]\n',
        )
        return self._run(place, "lock", *self._indexes(ask))

    def sync(self, place: Place, ask: Ask) -> Said | None:
        return self._run(place, "sync", "--frozen", "--no-install-project", *self._indexes(ask))

    def hashed(self, place: Place, ask: Ask, right: str, sha256: str) -> Said:
        del right
        place.write("requirements.txt", f"{ask.wanted} --hash=sha256:{sha256}\n")
        return self._install(place, ask, "--require-hashes", "--requirement", "requirements.txt")

    def cooled(self, place: Place, ask: Ask) -> Said | None:
        return self._install(place, ask, "--exclude-newer", ask.before, ask.wanted)

    def stored_secret(self, place: Place, ask: Ask, user: str, secret: str) -> Said:
        asked = from_keyring(place, ask, user, secret)
        return self._install(place, asked, "--keyring-provider", "subprocess", ask.wanted)

    def _install(self, place: Place, ask: Ask, *arguments: str) -> Said:
        return self._run(
            place, "pip", "install", "--python", str(place.python), *self._indexes(ask), *arguments
        )

    def _indexes(self, ask: Ask) -> tuple[str, ...]:
        extra = ("--extra-index-url", ask.extra_index) if ask.extra_index else ()
        return ("--index-url", ask.index, *extra, *ask.options)

    def _run(self, place: Place, *arguments: str) -> Said:
        variables = {
            "UV_NO_CACHE": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_LINK_MODE": "copy",
            "UV_NO_PROGRESS": "1",
        }
        return place.run(self.tool.program, *arguments, variables=variables)


@dataclass(frozen=True)
class Poetry:
    """`poetry install` in a project whose only source is ours."""

    tool: Tool

    def install(self, place: Place, ask: Ask) -> Said:
        self._project(place, ask)
        return self._run(place, "install")

    def lock(self, place: Place, ask: Ask) -> Said | None:
        self._project(place, ask)
        return self._run(place, "lock")

    def sync(self, place: Place, ask: Ask) -> Said | None:
        del ask
        if Version(self.tool.version) < Version("2"):
            return self._run(place, "install", "--sync")
        return self._run(place, "sync")

    def hashed(self, place: Place, ask: Ask, right: str, sha256: str) -> Said:
        self._project(place, ask)
        locked = self._run(place, "lock")
        file = place.folder / "poetry.lock"
        file.write_text(file.read_text().replace(right, sha256))
        return locked + self._run(place, "install")

    def cooled(self, place: Place, ask: Ask) -> Said | None:
        if Version(self.tool.version) < Version("2.4"):
            return None
        place.variables["POETRY_SOLVER_MIN_RELEASE_AGE"] = str(ask.days_old)
        return self.install(place, ask)

    def stored_secret(self, place: Place, ask: Ask, user: str, secret: str) -> Said:
        place.variables["POETRY_HTTP_BASIC_OURS_USERNAME"] = user
        place.variables["POETRY_HTTP_BASIC_OURS_PASSWORD"] = secret
        return self.install(place, ask)

    def _project(self, place: Place, ask: Ask) -> None:
        wanted = Requirement(ask.wanted)
        source = '\n[[tool.poetry.source]]\nname = "{}"\nurl = "{}"\npriority = "{}"\n'
        place.write(
            "pyproject.toml",
            '[tool.poetry]\nname = "place"\nversion = "0"\ndescription = ""\nauthors = []\n'
            "package-mode = false\n\n[tool.poetry.dependencies]\n"
            f'python = ">=3.11,<4"\n{wanted.name} = "{wanted.specifier or "*"}"\n'
            + source.format("ours", ask.index, "primary")
            + (source.format("second", ask.extra_index, "supplemental") if ask.extra_index else ""),
        )

    def _run(self, place: Place, *arguments: str) -> Said:
        variables = {
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_CACHE_DIR": str(place.folder / "poetry-cache"),
            # Without it Poetry asks the desktop's keyring, which a server has not.
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        quiet = ("--no-interaction", "--no-ansi", "--no-cache")
        return place.run(self.tool.program, *quiet, *arguments, variables=variables)


KEYRING = """\
#!/bin/sh
case "$*" in
  *--output=json*) echo '{{"username": "{user}", "password": "{secret}"}}' ;;
  *) echo '{secret}' ;;
esac
"""
"""The program of that name, as pip and uv call it: newer pip asks for JSON."""


def from_keyring(place: Place, ask: Ask, user: str, secret: str) -> Ask:
    """The user stands in the URL, and the secret in what the program `keyring` prints."""
    place.write("bin/keyring", KEYRING.format(user=user, secret=secret), mode=0o755)
    return replace(ask, index=ask.index.replace("http://", f"http://{user}@"))


DRIVERS: dict[str, Callable[[Tool], Driver]] = {"pip": Pip, "uv": Uv, "poetry": Poetry}
