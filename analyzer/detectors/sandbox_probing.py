"""It asked in several ways whether it runs in a virtual machine, container or debugger."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

KINDS_MIN = 3
"""Kinds of questions in one phase; system information libraries ask one or two on import."""
DEFINITION = Definition(
    id="sandbox-probing",
    title="It asked whether it is watched",
    rationale=(
        "Payloads stay quiet where they believe to be watched (T24): firmware names, container marks, "
        "hypervisor devices, hardware addresses. Each is an honest question alone, so only several "
        "kinds count, and little; what counts is that it acts differently (see acts-later)."
    ),
    severity=Severity.LOW,
    in_use=Severity.INFO,
    technique="T1497.001",
    techniques=("T24",),
    needs=frozenset({EventKind.OPEN, EventKind.PATH, EventKind.EXEC}),
)
_PROBES = tuple(
    (word, re.compile(pattern))
    for word, pattern in (
        ("firmware", r"/sys/(?:class|devices/virtual)/dmi/|/sys/firmware/(?:dmi|acpi)/|/dev/mem\Z"),
        ("container", r"/\.dockerenv\Z|/run/\.containerenv\Z|/proc/(?:1|self)/(?:cgroup|sched)\Z"),
        ("container", r"/proc/1/(?:environ|mountinfo|comm|cmdline)\Z|/run/systemd/container\Z"),
        (
            "hypervisor",
            r"/sys/hypervisor/|/proc/xen\b|/dev/(?:vboxguest|vmci|kvm)\b|/proc/scsi/scsi\Z",
        ),
        ("hypervisor", r"/usr/s?bin/(?:vmtoolsd|VBox\w+|vmware-\w+|qemu-ga|prl_tools\w*)"),
        (
            "hardware",
            r"/sys/class/net/[^/]+/address\Z|/sys/block/[^/]+/device/|/sys/class/thermal/",
        ),
        ("debugger", r"/proc/(?:self|[0-9]+)/status\Z"),
        ("modules", r"/proc/modules\Z|/sys/module/(?:vbox|vmw|virtio)"),
        ("history", r"/home/[^/]+/\.(?:bash|zsh|python)_history\Z|/var/log/(?:wtmp|lastlog)\Z"),
    )
)
_PROGRAMS = re.compile(
    r"/(?:dmidecode|systemd-detect-virt|virt-what|lspci|lsusb|lsmod|hostnamectl)\Z"
)


def detect(run: RunView) -> Iterator[Match]:
    """At most one match for each phase: at the question that makes it several kinds."""
    asked: dict[Phase, set[str]] = {}
    for event in run.events(EventKind.OPEN, EventKind.PATH, EventKind.EXEC):
        word = _asks("" if event.kind is EventKind.EXEC else run.absolute(event.path))
        if event.kind is EventKind.EXEC and _PROGRAMS.search(event.path):
            word = "program"
        mine = asked.setdefault(event.phase, set())
        if word and word not in mine:
            mine.add(word)
            if len(mine) == KINDS_MIN:
                yield Match.of(event, run)


def _asks(path: str) -> str:
    if not path.startswith(("/sys/", "/proc/", "/dev/", "/run/", "/usr/", "/.", "/home/", "/var/")):
        return ""
    return next((word for word, pattern in _PROBES if pattern.match(path)), "")
