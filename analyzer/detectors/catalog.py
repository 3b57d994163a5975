"""All detectors, and how their matches become findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analyzer.clean import printable
from analyzer.detectors import (
    agent_config_write,
    canary_left,
    decoy_read,
    decoy_then_sent,
    decoy_written,
    decoys_collected,
    denied_calls,
    dns_exfiltration,
    dns_lookup,
    escape_attempt,
    exec_downloaded,
    exec_downloader,
    exec_dropped,
    exec_memory,
    exec_process,
    exec_shell,
    mass_file_change,
    metadata_service,
    network_connect,
    network_listen,
    own_files_deleted,
    persistence_write,
    process_injection,
    process_outlived,
    reverse_shell,
    start_hook_acts,
    writes_outside,
)
from analyzer.detectors.definition import Definition, Detector, Match
from analyzer.detectors.view import RunView
from models.evidence import Finding, Layer, Place

MATCHES_MAX = 20
"""Findings of one detector; a hundred files with one flaw are one fact."""
WHAT_CHARS_MAX = 40
"""Characters of `Finding.what`."""

DETECTORS: tuple[Detector, ...] = tuple(
    Detector(definition=module.DEFINITION, detect=module.detect)
    for module in (
        canary_left,
        decoy_then_sent,
        decoys_collected,
        decoy_read,
        decoy_written,
        reverse_shell,
        exec_memory,
        exec_downloaded,
        exec_dropped,
        exec_downloader,
        exec_shell,
        exec_process,
        start_hook_acts,
        network_connect,
        metadata_service,
        network_listen,
        dns_exfiltration,
        dns_lookup,
        persistence_write,
        agent_config_write,
        escape_attempt,
        process_injection,
        denied_calls,
        mass_file_change,
        own_files_deleted,
        process_outlived,
        writes_outside,
    )
)


def run_detectors(
    run: RunView, detectors: Iterable[Detector] = DETECTORS
) -> tuple[tuple[Finding, ...], int]:
    """The findings of one run, and how many matches were beyond the bound of their detector."""
    findings: list[Finding] = []
    beyond = 0
    for detector in detectors:
        for index, match in enumerate(detector.detect(run)):
            if index < MATCHES_MAX:
                findings.append(_finding(detector.definition, match))
            else:
                beyond += 1
    return tuple(findings), beyond


def _finding(definition: Definition, match: Match) -> Finding:
    place = match.place
    return Finding(
        id=definition.id,
        title=definition.title,
        severity=match.severity or definition.severity,
        layer=Layer.BEHAVIOUR,
        phase=match.phase,
        technique=definition.technique,
        what=printable(match.what, WHAT_CHARS_MAX),
        place=replace(
            place,
            path=printable(place.path),
            host=printable(place.host),
            address=printable(place.address),
            process=printable(place.process),
        )
        if place != Place()
        else place,
        at_ms=max(0, match.at_us // 1000),
        proof=definition.proof,
    )
