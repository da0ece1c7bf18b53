"""Cumulative incidence: the share that has ended in each of several ways, where one way rules out the others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.risk import By, Flags, Floats, Integers, RiskTable, Rows, Tally, by_columns, read_rows, risk_table
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
    leaving = _leaving(risk)
    parts = [_one_way(risk, before, leaving, ends=_ends(risk, rows, way == code)) for code in range(len(ways))]
    entry = np.concatenate([np.empty(0, dtype="int64"), *(entries for entries, _, _ in parts)])
    order = np.argsort(risk.group[entry], kind="stable")
    entry, kind = entry[order], np.repeat(np.arange(len(ways)), [len(part[0]) for part in parts])[order]
    share, variance = (np.concatenate([np.empty(0), *(part[place] for part in parts)])[order] for place in (1, 2))
    low, high = log_log_limits(share, variance, conf_level=conf_level)
    keys = risk.keys.take(risk.group[entry]).assign(ended_by=ways[kind], time_days=risk.time_days[entry])
    return estimates(keys, metric="cumulative_incidence", unit="share", estimate=share, conf_low=low, conf_high=high, n=risk.at_risk[entry])


def _ends(risk: RiskTable, rows: Rows, chosen: Flags) -> Floats:
    """Return how many of the chosen rows' units end at each entry of the risk table."""
    tally = Tally.of((rows.group[chosen] << risk.bits) | rows.leave[chosen], None if rows.count is None else rows.count[chosen])
    ends = np.zeros(len(risk.code))
    ends[np.searchsorted(risk.code, tally.code)] = np.diff(tally.below)
    return ends


def _one_way(risk: RiskTable, before: Floats, leaving: Floats, *, ends: Floats) -> tuple[Integers, Floats, Floats]:
    """Return the entries at which units end in one way, the share F that has by then, and the variance of log F."""
    share = risk.cumulate(before * ends / risk.at_risk, "cumsum")
    inside = (share > 0) & (share < 1 - _ROUNDING)
    variance = _variance(risk, share, leaving, before=before, ends=ends) / np.where(inside, share, np.nan) ** 2
    entries = np.flatnonzero(ends)
    return entries, share[entries], variance[entries]


def _variance(risk: RiskTable, share: Floats, leaving: Floats, *, before: Floats, ends: Floats) -> Floats:
    """Return the variance of F by the delta method.

    It is the sum over u <= t of (F(t) - F(u))^2 d / (n (n - d)) + S(u-)^2 d_k (n - d_k) / n^3 - 2 (F(t) - F(u)) S(u-) d_k / n^2,
    multiplied out by powers of F(t) into running sums. `leaving` is d / (n (n - d)) and its running sum.
    """
    now, until = leaving
    n = risk.at_risk.astype("float64")
    own, mixed = before**2 * ends * (n - ends) / n**3, before * ends / n**2
    once = risk.cumulate(share * now + mixed, "cumsum")
    rest = risk.cumulate(share * (share * now + 2 * mixed) + own, "cumsum")
    return np.asarray(np.maximum(share * (share * until - 2 * once) + rest, 0.0))


def _leaving(risk: RiskTable) -> Floats:
    """Return d / (n (n - d)) of every entry and its running sum; 0 where nobody is left (n = d), as no F changes any more."""
    n = risk.at_risk.astype("float64")
    now = risk.ends / (n * np.where(n > risk.ends, n - risk.ends, np.inf))
    return np.stack([now, risk.cumulate(now, "cumsum")])


def _ways(durations: pd.DataFrame, rows: Rows) -> tuple[pd.Index, Integers]:
    """Return the ways in which units ended, in order, and each row's way (-1 while censored)."""
    way = np.full(len(rows.observed), -1)
    way[rows.observed], ways = pd.factorize(durations["ended_by"].to_numpy("object")[rows.observed], sort=True)
    silent = rows.observed & (way < 0)
    if silent.any():
        row = durations.index[int(np.argmax(silent))]
        raise ParameterError(f"an observed unit must say how it ended; row {row!r} has no ended_by ({int(silent.sum())} rows). Fill it in.")
    return pd.Index(ways), way


def _check_keys(durations: pd.DataFrame, by: By) -> None:
    clash = {"time_days", "ended_by"} & set(by_columns(by))
    if clash:
        raise ParameterError(f"a key column may not be called {min(clash)!r}: the result has a column of that name. Rename it in the table.")
    if "ended_by" not in durations.columns:
        raise MissingColumnsError(["ended_by"], durations.columns, table="durations")
