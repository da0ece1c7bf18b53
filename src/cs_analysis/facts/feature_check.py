"""Whether a table of features held only what was known at its dates: its values are made again as of then, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.facts.account_features import account_features, available_features
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.recipes import Recipe, held_tables, made_at

CHECKED_DATES = 12
"""At how many dates at most a recipe is asked again; they are spread evenly, the first and the last among them."""

VERDICT_COLUMNS = ("feature", "verdict", "checked_dates", "checked_rows", "moved_rows", "first_account", "first_at", "given", "known_then")
_ROW = ["account_id", "at"]


def verdicts_of(ds: Dataset, table: pd.DataFrame, *, recipe: Recipe | None) -> pd.DataFrame:
    """Return for each column of a table of features whether its past values are those that were known then (VERDICT_COLUMNS)."""
    columns = feature_columns(table)
    if "at" not in table.columns or table.empty:
        return pd.DataFrame([_not_verifiable(name) for name in columns], columns=list(VERDICT_COLUMNS))
    remade = _remade(ds, table, recipe)
    return pd.DataFrame([_verdict(table, name, remade.get(name)) for name in columns], columns=list(VERDICT_COLUMNS))


def feature_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns of a table that are neither account nor date."""
    return [name for name in table.columns if name not in _ROW]


def named(verdicts: pd.DataFrame) -> list[str]:
    """Return a sentence for each feature whose values moved."""
    moved = verdicts[verdicts["verdict"] == "moved"]
    return [
        f"{row.feature!r} is not what was known at its dates in {row.moved_rows} of {row.checked_rows} values compared, first of account "
        f"{row.first_account!r} on {row.first_at:%Y-%m-%d}: given {row.given}, known then {row.known_then}"
        for row in moved.itertuples()
    ]


def spread(days: Sequence[date], most: int = CHECKED_DATES) -> list[date]:
    """Return at most so many of the days, evenly spread, the first and the last among them."""
    return [days[place] for place in np.unique(np.linspace(0, len(days) - 1, min(most, len(days))).round().astype(int))]


def _remade(ds: Dataset, table: pd.DataFrame, recipe: Recipe | None) -> dict[str, pd.DataFrame]:
    """Return for each column that can be made again its values (`account_id`, `at`, `known`) at the dates at which it was."""
    days = sorted(set(table["at"].dt.date))
    own = [name for name in feature_columns(table) if name in available_features(ds)]
    found = {}
    if own:
        known = account_features(ds, feature_dates(ds, days), own)
        found = {name: known[[*_ROW, name]].rename(columns={name: "known"}) for name in own}
    if recipe is None or held_tables(recipe):
        return found
    made = {day: made_at(ds, recipe, day) for day in spread(days)}
    for name in feature_columns(table):
        if name in next(iter(made.values())).columns:
            found[name] = pd.concat([_recalled(table, day, then[name]) for day, then in made.items()], ignore_index=True)
    return found


def _recalled(table: pd.DataFrame, day: date, known: pd.Series) -> pd.DataFrame:
    """Return what a recipe says of the accounts that the table has at a date; missing of whom it says nothing."""
    rows = table.loc[table["at"] == pd.Timestamp(day), _ROW]
    return rows.assign(known=known.reindex(rows["account_id"]).to_numpy(dtype="object"))


def _verdict(table: pd.DataFrame, name: str, known: pd.DataFrame | None) -> dict[str, Any]:
    """Return the verdict on one column."""
    if known is None:
        return _not_verifiable(name)
    both = table[[*_ROW, name]].rename(columns={name: "given"}).merge(known, on=_ROW).sort_values(["at", "account_id"])
    moved = both[~_same(both["given"], both["known"])]
    days = sorted(set(known["at"].dt.date))
    checked = {"feature": name, "checked_dates": ", ".join(map(str, days)), "checked_rows": len(both), "moved_rows": len(moved)}
    if moved.empty:
        return {"verdict": "dated", **checked, "first_account": None, "first_at": pd.NaT, "given": None, "known_then": None}
    first = moved.iloc[0]
    where = {"first_account": first["account_id"], "first_at": first["at"], "given": _shown(first["given"]), "known_then": _shown(first["known"])}
    return {"verdict": "moved", **checked, **where}


def _not_verifiable(name: str) -> dict[str, Any]:
    nothing = {"first_account": None, "first_at": pd.NaT, "given": None, "known_then": None}
    return {"feature": name, "verdict": "not verifiable", "checked_dates": "", "checked_rows": 0, "moved_rows": 0, **nothing}


def _same(given: pd.Series, known: pd.Series) -> np.ndarray:
    """Return where two values are the same: numbers to nine digits, others exactly, a missing one only as another missing one."""
    first, second = (pd.to_numeric(values.astype("object"), errors="coerce").astype("float64").to_numpy() for values in (given, known))
    equal = (given.astype("object").astype("str") == known.astype("object").astype("str")).to_numpy()
    one_missing, other_missing = given.isna().to_numpy(), known.isna().to_numpy()
    same = np.where(one_missing | other_missing, one_missing & other_missing, np.isclose(first, second, rtol=1e-9, atol=1e-9) | equal)
    return np.asarray(same)


def _shown(value: Any) -> Any:
    """Return a value as a message shows it."""
    if pd.isna(value):
        return "nothing"
    return f"{float(value):.6g}" if isinstance(value, float | np.floating) else str(value)
