"""The report: an evaluation told as a short paper, one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from models.research.ablation import EQUAL_RATE
from models.research.calibration import BEYOND_MIN, Edge
from models.research.controls import CHANCE_TOLERANCE, broken
from models.research.decided import BOTH
from models.research.evaluation import FAMILY_RATE
from models.research.figures import draw
from models.research.goals import UNSEEN, Met, goals, in_percent, in_points
from models.research.leak_audit import PUBLISHED
from models.research.metrics import PRIORS, RATES, AtRate, Interval
from models.research.results import Evaluation, Lead, Scored, View, Year
from models.research.scorers import LEARNERS, MODEL

TEMPLATES = Path(__file__).parent / "templates"
VIEW_WORDS = {
    View.STATIC: "static: real malware by its archive, against honest artifacts",
    View.BEHAVIOUR: "behaviour: re-enactments by their run, against honest artifacts",
    View.HYBRID: "hybrid: composites of a real archive and a real run, against honest artifacts",
}
SPLIT_WORDS = {
    "random": "at random: siblings on both sides",
    "grouped": "groups kept together",
    "time": "out of time, unseen groups",
    "leave-one-technique-out": "technique unseen in training",
    "leave-one-recipe-out": "recipe unseen, its technique not",
}
HEADLINE_RATE = 0.01
YEARS_TOLD = 6
"""Years that stand one by one; what is older is told together."""


def render_report(evaluation: Evaluation, *, title: str = "Learned trust, measured") -> str:
    """The page as text; figures are inside it, nothing is fetched. The same text for the same value."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": in_percent,
        "points": in_points,
        "percent": _percent,
        "figure": lambda value: f"{value:.3f}",
        "spread": _spread,
        "small": _small,
    }
    template = environment.get_template("report.html")
    better = _better(evaluation)
    figures = {name: Markup(svg) for name, svg in draw(evaluation).items()}  # noqa: S704 - ours
    return template.render(
        title=title,
        evaluation=evaluation,
        figures=figures,
        goals=goals(evaluation),
        met=Met,
        both=BOTH,
        broken=broken(evaluation.controls),
        dysec=sorted(PUBLISHED.items(), key=lambda one: -one[1]),
        rates=RATES,
        priors=PRIORS,
        view_words=VIEW_WORDS,
        split_words=SPLIT_WORDS,
        views=tuple(View),
        model=MODEL,
        family_rate=FAMILY_RATE,
        equal_rate=EQUAL_RATE,
        headline_rate=HEADLINE_RATE,
        tolerance=CHANCE_TOLERANCE,
        own=_own(evaluation),
        rivals={view: _rivals(evaluation, view) for view in View},
        leads=tuple(one for one in evaluation.leads if _told(one.rate, own=one.own_threshold)),
        inflation=_inflation(evaluation),
        unseen=evaluation.find(MODEL, UNSEEN, View.BEHAVIOUR),
        missed=tuple(one for one in evaluation.families if not one.caught),
        better=better,
        level=tuple(one for one in better if one.lead.low <= 0),
        benign=sum(one.rows for one in evaluation.counts if not one.malicious),
        edges=_edges(evaluation),
        beyond_min=BEYOND_MIN,
        years=evaluation.limits.years[:YEARS_TOLD],
        older=_older(evaluation.limits.years[YEARS_TOLD:]),
        ages=_ages(evaluation.limits.years),
    )


def write_report(evaluation: Evaluation, path: Path) -> None:
    """Write the page."""
    path.write_text(render_report(evaluation), encoding="utf-8")


def _own(evaluation: Evaluation) -> tuple[Scored, ...]:
    """The model itself, by view and then by split."""
    order = list(View)
    own = [one for one in evaluation.scored if one.scorer == MODEL]
    return tuple(sorted(own, key=lambda one: order.index(one.view)))


def _rivals(evaluation: Evaluation, view: View) -> tuple[Scored, ...]:
    """All scorers on grouped folds in one view, best first at the headline rate."""
    found = [one for one in evaluation.scored if one.split == "grouped" and one.view is view]
    return tuple(
        sorted(found, key=lambda one: (-one.measures.recall(HEADLINE_RATE).value, one.scorer))
    )


def _told(rate: float, *, own: bool) -> bool:
    return own or rate == HEADLINE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflation:
    """Static recall under a random split and out of time, at the headline rate."""

    random: Interval
    later: Interval
    later_items: int
    """Malicious ones."""

    @property
    def apart(self) -> bool:
        """Whether the random split's figure lies above what the other's interval holds."""
        return self.random.low > self.later.high


def _inflation(evaluation: Evaluation) -> Inflation | None:
    random = evaluation.find(MODEL, "random", View.STATIC)
    later = evaluation.find(MODEL, "time", View.STATIC)
    if random is None or later is None:
        return None
    return Inflation(
        random=random.recall(HEADLINE_RATE),
        later=later.recall(HEADLINE_RATE),
        later_items=later.malicious,
    )


def _better(evaluation: Evaluation) -> tuple[Lead, ...]:
    """The strongest learned baseline of each view on grouped folds, and how the model stands to it."""
    found = []
    for view in View:
        leads = [
            one
            for one in evaluation.leads
            if (one.split, one.view, one.rate) == ("grouped", view, HEADLINE_RATE)
            and one.scorer in LEARNERS
        ]
        if leads:
            found.append(max(leads, key=lambda one: (one.theirs, one.scorer)))
    return tuple(found)


def _edges(evaluation: Evaluation) -> tuple[tuple[str, Edge], ...]:
    """What lies on either side of each edge, and the edge; the best tier first."""
    edges = evaluation.calibration.edges
    return (
        ("APPROVE to MONITOR (81|80)", edges.e80),
        ("MONITOR to QUARANTINE (61|60)", edges.e60),
        ("QUARANTINE to BLOCK (31|30)", edges.e30),
    )


def _older(years: Sequence[Year]) -> Year | None:
    """All of them as one, under the last of them."""
    if not years:
        return None
    return Year(
        year=years[0].year,
        honest=sum(one.honest for one in years),
        malware=sum(one.malware for one in years),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How far the years of honest artifacts are those of malware."""

    honest: int
    honest_peak: Year
    """The year that most honest artifacts are of."""
    malware: int
    malware_first: int
    malware_last: int
    after: int
    """Honest artifacts of years after the last malware."""


def _ages(years: Sequence[Year]) -> Ages | None:
    """None where one side has no day at all."""
    of_malware = [one.year for one in years if one.malware]
    honest = sum(one.honest for one in years)
    if not of_malware or not honest:
        return None
    return Ages(
        honest=honest,
        honest_peak=max(years, key=lambda one: (one.honest, one.year)),
        malware=sum(one.malware for one in years),
        malware_first=min(of_malware),
        malware_last=max(of_malware),
        after=sum(one.honest for one in years if one.year > max(of_malware)),
    )


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _spread(found: Interval) -> str:
    """`0.973 (0.951 to 0.988)`."""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _small(at: AtRate) -> str:
    """Precision at each prior, in percent."""
    return " / ".join(f"{100 * precision:.1f} %" for _, precision in at.precision)
