"""The days on which customers had an action, and for an action that is a way of doing what is done anyway, the days on which it was done at all."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.windows import fixed_days

QUICK_REPLY = "quick_reply"
Flags = npt.NDArray[np.bool_]


class Acted(NamedTuple):
    """`account_id` and local `day` of an action; `occasions`, if only those with an occasion are compared: `account_id`, `day`, and whether it was `taken`."""

    days: pd.DataFrame
    occasions: pd.DataFrame | None = None

    def treatment(self, rows: pd.DataFrame, since: pd.Series) -> tuple[Flags, Flags]:
        """Return which rows take part, and which of them are treated: between `since` and their `landmark`.

        Rows whose account had the action by `since` take no part. With occasions those rows take part that have one; their first says whether they are treated.
        """
        if self.occasions is None:
            first = rows["account_id"].map(self.days.groupby("account_id")["day"].min())
            return ~(first <= since).to_numpy(bool), ((first > since) & (first <= rows["landmark"])).to_numpy(bool)
        asked = rows[["account_id", "landmark"]].assign(since=since).reset_index(names="row").merge(self.occasions, on="account_id")
        inside = asked[(asked["day"] > asked["since"]) & (asked["day"] <= asked["landmark"])].sort_values(["row", "day"], kind="stable").drop_duplicates("row")
        taken = inside.set_index("row")["taken"].reindex(rows.index)
        return taken.notna().to_numpy(bool), (taken == True).to_numpy(bool)  # noqa: E712 - missing where there was no occasion


def local_days(ds: Dataset, instants: pd.Series) -> pd.Series:
    """Return the local day of instants, which without zone are in UTC."""
    moments = pd.to_datetime(instants, utc=True)
    return moments.dt.tz_convert(ds.calendar.zone).dt.tz_localize(None).dt.normalize()


def action_days(ds: Dataset, action: str | pd.DataFrame, *, quick: str | timedelta = "8h") -> Acted:
    """Return the days of an action.

    Parameters
    ----------
    ds : Dataset
        Where actions are on record.
    action : str or DataFrame
        A kind or name in `actions`, of which completed ones count; "quick_reply": the first reply to a case within `quick`, beside slower ones; or a table
        `account_id`, `acted_at`.
    quick : str or Timedelta
        What is quick, on the wall clock.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `actions` or `tickets`; there is no such action; as for `own_days`.
    """
    if isinstance(action, pd.DataFrame):
        return Acted(own_days(ds, action, at="acted_at", what="of actions"))
    if not isinstance(action, str):
        raise ParameterError(f"action must be a kind or name of actions, {QUICK_REPLY!r}, or a table account_id, acted_at, not {action!r}.")
    if action == QUICK_REPLY:
        return _replies(ds, pd.Timedelta(fixed_days(quick, name="quick"), "D"))
    table = relation(ds, "actions")
    rows = engine_of(ds).run(table.select("account_id", "acted_at", "kind", "action", "completed").order_by(["account_id", "acted_at"]))
    named = rows[(rows["kind"] == action) | (rows["action"] == action)]
    if named.empty:
        known = sorted({*rows["kind"].dropna(), *rows["action"].dropna()})
        raise ParameterError(f"there is no action {action!r}; there are {', '.join(map(str, known)) or 'none'}, and {QUICK_REPLY!r}.")
    done = named[named["completed"].astype("boolean").fillna(True)]
    return Acted(pd.DataFrame({"account_id": done["account_id"], "day": local_days(ds, done["acted_at"])}).reset_index(drop=True))


def own_days(ds: Dataset, table: pd.DataFrame, *, at: str, what: str) -> pd.DataFrame:
    """Return `account_id` and local `day` of each row of a table of one's own; rows of accounts that the data do not have (yet) play no part later.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is absent; a row lacks its account or moment; not one of the accounts is in the data.
    """
    missing = [name for name in ("account_id", at) if name not in table.columns]
    if missing:
        raise MissingColumnsError(missing, table.columns, table=what)
    known = engine_of(ds).run(relation(ds, "accounts").select("account_id").order_by("account_id"))["account_id"]
    moments = pd.to_datetime(table[at], utc=True, format="ISO8601" if table[at].dtype == object else None, errors="coerce")
    strangers = ~table["account_id"].isin(known) & table["account_id"].notna()
    faults = {
        "have an account_id": table["account_id"].isna(),
        "be of an account in the data": strangers & bool(strangers.all()),
        f"have a moment in {at}, such as 2026-02-05": moments.isna(),
    }
    told = [f"every row must {rule}; row {wrong.idxmax()} is not so, {int(wrong.sum())} in all" for rule, wrong in faults.items() if wrong.any()]
    if told:
        raise ParameterError(f"the table {what} cannot be used: {'; '.join(told)}.")
    return pd.DataFrame({"account_id": table["account_id"], "day": local_days(ds, moments)})


def _replies(ds: Dataset, quick: pd.Timedelta) -> Acted:
    """Return the first reply to each case: quick ones as days of the action, all cases as occasions for it."""
    table = relation(ds, "tickets", "account_id", "opened_at", "first_response_at")
    cases = engine_of(ds).run(table.select("account_id", "opened_at", "first_response_at", "ticket_id").order_by(["opened_at", "ticket_id"]))
    taken = (cases["first_response_at"] - cases["opened_at"] <= quick).to_numpy(bool)
    occasions = pd.DataFrame({"account_id": cases["account_id"], "day": local_days(ds, cases["opened_at"]), "taken": taken})
    return Acted(occasions.loc[taken, ["account_id", "day"]], occasions)
