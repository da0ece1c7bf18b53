"""Cumulative incidence: the share that has ended in each of several ways, where one way rules out the others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.risk import By, Floats, Integers, RiskTable, Rows, by_columns, read_rows, risk_table
from cs_analysis.stats.survival import log_log_limits, product_limit

_ROUNDING = 1e-12  # shares this close to 1 are 1


def cumulative_incidence(durations: pd.DataFrame, by: By = None, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of units that have ended in each way, just after every time at which one ends in that way (Aalen-Johansen).

    F_k(t) is the sum over the times u <= t of S(u-) ends_k(u) / at risk(u), S being the share that has not ended in any way. All F_k and S
    add up to 1. One minus the Kaplan-Meier curve of one way alone, with the others censored, is larger: it answers what would be if nobody
    ended otherwise. Simultaneous ends of several ways are all taken from the same units at risk. The variance is the delta method's,
    equal to Greenwood's when there is one way; the limits are symmetric for log(-log F).

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`, with `ended_by`: the way in which an observed unit ended.
    by : str or list of str, optional
        Columns that make groups.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `ended_by` and `time_days`; metric `cumulative_incidence`, unit `share`, `n` = units at risk just
        before. Ways in which nobody of a group ended have no row there. The limits are missing where the estimate
        is 1, and where it is 0 because nobody was left when the end came (see the warning of `survival_curve`).

    Raises
    ------
    MissingColumnsError
        As for `survival_curve`; `ended_by` is absent.
    ParameterError
        As for `survival_curve`; an observed unit has no `ended_by`.
    NotEnoughDataError
        There is no row.

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150. Gaynor, Feuer, Tan, Wu, Little, Straus, Clarkson and Brennan
    (1993), Journal of the American Statistical Association 88, 400-409.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [1, 2, 2, 4], "observed": [True, True, True, False], "ended_by": ["paid", "left", "paid", None]})
    >>> cumulative_incidence(table)[["ended_by", "time_days", "estimate", "n"]]
      ended_by  time_days  estimate  n
    0     left        2.0      0.25  3
    1     paid        1.0      0.25  4
    2     paid        2.0      0.50  3
    """
    _check_keys(durations, by)
    rows = read_rows(durations, by)
    ways, way = _ways(durations, rows)
    risk = risk_table(rows)
    survival, _ = product_limit(risk)
    first_of_group = np.append(-1, risk.group[:-1]) != risk.group
    before = np.where(first_of_group, 1.0, np.append(1.0, survival[:-1]))
    parts = [_one_way(risk, before, ends) for ends in _ends_by_way(risk, rows, way, ways=len(ways))]
    entry = np.concatenate([np.empty(0, dtype="int64"), *(entries for entries, _, _ in parts)])
    share, variance = (np.concatenate([np.empty(0), *(part[place] for part in parts)]) for place in (1, 2))
    low, high = log_log_limits(share, variance, conf_level=conf_level)
    keys = risk.keys.take(risk.group[entry]).assign(ended_by=np.repeat(ways, [len(part[0]) for part in parts]), time_days=risk.time_days[entry])
    found = estimates(keys, metric="cumulative_incidence", unit="share", estimate=share, conf_low=low, conf_high=high, n=risk.at_risk[entry])
    return found.iloc[np.argsort(risk.group[entry], kind="stable")].reset_index(drop=True)


def _ends_by_way(risk: RiskTable, rows: Rows, way: Integers, *, ways: int) -> list[Integers]:
    """Return for each way how many units end in it at each entry of the risk table."""
    place = np.searchsorted(risk.code, (rows.group << risk.bits) | rows.leave)
    counts = np.ones(len(way)) if rows.count is None else rows.count
    return [np.bincount(place[way == code], counts[way == code], len(risk.code)) for code in range(ways)]


def _one_way(risk: RiskTable, before: Floats, ends: Integers) -> tuple[Integers, Floats, Floats]:
    """Return the entries at which units end in one way, the share F that has by then, and the variance of log F."""
    share = risk.cumulate(before * ends / risk.at_risk, "cumsum")
    inside = (share > 0) & (share < 1 - _ROUNDING)
    variance = _variance(risk, share, before=before, ends=ends) / np.where(inside, share, np.nan) ** 2
    entries = np.flatnonzero(ends)
    return entries, share[entries], variance[entries]


def _variance(risk: RiskTable, share: Floats, *, before: Floats, ends: Integers) -> Floats:
    """Return the variance of F by the delta method.

    It is the sum over u <= t of (F(t) - F(u))^2 d / (n (n - d)) + S(u-)^2 d_k (n - d_k) / n^3 - 2 (F(t) - F(u)) S(u-) d_k / n^2,
    written out in running sums. Where nobody is left (n = d), F does not change any more and the first part is 0.
    """

    def running(values: Floats) -> Floats:
        return risk.cumulate(values, "cumsum")

    n = risk.at_risk.astype("float64")
    leaving = risk.ends / (n * np.where(n > risk.ends, n - risk.ends, np.inf))
    own, mixed = before**2 * ends * (n - ends) / n**3, before * ends / n**2
    spread = share**2 * running(leaving) - 2 * share * running(share * leaving) + running(share**2 * leaving)
    return np.asarray(np.maximum(spread + running(own) - 2 * (share * running(mixed) - running(share * mixed)), 0.0))


def _ways(durations: pd.DataFrame, rows: Rows) -> tuple[pd.Index, Integers]:
    """Return the ways in which units ended, in order, and each row's way (-1 while censored)."""
    kinds = durations["ended_by"].astype("object").reset_index(drop=True)
    silent = rows.observed & kinds.isna().to_numpy()
    if silent.any():
        row = durations.index[int(np.argmax(silent))]
        raise ParameterError(f"an observed unit must say how it ended; row {row!r} has no ended_by ({int(silent.sum())} rows). Fill it in.")
    way, ways = pd.factorize(kinds.where(rows.observed), sort=True)
    return pd.Index(ways), way.astype("int64")


def _check_keys(durations: pd.DataFrame, by: By) -> None:
    clash = {"time_days", "ended_by"} & set(by_columns(by))
    if clash:
        raise ParameterError(f"a key column may not be called {min(clash)!r}: the result has a column of that name. Rename it in the table.")
    if "ended_by" not in durations.columns:
        raise MissingColumnsError(["ended_by"], durations.columns, table="durations")
