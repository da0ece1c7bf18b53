"""What became of the customers of a trial after its landmark: whether they stayed, renewed, grew, how much they used, or what a table of one's own says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.action_days import local_days, own_days
from cs_analysis.facts.contract_terms import contract_terms
from cs_analysis.facts.phases import effective_phases

_USE = "active_days_28"


class Outcome(NamedTuple):
    """Which rows of the trials have the outcome to be asked about, its value, and its unit."""

    asked: npt.NDArray[np.bool_]
    value: npt.NDArray[np.float64]
    unit: str


def outcome_of(ds: Dataset, outcome: str | pd.DataFrame, *, rows: pd.DataFrame, known: pd.DataFrame) -> Outcome:
    """Return the outcome of each row of the trials.

    Parameters
    ----------
    ds : Dataset
        Where the outcome is on record.
    outcome : str or DataFrame
        One of `OUTCOMES`, or a table `account_id`, `reached_at`: reached after the landmark and by the end, of those who had not reached it before.
    rows : DataFrame
        `account_id`, `landmark`, `end`.
    known : DataFrame
        Features at the ends of the trials, as `customer_trials` gives them.

    Raises
    ------
    ParameterError, MissingColumnsError
        There is no such outcome; a table lacks a column.
    """
    if isinstance(outcome, pd.DataFrame):
        return _reached(ds, outcome, rows)
    if outcome not in OUTCOMES:
        raise ParameterError(f"outcome must be one of {', '.join(OUTCOMES)}, activation, or a table account_id, reached_at, not {outcome!r}.")
    return OUTCOMES[outcome](ds, rows, known)


def _there(rows: pd.DataFrame, known: pd.DataFrame) -> pd.Series:
    """Return the days of use at the end of each row's trial; missing for who is no customer then."""
    values = known.set_index(["account_id", "at"])[_USE if _USE in known else "mrr"]
    return values.reindex(pd.MultiIndex.from_arrays([rows["account_id"], rows["end"]])).reset_index(drop=True)


def _retention(_: Dataset, rows: pd.DataFrame, known: pd.DataFrame) -> Outcome:
    there = rows.set_index(["account_id", "end"]).index.isin(known.set_index(["account_id", "at"]).index)
    return Outcome(np.ones(len(rows), dtype="bool"), there.astype("float64"), "share")


def _usage(_: Dataset, rows: pd.DataFrame, known: pd.DataFrame) -> Outcome:
    if _USE not in known:
        raise MissingColumnsError([_USE], known.columns, table="of features (it needs `events`)")
    return Outcome(np.ones(len(rows), dtype="bool"), _there(rows, known).fillna(0.0).to_numpy("float64"), "days")


def _renewal(ds: Dataset, rows: pd.DataFrame, _: pd.DataFrame) -> Outcome:
    """Return whether contracts due after the landmark and by the end were renewed; rows without one are not asked."""
    terms = contract_terms(ds)
    ended = terms.filter(terms.outcome.isin(["renewed", "lapsed", "ended_early"]))
    due = engine_of(ds).run(ended.select("account_id", "due_on", renewed=ended.outcome == "renewed").order_by(["account_id", "due_on"]))
    due["due_on"] = pd.to_datetime(due["due_on"])
    pairs = rows[["account_id", "landmark", "end"]].reset_index(names="row").merge(due, on="account_id")
    inside = pairs[(pairs["due_on"] > pairs["landmark"]) & (pairs["due_on"] <= pairs["end"])].drop_duplicates("row")
    value = inside.set_index("row")["renewed"].astype("float64").reindex(range(len(rows)))
    return Outcome(value.notna().to_numpy(), value.fillna(0).to_numpy("float64"), "share")


def _expansion(ds: Dataset, rows: pd.DataFrame, _: pd.DataFrame) -> Outcome:
    """Return whether a running subscription went to a higher price, in its currency, after the landmark and by the end."""
    phases = effective_phases(ds)
    before = ibis.window(group_by="subscription_id", order_by="started_at")
    told = phases.mutate(was=phases.amount.lag().over(before), was_in=phases.currency.lag().over(before))
    raised = told.filter(told.amount > told.was, told.currency == told.was_in)
    found = engine_of(ds).run(raised.select("account_id", "started_at").order_by(["account_id", "started_at"]))
    return Outcome(np.ones(len(rows), dtype="bool"), _between(rows, found.assign(day=local_days(ds, found["started_at"]))), "share")


def _reached(ds: Dataset, table: pd.DataFrame, rows: pd.DataFrame) -> Outcome:
    first = own_days(ds, table, at="reached_at", what="of the outcome").groupby("account_id", as_index=False)["day"].min()
    had = rows["account_id"].map(first.set_index("account_id")["day"]) <= rows["landmark"]
    return Outcome(~had.to_numpy(bool), _between(rows, first), "share")


def _between(rows: pd.DataFrame, days: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return 1 for rows with a day of theirs after the landmark and by the end."""
    pairs = rows[["account_id", "landmark", "end"]].reset_index(names="row").merge(days[["account_id", "day"]], on="account_id")
    inside = pairs.loc[(pairs["day"] > pairs["landmark"]) & (pairs["day"] <= pairs["end"]), "row"]
    return np.isin(np.arange(len(rows)), inside.unique()).astype("float64")


OUTCOMES: Mapping[str, Callable[[Dataset, pd.DataFrame, pd.DataFrame], Outcome]] = MappingProxyType(
    {"retention": _retention, "renewal": _renewal, "expansion": _expansion, "usage": _usage}
)
"""The outcomes of customers by name: still a customer, renewed, at a higher price, days of use."""
