"""Health scores, their parts, bands, changes and roll-ups as tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.stats.estimates import COLUMNS

NAN = float("nan")
LINE = [{"value": 0, "points": 0}, {"value": 100, "points": 100}]
RULES = {"measure": [{"feature": "a", "weight": 60, "line": LINE}, {"feature": "b", "weight": 40, "line": LINE}]}
FEBRUARY, MARCH = pd.Timestamp("2026-02-28"), pd.Timestamp("2026-03-31")


@pytest.fixture
def features() -> pd.DataFrame:
    """Return three accounts on two dates; the third is a new customer of whom nothing is known at first."""
    rows = [
        ("x", FEBRUARY, 50, 90, 900, "ann"),  # 66
        ("x", MARCH, 10, 35, 900, "ann"),  # 20
        ("y", FEBRUARY, 80, NAN, 100, "bob"),  # 80
        ("y", MARCH, 80, 80, 100, "bob"),  # 80
        ("z", MARCH, NAN, NAN, 250, "bob"),
    ]
    return pd.DataFrame(rows, columns=["account_id", "at", "a", "b", "mrr", "csm"])


def test_a_score_and_the_inputs_known(features: pd.DataFrame) -> None:
    found = cs.health_score(features, weights=RULES)
    assert found.columns.tolist() == ["account_id", "at", *COLUMNS]
    scores = found[found["metric"] == "health_score"]
    assert scores[["account_id", "at"]].to_numpy().tolist() == [["x", FEBRUARY], ["y", FEBRUARY], ["x", MARCH], ["y", MARCH], ["z", MARCH]]
    assert scores["estimate"].tolist() == pytest.approx([66, 80, 20, 80, NAN], nan_ok=True)
    assert scores["n"].tolist() == [2, 1, 2, 2, 0]
    inputs = found[found["metric"] == "health_inputs_used"]
    assert inputs["estimate"].tolist() == [2, 1, 2, 2, 0]
    assert inputs["n"].tolist() == [2] * 5
    assert found[["conf_low", "conf_high"]].isna().all(axis=None)


def test_parts_sum_to_the_score(features: pd.DataFrame) -> None:
    found = cs.health_score_parts(features, weights=RULES)
    assert found[["account_id", "measure"]].head(4).to_numpy().tolist() == [["x", "a"], ["x", "b"], ["y", "a"], ["y", "b"]]
    assert found["estimate"].head(4).tolist() == pytest.approx([30, 36, 80, NAN], nan_ok=True)
    assert found["n"].head(4).tolist() == [1, 1, 1, 0]
    scores = cs.health_score(features, weights=RULES).query("metric == 'health_score'").set_index(["account_id", "at"])["estimate"]
    summed = found.groupby(["account_id", "at"])["estimate"].sum(min_count=1)
    pd.testing.assert_series_equal(summed.sort_index(), scores.sort_index(), check_exact=True)


def test_bands_and_since_when() -> None:
    dates = pd.to_datetime(["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"])
    features = pd.DataFrame({"account_id": "x", "at": dates, "a": [49, 51, 51, NAN, 40]})
    found = cs.health_bands(features, weights={"measure": [{"feature": "a", "weight": 1, "line": LINE}]})
    assert found["band"].tolist() == ["red", "red", "yellow", None, "red"]
    assert found["band_of_score"].tolist() == ["red", "yellow", "yellow", None, "red"]
    assert found["since"].tolist() == [dates[0], dates[0], dates[2], pd.NaT, dates[4]]
    assert found["moved"].where(found["moved"].notna(), None).tolist() == [None, "stays", "up", None, "down"]


def test_a_change_and_its_reasons(features: pd.DataFrame) -> None:
    found = cs.health_change(features, weights=RULES)
    assert found.columns.tolist() == ["account_id", "before", "at", "measure", "reason", *COLUMNS]
    shown = (
        found[["account_id", "measure", "reason", "metric", "estimate", "n"]]
        .astype(object)
        .where(found[["account_id", "measure", "reason", "metric", "estimate", "n"]].notna(), None)
    )
    # x: -46 = .6 x -40 + .4 x -55; y: 80 on both dates, on one input and on two
    assert shown.to_numpy().tolist() == [
        ["x", None, None, "health_change", pytest.approx(-46), 2],
        ["x", "a", "moved", "health_change_by_measure", pytest.approx(-24), 2],
        ["x", "b", "moved", "health_change_by_measure", pytest.approx(-22), 2],
        ["y", None, None, "health_change", 0, 1],
        ["y", "a", "moved", "health_change_by_measure", 0, 1],
        ["y", "b", "became_known", "health_change_by_measure", 0, 1],
    ]


def of(found: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one metric of a table."""
    return found[found["metric"] == metric].reset_index(drop=True)


def test_a_roll_up_by_revenue(features: pd.DataFrame) -> None:
    found = cs.health_rollup(features, weights=RULES)
    # (900 x 66 + 100 x 80) / 1000 = 67.4; (900 x 20 + 100 x 80) / 1000 = 26: z has revenue, but no score
    assert of(found, "health_rollup")["estimate"].tolist() == pytest.approx([67.4, 26])
    assert of(found, "health_rollup")["n"].tolist() == [2, 2]
    assert of(found, "health_rollup_plain")["estimate"].tolist() == pytest.approx([73, 50])
    march = of(found, "health_value_share").query("at == @MARCH").set_index("band")
    assert march["estimate"].to_dict() == {"red": 900 / 1250, "yellow": 0, "green": 100 / 1250, "(no score)": 250 / 1250}
    assert march["n"].tolist() == [3] * 4
    assert of(found, "health_largest_share")["estimate"].tolist() == [0.9, 900 / 1250]


def test_the_plain_mean_of_planhats_documentation() -> None:
    # a parent with 10 and three children with 5, of 10: (10 + 5 + 5 + 5) / 4 = 6.25
    group = pd.DataFrame({"account_id": list("abcd"), "at": MARCH, "a": [100, 50, 50, 50], "mrr": 1})
    found = cs.health_rollup(group, weights={"measure": [{"feature": "a", "weight": 1, "line": LINE}]})
    assert of(found, "health_rollup_plain")["estimate"].tolist() == [62.5]
    assert of(found, "health_rollup")["estimate"].tolist() == [62.5]


def test_groups_of_a_roll_up_are_those_alone(features: pd.DataFrame) -> None:
    together = cs.health_rollup(features, weights=RULES, by="csm")
    for name, rows in features.groupby("csm"):
        alone = cs.health_rollup(rows, weights=RULES)
        mine = together[together["csm"] == name].drop(columns="csm").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine[alone.columns], alone)


def test_a_missing_group_is_a_group(features: pd.DataFrame) -> None:
    found = cs.health_rollup(features.assign(csm=["ann", None, "bob", "bob", None]), weights=RULES, by=["csm"])
    assert of(found, "health_rollup_plain")[["at", "csm"]].to_numpy().tolist() == [[FEBRUARY, "ann"], [FEBRUARY, "bob"], [MARCH, "(missing)"], [MARCH, "bob"]]


def test_accounts_without_revenue_count_in_the_plain_mean_alone(features: pd.DataFrame) -> None:
    found = cs.health_rollup(features.assign(mrr=[0, 0, 0, NAN, 0]), weights=RULES)
    assert set(found["metric"]) == {"health_rollup_plain"}
    assert of(found, "health_rollup_plain")["n"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"by": "segment"}, cs.errors.MissingColumnsError, "'features' has no column 'segment'"),
        ({"value": "arr"}, cs.errors.MissingColumnsError, "no column 'arr'"),
        ({"value": "gain"}, cs.errors.ParameterError, "'gain' must be at least 0 to be a weight; account 'y' has -3"),
        ({"conf_level": 95}, cs.errors.ParameterError, "conf_level must lie between 0 and 1"),
        ({"by": ["csm", "csm"]}, cs.errors.ParameterError, "by must be a column name or a list of different names"),
    ],
)
def test_a_roll_up_refuses_what_it_cannot_use(features: pd.DataFrame, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cs.health_rollup(features.assign(gain=[1, 2, -3, 4, 5]), weights=RULES, **options)


def test_limits_of_a_roll_up_know_accounts_and_no_euros(features: pd.DataFrame) -> None:
    rng = np.random.default_rng(3)
    many = pd.DataFrame({"account_id": range(200), "at": MARCH, "a": rng.uniform(0, 100, 200), "b": rng.uniform(0, 100, 200), "mrr": rng.gamma(2, 50, 200)})
    in_euros, in_cents = (cs.health_rollup(many.assign(mrr=many["mrr"] * unit), weights=RULES) for unit in (1, 100))
    pd.testing.assert_frame_equal(in_euros, in_cents, atol=1e-3)
    rows = of(in_euros, "health_rollup_plain").iloc[0]
    # the standard error of a mean of independent accounts, from the scores themselves
    scores = 0.6 * many["a"] + 0.4 * many["b"]
    assert rows["conf_high"] - rows["conf_low"] == pytest.approx(2 * 1.96 * scores.std(ddof=1) / np.sqrt(200), rel=0.03)
    weighted = of(in_euros, "health_rollup").iloc[0]
    ratio = (many["mrr"] * scores).sum() / many["mrr"].sum()
    error = np.sqrt((many["mrr"] ** 2 * (scores - ratio) ** 2).sum()) / many["mrr"].sum()
    assert weighted["conf_high"] - weighted["conf_low"] == pytest.approx(2 * 1.96 * error, rel=0.05)


TABLES = [cs.health_score, cs.health_score_parts, cs.health_bands, cs.health_change, cs.health_rollup]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("weights", [RULES, {"a": 2, "b": 1}], ids=["rules", "weights"])
def test_the_order_of_rows_and_the_index_do_not_matter(table: Callable[..., pd.DataFrame], weights: Any, features: pd.DataFrame) -> None:
    given = features.copy(deep=True)
    expected = table(features, weights=weights)
    pd.testing.assert_frame_equal(features, given)
    mixed = features.sample(frac=1, random_state=2).set_axis([7, 7, 7, 1, 0])
    pd.testing.assert_frame_equal(table(mixed, weights=weights), expected)


@pytest.mark.parametrize("table", [cs.health_score, cs.health_score_parts, cs.health_bands, cs.health_rollup])
def test_later_dates_change_nothing_under_rules(table: Callable[..., pd.DataFrame], features: pd.DataFrame) -> None:
    before = table(features[features["at"] == FEBRUARY], weights=RULES)
    pd.testing.assert_frame_equal(table(features, weights=RULES).query("at == @FEBRUARY").reset_index(drop=True), before)


@pytest.mark.parametrize("table", TABLES)
def test_wrong_rules_are_refused_everywhere(table: Callable[..., pd.DataFrame], features: pd.DataFrame) -> None:
    with pytest.raises(cs.errors.ParameterError, match=r"unknown feature: 'aa'.*\n.*negative weight"):
        table(features, weights={"aa": 1, "b": -1})


@pytest.mark.slow
@pytest.mark.parametrize("style", ["gainsight", "vitally", "planhat", "custify"])
def test_every_style_scores_a_company(style: str) -> None:
    ds, _ = cs.simulate_company(accounts=60, months=14, seed=1)
    features = cs.health_features(ds)
    scores = of(cs.health_score(features, weights=style), "health_score")
    assert len(scores) == len(features)
    assert scores["estimate"].dropna().between(0, 100).all()
    assert scores["estimate"].nunique() > 5


@pytest.mark.slow
@pytest.mark.coverage
def test_limits_of_a_roll_up_hold_the_truth() -> None:
    rng = np.random.default_rng(8)
    groups, size = 1000, 60
    revenue = rng.gamma(1.5, 200, groups * size)
    table = pd.DataFrame({"account_id": range(groups * size), "at": MARCH, "mrr": revenue, "company": np.arange(groups * size) // size})
    table["a"] = 100 * rng.beta(2, 3, groups * size)  # mean 40, whatever the revenue
    found = cs.health_rollup(table, weights={"measure": [{"feature": "a", "weight": 1, "line": LINE}]}, by="company")
    for metric in ("health_rollup", "health_rollup_plain"):
        limits = of(found, metric)
        assert len(limits) == groups
        assert 0.93 <= ((limits["conf_low"] <= 40) & (limits["conf_high"] >= 40)).mean() <= 0.97
