"""Where accounts were on the success map at the end of each month: what monthly moves between stages are counted from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.journey import stage_column
from cs_analysis.facts.periods import periods

_NOT_YET = -1


@dataclass(frozen=True)
class Panel:
    """Accounts (keys and identifiers) and their states at the end of each month: -1 not yet there, 0 to `stages` the stage, `stages` + 1 left.

    `now` is the state at the last moment known.
    """

    accounts: pd.DataFrame
    states: npt.NDArray[np.int64]
    now: npt.NDArray[np.int64]
    stages: int

    @property
    def left(self) -> int:
        """Number of the state of those that have left."""
        return self.stages + 1

    def until(self, months: int) -> Panel:
        """Return the panel as it was at the end of an earlier month; a negative number counts from the end."""
        states = self.states[:, :months]
        return Panel(self.accounts, states, states[:, -1], self.stages)

    def of(self, chosen: Any) -> Panel:
        """Return the panel of some of the accounts."""
        return Panel(self.accounts[chosen].reset_index(drop=True), self.states[chosen], self.now[chosen], self.stages)

    def moves(self) -> pd.DataFrame:
        """Return one row an account, month and stage at its beginning: `row` (of the account), `month`, `from`, `to` and whether it had been `new` there.

        New is who was not at the stage at the month end before the beginning.
        """
        row, month = np.nonzero((self.states[:, :-1] >= 0) & (self.states[:, :-1] < self.left))
        before = np.concatenate([np.full((len(self.states), 1), _NOT_YET), self.states], axis=1)
        source, target = self.states[row, month], self.states[row, month + 1]
        return pd.DataFrame({"row": row, "month": month, "from": source, "to": target, "new": before[row, month] != source})


def stage_panel(ds: Dataset, table: ir.Table, *, count: int, keys: list[str]) -> Panel:
    """Return the states of the accounts of `journeys` at the end of each finished calendar month and at `as_of`.

    Raises
    ------
    NotEnoughDataError
        Fewer than two month ends have an account.
    """
    columns = [stage_column(number) for number in range(1, count + 1)]
    rows = engine_of(ds).run(table.select("account_id", *keys, "origin_at", "left_at", *columns).order_by("account_id"))
    if rows.empty:
        raise NotEnoughDataError(f"no account had started by {ds.as_of:%Y-%m-%d}. Check the dates, or look from a later moment.")
    ends = periods(ds, rows["origin_at"].min(), period="month", unfinished=False)["ends_at"].to_numpy("datetime64[us]")
    if len(ends) < 2:
        raise NotEnoughDataError(f"moves from month to month need two finished months with accounts; there are {len(ends)} before {ds.as_of:%Y-%m-%d}.")
    ends = np.append(ends, np.datetime64(cutoff(ds), "us"))
    states = np.where(_before(rows["origin_at"], ends), 0, _NOT_YET)
    for number, column in enumerate(columns, start=1):
        states = np.where(_before(rows[column], ends), number, states)
    states = np.where(_before(rows["left_at"], ends), count + 1, states)
    numbered = states.astype("int64")
    return Panel(rows[["account_id", *keys]], numbered[:, :-1], numbered[:, -1], count)


def _before(instants: pd.Series, ends: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    """Return for each account and month end whether the instant lies before it; never where it is missing."""
    return np.asarray(instants.to_numpy("datetime64[us]")[:, None] < ends[None, :])
