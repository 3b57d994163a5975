"""What can be wrong with an archive or its metadata: one closed table, shared by reader and worker.

The reader box parses hostile bytes and may fall to them, so its report carries only ids out of
this table; titles, severities and techniques are looked up by the worker. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class FlawKind:
    """One entry: `refuses` where the archive is not run, since tools would disagree on its content."""

    title: str
    severity: Literal["info", "low", "medium", "high", "critical"]
    refuses: bool = False
    technique: str = ""


_MASQUERADE = "T1036.008"  # Masquerade File Type
_HIDDEN = "T1027"  # Obfuscated Files or Information
_TRAVERSAL = "T1574"  # Hijack Execution Flow: a name outside the tree overwrites somebody's code
_PYTHON_HOOK = "T1546.018"  # Event Triggered Execution: Python Startup Hooks
_SUPPLY = "T1195.001"  # Supply Chain Compromise: Software Dependencies and Development Tools

FLAWS: dict[str, FlawKind] = {
    # -- the archive itself ------------------------------------------------------------------
    "archive-unreadable": FlawKind("The archive cannot be read", "medium", True),
    "archive-wrong-format": FlawKind(
        "The bytes are another format than the name announces", "medium", True, _MASQUERADE
    ),
    "archive-renamed": FlawKind(
        "A zip under a tar's name, or a tar under a zip's", "medium", True, _MASQUERADE
    ),
    "archive-unsupported": FlawKind("Not a wheel or sdist that installers take", "low", True),
    "archive-too-many-members": FlawKind("More members than the bound", "medium", True),
    "archive-member-too-large": FlawKind("A member is larger than the bound", "medium", True),
    "archive-too-large": FlawKind("Unpacked, the archive exceeds the bound", "medium", True),
    "archive-bomb": FlawKind("The archive unpacks to a multiple beyond the bound", "high", True),
    "archive-traversal": FlawKind(
        "A member's name climbs out of the tree", "high", True, _TRAVERSAL
    ),
    "archive-absolute-name": FlawKind("A member's name is absolute", "high", True, _TRAVERSAL),
    "archive-name-invalid": FlawKind(
        "A member's name is empty or holds a NUL or a drive", "high", True, _TRAVERSAL
    ),
    "archive-name-backslash": FlawKind("A member's name holds a backslash", "medium"),
    "archive-name-unprintable": FlawKind(
        "A member's name holds unprintable characters", "medium", False, _HIDDEN
    ),
    "archive-name-too-long": FlawKind("A member's name exceeds the bound", "medium", True),
    "archive-too-deep": FlawKind("A member lies deeper than the bound", "medium", True),
    "archive-duplicate": FlawKind("Two members have one name", "high", True, _HIDDEN),
    # A tar may hold a file twice; with the same bytes in it nobody is misled (pyarrow's sdist).
    "archive-repeated": FlawKind("A tar holds a file twice, with the same content", "low"),
    "archive-name-windows": FlawKind(
        "Windows reads a member's name as another one (device, stream, dot or space at its end)",
        "low",
        False,
        _HIDDEN,
    ),
    "archive-header-twice": FlawKind(
        "Tar headers state a field of a member twice, or for all members", "high", True, _HIDDEN
    ),
    "archive-name-collision": FlawKind(
        "Two names differ only in case or Unicode form", "low", False, _HIDDEN
    ),
    "archive-name-conflict": FlawKind("A name is both file and folder", "high", True, _HIDDEN),
    "archive-link-outside": FlawKind("A link points out of the tree", "high", True, _TRAVERSAL),
    "archive-link": FlawKind("The archive holds links", "info"),
    # No system has a link without a target, so this is an empty file (as in nodejs-bin).
    "archive-link-empty": FlawKind("A link of the archive has no target", "info"),
    "archive-device": FlawKind("A member is a device, pipe or socket", "high", True),
    "archive-setuid": FlawKind("A member carries a set-uid or set-gid bit", "low"),
    "archive-encrypted": FlawKind("A member is encrypted", "medium", True, _HIDDEN),
    "archive-unusual-compression": FlawKind(
        "A member uses a compression that installers need not know", "medium", True
    ),
    "archive-confusion": FlawKind(
        "Local and central headers of the zip disagree", "high", True, _HIDDEN
    ),
    "archive-members-overlap": FlawKind("Members share bytes", "high", True, _HIDDEN),
    "archive-hidden-member": FlawKind(
        "A member stands outside the directory of the archive", "high", True, _HIDDEN
    ),
    "archive-hidden-bytes": FlawKind("Bytes that belong to no member", "medium", False, _HIDDEN),
    "archive-prefix-bytes": FlawKind(
        "Bytes stand before the archive begins", "medium", False, _MASQUERADE
    ),
    "archive-trailing-bytes": FlawKind("Bytes follow the end of the archive", "low"),
    "archive-size-override": FlawKind(
        "Two tar headers give one member different sizes", "high", True, _HIDDEN
    ),
    "archive-sparse": FlawKind("A member is a sparse file", "medium", True),
    # -- metadata ----------------------------------------------------------------------------
    "metadata-missing": FlawKind("The wheel has no core metadata", "medium", True),
    "metadata-missing-sdist": FlawKind("The sdist has no core metadata", "medium"),
    "metadata-several": FlawKind("There are several .dist-info folders", "high", True, _HIDDEN),
    "metadata-too-large": FlawKind("The core metadata exceed the bound", "medium", True),
    "metadata-invalid": FlawKind("The core metadata do not parse cleanly", "low"),
    "name-mismatch": FlawKind(
        "Metadata name another project than the filename", "high", False, _MASQUERADE
    ),
    "sdist-is-built": FlawKind(
        "The sdist is a wheel or an egg under another name", "high", False, _MASQUERADE
    ),
    "version-mismatch": FlawKind(
        "Metadata name another version than the filename", "medium", False, _MASQUERADE
    ),
    "wheel-tags-differ": FlawKind("The WHEEL file's tags are not the filename's", "low"),
    "record-missing": FlawKind("The wheel has no RECORD", "medium"),
    "record-invalid": FlawKind("RECORD does not parse cleanly", "low"),
    "record-unlisted-file": FlawKind(
        "The wheel holds files that RECORD does not list", "medium", False, _HIDDEN
    ),
    "record-missing-file": FlawKind("RECORD lists files that are not there", "low"),
    "record-mismatch": FlawKind("A file's content is not what RECORD says", "high", False, _HIDDEN),
    "record-no-hash": FlawKind("RECORD gives a file no usable hash", "low"),
    # By itself no more than medium: what becomes of such files is policy's word (`files.direct_url`).
    "direct-url-dependency": FlawKind(
        "A requirement names a direct URL, past any index", "medium", False, _SUPPLY
    ),
    "direct-url-build-requirement": FlawKind(
        "A build requirement names a direct URL, past any index", "medium", False, _SUPPLY
    ),
    "requirement-invalid": FlawKind("A requirement does not parse", "low"),
    "build-system-invalid": FlawKind("pyproject.toml does not parse", "low"),
    "data-into-site": FlawKind(
        "Files of the data scheme land among the installed packages, past where hooks are looked for",
        "medium",
        False,
        _PYTHON_HOOK,
    ),
    "start-hook": FlawKind("Code runs at every interpreter start", "info", False, _PYTHON_HOOK),
    "site-customisation": FlawKind(
        "A module takes over interpreter start (sitecustomize)", "medium", False, _PYTHON_HOOK
    ),
}
