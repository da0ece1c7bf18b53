"""Staged tables are made once a dataset and question."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError
from cs_analysis.facts.kept import once
from cs_analysis.facts.phases import effective_phases
from cs_analysis.facts.subscriptions import customer_spells, phase_months


@pytest.fixture
def ds() -> cs.Dataset:
    """Return two customers, one of which leaves."""
    accounts = pd.DataFrame({"account_id": ["a", "b"], "started_at": pd.to_datetime(["2026-01-01"] * 2, utc=True), "segment": ["x", "y"]})
    phases = accounts.assign(subscription_id=["1", "2"], mrr=[10.0, 20.0], currency="EUR", kind="paid", ended_at=pd.to_datetime([None, "2026-03-01"], utc=True))
    return cs.read_dataset({"accounts": accounts, "subscriptions": phases.drop(columns="segment")}, as_of="2026-04-30")


@pytest.mark.slow
@pytest.mark.parametrize("function", [effective_phases, customer_spells, phase_months])
def test_the_same_question_has_the_same_table_and_another_has_its_own(ds, function) -> None:
    asked = function(ds, by="segment", policy="stripe")
    assert function(ds, by=["segment"], policy=cs.RevenuePolicy.stripe()).get_name() == asked.get_name()
    others = [function(ds), function(ds, policy="stripe"), function(ds, by="segment"), function(ds.at("2026-02-28"), by="segment", policy="stripe")]
    assert len({table.get_name() for table in [asked, *others]}) == 5


@pytest.mark.slow
def test_an_earlier_moment_does_not_see_what_was_kept_for_the_later_one(ds) -> None:
    rates = {day: cs.logo_churn_rate(ds.at(day)).query("metric == 'logo_churn_rate' and n > 0")["estimate"].tolist() for day in ("2026-04-30", "2026-02-28")}
    assert rates == {"2026-04-30": [0.0, 0.5, 0.0], "2026-02-28": [0.0]}


def test_a_refusal_is_not_kept(ds) -> None:
    for _ in range(2):
        with pytest.raises(MissingColumnsError, match="region"):
            customer_spells(ds, by="region")


def test_once_asks_once_a_dataset_and_question(ds) -> None:
    made: list[str] = []
    answers = [once(one, asked, lambda asked=asked: made.append(asked) or asked) for one in (ds, ds.at("2026-02-28")) for asked in "aba"]
    assert answers == list("abaaba")
    assert made == list("abab")
