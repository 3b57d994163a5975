"""All detectors, and how their matches become findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analyzer.clean import printable
from analyzer.detectors import (
    acts_later,
    agent_config_write,
    canary_argument_left,
    canary_left,
    decoy_read,
    decoy_then_sent,
    decoy_written,
    decoys_collected,
    denied_calls,
    dga_burst,
    dns_exfiltration,
    dns_lookup,
    environment_dump,
    escape_attempt,
    exec_downloaded,
    exec_downloader,
    exec_dropped,
    exec_hidden,
    exec_memory,
    exec_process,
    exec_shell,
    foreign_runtime,
    mass_file_change,
    metadata_service,
    mining,
    monkey_patch,
    native_connect,
    network_connect,
    network_listen,
    network_scan,
    others_files_changed,
    own_files_deleted,
    persistence_write,
    process_injection,
    process_outlived,
    reverse_shell,
    sandbox_probing,
    secrets_searched,
    service_channel,
    start_hook_acts,
    worm_publish,
    writes_outside,
)
from analyzer.detectors.definition import Definition, Detector, Match
from analyzer.detectors.view import RunView
from models.evidence import Finding, Layer, Place, Severity
from models.phase import Phase

MATCHES_MAX = 20
"""Findings of one detector; a hundred files with one flaw are one fact."""
WHAT_CHARS_MAX = 40
"""Characters of `Finding.what`."""

DETECTORS: tuple[Detector, ...] = tuple(
    Detector(definition=module.DEFINITION, detect=module.detect)
    for module in (
        canary_left,
        canary_argument_left,
        decoy_then_sent,
        decoys_collected,
        secrets_searched,
        environment_dump,
        decoy_read,
        decoy_written,
        worm_publish,
        mining,
        reverse_shell,
        exec_memory,
        exec_downloaded,
        exec_dropped,
        exec_hidden,
        foreign_runtime,
        exec_downloader,
        exec_shell,
        exec_process,
        start_hook_acts,
        acts_later,
        monkey_patch,
        service_channel,
        native_connect,
        network_connect,
        network_scan,
        metadata_service,
        network_listen,
        dns_exfiltration,
        dga_burst,
        dns_lookup,
        persistence_write,
        agent_config_write,
        escape_attempt,
        process_injection,
        denied_calls,
        mass_file_change,
        own_files_deleted,
        others_files_changed,
        process_outlived,
        sandbox_probing,
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
        severity=_severity(definition, match),
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
        proof=definition.proof if match.proven else None,
    )


def _severity(definition: Definition, match: Match) -> Severity:
    severity = match.severity or definition.severity
    if match.phase is not Phase.USE:
        return severity
    return min(severity, definition.in_use, key=list(Severity).index)
