"""docs/leak-audit.md: what `pratique research audit-qut` shows on the sample that is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from models.research.leak_audit import PUBLISHED, TableAudit, audit, limits
from models.research.leak_figures import FOLDS
from models.research.leak_laboratory import PIP_FILE_CALLS
from models.research.leak_rows import read_sample
from models.research.leaks import Leak, Verdict

TITLES: Mapping[str, str] = {
    "numbers": "78 rows: their numbers",
    "rows": "14 rows: all columns",
    "packages": "The whole list of packages",
}
VERDICTS: Mapping[Verdict, str] = {
    Verdict.LEAK: "it tells the labels apart by itself, and no code of a package brings it about",
    Verdict.SEPARATES: "it tells the labels apart by itself; the rows cannot say whether packages do it "
    "or the laboratory",
    Verdict.PRESENT: "rows have it, and it does not tell the labels apart, as far as so few rows can say",
    Verdict.UNDECIDED: "no better than guessing, as far as so few rows can say",
    Verdict.ABSENT: "no row has it",
}


@cache
def sample_audits() -> Mapping[str, TableAudit]:
    """Layout → audit of the kept sample, in the order of the page."""
    found = {one.layout: one for one in map(audit, read_sample())}
    return {layout: found[layout] for layout in TITLES}


def leak_page() -> Iterator[str]:
    """The page."""
    audits = sample_audits()
    yield "# Why no model here is trained on QUT-DV25's labels\n"
    yield from _opening(audits)
    yield from _method()
    told: set[tuple[str, str]] = set()
    for layout, one in audits.items():
        yield f"\n## {TITLES[layout]}\n"
        yield limits(one) + "\n"
        yield from _table(one)
        yield from _told(one, told)
    yield from _follows(audits)


def _opening(audits: Mapping[str, TableAudit]) -> Iterator[str]:
    numbers, names = audits["numbers"], audits["packages"]
    route, missed = numbers.of("route.archive_name"), numbers.of("failed.less_than_pip")
    itself = numbers.of("route.total_without_direct")
    yield (
        "QUT-DV25 (arXiv 2505.13804) holds 14,271 installs, half of them malicious, and models trained on it "
        f"are published to be right in up to {100 * PUBLISHED['Combined']:.0f} %. We read and "
        "write its layout ([traces](traces.md)). We do not learn from its labels, because part of what tells "
        "them apart is how the two halves were measured. "
        "This page shows that from the rows themselves. Anyone can have it again:\n"
    )
    yield "```"
    yield "pratique research audit-qut                            # this page's figures"
    yield "pratique research audit-qut QUT-DV25.csv               # the published table, once downloaded"
    yield "pratique research audit-qut --json QUT-DV25.csv | jq   # all of it, with examples"
    yield "```\n"
    yield "Four of them, before the tables:\n"
    yield (
        f"- **Two routes.** {_of(route, malicious=True)} malicious rows are named as an archive on disk is, "
        f"and {_of(route, malicious=False)} benign ones. The "
        "name is no feature, but the features come from those two routes: a total of dependencies "
        "without a single one of its own, which is the package itself, stands in "
        f"{_of(itself, malicious=True)} malicious rows and {_of(itself, malicious=False)} benign ones."
    )
    yield (
        "- **Other people's processes.** The desktop's file indexer is the busiest reader or writer in "
        f"{_of(numbers.of('tracers.indexer'), malicious=True)} malicious rows and "
        f"{_of(numbers.of('tracers.indexer'), malicious=False)} benign ones. In the rows that are kept whole, "
        f"a web browser stands in {_of(audits['rows'].of('tracers.browser'), malicious=True)} and "
        f"{_of(audits['rows'].of('tracers.browser'), malicious=False)}."
    )
    yield (
        f"- **Installs that strace missed.** {_of(missed, malicious=True)} malicious "
        f"rows and {_of(missed, malicious=False)} benign ones have fewer than "
        f"{PIP_FILE_CALLS:,} file calls, where `pip --version` alone makes 5,603. That alone is right in "
        f"{_alone(numbers, 'failed.less_than_pip')} %."
    )
    yield (
        "- **A version is enough.** Over the whole list, the text of the version, learned on other families, "
        f"is right in {_alone(names, 'list.version_alone')} %. The model that the authors compare "
        f"theirs with, on metadata, is published at {100 * PUBLISHED['Metadata']:.1f} %."
    )


def _method() -> Iterator[str]:
    yield "\n## How to read the figures\n"
    yield (
        "*Right alone* is the balanced accuracy of that one tell and nothing else: guessing is 50. It "
        "compares with the published accuracies, which are over as many benign as malicious rows. What "
        "has to be learned (words, nearest rows, bars) is learned on other families than it is asked "
        f"about, in {FOLDS} parts dealt several times; a family is all names that differ in digits, marks "
        "and versions alone. A sign that a row has or not is taken for whichever side it stands with more "
        "often. The interval holds with 99 %, as there are a dozen tells and more, and is as wide as that "
        "of so many families, since eleven releases of one campaign are one piece of news. *Published* is "
        "the authors' random forest on all the columns of that kind, on a random split.\n"
    )
    yield (
        "Neither side of that comparison is the other's bound: a model joins many tells, and rows hold more "
        "than tells. The point is how far a tell gets that no package can bring about.\n"
    )
    yield "| Verdict | Meaning |"
    yield "|---|---|"
    for verdict, words in VERDICTS.items():
        yield f"| {verdict.value} | {words} |"


def _table(one: TableAudit) -> Iterator[str]:
    yield "| Tell | Malicious | Benign | Right alone, % | Published, % | Verdict |"
    yield "|---|---:|---:|---:|---:|---|"
    for leak in one.leaks:
        published = PUBLISHED.get(leak.category)
        yield (
            f"| `{leak.id}` | {_of(leak, malicious=True)} | {_of(leak, malicious=False)} "
            f"| {leak.alone.words if leak.alone else ''} "
            f"| {f'{100 * published:.1f} {leak.category}' if published else ''} | {_verdict(leak)} |"
        )


def _told(one: TableAudit, told: set[tuple[str, str]]) -> Iterator[str]:
    """What was looked for and what it means; what an earlier table told is not told again."""
    yield ""
    for leak in one.leaks:
        if leak.verdict is Verdict.ABSENT or (leak.id, leak.says) in told:
            continue
        told.add((leak.id, leak.says))
        examples = "; ".join(f"`{text.replace('|', ' ')}`" for text in leak.examples)
        yield f"- `{leak.id}`: {leak.looked_for}. {leak.says}{' Such as ' + examples + '.' if examples else ''}"


def _follows(audits: Mapping[str, TableAudit]) -> Iterator[str]:
    numbers = audits["numbers"]
    yield "\n## What this does not show\n"
    yield (
        "- The 78 rows are stretches of the alphabet, not a random draw. A day of measurement lies over each "
        "stretch, so that a tell of the day may be commoner or rarer in the whole. The intervals know "
        "families and do not know days: the rows that name the indexer may be those of two of them."
    )
    yield (
        "- Three tells (`route.socket_calls`, `machine.clock_calls`, `failed.less_than_pip`) were found by "
        "looking at these very rows. Their intervals are no test of them; other rows would be."
    )
    yield (
        f"- One column and one bar are right in {_alone(numbers, 'columns.one_bar')} %. Packages may be part "
        "of that: an attack does things. The rows do not say how much, and that is the trouble with them."
    )
    yield (
        "- It is no proof that the published models used a tell, nor how much accuracy they would lose "
        "without. That takes new runs of both halves by one route. It is why our own corpus has them: one "
        "sandbox, one route, the same files in every box, benign twins that carry every tell."
    )
    yield (
        "- How far the list's versions and names go is in part the attackers' own doing, and fair to use. The "
        "choice of rows is not: many releases of a malicious project, one of nearly every benign one."
    )
    yield "\n## What follows\n"
    yield (
        "No feature is fitted, and no model trained, on these labels. The layout can be read and written, "
        "and the 36 features are measured on our own runs as a baseline ([features](features.md)), with every "
        "cell from its own run alone. The controls of our evaluation ask for the same tells in our own rows."
    )


def _of(leak: Leak, *, malicious: bool) -> str:
    count = leak.malicious if malicious else leak.benign
    return f"{count.shown:,} of {count.of:,}"


def _alone(one: TableAudit, id_: str) -> str:
    alone = one.of(id_).alone
    return alone.words if alone else ""


def _verdict(leak: Leak) -> str:
    return f"**{leak.verdict.value}**" if leak.verdict is Verdict.LEAK else leak.verdict.value
