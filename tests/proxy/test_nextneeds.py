"""What is asked for next: every name that some environment needs, and none that only an extra does."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from proxy.nextneeds import NAMES_MAX, next_needs

DEMO = canonicalize_name("demo")


def metadata(*lines: str) -> bytes:
    required = "".join(f"Requires-Dist: {line}\n" for line in lines)
    readme = "Requires-Dist: from-the-readme\n"
    return f"Metadata-Version: 2.1\nName: demo\nVersion: 1\n{required}\n{readme}".encode()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Requests_Toolbelt>=2", "requests-toolbelt"),
        ("requests[socks] (>=2)", "requests"),
        ('colorama; sys_platform == "win32"', "colorama"),
        ('tomli; python_version < "3.11"', "tomli"),
        ('new; python_full_version >= "3.14"', "new"),
        ('uvloop; platform_python_implementation != "PyPy"', "uvloop"),
        ('both; extra == "x" or os_name == "posix"', "both"),
        ('old; python_version < "3"', None),
        ('pypy-only; implementation_name == "pypy"', None),
        ('extra-only; extra == "dev"', None),
        ('extra-too; extra == "dev" and python_version >= "3.9"', None),
        ("direct @ https://example.invalid/direct-1-py3-none-any.whl", None),
        ("demo[all]", None),
        ("../etc/passwd", None),
        ("no requirement at all", None),
        ("deep; " + "(" * 200 + 'os_name == "nt"' + ")" * 200, "deep"),
        ("endless; " + "(" * 3_000 + 'os_name == "nt"' + ")" * 3_000, None),
    ],
)
def test_next_needs__of_one_line(line: str, name: str | None) -> None:
    assert next_needs(metadata(line), of=DEMO) == (() if name is None else (name,))


def test_next_needs__are_in_order_each_once_and_few() -> None:
    assert next_needs(metadata("b", "a", "B>1"), of=DEMO) == ("b", "a")
    many = next_needs(metadata(*(f"n{number}" for number in range(100))), of=DEMO)
    assert many == tuple(f"n{number}" for number in range(NAMES_MAX))


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"no metadata", b"Requires-Dist: a\n"])
def test_next_needs__of_what_is_no_metadata_are_none(data: bytes) -> None:
    assert next_needs(data, of=DEMO) == ()
