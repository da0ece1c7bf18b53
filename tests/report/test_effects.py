"""What actions did, in words for a page."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.report.effects import actions_of, balance_words, effect_words, effects_of, verdict_words


@pytest.fixture(scope="module")
def ds() -> cs.Dataset:
    return cs.simulate_company(accounts=200, months=14)[0]


def test_actions_are_the_kinds_on_record_and_replies(ds: cs.Dataset) -> None:
    kinds = sorted(set(ds.tables["actions"].to_pandas()["kind"]))
    assert actions_of(ds) == [*kinds, "quick_reply"]
    without = cs.read_dataset({"accounts": pd.DataFrame({"account_id": ["a"], "started_at": ["2026-01-01"]})}, as_of="2026-02-01", timezone="UTC")
    assert actions_of(without) == []


@pytest.mark.slow
def test_each_comparison_is_a_row_and_what_cannot_be_compared_is_named(ds: cs.Dataset) -> None:
    effects = effects_of(ds, ["webinar", "guide"], ["retention", "usage"], horizon="60d", conf_level=0.95)
    assert effects is not None
    assert effects.left_out == ["guide on retention", "guide on usage"]
    words = effect_words(effects.table, "de")
    assert words[["Maßnahme", "Ergebnis"]].to_numpy().tolist() == [["Webinar", "Bleiben"], ["Webinar", "Nutzung"]]
    alike = balance_words(effects.table, "webinar", "usage")
    largest = effects.table[(effects.table["metric"] == "balance_before") & (effects.table["outcome"] == "usage")]["estimate"].abs().idxmax()
    assert alike.iloc[0, 0] == effects.table.loc[largest, "covariate"]


def test_nothing_to_compare_is_nothing(ds: cs.Dataset) -> None:
    assert effects_of(ds, ["guide"], ["retention"], horizon="60d", conf_level=0.95) is None


def test_a_sentence_counts_claims_and_those_of_chance() -> None:
    rows = pd.DataFrame(
        {"metric": "action_effect", "action": list("abcd"), "outcome": "retention", "verdict": ["helps", "harms", "not shown", "not to be trusted"]}
    )
    assert verdict_words(rows, 0.9).startswith("Of 4 comparisons 2 claim an effect: a helps retention, b harms retention. Without any effect 0.4 would")
    assert "none claims an effect." in verdict_words(rows.iloc[2:])
