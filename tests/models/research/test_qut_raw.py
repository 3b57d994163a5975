"""Raw files: the tools' own columns, written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.categories import (
    Categories,
    FiletopRow,
    FileType,
    OpensnoopRow,
    PatternRow,
    Relation,
    SystemCallRow,
    process_name,
)
from models.phase import Phase
from models.research.qut import row_of
from models.research.qut_raw import NAMES, read_raw, read_strace, safe_name, write_raw
from models.research.qut_reader import TableInvalid
from models.trace import Category
from tests.models.research.test_qut import P1, RUN, opened

PACKAGE = "demo-1.0.tar.gz"

# Lines as the tools print them (examples of bcc's own documentation, shortened).
FILETOP = """\
Tracing... Output every 1 secs. Hit Ctrl-C to end

08:00:23 loadavg: 0.91 0.33 0.23 3/286 26635

TID    COMM             READS  WRITES R_Kb    W_Kb    T FILE
26628  ld               161    186    643     152     R built-in.o
12421  sshd             3      14104  48      778     S TCP
809    Socket Thread    2      0      8       0       R nsswitch.conf
"""
OPENSNOOP = """\
PID    COMM               FD ERR PATH
1576   snmpd              11   0 /proc/net/dev
17358  run                -1   6 /dev/tty
2679   sed                -1   2
"""
TCP = """\
SKADDR           C-PID C-COMM     LADDR           LPORT RADDR           RPORT OLDSTATE    -> NEWSTATE    MS
ffff9fd7e8192000 22384 curl       100.66.100.185  0     52.33.159.26    80    CLOSE       -> SYN_SENT    0.000
ffff9fd7e8192000 0     swapper/5  100.66.100.185  63446 52.33.159.26    80    SYN_SENT    -> ESTABLISHED 1.373
ffff9fd7e8192001 9     Socket Thr 100.66.100.185  0     52.33.159.26    443   CLOSE       -> SYN_SENT    0.000
"""
INSTALL = """\
Processing ./elasticsearch-8.15.1.tar.gz
Collecting elastic-transport<9,>=8.13 (from elasticsearch==8.15.1)
  Downloading elastic_transport-8.15.1-py3-none-any.whl (64 kB)
Collecting urllib3<3,>=1.26.2 (from elastic-transport<9,>=8.13->elasticsearch==8.15.1)
Successfully installed elastic-transport-8.15.1 elasticsearch-8.15.1 urllib3-2.2.3
"""
STRACE = """\
10:00:00 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3
10:00:00 ioctl(3, TCGETS, 0x7ffd) = -1 ENOTTY (Inappropriate ioctl for device)
10:00:00 lseek(3, 0, SEEK_CUR) = 0
10:00:00 lseek(3, 0, SEEK_CUR) = 0
10:00:00 --- SIGCHLD {si_signo=SIGCHLD} ---
10:00:00 exit_group(0) = ?
10:00:00 +++ exited with 0 +++
"""


def texts(package: str = PACKAGE) -> dict[Category, str]:
    written = write_raw(package, PACKAGE, RUN)
    return {category: written[name.format(safe_name(package))] for category, name in NAMES.items()}


def test_raw__what_was_written_is_read_with_the_same_features() -> None:
    assert row_of(PACKAGE, read_raw(PACKAGE, texts())).values == row_of(PACKAGE, RUN).values


def test_raw__files_are_six_in_folders_of_their_own() -> None:
    names = list(write_raw(PACKAGE, PACKAGE, RUN))
    assert len(names) == 6
    assert "QUT-DV25_TCP_Traces/demo-1.0.tar.gz_tcptraces.txt" in names


@pytest.mark.parametrize("package", ["../../etc/x", "a/b", ".hidden", "", "x\n"])
def test_raw__a_package_cannot_name_a_file_elsewhere(package: str) -> None:
    for name in write_raw(package, PACKAGE, RUN):
        folder, _, file = name.partition("/")
        assert folder.startswith("QUT-DV25_")
        assert "/" not in file
        assert file.isprintable()
        assert not file.startswith(".")


def test_raw__a_path_cannot_forge_a_line() -> None:
    hostile = opened("/x\n17358  run                -1   6 /dev/tty")
    categories = type(RUN)(opensnoop=(hostile,))
    text = write_raw(PACKAGE, PACKAGE, categories)[NAMES[Category.OPENSNOOP].format(PACKAGE)]
    assert len(text.splitlines()) == 2


def test_filetop__the_tools_own_lines_are_read() -> None:
    rows = read_raw(PACKAGE, {Category.FILETOP: FILETOP}).filetop
    assert [(row.pid, row.process, row.path) for row in rows] == [
        (26628, "ld", "built-in.o"),
        (12421, "sshd", "TCP"),
        (809, "Socket Thread", "nsswitch.conf"),
    ]
    assert (rows[0].reads, rows[0].writes) == (161, 186)
    assert (rows[0].read_bytes, rows[0].written_bytes) == (643 * 1024, 152 * 1024)
    assert [row.type for row in rows] == [FileType.REGULAR, FileType.SOCKET, FileType.REGULAR]


def test_opensnoop__the_tools_own_lines_are_read() -> None:
    rows = read_raw(PACKAGE, {Category.OPENSNOOP: OPENSNOOP}).opensnoop
    assert [(row.pid, row.process, row.descriptor, row.errno, row.path) for row in rows] == [
        (1576, "snmpd", 11, 0, "/proc/net/dev"),
        (17358, "run", -1, 6, "/dev/tty"),
        (2679, "sed", -1, 2, ""),
    ]


def test_tcp__the_tools_own_lines_are_read() -> None:
    """A process name with a space shifts no column here, as it does in the dataset (`443 -> CLOSE`)."""
    rows = read_raw(PACKAGE, {Category.TCP: TCP}).tcp
    assert [(row.old, row.new, row.remote_port) for row in rows] == [
        ("CLOSE", "SYN_SENT", 80),
        ("SYN_SENT", "ESTABLISHED", 80),
        ("CLOSE", "SYN_SENT", 443),
    ]
    assert rows[1].lasted_us == 1373
    assert rows[0].socket == rows[1].socket != rows[2].socket
    assert (rows[1].local_address, rows[1].local_port) == ("100.66.100.185", 63446)


def test_installation__pips_own_words_are_read() -> None:
    rows = read_raw("elasticsearch", {Category.INSTALLATION: INSTALL}).installation
    assert [(row.owner, row.version, row.relation, row.requirement) for row in rows] == [
        ("elastic-transport", "8.15.1", Relation.DIRECT, "elastic-transport<9,>=8.13"),
        ("urllib3", "2.2.3", Relation.INDIRECT, "urllib3<3,>=1.26.2"),
    ]


def test_strace__is_counted_thread_by_thread() -> None:
    calls, patterns = read_strace([STRACE, 'read(3, "", 4) = 0\n'])
    assert SystemCallRow(phase=Phase.INSTALL, name="lseek", count=2) in calls
    assert SystemCallRow(phase=Phase.INSTALL, name="ioctl", count=1, errors=1) in calls
    assert {row.name for row in calls} == {"openat", "ioctl", "lseek", "exit_group", "read"}
    assert patterns == (
        PatternRow(phase=Phase.INSTALL, calls=("openat", "ioctl", "lseek"), count=1),
        PatternRow(phase=Phase.INSTALL, calls=("ioctl", "lseek", "lseek"), errno=25, count=1),
        PatternRow(phase=Phase.INSTALL, calls=("lseek", "lseek", "exit_group"), count=1),
    )


@pytest.mark.parametrize(
    ("category", "column", "line"),
    [
        (Category.FILETOP, "T", "26628  ld  161    186    643  152  Q built-in.o"),
        (Category.FILETOP, "W_Kb", "26628  ld  161    186    643  R built-in.o"),
        (Category.OPENSNOOP, "FD", "1576   snmpd   zero none /proc"),
        (Category.OPENSNOOP, "ERR", "1576   snmpd   3 none /proc"),
        (Category.TCP, "->", "ffff9fd7e8192000 1 curl 100.66.1.8 0 52.33.1.6 80 CLOSE SYN_SENT"),
        (Category.TCP, "MS", "f 1 curl 100.66.1.8 0 52.33.1.6 80 CLOSE -> SYN_SENT soon"),
        (Category.SYSTEM_CALL, "calls", "  0.00    0.000000           0         many       read"),
        (Category.PATTERN, "CALLS", "        9  read -> read"),
    ],
)
def test_raw__a_malformed_row_is_told_with_its_line_and_column(
    category: Category, column: str, line: str
) -> None:
    with pytest.raises(TableInvalid) as caught:
        read_raw(PACKAGE, {category: f"HEADER\n{line}\n"})
    (problem,) = caught.value.problems
    assert problem.where == f"{category.value}, line 2, column {column}"


PATHS = st.text(max_size=60)
PROCESSES = PATHS.map(process_name)


@given(
    st.lists(st.tuples(PATHS, PROCESSES, st.integers(0, 500)), max_size=6),
    st.lists(st.tuples(PATHS, PROCESSES, *[st.integers(0, 10**9)] * 4), max_size=6),
)
def test_raw__whatever_a_package_calls_its_files_its_features_survive(
    opens: list[tuple[str, str, int]], moves: list[tuple[str, str, int, int, int, int]]
) -> None:
    categories = Categories(
        opensnoop=tuple(
            OpensnoopRow(phase=P1, pid=1, process=process, descriptor=number, path=path)
            for path, process, number in opens
        ),
        filetop=tuple(
            FiletopRow(
                phase=P1,
                pid=1,
                process=process,
                reads=reads,
                writes=writes,
                read_bytes=read,
                written_bytes=written,
                path=path,
            )
            for path, process, reads, writes, read, written in moves
        ),
    )
    written = write_raw(PACKAGE, PACKAGE, categories)
    read = {category: written[name.format(PACKAGE)] for category, name in NAMES.items()}
    assert row_of(PACKAGE, read_raw(PACKAGE, read)).values == row_of(PACKAGE, categories).values
