"""docs/graph.md: what the graph measures and finds, from the tables in the code."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.graph.features import FEATURES
from analyzer.graph.findings import DEFINITIONS
from analyzer.graph.risk import KEPT_PER_HOP, PARTS, RISKY


def graph_page() -> Iterator[str]:
    """The page."""
    yield "# The dependency graph\n"
    yield (
        "`pratique graph REQUIREMENT` shows what a requirement hangs on; every file that is judged has "
        "the same done with it (the source `graph`). Releases are chosen with resolvelib from the "
        "index's metadata alone (PEP 658), for the interpreter of this machine, as a client of this "
        "firewall would: what is refused or held here is passed over, as the listing has it yanked, "
        "where there is another release. What cannot be passed over, being pinned or the last of its "
        "kind, is in the tree and has a finding.\n"
    )
    yield (
        "*New* is measured against the last release that was served here, by what it was seen to "
        "depend on then; where none was, against the release before on the index, as it would be "
        "resolved today, in which only changes of the release itself show.\n"
    )
    yield (
        "What the metadata of a file is not known for is *missing* until it was read; where the index "
        "does not answer for a part of the tree, the source is *missing* as well, and what was found on "
        "the rest stands. A tree is believed for an hour, what is known of its releases is asked anew "
        "each time. When a release is refused later, those that were served with it in their tree are "
        "judged again, ten in each sweep.\n"
    )
    yield "## Findings\n"
    yield "| Id | Title | At most | When |"
    yield "|---|---|---|---|"
    for one in DEFINITIONS.values():
        yield f"| `{one.id}` | {one.title} | {one.severity.value} | {one.rationale} |"
    yield (
        "\nA requirement by direct URL, anywhere in the tree, is the reader's finding "
        "(`direct-url-dependency`); here it is counted.\n"
    )
    yield "## Risk\n"
    yield (
        "Each release has a risk of its own in thousandths, of which the parts add up as chances do; "
        f"from {RISKY} it is called risky. {KEPT_PER_HOP} thousandths are left after each requirement "
        "between, so that the most over all paths is what is left over the shortest. Parts with a * "
        "tell how little is known, and weigh a quarter once the release was approved here.\n"
    )
    yield "| Part | Thousandths | Why |"
    yield "|---|---:|---|"
    for part in PARTS.values():
        star = " *" if part.of_ignorance else ""
        yield f"| `{part.id}`{star} | {part.milli} | {part.meaning} |"
    yield "\n## Features\n"
    yield (
        "Signals of the layer *provenance*. Those that only living projects have are marked, so that "
        "training must not use them.\n"
    )
    yield "| Signal | Meaning | Unit | Living only |"
    yield "|---|---|---|---|"
    for feature in FEATURES:
        yield (
            f"| `{feature.name}` | {feature.meaning} | {feature.unit or 'count'} "
            f"| {'yes' if feature.live_only else ''} |"
        )
    yield "\nBeside them `graph.tree` names the joined tree that the picture is drawn from.\n"
    yield "## Limits\n"
    yield (
        "- A tree is that of one interpreter and platform; a marker for another is not followed.\n"
        "- An index that has no metadata of a release leaves its requirements to a guess from an "
        "older one; `graph.undescribed` counts those.\n"
        "- A project split off last week by honest hands is brand-new as well, and what newly needs it "
        "is held until somebody allows it or it is a week old.\n"
        "- A dependency's repository is what its metadata claims; only an attestation of a file that "
        "was judged here makes a publisher.\n"
        "- Owners, findings and publishers are known of what was judged here alone."
    )
