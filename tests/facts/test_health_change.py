"""Changes of scores by hand, each split into what the measures did, and pieces that sum to the change exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cs_analysis as cs
from cs_analysis.facts.health_change import changes
from cs_analysis.facts.health_points import score
from cs_analysis.facts.health_rules import read_rules

NAN = float("nan")
SAME = [{"value": 0, "points": 0}, {"value": 100, "points": 100}]
FEBRUARY, MARCH = pd.Timestamp("2026-02-28"), pd.Timestamp("2026-03-31")


def rules(missing: str = "leave_out", **weights: float) -> dict[str, Any]:
    """Return rules of measures whose values are their points."""
    measures = [{"feature": name, "weight": weight, "line": SAME} for name, weight in (weights or {"a": 60, "b": 40}).items()]
    return {"score": {"missing": missing}, "measure": measures}


def two_dates(before: tuple[float, ...], after: tuple[float, ...]) -> pd.DataFrame:
    """Return the features of one account on two dates."""
    rows = pd.DataFrame([before, after], columns=list("abcd")[: len(before)], dtype="float64")
    return rows.assign(account_id="x", at=[FEBRUARY, MARCH])


@pytest.mark.parametrize(
    ("missing", "before", "after", "change", "pieces"),
    [
        ("leave_out", (50, 90), (80, 40), -2, {("a", "moved"): 18, ("b", "moved"): -20}),  # .6 x 30 - .4 x 50
        # 66 to 80: a alone moves by 30; without b, 40 above a and of weight .4, the first score is 16 lower
        ("leave_out", (50, 90), (80, NAN), 14, {("a", "moved"): 30, ("b", "became_missing"): -16}),
        # 50 to 84: a moves by 30; b comes in 10 above a with weight .4
        ("leave_out", (50, NAN), (80, 90), 34, {("a", "moved"): 30, ("b", "became_known"): 4}),
        # 30 to 90 with nothing in common: from 30 to the middle, from the middle to 90
        ("leave_out", (30, NAN), (NAN, 90), 60, {("a", "became_missing"): 20, ("b", "became_known"): 40}),
        # .6 x 50 + .4 x 90 = 66 to .6 x 80 + .4 x 50 = 68: weights stay, b goes from 90 to 50
        ("neutral", (50, 90), (80, NAN), 2, {("a", "moved"): 18, ("b", "became_missing"): -16}),
        ("worst", (50, NAN), (50, 90), 36, {("a", "moved"): 0, ("b", "became_known"): 36}),
        ("leave_out", (50, NAN), (80, NAN), 30, {("a", "moved"): 30}),
    ],
)
def test_what_each_measure_did(missing: str, before: Any, after: Any, change: float, pieces: dict[tuple[str, str], float]) -> None:
    found = changes(read_rules(rules(missing)), two_dates(before, after))
    assert found.totals["change"].tolist() == pytest.approx([change])
    split = found.pieces.set_index(["measure", "reason"])["piece"]
    assert split.to_dict() == pytest.approx(pieces, abs=1e-9)


def test_three_measures_of_which_one_is_replaced() -> None:
    # before: a 20, b 60, weights 1 and 1: 40. after: a 50, c 80, weights 1 and 2: 70. a moves by 30; without b, 40 above a and of weight 1/2: -20;
    # c comes in 30 above a with weight 2/3: +20.
    found = changes(read_rules(rules(a=1, b=1, c=2)), two_dates((20, 60, NAN), (50, NAN, 80)))
    assert found.totals["change"].tolist() == [30]
    assert found.pieces["piece"].tolist() == pytest.approx([30, -20, 20], abs=1e-9)


def test_what_holding_a_sum_within_its_scale_did() -> None:
    # 5 + 6 = 11, held at 10; then 5 + 2 = 7: the points fall by 4, of which 1 was cut off before
    line = [{"value": 0, "points": 0}, {"value": 10, "points": 10}]
    given_rules = {"score": {"style": "sum", "scale": [0, 10]}, "measure": [{"feature": "a", "line": line}]}
    found = changes(read_rules(given_rules), two_dates((6,), (2,)))
    assert found.totals["change"].tolist() == [-30]
    assert found.pieces[["measure", "reason", "piece"]].to_numpy().tolist() == [["a", "moved", -40], ["(beyond the scale)", "cut_off", 10]]


def test_accounts_without_a_score_on_both_dates_are_left_out() -> None:
    rows = pd.concat(
        [two_dates((1, 2), (3, 4)), two_dates((1, 2), (NAN, NAN)).assign(account_id="y"), two_dates((1, 2), (3, 4)).assign(account_id="z").head(1)]
    )
    assert changes(read_rules(rules()), rows).totals["account_id"].tolist() == ["x"]


def test_the_last_two_dates_are_compared_or_those_that_are_named() -> None:
    rows = pd.concat([two_dates((1, 2), (3, 4)), two_dates((5, 6), (7, 8)).assign(at=[pd.Timestamp("2026-01-31"), pd.Timestamp("2026-04-30")])])
    assert changes(read_rules(rules()), rows)[:2] == (MARCH, pd.Timestamp("2026-04-30"))
    assert changes(read_rules(rules()), rows, between=("2026-01-31", MARCH))[:2] == (pd.Timestamp("2026-01-31"), MARCH)


@pytest.mark.parametrize("between", [("2026-03-31", "2026-02-28"), ("2026-02-28", "2026-03-30"), ("2026-03-31",), "2026-03-31"])
def test_dates_that_the_table_does_not_have_are_refused(between: Any) -> None:
    with pytest.raises(cs.errors.ParameterError, match=r"between must be two dates of the features, the earlier first, .*\(2026-02-28, 2026-03-31\)"):
        changes(read_rules(rules()), two_dates((1, 2), (3, 4)), between=between)


def test_one_date_has_no_change() -> None:
    with pytest.raises(cs.errors.NotEnoughDataError, match="a change needs two dates; the features have 1"):
        changes(read_rules(rules()), two_dates((1, 2), (3, 4)).head(1))


def test_plain_weights_are_scaled_once_for_both_dates() -> None:
    rows = pd.concat([two_dates((value,), (value + 10,)).assign(account_id=value) for value in range(0, 101, 5)], ignore_index=True)
    found = changes(read_rules({"a": 1}), rows)
    # 42 values in order: 0, 5, 10, 10, 15, 15, ..., 100, 100, 105, 110. The 5 % value is at place 2.05, 10, the 95 % value at 38.95, 100: 10 of 90
    assert found.totals["change"].iloc[5] == pytest.approx(100 / 9, abs=1e-9)


cells = st.lists(st.one_of(st.none(), st.floats(-50, 150)), min_size=4, max_size=4)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(before=cells, after=cells, weights=st.lists(st.floats(1e-3, 1e3), min_size=4, max_size=4), missing=st.sampled_from(["leave_out", "neutral", "worst"]))
def test_pieces_sum_to_the_change_exactly(before: list[Any], after: list[Any], weights: list[float], missing: str) -> None:
    features = two_dates(tuple(before), tuple(after))
    checked = read_rules(rules(missing, **dict(zip("abcd", weights, strict=True))))
    scores = score(checked, features)["score"]
    found = changes(checked, features)
    if scores.isna().any():
        assert found.totals.empty
        assert found.pieces.empty
        return
    pieces = found.pieces["piece"].tolist()
    assert found.totals["change"].tolist() == [scores[1] - scores[0]]
    assert scores[1] - scores[0] == sum(pieces) == sum(reversed(pieces)) == math.fsum(pieces) == np.sum(pieces)
    known = [name for name, first, last in zip("abcd", before, after, strict=True) if first is not None or last is not None]
    assert found.pieces["measure"].tolist() == known
