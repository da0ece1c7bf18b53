"""Weights meet the totals exactly or say why none can."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from cs_analysis.errors import ConvergenceError, MissingColumnsError, ParameterError
from cs_analysis.stats.survey.weights import kish_design_effect, post_stratify, rake, unweighted


def random_table(seed: int, rows: int) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Return rows in three columns and margins of a random population."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.choice(list(letters), rows) for name, letters in {"a": "pqrs", "b": "xyz", "c": "12345"}.items()})
    return table, {name: dict(zip(sorted(table[name].unique()), 100 * rng.dirichlet(np.full(table[name].nunique(), 3.0)), strict=True)) for name in table}


def largest_least_weight(table: pd.DataFrame, margins: dict[str, dict[str, float]]) -> float:
    """Return the largest possible smallest weight among all weights that meet the totals; below 0 if there are none without a negative one."""
    rows = [(table[name] == category).to_numpy("float64") for name, totals in margins.items() for category in totals]
    equal = np.column_stack([np.array(rows), np.zeros(len(rows))])
    least = np.column_stack([-np.eye(len(table)), np.ones(len(table))])
    bounds = [(None, None)] * len(table) + [(None, 1.0)]
    goal = np.append(np.zeros(len(table)), -1.0)
    totals = [total for column in margins.values() for total in column.values()]
    found = optimize.linprog(goal, A_ub=least, b_ub=np.zeros(len(table)), A_eq=equal, b_eq=totals, bounds=bounds)
    return float(found.x[-1]) if found.success else -np.inf


def test_a_cell_adds_up_to_its_total() -> None:
    cells = pd.Series(["a", "b", "a", "a"])
    assert post_stratify(cells, {"a": 0.6, "b": 0.4}).weight.tolist() == pytest.approx([0.2, 0.4, 0.2, 0.2])  # 0.6 / 3 and 0.4 / 1


def test_base_weights_keep_their_proportion_within_a_cell() -> None:
    weights = post_stratify(pd.Series(["a", "a", "b"]), {"a": 60, "b": 40}, base=[1, 2, 5])
    assert weights.weight.tolist() == pytest.approx([20.0, 40.0, 40.0])


def test_cells_of_several_columns_are_tuples() -> None:
    table = pd.DataFrame({"size": ["s", "s", "l"], "region": ["eu", "us", "eu"]}, index=[5, 5, 9])
    totals = pd.Series([10.0, 30.0, 60.0], index=pd.MultiIndex.from_tuples([("s", "eu"), ("s", "us"), ("l", "eu")]))
    assert post_stratify(table, totals).weight.tolist() == pytest.approx([10.0, 30.0, 60.0])


def test_a_total_of_0_gives_no_weight() -> None:
    assert post_stratify(pd.Series(["gone", "here"]), {"gone": 0, "here": 5}).weight.tolist() == [0.0, 5.0]


@pytest.mark.parametrize("seed", range(40))
def test_raking_meets_all_totals_or_there_are_no_weights_that_do(seed: int) -> None:
    table, margins = random_table(seed, rows=10 + seed)
    try:
        weights = rake(table, margins)
    except ConvergenceError:
        assert largest_least_weight(table, margins) < 1e-9
        return
    assert weights.largest_gap <= 1e-12
    for name, totals in margins.items():
        found = pd.Series(weights.weight).groupby(table[name]).sum()
        assert found.to_dict() == pytest.approx(totals, rel=1e-11)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_raked_weights_are_a_product_of_one_number_a_category(seed: int) -> None:
    table, margins = random_table(seed, rows=300)
    logs = np.log(rake(table, margins).weight)
    design = np.column_stack([(table[name] == category).astype(float) for name, totals in margins.items() for category in totals])
    fitted = design @ np.linalg.lstsq(design, logs, rcond=None)[0]
    assert logs == pytest.approx(fitted, abs=1e-9)


def test_raking_one_margin_is_post_stratification() -> None:
    table, margins = random_table(4, rows=30)
    assert rake(table, {"a": margins["a"]}).weight == pytest.approx(post_stratify(table["a"], margins["a"]).weight, rel=1e-14)


def test_raking_goes_on_where_the_usual_tolerance_stops() -> None:
    table = pd.DataFrame([("a", "x")] * 50 + [("a", "y")] + [("b", "x")] + [("b", "y")] * 50, columns=["one", "two"])
    margins = {"one": {"a": 70.0, "b": 30.0}, "two": {"x": 40.0, "y": 60.0}}
    early = rake(table, margins, tolerance=0.05)
    exact = rake(table, margins)
    assert early.largest_gap > 0.01
    assert exact.largest_gap < 1e-12
    assert exact.iterations > early.iterations


def test_newton_finishes_what_sweeps_do_not() -> None:
    table = pd.DataFrame([("a", "x")] * 500 + [("a", "y"), ("b", "x")] + [("b", "y")] * 500, columns=["one", "two"])
    weights = rake(table, {"one": {"a": 70.0, "b": 30.0}, "two": {"x": 69.0, "y": 31.0}})
    assert weights.iterations > 100
    assert weights.largest_gap < 1e-12
    # the weighted table has the association of the sample: ax by = 250000 ay bx, with ax = 70 - ay, bx = ay - 1 and by = 31 - ay
    ay = float(weights.weight[500])
    assert (70 - ay) * (31 - ay) == pytest.approx(250_000 * ay * (ay - 1), rel=1e-6)


def test_every_cell_no_weight_can_repair_is_named_at_once() -> None:
    table = pd.DataFrame({"size": ["s", "m"], "region": ["eu", "mars"]})
    margins = {"size": {"s": 1, "m": 1, "l": 1, "xl": 1}, "region": {"eu": 2, "us": 2}}
    with pytest.raises(ParameterError, match=r"no weight can repair size 'l', 'xl'.*no weight can repair region 'us'.*region 'mars': rows but no total"):
        rake(table, margins)


def test_margins_with_different_grand_totals_contradict_each_other() -> None:
    table = pd.DataFrame({"size": ["s", "m"], "region": ["eu", "us"]})
    with pytest.raises(ParameterError, match="size adds up to 100, region adds up to 110"):
        rake(table, {"size": {"s": 60, "m": 40}, "region": {"eu": 50, "us": 60}})


def test_margins_that_cells_without_rows_make_impossible_are_said_to_be() -> None:
    table = pd.DataFrame({"size": ["s", "m"], "region": ["eu", "us"]})  # all of "s" is in "eu"
    with pytest.raises(ConvergenceError, match=r"size 's' .* instead of 60.*combinations of categories have no row"):
        rake(table, {"size": {"s": 60, "m": 40}, "region": {"eu": 50, "us": 50}})


def test_named_cells_are_counted_together() -> None:
    cells = pd.Series(["s", "m", "m", "l"])
    weights = post_stratify(cells, {"s": 10, "m": 20, "l": 30, "xl": 40}, collapse={"xl": "l"})
    assert weights.weight.tolist() == pytest.approx([10.0, 10.0, 10.0, 70.0])
    table = pd.DataFrame({"size": cells, "region": ["eu", "us", "eu", "us"]})
    margins = {"size": {"s": 10, "m": 20, "l": 30, "xl": 40}, "region": {"eu": 20, "us": 80}}
    raked = rake(table, margins, collapse={"size": {"xl": "l"}})
    assert pd.Series(raked.weight).groupby(cells).sum().to_dict() == pytest.approx({"l": 70.0, "m": 20.0, "s": 10.0})


def test_trimming_spreads_what_is_cut_over_the_others() -> None:
    cells = pd.Series(["a"] * 9 + ["b"])
    weights = post_stratify(cells, {"a": 45, "b": 55}, at_most=3)
    # the mean weight is 10, so at most 30; the 25 cut off go to the nine others
    assert weights.weight.tolist() == pytest.approx([5 + 25 / 9] * 9 + [30.0])


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([2, 2, 2], 1.0), ([1, 1, 2], 3 * 6 / 16), ([0, 4], 2.0)],
)
def test_the_design_effect_is_one_plus_the_squared_variation(weights: list[float], expected: float) -> None:
    assert kish_design_effect(weights) == pytest.approx(expected)
    assert kish_design_effect(weights) == pytest.approx(1 + np.var(weights) / np.mean(weights) ** 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"totals": {"a": -1, "b": 3}}, "cell 'a' is not"),
        ({"totals": {"a": np.nan, "b": 3}}, "cell 'a' is not"),
        ({"totals": {"a": 0, "b": 0}}, "more than 0"),
        ({"totals": {"a": 1, "b": 1}, "base": [1, -1]}, "row 1 has -1"),
        ({"totals": {"a": 1, "b": 1}, "base": [1, 1, 1]}, "2 rows and 3 weights"),
        ({"totals": {"a": 1, "b": 1}, "at_most": 1}, "at_most must be above 1"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        post_stratify(pd.Series(["a", "b"], name="cell"), **options)  # type: ignore[arg-type]


def test_an_unknown_column_or_no_weight_is_refused() -> None:
    with pytest.raises(MissingColumnsError, match="region"):
        rake(pd.DataFrame({"regions": ["eu"]}), {"region": {"eu": 1}})
    with pytest.raises(ParameterError, match="margin"):
        rake(pd.DataFrame({"region": ["eu"]}), {})
    with pytest.raises(ParameterError, match="above 0"):
        kish_design_effect([0, 0])


def test_without_weighting_every_row_counts_once() -> None:
    weights = unweighted(3)
    assert weights.weight.tolist() == [1, 1, 1]
    assert weights.design_effect == 1
    assert weights.again(np.array([[3.0], [2.0]])).tolist() == [[1.0], [1.5]]


def test_repeating_the_weighting_leaves_out_what_a_replicate_does_not_have() -> None:
    weights = post_stratify(pd.Series(["a", "a", "b"]), {"a": 60, "b": 40})
    assert weights.again(np.array([[2.0, 0.0]])).tolist() == [[50.0, 0.0]]  # all 100 to the two rows of a


def test_repeating_the_weighting_is_the_same_as_weighting_what_is_left() -> None:
    table, margins = random_table(7, rows=200)
    weights = rake(table, margins)
    for left_out in range(0, 200, 37):
        rest = table.drop(index=left_out)
        sums = np.bincount(np.delete(weights.cell, left_out), minlength=len(weights.factors)).astype(float)
        expected = rake(rest, margins).weight
        assert weights.again(sums[None, :])[0][np.delete(weights.cell, left_out)] == pytest.approx(expected, rel=1e-8)


def test_all_small_tables_with_two_margins_are_met() -> None:
    for counts in product([1, 4], repeat=4):
        table = pd.DataFrame([(a, b) for (a, b), count in zip(product("pq", "xy"), counts, strict=True) for _ in range(count)], columns=["one", "two"])
        weights = rake(table, {"one": {"p": 3, "q": 7}, "two": {"x": 4, "y": 6}})
        cells = pd.Series(weights.weight).groupby([table["one"], table["two"]]).sum()
        odds = cells["p", "x"] * cells["q", "y"] / (cells["p", "y"] * cells["q", "x"])
        assert odds == pytest.approx(counts[0] * counts[3] / (counts[1] * counts[2]), rel=1e-9)  # raking keeps the association of the sample
        assert cells["p"].sum() == pytest.approx(3, rel=1e-11)
