"""Personas in words: only what the numbers show."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd

import cs_analysis as cs
from cs_analysis.report.personas import USUAL, account_words, difference_words, features_on, group_words, persona_words, usual_features, validation_columns

CHECKS = pd.DataFrame({"check": ["silhouette", "p value"], "value": [0.31, 0.2]})


def test_without_structure_no_personas_are_promised() -> None:
    assert group_words(SimpleNamespace(verdict="no structure", k=0, diagnostics=CHECKS)).endswith("No personas are drawn.")
    assert "Do not build on" in group_words(SimpleNamespace(verdict="weak structure", k=3, diagnostics=CHECKS))
    assert group_words(SimpleNamespace(verdict="structure", k=4, diagnostics=CHECKS)).startswith("Structure: 4 personas")


def profile(low: float, high: float) -> pd.DataFrame:
    rows = {
        "persona": "A",
        "feature": [None, None, "seats"],
        "metric": ["persona_share", "persona_revenue_share", "persona_lift"],
        "unit": ["share", "share", "ratio"],
    }
    return pd.DataFrame({**rows, "estimate": [0.5, 0.25, 2.0], "conf_low": [0.4, 0.1, low], "conf_high": [0.6, 0.4, high]})


def test_a_feature_is_told_only_where_its_limits_leave_out_no_difference() -> None:
    assert persona_words(profile(1.5, 2.5), "A") == "Persona A: 50.0% of accounts and 25.0% of revenue; seats 2.00 times that of the others (1.50 to 2.50)."
    assert persona_words(profile(0.9, 4.0), "A") == "Persona A: 50.0% of accounts and 25.0% of revenue."


def test_only_what_made_no_persona_can_validate_them() -> None:
    tested = pd.DataFrame({"metric": "validation_difference", "persona": ["A", "A", "B"], "feature": ["region", "plan", "plan"], "verdict": ["not shown"] * 3})
    assert "not shown" in difference_words(tested)
    assert "A in plan; B" not in difference_words(tested.assign(verdict="differs"))
    assert difference_words(tested.assign(verdict="differs")).endswith("A in region, plan, B in plan.")
    assert difference_words(profile(1, 2)).startswith("Nothing was given")


def test_features_and_columns_are_those_that_the_tables_have() -> None:
    ds, _ = cs.simulate_company(accounts=20, months=6)
    assert usual_features(ds) == list(USUAL)
    assert set(features_on(ds, days=30, columns=["mrr"]).columns) == {"account_id", "at", "mrr"}
    columns = validation_columns(ds, ["segment", "nothing"])
    assert columns is not None
    assert columns.columns.tolist() == ["account_id", "segment"]
    alike = cs.read_dataset(
        {"accounts": pd.DataFrame({"account_id": ["a", "b"], "started_at": "2026-01-01", "segment": "x"})}, as_of="2026-02-01", timezone="UTC"
    )
    assert validation_columns(alike, ["segment"]) is None
    assert usual_features(alike) == []


def test_missing_numbers_are_dashes() -> None:
    assert account_words(pd.DataFrame({"persona": ["A", None], "margin": [0.5, None]})).to_numpy().tolist() == [["A", "0.50"], ["–", "–"]]
