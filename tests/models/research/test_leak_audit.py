"""Planted leaks are found, clean rows show none, and the kept sample shows what its page says."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from models.research.leak_audit import SEED, TableAudit, as_json, audit, limits
from models.research.leak_laboratory import CALLS
from models.research.leak_rows import AuditRow, AuditTable, parse_table
from models.research.leak_table import PATTERNS
from models.research.leak_tracers import PROCESSES, TCP
from models.research.leaks import EXAMPLE_CHARS_MAX, Verdict
from models.research.qut import FEATURES
from models.research.qut_values import Kind, Value
from tests.leak_page import sample_audits

TELLING = (Verdict.LEAK, Verdict.SEPARATES)
TRIGRAMS = ("openat -> fstat -> read", "read -> read -> read", "fstat -> ioctl -> lseek")
COUNT = 80


def name_of(number: int) -> str:
    """A name that shares its family with no other number."""
    return "".join("abcdefghij"[int(digit)] for digit in f"{number:03}")


def row(number: int, chance: random.Random, **changed: Value) -> AuditRow:
    """An install by one route, of which nothing hangs on the label: every second one is malicious."""
    values: dict[str, Value] = {}
    for feature in FEATURES:
        match feature.kind:
            case Kind.COUNT:
                values[feature.name] = chance.randint(6_000, 90_000)
            case Kind.PROCESSES:
                values[feature.name] = ("pip", "python")
            case Kind.PATTERN:
                values[feature.name] = TRIGRAMS[(int(feature.name[8:]) - 1) % 3]
            case _:
                values[feature.name] = ()
    values |= {"Remote_Port_Access": 1, "Time_Operations": 0} | changed
    kinds = {feature.name: feature.kind for feature in FEATURES}
    filled = {name: bool(value) for name, value in values.items() if kinds[name] is not Kind.COUNT}
    return AuditRow(
        package=name_of(number), malicious=number % 2 == 0, values=values, filled=filled
    )


def table(rows: list[AuditRow]) -> AuditTable:
    columns = frozenset(feature.name for feature in FEATURES)
    return AuditTable(source="made", layout="rows", rows=tuple(rows), columns=columns)


def clean(seed: int) -> list[AuditRow]:
    chance = random.Random(seed)  # noqa: S311 - made rows
    return [row(number, chance) for number in range(COUNT)]


def planted(**changed: Value) -> TableAudit:
    """Clean rows, of which three in four malicious ones are changed so."""
    chance = random.Random(3)  # noqa: S311 - made rows
    rows = [
        row(number, chance, **(changed if number % 8 in (0, 2, 4) else {}))
        for number in range(COUNT)
    ]
    return audit(table(rows))


@pytest.mark.parametrize("seed", range(6))
def test_clean__rows_of_one_route_show_no_leak(seed: int) -> None:
    found = audit(table(clean(seed)))
    assert [leak.id for leak in found.leaks if leak.verdict in TELLING] == []
    assert {leak.verdict for leak in found.leaks} >= {Verdict.ABSENT, Verdict.UNDECIDED}


def test_route__archive_names_are_found() -> None:
    rows = [
        replace(one, package=f"{one.package}-1.0.tar.gz") if one.malicious else one
        for one in clean(1)
    ]
    leak = audit(table(rows)).of("route.archive_name")
    assert leak.verdict is Verdict.LEAK
    assert (leak.malicious.shown, leak.benign.shown) == (COUNT // 2, 0)
    assert leak.alone is not None
    assert leak.alone.value == 1.0


def test_route__a_package_among_its_own_dependencies_is_found() -> None:
    rows = []
    for one in clean(1):
        itself = (f"{one.package}-1.0",) if one.malicious else ()
        values = {**one.values, "Total_Dependencies": itself}
        rows.append(
            replace(one, values=values, filled={**one.filled, "Total_Dependencies": bool(itself)})
        )
    found = audit(table(rows))
    for id_ in ("route.names_itself", "route.total_without_direct"):
        assert found.of(id_).verdict is Verdict.LEAK


def test_route__a_dependency_of_another_name_is_not_the_package() -> None:
    found = planted(Total_Dependencies=("urllib3-2.0",), Direct_Dependencies=("urllib3",))
    assert found.of("route.names_itself").verdict is Verdict.ABSENT
    assert found.of("route.total_without_direct").verdict is Verdict.ABSENT


@pytest.mark.parametrize(
    ("id_", "changed", "verdict"),
    [
        ("tracers.indexer", {"Read_Processes": ("tracker-miner-f", "pip")}, Verdict.LEAK),
        ("tracers.browser", {"Write_Processes": ("StreamTrans",)}, Verdict.LEAK),
        ("tracers.desktop", {"File_Access_Processes": ("gnome-system-mo",)}, Verdict.LEAK),
        ("tracers.own_tools", {"Write_Processes": ("strace", "pip")}, Verdict.LEAK),
        ("tracers.names_alone", {"Read_Processes": ("pool-tracker-mi",)}, Verdict.LEAK),
        ("tracers.own_tools_alone", {"Read_Processes": ("opensnoop-bpfcc",)}, Verdict.SEPARATES),
        ("tracers.traffic", {"Remote_Port_Access": 40}, Verdict.LEAK),
        ("tracers.same_traffic", dict.fromkeys(TCP, 3), Verdict.LEAK),
        ("tracers.traffic_alone", dict.fromkeys(TCP, 3), Verdict.SEPARATES),
        ("machine.clock_calls", {"Time_Operations": 3009}, Verdict.LEAK),
        ("failed.no_calls", dict.fromkeys(CALLS, 0), Verdict.LEAK),
        ("failed.less_than_pip", {"File_Operations": 700}, Verdict.LEAK),
        ("route.socket_calls", {"Network_Operations": 41}, Verdict.SEPARATES),
        ("copies.same_calls", dict.fromkeys(CALLS, 7), Verdict.PRESENT),
        ("columns.one_bar", {"Sys_Access": 3}, Verdict.SEPARATES),
        ("gaps.alone", {"Indirect_Dependencies": ("idna",)}, Verdict.SEPARATES),
        ("pattern.alone", {"Pattern_4": "connect -> read -> write"}, Verdict.SEPARATES),
        ("pattern.no_fixed_meaning", {"Pattern_1": TRIGRAMS[1]}, Verdict.PRESENT),
    ],
)
def test_planted__leak_is_found_and_counted(
    id_: str, changed: dict[str, Value], verdict: Verdict
) -> None:
    leak = planted(**changed).of(id_)
    assert leak.verdict is verdict
    if verdict is Verdict.LEAK:
        assert leak.malicious.shown == COUNT * 3 // 8
        assert leak.benign.shown == 0
        assert leak.examples or id_.endswith("alone")


def test_planted__the_same_on_both_sides_is_present_and_tells_nothing() -> None:
    chance = random.Random(5)  # noqa: S311 - made rows
    rows = [row(n, chance, Read_Processes=("StreamTrans",)) for n in range(COUNT)]
    leak = audit(table(rows)).of("tracers.browser")
    assert leak.verdict is Verdict.PRESENT
    assert leak.malicious.shown == leak.benign.shown == COUNT // 2


def test_fitted__a_trigram_of_one_family_is_counted() -> None:
    rows = clean(2)
    rows[0] = replace(rows[0], values={**rows[0].values, "Pattern_10": "dup3 -> dup3 -> execve"})
    leak = audit(table(rows)).of("pattern.fitted_before_the_split")
    assert (leak.malicious.shown, leak.benign.shown) == (1, 0)
    assert leak.examples == ("dup3 -> dup3 -> execve",)


def test_siblings__releases_of_one_campaign_are_a_family() -> None:
    rows = [
        replace(one, package=f"{number}camp-9.0.{number}.tar.gz") if one.malicious else one
        for number, one in enumerate(clean(1))
    ]
    found = audit(table(rows))
    assert found.of("copies.siblings").malicious.shown == COUNT // 2
    assert found.of("copies.siblings").benign.shown == 0
    assert found.malicious_families == 1
    assert found.of("route.archive_name").verdict is Verdict.PRESENT, "one campaign proves nothing"


def test_list__versions_names_and_choice_are_asked() -> None:
    head = "Malicious Package Name,Malicious Package Version,Benign Package Name,Benign Package Version"
    lines = [
        f"evil{name_of(n)},99.{n % 3}.0,{name_of(n)[::-1]}kind,{2024 if n % 2 else 1}.{n}.1"
        for n in range(COUNT)
    ]
    again = [f"evil{name_of(n)},99.9.{n},," for n in range(COUNT)]
    found = audit(parse_table("\n".join((head, *lines, *again, "")), source="list"))
    high = found.of("list.high_version")
    assert (high.malicious.shown, high.benign.shown) == (2 * COUNT, 0), "years are no high versions"
    assert found.of("list.repeated_name").verdict is Verdict.LEAK
    assert found.of("list.version_alone").verdict is Verdict.SEPARATES
    assert found.of("list.name_alone").verdict is Verdict.SEPARATES
    assert found.of("list.both_sides").verdict is Verdict.ABSENT


def test_missing__columns_are_not_asked_for() -> None:
    """A table of numbers alone has no word on patterns, and a list none on installs."""
    sample = sample_audits()
    assert not any(leak.id.startswith("pattern") for leak in sample["numbers"].leaks)
    assert {leak.id.split(".")[0] for leak in sample["packages"].leaks} == {"copies", "list"}
    with pytest.raises(KeyError):
        sample["packages"].of("tracers.browser")


def test_examples__hostile_names_are_cut_and_printable() -> None:
    rows = clean(1)
    rows[0] = replace(rows[0], package="x\x1b[2J\n" + "y" * 500 + ".zip")
    (example,) = audit(table(rows)).of("route.archive_name").examples
    assert example.isprintable()
    assert len(example) <= EXAMPLE_CHARS_MAX


def test_audit__same_seed_same_figures() -> None:
    rows = table(clean(8))
    assert audit(rows, seed=SEED) == audit(rows, seed=SEED)


def test_sample__shows_what_the_facts_say() -> None:
    """The figures that docs/leak-audit.md leads with, counted by hand in the files."""
    numbers, whole = sample_audits()["numbers"], sample_audits()["rows"]
    shown = {leak.id: (leak.malicious.shown, leak.benign.shown) for leak in numbers.leaks}
    assert (numbers.malicious, numbers.benign) == (36, 42)
    assert shown["route.archive_name"] == (36, 0)
    assert shown["route.total_without_direct"] == (8, 0)
    assert shown["tracers.indexer"] == (11, 0)
    assert shown["machine.clock_calls"] == (0, 12)
    assert shown["failed.no_calls"] == (3, 1)
    assert shown["tracers.same_traffic"] == (4, 0)
    assert whole.of("tracers.browser").malicious.shown == 7
    assert whole.of("tracers.own_tools").benign.shown == 7


def test_limits__small_tables_claim_little() -> None:
    sample = sample_audits()
    assert "no estimate for the whole dataset" in limits(sample["rows"])
    assert "no estimate for the whole dataset" in limits(sample["numbers"])
    assert "no estimate" not in limits(sample["packages"])


def test_json__holds_every_tell_and_what_was_published() -> None:
    told = as_json([sample_audits()["rows"]])
    (one,) = told["tables"]
    assert told["published_accuracy"]["Combined"] == 0.960
    assert len(one["leaks"]) == len(sample_audits()["rows"].leaks)
    assert {column for leak in one["leaks"] for column in leak} >= {"alone", "verdict", "examples"}


def test_columns__that_the_checks_name_are_the_datasets() -> None:
    names = {feature.name for feature in FEATURES}
    assert names.issuperset((*CALLS, *TCP, *PATTERNS, *PROCESSES))
    assert (len(CALLS), len(PATTERNS), len(PROCESSES)) == (6, 10, 5)
