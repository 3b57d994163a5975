"""The folder of one run: a tmpfs of bounded size and number of files, laid out and thrown away.

Everything a box can write to lies on it, so a full disk, a million files or a planted link end
with the run. The daemon writes into it only before the first box starts, and reads nothing back.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.sandbox import boxes, kernelcalls, layout, trust
from analyzer.sandbox.boxes import Mount
from analyzer.sandbox.interpreters import Interpreter, usual

FILES_MAX = 200_000
"""Inodes of one run's tmpfs: the largest trees on PyPI unpack to some 60,000 files."""
BYTES_MIN = 192 << 20
"""Bytes of the smallest tmpfs: room for a package that writes, not for one that fills."""
BYTES_MAX = 3 << 30
MEMORY_SHARE = 2
"""A tmpfs may take this machine's memory divided by this: a small board refuses a large package."""
UNPACKED_RATIO = 6
"""Bytes unpacked for each byte of input that the tmpfs leaves room for; wheels average 3."""

_RUNNER_SOURCE = Path(__file__).parent / "runner"
RUNNER_FILES = (
    *("unpack.py", "session.sh", "hooks.py", "imports.py", "module.py", "forks.py"),
    *("use.py", "calls.py", "targets.py", "arguments.py", "wait.py", "again.py"),
    *("clock.py", "patches.py"),
)
_PACKAGES = ("analyzer", "analyzer/sandbox", "analyzer/sandbox/runner")
"""Regular packages, for a folder without `__init__.py` comes after any package of that name."""
_PYVENV = "home = {home}\ninclude-system-site-packages = false\nversion = {version}\n"
PTH_NAME = "_env.pth"
"""Puts the dependencies behind the artifact on the path; ours, and known by name to the analyzer."""
_PTH = "".join(
    f"import os, site; os.path.isdir('{path}') and site.addsitedir('{path}')\n"
    for path in (layout.DEPS_SITE, layout.BUILD_SITE)
)
"""`/build` is there only while an sdist is being built."""
_ETC = {
    "passwd": (
        f"root:x:0:0:root:/root:/bin/bash\n"
        f"{layout.USER}:x:{{uid}}:{{uid}}:{layout.USER}:{layout.HOME}:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "group": f"root:x:0:\n{layout.USER}:x:{{uid}}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {hostname}\n",
    "hostname": "{hostname}\n",
    "resolv.conf": "nameserver 10.0.2.3\noptions timeout:2 attempts:1\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "ld.so.cache": "",
    "localtime": "",
}
_ETC_FROM_HOST = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
"""Not the certificates: `trust` puts those there, with one more."""


def size_for(inputs_bytes: int) -> int:
    """Bytes of the tmpfs for inputs of that size."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    most = min(BYTES_MAX, memory // MEMORY_SHARE)
    return min(most, max(BYTES_MIN, inputs_bytes * (1 + UNPACKED_RATIO)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A run's folder at `root`; `owner` is the box's uid on the host, `inside` the one it sees."""

    root: Path
    owner: int
    inside: int
    sdist: bool = False
    harness: bool = False
    hostname: str = boxes.HOSTNAME
    python: Interpreter = field(default_factory=usual)

    def make(self, size_bytes: int, *, sources: int = 0) -> None:
        """Mount the tmpfs and lay out what every box needs; `sources` sdists will be built."""
        self.root.mkdir(mode=0o755, parents=True, exist_ok=True)
        options = f"size={size_bytes},nr_inodes={FILES_MAX},mode=0755"
        flags = kernelcalls.MS_NOSUID | kernelcalls.MS_NODEV
        kernelcalls.mount("tmpfs", str(self.root), "tmpfs", flags, options)
        for name in ("in/run", "in/build", "in/tool", "opt/pip/pip", "run"):
            (self.root / name).mkdir(parents=True)
        scripts = self._inside(layout.SCRIPTS)
        scripts.mkdir(parents=True)
        for name in RUNNER_FILES:
            shutil.copyfile(_RUNNER_SOURCE / name, scripts / name)
        for name in _PACKAGES:
            (self._inside(layout.RUNNER) / name / "__init__.py").touch()
        for path in (self._inside(layout.ARGUMENTS), self.root / "arguments"):
            path.touch()
        if self.python.prefix.startswith("/opt/"):  # /opt is one mount, so a place for another
            self._inside(self.python.prefix).mkdir(parents=True, exist_ok=True)
        for name in ("tmp", "shm"):
            self._folder(name, 0o1777, root=True)
        self._etc()
        self._env()
        for name in ("home", "home/project", "deps", "build"):
            self._folder(name, 0o755)
        for index in range(sources):
            for name in (f"tools/{index}", f"built/{index}"):
                self._folder(name, 0o755)
        if self.harness:
            (self.root / "run" / Path(layout.HARNESS_FILE).name).write_text("1\n")

    def _inside(self, path: str) -> Path:
        """Where a path of a box that nothing of its own is mounted on lies in this folder."""
        return self.root / path.lstrip("/")

    def _folder(self, name: str, mode: int, *, root: bool = False) -> None:
        path = self.root / name
        path.mkdir(parents=True)
        path.chmod(mode)
        if not root:
            os.chown(path, self.owner, self.owner)

    def _etc(self) -> None:
        etc = self.root / "etc"
        for name in ("alternatives", "ssl/certs"):
            (etc / name).mkdir(parents=True)
        for name, text in _ETC.items():
            (etc / name).write_text(text.format(uid=self.inside, hostname=self.hostname))

    def _env(self) -> None:
        env = self.root / "env"
        self._folder("env", 0o755)
        self._folder("env/bin", 0o755)
        for name in ("python", "python3", self.python.name):
            (env / "bin" / name).symlink_to(self.python.executable)
        home = str(Path(self.python.executable).parent)
        (env / "pyvenv.cfg").write_text(_PYVENV.format(home=home, version=self.python.version))
        self._folder("env/lib", 0o755)
        self._folder(f"env/lib/{self.python.name}", 0o755)
        site = self.python.site.lstrip("/")
        self._folder(site, 0o755)
        (self.root / site / PTH_NAME).write_text(_PTH)

    def plant(self, files: Mapping[str, bytes]) -> None:
        """Put decoys under the home folder, owned by the box's user like a person's own files."""
        home = self.root / "home"
        made = {home, home / "project"}
        for name, content in files.items():
            path = home / name
            for folder in reversed(path.relative_to(home).parents):
                if home / folder not in made:
                    made.add(home / folder)
                    (home / folder).mkdir()
                    os.chown(home / folder, self.owner, self.owner)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(descriptor, content)
                os.fchown(descriptor, self.owner, self.owner)
            finally:
                os.close(descriptor)

    def keep_arguments(self, values: Sequence[str]) -> None:
        """The canary arguments, for `arguments_mount`. No box can write to where they are."""
        (self.root / "arguments").write_text("".join(f"{value}\n" for value in values))

    def arguments_mount(self) -> Mount:
        """The canary arguments, which only P4 is shown."""
        return Mount(source=f"{self.root}/arguments", target=layout.ARGUMENTS)

    def mounts(
        self, *, deps: bool = False, build: bool = False, build_writable: bool = False
    ) -> tuple[Mount, ...]:
        """The binds of a box; `deps` and `build`: whether those prefixes are writable, or there."""
        root = str(self.root)
        mounts = [
            *self._system(),
            Mount(source=f"{root}/run", target="/run"),
            Mount(source=f"{root}/tmp", target="/tmp", writable=True),
            Mount(source=f"{root}/shm", target="/dev/shm", writable=True),
            Mount(source=f"{root}/home", target=layout.HOME, writable=True),
            Mount(source=f"{root}/env", target=layout.ENV, writable=True),
            Mount(source=f"{root}/deps", target=layout.DEPS, writable=deps),
            *trust.over_certifi(self.root),
        ]
        if build:
            source = f"{root}/build"
            mounts.append(Mount(source=source, target=layout.BUILD, writable=build_writable))
        return tuple(mounts)

    def tool_mounts(self) -> tuple[Mount, ...]:
        """The binds of the box in which what builds sdists is unpacked."""
        tools = Mount(source=f"{self.root}/tools", target=layout.TOOLS, writable=True)
        return (*self._system(), tools)

    def source_mounts(self, index: int) -> tuple[Mount, ...]:
        """The binds of the box in which one sdist among the requirements is built.

        It shares nothing that is writable with any other box of the run but the folder its wheel
        is put in: nobody watches it, so it must not reach what is watched.
        """
        return (
            *self._system(),
            Mount(source=f"{self.root}/env", target=layout.ENV),
            Mount(source=f"{self.root}/tools/{index}", target=layout.BUILD),
            Mount(source=f"{self.root}/built/{index}", target=layout.BUILT, writable=True),
        )

    def built_mount(self) -> Mount:
        """All wheels that were built, for the box that unpacks requirements."""
        return Mount(source=f"{self.root}/built", target=layout.BUILT)

    def _system(self) -> tuple[Mount, ...]:
        """What every box sees alike, read-only."""
        root = str(self.root)
        prefix = self.python.prefix
        return (
            Mount(source=f"{root}/etc", target="/etc"),
            *(Mount(source=p, target=p) for p in _ETC_FROM_HOST if Path(p).exists()),
            Mount(source=f"{root}/in", target=layout.IN),
            Mount(source=f"{root}/opt", target="/opt"),
            *((Mount(source=prefix, target=prefix),) if prefix else ()),
        )

    def destroy(self) -> None:
        """Unmount and remove; what still has it open keeps it alive unseen, and no longer."""
        with contextlib.suppress(OSError):  # never mounted
            kernelcalls.unmount(str(self.root))
        with contextlib.suppress(OSError):  # never made
            self.root.rmdir()
