"""Drift of features and of forecasts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError


def company(*, grown: float) -> cs.Dataset:
    """Return 200 customers; in April each pays `grown` times as much as before."""
    rng = np.random.default_rng(1)
    amounts = np.round(rng.lognormal(4, 1, 200), 2)
    first = pd.DataFrame({"account_id": [f"a{number}" for number in range(200)], "mrr": amounts, "currency": "EUR"})
    first = first.assign(subscription_id=first["account_id"], started_at=pd.Timestamp("2026-01-10", tz="UTC"), ended_at=pd.Timestamp("2026-04-10", tz="UTC"))
    then = first.assign(started_at=first["ended_at"], ended_at=pd.NaT, mrr=(amounts * grown).round(2))
    phases = pd.concat([first, then], ignore_index=True)
    return cs.read_dataset({"accounts": first[["account_id", "started_at"]], "subscriptions": phases}, as_of="2026-06-30")


def drift(ds: cs.Dataset, **options: object) -> dict[str, float]:
    """Return the drift of the revenue and its noise."""
    return cs.health_drift(ds, features=["mrr"], **options).set_index("metric")["estimate"].to_dict()


@pytest.mark.slow
def test_a_change_of_everybody_lies_above_the_noise_and_none_does_not() -> None:
    moved, same = drift(company(grown=3.0)), drift(company(grown=1.0))
    assert moved["health_drift"] > 2 * moved["drift_noise"]
    assert same["health_drift"] == 0
    assert same["drift_noise"] == moved["drift_noise"]


@pytest.mark.slow
def test_the_earlier_day_may_be_named() -> None:
    found = cs.health_drift(company(grown=3.0), features=["mrr"], since="2026-05-31")
    assert found["since"].unique().tolist() == [pd.Timestamp("2026-05-31")]
    assert found["estimate"].iloc[0] == 0


@pytest.mark.slow
def test_a_young_company_has_nothing_to_compare() -> None:
    with pytest.raises(NotEnoughDataError, match="drift needs two months"):
        cs.health_drift(company(grown=1.0).at("2026-02-10"), features=["mrr"])
    with pytest.raises(NotEnoughDataError, match="there are 0 then and 200 now"):
        cs.health_drift(company(grown=1.0), features=["mrr"], since="2025-12-31")


def test_forecasts_by_hand() -> None:
    # At the first date 2 of 4 left where 0.5 + 0.25 + 0.25 + 1 = 2 were foretold; at the second none where 0.8 were: 3.69 / 0.8 is the limit.
    told = pd.DataFrame({"account_id": list("abcdab"), "at": ["2026-01-31"] * 4 + ["2026-02-28"] * 2, "model": "m"})
    told = told.assign(probability=[0.5, 0.25, 0.25, 1.0, 0.4, 0.4], churned=[True, False, False, True, False, False])
    found = cs.forecast_drift(told)
    assert found["estimate"].tolist() == [1.0, 0.0]
    assert found["n"].tolist() == [4, 2]
    assert found["conf_high"].iloc[1] == pytest.approx(-np.log(0.025) / 0.8)
    with pytest.raises(MissingColumnsError, match="probability"):
        cs.forecast_drift(told.drop(columns="probability"))
