"""Features of a run, phase by phase: what the artifact itself did, and which detectors it met."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from models.evidence import Layer
from models.phase import Phase
from models.trust.features.feature import Feature, rising
from models.trust.features.measures import (
    HIGH,
    MEDIUM,
    PHASE_WORDS,
    UNASKED,
    phase_ids,
    phase_rank,
    phase_signal,
    run_ids,
    run_rank,
    run_signal,
    slug,
)
from models.vocabulary import finding_title

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "secrets": (
            *("canary-left", "canary-argument-left", "decoy-read-then-sent", "decoys-collected"),
            *("secrets-searched", "environment-dump", "decoy-read", "decoy-written"),
            "metadata-service",
        ),
        "network": (
            *("service-channel", "native-connect", "network-connect", "network-scan"),
            *("network-listen", "dns-exfiltration", "dga-burst", "dns-lookup", "mining"),
        ),
        "programs": (
            *("reverse-shell", "exec-memory", "exec-downloaded", "exec-dropped", "exec-hidden"),
            *("foreign-runtime", "exec-downloader", "exec-shell", "exec-process"),
        ),
        "lasting": (
            *("persistence-write", "agent-config-write", "start-hook-acts", "process-outlived"),
            *("worm-publish", "writes-outside"),
        ),
        "evasion": (
            *("acts-later", "escape-attempt", "denied-calls", "sandbox-probing"),
            "process-injection",
        ),
        "tampering": (
            *("monkey-patch", "mass-file-change", "own-files-deleted", "others-files-changed"),
        ),
    }
)
"""Family → its detectors. A family's worst generalises to a technique that training never saw."""
_FAMILY_WORDS = {
    "secrets": "contact with planted secrets",
    "network": "use of the network",
    "programs": "programs that were run",
    "lasting": "what outlives the run",
    "evasion": "what hides from being watched, or breaks out",
    "tampering": "changes to code and files of others",
}
DETECTORS = tuple(identity for ids in FAMILIES.values() for identity in ids)
_KNOWN = frozenset(DETECTORS)

_COUNTED = (
    ("execs", "programs executed, or tried to be"),
    ("connects", "connections opened, or tried to be"),
    ("dns_queries", "host names asked for"),
    ("conversations", "conversations that the sinkhole held"),
    ("hosts", "different host names contacted"),
    ("permission_changes", "changes of permissions"),
    ("denied_calls", "calls that the box refused"),
    ("decoy_touches", "touches of planted files"),
    ("memfds", "files made in memory"),
)
"""Removals and renames are not among them: every module that is compiled renames a file, so that
they tell size; what they mean where they mean something is told by detectors and patterns."""
_PATTERNS = (
    ("connect_write_chmod_exec", "files written after a connect, made executable, and executed"),
    ("download_then_exec", "programs executed that were written after a downloader had run"),
    ("memfd_then_exec", "programs executed from memory"),
    ("exec_then_unlink", "programs executed and then removed"),
    ("socket_onto_stdio_then_exec", "programs executed whose input and output were one socket"),
    ("detach_then_connect", "connections by processes that had left their session"),
    ("decoy_open_then_send", "kinds of planted secrets opened before bytes were sent"),
    ("many_renames", "renames in folders with many of them"),
    ("connect_fan_out", "addresses and ports that one process tree tried, where they are many"),
    ("lookup_fan_out", "names looked up in one phase, where they are many"),
    ("probes_then_exit", "processes that looked for a sandbox, and ended without contact"),
)


_feature = partial(rising, Layer.BEHAVIOUR)


PHASES: tuple[Feature, ...] = (
    *(
        _feature(
            f"run.{word}_{name}",
            "count",
            f"{meaning}, in {phase.value}",
            phase_signal(name, phase),
        )
        for phase, word in PHASE_WORDS.items()
        for name, meaning in _COUNTED
    ),
    *(
        _feature(
            f"run.{word}_worst",
            "severity",
            f"the worst finding of {phase.value}",
            phase_rank(_KNOWN, phase),
        )
        for phase, word in PHASE_WORDS.items()
    ),
    *(
        _feature(
            f"run.{word}_ids",
            "count",
            f"different detectors at medium or worse in {phase.value}",
            phase_ids(_KNOWN, phase, MEDIUM),
        )
        for phase, word in PHASE_WORDS.items()
    ),
    _feature(
        "run.unasked_worst",
        "severity",
        "the worst finding of the phases in which nobody asked it for anything",
        phase_rank(_KNOWN, *UNASKED),
    ),
    _feature(
        "run.attributes_replaced",
        "count",
        "attributes of other modules that an import replaced",
        phase_signal("attributes_replaced", Phase.IMPORT),
    ),
    _feature(
        "run.processes_lingering",
        "count",
        "processes that were still there when the run ended",
        run_signal("processes_lingering"),
    ),
)

FOUND: tuple[Feature, ...] = (
    *(
        _feature(
            f"found.{slug(identity)}",
            "severity",
            f"`{identity}`: it {finding_title(identity)}",
            run_rank(identity),
        )
        for identity in DETECTORS
    ),
    *(
        _feature(
            f"found.family_{family}",
            "severity",
            f"the worst of {_FAMILY_WORDS[family]}",
            run_rank(*ids),
        )
        for family, ids in FAMILIES.items()
    ),
    _feature(
        "found.ids_high", "count", "different detectors at high or worse", run_ids(DETECTORS, HIGH)
    ),
    _feature(
        "found.ids_medium",
        "count",
        "different detectors at medium or worse",
        run_ids(DETECTORS, MEDIUM),
    ),
    *(
        _feature(f"pattern.{name}", "count", meaning, run_signal(f"pattern_{name}"))
        for name, meaning in _PATTERNS
    ),
)
