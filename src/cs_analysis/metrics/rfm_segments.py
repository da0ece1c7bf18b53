"""Customers by how recently, how often and for how much they bought: scores, the segments they make, and whether these foretell anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.data.local_days import Moment
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.orders import orders_dataset, purchase_days
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.segments import NEVER, SEGMENTS, Basis, Cell, basis_of, buyers, cells_of, users_of_product
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval, newcombe_difference, wilson
from cs_analysis.stats.quantile_scores import check_bins, median_limits, quantile_scores, threshold_scores
from cs_analysis.windows import fixed_days

Method = Literal["independent", "nested", "fixed"]
Second = Literal["frequency", "monetary", "both"]
_MEASURES = ("recency_days", "frequency", "monetary")
_SCORES = ("r", "f", "m")


def rfm_scores(
    source: Dataset | Any,
    *,
    as_of: Moment | None = None,
    of: Basis | None = None,
    bins: int = 5,
    method: Method = "independent",
    thresholds: Mapping[str, Sequence[float]] | None = None,
    second: Second = "both",
    segments: Mapping[str, Sequence[Cell]] | None = None,
    by: By = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """One row a customer: how recently, how often and for how much, the scores 1 to 5 of each, and the segment.

    `of="orders"`: days since the last purchase day, purchase days, and what was kept of them after refunds. `of="usage"`, for companies with contracts:
    days since the last use, days with a use of the last 90, and the amount a month of those who are customers at `as_of`. Scores are parts of the
    order of values (5 is best: latest, most). Equal values always get equal scores, by their middle rank, so that parts may be unequal.

    Parameters
    ----------
    source : Dataset or table of orders
        Needs `orders`, or `events` and `subscriptions`. A table as for `rfm_summary`.
    as_of : date, str or Timestamp, optional
        An earlier moment to look from.
    of : {"orders", "usage"}, optional
        Default: orders if the data have them.
    bins : int
        Number of scores of each measure.
    method : {"independent", "nested", "fixed"}
        `independent`: each measure's order over all customers. `nested`: that of frequency within each score of recency, that of money within each cell of
        these two, so that cells are of similar size. `fixed`: against `thresholds`; then a score says the same at every date.
    thresholds : mapping, optional
        For `fixed`: `bins` - 1 rising numbers for each of `recency_days`, `frequency` and `monetary`.
    second : {"both", "frequency", "monetary"}
        Which score stands beside recency in the map of segments; `both` is the mean of two, halves upwards.
    segments : mapping, optional
        Name -> cells (recency score, second score), all cells shared out. Default: the eleven names that vendors of shop software use.
    by : str or list of str, optional
        Columns of `accounts`; scores are then within groups.
    policy : RevenuePolicy or str
        What counts as revenue, for `of="usage"`.

    Returns
    -------
    DataFrame
        `account_id`, the columns of `by`, `recency_days`, `frequency`, `monetary`, `r`, `f`, `m`, `rfm_segment`. Who has no purchase (or all of them
        refunded), or no use, has the segment "never ordered" or "never used" and no scores.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        A table or column is missing; an argument is none of the above; thresholds are missing or do not rise; the map of segments has gaps.

    References
    ----------
    Hughes (1994), Strategic Database Marketing (nested fifths). Putler, "RFM analysis" (names and ranges of the segments; where these overlap, see `SEGMENTS`).

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-01", "2026-03-01", "2026-03-01"], utc=True)
    >>> orders = pd.DataFrame({"account_id": ["a", "b", "b"], "ordered_at": days, "amount": [10.0, 30.0, 5.0]})
    >>> rfm_scores(orders)[["account_id", "recency_days", "frequency", "monetary", "r", "f", "m", "rfm_segment"]].to_dict("records")[0]
    {'account_id': 'a', 'recency_days': 59, 'frequency': 1, 'monetary': 10.0, 'r': 2, 'f': 3, 'm': 2, 'rfm_segment': 'at risk'}
    """
    cells = cells_of(None if segments is None else {name: tuple(own) for name, own in segments.items()}, check_bins(bins))
    ds, basis = _seen(source, as_of=as_of, of=of, by=by)
    rows = buyers(ds, by=by) if basis == "orders" else users_of_product(ds, by=by, policy=policy)
    _check_method(method, thresholds, second=second, bins=bins)
    known = rows["recency_days"].notna()
    scores = _scores(rows[known], by, bins=bins, method=method, thresholds=thresholds or {})
    first, other = scores["r"].to_numpy(), _second(scores, second)
    named = pd.Series([cells[cell] for cell in zip(first.tolist(), other.tolist(), strict=True)], index=scores.index, dtype="object")
    joined = rows.assign(**scores.reindex(rows.index).astype("Int64"), rfm_segment=named.reindex(rows.index).fillna(NEVER[basis]))
    whole = {name: joined[name].astype("Int64") for name in ("recency_days", "frequency")}
    shown = joined.assign(**whole)[["account_id", *group_columns(by), *_MEASURES, *_SCORES, "rfm_segment"]]
    return as_named(shown.reset_index(drop=True))


def rfm_segments(
    source: Dataset | Any,
    *,
    as_of: Moment | None = None,
    of: Basis | None = None,
    bins: int = 5,
    method: Method = "independent",
    thresholds: Mapping[str, Sequence[float]] | None = None,
    second: Second = "both",
    segments: Mapping[str, Sequence[Cell]] | None = None,
    by: By = None,
    conf_level: float = 0.95,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """How many customers each segment has, what part of the money, and its medians.

    Parameters
    ----------
    source, as_of, of, bins, method, thresholds, second, segments, by
        As for `rfm_scores`.
    conf_level : float
        Level of the limits.
    policy : RevenuePolicy or str
        As for `rfm_scores`.

    Returns
    -------
    DataFrame
        Estimates with the key `rfm_segment`, in the order of the map. Metric `rfm_segments`: share of all customers, Wilson limits, `n` = customers.
        Metric `segment_revenue_share`: share of all money, limits by account, `n` = customers; who never ordered has none and no row. Metrics
        `median_recency_days`, `median_frequency`, `median_monetary`: of the segment's customers, `n` = these, limits by ranks, missing below six at
        95 %; no row for a segment without customers. With scores by rank the cuts move with the data (a fifth is always among the latest), and
        limits are given these cuts.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `rfm_scores`.

    References
    ----------
    Hughes (1994), Strategic Database Marketing. Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> shares = cs.rfm_segments(ds, of="usage").query("metric == 'rfm_segments'")["estimate"]
    >>> round(float(shares.sum()), 6)
    1.0
    """
    check_conf_level(conf_level)
    ds, basis = _seen(source, as_of=as_of, of=of, by=by)
    options: dict[str, Any] = {"bins": bins, "method": method, "thresholds": thresholds, "second": second, "segments": segments, "by": by, "policy": policy}
    scored = rfm_scores(ds, of=basis, **options)
    names = [*(SEGMENTS if segments is None else segments), NEVER[basis]]
    unit = _currency(ds)
    parts = [_described(group, dict(key), names=names, unit=unit, conf_level=conf_level) for key, group in _groups(scored, by)]
    return stack(parts or [_nothing(["rfm_segment"], by)])


def rfm_lift(
    source: Dataset | Any,
    *,
    horizon: str = "90d",
    bins: int = 5,
    method: Method = "independent",
    thresholds: Mapping[str, Sequence[float]] | None = None,
    second: Second = "both",
    segments: Mapping[str, Sequence[Cell]] | None = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Whether segments foretell purchases: of the customers of each segment so long ago, the share that has bought since.

    The segments are those that would have been made at the beginning of the last `horizon`; who buys in it played no part in them.

    Parameters
    ----------
    source : Dataset or table of orders
        Needs `orders` that go back further than the horizon.
    horizon : str
        How long to wait, in days or weeks.
    bins, method, thresholds, second, segments, by
        As for `rfm_scores`.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `rfm_segment`. Metric `rfm_lift`: share of the segment's customers with an order kept in the horizon, Wilson limits,
        `n` = customers of the segment. Metric `rfm_lift_difference`: that share less the share of all others, limits after Newcombe; missing where
        there are no others.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `rfm_scores`; the horizon is of calendar months.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212. Newcombe (1998), Statistics in Medicine 17, 873-890.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-01", "2026-06-01", "2026-09-01"], utc=True)
    >>> orders = pd.DataFrame({"account_id": ["a", "b", "b"], "ordered_at": days, "amount": [10.0, 30.0, 5.0]})
    >>> rfm_lift(orders).query("metric == 'rfm_lift'")[["rfm_segment", "estimate", "n"]].to_dict("records")
    [{'rfm_segment': 'champion', 'estimate': 1.0, 'n': 1}, {'rfm_segment': 'at risk', 'estimate': 0.0, 'n': 1}]
    """
    check_conf_level(conf_level)
    ds, _ = _seen(source, as_of=None, of="orders", by=by)
    then = ds.at(_earlier(ds, horizon))
    scored = rfm_scores(then, of="orders", bins=bins, method=method, thresholds=thresholds, second=second, segments=segments, by=by)
    bought = purchase_days(ds, since=cutoff(then)).select("account_id").distinct()
    again = engine_of(ds).run(bought.order_by("account_id"))["account_id"]
    rows = scored.assign(again=scored["account_id"].isin(again))
    names = [*(SEGMENTS if segments is None else segments), NEVER["orders"]]
    parts = [_foretold(group, dict(key), names=names, conf_level=conf_level) for key, group in _groups(rows, by)]
    return stack(parts or [_nothing(["rfm_segment"], by)])


def _seen(source: Dataset | Any, *, as_of: Moment | None, of: Basis | None, by: By) -> tuple[Dataset, Basis]:
    """Return the dataset as seen from `as_of`, and what to look at."""
    ds = orders_dataset(source, as_of=as_of, by=by)
    return ds, basis_of(ds, of)


def _earlier(ds: Dataset, horizon: str) -> pd.Timestamp:
    """Return the same time of the day so many days earlier, whatever the clocks did since."""
    days = fixed_days(horizon, name="horizon")
    return ds.as_of - pd.DateOffset(days=int(days)) - pd.Timedelta(days - int(days), "D")


def _check_method(method: str, thresholds: Mapping[str, Sequence[float]] | None, *, second: str, bins: int) -> None:
    """Raise unless method, thresholds and second score go together."""
    if method not in ("independent", "nested", "fixed"):
        raise ParameterError(f"method must be 'independent', 'nested' or 'fixed', not {method!r}.")
    if second not in ("both", "frequency", "monetary"):
        raise ParameterError(f"second must be 'both', 'frequency' or 'monetary', not {second!r}.")
    if (method == "fixed") != (thresholds is not None):
        raise ParameterError("thresholds go with method='fixed', and it needs them: {'recency_days': [...], 'frequency': [...], 'monetary': [...]}.")
    for name in _MEASURES if thresholds is not None else ():
        given = list((thresholds or {}).get(name, ()))
        if len(given) != bins - 1 or any(not low < high for low, high in pairwise(given)):
            raise ParameterError(f"thresholds must have {bins - 1} rising numbers for {name}, not {given!r}.")


def _scores(rows: pd.DataFrame, by: By, *, bins: int, method: str, thresholds: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Return the scores `r`, `f` and `m` of customers who have the measures."""
    values = [rows[name].to_numpy("float64") for name in _MEASURES]
    if method == "fixed":
        found = [threshold_scores(column, thresholds[name], largest_first=name == "recency_days") for name, column in zip(_MEASURES, values, strict=True)]
        return pd.DataFrame(dict(zip(_SCORES, found, strict=True)), index=rows.index)
    groups = rows.groupby(group_columns(by), dropna=False).ngroup().to_numpy() if by is not None else np.zeros(len(rows), dtype="int64")
    scored: dict[str, Any] = {}
    for name, column in zip(_SCORES, values, strict=True):
        within = groups
        for earlier in scored.values() if method == "nested" else ():
            within = within * (bins + 1) + earlier
        scored[name] = quantile_scores(column, bins, within=within, largest_first=name == "r")
    return pd.DataFrame(scored, index=rows.index)


def _second(scores: pd.DataFrame, second: str) -> Any:
    """Return the score beside recency: that of frequency, of money, or the mean of both with halves upwards."""
    return ((scores["f"] + scores["m"] + 1) // 2 if second == "both" else scores["f" if second == "frequency" else "m"]).to_numpy()


def _groups(rows: pd.DataFrame, by: By) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Return the customers of each group of `by` with the group's keys."""
    names = [column.removeprefix("by.") for column in group_columns(by)]
    if not names:
        return [({}, rows)]
    return [(dict(zip(names, key, strict=True)), part) for key, part in rows.groupby(names, dropna=False, sort=True)]


def _described(rows: pd.DataFrame, key: dict[str, Any], *, names: list[str], unit: str, conf_level: float) -> pd.DataFrame:
    """Return the estimates of the segments of one group."""
    money = rows["monetary"].astype("float64").fillna(0.0).to_numpy()
    of = [(rows["rfm_segment"] == name).to_numpy() for name in names]
    keys = pd.DataFrame({**{name: [value] * len(names) for name, value in key.items()}, "rfm_segment": names})
    counts = np.array([own.sum() for own in of])
    shares = wilson(counts, len(rows), conf_level=conf_level)
    revenue = _columns([clustered_share(money * own, money, conf_level=conf_level) for own in of])
    tables = [
        estimates(keys, metric="rfm_segments", unit="share", **shares._asdict(), n=len(rows)),
        estimates(keys, metric="segment_revenue_share", unit="share", **revenue, n=len(rows)).query("rfm_segment != 'never ordered'"),
    ]
    filled = [place for place, own in enumerate(of) if own.any() and names[place] not in NEVER.values()]
    for name, own_unit in zip(_MEASURES, ("days", "count", unit), strict=True):
        middle = _columns([median_limits(rows.loc[of[place], name].astype("float64"), conf_level=conf_level) for place in filled])
        tables.append(estimates(keys.iloc[filled], metric=f"median_{name}", unit=own_unit, **middle, n=counts[filled]))
    return stack(tables)


def _foretold(rows: pd.DataFrame, key: dict[str, Any], *, names: list[str], conf_level: float) -> pd.DataFrame:
    """Return what became of the customers of each segment with any."""
    present = [name for name in names if (rows["rfm_segment"] == name).any()]
    of = [(rows["rfm_segment"] == name).to_numpy() for name in present]
    again = rows["again"].to_numpy()
    hits, counts = np.array([(again & own).sum() for own in of]), np.array([own.sum() for own in of])
    keys = pd.DataFrame({**{name: [value] * len(present) for name, value in key.items()}, "rfm_segment": present})
    shares = wilson(hits, counts, conf_level=conf_level)
    gaps = newcombe_difference((hits, counts), (again.sum() - hits, len(rows) - counts), conf_level=conf_level)
    tables = [("rfm_lift", shares), ("rfm_lift_difference", gaps)]
    return stack([estimates(keys, metric=name, unit="share", **found._asdict(), n=counts) for name, found in tables])


def _columns(found: Sequence[Interval]) -> dict[str, list[float]]:
    """Return intervals as columns."""
    return {name: [float(getattr(one, name)) for one in found] for name in Interval._fields}


def _nothing(keys: list[str], by: By) -> pd.DataFrame:
    """Return an empty table of estimates."""
    names = [column.removeprefix("by.") for column in group_columns(by)]
    return estimates(pd.DataFrame(columns=[*names, *keys]), metric="rfm_segments", unit="share", estimate=[], n=[])


def _currency(ds: Dataset) -> str:
    return ds.currency or "XXX"
