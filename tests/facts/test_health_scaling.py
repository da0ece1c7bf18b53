"""Lines made from a table, rules of equal weights, and rules kept in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.facts.health_points import score
from cs_analysis.facts.health_rules import Knot, read_rules, style_names
from cs_analysis.facts.health_scaling import equal_rules


def table(**columns: Any) -> pd.DataFrame:
    """Return features of 101 accounts at a date."""
    return pd.DataFrame({"account_id": range(101), "at": pd.Timestamp("2026-03-31"), **columns})


def test_points_go_from_the_5_to_the_95_percent_value() -> None:
    features = table(active_days_28=np.arange(101.0), open_tickets=np.arange(101.0))
    rules = equal_rules(features)
    assert [measure.line for measure in rules.measures] == [(Knot(5, 0), Knot(95, 100)), (Knot(5, 100), Knot(95, 0))]
    # 50 days: (50 - 5) / 90 = 50 %; 50 tickets: the same from the other end; 100 days and none: 100
    late = pd.DataFrame({"account_id": [1, 2], "at": pd.Timestamp("2026-04-30"), "active_days_28": [50, 100], "open_tickets": [50, 0]})
    assert score(rules, late)["score"].tolist() == [50, 100]


def test_later_rows_do_not_move_rules_of_equal_weights() -> None:
    features = table(active_days_28=np.arange(101.0))
    rules = equal_rules(features)
    alone = score(rules, features.head(3))
    more = pd.concat([features.head(3), features.assign(at=pd.Timestamp("2026-04-30"), active_days_28=1e6)], ignore_index=True)
    assert score(rules, more)["score"].head(3).tolist() == alone["score"].tolist()


def test_one_feature_makes_a_score_of_it_alone() -> None:
    features = table(active_days_28=np.arange(101.0), mrr=1.0)
    rules = equal_rules(features, features=["active_days_28"])
    assert rules.features == ("active_days_28",)
    assert score(rules, features)["score"].is_monotonic_increasing


def test_directions_can_be_stated() -> None:
    features = table(mrr=np.arange(101.0))
    assert equal_rules(features).measures[0].line[0].points == 0
    assert equal_rules(features, better={"mrr": "lower"}).measures[0].line[0].points == 100
    with pytest.raises(cs.errors.ParameterError, match="unknown better: 'down'"):
        equal_rules(features, better={"mrr": "down"})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("column", "line"),
    [
        (np.r_[np.zeros(100), 1.0], (Knot(0, 100), Knot(1, 0))),  # the 5 % and the 95 % value are one: the smallest and the largest
        (np.full(101, 3.0), (Knot(2, 100), Knot(4, 0))),  # all alike: in the middle
        (np.full(101, np.nan), (Knot(-1, 100), Knot(1, 0))),
    ],
)
def test_a_feature_that_hardly_varies(column: Any, line: tuple[Knot, Knot]) -> None:
    assert equal_rules(table(past_due=column)).measures[0].line == line


def test_plain_weights_are_scaled_on_the_table_that_is_scored() -> None:
    features = table(active_days_28=np.arange(101.0), open_tickets=np.arange(101.0) % 7)
    weights = {"active_days_28": 1, "open_tickets": 1}
    assert score(read_rules(weights), features).equals(score(equal_rules(features), features))


@pytest.mark.parametrize("style", style_names())
def test_a_packaged_style_can_be_written_and_read_again(style: str, tmp_path: Path) -> None:
    assert read_rules(cs.write_health_rules(style, tmp_path / "own.toml")) == read_rules(style)


@pytest.mark.parametrize("policy", ["leave_out", "neutral", "worst", "no_score"])
def test_rules_can_be_written_and_read_again(policy: str, tmp_path: Path) -> None:
    conditions = [{"at_most": -1.5, "points": 1e-3}, {"above": -1.5, "below": 1 / 3, "points": 0}, {"at_least": 1 / 3, "points": 9}]
    odd = {"feature": 'a "b" \\ ü\n', "weight": 1 / 7, "conditions": conditions}
    rules = {
        "score": {"missing": policy, "scale": [-1, 9.5], "margin": 0.25, "dates": 4},
        "measure": [odd, {"feature": "x", "weight": 2 / 3, "better": "lower"}],
    }
    written = cs.write_health_rules(rules, tmp_path / "rules.toml")
    assert read_rules(written) == read_rules(rules)


def test_plain_weights_can_be_kept_with_their_lines(tmp_path: Path) -> None:
    features = table(active_days_28=np.arange(101.0), open_tickets=np.arange(101.0) % 7)
    weights = {"active_days_28": 3, "open_tickets": 1}
    kept = read_rules(cs.write_health_rules(weights, tmp_path / "rules.toml", features=features))
    assert kept.measures[0].line == (Knot(5, 0), Knot(95, 100))
    assert score(kept, features).equals(score(read_rules(weights), features))


def test_rules_are_written_to_toml_files_alone(tmp_path: Path) -> None:
    with pytest.raises(cs.errors.ParameterError, match=r"rules are written to a .toml file, not to 'rules.csv'"):
        cs.write_health_rules("vitally", tmp_path / "rules.csv")
