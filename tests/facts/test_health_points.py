"""Scores by hand in each style, what a missing value does, and parts that sum to the score exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cs_analysis as cs
from cs_analysis.facts.health_points import parts, score
from cs_analysis.facts.health_rules import read_rules

NAN = float("nan")
SAME = [{"value": 0, "points": 0}, {"value": 100, "points": 100}]


def account(**values: float) -> pd.DataFrame:
    """Return the features of one account at one date."""
    return pd.DataFrame({"account_id": ["a"], "at": pd.to_datetime(["2026-03-31"]), **{name: [value] for name, value in values.items()}})


def as_given(**weights: float) -> dict[str, Any]:
    """Return rules of measures whose values are their points."""
    return {"measure": [{"feature": name, "weight": weight, "line": SAME} for name, weight in weights.items()]}


def scored(weights: Any, **values: float) -> dict[str, Any]:
    """Return the score of one account as a mapping."""
    return score(read_rules(weights), account(**values)).iloc[0].to_dict()


def test_the_weighted_mean_of_gainsights_documentation() -> None:
    # (20 x 47 + 15 x 59 + 22 x 21) / (20 + 15 + 22) = (940 + 885 + 462) / 57 = 2287 / 57 = 40.12
    found = scored(as_given(tickets=20, resolving=15, logging=22), tickets=47, resolving=59, logging=21)
    assert found["score"] == pytest.approx(2287 / 57, abs=1e-9)
    assert (round(found["score"]), found["band"], found["inputs"], found["inputs_used"]) == (40, "red", 3, 3)


def test_a_scorecard_in_gainsights_style() -> None:
    # 20 x 60 + 10 x 60 + 20 x 60 + 10 x 100 + 10 x 100 + 5 x 20 + 10 x 60 + 5 x 100 = 6200 over the weights of what is known, 90
    usage = {"active_days_28": 10, "usage_trend": -0.3, "seat_share_28": 0.6, "features_used_28": 4}
    others = {"open_tickets": 0, "slow_answers_90": 0.5, "nps_score": NAN, "mrr_change_90": 0, "past_due": 0}
    found = scored("gainsight", **usage, **others)
    assert found["score"] == pytest.approx(6200 / 90, abs=1e-9)
    assert (found["band"], found["inputs"], found["inputs_used"]) == ("yellow", 9, 8)


def test_the_mean_of_conditions_of_vitallys_documentation() -> None:
    # two integrations enabled (10) and one disabled (0): (10 + 10 + 0) / 3 = 6.67 of 10
    on = [{"below": 1, "points": 0}, {"at_least": 1, "points": 10}]
    rules = {"score": {"scale": [0, 10]}, "measure": [{"feature": name, "weight": 1, "conditions": on} for name in "abc"]}
    assert scored(rules, a=1, b=1, c=0)["score"] == pytest.approx(66.67, abs=0.005)


def test_conditions_in_vitallys_style() -> None:
    # (25 x 10 + 25 x 5 + 15 x 0 + 10 x 5 + 15 x 10 + 10 x 10) / 100 = 675 / 100 = 6.75 of 10
    found = scored("vitally", active_days_28=13, seat_share_28=0.3, usage_trend=-0.6, open_tickets=1, nps_score=9, past_due=0)
    assert (found["score"], found["band"]) == (67.5, "healthy")
    # without the answer: (675 - 150) / 85 = 6.176 of 10
    found = scored("vitally", active_days_28=13, seat_share_28=0.3, usage_trend=-0.6, open_tickets=1, nps_score=NAN, past_due=0)
    assert found["score"] == pytest.approx(100 * 525 / 850, abs=1e-9)
    assert (found["band"], found["inputs_used"]) == ("concerning", 5)


def test_points_from_five_in_planhats_style() -> None:
    # 5 + 0 (10 days are the middle of -2 to 2) + 1 - 1 + 1 - 1 - 1 - 2 = 2 of 10
    usage = {"active_days_28": 10, "seat_share_28": 0.8, "usage_trend": -1}
    found = scored("planhat", **usage, nps_score=10, open_tickets=3, mrr_change_90=-0.2, past_due=1)
    assert (found["score"], found["band"]) == (20, "red")
    # the linear range of the documentation: an answer of 7 on 0 to 10 from -5 to 5 adds 2
    line = {"feature": "nps_score", "line": [{"value": 0, "points": -5}, {"value": 10, "points": 5}]}
    assert scored({"score": {"style": "sum", "scale": [0, 10]}, "measure": [line]}, nps_score=7)["score"] == 70


def test_a_sum_is_held_within_its_scale() -> None:
    # 5 + 2 + 1 + 1 + 1 + 0 + 1 + 0 = 11, held at 10; values beyond a line have the points of its end
    usage = {"active_days_28": 28, "seat_share_28": 1, "usage_trend": 3}
    features = account(**usage, nps_score=10, open_tickets=2, mrr_change_90=0.1, past_due=0)
    found = parts(read_rules("planhat"), features)
    assert found["measure"].tolist() == ["(start)", *read_rules("planhat").features, "(beyond the scale)"]
    assert found["part"].tolist() == [50, 20, 10, 10, 10, 0, 10, 0, -10]
    assert score(read_rules("planhat"), features)["score"].tolist() == [100]


def test_lines_from_worst_to_best_in_custifys_style() -> None:
    # (30 x 50 + 20 x 0 + 20 x 100 + 20 x 50 + 10 x 80) / 100 = 53
    found = scored("custify", active_days_28=10, days_since_use=30, usage_trend=0, csat_score=0.7, open_tickets=1)
    assert found["score"] == pytest.approx(53, abs=1e-9)
    assert found["band"] == "average"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("leave_out", 80),  # 3 x 80 / 3
        ("neutral", 72.5),  # (3 x 80 + 1 x 50) / 4
        ("worst", 65),  # (3 x 80 + 1 x 20) / 4: its line goes from 20
        ("no_score", NAN),
    ],
)
def test_what_a_missing_value_counts_for_in_a_mean(policy: str, expected: float) -> None:
    other = {"feature": "b", "weight": 1, "line": [{"value": 0, "points": 20}, {"value": 1, "points": 90}]}
    rules = {"score": {"missing": policy}, "measure": [{"feature": "a", "weight": 3, "line": SAME}, other]}
    found = scored(rules, a=80, b=NAN)
    assert found["score"] == pytest.approx(expected, nan_ok=True)
    assert (found["inputs"], found["inputs_used"]) == (2, 1)
    assert scored(rules, a=80, b=1)["score"] == 82.5  # (3 x 80 + 90) / 4


@pytest.mark.parametrize(("policy", "expected"), [("leave_out", 70), ("neutral", 70), ("worst", 40), ("no_score", NAN)])
def test_what_a_missing_value_counts_for_in_a_sum(policy: str, expected: float) -> None:
    # 5 + 2 = 7 of 10; at the worst 3 less
    first = {"feature": "a", "conditions": [{"above": 0, "points": 2}]}
    other = {"feature": "b", "conditions": [{"below": 0, "points": -3}]}
    rules = {"score": {"style": "sum", "scale": [0, 10], "missing": policy}, "measure": [first, other]}
    assert scored(rules, a=1, b=NAN)["score"] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("policy", ["leave_out", "neutral", "worst", "no_score"])
def test_of_whom_nothing_is_known_there_is_no_score(policy: str) -> None:
    found = scored({"score": {"missing": policy}, **as_given(a=1, b=1)}, a=NAN, b=NAN)
    assert math.isnan(found["score"])
    assert (found["band"], found["inputs_used"]) == (None, 0)


def test_a_measure_of_weight_0_is_no_input() -> None:
    found = scored(as_given(a=1, b=0), a=30, b=90)
    assert (found["score"], found["inputs"], found["inputs_used"]) == (30, 1, 1)
    assert math.isnan(scored(as_given(a=1, b=0), a=NAN, b=90)["score"])


def test_a_feature_that_a_table_lacks_is_missing() -> None:
    found = scored("vitally", active_days_28=13)
    assert (found["score"], found["inputs"], found["inputs_used"]) == (100, 6, 1)


def test_rows_stay_in_their_order() -> None:
    features = pd.concat([account(a=value) for value in (5, 90, 40)], ignore_index=True).assign(account_id=["c", "a", "b"])
    found = score(read_rules(as_given(a=1)), features.set_axis([9, 9, 9]))
    assert found["account_id"].tolist() == ["c", "a", "b"]
    assert found["score"].tolist() == [5, 90, 40]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"account_id": None}, "row 1 lacks one"),
        ({"at": "2026-03-31"}, "`at` must hold dates; it is of type"),
        ({"a": "high"}, "the feature 'a' must be made of numbers; it is of type"),
        ({"a": math.inf}, "the feature 'a' must be finite; account 'a' has inf"),
    ],
)
def test_tables_that_cannot_be_scored_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        score(read_rules(as_given(a=1)), account(a=1.0).assign(**change))


def test_an_account_twice_at_a_date_is_refused() -> None:
    with pytest.raises(cs.errors.ParameterError, match=r"account 'a' has two at 2026-03-31\. Drop one of them"):
        score(read_rules(as_given(a=1)), pd.concat([account(a=1), account(a=2)]))


@pytest.mark.parametrize(("without", "message"), [("at", "no column 'at'"), ("account_id", "no column 'account_id'"), ("a", "no column 'a'")])
def test_columns_that_lack_are_named(without: str, message: str) -> None:
    with pytest.raises(cs.errors.MissingColumnsError, match=message):
        score(read_rules(as_given(a=1)), account(a=1).drop(columns=without))


values = st.lists(st.one_of(st.none(), st.floats(-50, 150)), min_size=4, max_size=4)
weights = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e6)), min_size=4, max_size=4).filter(lambda drawn: sum(drawn) > 0)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(values, min_size=1, max_size=5), weights=weights, policy=st.sampled_from(["leave_out", "neutral", "worst", "no_score"]))
def test_parts_of_a_mean_sum_to_the_score_exactly(rows: list[list[float | None]], weights: list[float], policy: str) -> None:
    names = list("abcd")
    features = pd.DataFrame(rows, columns=names, dtype="float64").assign(account_id=range(len(rows)), at=pd.Timestamp("2026-03-31"))
    rules = read_rules({"score": {"missing": policy}, **as_given(**dict(zip(names, weights, strict=True)))})
    found, pieces = score(rules, features), parts(rules, features)
    for place, row in enumerate(rows):
        adding = pieces.loc[pieces["account_id"] == place, "part"].dropna().tolist()
        expected = oracle(row, weights, policy)
        if expected is None:
            assert math.isnan(found["score"][place])
            assert adding == []
        else:
            assert found["score"][place] == sum(adding) == sum(reversed(adding)) == math.fsum(adding) == np.sum(adding)
            assert found["score"][place] == pytest.approx(expected, abs=1e-8)
            assert 0 <= found["score"][place] <= 100


def oracle(row: list[float | None], weights: list[float], policy: str) -> float | None:
    """Return a mean score in plain Python: the points are the values, held within 0 and 100."""
    used = [(None if value is None else min(max(value, 0), 100), weight) for value, weight in zip(row, weights, strict=True) if weight > 0]
    known = [pair for pair in used if pair[0] is not None]
    if not known or (policy == "no_score" and len(known) < len(used)):
        return None
    stand_in = {"neutral": 50.0, "worst": 0.0}.get(policy)
    counted = known if stand_in is None else [(stand_in if points is None else points, weight) for points, weight in used]
    return math.fsum(points * weight for points, weight in counted) / math.fsum(weight for _, weight in counted)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(rows=st.lists(values, min_size=1, max_size=5), start=st.floats(0, 10), policy=st.sampled_from(["leave_out", "neutral", "worst", "no_score"]))
def test_parts_of_a_sum_sum_to_the_score_exactly(rows: list[list[float | None]], start: float, policy: str) -> None:
    features = pd.DataFrame(rows, columns=list("abcd"), dtype="float64").assign(account_id=range(len(rows)), at=pd.Timestamp("2026-03-31"))
    line = [{"value": 0, "points": -3.3}, {"value": 100, "points": 2.7}]
    rules = read_rules(
        {"score": {"style": "sum", "scale": [0, 10], "start": start, "missing": policy}, "measure": [{"feature": name, "line": line} for name in "abcd"]}
    )
    found, pieces = score(rules, features), parts(rules, features)
    for place, row in enumerate(rows):
        adding = pieces.loc[pieces["account_id"] == place, "part"].dropna().tolist()
        known = [-3.3 + 0.06 * min(max(value, 0), 100) for value in row if value is not None]
        lost = -3.3 * (4 - len(known)) if policy == "worst" else 0
        if not known or (policy == "no_score" and len(known) < 4):
            assert math.isnan(found["score"][place])
            assert adding == []
        else:
            assert found["score"][place] == sum(adding) == sum(reversed(adding))
            assert found["score"][place] == pytest.approx(10 * min(max(start + sum(known) + lost, 0), 10), abs=1e-8)
