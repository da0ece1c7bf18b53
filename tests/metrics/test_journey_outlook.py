"""Monthly moves and their projection against arithmetic by hand, and the limits against chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs

STAGES = {"one": "a"}


def chain(size: int, months: int, *, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Return accounts that enter stage one with chance 0.3 and leave with 0.05 a month, each month anew: a Markov chain."""
    names = [f"a{number:04d}" for number in range(size)]
    start = pd.Timestamp("2024-12-15", tz="UTC")
    middles = [pd.Timestamp("2025-01-15", tz="UTC") + pd.DateOffset(months=month) for month in range(months)]
    moved = rng.geometric(0.3, size)
    left = rng.geometric(0.05, size)
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": start, "mrr": 1.0, "currency": "EUR"})
    sold["ended_at"] = pd.Series([middles[k - 1] if k <= months else pd.NaT for k in left]).dt.tz_convert("UTC")
    uses = [(name, middles[k - 1] - pd.Timedelta("1d")) for name, k, gone in zip(names, moved, left, strict=True) if k <= min(months, gone - 1)]
    events = pd.DataFrame(uses, columns=["account_id", "event_at"]).assign(event="a", user_id="u")
    return {"accounts": pd.DataFrame({"account_id": names, "started_at": start}), "subscriptions": sold, "events": events}


@pytest.fixture(scope="module")
def small() -> cs.Dataset:
    """Return four accounts from December on: one enters in January, one in February, one leaves in February, one stays before."""
    day = pd.to_datetime("2024-12-10", utc=True)
    sold = pd.DataFrame({"subscription_id": list("PQRS"), "account_id": list("PQRS"), "started_at": day, "mrr": 1.0, "currency": "EUR"})
    sold["ended_at"] = pd.to_datetime([None, None, "2025-02-10", None], utc=True)
    events = pd.DataFrame({"account_id": ["P", "Q"], "event_at": pd.to_datetime(["2025-01-10", "2025-02-10"], utc=True), "event": "a", "user_id": "u"})
    accounts = pd.DataFrame({"account_id": list("PQRS"), "started_at": day})
    return cs.read_dataset({"accounts": accounts, "subscriptions": sold, "events": events}, as_of="2025-02-28")


def test_moves_by_hand(small: cs.Dataset) -> None:
    # January begins with four before the first stage, of whom one enters; February with three, of whom one enters, one leaves; P stays at stage one.
    table = cs.stage_moves(small, STAGES).set_index(["stage", "to_stage"])
    assert table["estimate"].to_dict() == pytest.approx(
        {
            ("(before the first)", "(before the first)"): 4 / 7,
            ("(before the first)", "one"): 2 / 7,
            ("(before the first)", "(left)"): 1 / 7,
            ("one", "one"): 1.0,
        }
    )
    assert table["n"].tolist() == [7, 7, 7, 1]


def test_projection_by_hand(small: cs.Dataset) -> None:
    # Three customers: S before the first stage, P and Q at it. After a month 4/7 of S, after two (4/7)^2 are still before; one keeps its customers.
    table = cs.stage_outlook(small, STAGES, months=2).set_index(["months_ahead", "stage"])["estimate"]
    assert table[(1, "(before the first)")] == pytest.approx(4 / 7 / 3)
    assert table[(1, "one")] == pytest.approx((2 + 2 / 7) / 3)
    assert table[(1, "(left)")] == pytest.approx(1 / 7 / 3)
    assert table[(2, "(before the first)")] == pytest.approx(16 / 49 / 3)
    assert table[(2, "one")] == pytest.approx((2 + 2 / 7 + 4 / 7 * 2 / 7) / 3)


def test_it_asks_for_enough_months_and_whole_ones(small: cs.Dataset) -> None:
    with pytest.raises(cs.errors.NotEnoughDataError, match="to hold out 3 months there must be 6 finished ones; there are 3"):
        cs.stage_projection_error(small, STAGES)
    with pytest.raises(cs.errors.ParameterError, match="months must be a whole number from 1 to 60, not 0"):
        cs.stage_outlook(small, STAGES, months=0)


@pytest.mark.slow
def test_limits_hold_what_comes_when_customers_are_a_markov_chain() -> None:
    rng = np.random.default_rng(7)
    inside, tested = 0, []
    for _ in range(20):
        table = cs.stage_projection_error(cs.read_dataset(chain(120, 8, rng=rng), as_of="2025-08-31"), STAGES).set_index("metric")
        projected, actual = table.loc["projected_stage_share"], table.loc["actual_stage_share", "estimate"].to_numpy()
        inside += ((projected["conf_low"] <= actual) & (actual <= projected["conf_high"])).sum()
        tested.append(table.loc[["no_memory_p_value", "constant_rates_p_value"], "estimate"].to_numpy())
    assert inside >= 53  # of 60, of which 57 are expected
    assert (np.array(tested) < 0.05).sum() <= 7  # of 40, of which 2 are expected


@pytest.mark.slow
def test_memory_is_found_where_there_is_one() -> None:
    rng = np.random.default_rng(8)
    quick, never = chain(150, 8, rng=rng), chain(150, 8, rng=rng)
    never["events"] = never["events"].iloc[:0]
    late = {name: frame.assign(**{column: "z" + frame[column] for column in frame.columns if column.endswith("_id") and column != "user_id"})
            for name, frame in never.items()}  # fmt: skip
    both = {name: pd.concat([quick[name], late[name]], ignore_index=True) for name in quick}
    table = cs.stage_projection_error(cs.read_dataset(both, as_of="2025-08-31"), STAGES).set_index("metric")
    assert table.loc["no_memory_p_value", "estimate"] < 0.05  # those who will enter do so early: who has stayed a month mostly never does
