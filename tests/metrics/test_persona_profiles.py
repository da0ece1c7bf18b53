"""What personas are like: figures by hand, and tests that find nothing where there is nothing."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError

PERSONAS = pd.DataFrame({"account_id": range(9), "persona": ["A"] * 4 + ["B"] * 3 + ["never used", "unassigned"]})
FEATURES = pd.DataFrame(
    {"account_id": range(9), "reports": [8, 10, 12, 10, 4, 5, 6, 0, 50], "mrr": [10.0, 20, 30, 40, 100, 100, 100, 0, 0], "trend": [-1, 0, 1, 0, 1, 1, 1, 0, 0]}
)


def rows(table: pd.DataFrame, metric: str, **keys: str) -> pd.DataFrame:
    chosen = table["metric"] == metric
    for name, value in keys.items():
        chosen &= table[name] == value
    return table[chosen]


def test_shares_of_accounts_and_of_money_by_hand() -> None:
    table = cs.persona_profile(PERSONAS, FEATURES)
    assert dict(rows(table, "persona_share")[["persona", "estimate"]].to_numpy().tolist()) == pytest.approx(
        {"A": 4 / 9, "B": 3 / 9, "never used": 1 / 9, "unassigned": 1 / 9}
    )
    assert dict(rows(table, "persona_revenue_share")[["persona", "estimate"]].to_numpy().tolist()) == {
        "A": 0.25,
        "B": 0.75,
        "never used": 0.0,
        "unassigned": 0.0,
    }


def test_means_medians_and_lifts_by_hand() -> None:
    """A: 8, 10, 12, 10, mean 10, variance 8/3; B: 4, 5, 6, mean 5, variance 1. Who has no persona plays no part: 50 reports of one are nowhere."""
    table = cs.persona_profile(PERSONAS, FEATURES)
    mean = rows(table, "persona_mean", feature="reports", persona="A").iloc[0]
    reach = stats.t.ppf(0.975, 3) * np.sqrt(8 / 3 / 4)
    assert (mean["estimate"], mean["conf_low"], mean["conf_high"]) == pytest.approx((10, 10 - reach, 10 + reach))
    assert rows(table, "persona_median", feature="reports")["estimate"].tolist() == [10.0, 5.0]
    lift = rows(table, "persona_lift", feature="reports", persona="A").iloc[0]
    parts = np.array([8 / 3 / 4 / 100, 1 / 3 / 25])
    freedom = parts.sum() ** 2 / (parts[0] ** 2 / 3 + parts[1] ** 2 / 2)
    factor = np.exp(stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum()))
    assert (lift["estimate"], lift["conf_low"], lift["conf_high"]) == pytest.approx((2, 2 / factor, 2 * factor))
    assert rows(table, "persona_lift", feature="trend")["estimate"].isna().all()


def test_what_made_no_persona_is_tested_and_of_two_of_a_kind_once() -> None:
    """Renewed: 1 of 4 against 3 of 3; of the two segments, and of the two personas, one row says all."""
    validation = pd.DataFrame({"account_id": range(9), "segment": list("xyxyxxxyy"), "renewed": [1.0, 0, 0, 0, 1, 1, 1, 0, 0]})
    table = cs.persona_profile(PERSONAS, FEATURES, validation=validation)
    found = rows(table, "validation_difference")
    assert found[["persona", "feature", "value"]].fillna("").to_numpy().tolist() == [["A", "segment", "x"], ["A", "renewed", ""]]
    assert found["estimate"].tolist() == pytest.approx([2 / 4 - 3 / 3, 1 / 4 - 3 / 3])
    assert found["unit"].tolist() == ["share", "share"]
    assert set(table["comparisons"].dropna()) == {2.0}


def test_a_yes_is_a_share_whatever_its_type_and_has_limits_where_all_say_yes() -> None:
    """Of A none renewed, of B all: both groups without spread, and yet the limits leave out 0. Newcombe's: from Wilson's of 0 in 8 and of 9 in 9."""
    personas = pd.DataFrame({"account_id": range(18), "persona": ["A"] * 8 + ["B"] * 9 + ["unassigned"]})
    answers = {"number": [0] * 8 + [1] * 10, "yes": [False] * 8 + [True] * 9 + [None], "known": pd.array([False] * 8 + [True] * 9 + [None], dtype="boolean")}
    table = cs.persona_profile(personas, pd.DataFrame({"account_id": range(18)}), validation=pd.DataFrame({"account_id": range(18), **answers}))
    found = rows(table, "validation_difference")
    square = stats.norm.ppf(0.975) ** 2
    high_of_none, low_of_all = square / (8 + square), 9 / (9 + square)
    reach = np.hypot(high_of_none, 1 - low_of_all)
    assert found[["estimate", "conf_low", "conf_high"]].to_numpy() == pytest.approx(np.array([[-1, -1, -1 + reach]] * 3))
    assert found["value"].isna().all()
    assert found["verdict"].tolist() == ["differs"] * 3


def test_what_the_personas_are_made_of_is_marked_and_cannot_validate_them() -> None:
    fit = SimpleNamespace(assigned=PERSONAS, columns=("reports",))
    validation = pd.DataFrame({"account_id": range(9), "segment": list("xyxyxxxyy")})
    table = cs.persona_profile(fit, FEATURES, validation=validation)
    basis = table.groupby("metric")["basis"].agg(lambda column: set(column.dropna()))
    assert basis["persona_lift"] == {"made of", "described"}
    assert set(table.loc[table["basis"] == "made of", "feature"]) == {"reports"}
    assert basis["validation_difference"] == {"tested"}
    assert basis["persona_share"] == set()
    with pytest.raises(ParameterError, match="reports is among the features"):
        cs.persona_profile(fit, FEATURES[["account_id", "mrr"]], validation=FEATURES[["account_id", "reports"]])
    dated = validation.assign(renewed_at=pd.Timestamp("2026-01-01"))
    with pytest.raises(ParameterError, match="renewed_at is of dates"):
        cs.persona_profile(fit, FEATURES, validation=dated)


def test_a_column_known_of_nobody_in_a_persona_is_said_to_be_so() -> None:
    table = cs.persona_profile(PERSONAS, FEATURES.assign(users=[1.0, 2, 3, 2] + [np.nan] * 5))
    found = rows(table, "persona_mean", feature="users").set_index("persona")
    assert found.loc["B", "n"] == 0
    assert np.isnan(found.loc["B", "estimate"])
    assert rows(table, "persona_lift", feature="users")["estimate"].isna().all()


@pytest.mark.slow
def test_chance_alone_differs_in_about_one_table_of_twenty_and_lifts_hold_one() -> None:
    rng, claims, held = np.random.default_rng(5), [], []
    personas = pd.DataFrame({"account_id": range(90), "persona": np.repeat(list("ABC"), [40, 30, 20])})
    for _ in range(60):
        features = pd.DataFrame({"account_id": range(90), "reports": rng.lognormal(0, 0.7, 90)})
        validation = pd.DataFrame({"account_id": range(90), "segment": rng.choice(list("xyz"), 90), "seats": rng.lognormal(0, 1, 90)})
        table = cs.persona_profile(personas, features, validation=validation)
        claims.append((table["verdict"] == "differs").any())
        lift = rows(table, "persona_lift")
        held += ((lift["conf_low"] <= 1) & (lift["conf_high"] >= 1)).tolist()
    assert np.mean(claims) <= 0.15
    assert 0.89 <= np.mean(held) <= 0.99


def test_wrong_input_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="at least two personas"):
        cs.persona_profile(PERSONAS.assign(persona=None), FEATURES)
    with pytest.raises(MissingColumnsError, match="persona"):
        cs.persona_profile(PERSONAS[["account_id"]], FEATURES)
    with pytest.raises(ParameterError, match="features must have one row an account; 8 has two"):
        cs.persona_profile(PERSONAS, pd.concat([FEATURES, FEATURES.tail(1)]))
    with pytest.raises(ParameterError, match="mrr is among the features"):
        cs.persona_profile(PERSONAS, FEATURES, validation=FEATURES[["account_id", "mrr"]])
