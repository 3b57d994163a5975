"""Settings from file, environment and flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import SettingsInvalid
from proxy.settings import Address, Settings, parse_interpreters, read_settings


def read(
    *,
    file: Path | None = None,
    environment: dict[str, str] | None = None,
    flags: dict[str, str] | None = None,
) -> Settings:
    return read_settings(
        file=file,
        environment=environment or {},
        flags=flags or {},
        default_upstream=lambda: "https://index.example.test/simple",
    )


def test_read__defaults_are_sound() -> None:
    settings = read()
    assert settings.listen == Address(host="127.0.0.1", port=8080)
    assert settings.upstream == "https://index.example.test/simple/"
    assert settings.index_url == "http://127.0.0.1:8080/simple/"
    assert not settings.anonymous


def test_read__flag_beats_environment_beats_file(tmp_path: Path) -> None:
    file = tmp_path / "pratique.toml"
    file.write_text('listen = "127.0.0.1:1"\nhold_s = 10\nboxes = 3\n')
    settings = read(
        file=file,
        environment={"PRATIQUE_LISTEN": "127.0.0.1:2", "PRATIQUE_HOLD_S": "20"},
        flags={"listen": "127.0.0.1:3"},
    )
    assert (settings.listen.port, settings.hold_s, settings.boxes) == (3, 20, 3)


def test_read__names_every_problem_at_once(tmp_path: Path) -> None:
    file = tmp_path / "pratique.toml"
    file.write_text('listne = "x"\nboxes = [1]\n')
    with pytest.raises(SettingsInvalid) as caught:
        read(
            file=file,
            environment={"PRATIQUE_HOLDS": "1"},
            flags={"listen": "nowhere", "hold_s": "-1"},
        )
    text = str(caught.value)
    assert len(caught.value.problems) == 5
    for expected in ("did you mean listen?", "boxes", "PRATIQUE_HOLDS", "--listen", "--hold-s"):
        assert expected in text


def test_boxes__auto_is_what_fits_and_none_is_none() -> None:
    assert 1 <= read(flags={"boxes": "auto"}).boxes <= 16
    assert read().boxes == read(flags={"boxes": "auto"}).boxes
    assert read(flags={"boxes": "0"}).boxes == 0


@pytest.mark.parametrize("text", ["17", "-1", "many"])
def test_boxes__refuses(text: str) -> None:
    with pytest.raises(SettingsInvalid, match="auto"):
        read(flags={"boxes": text})


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("[::1]:80", "::1", 80), ("localhost:0", "localhost", 0), ("0.0.0.0:8080", "0.0.0.0", 8080)],
)
def test_listen__forms(text: str, host: str, port: int) -> None:
    assert read(flags={"listen": text}).listen == Address(host=host, port=port)


@pytest.mark.parametrize("text", ["", "8080", "host:", ":80", "host:99999", "host:x"])
def test_listen__refuses(text: str) -> None:
    with pytest.raises(SettingsInvalid):
        read(flags={"listen": text} if text else {"listen": "host:"})


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("10.0.0.1", False), ("::", False), ("pypi.example.test", False)],
)  # fmt: skip
def test_loopback__is_known(host: str, loopback: bool) -> None:
    assert Address(host=host, port=1).loopback is loopback


@pytest.mark.parametrize("url", ["ftp://x/simple/", "nonsense", "http://"])
def test_upstream__must_be_http(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="whole http"):
        read(flags={"upstream": url})


def test_file__that_is_no_toml_is_one_clear_problem(tmp_path: Path) -> None:
    file = tmp_path / "pratique.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        read(file=file)


@pytest.mark.parametrize(
    "flags",
    [
        {"upstream": "http://127.0.0.1:8080/simple/"},
        {"upstream": "http://user:secret@127.0.0.1:8080/simple/"},
        {"upstream": "https://pypi.example.test/x/", "public_url": "https://pypi.example.test"},
        {"upstream": "http://127.0.0.1:9/simple/", "listen": "0.0.0.0:9"},
        {"upstream": "http://localhost:9/simple/", "listen": "0.0.0.0:9"},
        {"upstream": "http://localhost:8080/simple/"},
        {"upstream": "http://LOCALHOST.:8080/simple/"},
        {"upstream": "http://127.0.0.1/simple/", "listen": "127.0.0.1:80"},
        {"upstream": "http://[::1]:9/simple/", "listen": "[::]:9"},
        {"upstream": "https://Pypi.Example.test:443/", "public_url": "https://pypi.example.test"},
    ],
)
def test_upstream__is_never_ourselves(flags: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid, match="this very firewall") as caught:
        read(flags=flags)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "flags",
    [
        {"upstream": "http://127.0.0.1:8081/simple/"},
        {"upstream": "http://localhost:8081/simple/", "listen": "0.0.0.0:8080"},
        {"upstream": "http://127.0.0.2:8080/simple/"},
        {"upstream": "http://index.example.test:8080/simple/", "listen": "0.0.0.0:8080"},
    ],
)
def test_upstream__beside_us_is_another(flags: dict[str, str]) -> None:
    assert read(flags=flags).upstream


def test_interpreters__are_absolute_paths_or_found() -> None:
    assert parse_interpreters("auto") == ()
    paths = (Path("/opt/a/bin/python3.12"), Path("/b/python3.13"))
    assert parse_interpreters("/opt/a/bin/python3.12, /b/python3.13") == paths
    for wrong in ("", "python3.12", "/a,,/b"):
        with pytest.raises(ValueError, match="absolute"):
            parse_interpreters(wrong)
