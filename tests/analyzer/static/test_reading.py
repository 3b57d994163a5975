"""Static reading as a whole: whatever comes in, a bounded report comes out, and always the same one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.static.machine import STEPS_MAX, Machine
from analyzer.static.reading import PARSE_BYTES_MAX, read_static
from analyzer.static.result import EXCERPT_CHARS_MAX, MATCHES_MAX, StaticReport
from analyzer.static.sources import SOURCE_BYTES_MAX, Layout, Sources
from analyzer.static.telling import parse_static
from tests.analyzer.static.reading import found, ids, package, read, setup_py

_WORDS = st.sampled_from(
    [
        *(
            "import os\n",
            "exec(",
            "b64decode(",
            ")",
            "x",
            "=",
            "'",
            "lambda x:",
            "\n",
            "    ",
            "def f(x):\n  ",
        ),
        *(
            "class A:\n  ",
            "x = ",
            "os.system(",
            "requests.post(",
            "'http://a.test'",
            "[",
            "]",
            "+",
            "%",
            "f'{x}'",
        ),
        *(
            "for i in x:\n  ",
            "try:\n  x\nexcept:\n  ",
            "x()",
            ".x",
            "x[0]",
            "getattr(os, x)",
            "globals()",
            "del x\n",
        ),
        *(
            "with open(x) as f:\n  ",
            "f.write(x)\n",
            "return x\n",
            "yield x\n",
            "global x\n",
            "*x",
            "**x",
            "\u202e",
            "\0",
        ),
    ]
)


@given(
    st.dictionaries(
        st.sampled_from(["setup.py", "a/__init__.py", "a/b.py", "c.pyw", "tests/t.py"]),
        st.binary(max_size=300),
        max_size=4,
    ),
    st.sampled_from(["wheel", "sdist"]),
)
def test_read_static__any_bytes_give_a_report_that_comes_through(
    files: dict[str, bytes], kind: str
) -> None:
    report = read(files, kind=kind)

    assert parse_static(report) == report
    assert msgspec.json.decode(msgspec.json.encode(report), type=StaticReport) == report


@settings(max_examples=300)
@given(st.lists(_WORDS, max_size=40).map("".join))
def test_read_static__any_code_gives_a_report_and_the_same_one_again(text: str) -> None:
    report = read({"setup.py": text, "a/__init__.py": text}, kind="sdist")

    assert parse_static(report) == report
    assert read({"setup.py": text, "a/__init__.py": text}, kind="sdist") == report


@pytest.mark.parametrize(
    "text",
    [
        "x = 'a' * 9999\n" + "x = x + x\n" * 60 + "exec(x)",
        "x = 'a' * 9999\n" + "x = x.replace('a', 'aaaa')\n" * 60 + "exec(x)",
        "x = 9 ** 9 ** 9\ny = '%0999999999d' % 1\nexec(y)",
        "def f(x):\n    return f(x)\nf(1)\nexec(f)",
        "f = lambda x: f(f(x))\nf(1)\nexec(f)",
        "x = []\nx.append(x)\nexec(x)",
        "class A(A): pass\nexec(A())",
        "a = {}\na['a'] = a\nexec(a['a']['a'])",
        "exec('exec(\"exec(1)\")')\n",
        "import a\nimport setup\nexec(a)",
        "exec(" + "(" * 5000 + ")" * 5000 + ")",
        "x = a" + ".b()" * 3000 + "\nexec(x)",
        "exec(" + "+".join(["'a'"] * 20_000) + ")",
        "exec([[[i for i in x] for x in y] for y in '" + "a" * 4000 + "'])",
        "exec(1)  #" + "http://" * 50_000,
        "exec('" + "curl ; " * 50_000 + "')",
        "exec(1);x = '" + " " * 500_000 + "'",
    ],
)
def test_read_static__what_would_cost_without_end_is_bounded(text: str) -> None:
    report = setup_py(text)

    assert parse_static(report) == report


def test_machine__steps_are_bounded_and_the_cut_is_told() -> None:
    text = "import os\n" + "x = os.getcwd() + os.getcwd()\n" * (STEPS_MAX // 6) + "os.system(x)"
    report = setup_py(text)

    assert report.cut == ("steps",)
    assert Machine({}).steps_left == STEPS_MAX


def test_budget__sources_beyond_it_are_counted_as_left() -> None:
    big = "import os, socket\nos.system('make')\n" + "x = os.getcwd()\n" * 12_000
    files = {f"reenact/m{index}.py": big for index in range(2 + PARSE_BYTES_MAX // len(big))}
    report = read(files)

    assert report.files == len(files)
    assert 0 < report.files_left < len(files)


def test_sources__one_that_is_too_long_to_keep_is_counted_and_not_held() -> None:
    sources = Sources()
    sources.add("a.py", None, SOURCE_BYTES_MAX + 1)
    sources.add("a.txt", b"x", 1)
    report = read_static(sources, Layout(kind="wheel"))

    assert sources.keep_bytes("a.py") == SOURCE_BYTES_MAX
    assert sources.keep_bytes("a.so") == 0
    assert (report.files, report.files_left, report.code_bytes) == (1, 1, SOURCE_BYTES_MAX + 1)


def test_report__the_worst_matches_come_first_and_the_rest_are_counted() -> None:
    lines = "".join(f"os.system('make {n}')\n" for n in range(400))
    report = setup_py(f"import base64, os\n{lines}exec(base64.b64decode('eA=='))\n")

    assert report.matches[0].id == "static-decode-exec"
    assert len(report.matches) == MATCHES_MAX
    assert report.more > 200


def test_report__texts_are_printable_and_cut() -> None:
    report = setup_py("import os\nos.system('make \x1b[0m" + "x" * 999 + "')\n")

    (match,) = [match for match in report.matches if match.id == "static-process"]
    assert match.excerpt.isprintable()
    assert len(match.excerpt) <= EXCERPT_CHARS_MAX


def test_report__entropy_is_that_of_long_literals_in_parsed_code() -> None:
    noise = (
        "".join(chr(33 + (n * 7919) % 90) for n in range(400))
        .replace("'", "x")
        .replace("\\", "y")
        .replace('"', "z")
    )

    assert package(f"import os\nos.system('make')\nx = '{noise}'\n").entropy_milli > 5000
    assert package("import os\nos.system('make')\nx = 'aaa'\n").entropy_milli == 0


def test_reading__tests_and_documentation_are_info_only() -> None:
    text = "import base64\nexec(base64.b64decode('eA=='))\n"
    report = read({"reenact/__init__.py": "", "tests/test_x.py": text}, kind="sdist")

    assert {reach for _, reach in found(report)} == {"nothing"}


ACTING = "import base64\nexec(base64.b64decode('eA=='))\n"


@pytest.mark.parametrize(
    ("files", "more", "reach"),
    [
        # A wheel installs what it holds: what alone is there is what people import.
        ({"demo/__init__.py": ACTING}, {}, "import"),
        ({"tasks.py": ACTING}, {}, "import"),
        ({"tests/__init__.py": ACTING, "docs/__init__.py": ""}, {}, "import"),
        ({"demo/__init__.py": ACTING, "other/__init__.py": ""}, {"name": "demo"}, "import"),
        ({"demo/__init__.py": ACTING}, {"name": "demo", "kind": "sdist"}, "import"),
        ({"src/demo/__init__.py": ACTING}, {"name": "demo", "kind": "sdist"}, "import"),
        # What the package imports runs with it, wherever it lies.
        ({"reenact/__init__.py": "import demo\n", "demo/__init__.py": ACTING}, {}, "import"),
        ({"reenact/__init__.py": "from . import tests\n", "reenact/tests/__init__.py": ACTING},
         {}, "import"),
        # A script's module runs where somebody starts the script.
        ({"reenact/__init__.py": "", "demo/cli.py": ACTING},
         {"entry_points": (("console_scripts", "demo.cli:main"),)}, "module"),
        # Left aside: beside the package, and below it.
        ({"reenact/__init__.py": "", "tests/__init__.py": ACTING}, {}, "nothing"),
        ({"reenact/__init__.py": "", "reenact/tests/test_x.py": ACTING}, {}, "nothing"),
        ({"demo/__init__.py": "", "demo/tests/test_x.py": ACTING}, {"name": "demo"}, "nothing"),
    ],
)  # fmt: skip
def test_reading__a_name_for_tests_hides_nothing_that_is_reached(
    files: dict[str, str], more: dict[str, Any], reach: str
) -> None:
    assert {found_reach for _, found_reach in found(read(files, **more))} == {reach}


def test_reading__what_the_first_look_finds_nothing_in_is_not_parsed() -> None:
    report = package("this is no python at all\n")

    assert (report.unparsed, ids(report)) == (0, set())
