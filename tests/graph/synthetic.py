"""A made-up index of 200 packages with metadata as real ones have it: many releases, markers, extras."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from tests.proxy.test_resolve import World

PACKAGES = 200
RELEASES = 40
"""Releases of each; the median of the 300 most downloaded projects is 60, with 2 files each."""
README_BYTES = 20_000
"""Bytes of readme behind the header; the median of the same is 9 KB."""
REQUIRES = (1, 9)
"""Requirements of a release that count, fewest and most; as many more do not, by marker or extra."""
TAGS = ("py3-none-any", "cp39-cp39-win_amd64")
_README = "\n" + "A line of a readme, as long as lines of readmes are.\n" * (README_BYTES // 53)


def synthetic(seed: int) -> World:
    """An index below `root`; every one of PACKAGES is in the tree, and some old releases conflict."""
    source = random.Random(seed)  # noqa: S311 - a shape, not a secret
    world = World()
    begun = datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(PACKAGES):
        name = _name(number)
        children = _children(number, source)
        for release in range(RELEASES):
            lines = [_line(child, release, source) for child in children] + _idle(source)
            source.shuffle(lines)
            for tag in TAGS:
                world.add(
                    f"{name}-1.{release}-{tag}.whl",
                    *lines,
                    upload_time=begun + timedelta(days=release * 30 + number),
                    header="Summary: one of many\nProject-URL: Source, https://github.com/o/r\n",
                )
            world.add(f"{name}-1.{release}.tar.gz", described=False, upload_time=begun)
    for url, document in world.metadata.items():
        if document is not None:
            world.metadata[url] = document + _README.encode()
    world.wheel("root", "1.0", *(_name(number) for number in range(12)))
    return world


def _name(number: int) -> str:
    return f"package{number:03}"


def _children(number: int, source: random.Random) -> list[int]:
    """Packages below; the first is of a chain over all, so that the tree has every one."""
    below = range(number + 1, PACKAGES)
    chain = [number + 12] if number + 12 < PACKAGES else []
    others = source.sample(below, min(source.randint(*REQUIRES), len(below)))
    near = [child for child in others if child - number < 60]
    return sorted({*chain, *near})


def _line(child: int, release: int, source: random.Random) -> str:
    """A requirement that counts; one in five bounds its target from above, now and then too low."""
    extras = "[fast]" if source.random() < 0.1 else ""
    bound = f",<1.{RELEASES - source.randint(0, 3)}" if source.random() < 0.2 else ",<2"
    marker = '; python_version >= "3.8"' if source.random() < 0.3 else ""
    return f"{_name(child)}{extras}>=1.{min(release, RELEASES // 2)}{bound}{marker}"


def _idle(source: random.Random) -> list[str]:
    """Requirements that do not count here."""
    lines = [
        'pytest>=7; extra == "test"',
        'sphinx>=5; extra == "docs"',
        'colorama; sys_platform == "win32"',
        'tomli>=1.1; python_version < "3.11"',
        'importlib-metadata>=3.6; python_version < "3.10"',
        'backports-zoneinfo; python_version < "3.9" and platform_system != "Windows"',
    ]
    return source.sample(lines, source.randint(2, len(lines)))
