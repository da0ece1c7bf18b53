"""The list of customers at risk in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.report.risk import risk_words


def risk(**changes: object) -> pd.DataFrame:
    """Return a list of two customers, the second of whom has given notice."""
    row = {
        "rank": 1,
        "account_id": "A1",
        "name": "<b>Acme</b>",
        "selected": True,
        "churn_probability": 0.25,
        "conf_low": 0.1,
        "conf_high": 0.5,
        "mrr": 1000.0,
        "money_at_risk": 250.0,
        "currency": "EUR",
        "notice_given": False,
        "reason_1": "active_days_28",
        "value_1": 2.0,
        "reason_2": "own_feature",
        "value_2": 0.5,
        "reason_3": None,
        "value_3": np.nan,
        "probability_before": 0.15,
        "change": 0.1,
        "change_reason": "usage_trend",
    } | changes
    return pd.DataFrame([row, {**row, "account_id": "A2", "notice_given": True}])


def words(language: str = "en", **changes: object) -> list[str]:
    """Return the texts of the first row."""
    return risk_words(risk(**changes), language=language).iloc[0].tolist()


def test_a_row_in_words() -> None:
    assert words() == [
        "1",
        "<b>Acme</b> (A1)",  # escaped where it becomes HTML
        "25.0% (10.0% to 50.0%)",
        "€250.00",
        "Active days in 28 days: 2; own_feature: 0.50",
        "+10 percentage points: Trend of use",
    ]


def test_who_has_given_notice_is_not_on_it() -> None:
    assert len(risk_words(risk())) == 1


def test_a_change_below_a_point_is_none_and_who_was_not_on_the_list_is_new() -> None:
    assert words(change=0.004)[-1] == "unchanged"
    assert words(probability_before=np.nan, change=np.nan)[-1] == "new"
    assert words(change=-0.2, change_reason=None)[-1] == "−20 percentage points"


def test_without_names_reasons_or_currency() -> None:
    found = words(name=None, reason_1=None, reason_2=None, currency=None)
    assert found[1] == "A1"
    assert found[4] == "–"


def test_headings_follow_the_language() -> None:
    assert list(risk_words(risk(), language="de").columns)[2:4] == ["Wahrscheinlichkeit zu gehen", "Gefährdet im Monat"]
