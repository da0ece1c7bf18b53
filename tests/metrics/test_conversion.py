"""Time to convert, differences between groups and changes between periods, by hand and against plain formulas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.stats.intervals import newcombe_difference

STEPS = ["visit", "buy"]
HOUR = pd.Timedelta(1, "h")


def company(journeys: list[tuple[str, str, str, float | None]], *, as_of: str = "2026-06-30", users: int = 1) -> cs.Dataset:
    """Return a company of journeys (account, segment, day of the visit, days until the purchase or None), by one user each."""
    start = pd.Timestamp("2026-01-01", tz="UTC")
    accounts = pd.DataFrame({"account_id": [j[0] for j in journeys], "started_at": start, "segment": [j[1] for j in journeys]})
    rows = []
    for account, _, day, wait in journeys:
        visit = pd.Timestamp(day, tz="UTC")
        rows.append((account, f"u-{account}", "visit", visit))
        if wait is not None:
            rows.append((account, f"u-{account}", "buy", visit + pd.Timedelta(wait, "D")))
    events = pd.DataFrame(rows, columns=["account_id", "user_id", "event", "event_at"])
    return cs.read_dataset({"accounts": accounts, "events": events}, as_of=as_of)


def many(counts: dict[tuple[str, str], tuple[int, int]]) -> cs.Dataset:
    """Return a company from (day, segment) -> (visitors, buyers after a day)."""
    cells = [(day, segment, size, hits) for (day, segment), (size, hits) in counts.items()]
    return company([(f"{day}-{segment}-{k}", segment, day, 1.0 if k < hits else None) for day, segment, size, hits in cells for k in range(size)])


def test_time_to_convert_is_the_quantile_of_those_who_convert_in_time() -> None:
    waits = [1.0, 2.0, 3.0, 4.0, 8.0, None, None]  # the fifth is beyond the window of 7 days
    ds = company([(f"a{k}", "x", "2026-02-01", wait) for k, wait in enumerate(waits)])
    found = cs.time_to_convert(ds, STEPS, within="7d", quantiles=[0.5, 0.75])
    assert found[["step", "event", "quantile", "estimate", "n"]].to_numpy().tolist() == [[2, "buy", 0.5, 2.0, 4], [2, "buy", 0.75, 3.0, 4]]


@pytest.mark.slow
def test_those_still_under_way_count_as_far_as_they_were_seen() -> None:
    # Four start on 20 June and buy after 1, 2, 3 and 9 of 10 days, one on the 1st never buys, two start on the 28th and have not bought
    # within 2.99 days. Left over are 6/7, 5/7, then 3 at risk: x 2/3, then 2: x 1/2. F is 1/7, 2/7, 11/21 and 16/21.
    journeys = [(f"a{k}", "x", "2026-06-20", wait) for k, wait in enumerate([1.0, 2.0, 3.0, 9.0])]
    ds = company([*journeys, ("b", "x", "2026-06-28", None), ("c", "x", "2026-06-28", None), ("d", "x", "2026-06-01", None)])
    found = cs.funnel(ds, STEPS, within="10d").query("metric == 'conversion' and step == 2")["estimate"].iloc[0]
    assert found == pytest.approx(1 - (6 / 7) * (5 / 6) * (2 / 3) * (1 / 2))
    # As parts of 16/21 these are 3/16, 6/16, 11/16 and 1.
    days = cs.time_to_convert(ds, STEPS, within="10d", quantiles=[0.25, 0.5, 0.7])["estimate"].tolist()
    assert days == [2.0, 3.0, 9.0]


def test_the_naive_quantile_would_be_too_short() -> None:
    rng = np.random.default_rng(8)
    starts = pd.Timestamp("2026-06-01") + pd.to_timedelta(rng.integers(0, 30, 1500), "D")
    waits = rng.integers(1, 21, 1500).astype(float)
    # The true median of 1, ..., 20 is 10; those who converted by the end of the month were the quick ones.
    seen = starts + pd.to_timedelta(waits, "D") <= pd.Timestamp("2026-06-30")
    known = np.where(seen, waits, np.nan)
    ds = company([(f"a{k}", "x", f"{day:%Y-%m-%d}", None if np.isnan(wait) else wait) for k, (day, wait) in enumerate(zip(starts, known, strict=True))])
    row = cs.time_to_convert(ds, STEPS, within="20d", quantiles=[0.5]).iloc[0]
    assert np.median(waits[seen]) <= 8
    assert row["conf_low"] <= 10 <= row["conf_high"]


def test_a_difference_between_two_groups_is_newcombes() -> None:
    ds = many({("2026-02-01", "x"): (70, 56), ("2026-02-01", "y"): (80, 48)})
    found = cs.conversion_difference(ds, STEPS, within="7d", actor="account", correction="holm")
    assert found["metric"].tolist() == [f"{share}_{end}" for share in ("conversion", "step_conversion") for end in ("difference", "adjusted_p_value")]
    row = found.iloc[0]
    np.testing.assert_allclose(row[["estimate", "conf_low", "conf_high"]].astype(float), newcombe_difference((56, 70), (48, 80)), rtol=1e-9)
    assert row[["segment", "step", "event", "n"]].tolist() == ["x", 2, "buy", 70]


def test_of_three_groups_each_is_compared_with_the_others() -> None:
    ds = many({("2026-02-01", "x"): (40, 30), ("2026-02-01", "y"): (40, 20), ("2026-02-01", "z"): (40, 10)})
    found = cs.conversion_difference(ds, STEPS, within="7d", actor="account").query("metric == 'conversion_difference'")
    assert found["estimate"].tolist() == pytest.approx([30 / 40 - 30 / 80, 20 / 40 - 40 / 80, 10 / 40 - 50 / 80])


def test_a_change_is_split_into_mix_and_rate() -> None:
    # Both groups rise by 10 points, and the share of the weaker one from 50 to 90 %: 20 x 80 % + 80 x 20 %...
    ds = many({("2026-03-10", "x"): (50, 35), ("2026-03-10", "y"): (50, 10), ("2026-04-10", "x"): (10, 8), ("2026-04-10", "y"): (90, 27)})
    found = cs.conversion_change(ds, STEPS, within="7d", actor="account", periods=("2026-03-01", "2026-04-15"))
    total = found[found["segment"].isna()].set_index("part")["estimate"]
    # March 45 %, April 35 %. Rate: 10 points in each group. Mix: the rest, -20 points.
    assert total[["rate", "mix", "total"]].tolist() == pytest.approx([0.1, -0.2, -0.1])
    assert found[["period", "against_period"]].drop_duplicates().to_numpy().tolist() == [[pd.Timestamp("2026-04-01"), pd.Timestamp("2026-03-01")]]


def test_the_periods_are_the_last_two_whose_windows_are_over() -> None:
    days = [f"2026-{month:02d}-10" for month in range(1, 7)]
    ds = many({(day, "x"): (10, 5) for day in days})
    found = cs.conversion_change(ds, STEPS, within="45d", actor="account")
    # 45 days before the end of June is the middle of May, so that April is the last month of which all had theirs.
    assert found[["period", "against_period"]].drop_duplicates().to_numpy().tolist() == [[pd.Timestamp("2026-04-01"), pd.Timestamp("2026-03-01")]]


@pytest.mark.slow
def test_what_cannot_be_compared_is_refused_in_words() -> None:
    ds = many({("2026-03-10", "x"): (5, 3), ("2026-04-10", "x"): (5, 3)})
    with pytest.raises(cs.errors.NotEnoughDataError, match="two groups"):
        cs.conversion_difference(ds, STEPS, within="7d")
    with pytest.raises(cs.errors.ParameterError, match="start may not be given"):
        cs.conversion_change(ds, STEPS, within="7d", start="2026-03-01")
    with pytest.raises(cs.errors.ParameterError, match="two different periods"):
        cs.conversion_change(ds, STEPS, within="7d", periods=("2026-03-01", "2026-03-20"))
    with pytest.raises(cs.errors.NotEnoughDataError, match="nobody did 'visit'"):
        cs.conversion_change(ds, STEPS, within="7d", periods=("2026-01-01", "2026-03-20"))
    with pytest.raises(cs.errors.ParameterError, match="quantiles"):
        cs.time_to_convert(ds, STEPS, within="7d", quantiles=[50])


@pytest.mark.slow
def test_a_young_period_rests_on_those_who_have_had_the_whole_window() -> None:
    ds = many({("2026-05-31", "x"): (4, 3), ("2026-06-02", "x"): (4, 1), ("2026-06-28", "x"): (6, 0)})
    found = cs.conversion_by_period(ds, STEPS, within="7d", actor="account")
    # In June one of ten converts after a day; the six of the 28th are seen for 2.99 days: 1 - 9/10 at 1 day.
    assert found[["period", "estimate", "n"]].to_numpy().tolist() == [
        [pd.Timestamp("2026-05-01"), 0.75, 4],
        [pd.Timestamp("2026-06-01"), pytest.approx(0.1), 10],
    ]
    late = cs.conversion_by_period(ds, STEPS, within="60d", actor="account")
    assert late["estimate"].isna().all()


def test_the_usual_steps_are_those_of_most_accounts_in_the_order_of_their_waits() -> None:
    ds = many({("2026-01-10", "x"): (4, 3)})
    assert cs.usual_steps(ds) == ["visit", "buy"]
    with pytest.raises(cs.errors.NotEnoughDataError, match="only 'visit'"):
        cs.usual_steps(many({("2026-01-10", "x"): (4, 0)}))
