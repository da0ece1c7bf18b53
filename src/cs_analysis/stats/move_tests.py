"""Whether units of two kinds move alike from where they are: a test of what a Markov projection supposes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special


class MoveTest(NamedTuple):
    """Statistic, degrees of freedom, p value (missing without a state to test) and the number of moves of the states tested."""

    statistic: float
    freedom: int
    p_value: float
    moves: int


def moves_alike(moves: pd.DataFrame, *, least: int = 10) -> MoveTest:
    """Return the test of whether the shares of the states moved to are the same for two kinds of moves from every state.

    Pearson's chi-squared of the table kind by state moved to, added up over the states moved from, as are the degrees of freedom.

    Parameters
    ----------
    moves : DataFrame
        One row a move: `from`, `to` and `kind` (boolean).
    least : int
        States with fewer moves of one kind are left out, and states that all are rare to move to (expected below one) are put together.

    References
    ----------
    Anderson and Goodman (1957), Statistical inference about Markov chains, Annals of Mathematical Statistics 28, 89-110.

    Examples
    --------
    >>> moves = pd.DataFrame({"from": 0, "to": [0] * 15 + [1] * 5 + [0] * 15 + [1] * 5, "kind": [True] * 20 + [False] * 20})
    >>> moves_alike(moves).p_value
    1.0
    """
    statistic, freedom, tested = 0.0, 0, 0
    for _, rows in moves.groupby("from", sort=True):
        table = pd.crosstab(rows["kind"], rows["to"]).to_numpy("float64")
        if len(table) < 2 or table.sum(axis=1).min() < least:
            continue
        table = _without_rare(table)
        expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
        statistic += float(((table - expected) ** 2 / expected).sum())
        freedom += table.shape[1] - 1
        tested += int(table.sum())
    p_value = float(special.chdtrc(freedom, statistic)) if freedom else float("nan")
    return MoveTest(statistic, freedom, p_value, tested)


def _without_rare(table: np.ndarray) -> np.ndarray:
    """Return the table with the columns of which fewer than one is expected in a row added to one column."""
    rare = table.sum(axis=0) * table.sum(axis=1).min() / table.sum() < 1
    if rare.sum() < 1 or rare.all():
        return table
    kept = table[:, ~rare]
    kept[:, np.argmin(kept.sum(axis=0))] += table[:, rare].sum(axis=1)
    return np.asarray(kept)
