"""What goes with leaving sooner."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import NotEnoughDataError, ParameterError

BEGIN, END = pd.Timestamp("2024-01-01", tz="UTC"), "2025-12-31"


def company(seed: int, *, effect: float, accounts: int = 250) -> tuple[cs.Dataset, pd.Series]:
    """Return customers whose hazard is exp(effect x) of 1 in 400 days, x known of each from the start, and x."""
    rng = np.random.default_rng(seed)
    x = pd.Series(rng.standard_normal(accounts), index=[f"a{number}" for number in range(accounts)])
    start = BEGIN + pd.to_timedelta(rng.integers(0, 500, accounts), "D")
    life = pd.to_timedelta(np.ceil(rng.exponential(400 / np.exp(effect * x))), "D")
    ends = start + life
    phases = pd.DataFrame(
        {
            "subscription_id": x.index,
            "account_id": x.index,
            "started_at": start,
            "ended_at": ends.where(ends <= pd.Timestamp(END, tz="UTC")),
            "mrr": 10.0,
            "currency": "EUR",
        }
    )
    tables = {"accounts": phases[["account_id", "started_at"]], "subscriptions": phases}
    return cs.read_dataset(tables, as_of=END), x


def with_uses(seed: int) -> cs.Dataset:
    """Return a company in which some customers use a report one day; it changes nothing."""
    ds, x = company(seed, effect=0.0)
    rng = np.random.default_rng([seed, 2])
    phases = ds.tables["subscriptions"].to_pandas()
    uses = phases["started_at"] + pd.to_timedelta(np.ceil(rng.exponential(300, len(x))), "D")
    there = (uses < phases["ended_at"].fillna(pd.Timestamp(END, tz="UTC"))).to_numpy()
    events = pd.DataFrame({"event_at": uses, "account_id": phases["account_id"], "user_id": "u", "event": "report"})[there]
    return cs.read_dataset({**{name: table.to_pandas() for name, table in ds.tables.items()}, "events": events}, as_of=END)


def ever_used(ds: cs.Dataset) -> pd.DataFrame:
    """Return 1 for the accounts that have used the report, as the dataset knows it."""
    users = set(ds.tables["events"].to_pandas(["account_id"])["account_id"])
    accounts = ds.tables["accounts"].to_pandas(["account_id"])
    return accounts.assign(ever_used=accounts["account_id"].isin(users).astype(float))


@pytest.mark.slow
def test_a_known_effect_is_recovered_and_covered() -> None:
    days = [*pd.date_range("2024-01-31", END, freq="ME").strftime("%Y-%m-%d")]
    away = []
    for seed in range(12):
        ds, x = company(seed, effect=0.6)
        found = np.log(cs.churn_drivers(ds, features=x.rename("x").rename_axis("account_id").reset_index())[["estimate", "conf_low", "conf_high"]].iloc[0])
        spread = x[cs.health_features(ds, at=days, features=["mrr"])["account_id"]].std(ddof=0)  # over the looks at customers, of whom many stay long
        away.append((found["estimate"] - 0.6 * spread) / ((found["conf_high"] - found["conf_low"]) / 2))
    assert np.sum(np.abs(away) > 1) <= 3  # of 12 limits at 95 %; more in one run of 500
    assert abs(np.mean(away)) < 0.5  # three and a half standard errors of a mean of 12 half widths


@pytest.mark.slow
class TestTheFuture:
    def test_ever_used_seems_to_protect_if_it_is_read_off_at_the_end(self) -> None:
        ds = with_uses(1)
        found = cs.churn_drivers(ds, features=ever_used(ds))
        assert found["conf_high"].iloc[0] < 1

    def test_known_as_of_each_date_it_shows_nothing(self) -> None:
        ds = with_uses(1)
        days = pd.date_range("2024-01-31", END, freq="ME").strftime("%Y-%m-%d")
        dated = pd.concat([ever_used(ds.at(day)).assign(at=day) for day in days], ignore_index=True)
        found = cs.churn_drivers(ds, features=dated, recipe=ever_used).iloc[0]
        assert found["conf_low"] < 1 < found["conf_high"]

    def test_the_end_dressed_up_as_a_date_is_refused_and_named(self) -> None:
        ds = with_uses(1)
        days = pd.date_range("2024-01-31", END, freq="ME").strftime("%Y-%m-%d")
        known = pd.concat([ever_used(ds.at(day))[["account_id"]].assign(at=day) for day in days], ignore_index=True)
        with pytest.raises(ParameterError, match="'ever_used' is not what was known at its dates"):
            cs.churn_drivers(ds, features=known.merge(ever_used(ds), on="account_id"), recipe=ever_used)


@pytest.mark.slow
def test_a_feature_that_never_varies_has_no_ratio() -> None:
    ds, x = company(2, effect=0.5)
    table = pd.DataFrame({"account_id": x.index, "x": x.to_numpy(), "same": 1.0})
    found = cs.churn_drivers(ds, features=table).set_index(["metric", "feature"])["estimate"]
    assert np.isnan(found["churn_drivers", "same"])
    assert found["churn_drivers", "x"] == found["hazard_ratio_alone", "x"]
    assert found["known_share", "same"] == 1


@pytest.mark.slow
def test_units_of_a_feature_do_not_matter() -> None:
    ds, x = company(3, effect=0.5)
    table = pd.DataFrame({"account_id": x.index, "x": x.to_numpy()})
    found = [cs.churn_drivers(ds, features=each)["estimate"] for each in (table, table.assign(x=table["x"] * 1000 + 7))]
    np.testing.assert_allclose(*found, rtol=1e-6)


@pytest.mark.slow
def test_nothing_to_go_by_is_said() -> None:
    ds, x = company(4, effect=0.5)
    with pytest.raises(NotEnoughDataError, match="no feature varies"):
        cs.churn_drivers(ds, features=pd.DataFrame({"account_id": x.index, "same": 1.0}))
    with pytest.raises(NotEnoughDataError, match="nobody left after the end of a finished month"):
        cs.churn_drivers(ds.at("2024-02-02"), features=pd.DataFrame({"account_id": x.index, "x": x.to_numpy()}).iloc[:0].assign(x=1.0))
