"""docs/specifications.md: what the index promises, and the test behind each promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One requirement. `tests` are `file::function`, the file below tests/proxy."""

    wants: str
    does: str
    tests: tuple[str, ...]


def row(wants: str, does: str, *tests: str) -> Row:
    return Row(wants=wants, does=does, tests=tests)


PAGES = "web/test_pages.py::test_"
FILES = "web/test_files.py::test_"
GUARD = "index/test_guard.py::test_guard_page__"
PASSING = "index/test_passing.py::test_"
RENDER = "simple/test_render.py::test_"
PARSE = "simple/test_parse.py::test_"
NEGOTIATE = "simple/test_negotiate.py::test_"
SPELLINGS = "web/test_spellings.py::test_"
UPSTREAM = "index/test_upstream.py::test_"
CACHED = "index/test_cached.py::test_"
RANGES = "web/test_ranges.py::test_"
BAD = "web/test_bad_input.py::test_"
SLOW = "web/test_connections.py::test_listen__"
FETCHER = "artifacts/test_fetcher.py::test_"
PROVENANCE = "artifacts/test_provenance.py::test_of__"
AGED = "web/test_aged.py::test_"
DEPARTURES = "test_departures.py::test_"

SPECIFICATIONS: dict[str, tuple[Row, ...]] = {
    "PEP 503: the simple index": (
        row(
            "The root lists every project",
            "Upstream's list, in both forms; streamed",
            PAGES + "projects__list",
            RENDER + "render_projects__is_read_back_as_it_was",
        ),
        row(
            "Names are normalised; others may be redirected",
            "301 to the normalised name, relative; a name that is none is 404",
            SPELLINGS + "project__name_in_another_spelling",
            BAD + "project__a_name_that_is_not_ascii_is_404",
        ),
        row(
            "URLs end in a slash",
            "301 to the one with it",
            SPELLINGS + "redirect__is_relative_whatever_the_host_header_says",
        ),
        row(
            "An anchor per file, its text the file name, with a hash in the fragment",
            "sha256; a file without one is left out, for it could not be verified",
            RENDER + "render_project__html_is_read_back_as_it_was",
            GUARD + "what_cannot_be_served_is_left_out",
        ),
        row(
            "Files may lie anywhere, by absolute or relative URL",
            "Relative, behind us; never upstream's",
            GUARD + "urls_are_relative_and_carry_the_whole_reference",
        ),
        row(
            "`data-requires-python`, with `<` and `>` encoded",
            "Passed on, escaped",
            RENDER + "render_project__hostile_text_is_escaped",
            PARSE + "parse_html__reads_links_attributes_and_metas",
        ),
        row(
            "`data-gpg-sig` and `.asc` may be there",
            "Withheld: no signature is served",
            GUARD + "unknown_keys_stay_and_what_leads_past_us_goes",
        ),
        row(
            "An unknown project is 404",
            "404",
            PAGES + "page__unknown_project_is_404",
        ),
    ),
    "PEP 592: yanked": (
        row(
            "`data-yanked` and its reason are told",
            "Upstream's yank stays, its reason on one printable line",
            GUARD + "upstreams_yank_is_kept_on_one_printable_line",
            GUARD + "a_file_that_upstream_yanked_is_no_fallback",
        ),
        row(
            "An index may yank",
            "A refused file is yanked with our reason, where there is another to fall back on",
            GUARD + "a_refused_file_is_yanked_with_its_reason_where_one_can_fall_back",
            PAGES + "page__verdict_shows_at_once",
        ),
    ),
    "PEP 629: the version of the API": (
        row(
            "Another major version must not be read",
            "Refused; a newer minor one is read",
            PARSE + "parse_json__what_is_no_page_is_invalid",
            PARSE + "parse_html__what_is_no_page_is_invalid",
            PARSE + "parse_json__keeps_unknown_keys_of_page_and_meta",
        ),
        row(
            "A page states its version",
            "Upstream's, 1.4 at most; 1.0 where a size is missing",
            RENDER + "api_version_of__promises_nothing_that_we_do_not_know",
            RENDER + "render_project__without_every_size_it_does_not_claim_pep_700",
        ),
    ),
    "PEP 658 and 714: metadata apart from the file": (
        row(
            "`core-metadata` in JSON; in HTML `data-core-metadata`, and the old name with the same value",
            "So; the old name never in JSON, where pip 22.3 to 23.0 fails at it",
            RENDER + "render_project__html_announces_metadata_under_both_names",
            RENDER + "render_project__json_has_the_form_of_pep_700",
        ),
        row(
            "Its hash is announced",
            "Only with a sha256, and for wheels alone",
            GUARD + "metadata_is_announced_only_with_a_hash_and_for_wheels",
        ),
        row(
            "`<url>.metadata` is there where it is announced",
            "Upstream's, verified; else what we read from the file",
            FETCHER + "metadata__is_passed_on_where_it_matches_its_announced_hash",
            "web/test_metadata.py::test_metadata__of_an_approved_wheel_is_announced_and_served",
            FILES + "metadata__of_an_unseen_wheel_is_upstreams_and_queues_the_wheel",
        ),
        row(
            "Clients may read the old names",
            "Of an upstream, all of them are read",
            PARSE + "parse_json__reads_what_is_unusual",
        ),
    ),
    "PEP 691: JSON": (
        row(
            "`meta`, `name`, `files` with `filename`, `url`, `hashes`",
            "So",
            RENDER + "render_project__json_is_read_back_as_it_was",
            PARSE + "parse_json__reads_every_key_of_the_specifications",
        ),
        row(
            "The format is negotiated, by quality values",
            "The most exact range has the say; on a tie JSON, to whoever names formats",
            NEGOTIATE + "choose__follows_the_header",
            PAGES + "page__comes_as_the_client_asks",
        ),
        row(
            "`latest` may be asked for, and the answer names the real version",
            "So",
            NEGOTIATE + "choose__follows_the_header",
        ),
        row(
            "A client that takes none of ours is told: 406, or a default",
            "406",
            PAGES + "page__nothing_of_ours_is_accepted_is_406",
        ),
        row(
            "Unknown keys are allowed",
            "Passed on, but for what holds an address (decision 29)",
            PASSING + "passed__a_key_of_tomorrow_with_an_address_is_left_out",
            PASSING + "passed__any_value_is_passed_whole_or_left_out",
        ),
    ),
    "PEP 700: versions, sizes, upload times": (
        row(
            "`versions` is a set",
            "Upstream's, each once",
            RENDER + "render_project__json_has_the_form_of_pep_700",
            RENDER + "render_project__json_is_read_back_as_it_was",
        ),
        row(
            "`size` of every file; `upload-time` in one form, in UTC",
            "So; where upstream gives no size, the page claims 1.0",
            RENDER + "render_project__json_has_the_form_of_pep_700",
            RENDER + "render_project__without_every_size_it_does_not_claim_pep_700",
        ),
        row(
            "Keys with an underscore are the index's own",
            "`_last-serial` is passed on, and told as a header",
            PAGES + "page__tells_upstreams_serial",
        ),
    ),
    "PEP 708: one project at several indexes": (
        row(
            "`alternate-locations` is the owner's statement",
            "Passed on, plain http and https URLs alone, 32 at most",
            PASSING + "passed_page_keys__alternate_locations_are_plain_urls_and_few",
            PAGES + "page__alternate_locations_are_passed_and_tracks_is_not",
        ),
        row(
            "`meta.tracks` is the operator's statement",
            "Withheld: we extend nobody's project (decision 29)",
            PASSING + "passed_meta__tracks_is_never_passed_on",
            PAGES + "page__alternate_locations_are_passed_and_tracks_is_not",
        ),
        row(
            "Whoever reads several indexes may join pages that name each other",
            "Not done: a name has one home, and what a page says of other places is followed nowhere "
            "(decisions 26 and 29)",
            "test_behind.py::test_locations__that_pages_state_are_followed_nowhere",
            "index/test_upstreams.py::"
            "test_absence__falls_through_in_order_and_the_first_that_has_it_stays",
        ),
    ),
    "PEP 740: attestations": (
        row(
            "`provenance` is a whole URL at a secure origin",
            "Ours, from `public_url`, where that is https or this machine; else none is announced",
            GUARD + "provenance_is_announced_at_our_own_secure_origin_alone",
        ),
        row(
            "`<url>.provenance` holds the object",
            "Upstream's own, unchanged; never a redirect to it",
            FILES + "provenance__of_an_approved_file_is_upstreams_behind_our_url",
            PROVENANCE + "is_fetched_once_and_passed_on_as_it_is",
            PROVENANCE + "one_that_is_redirected_elsewhere_is_refused",
        ),
        row(
            "An index may have a view of its own",
            '`Link: <…/v/…>; rel="describedby"` leads to our verdict, which tells what came of it',
            FILES + "provenance__of_an_approved_file_is_upstreams_behind_our_url",
            "sources/test_provenance.py::test_ask__a_verified_file_is_measured_with_its_publisher",
        ),
        row(
            "(ours) it goes the way of its file",
            "Refused with it, and held with it",
            FILES + "provenance__of_a_refused_file_is_refused",
            FILES + "provenance__of_an_unseen_file_waits_as_the_file_does",
        ),
    ),
    "PEP 792: the status of a project": (
        row(
            "`project-status` and its reason, in both forms",
            "Upstream's word, passed on",
            PAGES + "page__upstreams_project_status_is_passed",
            PARSE + "parse_json__reads_the_project_status",
        ),
        row(
            "Of a quarantined project the index offers nothing",
            "Nothing new; what was approved here stays, and it is told",
            DEPARTURES + "departed__a_project_in_quarantine_keeps_its_approved_files",
        ),
    ),
    "PEP 833 (draft): HTML is frozen": (
        row(
            "HTML states 1.4 at most, and gets nothing new; JSON comes first",
            "So; what is ours alone is in JSON and headers",
            RENDER + "api_version_of__promises_nothing_that_we_do_not_know",
            NEGOTIATE + "choose__follows_the_header",
        ),
    ),
    "HTTP: pages": (
        row(
            "A strong ETag and `no-cache`; each form and each coding has its own",
            "So",
            PAGES + "page__no_two_variants_share_a_tag",
            PAGES + "page__each_representation_has_its_own_validator",
        ),
        row(
            "`If-None-Match`, weakly compared, `*` and lists included",
            "304 with ETag, Cache-Control and Vary. No `Last-Modified`, so `If-Modified-Since` is "
            "ignored: a page changes with our verdicts, in less than a second",
            PAGES + "page__unchanged_is_304",
            RANGES + "matches",
        ),
        row(
            "`Age` of what is answered from a cache (RFC 9111)",
            "Seconds since upstream was heard about the page, on 200 and 304; the ETag stays",
            AGED + "page__tells_its_age_and_keeps_its_tag",
            AGED + "page__a_304_tells_its_age",
            CACHED + "freshness__age_is_since_upstream_was_heard",
        ),
        row(
            "A stale answer may be given while upstream fails (RFC 9111, 4.2.4), and told (RFC 9211)",
            "Seven days at most, with `Cache-Status: pratique; hit; ttl=-N; detail=upstream-failed` "
            "or `upstream-slow`",
            CACHED + "project__a_stale_page_is_shown_while_upstream_fails",
            CACHED + "freshness__while_upstream_fails_the_age_grows_and_afterwards_is_none",
            AGED + "page__a_304_tells_its_age",
        ),
        row(
            "gzip and zstd where asked, by quality values, with `Vary`",
            "Compressed once for each state of a page; plain to whoever does not ask",
            NEGOTIATE + "choose_coding__follows_the_qualities",
            PAGES + "page__each_representation_has_its_own_validator",
        ),
        row(
            "HEAD is GET without the body",
            "So",
            PAGES + "page__head_has_no_body",
        ),
        row(
            "`X-PyPI-Last-Serial`",
            "Upstream's, from its header or its `_last-serial`",
            PAGES + "page__tells_upstreams_serial",
            UPSTREAM + "fetch__the_serial_is_a_number_or_none",
            CACHED + "project__upstreams_serial_stays_with_the_page",
        ),
        row(
            "The root listing is streamed",
            "Kept compressed; plain it is rendered part by part for each client",
            PAGES + "projects__streamed_list_is_the_same_in_every_coding",
            RENDER + "projects_parts__none_of_them_is_large",
        ),
    ),
    "HTTP: files": (
        row(
            "`immutable`, and the sha256 as strong ETag",
            "So; `If-None-Match` is 304",
            FILES + "get__what_the_client_has_is_304",
            FILES + "get__approved_file_comes_whole",
        ),
        row(
            "Range: first, last, suffix",
            "206",
            FILES + "get__range_of_an_approved_file",
            RANGES + "span_of",
        ),
        row(
            "Several ranges, other units, what cannot be read",
            "Ignored, as the RFC allows: 200 with the whole file",
            RANGES + "span_of",
        ),
        row(
            "Unsatisfiable",
            "416 with `Content-Range: bytes */size`, however many digits it has",
            FILES + "get__range_beyond_the_end_is_416",
            RANGES + "span_of__outside_is_not_satisfiable",
        ),
        row(
            "If-Range",
            "The sha256; anything else, a date or a weak tag, gets the whole file",
            FILES + "get__if_range_is_the_sha256",
        ),
        row(
            "HEAD tells the length, and knows no ranges",
            "So",
            FILES + "head__approved_file_tells_its_length",
            FILES + "head__knows_no_ranges",
        ),
        row(
            "Other methods are 405 with `Allow`",
            "Everywhere",
            FILES + "file__other_methods_are_405",
            BAD + "method__that_is_wrong_is_405_with_those_that_are_right",
        ),
    ),
    "HTTP: towards upstream": (
        row(
            "Conditional requests",
            "`If-None-Match`, or `If-Modified-Since` where upstream gives no tag; also after a restart",
            UPSTREAM + "fetch__an_etag_makes_it_conditional",
            UPSTREAM + "fetch__a_date_makes_it_conditional_where_there_is_no_etag",
            CACHED + "project__an_etag_saves_the_body",
        ),
        row(
            "`Cache-Control: max-age`",
            "Heeded, an hour at most",
            CACHED + "project__upstreams_max_age_is_heeded_within_bounds",
        ),
        row(
            "(ours) what comes next is asked for before the client does",
            "Pages of what an approved file requires, its bytes where they had gone; no name is told to "
            "an upstream that it could not know (decision 31)",
            "web/test_lookahead.py::test_metadata__brings_the_pages_of_what_it_requires_once",
            "web/test_lookahead.py::test_metadata__of_a_file_that_is_not_approved_brings_nothing",
            "index/test_upstreams.py::"
            "test_ahead__what_an_own_file_requires_is_not_told_to_the_public_index",
        ),
        row(
            "A broken download goes on where it stopped",
            "By Range; verified whole before a byte goes out",
            FETCHER + "ensure__a_stalled_download_goes_on_where_it_stopped",
            FETCHER + "ensure__a_failing_or_lying_upstream_leaves_nothing_behind",
        ),
    ),
    "Bad input: clients": (
        row(
            "A head that never ends, or drips; an idle connection",
            "Cut after 20 s; after 75 s",
            SLOW + "a_head_that_never_ends_is_cut",
            SLOW + "a_head_that_drips_is_cut",
            SLOW + "an_idle_connection_is_kept_and_then_cut",
        ),
        row(
            "A body that never comes, or drips",
            "Cut below 64 KiB in 60 s",
            SLOW + "a_body_that_never_comes_is_cut",
            SLOW + "a_body_that_drips_is_cut",
        ),
        row(
            "A reader of one byte a second",
            "Cut below 64 KiB in 60 s, by what its side acknowledges; its place is free then",
            SLOW + "who_takes_a_transfer_a_byte_at_a_time_is_cut_and_its_handler_ends",
            SLOW + "who_takes_a_transfer_steadily_is_not_cut",
            SLOW + "who_never_reads_the_answer_is_cut",
        ),
        row(
            "Header floods, huge headers",
            "400 beyond 64 headers, or 8 KiB of one",
            BAD + "head__that_is_too_large_is_an_error",
        ),
        row(
            "Two framings of one body, bad lengths, bad chunks",
            "One 400, and the connection ends",
            BAD + "body__framed_in_two_ways_ends_the_connection",
            BAD + "body__in_bad_chunks_ends_the_connection",
        ),
        row(
            "Spellings: dots, slashes, encodings, doubled ones, case, Unicode, NUL",
            "Redirect, 400 or 404; never another file, never past a decision",
            SPELLINGS + "target__of_a_refused_file_gives_no_byte",
            SPELLINGS + "target__of_a_served_file_is_the_file_or_nothing",
            BAD + "target__encoded_twice_or_oddly_is_never_the_file",
        ),
        row(
            "A forged Host",
            "Repeated nowhere",
            BAD + "host__that_is_forged_is_repeated_nowhere",
            SPELLINGS + "redirect__is_relative_whatever_the_host_header_says",
        ),
        row(
            "HTTP/1.0, pipelining, absolute targets, broken requests",
            "Answered in their order, or 4xx; the door stays open",
            BAD + "http_1_0__is_answered_whole_and_ends",
            BAD + "pipelining__answers_come_in_order_though_the_first_is_held",
            SPELLINGS + "socket__broken_request_is_an_error_and_the_door_stays_open",
        ),
        row(
            "Clients that leave, or close their half of the connection",
            "Their hold or transfer ends at once, the analysis does not",
            BAD + "held__clients_that_left_free_their_places_at_once",
            BAD + "held__one_that_left_does_not_stop_the_analysis",
            BAD + "transfer__a_client_that_left_frees_its_place",
            BAD + "transfer__a_client_that_left_before_it_began_is_no_failure",
        ),
    ),
    "Bad input: disks": (
        row(
            "A full disk",
            "429 with Retry-After for what is not there; all else goes on; nothing half written",
            BAD + "disk__that_is_full_is_told_and_nothing_is_kept_or_lost",
            BAD + "disk__that_is_full_keeps_an_unseen_file_unseen",
            "store/sql/test_connection.py::"
            "test_write__on_a_full_disk_is_an_error_and_leaves_nothing_half_written",
        ),
        row(
            "The folder of artifacts is removed under us",
            "Made anew; files come again by need",
            BAD + "folder__removed_under_us_is_made_anew",
            FILES + "get__bytes_gone_from_disk_come_again",
        ),
        row(
            "A damaged file",
            "Noticed before its first byte goes out, dropped, fetched again",
            FILES + "get__damaged_bytes_are_never_sent_and_come_again",
            FILES + "get__damaged_bytes_without_an_upstream_are_an_error",
            FILES + "get__a_disk_that_damages_every_time_is_told",
            FETCHER + "metadata__that_was_damaged_on_disk_comes_again",
        ),
    ),
}
"""Section → its rows. A row without a test that is there fails tests/test_specifications.py."""


def specifications_page() -> Iterator[str]:
    """The table, with a link to each test's file."""
    yield "# Specifications\n"
    yield (
        "What the index keeps to, and the test behind each line; a test checks that they exist. "
        "Numbers of bounds are defaults.\n"
    )
    for section, rows in SPECIFICATIONS.items():
        yield f"## {section}\n"
        yield "| Asked for | What Pratique does | Tests |"
        yield "|---|---|---|"
        for one in rows:
            tests = "<br>".join(_link(test) for test in one.tests)
            yield f"| {_cell(one.wants)} | {_cell(one.does)} | {tests} |"
        yield ""


def _link(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[{name or file}](../tests/proxy/{file})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
