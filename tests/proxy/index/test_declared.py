"""Upstreams as they are declared: every mistake at once, and no secret in any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.artifact import IndexName
from models.errors import SettingsInvalid
from policies.document import parse_policy
from policies.modes import Mode
from proxy.index.declared import Upstream
from proxy.index.ownership import contradicted
from proxy.settings import Settings, read_settings

PUBLIC = "https://index.invalid/simple"


def read(
    folder: Path, text: str, *, environment: dict[str, str] | None = None, **flags: str
) -> Settings:
    file = folder / "settings.toml"
    file.write_text(text)
    return read_settings(
        file=file,
        environment=environment or {},
        flags=flags,
        default_upstream=lambda: PUBLIC,
    )


def refused(folder: Path, text: str, **flags: str) -> str:
    file = folder / "settings.toml"
    file.write_text(text)
    with pytest.raises(SettingsInvalid) as caught:
        read_settings(file=file, environment={}, flags=flags, default_upstream=lambda: PUBLIC)
    return str(caught.value)


ONE = '[[upstreams]]\nname = "acme"\nurl = "https://devpi.invalid/acme"\n'


def test_single__is_one_upstream(tmp_path: Path) -> None:
    (only,) = read(tmp_path, "", upstream="https://ci:pass@index.invalid/simple").upstreams
    assert (only.name, only.url) == ("pypi", "https://index.invalid/simple/")
    assert only.authorization.startswith("Basic ")
    assert "Y2k6cGFzcw" not in repr(only)


def test_tables__come_before_it_in_their_order(tmp_path: Path) -> None:
    text = ONE + 'names = ["Acme_*"]\n[[upstreams]]\nname = "own"\nfolder = "/srv/own"\n'
    acme, own, last = read(tmp_path, text).upstreams
    assert (acme.names, acme.mode) == (("acme-*",), None)
    assert (own.folder, own.names, own.mode) == (Path("/srv/own"), (), Mode.OBSERVE)
    assert (last.name, last.url) == ("pypi", PUBLIC + "/")


def test_upstream_none__leaves_the_tables(tmp_path: Path) -> None:
    assert [one.name for one in read(tmp_path, ONE, upstream="none").upstreams] == ["acme"]
    assert "there is none at all" in refused(tmp_path, "", upstream="none")


@pytest.mark.parametrize("way", ["credentials", "credentials_file", "credentials_env"])
def test_credentials__from_each_place(tmp_path: Path, way: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("Bearer t0ken\n")
    said = {"credentials": "Bearer t0ken", "credentials_file": str(secret), "credentials_env": "X"}
    text = f'{ONE}{way} = "{said[way]}"\n'
    acme, _ = read(tmp_path, text, environment={"X": "Bearer t0ken"}).upstreams
    assert acme.authorization == "Bearer t0ken"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('credentials = "t0ken"', "neither USER:PASSWORD nor Bearer TOKEN"),
        ('credentials = "a:t0ken"\ncredentials_env = "X"', "one of them says enough"),
        ('credentials_env = "NO_SUCH"', "there is no variable NO_SUCH"),
        ('credentials_file = "/nonexistent/t"', "/nonexistent/t cannot be read"),
        ('folder = "/srv/x"', "either url or folder"),
        ('names = ["*"]', "must not match every name"),
        ('names = ["a b"]', "not a project name or pattern"),
        ('mode = "off"', "policy, observe, warn, enforce"),
        ("timeout_s = 0", "from 1 to 600"),
        ("downloads = true", "from 1 to 256"),
        ('user = "x"', "user: there is no such key"),
    ],
)
def test_mistakes__are_named_without_secrets(tmp_path: Path, lines: str, expected: str) -> None:
    said = refused(tmp_path, f"{ONE}{lines}\n")
    assert expected in said
    assert "t0ken" not in said


def test_mistakes__of_all_tables_are_named_at_once(tmp_path: Path) -> None:
    said = refused(
        tmp_path, '[[upstreams]]\nname = "A"\n[[upstreams]]\nurl = "ftp://x"\n', hold_s="x"
    )
    for part in ("table 1", "table 2", "either url or folder", "hold_s"):
        assert part in said


def test_upstreams__that_contradict_each_other_or_are_ourselves(tmp_path: Path) -> None:
    names = 'names = ["acme-*"]\n'
    other = '[[upstreams]]\nname = "b"\nurl = "https://b.invalid/"\nnames = ["ACME-*"]\n'
    assert "acme-* belongs to the upstream acme already" in refused(tmp_path, ONE + names + other)
    assert "two upstreams of this name" in refused(tmp_path, ONE + ONE)
    assert "two upstreams of this name" in refused(tmp_path, ONE, index_name="acme")
    ours = ONE.replace("https://devpi.invalid/acme", "http://localhost:8080/simple")
    assert "is this very firewall" in refused(tmp_path, ours)
    inside = f'data_dir = "{tmp_path}"\n[[upstreams]]\nname = "own"\nfolder = "{tmp_path}/own"\n'
    assert "part of the data folder" in refused(tmp_path, inside)


def test_contradicted__names_an_upstream_whose_files_the_policy_would_refuse() -> None:
    upstream = Upstream(name=IndexName("acme"), url="https://a.invalid/", names=("acme-*",))
    mode = 'mode = "enforce"\n'
    owned = mode + '[names]\nowned = ["acme-*"]\n'
    (said,) = contradicted((upstream,), parse_policy(owned, source="test"))
    assert "add it to [names] indexes" in said
    assert not contradicted(
        (upstream,), parse_policy(owned + 'indexes = ["acme"]\n', source="test")
    )
    assert not contradicted((upstream,), parse_policy(mode, source="test"))
