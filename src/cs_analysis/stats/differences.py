"""Differences between estimates: two tables row by row, or every group against all the others together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.estimates import COLUMNS, check_conf_level, estimates, key_columns, stack
from cs_analysis.stats.intervals import Floats, Interval, difference

Correction = Literal["holm", "benjamini_hochberg"]


def compare(a: pd.DataFrame, b: pd.DataFrame, *, correction: Correction | None = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Each estimate of `a` minus its counterpart in `b`, with limits recovered from the limits of both.

    Rows pair up by metric and by the keys both tables have. A key with a single value on either side, and not the same one, is what is
    compared: the period of two months, the segment of two segments. The lower limit is d - sqrt((a - low_a)^2 + (high_b - b)^2), the upper
    one its mirror image: Newcombe's interval for Wilson limits, the Wald interval for symmetric ones, and clustered where `a` and `b` are.
    Both must rest on different units: a group is compared with the rest (`compare_with_rest`), never with a total that contains it.

    Parameters
    ----------
    a, b : DataFrame
        Estimates with limits of the same confidence level.
    correction : {"holm", "benjamini_hochberg"}, optional
        Adds a row `<metric>_adjusted_p_value` to each difference, adjusted for the number of differences in the table: Holm keeps the chance of
        even one false alarm, Benjamini-Hochberg the expected share of false ones among the alarms. The limits stay those of one comparison.
    conf_level : float
        Confidence level of the limits in `a` and `b`.

    Returns
    -------
    DataFrame
        Estimates with the paired keys and, for each key that is compared, its value in `a` and as `against_<key>` that in `b`. Metric
        `<metric>_difference` in the unit of the metric, `n` = the smaller base of the two; limits are missing where either lacks one it
        needs. `<metric>_adjusted_p_value` (unit `share`, no limits; the key `comparisons` says for how many) is that of the normal test that agrees with the
        interval: at the level at which the interval ends at zero.

    Raises
    ------
    MissingColumnsError
        A table is no estimates table.
    ParameterError
        A row has no counterpart or several; units differ; `b` is a total that contains the groups of `a`.

    References
    ----------
    Zou and Donner (2008), Statistics in Medicine 27, 1693-1702. Holm (1979), Scandinavian Journal of Statistics 6, 65-70. Benjamini and
    Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300. Altman and Bland (2011), BMJ 343, d2304 (p from limits).

    Examples
    --------
    >>> from cs_analysis.stats.intervals import wilson
    >>> a = estimates({"period": ["May"]}, metric="rate", unit="share", **wilson([56], [70])._asdict(), n=[70])
    >>> b = estimates({"period": ["April"]}, metric="rate", unit="share", **wilson([48], [80])._asdict(), n=[80])
    >>> compare(a, b).round(4).iloc[0].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'period': 'May', 'against_period': 'April', 'metric': 'rate_difference', 'unit': 'share', 'estimate': 0.2, 'conf_low': 0.0524,
     'conf_high': 0.3339, 'n': 70}
    """
    check_conf_level(conf_level)
    paired, keys = _paired(a, b)
    return _differences(paired, keys, gap=difference(_side(paired, "_a"), _side(paired, "_b")), correction=correction, conf_level=conf_level)


def compare_with_rest(
    rows: pd.DataFrame, by: str, statistic: Callable[[pd.DataFrame], pd.DataFrame], *, correction: Correction | None = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Each group's estimates minus those of all other groups together; of two groups one row, the first minus the second.

    Parameters
    ----------
    rows : DataFrame
        What the statistic takes, such as durations, with the column `by`. Rows of different groups must be of different units.
    by : str
        Column that makes the groups; a missing value is a group of its own.
    statistic : callable
        Takes rows and returns estimates, such as `lambda rows: restricted_mean_time(rows, horizon="90d")`.
    correction, conf_level
        As for `compare`.

    Returns
    -------
    DataFrame
        As for `compare`, with the group in the key `by`.

    Raises
    ------
    MissingColumnsError, NotEnoughDataError, ParameterError
        `rows` has no column `by` or fewer than two groups; as for `compare`.

    References
    ----------
    As for `compare`.

    Examples
    --------
    >>> from cs_analysis import median_time
    >>> waits = pd.DataFrame({"touch": ["low", "low", "low", "high", "high"], "duration_days": [5.0, 7.0, 9.0, 2.0, 4.0], "observed": True})
    >>> compare_with_rest(waits, "touch", median_time)[["touch", "estimate"]]
      touch  estimate
    0  high      -4.0
    """
    tables = []
    for value, own in groups_and_rest(rows, by):
        gap = compare(statistic(rows[own]), statistic(rows[~own]), conf_level=conf_level)
        tables.append(gap.assign(**{by: value})[[by, *gap.columns.drop(by, errors="ignore")]])
    found = stack(tables)
    return found if correction is None else with_p_values(found, correction=correction, conf_level=conf_level)


def groups_and_rest(rows: pd.DataFrame, by: str) -> list[tuple[Any, npt.NDArray[np.bool_]]]:
    """Return each value of a column with the rows that have it, to be compared with all others; of two values only the first."""
    if by not in rows.columns:
        raise MissingColumnsError([by], rows.columns, table="rows")
    values = rows[by].drop_duplicates().sort_values().tolist()
    if len(values) < 2:
        raise NotEnoughDataError(f"a comparison needs two groups; the column {by!r} has {len(values)}. Choose another column.")
    chosen = values if len(values) > 2 else values[:1]
    return [(value, (rows[by].isna() if pd.isna(value) else rows[by] == value).to_numpy(bool)) for value in chosen]


def _paired(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of both tables side by side, columns ending in _a and _b, and the names of the result's keys."""
    for table in (a, b):
        if missing := [name for name in COLUMNS if name not in table.columns]:
            raise MissingColumnsError(missing, table.columns, table="estimates")
    shared = [name for name in key_columns(a) if name in b.columns]
    compared = [name for name in shared if a[name].nunique(dropna=False) == b[name].nunique(dropna=False) == 1 and not _same(a[name], b[name])]
    on = [name for name in (*shared, "metric", "unit") if name not in compared]
    _refuse_total(a, b, on=on)
    left, right = (table.reset_index(drop=True) for table in (a, b))
    _refuse_unpaired(left, right, on)
    both = left.merge(right, on=on, how="left", suffixes=("_a", "_b"), validate="one_to_one")
    named = both.rename(columns={f"{name}_a": name for name in compared} | {f"{name}_b": f"against_{name}" for name in compared})
    order = [name for key in key_columns(a) for name in ((key, f"against_{key}") if key in compared else (key,))]
    return named, order


def _same(first: pd.Series, second: pd.Series) -> bool:
    one, other = first.iloc[0], second.iloc[0]
    return bool(pd.isna(one) and pd.isna(other)) or bool(one == other)


def _refuse_total(a: pd.DataFrame, b: pd.DataFrame, *, on: list[str]) -> None:
    """Raise where `b` lacks a key of `a` and counts exactly the units of the groups of `a`: it contains them."""
    lacking = [name for name in key_columns(a) if name not in b.columns]
    if not lacking:
        return
    sums = a.groupby(on, dropna=False)["n"].sum().rename("sum").reset_index().merge(b, on=on)
    if len(a) > len(sums) and (sums["sum"] == sums["n"]).any():
        raise ParameterError(
            f"b holds no key {', '.join(map(repr, lacking))} and counts all units of the groups in a: a group may not be compared with a total "
            "that contains it. Compare it with the rest, as compare_with_rest does."
        )
    raise MissingColumnsError(lacking, b.columns, table="estimates b")


def _refuse_unpaired(a: pd.DataFrame, b: pd.DataFrame, on: list[str]) -> None:
    for name, table, other in (("a", a, b), ("b", b, a)):
        if (twice := table.duplicated(on)).any():
            raise ParameterError(f"each row of {name} must differ in {', '.join(on)}; several have {_values(table[twice], on)}. Keep one of them.")
        alone = table[on].merge(other[on], on=on, how="left", indicator=True)["_merge"] == "left_only"
        if alone.any():
            raise ParameterError(
                f"each row must have a counterpart with the same {', '.join(on)}; the other table has none for the row of {name} with "
                f"{_values(table[alone.to_numpy()], on)}. Leave it out, or choose one value of the key that is compared."
            )


def _values(rows: pd.DataFrame, on: list[str]) -> str:
    return ", ".join(f"{name} {rows[name].iloc[0]!r}" for name in on)


def _side(paired: pd.DataFrame, suffix: str) -> Interval:
    return Interval(*(paired[name + suffix].to_numpy("float64") for name in ("estimate", "conf_low", "conf_high")))


def _differences(paired: pd.DataFrame, keys: list[str], *, gap: Interval, correction: Correction | None, conf_level: float) -> pd.DataFrame:
    smaller = np.minimum(paired["n_a"], paired["n_b"])
    table = estimates(paired[keys], metric="", unit="ratio", **gap._asdict(), n=smaller)
    table = table.assign(metric=paired["metric"] + "_difference", unit=paired["unit"])
    return table if correction is None else with_p_values(table, correction=correction, conf_level=conf_level)


def with_p_values(table: pd.DataFrame, *, correction: Correction, conf_level: float) -> pd.DataFrame:
    """Return the differences, each followed by its adjusted p value."""
    if correction not in ("holm", "benjamini_hochberg"):
        raise ParameterError(f"correction must be 'holm' or 'benjamini_hochberg', not {correction!r}.")
    raw = _p_values(table, conf_level)
    adjusted = np.full(len(raw), np.nan)
    known = np.isfinite(raw)
    adjusted[known] = adjusted_p_values(raw[known], correction)
    names = table["metric"].str.removesuffix("_difference") + "_adjusted_p_value"
    rows = table.assign(metric=names, unit="share", estimate=adjusted, conf_low=np.nan, conf_high=np.nan)
    both = pd.concat([table, rows]).sort_index(kind="stable", ignore_index=True)
    both.insert(both.columns.get_loc("metric"), "comparisons", int(known.sum()))
    return both


def _p_values(table: pd.DataFrame, conf_level: float) -> Floats:
    """Return the two-sided p value of each difference: its distance from zero in units of the half width on that side."""
    gap, low, high = (table[name].to_numpy("float64") for name in ("estimate", "conf_low", "conf_high"))
    half = np.where(gap >= 0, gap - low, high - gap)
    distance = np.abs(gap) / np.where(half > 0, half, np.nan)
    return np.asarray(2 * special.ndtr(-distance * special.ndtri((1 + conf_level) / 2)))


def adjusted_p_values(p: Floats, correction: Correction) -> Floats:
    """Return p values adjusted for their number: Holm steps down from the smallest, Benjamini-Hochberg up from the largest."""
    order = np.argsort(p, kind="stable")
    ranks = np.arange(len(p))
    if correction == "holm":
        stepped = np.maximum.accumulate((len(p) - ranks) * p[order])
    else:
        stepped = np.minimum.accumulate((len(p) / (ranks + 1) * p[order])[::-1])[::-1]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
