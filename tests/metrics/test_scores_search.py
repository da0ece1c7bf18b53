"""Scores of small random tables against a search in plain Python, and of simulated companies against what is true about them."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.facts.groups import MISSING_GROUP
from helpers import utc

USUAL = {"nps": "nps", "csat": "csat_5", "ces": "ces_7"}
LOWEST, HIGHEST = {"nps": 0, "csat": 1, "ces": 1}, {"nps": 10, "csat": 5, "ces": 7}
TOP = {"nps": {9, 10}, "csat": {4, 5}, "ces": {5, 6, 7}}
MEASURES: dict[str, dict[str, Any]] = {
    "nps": {"nps": lambda score: 100 * ((score >= 9) - (score <= 6))},
    "csat": {"csat": lambda score: int(score in TOP["csat"]), "csat_mean": lambda score: score},
    "ces": {"ces": lambda score: score, "ces_easy": lambda score: int(score in TOP["ces"])},
}
GROUPS = ["x", None, "y"]


def table(seed: int) -> pd.DataFrame:
    """Return answers and requests of a few accounts with users who are not always named, at few instants, in shuffled order."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 25))
    survey = rng.choice(list(USUAL), size)
    rows = pd.DataFrame({"response_id": [f"r{number:02d}" for number in rng.permutation(size)], "account_id": rng.choice(["a", "b", "c"], size)})
    rows["user_id"] = rng.choice(np.array(["u", "v", None], dtype=object), size)
    rows["survey"] = survey
    rows["asked_at"] = utc(*["2026-01-01"] * size)
    rows["answered_at"] = utc(*rng.choice(["2026-01-05", "2026-01-31T23:59:59", "2026-02-01", "2026-04-01"], size).tolist())
    rows["answered_at"] = rows["answered_at"].where(rng.random(size) < 0.85)
    rows["score"] = [int(rng.integers(LOWEST[name], HIGHEST[name] + 1)) for name in survey]
    rows["score"] = rows["score"].astype("Int64").mask((rng.random(size) < 0.1) | rows["answered_at"].isna())
    rows["scale"] = np.where(rng.random(size) < 0.4, [USUAL[name] for name in survey], None)
    rows["team"] = rng.choice(np.array(GROUPS, dtype=object), size)
    return rows


def searched(rows: pd.DataFrame, survey: str, *, unit: str, keys: list[str]) -> dict[tuple[Any, ...], tuple[Fraction, int]]:
    """Return the value and the number of votes of each metric and group, by going through the rows one by one."""
    found: dict[tuple[Any, ...], tuple[Fraction, int]] = {}
    for metric, value in MEASURES[survey].items():
        votes: dict[Any, dict[Any, dict[Any, Any]]] = defaultdict(lambda: defaultdict(dict))
        for row in rows.itertuples():
            if row.survey != survey or pd.isna(row.score) or pd.isna(row.answered_at):
                continue
            named = {"team": MISSING_GROUP if row.team is None else row.team, "period": pd.Timestamp(row.answered_at.year, row.answered_at.month, 1)}
            person = row.response_id if unit == "answer" else (row.account_id, row.user_id)
            place = votes[tuple(named[key] for key in keys)][row.account_id if unit == "account" else person]
            if person not in place or place[person][:2] < (row.answered_at, row.response_id):
                place[person] = (row.answered_at, row.response_id, value(int(row.score)))
        for group, voters in votes.items():
            means = [Fraction(sum(answer[2] for answer in own.values()), len(own)) for own in voters.values()]
            found[metric, *group] = (sum(means, Fraction(0)) / len(means), len(means))
    return found


def compared(found: pd.DataFrame, expected: dict[tuple[Any, ...], tuple[Fraction, int]], keys: list[str]) -> None:
    shown = {tuple(row[key] for key in ("metric", *keys)): (row["estimate"], row["n"]) for row in found.to_dict("records")}
    assert shown.keys() == expected.keys()
    for name, (value, number) in expected.items():
        assert shown[name] == (pytest.approx(float(value), abs=1e-9), number)


@pytest.mark.parametrize("seed", range(12))
def test_tables_against_a_search(seed: int) -> None:
    rows = table(seed)
    rows["team"] = rows["team"] if seed % 2 else pd.Categorical(rows["team"], categories=["y", "nobody", "x"])
    plain = rows.assign(team=rows["team"].astype("object").where(rows["team"].notna(), None))
    for survey in USUAL:
        for unit in ("answer", "respondent", "account"):
            found = getattr(cs, survey)(rows, by="team", unit=unit)
            compared(found, searched(plain, survey, unit=unit, keys=["team"]), ["team"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 32))
def test_datasets_against_a_search_by_group_and_month(seed: int) -> None:
    rows = table(seed)
    people = pd.DataFrame({"account_id": ["a", "b", "c"], "started_at": utc(*["2026-01-01"] * 3)})
    ds = cs.read_dataset({"accounts": people, "responses": rows}, as_of="2026-02-28")
    known = rows[rows["answered_at"] < pd.Timestamp("2026-03-01", tz="UTC")]
    for survey in USUAL:
        for unit in ("answer", "respondent", "account"):
            found = getattr(cs, survey)(ds, by="team", period="month", unit=unit)
            compared(found, searched(known, survey, unit=unit, keys=["team", "period"]), ["team", "period"])


@pytest.mark.slow
def test_the_limits_hold_what_is_true_about_simulated_companies() -> None:
    """Ten companies, three scores each: of 30 intervals of 95 % more than five fail in one of 300 runs, if they hold no more than that."""
    misses = {survey: [] for survey in USUAL}
    for seed in range(10):
        ds, truth = cs.simulate_company(accounts=120, months=12, seed=seed)
        for survey, found in misses.items():
            row = getattr(cs, survey)(ds).iloc[0]
            true = truth.of(survey, survey=survey, population="answering")["value"].item()
            low, high = row["conf_low"] - true, row["conf_high"] - true
            found.append((low <= 0 <= high, (row["estimate"] - true) / (high - low)))
    assert sum(held for found in misses.values() for held, _ in found) >= 25
    # errors are about a quarter of a width (two of four standard errors): the mean of ten is off by less than three times that over root ten
    assert all(abs(np.mean([error for _, error in found])) < 3 * 0.25 / np.sqrt(10) for found in misses.values())
