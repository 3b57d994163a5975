"""One call gives every figure, from models that had not seen what they are asked about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.errors import ValueInvalid
from models.research.evaluation import evaluate
from models.research.report import render_report
from models.research.results import View
from models.research.rows import Population, Table
from models.research.scorers import LEARNERS, MODEL, Other
from tests.models.research import synthetic

FOUND = synthetic.evaluation()


def _evaluate(table: Table) -> None:
    columns = synthetic.columns_of(table.features)
    evaluate(
        table,
        layers=columns.layers,
        directions=columns.directions,
        seed=1,
        scope=synthetic.QUICK,
    )


def test_evaluate__covers_each_split_in_the_views_that_it_tests() -> None:
    own = {(one.split, one.view) for one in FOUND.scored if one.scorer == MODEL}
    assert own == {
        *(("random", view) for view in View),
        *(("grouped", view) for view in View),
        ("time", View.STATIC),
        ("leave-one-technique-out", View.BEHAVIOUR),
        ("leave-one-recipe-out", View.BEHAVIOUR),
    }
    assert len(dict(FOUND.split_digests)) == len(set(dict(FOUND.split_digests).values())) == 5


def test_evaluate__baselines_are_asked_out_of_time_as_the_model_is() -> None:
    later = {
        one.scorer
        for one in FOUND.leads
        if (one.split, one.view, one.rate) == ("time", View.STATIC, 0.01)
    }
    assert later == {
        "metadata alone",
        "provenance alone",
        "weighted sum",
        "logistic regression",
    } | {"other"}
    assert later - {"other"} <= set(LEARNERS)


def test_evaluate__pairs_on_the_items_that_both_have_scored() -> None:
    """The other scorer was asked about every second row."""
    leads = {one.scorer: one for one in FOUND.leads if (one.split, one.rate) == ("grouped", 0.01)}
    model = FOUND.find(MODEL, "grouped", View.STATIC)
    other = FOUND.find("other", "grouped", View.STATIC)
    assert model is not None
    assert other is not None
    assert leads["other"].items == other.malicious + other.benign
    assert leads["other"].items < model.malicious + model.benign
    own = [one for one in FOUND.leads if one.own_threshold]
    assert {one.split for one in own} == {"grouped", "time"}
    assert all(0 < one.rate < 0.1 for one in own)


def test_evaluate__leads_are_the_difference_of_the_two_recalls() -> None:
    for one in FOUND.leads:
        assert one.lead.value == pytest.approx(one.ours - one.theirs)
        assert one.lead.low <= one.lead.value <= one.lead.high


def test_evaluate__tiers_are_whole_and_each_technique_is_counted() -> None:
    for one in FOUND.tiers:
        assert one.approve + one.monitor + one.quarantine + one.block == pytest.approx(1)
    grafts = next(one.rows for one in FOUND.counts if one.population == "graft")
    assert sum(one.grafts for one in FOUND.families) == grafts
    assert all(one.caught <= one.grafts and one.flagged <= one.twins for one in FOUND.families)


def test_evaluate__compares_with_the_published_table_row_by_row() -> None:
    assert [one.name for one in FOUND.compared] == ["Static", "Behaviour", "Graph", "Hybrid"]
    for one in FOUND.compared:
        assert one.ours is not None
        assert one.ours.fpr <= 0.05 + 1e-9


def test_evaluate__a_layer_of_which_nothing_varies_is_absent_and_no_number() -> None:
    flat = synthetic.flattened(synthetic.table(), "graph")
    columns = synthetic.columns_of(flat.features)
    found = evaluate(
        flat,
        layers=columns.layers,
        directions=columns.directions,
        seed=1,
        scope=replace(synthetic.QUICK, ablation=False, resamples=5),
    )
    assert found.features.absent == (("provenance", 4),)
    assert found.features.layers == (("metadata", 8), ("behaviour", 8))
    assert (found.features.offered, found.features.varying) == (20, 16)
    assert found.features.used <= 16
    assert [one.name for one in found.compared if one.ours is None] == ["Graph"]
    assert "provenance alone" not in {one.scorer for one in found.scored}
    page = render_report(found)
    assert "absent: none of its 4 columns varies" in page
    assert "absent: no column of this kind varies" in page
    assert "Of provenance none of 4 varies" in page


def test_evaluate__says_where_leaving_a_recipe_out_leaves_its_kin_in() -> None:
    made = synthetic.table()
    first = next(at for at, row in enumerate(made.rows) if row.population is Population.GRAFT)
    # A graft and its twin follow each other; each pair gets a recipe of its own.
    pairs = tuple(
        replace(row, template=f"recipe-{at // 2}", group=f"pair-{at // 2}")
        for at, row in enumerate(made.rows[first:])
    )
    alone = replace(made, rows=(*made.rows[:first], *pairs))
    columns = synthetic.columns_of(made.features)
    scope = replace(synthetic.QUICK, ablation=False, resamples=5)

    def notes(table: Table) -> str:
        found = evaluate(
            table, layers=columns.layers, directions=columns.directions, seed=1, scope=scope
        )
        return " ".join(found.notes)

    assert "one of a recipe each" not in notes(made)
    assert "one of a recipe each" in notes(alone)


@pytest.mark.parametrize("gone", [Population.MALWARE, Population.GRAFT])
def test_evaluate__refuses_a_table_without(gone: Population) -> None:
    made = synthetic.table()
    rows = tuple(row for row in made.rows if row.population is not gone)
    with pytest.raises(ValueInvalid, match=gone.value):
        _evaluate(replace(made, rows=rows))


def test_other__cannot_have_scored_composites() -> None:
    with pytest.raises(ValueInvalid, match="no id"):
        Other(name="x", scores={}, views=(View.HYBRID,))
