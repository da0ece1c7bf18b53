"""The list of customers at risk."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

import cs_analysis as cs
from cs_analysis.errors import NotEnoughDataError, ParameterError

FEW = ["active_days_28", "tenure_days", "mrr"]
EFFECTS = ["base_effect", "other_effect", "effect_1", "effect_2", "effect_3"]


@cache
def company() -> cs.Dataset:
    """Return a simulated company in which customers leave."""
    ds, _ = cs.simulate_company(accounts=160, months=14, seed=3)
    return ds


@cache
def listed() -> pd.DataFrame:
    """Return its list."""
    return cs.churn_risk(company(), features=FEW, capacity=7)


def given_notice() -> cs.Dataset:
    """Return the company in which one of the listed customers has cancelled by the end of the data."""
    tables = {name: handle.to_pandas() for name, handle in company().tables.items() if name in ("accounts", "subscriptions", "events", "rates")}
    account = listed()["account_id"].iloc[0]
    phases = tables["subscriptions"]
    open_now = (phases["account_id"] == account) & phases["ended_at"].isna()
    phases.loc[open_now, "cancelled_at"] = company().as_of.tz_convert("UTC") - pd.Timedelta(1, "D")
    accounts = tables["accounts"]
    accounts["name"] = accounts["name"].where(accounts["account_id"] != account, '=HYPERLINK("http://evil.example";"x")')
    return cs.read_dataset(tables, as_of=company().as_of, calendar=company().calendar, currency=company().currency)


@pytest.mark.slow
class TestList:
    def test_the_effects_add_up_to_the_log_odds(self) -> None:
        scored = listed()[~listed()["notice_given"]]
        np.testing.assert_allclose(scored[EFFECTS].sum(axis=1), special.logit(scored["churn_probability"]), rtol=1e-9)
        raising = scored[["effect_1", "effect_2", "effect_3"]].to_numpy()
        assert not (raising <= 0).any()
        assert not (np.diff(raising, axis=1) > 0).any()
        assert (scored["reason_1"].notna() == scored["effect_1"].notna()).all()

    def test_money_orders_the_list_and_capacity_cuts_it(self) -> None:
        scored = listed()[~listed()["notice_given"]]
        np.testing.assert_allclose(scored["money_at_risk"], scored["churn_probability"] * scored["mrr"])
        assert scored["money_at_risk"].is_monotonic_decreasing
        assert scored["rank"].tolist() == list(range(1, len(scored) + 1))
        assert listed()["selected"].tolist() == [True] * 7 + [False] * (len(listed()) - 7)
        tenth = cs.churn_risk(company(), features=FEW)
        assert tenth["selected"].sum() == np.ceil(0.1 * len(scored))

    def test_limits_hold_the_estimate_and_inputs_are_counted(self) -> None:
        scored = listed()[~listed()["notice_given"]]
        assert (scored["conf_low"] < scored["churn_probability"]).all()
        assert (scored["churn_probability"] < scored["conf_high"]).all()
        assert (listed()["inputs"] == 3).all()

    def test_every_customer_is_there_once(self) -> None:
        assert sorted(listed()["account_id"]) == sorted(cs.health_features(company(), features=["mrr"])["account_id"])

    def test_the_list_before_is_the_one_that_was_drawn_up_then(self) -> None:
        day = "2026-09-30"
        found = cs.churn_risk(company(), features=FEW, previous=day).set_index("account_id")
        before = cs.churn_risk(company().at(day), features=FEW).set_index("account_id")["churn_probability"]
        both = found.index.intersection(before.dropna().index)
        assert len(both) > 20
        np.testing.assert_allclose(found.loc[both, "probability_before"], before[both], rtol=1e-9)
        np.testing.assert_allclose(found["change"], found["churn_probability"] - found["probability_before"], rtol=1e-9, atol=1e-12)
        assert found.loc[found.index.difference(before.index), "probability_before"].isna().all()

    def test_who_has_given_notice_is_known_to_leave_and_comes_last(self) -> None:
        found = cs.churn_risk(given_notice(), features=FEW)
        last = found.iloc[-1]
        assert last["account_id"] == listed()["account_id"].iloc[0]
        assert last["notice_given"]
        assert not last["selected"]
        assert pd.isna(last["rank"])
        assert np.isnan(last["churn_probability"])

    def test_a_spreadsheet_reads_no_formula(self, tmp_path: Path) -> None:
        text = cs.write_list(cs.churn_risk(given_notice(), features=FEW), tmp_path / "list.csv").read_text(encoding="utf-8-sig")
        assert "'=HYPERLINK" in text
        assert '"=HYPERLINK' not in text

    def test_rows_and_values_after_as_of_change_nothing(self) -> None:
        day = "2026-09-30"
        tables = {name: handle.to_pandas() for name, handle in company().tables.items() if name in ("accounts", "subscriptions", "events", "rates")}
        earlier = cs.read_dataset(tables, as_of=day, calendar=company().calendar, currency=company().currency)
        pd.testing.assert_frame_equal(cs.churn_risk(earlier, features=FEW), cs.churn_risk(company().at(day), features=FEW))

    def test_a_leaky_table_is_refused_and_named(self) -> None:
        days = pd.date_range("2025-09-30", "2026-10-31", freq="ME")
        known = cs.health_features(company(), at=[*days.strftime("%Y-%m-%d")], features=["mrr"])
        ends = company().tables["subscriptions"].to_pandas(["account_id", "ended_at"]).groupby("account_id")["ended_at"].max()
        leaky = known[["account_id", "at"]].assign(leaves=known["account_id"].map(ends).notna().astype(float))

        def leaves(ds: cs.Dataset) -> pd.DataFrame:
            phases = ds.tables["subscriptions"].to_pandas(["account_id", "ended_at"])
            return phases.groupby("account_id")["ended_at"].max().notna().astype(float).rename("leaves").reset_index()

        with pytest.raises(ParameterError, match="'leaves' is not what was known at its dates"):
            cs.churn_risk(company(), features=leaky, recipe=leaves)


@pytest.mark.slow
@pytest.mark.parametrize("capacity", [0, -1, 1.5, True, "10", float("nan")])
def test_a_capacity_is_a_share_or_a_number(capacity: object) -> None:
    with pytest.raises(ParameterError, match="capacity must be a share"):
        cs.churn_risk(company(), capacity=capacity)


@pytest.mark.slow
def test_a_list_is_compared_with_an_earlier_one() -> None:
    with pytest.raises(ParameterError, match="previous must be a day before as_of"):
        cs.churn_risk(company(), features=FEW, previous="2026-10-31")


@pytest.mark.slow
def test_too_few_who_left_are_too_few_for_a_list() -> None:
    ds, _ = cs.simulate_company(accounts=12, months=8)
    with pytest.raises(NotEnoughDataError, match=r"the chance to leave within 90d cannot be told by .* 5 rows with a yes"):
        cs.churn_risk(ds, features=["mrr"])
