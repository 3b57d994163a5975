"""A host's dist-info under a graft's name: METADATA, entry points, and the rest as it is."""

from __future__ import annotations

from collections.abc import Mapping

from tests.analyzer.archives import CLASSIFIER
from tests.corpus.recipe import VERSION

DROPPED = frozenset(
    {"METADATA", "WHEEL", "RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED"}
    | {"direct_url.json", "entry_points.txt", "top_level.txt"}
)
"""Files that are made again, or that only an installer writes."""


def renamed(metadata: bytes, project: str) -> bytes:
    """Core metadata with our name, our version and the classifier; all else stays."""
    text = metadata.replace(b"\r\n", b"\n")
    header, gap, body = text.partition(b"\n\n")
    lines = header.rstrip(b"\n").split(b"\n")
    changed: list[bytes] = []
    for line in lines:
        field = line.partition(b":")[0].lower()
        if field == b"name":
            changed.append(f"Name: {project}".encode())
        elif field == b"version":
            changed += [f"Version: {VERSION}".encode(), f"Classifier: {CLASSIFIER}".encode()]
        else:
            changed.append(line)
    return b"\n".join(changed) + (gap or b"\n") + body


def info_members(
    host: Mapping[str, bytes], ours: Mapping[str, bytes], info: str, project: str, folder: str
) -> dict[str, bytes]:
    """Members below `info` (the folder's name): the host's, merged with those that are ours."""
    members = {f"{info}/{name}": data for name, data in host.items() if name not in DROPPED}
    members[f"{info}/METADATA"] = ours.get(f"{info}/METADATA", renamed(host["METADATA"], project))
    points = [
        files[name].decode()
        for files, name in ((host, "entry_points.txt"), (ours, f"{info}/entry_points.txt"))
        if name in files
    ]
    if points:
        members[f"{info}/entry_points.txt"] = merged_points(*points).encode()
    if "top_level.txt" in host:
        tops = {line for line in host["top_level.txt"].decode().split("\n") if line.strip()}
        if any(path.startswith(f"{folder}/") for path in ours):
            tops.add(folder.partition("/")[0])
        members[f"{info}/top_level.txt"] = "".join(f"{top}\n" for top in sorted(tops)).encode()
    return members


def merged_points(*texts: str) -> str:
    """Entry points of several files as one, groups in the order in which they come first."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        group = ""
        for line in map(str.strip, text.splitlines()):
            if line.startswith("["):
                group = line
                groups.setdefault(group, [])
            elif line and not line.startswith(("#", ";")):
                groups.setdefault(group, []).append(line)
    return "\n".join("\n".join([group, *lines, ""]) for group, lines in groups.items() if group)
