"""docs/traces.md: the trace categories and features, made from the tables in the code."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.patterns import PATTERNS
from analyzer.trace.summary import SEQUENCES_MAX
from models.research.qut import FEATURES
from models.research.qut_operations import OPERATIONS
from models.research.qut_raw import NAMES
from models.trace import Category

CATEGORIES: dict[Category, tuple[str, str, str]] = {
    Category.FILETOP: (
        "`FiletopRow`",
        (
            "bytes and calls of read, write, sendfile, copy_file_range and splice (with their vector and "
            "offset forms), counted in the kernel by process and descriptor, told when the descriptor is "
            "closed or given to something else, when its process executes or ends, and when the phase ends"
        ),
        "`file-io`",
    ),
    Category.INSTALLATION: (
        "`InstallationRow`",
        (
            "the files resolved and mounted beside the artifact, and by its core metadata whether it asks "
            "for them itself; of an sdist that is not known, and is then not guessed"
        ),
        "none: evidence",
    ),
    Category.OPENSNOOP: (
        "`OpensnoopRow`",
        "every open, openat, openat2 and creat, failed ones too",
        "`open`",
    ),
    Category.TCP: (
        "`TcpRow`",
        (
            "every change of state of a socket that the box connected or listened on, to the last one, "
            "whoever's context it happens in"
        ),
        "`tcp`",
    ),
    Category.SYSTEM_CALL: (
        "`SystemCallRow`",
        "how often each call was made; counted in the kernel, so none is ever dropped",
        "none: evidence, and `sequence`",
    ),
    Category.PATTERN: (
        "`PatternRow`",
        (
            "how often three calls stood one behind the other on one thread, and what the first of them "
            f"failed with; counted in the kernel, {SEQUENCES_MAX:,} of a phase told one by one, the rest "
            "as a sum"
        ),
        "`sequence`",
    ),
}


def traces_page() -> Iterator[str]:
    """The page, line by line."""
    yield "# Traces\n"
    yield (
        "What our own eBPF program sees of a run, in the six categories of the dataset QUT-DV25. "
        "`pratique trace export` writes a stored trace as JSON lines, or in that dataset's layout:\n"
    )
    yield "```sh"
    yield "pratique trace export DECISION                                  # events, one JSON object a line"
    yield "pratique trace export --format qut-dv25 SHA256                  # one row of 36 features"
    yield "pratique trace export --format qut-dv25 --out DIR trace.jsonl.gz  # the six raw files, and the row"
    yield "```\n"
    yield "## The six categories\n"
    yield "| Category | Rows (`models/categories.py`) | What they hold | Events |"
    yield "|---|---|---|---|"
    for category in Category:
        rows, what, events = CATEGORIES[category]
        yield f"| {category.value} | {rows} | {what} | {events} |"
    yield from _reading()
    yield from _cost()
    yield "\n## The 36 features\n"
    yield "| Column | Category | Holds | Unit | How it is computed |"
    yield "|---|---|---|---|---|"
    for feature in FEATURES:
        yield (
            f"| `{feature.name}` | {feature.category.value} | {feature.kind.value} | {feature.unit} "
            f"| {feature.meaning} |"
        )
    yield "\nThe calls that each operation counts; the dataset names examples and publishes no list:\n"
    yield "| Column | Calls |"
    yield "|---|---|"
    for column, names in OPERATIONS.items():
        yield f"| `{column}` | {', '.join(sorted(names))} |"
    yield "\n## Raw files\n"
    yield "| Category | File | Columns of |"
    yield "|---|---|---|"
    for category, tool in TOOLS.items():
        yield f"| {category.value} | `{NAMES[category].format('PACKAGE')}` | {tool} |"
    yield from _raw()
    yield "\n## Patterns\n"
    yield (
        "The dataset's README gives each of `Pattern_1` to `Pattern_10` a fixed meaning (`socket -> bind "
        "-> listen` for the fourth, and so on). Its table holds something else: the five most frequent "
        "trigrams of a package's calls, and the five most frequent ones with an error and a descriptor "
        "tag. That is what is computed above. Which call the error tag belongs to is not published; of "
        "the five cells with one that are kept here, it fits the first call in four. The descriptor tag "
        "is `no-fd` in all but one, so it always is here. What the names promise are these, over events "
        "and by process, each an integer signal of the behaviour layer:\n"
    )
    yield "| Signal | Counts | Needs |"
    yield "|---|---|---|"
    for pattern in PATTERNS:
        needs = ", ".join(sorted(kind.value for kind in pattern.needs))
        yield f"| `behaviour.pattern_{pattern.name}` | {pattern.meaning} | {needs} |"
    yield from _leaks()


TOOLS: dict[Category, str] = {
    Category.FILETOP: "bcc's `filetop`",
    Category.INSTALLATION: "pip's output",
    Category.OPENSNOOP: "bcc's `opensnoop`",
    Category.TCP: "bcc's `tcpstates`",
    Category.SYSTEM_CALL: "`strace -c`",
    Category.PATTERN: "none: a count and its trigram with tags, a line each",
}


def _reading() -> Iterator[str]:
    yield (
        "\nEvery row names its phase and whom it is charged to (`owner`; empty: the artifact). What was in "
        "the box before the tracer was armed has the owner `box:runner`, and the `sleep` with which our "
        "shell waits too; what is executed from the arming exec on, and all its descendants, is the "
        "command's. In P1 of an sdist that is pip and the build together: calls are counted by lineage, "
        "not by process. Process names are those of the last program that a process executed; names "
        "that it gave itself are not followed."
    )
    yield (
        "\nLimits. Bytes that pass by `mmap`, `recv` and `send` are not in filetop's rows (bcc's filetop has "
        "the same limit). Pipes and sockets have no path. A descriptor from `fcntl(F_DUPFD)`, or received "
        "over a socket, counts without a path. One that an exec closed may be told a little late. "
        "Descriptors from 128 on are told when the phase ends. What does not fit into a map is counted as "
        "`map_overflows`, which makes a run incomplete."
    )


def _cost() -> Iterator[str]:
    yield "\n## What it costs\n"
    yield (
        "`sudo .venv/bin/python -m bench.tracing`, kernel 6.18, two cores shared with other work; CPU "
        "seconds of children, medians of 21 pairs of a run with the probes detached and one traced: "
        "starting Python +3.8 %, importing +6.4 %, copying trees of files +3.2 % (15 pairs on the same "
        "machine when it was idle: -0.6 %, +3.0 %, +7.1 %). A call that does nothing takes 0.86 µs with "
        "the probes detached, 0.98 µs outside of boxes while one runs, and 1.12 µs in a box, of which "
        "trigrams are 0.04 µs. Probes are attached only while boxes run. Loading takes 0.64 s, where it "
        "took 0.45 s without trigrams and bytes."
    )


def _raw() -> Iterator[str]:
    yield (
        "\nWhat is not measured is not invented: filetop's lines come in one block without load average, "
        "SKADDR is the number of the socket, strace's times are zero, and who requires an indirect "
        "dependency is `unknown`. Files and process names are one printable line, whatever the package "
        "called them. The table is quoted and ended as the dataset's is: reading its rows and writing "
        "them again gives the same bytes. The reader tells line and column of every mistake; it also reads "
        "`strace -ff` logs, from which the dataset made its patterns."
    )
    yield (
        "\nKnown oddities, kept: `State_Transition` counts the state that is left, and its keys end in "
        "`-> ->`, for the dataset split tcpstates' lines at white space and took the arrow for the new "
        "state; where a process name has a space, its key is port and old state (`443 -> CLOSE`). Ours "
        "never has that second form."
    )


def _leaks() -> Iterator[str]:
    yield "\n## Why no model is trained on QUT-DV25's labels\n"
    yield (
        "The dataset can be read and its features reproduced, for comparison. Its labels leak through the "
        "laboratory. Malicious packages were installed from local archives and benign ones from the index, "
        "so package names end in `.tar.gz` on one side alone (in all 78 rows kept here) and "
        "`Total_Dependencies` names the package "
        "itself there. The tracers were system-wide, without a filter, and never stopped: rows name a web "
        "browser, a file indexer, and the tracers themselves, and so tell the day of the measurement. "
        "opensnoop stopped after ten seconds and filetop kept twenty lines of each five seconds, however "
        "long pip ran. A retry test looked at the exit status of `tee`, so failed installs were labelled as "
        "behaviour (zeros in every column of calls). The malicious side had setuptools installed beforehand, "
        "the benign side had not. The published models fitted their vectoriser before a random split, and "
        "near copies of one campaign stand on both sides of it. Nothing was ever imported. A wheel's install "
        "here runs no code and no pip, so rows from the two laboratories do not lie in one distribution "
        "anyway. The [leak audit](leak-audit.md) measures what of this the rows themselves show."
    )
