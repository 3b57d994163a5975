"""The attack techniques that detectors are held to, and those that no sandbox run shows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TECHNIQUES: Mapping[str, str] = MappingProxyType(
    {
        "T01": "code in setup.py at build",
        "T02": "payload in a build back end or build requirement",
        "T03": "start hook in a .pth file",
        "T03b": "start hook in a .start file (PEP 829)",
        "T04": "sitecustomize and usercustomize",
        "T05": "collector on import",
        "T06": "trigger in a submodule only",
        "T06b": "deferral by lazy import (PEP 810)",
        "T07": "theft of arguments in use",
        "T08": "monkey patch of another package",
        "T09": "download and execute",
        "T10": "runtime of another language",
        "T11": "execution from memory",
        "T12": "payload hidden in a resource",
        "T13": "payload in a native extension",
        "T14": ".so or .pyc that shadows a .py",
        "T15": "payload split over packages",
        "T16": "data out, or a stage in, by DNS",
        "T17": "generated host names",
        "T18": "channel over a legitimate service",
        "T19": "cloud metadata and service accounts",
        "T20": "persistence",
        "T21": "process that outlives its parent",
        "T22": "miner",
        "T23": "reverse shell",
        "T24": "checks for sandbox, machine and place",
        "T25": "delay, sentinel, counter",
        "T26": "memory of other processes",
        "T27": "dump of the environment",
        "T28": "worm that publishes",
        "T29": "settings of AI agents",
        "T30": "mass change of files",
        "T31": "stores of browsers and wallets",
        "T32": "confusion of archives, lies in RECORD",
        "T33": "confusion of names",
        "T34": "search of the network",
    }
)
"""Id → what it is called."""

NOT_SEEN: Mapping[str, str] = MappingProxyType(
    {
        "T12": "Opening one's own data file and running what is in it makes no call that opening it "
        "does not make; what the hidden code then does is seen as any other act.",
        "T14": "Which of two files an import takes is a fact of the archive: static reading compares them.",
        "T15": "Packages are run one at a time with what they require; one that waits for another that "
        "it does not require needs both installed (P6).",
        "T32": "A fact of the archive, told by the reader before anything is run.",
        "T33": "A fact of the name, told by metadata before anything is run.",
    }
)
"""Id → why no detector of a run can see it."""
