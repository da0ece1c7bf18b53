"""Beta group against general release: what is said of tables and datasets, by hand and of ugly ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.metrics.experiments import experiment_effect
from cs_analysis.stats.estimates import COLUMNS
from cs_analysis.stats.intervals import newcombe_difference


def users(beta: tuple[int, int], general: tuple[int, int]) -> pd.DataFrame:
    """Return one user an account: (successes, n) of the two groups."""
    kept = np.repeat([1, 0, 1, 0], [beta[0], beta[1] - beta[0], general[0], general[1] - general[0]])
    return pd.DataFrame({"account_id": range(len(kept)), "group": np.repeat(["beta", "general"], [beta[1], general[1]]), "kept": kept})


def effect(table: Any, **options: Any) -> pd.DataFrame:
    return experiment_effect(table, **{"outcome": "kept", **options})


def said(found: pd.DataFrame) -> str:
    (verdict,) = found.loc[found["metric"] == "experiment_effect", "verdict"]
    return str(verdict)


def test_two_shares_by_hand() -> None:
    found = effect(users((60, 100), (45, 100)))
    assert tuple(found.columns) == ("outcome", "group", "against", "verdict", *COLUMNS)
    first = found.iloc[0]
    wanted = newcombe_difference((60, 100), (45, 100))
    assert first[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx([0.15, wanted.conf_low, wanted.conf_high])
    assert (first["verdict"], first["unit"], first["n"], first["group"], first["against"]) == ("helps", "share", 200, "beta", "general")
    rest = found.set_index("metric")["estimate"]
    assert rest["experiment_outcome"].tolist() == [0.6, 0.45]
    assert (rest["assignment_p_value"], rest["variance_left"], rest["experiment_effect_naive"]) == pytest.approx((1, 1, 0.15))
    pd.testing.assert_frame_equal(effect(pl.from_pandas(users((60, 100), (45, 100)))), found)
    pd.testing.assert_frame_equal(effect(users((60, 100), (45, 100)).sample(frac=1, random_state=2)), found)


@pytest.mark.slow
def test_each_verdict() -> None:
    assert said(effect(users((45, 100), (60, 100)))) == "harms"
    assert said(effect(users((45, 100), (60, 100)), better="lower")) == "helps"
    even = users((500, 1000), (500, 1000))
    assert said(effect(even)) == "not shown"
    assert said(effect(even, margin=0.05)) == "none beyond the margin"
    assert said(effect(even, margin={"kept": 0.04})) == "not shown"
    better = users((540, 1000), (500, 1000))  # limits from -.4 to 8.4 points
    assert said(effect(better, margin=0.02)) == "not shown"
    assert said(effect(better, margin=0.02, aim="no_worse")) == "no worse than the margin"
    assert said(effect(better, margin=0.02, aim="no_worse", better="lower")) == "not shown"
    assert said(effect(users((600, 1000), (500, 1000)), peeking=True, planned=2000)) == "helps"
    assert said(effect(users((55, 100), (40, 100)))) == "helps"
    assert said(effect(users((55, 100), (40, 100)), peeking=True, planned=200)) == "not shown"


def test_groups_that_are_not_as_assigned_are_told_before_anything_else() -> None:
    table = users((300, 500), (250, 400))  # 500 to 400 of 900: chi-square 11.1, p .0009
    assert said(effect(table)) == "groups are not as assigned"
    assert said(effect(table, ratio={"beta": 5, "general": 4})) != "groups are not as assigned"
    with pytest.raises(ParameterError, match="planned parts must be numbers above 0 for the groups beta, general"):
        effect(table, ratio={"beta": 1})


def test_several_outcomes_and_groups_are_adjusted_together() -> None:
    table = pd.concat([users((60, 100), (45, 100)), users((45, 100), (45, 100)).query("group == 'beta'").assign(group="gamma")])
    table["account_id"] = range(300)
    found = effect(table.assign(again=table["kept"]), outcome=["kept", "again"])
    adjusted = found[found["metric"] == "experiment_effect_adjusted_p_value"].set_index(["outcome", "group"])["estimate"]
    alone = effect(users((60, 100), (45, 100))).set_index("metric").loc["experiment_effect_adjusted_p_value", "estimate"]
    assert adjusted["kept", "beta"] == pytest.approx(4 * alone)  # the smallest of four
    assert adjusted["kept", "gamma"] == 1
    assert found.loc[found["metric"] == "experiment_effect", "verdict"].tolist() == ["not shown"] * 4  # .032 x 4


def test_users_of_an_account_count_as_their_account() -> None:
    accounts = users((12, 20), (8, 20))
    ten = accounts.loc[accounts.index.repeat(10)]
    one, many = (effect(table).set_index("metric") for table in (accounts, ten))
    limits = ["conf_low", "conf_high"]
    assert many.loc["experiment_effect", limits].tolist() == pytest.approx(one.loc["experiment_effect", limits].tolist(), abs=0.03)  # t in place of z
    assert many.loc["experiment_effect_naive", "conf_low"] > 0 > many.loc["experiment_effect", "conf_low"]
    assert many.loc["experiment_effect", "n"] == 40


def test_what_was_there_before_is_taken_away_also_where_it_is_missing() -> None:
    rng = np.random.default_rng(3)
    was, group = rng.normal(10, 3, 400), np.arange(400) % 2
    table = pd.DataFrame({"account_id": range(400), "group": np.where(group, "beta", "general"), "was": was, "kept": was + rng.normal(0, 1, 400) + 0.5 * group})
    found = effect(table, before="was").set_index("metric")
    assert found.loc["variance_left", "estimate"] == pytest.approx(1 - np.corrcoef(was, table["kept"] - 0.5 * group)[0, 1] ** 2, rel=0.05)
    assert found.loc["experiment_effect", "unit"] == "count"
    plain = effect(table).set_index("metric")
    adjusted, wide = ((row["conf_high"] - row["conf_low"]) for row in (found.loc["experiment_effect"], plain.loc["experiment_effect"]))
    assert adjusted / wide == pytest.approx(np.sqrt(found.loc["variance_left", "estimate"]), rel=1e-3)
    assert found.loc["experiment_effect", "conf_low"] < 0.5 < found.loc["experiment_effect", "conf_high"]
    half = effect(table.assign(was=table["was"].where(np.arange(400) % 4 > 1)), before={"kept": "was"}).set_index("metric")
    assert 0.4 < half.loc["variance_left", "estimate"] < 0.75  # half of the accounts keep all of their variance


def test_ugly_tables_are_refused() -> None:
    table = users((12, 20), (8, 20))
    with pytest.raises(ParameterError, match="needs the outcome 'kept'; row 3 has none, 2 in all"):
        effect(table.assign(kept=table["kept"].where(~table.index.isin([3, 7]))))
    with pytest.raises(ParameterError, match="must be numbers; row 0 has 'yes'"):
        effect(table.assign(kept="yes"))
    with pytest.raises(ParameterError, match="against must be one of the groups 'beta', 'general', not 'control'"):
        effect(table, against="control")
    with pytest.raises(NotEnoughDataError, match="'general' has 1 account"):
        effect(table.head(21))
    with pytest.raises(NotEnoughDataError, match="all units are in 'beta'"):
        effect(table.head(20))
    with pytest.raises(MissingColumnsError, match="'was'"):
        effect(table, before="was")
    with pytest.raises(ParameterError, match="the figure before, 'was', must be numbers; the first unit has 'much'"):
        effect(table.assign(was="much"), before="was")
    with pytest.raises(NotEnoughDataError, match="has nobody, within one of the groups"):
        effect(table.assign(segment=np.where(table.index < 5, "small", "large")), strata="segment")
    for options, message in (
        ({"outcome": []}, "outcome must be one or more"),
        ({"aim": "win"}, "aim must be"),
        ({"better": "up"}, "better must be"),
        ({"margin": 0.0}, "margin must be"),
        ({"correction": "sidak"}, "correction must be"),
        ({"conf_level": 1.0}, "conf_level must lie"),
        ({"peeking": True, "planned": 1}, "planned must be"),
    ):
        with pytest.raises(ParameterError, match=message):
            effect(table, **options)


def company(*, as_of: str = "2026-06-30") -> tuple[cs.Dataset, pd.DataFrame]:
    """Return forty customers since January, of whom a quarter of the beta group and half of the others left in April; and who was put where in February."""
    names = [f"a{number:02d}" for number in range(40)]
    beta = np.arange(40) < 20
    left = np.where(beta, np.arange(40) % 4 == 0, np.arange(40) % 2 == 0)
    start, end = (pd.Timestamp(day, tz="UTC") for day in ("2026-01-01", "2026-04-10"))
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": start, "mrr": 10.0, "currency": "EUR"})
    sold["ended_at"] = pd.Series(end, index=sold.index).where(left)
    ds = cs.read_dataset({"accounts": sold[["account_id", "started_at"]].assign(segment="s"), "subscriptions": sold}, as_of=as_of)
    return ds, pd.DataFrame({"account_id": names, "group": np.where(beta, "beta", "general"), "assigned_at": "2026-02-01"})


@pytest.mark.slow
def test_what_became_of_accounts_by_hand() -> None:
    ds, assigned = company()
    found = experiment_effect(ds, assignment=assigned, outcome="retention", horizon="90d")
    assert found.loc[found["metric"] == "experiment_outcome", "estimate"].tolist() == [0.75, 0.5]
    assert found["estimate"].iloc[0] == pytest.approx(0.25)
    early = experiment_effect(ds, assignment=assigned, outcome="retention", horizon="30d")  # nobody has left by 3 March
    assert early["estimate"].iloc[0] == 0
    reached = pd.DataFrame({"account_id": ["a00", "a01", "a30", "a31"], "reached_at": ["2026-02-10", "2026-03-01", "2026-01-15", "2026-06-01"]})
    goals = experiment_effect(ds, assignment=assigned, outcome={"goal": reached}, horizon="60d")
    assert goals.loc[goals["metric"] == "experiment_outcome", ["estimate", "n"]].values.tolist() == [[0.1, 20], [0.0, 19]]  # a30 had it before, a31 too late


@pytest.mark.slow
def test_later_facts_play_no_part_and_unfinished_accounts_are_left_out() -> None:
    ds, assigned = company()
    late = assigned.assign(assigned_at=np.where(np.arange(40) % 10 < 5, "2026-02-01", "2026-04-05"))
    found = experiment_effect(ds, assignment=late, outcome="retention", horizon="90d")  # 5 April + 90 days is 4 July
    assert found.loc[found["metric"] == "experiment_outcome", "n"].tolist() == [10, 10]
    before = experiment_effect(ds.at("2026-05-02"), assignment=assigned, outcome="retention", horizon="90d")
    pd.testing.assert_frame_equal(before, experiment_effect(ds, assignment=assigned, outcome="retention", horizon="90d"))
    with pytest.raises(NotEnoughDataError, match="of 2 groups 0 have accounts whose horizon is over"):
        experiment_effect(ds.at("2026-04-01"), assignment=assigned, outcome="retention", horizon="90d")
    with pytest.raises(ParameterError, match="'zz' is not in accounts, 1 such in all"):
        experiment_effect(ds, assignment=assigned.replace("a05", "zz"), outcome="retention")
    with pytest.raises(ParameterError, match="must be a table account_id, group, assigned_at"):
        experiment_effect(ds, outcome="retention")
