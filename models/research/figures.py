"""The report's figures as SVG: the same bytes for the same evaluation, in the colours of their page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from models.research.ablation import EQUAL_RATE
from models.research.controls import CHANCE, CHANCE_TOLERANCE
from models.research.results import Curve, Evaluation, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET, LINE = "#010101", "#020202", "#030303"
BLUE, ORANGE, GREEN, VIOLET, GREY = "#040404", "#050505", "#060606", "#070707", "#080808"
GOOD, WATCH, HELD, BAD = "#090909", "#0a0a0a", "#0b0b0b", "#0c0c0c"
_PAGE = {
    INK: "currentColor",
    QUIET: "var(--quiet, #5c666f)",
    LINE: "var(--line, #dcd9d2)",
    BLUE: "var(--blue, #2f6fb2)",
    ORANGE: "var(--orange, #c2691b)",
    GREEN: "var(--green, #2e8463)",
    VIOLET: "var(--violet, #7a58b0)",
    GREY: "var(--grey, #7d858d)",
    GOOD: "var(--good, #1a6b3c)",
    WATCH: "var(--watch, #7a5b00)",
    HELD: "var(--held, #9a4a00)",
    BAD: "var(--bad, #a3162a)",
}
"""What is drawn with → what the page says it is, so that one drawing serves light and dark."""
SERIES = (BLUE, ORANGE, GREEN, VIOLET, GREY, BAD)
WIDTH_IN = 7.6
FPR_FLOOR = 5e-4
"""Where the logarithmic axis begins: below it no corpus of this size can tell rates apart."""
_FONT = re.compile(r"font: ([0-9.]+px) [^;\"]*")


def draw(evaluation: Evaluation) -> dict[str, str]:
    """All figures by name, as `<svg>` elements; a figure without data is left out."""
    found = {}
    for name, (drawing, rows) in _DRAWINGS.items():
        height = rows(evaluation)
        if height:
            found[name] = _svg(name, drawing, evaluation, height)
    return found


def _svg(
    name: str, drawing: Callable[[Figure, Evaluation], None], evaluation: Evaluation, height: float
) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - an extra of research
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra of research

    with _style(name):
        figure = Figure(figsize=(WIDTH_IN, height), layout="constrained")
        FigureCanvasSVG(figure)
        drawing(figure, evaluation)
        out = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(out, format="svg", metadata=nothing, transparent=True)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for drawn, told in _PAGE.items():
        text = text.replace(drawn, told)
    text = _FONT.sub(r"font: \1 system-ui, sans-serif", text)
    # Ids are the drawing's own; several drawings share a page.
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-labelledby="caption-{name}" ', 1)


@contextmanager
def _style(name: str) -> Iterator[None]:
    import matplotlib as mpl  # noqa: PLC0415 - an extra of research

    settings: dict[str, object] = {
        "svg.hashsalt": f"pratique-{name}",
        "svg.fonttype": "none",
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": QUIET,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": LINE,
        "grid.linewidth": 0.7,
        "xtick.color": QUIET,
        "ytick.color": QUIET,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "lines.linewidth": 1.7,
    }
    with mpl.rc_context(settings):  # type: ignore[arg-type]
        yield


# ---- curves --------------------------------------------------------------------------------------

_SPLITS = {
    "learned, random": ("random split", GREY, (0, (4, 2))),
    "learned, grouped": ("groups kept together", BLUE, "-"),
    "learned, time": ("later, unseen groups", BAD, "-"),
    "learned, leave-one-technique-out": ("unseen technique", ORANGE, "-"),
    "learned, leave-one-recipe-out": ("unseen recipe", GREEN, "-"),
}
_TITLES = {View.STATIC: "Static: real malware", View.BEHAVIOUR: "Behaviour: re-enactments"}


def _roc(figure: Figure, evaluation: Evaluation) -> None:
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (view, title) in zip(axes, _TITLES.items(), strict=True):
        for curve in evaluation.curves:
            if curve.view is view and curve.name in _SPLITS:
                label, colour, dashes = _SPLITS[curve.name]
                axis.step(*_log_roc(curve), where="post", c=colour, ls=dashes, label=label)
        axis.set_xscale("log")
        axis.set_xlim(FPR_FLOOR, 1)
        axis.set_ylim(0, 1.01)
        axis.set_title(title)
        axis.set_xlabel("honest artifacts flagged")
        axis.xaxis.set_major_formatter(_percent_log())
        axis.yaxis.set_major_formatter(_percent())
        axis.legend(loc="lower right")
    axes[0].set_ylabel("malicious caught")


def _log_roc(curve: Curve) -> tuple[list[float], list[float]]:
    x = [max(point[0], FPR_FLOOR) for point in curve.roc]
    return x, [point[1] for point in curve.roc]


_SCORERS = {
    "learned, grouped": ("learned", BLUE, 2.4),
    "metadata alone": ("metadata alone", GREEN, 1.3),
    "behaviour alone": ("behaviour alone", GREEN, 1.3),
    "provenance alone": ("provenance alone", VIOLET, 1.3),
    "weighted sum": ("weighted sum", ORANGE, 1.3),
    "logistic regression": ("logistic regression", GREY, 1.3),
    "DySec forest": ("DySec forest", BAD, 1.3),
}


def _precision(figure: Figure, evaluation: Evaluation) -> None:
    axes = figure.subplots(1, 3, sharey=True)
    for axis, view in zip(axes, View, strict=True):
        for curve in evaluation.curves:
            if curve.view is view and curve.name in _SCORERS:
                label, colour, width = _SCORERS[curve.name]
                x, y = zip(*curve.precision, strict=True)
                axis.plot(x, y, c=colour, lw=width, label=label)
        axis.set_title(view.value.capitalize())
        axis.set_xlim(0, 1.01)
        axis.set_ylim(0.5, 1.005)
        axis.set_xlabel("malicious caught")
        axis.xaxis.set_major_formatter(_percent())
        axis.yaxis.set_major_formatter(_percent())
        axis.legend(loc="lower left", fontsize=7)
    axes[0].set_ylabel("precision, half malicious")


# ---- the scale -----------------------------------------------------------------------------------


def _distribution(figure: Figure, evaluation: Evaluation) -> None:
    axis = figure.subplots()
    bounds = evaluation.distribution.bounds
    histograms = evaluation.distribution.histograms[::-1]
    _bands(axis, evaluation, len(histograms))
    for row, one in enumerate(histograms):
        peak = max(one.shares)
        heights = [row + 0.85 * share / peak for share in one.shares]
        colour = BAD if one.malicious else BLUE
        axis.stairs(heights, bounds, baseline=row, fill=True, color=colour, alpha=0.55, lw=0)
        axis.stairs(heights, bounds, baseline=row, color=colour, lw=1)
    axis.set_yticks([row + 0.2 for row in range(len(histograms))], [one.name for one in histograms])
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.set_ylim(-0.1, len(histograms) + 0.35)
    axis.set_xlim(bounds[0], bounds[-1])
    axis.grid(visible=False, axis="y")
    axis.set_xlabel("calibrated log-odds of malice, 1 in 1,000 malicious (riskier to the right)")


def _bands(axis: Axes, evaluation: Evaluation, rows: int) -> None:
    left, right = evaluation.distribution.bounds[0], evaluation.distribution.bounds[-1]
    edges = [min(max(edge, left), right) for edge in evaluation.calibration.edges.margins]
    bands = zip(
        [left, *edges],
        [*edges, right],
        ("APPROVE", "MONITOR", "QUARANTINE", "BLOCK"),
        (GOOD, WATCH, HELD, BAD),
        strict=True,
    )
    for start, end, name, colour in bands:
        axis.axvspan(start, end, color=colour, alpha=0.09, lw=0)
        if end - start > 0.08 * (right - left):
            axis.text(
                (start + end) / 2, rows + 0.1, name, c=colour, ha="center", size=7.5, weight="bold"
            )


def _tiers(figure: Figure, evaluation: Evaluation) -> None:
    axis = figure.subplots()
    rows = evaluation.tiers[::-1]
    names = [f"{one.name} ({one.rows:,})" for one in rows]
    left = [0.0] * len(rows)
    for tier, colour in (
        ("approve", GOOD),
        ("monitor", WATCH),
        ("quarantine", HELD),
        ("block", BAD),
    ):
        shares = [getattr(one, tier) for one in rows]
        axis.barh(
            names, shares, left=left, color=colour, alpha=0.75, height=0.68, label=tier.upper()
        )
        left = [start + share for start, share in zip(left, shares, strict=True)]
    axis.set_xlim(0, 1)
    axis.xaxis.set_major_formatter(_percent())
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.grid(visible=False, axis="y")
    figure.legend(loc="outside upper right", ncols=4)


def _calibration(figure: Figure, evaluation: Evaluation) -> None:
    axis = figure.subplots()
    bins = evaluation.calibration.bins
    most = max(one.weight for one in bins)
    axis.plot([0, 1], [0, 1], c=QUIET, lw=1, ls=(0, (4, 2)))
    axis.plot([one.predicted for one in bins], [one.observed for one in bins], c=BLUE, lw=1.2)
    axis.scatter(
        [one.predicted for one in bins],
        [one.observed for one in bins],
        s=[20 + 120 * one.weight / most for one in bins],
        c=BLUE,
    )
    axis.set_box_aspect(0.62)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    axis.set_xlabel("predicted share, held out, half malicious")
    axis.set_ylabel("observed share")
    axis.xaxis.set_major_formatter(_percent())
    axis.yaxis.set_major_formatter(_percent())


# ---- bars ----------------------------------------------------------------------------------------


def _controls(figure: Figure, evaluation: Evaluation) -> None:
    axis = figure.subplots()
    rows = sorted(evaluation.controls, key=lambda one: (one.must_hold, one.name), reverse=True)[
        ::-1
    ]
    axis.axvspan(0, CHANCE + CHANCE_TOLERANCE, color=GOOD, alpha=0.08, lw=0)
    axis.axvline(CHANCE, c=QUIET, lw=1, ls=(0, (4, 2)))
    for at, one in enumerate(rows):
        colour = GREY if not one.must_hold else (BAD if one.rises else GOOD)
        axis.plot([one.auroc.low, one.auroc.high], [at, at], c=colour, lw=2)
        axis.plot([one.auroc.value], [at], c=colour, marker="o", ms=6, ls="")
    axis.set_yticks(range(len(rows)), [one.name for one in rows])
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.set_xlim(min(0.3, *(one.auroc.low for one in rows)), 1.0)
    axis.grid(visible=False, axis="y")
    axis.set_xlabel(
        "AUROC, with 95 % interval (green: chance and its tolerance; grey: need not hold)"
    )


def _ablation(figure: Figure, evaluation: Evaluation) -> None:
    axes = figure.subplots(1, 3, sharey=True)
    rows = evaluation.ablation[::-1]
    names = [f"{one.kind} {one.name} ({one.features})" for one in rows]
    for number, (axis, view) in enumerate(zip(axes, View, strict=True)):
        found = [next(loss.lost for loss in one.losses if loss.view == view.value) for one in rows]
        axis.barh(
            names, [one.value for one in found], color=SERIES[number], alpha=0.75, height=0.62
        )
        for at, one in enumerate(found):
            axis.plot([one.low, one.high], [at, at], c=INK, lw=1)
        axis.axvline(0, c=QUIET, lw=1)
        axis.set_title(view.value.capitalize())
        axis.xaxis.set_major_formatter(_percent())
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0, labelcolor=INK)
        axis.locator_params(axis="x", nbins=4)
    axes[1].set_xlabel(f"recall lost at {EQUAL_RATE:.0%} false positives, in points")


def _families(figure: Figure, evaluation: Evaluation) -> None:
    axis = figure.subplots()
    rows = evaluation.families[::-1]
    places = range(len(rows))
    caught = [one.caught / one.grafts for one in rows]
    flagged = [one.flagged / one.twins if one.twins else 0.0 for one in rows]
    axis.barh(
        [at + 0.18 for at in places],
        caught,
        color=BAD,
        alpha=0.75,
        height=0.36,
        label="re-enactments caught",
    )
    axis.barh(
        [at - 0.18 for at in places],
        flagged,
        color=BLUE,
        alpha=0.75,
        height=0.36,
        label="benign twins flagged",
    )
    axis.set_yticks(list(places), [f"{one.name} ({one.grafts})" for one in rows])
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.set_xlim(0, 1)
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.grid(visible=False, axis="y")
    axis.xaxis.set_major_formatter(_percent())
    figure.legend(loc="outside upper right", ncols=2)


# ---- axes, sizes ---------------------------------------------------------------------------------


def _percent() -> Callable[[float, float], str]:
    return lambda value, _: f"{value:.0%}"


def _percent_log() -> Callable[[float, float], str]:
    return lambda value, _: f"{value * 100:g}%"


def _listed(rows: Sequence[object], *, each: float, around: float) -> float:
    return around + each * len(rows) if rows else 0.0


_DRAWINGS: dict[str, tuple[Callable[[Figure, Evaluation], None], Callable[[Evaluation], float]]] = {
    "roc": (_roc, lambda _: 3.3),
    "precision": (_precision, lambda _: 2.9),
    "distribution": (
        _distribution,
        lambda one: _listed(one.distribution.histograms, each=0.42, around=0.9),
    ),
    "tiers": (_tiers, lambda one: _listed(one.tiers, each=0.26, around=0.8)),
    "families": (_families, lambda one: _listed(one.families, each=0.27, around=0.9)),
    "calibration": (_calibration, lambda one: _listed(one.calibration.bins, each=0.0, around=3.6)),
    "controls": (_controls, lambda one: _listed(one.controls, each=0.27, around=0.8)),
    "ablation": (_ablation, lambda one: _listed(one.ablation, each=0.25, around=0.9)),
}
