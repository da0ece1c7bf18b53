"""Rows of features for models and scores: one a customer and date, ours or a caller's, with a verdict on each column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.data.local_days import as_day
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.account_features import account_features, feature_names
from cs_analysis.facts.feature_check import feature_columns, named, verdicts_of
from cs_analysis.facts.feature_dates import FeatureDates, feature_dates
from cs_analysis.facts.recipes import Recipe


def feature_rows(
    ds: Dataset, *, dates: Any, features: Iterable[str] | pd.DataFrame | None = None, recipe: Recipe | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one row a customer and date with its features, and the verdict on each feature.

    `features` is None (all that the tables allow), names, or the caller's own table: `account_id`, `at` and columns, or without `at` bare columns, which stand
    at every date. `recipe(ds)` makes the caller's columns from a dataset.

    Returns
    -------
    (DataFrame, DataFrame)
        `account_id`, `at` and the features; and `feature`, `verdict` ("dated": its past values are those that were known then; "not verifiable"),
        `checked_dates` (the days, as text), `checked_rows`. Our own features are dated by the way they are made, and not made twice.

    Raises
    ------
    ParameterError
        Values of a caller's table were not known at their dates; accounts that are not known, rows twice, dates without rows; all at once.
    MissingTableError, MissingColumnsError
        As `health_features`; the caller's table has no `account_id` or no other column.
    """
    when = feature_dates(ds, dates)
    if isinstance(features, pd.DataFrame):
        return _rows_of_table(ds, when, features, recipe=recipe)
    if recipe is not None:
        raise ParameterError("recipe makes the columns of a caller's table again; pass that table as features.")
    names = feature_names(ds, features)
    ours = {"feature": names, "verdict": "dated", "checked_dates": "", "checked_rows": 0}
    return account_features(ds, when, names), pd.DataFrame(ours)


def dated_table(ds: Dataset, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the good rows of a caller's table, with text accounts and, if it has dates, naive days; and what is wrong with the others.

    Raises
    ------
    MissingColumnsError
        It has no `account_id`, or nothing beside account and date.
    """
    if "account_id" not in table.columns or not feature_columns(table):
        missing = ["account_id"] if "account_id" not in table.columns else ["a feature"]
        raise MissingColumnsError(missing, [str(name) for name in table.columns], table="of features")
    clean = table.reset_index(drop=True).assign(account_id=table["account_id"].astype("str").to_numpy())
    checks = [_twice, _unknown]
    if "at" in table.columns:
        days = {value: as_day(value) for value in clean["at"].unique()}
        wrong = [value for value, day in days.items() if day is None]
        if wrong:
            return clean.iloc[:0], [f"`at` must be a day such as 2026-03-31, not {wrong[0]!r}"]
        clean = clean.assign(at=pd.to_datetime(clean["at"].map(days)).astype("datetime64[us]"))
        checks = [*checks, _too_late, _too_early]
    bad = [(what, rows) for what, rows in (check(ds, clean) for check in checks) if rows.any()]
    good = ~pd.concat([rows for _, rows in bad], axis=1).any(axis=1) if bad else slice(None)
    return clean[good], [f"{rows.sum()} rows {what}, first {_row(clean[rows].iloc[0])}" for what, rows in bad]


def refuse(faults: list[str]) -> None:
    """Raise one error that names all faults of a table of features, if there are any.

    Raises
    ------
    ParameterError
        There are.
    """
    if faults:
        raise ParameterError(
            f"a table of features must have one row an account and date, of what was known then: {'; '.join(faults)}. Make each "
            "column from ds.at(date); one that bears the name of a feature of health_features and means something else needs another name."
        )


def _rows_of_table(ds: Dataset, when: FeatureDates, table: pd.DataFrame, *, recipe: Recipe | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the customers at the dates with a caller's columns, and the verdicts."""
    clean, faults = dated_table(ds, table)
    customers = account_features(ds, when, [])
    keys = [key for key in ("account_id", "at") if key in clean.columns]
    if "at" in keys:
        faults = [*faults, *_without_rows(customers, clean)]
        clean = clean[clean["at"].isin(when.frame["at"])]
    verdicts = verdicts_of(ds, clean, recipe=recipe)
    refuse([*faults, *named(verdicts)])
    rows = customers.merge(clean, on=keys, how="left", validate="many_to_one")
    return rows[["account_id", "at", *feature_columns(clean)]], verdicts[["feature", "verdict", "checked_dates", "checked_rows"]]


def _twice(_: Dataset, table: pd.DataFrame) -> tuple[str, pd.Series]:
    return "are there twice", table.duplicated([key for key in ("account_id", "at") if key in table.columns])


def _unknown(ds: Dataset, table: pd.DataFrame) -> tuple[str, pd.Series]:
    return "are of accounts that the dataset does not have", _begun(ds, table).isna()


def _too_late(ds: Dataset, table: pd.DataFrame) -> tuple[str, pd.Series]:
    return f"are dated after the dataset's as_of {ds.as_of}", table["at"].dt.date > ds.as_of.date()


def _too_early(ds: Dataset, table: pd.DataFrame) -> tuple[str, pd.Series]:
    ends = {day: ds.calendar.end_of(day.date()) for day in table["at"].unique()}
    return "are dated before their accounts began", _begun(ds, table) > pd.to_datetime(table["at"].map(ends), utc=True)


def _begun(ds: Dataset, table: pd.DataFrame) -> pd.Series:
    """Return the start of each row's account."""
    starts = ds.tables["accounts"].to_pandas(["account_id", "started_at"]).set_index("account_id")["started_at"]
    return table["account_id"].map(starts)


def _without_rows(customers: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Return what to say of dates with customers for which the table has no row."""
    missing = sorted(set(customers["at"]) - set(table["at"]))
    return [f"there is no row for {', '.join(f'{day:%Y-%m-%d}' for day in missing)}"] if missing else []


def _row(row: pd.Series) -> str:
    return f"account {row['account_id']!r}" + (f" on {row['at']:%Y-%m-%d}" if "at" in row else "")
