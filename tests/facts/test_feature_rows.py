"""The guard against features that look ahead: what moved is named, what cannot be checked is said to be so."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.feature_check import spread
from cs_analysis.facts.feature_rows import feature_rows
from helpers import accounts, events, phases

DATES = ["2025-03-31", "2025-04-30", "2025-05-31"]


@pytest.fixture(scope="module")
def ds() -> cs.Dataset:
    """Return three customers who use a report in March, in May, or never, and one who begins in June."""
    used = events(
        ("2025-03-10", "a", "u", "look"),
        ("2025-03-20", "a", "u", "report"),
        ("2025-05-05", "b", "v", "report"),
        ("2025-05-06", "b", "v", "look"),
        ("2025-06-10", "c", "w", "look"),
    )
    begins = {"a": "2025-01-01", "b": "2025-01-01", "c": "2025-04-10", "d": "2025-06-05"}
    sold = phases(*((f"s{name}", name, start, None, 10.0) for name, start in begins.items()))
    return cs.read_dataset({"accounts": accounts(**begins), "events": used, "subscriptions": sold}, as_of="2025-06-30")


def uses(ds: cs.Dataset) -> pd.DataFrame:
    """Return how often each account has used anything, and whether it ever used the report."""
    used = ds.tables["events"].to_pandas(["account_id", "event"])
    table = pd.DataFrame({"account_id": ds.tables["accounts"].to_pandas(["account_id"])["account_id"]})
    counts = used["account_id"].value_counts()
    return table.assign(
        uses=table["account_id"].map(counts).fillna(0.0), ever_reported=table["account_id"].isin(used.loc[used["event"] == "report", "account_id"])
    )


def dated(ds: cs.Dataset, recipe: Callable[[cs.Dataset], pd.DataFrame]) -> pd.DataFrame:
    """Return what a recipe makes at each date."""
    return pd.concat([recipe(ds.at(day)).assign(at=pd.Timestamp(day)) for day in DATES], ignore_index=True)


def looking_ahead(ds: cs.Dataset) -> Callable[[cs.Dataset], pd.DataFrame]:
    """Return a recipe that counts in all data for the accounts it is given."""

    def recipe(then: cs.Dataset) -> pd.DataFrame:
        known = then.tables["accounts"].to_pandas(["account_id"])["account_id"]
        table = uses(ds)
        return table[table["account_id"].isin(known)]

    return recipe


@pytest.mark.slow
def test_an_honest_table_passes_as_dated(ds: cs.Dataset) -> None:
    rows, verdicts = feature_rows(ds, dates=DATES, features=dated(ds, uses), recipe=uses)
    assert verdicts.to_dict("records") == [
        {"feature": name, "verdict": "dated", "checked_dates": "2025-03-31, 2025-04-30, 2025-05-31", "checked_rows": 8} for name in ("uses", "ever_reported")
    ]  # two accounts in March and three from April on
    assert list(rows.columns) == ["account_id", "at", "uses", "ever_reported"]
    assert rows["uses"].tolist() == [2, 0, 2, 0, 0, 2, 2, 0]
    assert rows["account_id"].tolist() == ["a", "b", "a", "b", "c", "a", "b", "c"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["closure", "default", "helper", "global", "honest recipe"])
def test_a_recipe_that_looks_ahead_is_named_with_the_first_value_that_moved(ds: cs.Dataset, how: str) -> None:
    leaky = looking_ahead(ds)

    def by_default(then: cs.Dataset, everything: cs.Dataset = ds) -> pd.DataFrame:
        return looking_ahead(everything)(then)

    def through_helper(then: cs.Dataset) -> pd.DataFrame:
        return leaky(then)

    def as_in_a_notebook(then: cs.Dataset) -> pd.DataFrame:
        table = uses(company)  # noqa: F821 - a cell before has read it
        return table[table["account_id"].isin(uses(then)["account_id"])]

    in_notebook = FunctionType(as_in_a_notebook.__code__, {**globals(), "company": ds})
    recipe = {"closure": leaky, "default": by_default, "helper": through_helper, "global": in_notebook, "honest recipe": uses}[how]
    # Of a both uses were in March; b used the report in May, which March and April could not know; c's only use was in June.
    with pytest.raises(ParameterError) as caught:
        feature_rows(ds, dates=DATES, features=dated(ds, leaky), recipe=recipe)
    message = str(caught.value)
    assert "'uses' is not what was known at its dates in 4 of 8 values compared" in message
    assert "first of account 'b' on 2025-03-31: given 2, known then 0" in message
    assert "'ever_reported' is not what was known at its dates in 2 of 8" in message
    assert "given True, known then False" in message


@pytest.mark.slow
def test_what_accounts_say_as_of_the_export_was_not_known_before(ds: cs.Dataset) -> None:
    tables = {name: table.to_pandas() for name, table in ds.tables.items()}
    tables["accounts"] = tables["accounts"].assign(plan=["basic", "team", "team", "basic"], seats=[1, 2, 3, 4], segment="small")
    sized = cs.read_dataset(tables, as_of="2025-06-30")

    def recipe(then: cs.Dataset) -> pd.DataFrame:
        return then.tables["accounts"].to_pandas(["account_id", "plan", "seats", "segment"])

    verdicts = cs.verify_features(sized, dated(sized, recipe), recipe=recipe).set_index("feature")
    assert verdicts["verdict"].to_dict() == {"plan": "moved", "seats": "moved", "segment": "dated"}
    assert verdicts.loc["plan", ["moved_rows", "first_account", "given", "known_then"]].tolist() == [8, "a", "basic", "nothing"]
    today = recipe(sized).assign(at="2025-06-30")
    assert set(cs.verify_features(sized, today, recipe=recipe)["verdict"]) == {"dated"}
    assert sized.at("2025-03-31").tables["accounts"].to_pandas(["seats"])["seats"].tolist() == [1, 2]


def test_the_same_verdicts_come_without_an_error(ds: cs.Dataset) -> None:
    table = dated(ds, looking_ahead(ds))
    verdicts = cs.verify_features(ds, table, recipe=uses).set_index("feature")
    assert verdicts["verdict"].tolist() == ["moved", "moved"]
    assert verdicts.loc["uses", ["moved_rows", "first_account", "given", "known_then"]].tolist() == [4, "b", "2", "0"]
    assert verdicts.loc["ever_reported", "first_at"] == pd.Timestamp("2025-03-31")
    assert cs.verify_features(ds, table)["verdict"].tolist() == ["not verifiable", "not verifiable"]


@pytest.mark.slow
def test_a_recipe_that_holds_on_to_a_table_cannot_be_asked(ds: cs.Dataset) -> None:
    everything = uses(ds)
    tables = {"all": everything}
    held = {
        "a table": lambda then: everything[everything["account_id"].isin(then.tables["accounts"].to_pandas()["account_id"])],
        "a mapping": lambda then: tables["all"][tables["all"]["account_id"].isin(then.tables["accounts"].to_pandas()["account_id"])],
        "a handle": lambda then, handle=ds.tables["events"]: uses(then).assign(columns=len(handle.columns)),
        "anything": partial(uses),
        "a dataset in a list": lambda then, old=(ds,): uses(then).assign(others=len(old)),
    }
    for recipe in held.values():
        verdicts = cs.verify_features(ds, dated(ds, recipe), recipe=recipe)
        assert set(verdicts["verdict"]) == {"not verifiable"}
        assert verdicts["checked_rows"].sum() == 0


@pytest.mark.slow
def test_columns_of_ours_are_made_again_and_a_table_for_another_date_is_named(ds: cs.Dataset) -> None:
    today = cs.health_features(ds)[["account_id", "tenure_days", "days_since_use"]]
    stale = pd.concat([today[today["account_id"].isin(["a", "b"])].assign(at=pd.Timestamp(day)) for day in DATES], ignore_index=True)
    verdicts = cs.verify_features(ds, stale).set_index("feature")
    assert verdicts["verdict"].tolist() == ["moved", "moved"]
    # a became a customer on the first of January: 181 days by the end of June, 90 by the end of March.
    assert verdicts.loc["tenure_days", ["first_account", "given", "known_then"]].tolist() == ["a", "181", "90"]
    assert verdicts.loc["days_since_use", ["moved_rows", "given", "known_then"]].tolist() == [6, "90", "11"]  # 20 to 31 March; b: given 55, then nothing
    honest = cs.health_features(ds, at=DATES)
    assert set(cs.verify_features(ds, honest)["verdict"]) == {"dated"}
    rows, _ = feature_rows(ds, dates=DATES, features=honest.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(rows, honest)


@pytest.mark.slow
def test_a_missing_value_is_the_same_only_as_a_missing_one(ds: cs.Dataset) -> None:
    honest = cs.health_features(ds, at=DATES, features=["days_since_use"])
    filled = honest.fillna({"days_since_use": 90.0})
    # b has no event before May, c none before June: missing for b in March and April, for c in April and May.
    verdict = cs.verify_features(ds, filled).iloc[0]
    assert (verdict["moved_rows"], verdict["first_account"], verdict["given"], verdict["known_then"]) == (4, "b", "90", "nothing")
    near = honest.assign(days_since_use=honest["days_since_use"] * (1 + 1e-12))
    assert cs.verify_features(ds, near)["verdict"].tolist() == ["dated"]


def test_bare_columns_stand_at_every_date_and_are_not_verifiable(ds: cs.Dataset) -> None:
    bare = pd.DataFrame({"account_id": ["a", "c"], "sponsor": [1.0, 0.0]})
    rows, verdicts = feature_rows(ds, dates=DATES[:2], features=bare, recipe=uses)
    assert verdicts.to_dict("records") == [{"feature": "sponsor", "verdict": "not verifiable", "checked_dates": "", "checked_rows": 0}]
    assert rows["sponsor"].fillna(-1).tolist() == [1, -1, 1, -1, 0]


@pytest.mark.slow
def test_names_give_our_own_rows(ds: cs.Dataset) -> None:
    rows, verdicts = feature_rows(ds, dates=DATES, features=["tenure_days", "mrr"])
    pd.testing.assert_frame_equal(rows, cs.health_features(ds, at=DATES, features=["tenure_days", "mrr"]))
    assert verdicts["verdict"].tolist() == ["dated", "dated"]
    everything, judged = feature_rows(ds, dates=DATES)
    assert judged["feature"].tolist() == list(everything.columns[2:])
    with pytest.raises(ParameterError, match="recipe makes the columns of a caller's table again"):
        feature_rows(ds, dates=DATES, recipe=uses)


def test_all_that_is_wrong_is_said_at_once(ds: cs.Dataset) -> None:
    table = pd.DataFrame(
        [
            ("a", "2025-03-31", 7.0),  # known then were 2
            ("a", "2025-03-31", 2.0),
            ("zz", "2025-03-31", 1.0),
            ("c", "2025-03-31", 0.0),  # begins in April
            ("a", "2025-07-15", 0.0),
            ("b", "2025-04-30", 0.0),
        ],
        columns=["account_id", "at", "uses"],
    )
    with pytest.raises(ParameterError) as caught:
        feature_rows(ds, dates=DATES, features=pd.concat([table, table.iloc[[5]].assign(uses=2.0, account_id="a")]).replace({"at": {}}), recipe=uses)
    message = str(caught.value)
    assert "1 rows are there twice, first account 'a' on 2025-03-31" in message
    assert "1 rows are of accounts that the dataset does not have, first account 'zz'" in message
    assert "1 rows are dated before their accounts began, first account 'c' on 2025-03-31" in message
    assert "1 rows are dated after the dataset's as_of" in message
    assert "there is no row for 2025-05-31" in message
    assert "'uses' is not what was known at its dates in 1 of 3 values compared" in message
    assert "given 7, known then 2" in message


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (pd.DataFrame({"account": ["a"], "x": [1]}), MissingColumnsError, "no column 'account_id'"),
        (pd.DataFrame({"account_id": ["a"], "at": ["2025-03-31"]}), MissingColumnsError, "no column 'a feature'"),
        (pd.DataFrame({"account_id": ["a"], "at": ["March"], "x": [1]}), ParameterError, "`at` must be a day such as 2026-03-31, not 'March'"),
        (pd.DataFrame({"account_id": ["a", "a"], "x": [1, 2]}), ParameterError, "1 rows are there twice, first account 'a'"),
    ],
)
def test_a_table_of_features_has_accounts_days_and_columns(ds: cs.Dataset, table: pd.DataFrame, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cs.verify_features(ds, table)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (lambda then: 3, "must return a data frame with account_id and its columns, not int"),
        (lambda then: pd.concat([uses(then), uses(then)]), "one row an account; on 2025-03-31 it has account 'a' twice"),
        (lambda then: pd.DataFrame({"account_id": ["a", "d"], "uses": 1.0}), "nothing but the dataset it is given; on 2025-03-31 it names account 'd'"),
    ],
)
def test_a_recipe_returns_a_row_an_account_known_then(ds: cs.Dataset, recipe: Callable[[cs.Dataset], pd.DataFrame], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        cs.verify_features(ds, dated(ds, uses), recipe=recipe)


def test_dates_to_check_are_spread_evenly_from_the_first_to_the_last() -> None:
    days = [day.date() for day in pd.date_range("2024-01-31", periods=34, freq="ME")]
    chosen = spread(days)
    assert [days.index(day) for day in chosen] == [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33]
    assert spread(days[:5]) == days[:5]
    assert spread(days[:1]) == days[:1]


@pytest.mark.slow
def test_a_recipe_is_asked_at_few_dates_and_the_verdict_says_which(ds: cs.Dataset) -> None:
    days = [str(day.date()) for day in pd.date_range("2025-03-01", "2025-05-31", freq="7D")]
    table = pd.concat([uses(ds.at(day)).assign(at=day) for day in days], ignore_index=True)
    verdict = cs.verify_features(ds, table, recipe=uses).iloc[0]
    assert len(days) == 14
    checked = verdict["checked_dates"].split(", ")
    assert len(checked) == 12
    assert checked[0] == days[0]
    assert checked[-1] == days[-1]
    assert verdict["checked_rows"] == table["at"].isin(checked).sum()
    assert np.array_equal(verdict["moved_rows"], 0)
