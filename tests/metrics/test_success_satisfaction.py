"""Success against satisfaction: by hand, against a search in plain Python, and what is claimed."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cs_analysis as cs
from cs_analysis.stats.intervals import newcombe_difference, wilson
from helpers import accounts, utc

AS_OF = "2026-06-30"


def goals(*rows: tuple[str, str, str | None, str | None]) -> pd.DataFrame:
    """Return goals from (account_id, set_at, target_at, reached_at)."""
    frame = pd.DataFrame(rows, columns=["account_id", "set_at", "target_at", "reached_at"])
    return frame.assign(goal="g", **{name: utc(*frame[name]) for name in ("set_at", "target_at", "reached_at")})


def answers(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """Return satisfaction answers from (account_id, answered_at, score)."""
    frame = pd.DataFrame(rows, columns=["account_id", "answered_at", "score"])
    frame = frame.assign(answered_at=utc(*frame["answered_at"]), survey="csat", response_id=[f"r{row}" for row in range(len(rows))])
    return frame.assign(asked_at=frame["answered_at"] - pd.Timedelta(1, "h"))


def dataset(aims: pd.DataFrame, said: pd.DataFrame, names: str = "abcdefgh", **columns: list[Any]) -> cs.Dataset:
    people = accounts(**dict.fromkeys(names, "2026-01-01")).assign(**columns)
    return cs.read_dataset({"accounts": people, "goals": aims, "responses": said}, as_of=AS_OF)


@pytest.fixture
def small() -> cs.Dataset:
    aims = goals(
        ("a", "2026-01-05", "2026-02-01", "2026-01-20"),  # reached in time
        ("b", "2026-01-05", "2026-02-01", "2026-03-05"),  # reached late, before the answer
        ("c", "2026-01-05", "2026-02-01", None),  # missed
        ("d", "2026-01-05", "2026-02-01", "2026-05-20"),  # reached, but after the answer: missed at the answer
        ("e", "2026-01-05", "2026-06-20", None),  # due after the answer: pending
        ("f", "2026-01-05", "2026-06-20", "2026-02-02"),  # due after the answer, but reached: a win
        ("g", "2026-05-05", "2026-05-06", "2026-05-05"),  # set after the answer: no goal then
        ("a", "2026-01-05", None, None),  # without a target: pending
    )
    said = answers(("a", "2026-03-10", 5), ("b", "2026-03-10", 2), ("c", "2026-03-10", 4), ("d", "2026-03-10", 1), ("e", "2026-03-10", 1))
    more = answers(("f", "2026-03-10", 4), ("g", "2026-03-10", 1), ("f", "2026-03-09", 1)).assign(response_id=["x", "y", "z"])
    return dataset(aims, pd.concat([said, more], ignore_index=True))


def value(table: pd.DataFrame, metric: str, column: str = "estimate", **keys: str) -> Any:
    rows = table[table["metric"] == metric]
    for name, key in keys.items():
        rows = rows[rows[name] == key]
    assert len(rows) == 1
    return rows[column].iloc[0]


def test_by_hand(small: cs.Dataset) -> None:
    table = cs.success_vs_satisfaction(small)
    # In the table: a (reached, 5), b (reached, 2), c (missed, 4), d (missed, 1), f (reached, 4). e waits, g had no goal, h did not answer.
    cells = {("yes", "yes"): 2, ("yes", "no"): 1, ("no", "yes"): 1, ("no", "no"): 1}
    for (reached, satisfied), count in cells.items():
        found = table[(table["metric"] == "success_table_share") & (table["reached"] == reached) & (table["satisfied"] == satisfied)].iloc[0]
        np.testing.assert_allclose(found[["estimate", "conf_low", "conf_high"]].astype(float), wilson(count, 5))
        assert found["n"] == 5
    assert value(table, "satisfied_by_success", reached="yes") == pytest.approx(2 / 3)
    assert value(table, "satisfied_by_success", reached="no") == 0.5
    gap = table[table["metric"] == "satisfied_by_success_difference"].iloc[0]
    np.testing.assert_allclose(gap[["estimate", "conf_low", "conf_high"]].astype(float), newcombe_difference((2, 3), (1, 2)))
    assert gap["n"] == 2
    shares = {"in the table": 5 / 8, "goals pending": 1 / 8, "no goal": 1 / 8, "no answer": 1 / 8}
    assert {state: value(table, "success_coverage", coverage=state) for state in shares} == pytest.approx(shares)
    assert (value(table, "pending_goals"), value(table, "pending_goals", "n")) == (2, 7)  # of a and e; the goal of g came later
    # Spearman of (1, 1, 0, 0, 1) with (5, 2, 4, 1, 4)
    assert value(table, "success_vs_satisfaction") == pytest.approx(stats.spearmanr([1, 1, 0, 0, 1], [5, 2, 4, 1, 4]).statistic)
    assert value(table, "success_vs_satisfaction", "verdict") == "not shown"


def test_goals_not_yet_due_are_no_failures(small: cs.Dataset) -> None:
    at_target = cs.success_vs_satisfaction(small, due="30d")  # the second goal of a was due on 4 February and had not been reached
    assert value(at_target, "satisfied_by_success", reached="yes") == 0.5  # b no, f yes; a has missed one
    assert value(at_target, "pending_goals") == 1
    any_goal = cs.success_vs_satisfaction(small, due="30d", need="any")
    assert value(any_goal, "satisfied_by_success", reached="yes") == pytest.approx(2 / 3)
    # the share of decided goals reached: a 1/2
    expected = stats.spearmanr([0.5, 1, 0, 0, 1], [5, 2, 4, 1, 4]).statistic
    assert value(any_goal, "success_vs_satisfaction") == pytest.approx(expected)


def test_a_target_on_the_instant_of_the_answer_is_due() -> None:
    noon, after = "2026-03-10T12:00", "2026-03-10T12:00:00.000001"
    aims = goals(("a", "2026-01-05", noon, None), ("b", "2026-01-05", after, None), ("c", noon, None, noon))
    said = answers(("a", noon, 5), ("b", noon, 5), ("c", noon, 5))
    table = cs.success_vs_satisfaction(dataset(aims, said, "abc"))
    assert value(table, "satisfied_by_success", "n", reached="no") == 1  # a
    assert value(table, "satisfied_by_success", "n", reached="yes") == 1  # c
    assert value(table, "success_coverage", coverage="goals pending") == pytest.approx(1 / 3)  # b
    assert np.isnan(value(table, "success_vs_satisfaction"))  # all scores are alike
    assert value(table, "success_vs_satisfaction", "verdict") == "not shown"


def test_every_answer_with_the_goals_of_its_time() -> None:
    aims = goals(("a", "2026-01-05", "2026-02-01", "2026-03-01"), ("b", "2026-01-05", "2026-02-01", None))
    said = answers(("a", "2026-02-10", 1), ("a", "2026-03-10", 5), ("b", "2026-02-10", 2), ("a", "2026-01-20", 3))
    table = cs.success_vs_satisfaction(dataset(aims, said, "ab"), unit="answer")
    assert value(table, "satisfied_by_success", reached="yes") == 1.0  # a in March
    assert value(table, "satisfied_by_success", reached="no") == 0.0  # a and b in February; in January the goal was pending
    assert value(table, "satisfied_by_success", "n", reached="no") == 2
    last = cs.success_vs_satisfaction(dataset(aims, said, "ab"))
    assert value(last, "success_vs_satisfaction", "n") == 2


@pytest.mark.slow
def test_the_same_answers_four_times_say_no_more_than_once() -> None:
    names = [f"{letter}{digit}" for letter in "abcdef" for digit in range(5)]
    aims = goals(*((name, "2026-01-05", "2026-02-01", "2026-01-20" if name[0] < "d" else None) for name in names))
    once = answers(*((name, "2026-03-10", 1 + (7 * number) % 5) for number, name in enumerate(names)))
    times = pd.concat([once.assign(response_id=once["response_id"] + f"_{k}", asked_at=once["asked_at"] + pd.Timedelta(k, "D")) for k in range(4)])
    times["answered_at"] = times["asked_at"] + pd.Timedelta(1, "h")
    one, four = (cs.success_vs_satisfaction(dataset(aims, said, names), unit="answer") for said in (once, times))
    keys = ["metric", "reached", "satisfied"]
    rows = one["metric"].isin(["success_vs_satisfaction", "success_table_share", "satisfied_by_success"])
    pd.testing.assert_frame_equal(four[rows][keys].reset_index(drop=True), one[rows][keys].reset_index(drop=True))
    np.testing.assert_allclose(four.loc[rows, "estimate"], one.loc[rows, "estimate"], atol=1e-12)
    width = [(table.loc[rows, "conf_high"] - table.loc[rows, "conf_low"]).to_numpy() for table in (one, four)]
    np.testing.assert_allclose(width[1], width[0], rtol=0.1)  # t quantiles of the accounts, not of the answers


def search(tables: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> dict[str, list[Any]]:
    """Return each account's decided share, score and pending goals at its last answer, by loops."""
    found: dict[str, list[Any]] = {"share": [], "score": [], "pending": []}
    for account in sorted(tables["accounts"]["account_id"]):
        said = [row for row in tables["responses"].itertuples() if row.account_id == account and row.answered_at <= as_of]
        if not said:
            continue
        last = max(said, key=lambda row: (row.answered_at, row.response_id))
        hit = missed = pending = 0
        for goal in tables["goals"].itertuples():
            if goal.account_id != account or goal.set_at > last.answered_at:
                continue
            if goal.reached_at <= last.answered_at:
                hit += 1
            elif goal.target_at <= last.answered_at:
                missed += 1
            else:
                pending += 1
        found["pending"].append(pending)
        if hit + missed:
            found["share"].append(hit / (hit + missed))
            found["score"].append(last.score)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_equal_to_a_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names, hours = [f"a{k}" for k in range(12)], lambda size: pd.Timestamp("2026-02-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 40, size), "h")
    aims = pd.DataFrame({"account_id": rng.choice(names, 30), "goal": rng.choice(["x", "y"], 30), "set_at": hours(30)})
    aims["target_at"] = (aims["set_at"] + pd.to_timedelta(rng.integers(0, 20, 30), "h")).where(rng.random(30) < 0.8)
    aims["reached_at"] = (aims["set_at"] + pd.to_timedelta(rng.integers(0, 20, 30), "h")).where(rng.random(30) < 0.6)
    said = pd.DataFrame({"account_id": rng.choice(names, 25), "asked_at": pd.Timestamp("2026-02-01", tz="UTC"), "answered_at": hours(25)})
    said = said.assign(score=rng.integers(1, 6, 25), survey="csat", response_id=[f"r{k:02d}" for k in rng.permutation(25)])
    tables = {"accounts": accounts(**dict.fromkeys(names, "2026-01-01")), "goals": aims, "responses": said}
    as_of = pd.Timestamp("2026-02-02T06:00", tz="UTC")
    expected, table = search(tables, as_of), cs.success_vs_satisfaction(cs.read_dataset(tables, as_of=as_of))
    assert value(table, "success_vs_satisfaction", "n") == len(expected["share"])
    assert value(table, "pending_goals") == sum(expected["pending"])
    assert value(table, "success_vs_satisfaction") == pytest.approx(stats.spearmanr(expected["share"], expected["score"]).statistic, nan_ok=True)
    both = np.mean([share == 1 and score >= 4 for share, score in zip(expected["share"], expected["score"], strict=True)])
    assert value(table, "success_table_share", reached="yes", satisfied="yes") == pytest.approx(both)


def company(size: int, *, related: bool) -> cs.Dataset:
    """Return accounts of which half reached their goal; their scores are as good as the others', or two points better."""
    number = np.arange(size)
    aims = goals(*((f"a{k}", "2026-01-05", "2026-02-01", "2026-01-20" if k % 2 else None) for k in number))
    said = answers(*((f"a{k}", "2026-03-10", 1 + (k // 2) % 3 + (2 * (k % 2) if related else 1)) for k in number))
    return dataset(aims, said, [f"a{k}" for k in number])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "related", "expected"),
    [(24, False, "not shown"), (600, False, "no relation beyond the margin"), (60, True, "related"), (600, True, "related")],
)
def test_no_relation_is_claimed_only_when_the_test_says_so(size: int, related: bool, expected: str) -> None:
    assert value(cs.success_vs_satisfaction(company(size, related=related)), "success_vs_satisfaction", "verdict") == expected


@pytest.mark.slow
def test_a_wider_margin_is_easier_to_keep() -> None:
    table = [cs.success_vs_satisfaction(company(60, related=False), margin=margin) for margin in (0.1, 0.4)]
    p = [value(each, "success_vs_satisfaction_equivalence") for each in table]
    assert p[1] < 0.05 < p[0]


def test_groups_are_columns_of_accounts() -> None:
    aims, said = goals(("a", "2026-01-05", "2026-02-01", "2026-01-20")), answers(("a", "2026-03-10", 5))
    table = cs.success_vs_satisfaction(dataset(aims, said, "ab", segment=["x", "y"]), by="segment")
    assert list(table["segment"].drop_duplicates()) == ["x", "y"]
    assert table[table["segment"] == "y"].query("metric == 'success_table_share'")["estimate"].isna().all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"margin": 0}, cs.errors.ParameterError, "margin must be a number above 0"),
        ({"margin": 1.5}, cs.errors.ParameterError, "margin must be a correlation below 1"),
        ({"need": "some"}, cs.errors.ParameterError, "need must be 'all' or 'any'"),
        ({"unit": "user"}, cs.errors.ParameterError, "unit must be 'account' or 'answer'"),
        ({"method": "pearson"}, cs.errors.ParameterError, "method must be"),
        ({"survey": "nps"}, cs.errors.NotEnoughDataError, "no account has an answer to 'nps' and a goal"),
        ({"by": "planet"}, cs.errors.MissingColumnsError, "planet"),
    ],
)
def test_what_cannot_be_is_refused(small: cs.Dataset, options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        cs.success_vs_satisfaction(small, **options)


def test_goals_are_needed(small: cs.Dataset) -> None:
    without = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "responses": answers(("a", "2026-03-10", 5))}, as_of=AS_OF)
    with pytest.raises(cs.errors.MissingTableError, match="goals"):
        cs.success_vs_satisfaction(without)


@pytest.mark.slow
@pytest.mark.coverage
@pytest.mark.parametrize("several", [False, True])
def test_claims_are_as_rarely_false_as_they_promise(repository: Path, several: bool) -> None:
    """A part of benchmarks/coverage/success_satisfaction.py: 300 samples a setting, simulation error of 5 % is 1.3 points."""
    study = runpy.run_path(str(repository / "benchmarks" / "coverage" / "success_satisfaction.py"))
    rng, goals = np.random.default_rng(4), study["GOALS"]["none, half, all"]

    def claims(size: int, correlation: float) -> np.ndarray:
        return np.nanmean([study["claims"](size, correlation, goals=goals, several=several, rng=rng) for _ in range(300)], axis=0)

    few, many, at_margin, related = claims(20, 0.0), claims(1000, 0.0), claims(200, 0.2), claims(200, 0.3)
    assert few[0] < 0.09  # related is claimed of 20 accounts without a relation ...
    assert few[1] == 0  # ... and that there is none, never
    assert many[1] > 0.95
    assert at_margin[1] < 0.09  # a correlation as large as the margin is said to be smaller
    assert related[0] > 0.95
    assert min(few[2], many[2], at_margin[2], related[2]) > 0.91
