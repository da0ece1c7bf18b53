"""One latent fit drives usage, answers, tickets, expansion and churn together: it can be found back in each of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

END = pd.Timestamp("2026-11-01", tz="UTC")


@pytest.fixture(scope="module")
def seen(large_company: object, company: object) -> pd.DataFrame:
    """Return what an observer sees of each account: tickets a day of presence, orders a day since sign-up (they need no contract), and so on."""
    started = large_company["accounts"].set_index("account_id")["started_at"]
    left = large_company.truth.latent.set_index("account_id")["first_leave_at"].fillna(END).clip(upper=END)
    tickets, orders = (large_company[name].groupby("account_id").size().reindex(started.index, fill_value=0) for name in ("tickets", "orders"))
    rates = {"tickets": tickets / (left - started).dt.days.clip(lower=1), "orders": orders / (END - started).dt.days.clip(lower=1)}
    return pd.DataFrame({**rates, "score": mean_score(large_company), "growth": growth(large_company), "churned": churned(large_company)}, index=started.index)


def mean_score(company: object) -> pd.Series:
    nps = company["responses"].query("survey == 'nps'").dropna(subset=["score"])
    return nps.groupby("account_id")["score"].mean()


def growth(company: object) -> pd.Series:
    """Return the additions of seats of each customer."""
    paid = company["subscriptions"].query("kind in ('paid', 'past_due')").sort_values(["subscription_id", "started_at"])
    added = paid.groupby("subscription_id")["seats"].diff() > 0
    return added.groupby(paid["account_id"]).sum()


def churned(company: object) -> pd.Series:
    """Return whether the first contract of each customer ended."""
    paid = company["subscriptions"].query("kind in ('paid', 'past_due') and subscription_id.str.endswith('-1')")
    return paid.groupby("account_id")["end_reason"].last().notna()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "low", "high"), [("tickets", -0.5, -0.05), ("orders", 0.02, 0.5), ("score", 0.4, 0.9), ("growth", 0.1, 0.6), ("churned", -0.6, -0.15)]
)
def test_fit_is_found_in(large_company: object, seen: pd.DataFrame, what: str, low: float, high: float) -> None:
    latent = large_company.truth.latent.query("active").set_index("account_id")
    both = pd.concat([latent["fit"], seen[what]], axis=1).dropna()
    assert len(both) > 1_000
    assert low < stats.spearmanr(both["fit"], both[what].astype(float)).statistic < high


def test_fit_is_found_in_usage(company: object) -> None:
    """Events a day in the second and third month, of accounts that are there for it."""
    latent = company.truth.latent.query("active").merge(company["accounts"][["account_id", "started_at"]], on="account_id")
    leaves = latent["first_leave_at"].fillna(END + pd.Timedelta("999D")).clip(upper=END)
    there = latent[leaves - latent["started_at"] > pd.Timedelta("90D")].set_index("account_id")
    events = company["events"].merge(there["started_at"], left_on="account_id", right_index=True)
    used = events[(events["event_at"] - events["started_at"]).between(pd.Timedelta("30D"), pd.Timedelta("90D"))].groupby("account_id").size()
    assert 0.3 < stats.spearmanr(there["fit"], used.reindex(there.index, fill_value=0)).statistic < 0.8


@pytest.mark.slow
def test_what_follows_from_fit_goes_together(seen: pd.DataFrame) -> None:
    """Happy customers grow and stay, as a common cause makes them; none of the three acts on another."""
    signs = seen[["score", "growth", "churned"]].dropna().astype(float).corr(method="spearman")
    assert signs.loc["score", "growth"] > 0.03
    assert signs.loc["score", "churned"] < -0.1


def test_satisfaction_is_not_success(company: object) -> None:
    """Latent satisfaction correlates with fit by 0.75, up to the error of 400 accounts (about (1 - 0.75^2) / 20)."""
    latent = company.truth.latent
    assert np.corrcoef(latent["fit"], latent["satisfaction"])[0, 1] == pytest.approx(0.75, abs=4 * (1 - 0.75**2) / 20)
