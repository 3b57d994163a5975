"""What moved a learned score, in words: every feature's clause out of a closed table, by its name.

A clause is a verb phrase that follows an artifact's name and version. What is not in a table is told
by its family, then by its layer, never by itself: a decision comes over a wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.behaviour import ActKind
from models.evidence import Layer
from models.filewords import REACH_WORDS, SINK_WORDS
from models.phase import Phase
from models.vocabulary import FINDINGS

NEVER_BEFORE = ", never before in this project"
"""Behind a clause about an act that the last approved release did not do."""

RUN_PHASES: Mapping[str, Phase] = MappingProxyType(
    {
        "install": Phase.INSTALL,
        "start": Phase.START,
        "import": Phase.IMPORT,
        "use": Phase.USE,
        "again": Phase.WAIT,
    }
)
"""The phases by the words that features are called by."""

_RUN: Mapping[str, str] = MappingProxyType(
    {
        "execs": "ran programs{phase}",
        "connects": "opened connections{to}{phase}",
        "dns_queries": "looked up host names{phase}",
        "conversations": "talked to other machines{to}{phase}",
        "hosts": "reached out over the network{to}{phase}",
        "permission_changes": "changed permissions of files{phase}",
        "denied_calls": "tried calls that its sandbox refuses{phase}",
        "decoy_touches": "touched planted secrets{phase}",
        "memfds": "made files in memory{phase}",
        "worst": "acted suspiciously{phase}",
        "ids": "acted suspiciously in several ways{phase}",
    }
)
_ACTED = {
    "hosts": "reached out over the network{to}",
    "programs": "ran programs",
    "written": "wrote outside of its own folders",
    "calls": "made rare system calls",
    "listens": "listened for connections",
    "decoys": "touched planted secrets",
}
_WHEN = {
    "build": " while it was installed",
    "unasked": " before it was asked for anything",
    "use": " in use",
}
_NEW = {
    "hosts": "reached out over the network{to}",
    "executables": "ran programs",
    "written": "wrote outside of its own folders",
    "decoys": "touched planted secrets",
    "calls": "made rare system calls",
    "listens": "listened for connections",
    "start_hooks": "installed start hooks",
    "phases": "acted in phases",
}

CLAUSES: Mapping[str, str] = MappingProxyType(
    {
        "archive.content_hidden": "has content in its archive that no listing shows",
        "archive.names_odd": "has names in its archive that systems read differently",
        "archive.format_odd": "is of another format than its name says",
        "archive.bounds_exceeded": "holds more than an archive may",
        "archive.links_and_modes": "has links, devices or odd modes in its archive",
        "archive.record_wrong": "has a file list that is not what it holds",
        "archive.identity_wrong": "states another name, version or format inside",
        "archive.metadata_wrong": "has metadata that is missing or malformed",
        "archive.start_hook_odd": "takes over the start of an interpreter",
        "archive.refused": "has an archive that tools disagree on",
        "archive.links": "has links in its archive",
        "archive.bytecode_files": "brings compiled modules",
        "archive.start_hooks": "runs code at every interpreter start",
        "archive.start_files": "has start hooks that only newer Pythons run",
        "archive.record_unlisted": "has files that its file list leaves out",
        "archive.record_missing": "lists files that are not there",
        "archive.record_mismatched": "has files that are not what its file list says",
        "archive.record_unhashed": "lists files without a hash",
        "static.family_flows": "moves data from where it is kept to where it leaves, in its code",
        "static.family_acts": "has code that acts before it is asked to",
        "static.family_hiding": "hides its code from readers",
        "static.family_signs": "looks like a package that is none",
        "static.family_members": "carries files that are no sources",
        "static.ids_high": "has several kinds of severe findings in its code",
        "static.ids_medium": "has several kinds of findings in its code",
        "static.matches_critical": "has critical findings in its code",
        "static.matches_high": "has severe findings in its code",
        "static.matches_medium": "has findings in its code",
        "reach.eager_kinds": "has code of several kinds that acts before it is asked to",
        "hidden.entropy": "has a long random text in its code",
        "hidden.unparsed_share": "has Python files that are no Python",
        "shape.no_requires_python": "does not say which Python it needs",
        "shape.no_build_system": "does not say how it is built",
        "shape.backend_in_tree": "brings its own build back end",
        "shape.version_zero": "has a version that begins with 0.0",
        "names.module_taken": "installs a module that belongs to another project",
        "names.lookalikes": "has a name that is easily taken for another project's",
        "names.near": "has a name one slip away from a popular one",
        "release.new_sinks": "has code that acts where the release before had none",
        "release.new_hosts": "names hosts that the release before did not",
        "release.new_binaries": "carries programs that the release before did not",
        "release.new_hooks": "has hooks that the release before did not",
        "release.first_sinks": "has code that acts unasked for the first time",
        "release.entropy_rise": "has a more random text than the release before",
        "release.contents_changed": "holds what the release before it did not",
        "release.files_not_in_sdist": "has files in its wheel that its sdist lacks",
        "release.sdist_wheel_differ": "has a wheel that holds what its sdist does not",
        "run.unasked_worst": "acted suspiciously before it was asked for anything",
        "run.attributes_replaced": "replaced functions of others on import",
        "run.processes_lingering": "left processes behind",
        "found.family_secrets": "touched planted secrets{phase}",
        "found.family_network": "used the network{to}{phase}",
        "found.family_programs": "ran programs{phase}",
        "found.family_lasting": "left things behind that outlive it{phase}",
        "found.family_evasion": "hid from being watched, or tried to break out{phase}",
        "found.family_tampering": "changed code or files of others{phase}",
        "found.ids_high": "acted severely in several ways",
        "found.ids_medium": "acted suspiciously in several ways",
        "pattern.connect_write_chmod_exec": "ran files that it wrote after a connection{to}",
        "pattern.download_then_exec": "ran programs that it had downloaded{to}",
        "pattern.memfd_then_exec": "ran programs from memory",
        "pattern.exec_then_unlink": "ran programs and removed them",
        "pattern.socket_onto_stdio_then_exec": "ran programs that a connection speaks to",
        "pattern.detach_then_connect": "opened connections from a process that had hidden itself{to}",
        "pattern.decoy_open_then_send": "opened planted secrets before it sent data{to}",
        "pattern.many_renames": "renamed many files in one folder",
        "pattern.connect_fan_out": "tried many addresses",
        "pattern.lookup_fan_out": "looked up many host names",
        "pattern.probes_then_exit": "looked for a sandbox and ended",
        "canary.kinds_left_unasked": "sent {what}{to} before it was asked for anything",
        "canary.kinds_left_use": "sent {what}{to} in use",
        "canary.proofs": "sent {what}{to}{phase}",
        "canary.arguments_left": "sent a value that it was given{to}",
        "acts.start_hooks": "installed start hooks",
        "change.behaviour_changed": "does what its last approved release did not{phase}",
        "hangs.direct_urls": "depends on a file by direct URL",
        "hangs.build_direct_urls": "needs a file by direct URL to build",
        "hangs.tree_direct_urls": "hangs on a file by direct URL",
        "hangs.new_requires": "requires projects that the release before did not",
        # Declared facts: what they mean where they raise the risk.
        "project-age": "belongs to a young project",
        "project-age-unknown": "belongs to a project of unknown age",
        "release-age": "was uploaded only days ago",
        "release-age-unknown": "has no known upload time",
        "release-count": "belongs to a project with few releases",
        "release-count-unknown": "belongs to a project of unknown history",
        "yanked": "was yanked by its project",
        "watched-project": "belongs to a young project",
        "watched-release": "was uploaded only days ago",
        # Sums.
        "rest": "has many small signs",
        "unmeasured": "could not be looked at in every respect",
        **{
            f"canary.kinds_{verb}_{when}": f"{clause}{words}"
            for verb, clause in (("read", "read {what}"), ("changed", "changed {what}"))
            for when, words in _WHEN.items()
        },
        **{
            f"acts.{name}_{when}": f"{clause}{words}"
            for name, clause in _ACTED.items()
            for when, words in _WHEN.items()
        },
        **{
            f"later.{name}": f"{clause} at its second start and not before"
            for name, clause in _ACTED.items()
        },
        **{f"change.new_{name}": f"{clause}{{phase}}" for name, clause in _NEW.items()},
        **{f"run.{word}_{name}": clause for word in RUN_PHASES for name, clause in _RUN.items()},
        **{
            f"reach.{reach}_{sink}": f"{does} {when}"
            for reach, when in REACH_WORDS.items()
            for sink, does in SINK_WORDS.items()
        },
    }
)
"""Feature, or declared fact → clause. `{to}`, `{phase}` and `{what}` are filled where they are known.

`tests/models/test_riskwords.py` holds this to the catalog of features.
"""

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "archive": "has an archive that is not in order",
        "static": "has code that is found suspicious",
        "reach": "has code that acts",
        "hidden": "hides code from readers",
        "shape": "is made as few honest packages are",
        "names": "has a name that is easily taken for another's",
        "release": "holds what the release before it did not",
        "run": "acted when it was run{phase}",
        "found": "acted suspiciously{phase}",
        "pattern": "acted in a pattern that attacks have",
        "canary": "touched planted secrets{phase}",
        "acts": "acted when it was run",
        "later": "acted at its second start and not before",
        "change": "does what its last approved release did not{phase}",
        "hangs": "hangs on doubtful things",
    }
)
"""What is said of a feature that is not in the table, by the first part of its name."""

LAYER_ELSE: Mapping[str, str] = MappingProxyType(
    {
        Layer.METADATA.value: "has files that look hostile",
        Layer.BEHAVIOUR.value: "behaved like hostile software",
        Layer.PROVENANCE.value: "has a doubtful origin",
        Layer.REPUTATION.value: "has a doubtful reputation",
    }
)

ACT_KINDS: Mapping[str, ActKind] = MappingProxyType(
    {
        "hosts": ActKind.HOST,
        "connects": ActKind.HOST,
        "conversations": ActKind.HOST,
        "dns_queries": ActKind.HOST,
        "programs": ActKind.EXECUTABLE,
        "execs": ActKind.EXECUTABLE,
        "executables": ActKind.EXECUTABLE,
        "written": ActKind.WRITTEN,
        "decoys": ActKind.DECOY,
        "decoy_touches": ActKind.DECOY,
        "calls": ActKind.CALL,
        "listens": ActKind.LISTENS,
        "start_hooks": ActKind.START_HOOK,
    }
)
"""What a feature's name says that it counts → the kind of acts."""


def finding_id_of(code: str) -> str:
    """The detector that a feature is the severity of; empty: it is of none, or of several."""
    family, _, name = code.partition(".")
    if family not in {"static", "found"}:
        return ""
    dashed = name.replace("_", "-")
    return next((one for one in (f"static-{dashed}", dashed) if one in FINDINGS), "")


def risk_words(code: str, layer: str = "") -> str:
    """The template of a feature's clause: its own, its detector's, its family's, or its layer's."""
    own = CLAUSES.get(code) or FINDINGS.get(finding_id_of(code), "")
    family = FAMILIES.get(code.partition(".")[0], "") if "." in code else ""
    return own or family or LAYER_ELSE.get(layer, "looks hostile")


def phases_of(code: str) -> tuple[Phase, ...]:
    """The phases that a feature is about; empty: all of them."""
    family, _, name = code.partition(".")
    words = name.split("_")
    if family == "run" and words[0] in RUN_PHASES:
        return (RUN_PHASES[words[0]],)
    if words[-1] == "unasked" or name == "unasked_worst":
        return (Phase.INSTALL, Phase.START, Phase.IMPORT, Phase.WAIT)
    if family in {"acts", "canary"} and words[-1] in {"build", "use"}:
        return (Phase.INSTALL,) if words[-1] == "build" else (Phase.USE,)
    return (Phase.WAIT,) if family == "later" else ()


def acts_of(code: str) -> ActKind | None:
    """The kind of acts that a feature counts; None: it counts none."""
    family, _, name = code.partition(".")
    if family == "run":
        return ACT_KINDS.get(name.partition("_")[2])
    if family == "acts":
        return ACT_KINDS.get(name) or ACT_KINDS.get(name.rpartition("_")[0])
    return ACT_KINDS.get(name.removeprefix("new_")) if family in {"later", "change"} else None
