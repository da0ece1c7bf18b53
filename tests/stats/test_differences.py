"""Differences against R, by hand, and where rows do not pair up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.differences import compare, compare_with_rest
from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.intervals import wilson
from cs_analysis.stats.medians import median_time
from cs_analysis.stats.restricted_mean import restricted_mean_difference, restricted_mean_time

Reader = Callable[[str], pd.DataFrame]


def shares(hits: list[float], units: list[float], **keys: list) -> pd.DataFrame:
    return estimates(keys, metric="rate", unit="share", **wilson(hits, units)._asdict(), n=units)


def with_p(p: list[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables whose differences have these p values: a gap of 1, limits of `a` as far as the p value asks."""
    from scipy.special import ndtri

    z = ndtri(0.975)
    half = z / -ndtri(np.asarray(p) / 2)
    keys = {"group": range(len(p))}
    a = estimates(keys, metric="score", unit="points", estimate=np.ones(len(p)), conf_low=1 - half, conf_high=1 + half, n=50)
    return a, estimates(keys, metric="score", unit="points", estimate=np.zeros(len(p)), conf_low=0, conf_high=0, n=50)


def test_shares_equal_r(golden: Reader) -> None:
    cases = golden("comparisons/shares.csv")
    groups = {"case": list(range(len(cases)))}
    found = compare(shares(cases["x1"].tolist(), cases["n1"].tolist(), **groups), shares(cases["x2"].tolist(), cases["n2"].tolist(), **groups))
    limits = ["estimate", "conf_low", "conf_high"]
    np.testing.assert_allclose(found[limits], cases[limits], rtol=0, atol=1e-12)
    assert found["n"].tolist() == np.minimum(cases["n1"], cases["n2"]).tolist()
    assert set(found["metric"]) == {"rate_difference"}


@pytest.mark.parametrize("correction", ["holm", "benjamini_hochberg"])
def test_adjusted_p_values_equal_r(golden: Reader, correction: str) -> None:
    cases = golden("comparisons/adjusted.csv")
    found = compare(*with_p(cases["p"].tolist()), correction=correction)
    rows = found[found["metric"] == "score_adjusted_p_value"]
    np.testing.assert_allclose(rows["estimate"], cases[correction], rtol=1e-12)
    assert set(rows["comparisons"]) == {7}
    assert rows["group"].tolist() == list(range(7))


def test_the_interval_ends_at_zero_where_p_is_one_minus_the_level() -> None:
    found = compare(*with_p([0.05]), correction="holm")
    assert found["conf_low"].iloc[0] == pytest.approx(0, abs=1e-15)
    assert found["estimate"].iloc[1] == pytest.approx(0.05, rel=1e-12)


def test_a_comparison_that_cannot_be_made_is_not_counted() -> None:
    a, b = with_p([0.01, 0.02, 0.03])
    a.loc[1, ["estimate", "conf_low", "conf_high"]] = np.nan
    rows = compare(a, b, correction="holm").query("metric == 'score_adjusted_p_value'")
    # Two are left: 2 x .01, then the larger of that and 1 x .03.
    np.testing.assert_allclose(rows["estimate"], [0.02, np.nan, 0.03])
    assert set(rows["comparisons"]) == {2}


def test_symmetric_limits_give_the_wald_difference() -> None:
    # Half widths 3 and 4 make 5: 10 - 4 = 6, 1 to 11.
    a = estimates({}, metric="mean", unit="days", estimate=10.0, conf_low=7.0, conf_high=13.0, n=40)
    b = estimates({}, metric="mean", unit="days", estimate=4.0, conf_low=0.0, conf_high=8.0, n=60)
    found = compare(a, b).iloc[0]
    assert found[["estimate", "conf_low", "conf_high", "n", "unit"]].tolist() == [6, 1, 11, 40, "days"]


def test_a_key_that_differs_is_what_is_compared_and_the_others_pair_rows() -> None:
    may = shares([10, 20], [40, 40], period=["May", "May"], segment=["x", "y"])
    april = shares([10, 10], [40, 40], period=["April", "April"], segment=["y", "x"])
    found = compare(may, april)
    assert found[["period", "against_period", "segment"]].to_numpy().tolist() == [["May", "April", "x"], ["May", "April", "y"]]
    assert found["estimate"].tolist() == [0.0, 0.25]


def test_facts_differ_without_limits() -> None:
    a, b = (estimates({}, metric="mrr", unit="EUR", estimate=value, n=9) for value in (120.0, 100.0))
    assert compare(a, b)["estimate"].tolist() == [20.0]
    assert compare(a, b)[["conf_low", "conf_high"]].isna().all(axis=None)


def test_a_total_that_contains_the_groups_is_refused() -> None:
    groups, total = shares([10, 20], [40, 60], segment=["x", "y"]), shares([30], [100])
    with pytest.raises(ParameterError, match="contains it"):
        compare(groups, total)
    with pytest.raises(MissingColumnsError, match="segment"):
        compare(groups, shares([30], [99]))


def test_rows_without_or_with_several_counterparts_are_refused() -> None:
    a, b = shares([1, 2, 3], [40, 40, 40], segment=["x", "y", "z"]), shares([1, 2], [40, 40], segment=["x", "y"])
    with pytest.raises(ParameterError, match=r"none for the row of a with segment 'z'"):
        compare(a, b)
    with pytest.raises(ParameterError, match=r"none for the row of b with segment 'z'"):
        compare(b, a)
    with pytest.raises(ParameterError, match=r"several have segment 'x'"):
        compare(pd.concat([b, b]), b)
    with pytest.raises(ParameterError, match="none for the row of a"):
        compare(b, b.assign(unit="ratio"))


def test_bad_input_is_refused() -> None:
    a, b = with_p([0.5])
    with pytest.raises(MissingColumnsError, match="conf_low"):
        compare(a, b.drop(columns="conf_low"))
    with pytest.raises(ParameterError, match="holm"):
        compare(a, b, correction="bonferroni")
    with pytest.raises(ParameterError, match="conf_level"):
        compare(a, b, conf_level=95)


def test_the_rest_is_all_other_groups_together(golden: Reader) -> None:
    veteran = golden("survival/veteran.csv")
    found = compare_with_rest(veteran, "celltype", median_time)
    assert found["celltype"].tolist() == sorted(veteran["celltype"].unique())
    for row in found.itertuples():
        own, rest = (median_time(veteran[part])["estimate"].iloc[0] for part in (veteran["celltype"] == row.celltype, veteran["celltype"] != row.celltype))
        assert row.estimate == own - rest


def test_of_two_groups_there_is_one_comparison(golden: Reader) -> None:
    lung = golden("survival/lung.csv")
    found = compare_with_rest(lung, "sex", lambda rows: restricted_mean_time(rows, horizon="365d"), correction="holm")
    assert found["metric"].tolist() == ["restricted_mean_time_difference", "restricted_mean_time_adjusted_p_value"]
    assert found["n"].tolist() == [90, 90]
    assert found["comparisons"].tolist() == [1, 1]


def test_a_missing_group_is_one_too() -> None:
    waits = pd.DataFrame({"plan": ["a", None, "a", None], "duration_days": [1.0, 2.0, 3.0, 6.0], "observed": True})
    found = compare_with_rest(waits, "plan", lambda rows: restricted_mean_time(rows, horizon="5d"))
    assert found["estimate"].tolist() == [(1 + 3) / 2 - (2 + 5) / 2]


def test_one_group_has_nothing_to_be_compared_with() -> None:
    rows = pd.DataFrame({"plan": ["a", "a"], "duration_days": [1.0, 2.0], "observed": True})
    with pytest.raises(NotEnoughDataError, match="two groups"):
        compare_with_rest(rows, "plan", median_time)
    with pytest.raises(MissingColumnsError, match="region"):
        compare_with_rest(rows, "region", median_time)


@pytest.mark.parametrize("horizon", [100, 365])
def test_restricted_means_differ_as_in_r(golden: Reader, horizon: int) -> None:
    expected = golden("survival/restricted_means.csv").query("case == 'lung_by_sex' and horizon_days == @horizon")
    (first, second), errors = expected["estimate"], expected["std_error"]
    found = restricted_mean_difference(golden("survival/lung.csv"), "sex", horizon=f"{horizon}d").iloc[0]
    assert found["estimate"] == pytest.approx(first - second, abs=1e-9)
    half = 1.959963984540054 * np.hypot(*errors)
    np.testing.assert_allclose(found[["conf_low", "conf_high"]].astype(float), [first - second - half, first - second + half], rtol=0, atol=1e-9)
    assert (found["metric"], found["unit"], found["n"]) == ("restricted_mean_time_difference", "days", 90)


def test_restricted_means_of_several_groups_are_compared_with_the_rest(golden: Reader) -> None:
    veteran = golden("survival/veteran.csv")
    found = restricted_mean_difference(veteran, "celltype", horizon="100d")
    by_means = compare_with_rest(veteran, "celltype", lambda rows: restricted_mean_time(rows, horizon="100d"))
    pd.testing.assert_frame_equal(found, by_means, rtol=1e-12)


def test_a_mean_that_is_not_known_has_no_difference() -> None:
    waits = pd.DataFrame({"plan": ["a", "a", "b", "b"], "duration_days": [1.0, 9.0, 2.0, 3.0], "observed": [True, False, True, False]})
    assert restricted_mean_difference(waits, "plan", horizon="5d")["estimate"].isna().all()  # b was followed for 3 days only
