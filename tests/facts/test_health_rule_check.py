"""What is refused of the rules of a health score, with its place and what to do; all problems at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.facts.account_features import FEATURES
from cs_analysis.facts.health_rules import read_rules, style_names

LINE = [{"value": 0, "points": 0}, {"value": 10, "points": 100}]
GOOD = {"feature": "nps_score", "weight": 1, "line": LINE}


def content(measure: Any = None, **parts: Any) -> dict[str, Any]:
    """Return the content of a file with one measure, some keys of which are changed."""
    return {"measure": [{**GOOD, **(measure or {})}], **parts}


def with_conditions(*rows: Mapping[str, float], **score: Any) -> dict[str, Any]:
    """Return the content of a file with one measure by conditions."""
    return {"score": score, "measure": [{"feature": "nps_score", "weight": 1, "conditions": list(rows)}]}


LOW, HIGH = {"below": 7, "points": 0}, {"at_least": 7, "points": 100}

REFUSED = {
    "nothing": ({}, "file: no measures: empty. Write one [[measure]] table a feature"),
    "an empty file": ({"measure": []}, "file: no measures: empty"),
    "a measure that is no table": ({"measure": ["nps_score"]}, "file: no measures: ['nps_score']"),
    "an unknown part": (content(bands=[]), "file: unknown key: 'bands'. Did you mean 'band'?"),
    "a score that is no table": (content(score=5), "[score]: wrong type: 5. Write a table"),
    "a misspelt key of the score": (content(score={"mising": "worst"}), "[score]: unknown key: 'mising'. Did you mean 'missing'?"),
    "an unknown style": (content(score={"style": "means"}), "[score]: unknown style: 'means'. Did you mean 'mean'?"),
    "an unknown policy": (content(score={"missing": "zero"}), "[score]: unknown missing: 'zero'. Use one of: leave_out, neutral, worst, no_score."),
    "a scale the wrong way round": (content(score={"scale": [10, 0]}), "[score]: inverted limits: scale = [10, 0]. Give the lowest and the highest points"),
    "a start outside the scale": (content(score={"start": 120}), "[score]: start outside the scale: 120. Give a number from 0 to 100."),
    "a negative margin": (content(score={"margin": -1}), "[score]: margin is no number of points: -1"),
    "half a date": (content(score={"dates": 1.5}), "[score]: dates is no number of dates: 1.5. Give a whole number from 1"),
    "no date": (content(score={"dates": 0}), "[score]: dates is no number of dates: 0"),
    "a measure without a feature": ({"measure": [{"weight": 1, "line": LINE}]}, "measure 1: no feature: None. Name the column"),
    "an unknown feature": (content({"feature": "nps_scores"}), "measure 1 (nps_scores): unknown feature: 'nps_scores'. Did you mean 'nps_score'?"),
    "a misspelt key of a measure": (content({"wieght": 2}), "measure 1 (nps_score): unknown key: 'wieght'. Did you mean 'weight'?"),
    "an unknown direction": (content({"better": "more"}), "measure 1 (nps_score): unknown better: 'more'"),
    "no weight": ({"measure": [{"feature": "nps_score"}]}, "measure 1 (nps_score): weight is no number: None. Give a number of at least 0."),
    "a weight in words": (content({"weight": "high"}), "measure 1 (nps_score): weight is no number: 'high'"),
    "a weight that is true": (content({"weight": True}), "measure 1 (nps_score): weight is no number: True"),
    "a missing weight": (content({"weight": float("nan")}), "measure 1 (nps_score): weight is no number: nan"),
    "a negative weight": (
        content({"weight": -2}),
        "measure 1 (nps_score): negative weight: -2. Give a number of at least 0; of a feature of which less is better",
    ),
    "weights of nothing": (content({"weight": 0}), "weights: weights sum to 0: 0. At least one weight has to be above 0."),
    "a weight in a sum": (content(score={"style": "sum"}), "measure 1 (nps_score): weight in a sum: 1. In the style 'sum' the points are the weight"),
    "no points in a sum": (
        {"score": {"style": "sum"}, "measure": [{"feature": "nps_score"}]},
        "measure 1 (nps_score): no points: neither conditions nor line. In the style 'sum' say how many",
    ),
    "conditions and a line": (content({"conditions": [LOW, HIGH]}), "measure 1 (nps_score): conditions and line: both are given. Keep one"),
    "no conditions": (with_conditions(), "measure 1 (nps_score): empty conditions: []. Write a list of tables"),
    "a line of one value": (content({"line": LINE[:1]}), "measure 1 (nps_score): inverted limits: values [0]. Give at least two values"),
    "a line backwards": (content({"line": LINE[::-1]}), "measure 1 (nps_score): inverted limits: values [10, 0]. Give at least two values, each larger"),
    "a value in words": (content({"line": [LINE[0], {"value": "x", "points": 1}]}), "measure 1, line 2 (nps_score): value is no number: 'x'"),
    "points in words": (with_conditions(LOW, {**HIGH, "points": "all"}), "measure 1, condition 2 (nps_score): points are no number: 'all'"),
    "points outside the scale": (
        with_conditions(LOW, HIGH, scale=[0, 10]),
        "condition 2 (nps_score): points outside the scale: 100. The scale goes from 0 to 10",
    ),
    "a misspelt limit": (with_conditions(LOW, {"atleast": 7, "points": 1}), "condition 2 (nps_score): unknown key: 'atleast'. Did you mean 'at_least'?"),
    "a limit in words": (with_conditions({"below": "7", "points": 0}, HIGH), "condition 1 (nps_score): limit is no number: below = '7'"),
    "two lower limits": (with_conditions(LOW, {**HIGH, "above": 8}), "condition 2 (nps_score): two limits on one side: above and at_least. Keep one"),
    "conditions that overlap": (
        with_conditions({"at_most": 7, "points": 0}, HIGH),
        "measure 1, condition 2 (nps_score): overlap: at least 7 and at most 7. Each value must meet one condition",
    ),
    "conditions with a gap": (
        with_conditions(LOW, {"at_least": 8, "points": 9}),
        "condition 2 (nps_score): gap: at least 7 and below 8. Each value must meet a",
    ),
    "a condition turned round": (
        with_conditions({"at_least": 9, "below": 7, "points": 0}, HIGH),
        "condition 1 (nps_score): inverted limits: at least 9 and below 7",
    ),
    "a measure twice": ({"measure": [GOOD, GOOD]}, "measure 2 (nps_score): duplicate measure: also measure 1. Keep one of them."),
    "no bands": (content(band=[]), "[[band]]: no bands: []. Write one [[band]] table a band"),
    "a band without a name": (content(band=[{"below": 50}, {"name": "good", "at_least": 50}]), "band 1: no name: None. Give every band a name."),
    "a band twice": (content(band=[{"name": "bad", "below": 50}, {"name": "bad", "at_least": 50}]), "[[band]]: duplicate band: 'bad'."),
    "bands with a gap": (
        content(band=[{"name": "bad", "below": 50}, {"name": "good", "above": 50}]),
        "band 2: gap: at least 50 and at most 50. Write the bands",
    ),
    "bands short of 100": (content(band=[{"name": "bad", "below": 50}]), "band 1: gap: at least 50 and at most 100"),
    "bands the wrong way round": (
        content(band=[{"name": "good", "at_least": 50}, {"name": "bad", "below": 50}]),
        "[[band]]: wrong order: good, bad. Write the",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_rules_that_are_wrong_are_refused(case: str) -> None:
    given, message = REFUSED[case]
    with pytest.raises(cs.errors.ParameterError, match=re.escape(message)):
        read_rules({"measure": [], **given}, columns=FEATURES)


def test_all_problems_are_told_at_once() -> None:
    wrong = {"score": {"missing": "zero"}, "measure": [{"feature": "npsscore", "weight": -1, "line": LINE[::-1]}, {"feature": "yearly", "weigth": 3}]}
    with pytest.raises(cs.errors.ParameterError, match=r"^the rules of the health score \(weights\) cannot be used: 6 problems\.\n") as raised:
        read_rules(wrong, columns=FEATURES)
    told = [line.split(": ")[1] for line in str(raised.value).splitlines()[1:]]
    assert told == ["unknown missing", "unknown feature", "negative weight", "inverted limits", "unknown key", "weight is no number"]


def test_the_check_is_a_table_that_raises_nothing() -> None:
    table = cs.check_health_rules({"nps_score": -1, "mrr": 40, "yearly": 30})
    assert table.columns.tolist() == ["severity", "place", "feature", "rule", "example", "what_to_do"]
    assert table[["severity", "place", "feature", "rule"]].to_numpy().tolist() == [
        ["error", "measure 1", "nps_score", "negative weight"],
        ["warning", "measure 2", "mrr", "direction not stated"],
    ]
    assert cs.check_health_rules("vitally").empty


@pytest.mark.parametrize(
    ("weights", "rules"),
    [
        ({"nps_score": 60, "yearly": 40}, []),
        ({"nps_score": 0.6, "yearly": 0.4}, []),
        ({"nps_score": 1, "yearly": 1}, []),  # equal weights need no sum
        ({"nps_score": 3, "yearly": 4}, ["weights do not sum to 1 or 100"]),
        ({"seats": 100}, ["direction not stated"]),
        ({"seats": {"weight": 100, "better": "lower"}}, []),
        ({"measure": [{**GOOD, "feature": "open_tickets"}]}, ["unusual direction"]),
    ],
)
def test_what_is_odd_is_a_warning(weights: Any, rules: list[str]) -> None:
    found = cs.check_health_rules(weights)
    assert found["rule"].tolist() == rules
    assert set(found["severity"]) <= {"warning"}
    assert [fault.rule for fault in read_rules(weights).findings] == rules


def test_weights_are_divided_by_their_sum() -> None:
    assert [measure.weight for measure in read_rules({"nps_score": 3, "yearly": 5}).measures] == [3 / 8, 5 / 8]


def test_a_value_without_condition_adds_nothing_to_a_sum() -> None:
    rules = {"score": {"style": "sum"}, "measure": [{"feature": "nps_score", "conditions": [{"below": 7, "points": -200}]}]}
    assert cs.check_health_rules(rules).empty  # neither the gap nor points of any size


def test_features_of_the_table_are_known() -> None:
    features = pd.DataFrame({"account_id": ["a"], "at": pd.Timestamp("2026-01-31"), "logins": [1]})
    assert cs.check_health_rules({"logins": {"weight": 1, "better": "higher"}}, features=features).empty
    assert cs.check_health_rules({"login": {"weight": 1, "better": "higher"}}, features=features)["what_to_do"].tolist() == ["Did you mean 'logins'?"]
    assert cs.check_health_rules({"account_id": 1}, features=features)["rule"].tolist()[0] == "unknown feature"


@pytest.mark.parametrize("style", ["custify", "gainsight", "planhat", "vitally"])
def test_the_packaged_styles_pass_the_check_without_a_word(style: str) -> None:
    assert style in style_names()
    assert cs.check_health_rules(style, features=pd.DataFrame(columns=["account_id", "at"])).empty
    assert set(read_rules(style).features) <= set(FEATURES)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("gainsigth", r"packaged style \(custify, gainsight, planhat, vitally\), not 'gainsigth'. Did you mean 'gainsight'\?"),
        (5, "weights must be a mapping of features to weights, the path of a .toml file or a packaged style"),
        ("rules/none.toml", "there is no file 'rules/none.toml'. Give the path of a .toml file, or one of the packaged styles"),
    ],
)
def test_rules_that_cannot_be_found_are_refused(weights: Any, message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        read_rules(weights)


def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('[score]\nstyle = "mean"\nmissing = leave_out\n')
    with pytest.raises(cs.errors.ParameterError, match=r"rules.toml is no valid TOML: Invalid value \(at line 3, column 11\). Correct that line."):
        read_rules(tmp_path / "rules.toml")
    (tmp_path / "rules.toml").write_bytes("# größer".encode("latin-1"))
    with pytest.raises(cs.errors.ParameterError, match=r"rules.toml is not written in UTF-8: byte 4 cannot be read"):
        read_rules(str(tmp_path / "rules.toml"))
    (tmp_path / "rules.toml").write_text("")
    with pytest.raises(cs.errors.ParameterError, match=r"\(rules.toml\) cannot be used: 1 problem.\n\* file: no measures: empty"):
        read_rules(tmp_path / "rules.toml")
