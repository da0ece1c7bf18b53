"""Periods under contract: by hand, from the fits, and the truth of simulated contracts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, MissingTableError, ParameterError
from cs_analysis.stats.contracts.lifetimes import periods_ahead
from cs_analysis.stats.contracts.renewals import SBG

AS_OF = "2026-01-31"


def contracts(renewals: list[int | None], *, start: str = "2025-01-10") -> dict[str, pd.DataFrame]:
    """Return accounts from one day on that end on the day of a renewal (1, 2, ...), or not at all."""
    first = pd.Timestamp(start, tz="UTC")
    ends = [pd.NaT if renewal is None else first + pd.DateOffset(months=renewal) for renewal in renewals]
    names = [f"a{number}" for number in range(len(renewals))]
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": first, "ended_at": pd.to_datetime(ends, utc=True), "mrr": 5.0})
    people = pd.DataFrame({"account_id": names, "started_at": first, "segment": ["x", "y"] * (len(names) // 2) + ["x"] * (len(names) % 2)})
    return {"accounts": people, "subscriptions": sold.assign(currency="EUR")}


def drawn(alpha: float, beta: float, *, customers: int, seed: int = 5) -> dict[str, pd.DataFrame]:
    """Return contracts whose customers each have a chance of their own to leave at every renewal."""
    rng = np.random.default_rng(seed)
    return contracts([int(renewal) if renewal < 13 else None for renewal in rng.geometric(rng.beta(alpha, beta, customers))])


def read(tables: dict[str, pd.DataFrame], as_of: str = AS_OF) -> cs.Dataset:
    """Return the dataset."""
    return cs.read_dataset(tables, as_of=as_of)


@pytest.mark.slow
def test_the_constant_rate_by_hand() -> None:
    # 4 customers, 3 renewals due on 10 April: 1 leaves at the first, 1 at the second; 4 + 3 + 2 asked, 3 + 2 + 2 stay: 7/9; 1 + 7/9 + 49/81
    table = cs.contract_lifetime(read(contracts([1, 2, None, None]), as_of="2025-04-12"), model="sbg", horizon="3mo").set_index("metric")
    assert table.loc["contract_lifetime_naive", "estimate"] == pytest.approx(1 + 7 / 9 + 49 / 81)
    assert table["n"].tolist() == [4, 4, 4]


@pytest.mark.slow
def test_lifetimes_are_those_of_the_fit_to_the_counts() -> None:
    ds = read(drawn(0.8, 4, customers=300))
    table = cs.contract_lifetime(ds, model="sbg", horizon="24mo", discount_rate=0.21).set_index("metric")
    fit = cs.fit_sbg(cs.retained_customers(ds), cohort=["cohort", "renewals_due"])
    limits = ["estimate", "conf_low", "conf_high"]
    assert table.loc["contract_lifetime", limits].tolist() == fit.expected_lifetime(horizon=24)[limits].iloc[0].tolist()
    monthly = 1.21 ** (1 / 12) - 1
    assert table.loc["discounted_contract_lifetime", limits].tolist() == fit.discounted_lifetime(monthly)[limits].iloc[0].tolist()


@pytest.mark.slow
def test_the_truth_lies_within_the_limits_and_beyond_the_constant_rate() -> None:
    table = cs.contract_lifetime(read(drawn(0.8, 4, customers=3000)), model="sbg", horizon="60mo").set_index("metric")
    truth = periods_ahead(SBG, np.log([0.8, 4]), horizon=60)
    row = table.loc["contract_lifetime"]
    assert row["conf_low"] < truth < row["conf_high"]
    assert row["conf_high"] - row["conf_low"] < 0.25 * truth
    assert table.loc["contract_lifetime_naive", "estimate"] < 0.8 * truth


@pytest.mark.slow
def test_groups_without_a_fit_are_missing_and_keep_the_others() -> None:
    # x: nobody leaves; y: two of eight, at the first and second of twelve renewals
    ends: list[int | None] = [None, 1, None, 2, None, None, None, 3, None, None]
    table = cs.contract_lifetime(read(contracts(ends)), model="sbg", by="segment")
    found = table.set_index(["segment", "metric"])["estimate"]
    assert np.isnan(found["x", "contract_lifetime"])
    assert found["x", "contract_lifetime_naive"] == 36
    assert found["y", "contract_lifetime"] > 1


@pytest.mark.slow
def test_yearly_contracts_are_counted_in_years() -> None:
    tables = contracts([12, 12, 24, None, None, None, 36, None], start="2021-01-10")
    tables["subscriptions"]["interval"] = "year"
    table = cs.contract_lifetime(read(tables), model="sbg")
    assert table["renewed_every"].unique().tolist() == ["year"]
    # 5 renewals due; 8 + 6 + 5 + 4 + 4 asked, 6 + 5 + 4 + 4 + 4 stay
    rate = 23 / 27
    assert table.set_index("metric").loc["contract_lifetime_naive", "estimate"] == pytest.approx(1 + rate + rate**2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"model": "weibull"}, "model"),
        ({"period": "week"}, "period"),
        ({"horizon": "90d"}, "horizon"),
        ({"horizon": "18mo", "period": "year"}, "horizon"),
        ({"discount_rate": 0}, "discount_rate"),
        ({"conf_level": 1}, "conf_level"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        cs.contract_lifetime(read(contracts([1, 2, None])), **options)


def test_what_is_missing_is_named() -> None:
    tables = contracts([1, 2, None])
    with pytest.raises(MissingTableError, match="subscriptions"):
        cs.retained_customers(read({"accounts": tables["accounts"]}))
    with pytest.raises(MissingColumnsError, match="country"):
        cs.retained_customers(read(tables), by="country")
