"""Trials of new accounts: each begins with the account's start, and asks who is activated after the landmark, of those who were not by then."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.action_days import Acted, local_days
from cs_analysis.facts.activation import Actions, activated_at
from cs_analysis.facts.effect_outcomes import Outcome
from cs_analysis.facts.firsts import account_starts, with_fact
from cs_analysis.facts.landmarks import Trials, account_columns, dummies, named_columns
from cs_analysis.facts.steps import steps_or_default
from cs_analysis.windows import parse_window

USUAL = ("segment", "touch", "channel")


def new_account_trials(ds: Dataset, acted: Acted, *, landmark: int, horizon: int, adjust_for: Sequence[str] | None, value: Actions) -> tuple[Trials, Outcome]:
    """Return one trial an account that was not activated by its landmark, and whether it was by its end.

    Who had the action from the day of its start to the landmark is treated. `value` says what activates; by default the last of the usual first steps. Of a
    new account only what is on record of it from the start is compared: columns of `accounts` and the day of its start.

    Raises
    ------
    MissingTableError, ParameterError, NotEnoughDataError
        No `events`; a covariate is no column of `accounts`; no account's end is over.
    """
    columns = ds.tables["accounts"].columns
    names = (
        [name for name in USUAL if name in columns] if adjust_for is None else named_columns(adjust_for, columns, what="columns of accounts, for activation")
    )
    wanted = steps_or_default(ds, None, window=parse_window("60d"))[-1] if value is None else value
    table = with_fact(account_starts(ds), activated_at(ds, wanted, need="any"))
    starts = engine_of(ds).run(table.select("account_id", "origin_at", "reached_at").order_by("account_id"))
    at = local_days(ds, starts["origin_at"])
    rows = pd.DataFrame({"account_id": starts["account_id"], "at": at, "landmark": at + pd.Timedelta(landmark, "D")})
    rows["end"] = rows["landmark"] + pd.Timedelta(horizon, "D")
    reached = local_days(ds, starts["reached_at"])
    takes_part, rows["treated"] = acted.treatment(rows, at - pd.Timedelta(1, "D"))
    kept = (rows["end"] <= pd.Timestamp(ds.as_of.date())) & ~(reached <= rows["landmark"]) & takes_part
    if not kept.any():
        days = landmark + horizon
        raise NotEnoughDataError(f"no account that was not activated at once started {days} days before {ds.as_of:%Y-%m-%d}. Shorten the horizon.")
    chosen = rows[kept].reset_index(drop=True)
    texts = dummies(account_columns(ds, chosen["account_id"], names))
    covariates = texts.assign(started=(chosen["at"] - chosen["at"].min()).dt.days.astype("float64"))
    later = (reached[kept].reset_index(drop=True) <= chosen["end"]).to_numpy("float64")
    nothing = pd.Series(np.nan, index=chosen.index)
    return Trials(chosen, covariates, nothing), Outcome(np.ones(len(chosen), dtype="bool"), later, "share")
