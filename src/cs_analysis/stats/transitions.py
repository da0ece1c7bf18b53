"""Where those in each state went: shares of each state, with limits."""

from __future__ import annotations

import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.intervals import wilson

_COLUMNS = ("from", "to", "count")


def transition_shares(moves: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Return the share of each state that went to each state, with Wilson's limits.

    The share is count / n, where n is the sum of counts with the same `from`. Limits hold for each share by itself, and for units that move
    independently of each other.

    Parameters
    ----------
    moves : DataFrame
        `from`, `to`, `count`: one row a pair of states.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        `from`, `to`, `estimate`, `conf_low`, `conf_high`, `n`, in the order given. A state nobody was in has missing shares.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is absent, a count is negative or missing, or a pair is there twice.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> moves = pd.DataFrame({"from": ["A", "A"], "to": ["A", "B"], "count": [8, 2]})
    >>> transition_shares(moves)["estimate"].tolist()
    [0.8, 0.2]
    """
    _check(moves)
    n = moves.groupby("from", sort=False)["count"].transform("sum")
    rows = moves[["from", "to"]].assign(estimate=float("nan"), conf_low=float("nan"), conf_high=float("nan"), n=n)
    some = n > 0
    if some.any():
        found = wilson(moves.loc[some, "count"].to_numpy(float), n[some].to_numpy(float), conf_level=conf_level)
        rows.loc[some, "estimate"], rows.loc[some, "conf_low"], rows.loc[some, "conf_high"] = found
    return rows.reset_index(drop=True)


def _check(moves: pd.DataFrame) -> None:
    absent = [name for name in _COLUMNS if name not in moves.columns]
    if absent:
        raise MissingColumnsError(absent, moves.columns, table="moves")
    wrong = ~(moves["count"] >= 0)
    if wrong.any():
        raise ParameterError(f"count must be 0 or more; it is {moves.loc[wrong, 'count'].iloc[0]} in row {wrong.idxmax()}. Correct it.")
    twice = moves.duplicated(["from", "to"])
    if twice.any():
        raise ParameterError(f"a pair of states must be there once; row {twice.idxmax()} repeats one. Add up its counts.")
