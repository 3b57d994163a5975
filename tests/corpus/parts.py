"""Parts of sdists that several recipes need: build systems, and a back end that needs no index."""

from __future__ import annotations

IN_TREE = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
"""pyproject.toml of an sdist with its own PEP 517 back end, `backend.py`."""

SETUPTOOLS = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""
"""pyproject.toml of an sdist that setuptools builds; without any, setuptools is assumed (PEP 518)."""

SETUP = """\
from setuptools import setup
setup(
    name="THE_PROJECT",
    version="1.0",
    packages=["THE_MODULE"],
    classifiers=["Private :: Do Not Upload"],
)
"""
"""The end of a setup.py; the sdist needs `THE_MODULE/__init__.py`."""

PACKER = """\
import base64, hashlib, pathlib, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    info = "THE_MODULE-1.0.dist-info"
    metadata = (
        "Metadata-Version: 2.1\\nName: THE_PROJECT\\nVersion: 1.0\\n"
        "Classifier: Private :: Do Not Upload\\n"
    )
    files = {
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    for path in sorted(pathlib.Path("src").rglob("*")):
        if path.is_file():
            files[path.relative_to("src").as_posix()] = path.read_bytes()
    record = ""
    name = "THE_MODULE-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(directory, name), "w") as archive:
        for path, data in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            record += f"{path},sha256={digest},{len(data)}\\n"
            archive.writestr(path, data)
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\\n")
    return name
"""
"""packer.py for `backend.py`: `from packer import build_wheel` packs everything below `src/`."""
