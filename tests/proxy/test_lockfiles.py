"""Lock files: every form that installers write, and what is no lock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import LockInvalid
from proxy import lockfiles
from proxy.lockfiles import LOCK_BYTES_MAX, Lock, read_lock

A, B, C = "a" * 64, "b" * 64, "c" * 64

REQUIREMENTS = f"""
# made by pip-compile
--index-url https://index.invalid/simple
Demo_Pkg[extra]==1.0 ; python_version >= "3.9" \\
    --hash=sha256:{A} \\
    --hash=sha256:{B.upper()}  # two files
    # via other
other==2.0.0 --hash=sha512:{A}{A}
loose>=1
"""
UV = f"""
version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "0.1.0"
source = {{ virtual = "." }}

[[package]]
name = "demo-pkg"
version = "1.0"
source = {{ registry = "https://index.invalid/simple" }}
sdist = {{ url = "https://x.invalid/demo.tar.gz", hash = "sha256:{A}", size = 3 }}
wheels = [{{ url = "https://x.invalid/demo.whl", hash = "sha256:{B}" }}]

[[package]]
name = "other"
version = "2.0.0"
source = {{ git = "https://x.invalid/other" }}

[[package]]
name = "loose"
version = "3"
source = {{ registry = "https://index.invalid/simple" }}
"""
POETRY = f"""
[[package]]
name = "demo-pkg"
version = "1.0"
files = [
    {{file = "demo.tar.gz", hash = "sha256:{A}"}},
    {{file = "demo.whl", hash = "sha256:{B}"}},
]

[[package]]
name = "other"
version = "2.0.0"
files = []

[[package]]
name = "loose"
version = "3"

[metadata]
lock-version = "2.1"
"""
OLD_POETRY = f"""
[[package]]
name = "demo-pkg"
version = "1.0"

[[package]]
name = "other"
version = "2.0.0"

[[package]]
name = "loose"
version = "3"

[metadata]
lock-version = "1.1"

[metadata.files]
demo-pkg = [{{file = "demo.tar.gz", hash = "sha256:{A}"}}, {{file = "d.whl", hash = "sha256:{B}"}}]
other = []
"""
PYLOCK = f"""
lock-version = "1.0"
created-by = "pip"

[[packages]]
name = "demo-pkg"
version = "1.0"
sdist = {{ url = "https://x.invalid/demo-pkg-1.0.tar.gz", hashes = {{ sha256 = "{A}" }} }}
wheels = [
    {{ url = "https://x.invalid/demo_pkg-1.0-py3-none-any.whl", hashes = {{ sha256 = "{B}" }} }},
]

[[packages]]
name = "other"
version = "2.0.0"
sdist = {{ url = "https://x.invalid/other-2.0.0.tar.gz", hashes = {{ sha512 = "{A}{A}" }} }}

[[packages]]
name = "loose"
archive = {{ url = "https://x.invalid/loose.tar.gz", hashes = {{ md5 = "00" }} }}

[[packages]]
name = "app"
directory = {{ path = "." }}
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", REQUIREMENTS),
        ("uv.lock", UV),
        ("poetry.lock", POETRY),
        ("poetry.lock", OLD_POETRY),
        ("pylock.toml", PYLOCK),
        ("pylock.dev.toml", PYLOCK),
    ],
)
def test_read_lock__every_form_pins_the_same(name: str, text: str) -> None:
    lock = read_lock(name, text.encode())
    (one,) = lock.releases
    assert (one.project, one.version, one.sha256s) == ("demo-pkg", "1.0", (A, B))
    assert lock.unpinned == ("loose", "other")
    assert lock.source == name


def test_read_lock__two_versions_of_a_project_are_two_releases() -> None:
    text = (
        f"demo==1.0 --hash=sha256:{A}\ndemo==2.0 --hash=sha256:{B}\ndemo==1.0 --hash=sha256:{C}\n"
    )
    lock = read_lock("requirements.txt", text.encode())
    assert [(one.version, one.sha256s) for one in lock.releases] == [("1.0", (A, C)), ("2.0", (B,))]


@pytest.mark.parametrize("specifier", ["", ">=1", "==1.*", "!=1,==2,==3"])
def test_read_lock__without_one_version_the_bytes_still_count(specifier: str) -> None:
    lock = read_lock("requirements.txt", f"demo{specifier} --hash=sha256:{A}".encode())
    assert [(one.version, one.sha256s) for one in lock.releases] == [("", (A,))]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("requirements.txt", b"", "pins nothing"),
        ("requirements.txt", b"# nothing\n--no-binary :all:\n", "pins nothing"),
        ("requirements.txt", b"\xff\xfe", "is not UTF-8"),
        ("requirements.txt", b"-r other.txt\n", "names another file"),
        ("requirements.txt", b"--constraint=other.txt\n", "names another file"),
        ("requirements.txt", b"./folder\n", "is no requirement"),
        ("requirements.txt", b"demo==not-a-version --hash=sha256:" + b"a" * 64, "no requirement"),
        ("uv.lock", b"[[package", "is not TOML"),
        ("uv.lock", b"package = 3\n", "pins nothing"),
        ("uv.lock", b'[[package]]\nname = "a b"\nsdist = {hash = "sha256:00"}\n', "cannot be read"),
        ("uv.lock", b'[[package]]\nname = "a"\nsdist = {hash = "sha256:00"}\n', "not a sha256"),
        ("uv.lock", b'[[package]]\nname = "a"\nversion = "x y"\nfiles = []\n', "cannot be read"),
        ("pylock.toml", b'lock-version = "1.0"\n', "is not a lock of PEP 751"),
        ("pylock.toml", b'lock-version = "99.0"\ncreated-by = "x"\n', "is not a lock of PEP 751"),
        ("requirements.txt", b"#" * (LOCK_BYTES_MAX + 1), "is larger than"),
    ],
)
def test_read_lock__refuses(name: str, text: bytes, said: str) -> None:
    with pytest.raises(LockInvalid) as caught:
        read_lock(name, text)
    assert said in str(caught.value)
    assert caught.value.next_step


def test_read_lock__names_every_mistake_at_once() -> None:
    with pytest.raises(LockInvalid) as caught:
        read_lock("r.txt", b"-r one.txt\n./two\nthree ! four\nfine==1.0\n")
    assert len(caught.value.problems) == 3


def test_read_lock__is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockfiles, "RELEASES_MAX", 1)
    monkeypatch.setattr(lockfiles, "FILES_MAX", 1)
    text = f"a==1 --hash=sha256:{A} --hash=sha256:{B}\nb==1 --hash=sha256:{A}\n"
    with pytest.raises(LockInvalid) as caught:
        read_lock("r.txt", text.encode())
    assert len(caught.value.problems) == 2


@settings(deadline=None)
@given(
    name=st.sampled_from(["r.txt", "uv.lock", "pylock.toml"]),
    data=st.one_of(
        st.binary(max_size=200),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=200).map(str.encode),
        st.sampled_from([UV, POETRY, PYLOCK, REQUIREMENTS]).flatmap(
            lambda text: st.integers(0, len(text)).map(lambda end: text[:end].encode())
        ),
    ),
)
def test_read_lock__whatever_comes_is_read_or_refused(name: str, data: bytes) -> None:
    try:
        lock = read_lock(name, data)
    except LockInvalid:
        return
    assert isinstance(lock, Lock)
    assert lock.releases or lock.unpinned
