"""Retention of a simulated company against the true values of its own accounts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weeks() -> pd.DataFrame:
    """Return estimated and true weekly retention since sign-up, one row an age, at a fifth of the sessions."""
    ds, truth = cs.simulate_company(accounts=3_000, seed=21, event_rate=0.2, probe_hours=24)
    rule = {"period": "week", "criterion": "on", "windows": "rolling", "entry": "account_start", "event": "signed_in", "actor": "account"}
    found = cs.cohort_retention(ds, **rule, max_age=51)
    true = truth.of("retention").assign(age=lambda table: (table["time_days"] // 7).astype("int64"))
    return found[found["cohort"].isna()].merge(true[["age", "value"]], on="age", validate="one_to_one")


def test_there_is_something_to_find(weeks: pd.DataFrame) -> None:
    assert weeks["age"].tolist() == list(range(52))
    assert weeks["n"].min() > 1_000
    assert weeks["value"].iloc[0] > 1.5 * weeks["value"].iloc[26]


def test_each_age_is_near_the_truth(weeks: pd.DataFrame) -> None:
    """(share - true) / sqrt(true (1 - true) / n), whose spread is below 1 for accounts that differ in their chance."""
    z = (weeks["estimate"] - weeks["value"]) / np.sqrt(weeks["value"] * (1 - weeks["value"]) / weeks["n"])
    assert z.abs().max() < 4
    assert abs(z.mean()) < 4 / np.sqrt(len(z))


def test_the_limits_hold_the_truth_at_least_as_often_as_they_say(weeks: pd.DataFrame) -> None:
    """At 45 of 52 ages or more: 95 % of 52 less two and a half standard errors. They also allow for other accounts, so more is right."""
    inside = (weeks["conf_low"] <= weeks["value"]) & (weeks["value"] <= weeks["conf_high"])
    assert inside.sum() >= 45
    assert (weeks["conf_high"] - weeks["conf_low"]).max() < 0.05
