"""What goes with activation, by hand and where there is nothing to find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, events, phases

DAY = pd.Timedelta(1, "D")


def company(*cells: tuple[str, str, int, int]) -> cs.Dataset:
    """Return accounts that all started on 1 January, from (touch, segment, accounts, how many of them saved on the second)."""
    rows = [(touch, segment, number < saved) for touch, segment, size, saved in cells for number in range(size)]
    people = pd.DataFrame(rows, columns=["touch", "segment", "saved"]).assign(started_at=pd.Timestamp("2026-01-01", tz="UTC"))
    people["account_id"] = [f"a{number:04d}" for number in range(len(people))]
    used = people.loc[people["saved"], ["account_id"]].assign(event_at=pd.Timestamp("2026-01-02", tz="UTC"), user_id="u", event="save")
    return cs.read_dataset({"accounts": people.drop(columns="saved"), "events": used}, as_of="2026-03-31")


def rows_of(table: pd.DataFrame) -> dict[tuple[Any, ...], tuple[float, int]]:
    """Return estimate and n by metric and kind of adjustment."""
    return {(row.metric, row.adjusted_for): (round(row.estimate, 6), row.n) for row in table.itertuples()}


class TestDifference:
    def test_a_difference_that_is_the_make_up_alone_goes_away(self) -> None:
        # large accounts activate at 0.8, small ones at 0.4, whoever looks after them; high touch has mostly large ones
        ds = company(("high", "large", 40, 32), ("high", "small", 10, 4), ("low", "large", 20, 16), ("low", "small", 80, 32))
        # as it is: 36/50 - 48/100; with weights 60/150 and 90/150 both sides are at 0.8 x 0.4 + 0.4 x 0.6 = 0.56
        assert rows_of(cs.activation_difference(ds, "save")) == {
            ("activation_difference", "(nothing)"): (0.24, 50),
            ("accounts_covered", "(nothing)"): (1.0, 150),
            ("activation_difference", "segment"): (0.0, 50),
            ("accounts_covered", "segment"): (1.0, 150),
        }

    def test_a_stratum_on_one_side_only_is_left_out_and_said(self) -> None:
        ds = company(("high", "large", 10, 8), ("low", "large", 20, 12), ("low", "small", 30, 3))
        found = rows_of(cs.activation_difference(ds, "save"))
        assert found["activation_difference", "segment"] == (0.2, 10)  # 8/10 - 12/20
        assert found["accounts_covered", "segment"] == (0.5, 60)

    def test_without_a_stratum_in_common_there_is_no_adjusted_difference(self) -> None:
        found = cs.activation_difference(company(("high", "large", 10, 8), ("low", "small", 20, 12)), "save").set_index(["metric", "adjusted_for"])
        assert found.loc[("activation_difference", "segment"), ["estimate", "conf_low", "conf_high"]].isna().all()
        assert found.loc[("accounts_covered", "segment"), "estimate"] == 0

    def test_more_than_two_values_are_compared_each_with_the_rest(self) -> None:
        ds = company(("high", "p", 10, 8), ("high", "q", 10, 4), ("low", "r", 20, 2))
        found = cs.activation_difference(ds, "save", between="segment", adjust_for=None)
        gaps = found[found["metric"] == "activation_difference"].set_index("segment")["estimate"]
        assert gaps.round(6).to_dict() == {"p": 0.6, "q": round(4 / 10 - 10 / 30, 6), "r": -0.5}

    def test_the_crude_limits_are_newcombes(self) -> None:
        found = cs.activation_difference(company(("high", "s", 70, 56), ("low", "s", 80, 48)), "save", adjust_for=None).iloc[0]
        assert found[["estimate", "conf_low", "conf_high"]].astype(float).round(4).tolist() == [0.2, 0.0524, 0.3339]  # Newcombe (1998), table II, method 10

    def test_columns_are_named_once(self) -> None:
        ds = company(("high", "s", 10, 8), ("low", "s", 10, 4))
        with pytest.raises(cs.errors.ParameterError, match="another column"):
            cs.activation_difference(ds, "save", adjust_for="touch")
        with pytest.raises(cs.errors.NotEnoughDataError, match="two groups"):
            cs.activation_difference(ds, "save", between="segment", adjust_for=None)
        with pytest.raises(cs.errors.NotEnoughDataError, match="in no group"):
            cs.activation_difference(ds, "save", by="touch", between="segment", adjust_for=None)


class TestLandmark:
    @pytest.fixture
    def ds(self) -> cs.Dataset:
        ends = {"a": None, "b": "2026-02-01", "c": "2026-01-05", "d": "2026-01-20", "e": None, "f": None}
        sold = phases(*((name, name, "2026-01-20" if name == "f" else "2026-01-01", end, 1) for name, end in ends.items()))
        used = events(
            ("2026-01-11", "a", "u", "save"),  # at the landmark itself
            ("2026-01-03", "b", "u", "save"),
            ("2026-01-03", "c", "u", "save"),  # left before the landmark
            ("2026-01-15", "e", "u", "save"),  # after the landmark
            ("2026-01-03", "f", "u", "save"),  # no subscription yet at the landmark
        )
        return cs.read_dataset({"accounts": accounts(**dict.fromkeys("abcdefg", "2026-01-01")), "events": used, "subscriptions": sold}, as_of="2026-03-31")

    @pytest.mark.slow
    def test_by_hand(self, ds: cs.Dataset) -> None:
        found = cs.landmark_retention(ds, "save", landmark="10d", horizon="30d").set_index(["metric", "activated"])
        # activated and there on 11 January: a, who stays, and b, who leaves after 21 days; not activated: d, who leaves, and e
        assert found["estimate"].to_dict() == {
            ("landmark_retention", "no"): 0.5,
            ("landmark_retention", "yes"): 0.5,
            ("landmark_retention_difference", "yes"): 0.0,
        }
        assert found["n"].tolist() == [2, 2, 2]

    @pytest.mark.slow
    def test_what_is_not_over_is_missing(self, ds: cs.Dataset) -> None:
        assert cs.landmark_retention(ds, "save", landmark="10d", horizon="90d").query("activated == 'yes'")["estimate"].isna().all()

    def test_it_needs_subscriptions_and_a_horizon_of_fixed_length(self, ds: cs.Dataset) -> None:
        bare = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "events": events(("2026-01-02", "a", "u", "save"))}, as_of="2026-03-31")
        with pytest.raises(cs.errors.MissingTableError, match="subscriptions"):
            cs.landmark_retention(bare, "save")
        with pytest.raises(cs.errors.ParameterError, match="months"):
            cs.landmark_retention(ds, "save", horizon="3mo")

    def test_one_group_alone_has_no_difference(self, ds: cs.Dataset) -> None:
        found = cs.landmark_retention(ds, "save", landmark="1d", horizon="30d")
        assert found[["activated", "metric"]].values.tolist() == [["no", "landmark_retention"]]

    @pytest.mark.slow
    def test_without_any_effect_the_landmark_finds_none_where_ever_activated_does(self) -> None:
        rng = np.random.default_rng(5)
        size, start = 4000, pd.Timestamp("2026-01-01", tz="UTC")
        # independent of each other
        leaves, saves = (start + pd.to_timedelta((rng.exponential(days, size) * 86_400_000_000).astype("int64"), "us") for days in (60, 30))
        names = np.array([f"a{number}" for number in range(size)])
        people = pd.DataFrame({"account_id": names, "started_at": start})
        sold = phases(*((name, name, "2026-01-01", None, 1) for name in names)).assign(ended_at=leaves)
        does = saves < leaves  # who has left does nothing any more
        used = pd.DataFrame({"event_at": saves[does], "account_id": names[does], "user_id": "u", "event": "save"})
        ds = cs.read_dataset({"accounts": people, "events": used, "subscriptions": sold}, as_of="2026-12-31")
        there = np.asarray((leaves - start) / DAY) > 74  # landmark and horizon together
        ever = there[does].mean() - there[~does].mean()
        found = cs.landmark_retention(ds, "save", landmark="14d", horizon="60d").set_index(["metric", "activated"])
        gap = found.loc[("landmark_retention_difference", "yes")]
        assert ever > 0.2
        assert gap["conf_low"] < 0 < gap["conf_high"]
        assert found.loc["landmark_retention", "estimate"].to_numpy() == pytest.approx(np.exp(-1), abs=0.03)
