"""Rules for personas: readable, measured on accounts they were not made from, silent where they do not know."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError

pytestmark = pytest.mark.slow


def boxes(seed: int = 1) -> pd.DataFrame:
    """Return accounts in three boxes with sides along the axes, and three that never used the product."""
    rng = np.random.default_rng(seed)
    corners = np.repeat([[2.0, 2], [12, 2], [12, 14]], [30, 20, 15], axis=0)
    values = np.vstack([corners + rng.uniform(0, 2, corners.shape), np.zeros((3, 2))])
    return pd.DataFrame(values, columns=["days", "reports"]).assign(account_id=range(68))


@cache
def fitted() -> cs.PersonaFit:
    return cs.fit_personas(boxes(), k=3, null_tables=19)


def estimate(rules: cs.PersonaRules, metric: str) -> float:
    return float(rules.fidelity.set_index("metric").loc[metric, "estimate"])


def test_boxes_are_told_by_round_thresholds_without_a_fault() -> None:
    rules = cs.persona_rules(fitted(), boxes())
    assert rules.rules[["persona", "rule", "accounts", "purity"]].to_numpy().tolist() == [
        ["A", "days <= 10", 30, 1.0],
        ["B", "days > 10 and reports <= 10", 20, 1.0],
        ["C", "days > 10 and reports > 10", 15, 1.0],
    ]
    assert estimate(rules, "rule_fidelity") == 1.0
    assert estimate(rules, "rule_majority") == pytest.approx(30 / 65)
    assert estimate(rules, "rule_unassigned") == 0.0


def test_new_accounts_are_assigned_by_the_rules_alone() -> None:
    rules = cs.persona_rules(fitted(), boxes())
    new = pd.DataFrame({"account_id": list("zyxw"), "days": [3.0, 20, 0, np.nan], "reports": [3.0, 10, 0, 5]})
    assert rules.assign(new).to_numpy().tolist() == [["w", "unassigned"], ["x", "never used"], ["y", "B"], ["z", "A"]]


def test_rules_of_a_blurred_division_are_less_faithful_and_say_so() -> None:
    """One condition tells two of three personas at most; a leaf without a majority of 60 % tells none."""
    table = boxes().assign(noise=np.random.default_rng(3).normal(size=68))
    rng = np.random.default_rng(4)
    crowd = pd.DataFrame(rng.normal(8, 2, (120, 2)), columns=["days", "reports"]).assign(account_id=range(120))
    forced = cs.fit_personas(crowd, k=3, null_tables=19)
    rules = cs.persona_rules(forced, crowd, depth=1)
    two_largest = forced.assigned["persona"].value_counts(normalize=True).head(2).sum()
    assert 0 < estimate(rules, "rule_fidelity") <= min(two_largest, 1 - estimate(rules, "rule_unassigned"))
    low, high = rules.fidelity.loc[0, ["conf_low", "conf_high"]]
    assert low < estimate(rules, "rule_fidelity") < high
    assert "noise" in table  # a column the personas were not made of does no harm
    assert cs.persona_rules(fitted(), table).rules["accounts"].sum() == 65


def test_who_has_a_persona_by_a_median_makes_no_rule_and_is_given_none() -> None:
    """Of 65 accounts two lack the days: 63 are told by the rules made of the others, two are not."""
    table = boxes()
    table.loc[[1, 35], "days"] = np.nan
    fit = cs.fit_personas(table, k=3, missing="median", null_tables=19, most=3)
    rules = cs.persona_rules(fit, table)
    assert rules.rules[["rule", "purity"]].to_numpy().tolist() == [["days <= 10", 1], ["days > 10 and reports <= 10", 1], ["days > 10 and reports > 10", 1]]
    assert (estimate(rules, "rule_fidelity"), estimate(rules, "rule_unassigned")) == pytest.approx((63 / 65, 2 / 65))
    assert set(rules.assign(table).loc[[1, 35], "persona"]) == {"unassigned"}


def test_where_there_are_no_personas_there_are_no_rules() -> None:
    rng = np.random.default_rng(2)
    crowd = pd.DataFrame(rng.normal(5, 1, (60, 3)), columns=["days", "users", "reports"]).assign(account_id=range(60))
    with pytest.raises(NotEnoughDataError, match="the verdict is 'no structure'"):
        cs.persona_rules(cs.fit_personas(crowd, null_tables=19, most=3), crowd)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ParameterError, match="depth and fewest must be at least 1"):
        cs.persona_rules(fitted(), boxes(), depth=0)
    with pytest.raises(ParameterError, match="has none, 1 in all"):
        cs.persona_rules(fitted(), pd.concat([boxes(), boxes().tail(1).assign(account_id=99)], ignore_index=True))
    with pytest.raises(MissingColumnsError, match="reports"):
        cs.persona_rules(fitted(), boxes()).assign(boxes().drop(columns="reports"))
