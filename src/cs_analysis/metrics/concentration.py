"""How much of the revenue hangs on how few customers, and on how few groups of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.groups import MISSING_GROUP, By, by_columns, group_columns
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.segments import Money, amounts_paid
from cs_analysis.stats.concentration import (
    Amounts,
    check_share,
    gini,
    groups_needed,
    herfindahl,
    least_number,
    needed_share,
    permuted_sums,
    resampled_sums,
    top_share,
)
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.resampling import generator

FEW_GROUPS = 5
TRUE_BY_CONSTRUCTION = "80 % of revenue in up to five personas is true by construction for k <= 5: with five groups or fewer it cannot be false."
_DECILE, _REPLICATES = 0.1, 1000


def revenue_concentration(
    ds: Dataset,
    *,
    share: float = 0.8,
    groups: str | pd.DataFrame | None = None,
    of: Money | None = None,
    by: By = None,
    rng: int | np.random.Generator = 0,
    conf_level: float = 0.95,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """How many customers, the largest first, make 80 % of the revenue; the largest tenth and the largest one; Gini and Herfindahl.

    With `groups` also how many of these groups it takes, beside what the same sizes of groups give when customers are dealt out to them by chance.
    "80 % of revenue in up to five personas" is true by construction for k <= 5; and as the largest groups come first, few are
    always needed where groups are few. Only a number below what chance gives says that the groups have to do with revenue.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions` (what customers pay a month at `as_of`) or `orders` (what was kept of all of them).
    share : float
        Share of the revenue that is to be made up, above 0.
    groups : str or DataFrame, optional
        A column of `accounts`, or a table with `account_id` and one more column, such as `PersonaFit.assigned`. Who is in none is the group "(missing)".
    of : {"mrr", "orders"}, optional
        Which revenue; default: what is paid a month, or orders where there are no subscriptions.
    by : str or list of str, optional
        Columns of `accounts` to give all of this for each group of.
    rng : int or Generator
        Randomness of the limits of groups and of the dealing out; customers' figures have none.
    conf_level : float
        Level of the limits.
    policy : RevenuePolicy or str
        What counts as revenue.

    Returns
    -------
    DataFrame
        Estimates with the key `of_revenue` (the share; missing where it plays no part), `n` = customers, those who pay nothing included.
        `customers_needed` (count), `customers_needed_share`, `top_decile_share`, `revenue_gini` (1 where one customer has all): limits by the influence of
        each customer; missing below two customers (Gini: three), where no revenue is and where all pay the same. In simulations 95 % limits of the share needed
        held the truth in 92 to 96 % of companies of 300 (log-normal amounts, price lists), in 84 to 97 % of 60, and in 82 to 85 % under a Pareto law of
        power 1.5, whose variance is infinite: such companies look less concentrated than their market.
        `largest_customer_share`, `revenue_herfindahl`: facts.
        With `groups`, `n` = customers: `groups_needed`, limits from resampling customers; `groups_in_all`; `groups_needed_by_chance`: the median over
        1,000 deals, its limits are the range in which `conf_level` of the deals lie; `groups_needed_chance`: the share of deals that need as few or fewer
        (counting the one at hand). The last three are missing where nobody pays.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        A table or column is missing; `share` is not above 0 and at most 1; an account is in two groups.

    References
    ----------
    Beach and Davidson (1983), Review of Economic Studies 50, 723-735. Davidson (2009), Journal of Econometrics 150, 30-40. Deltas (2003), Review of
    Economics and Statistics 85, 226-234. Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9, article 39.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.revenue_concentration(ds)["metric"].tolist()[:2]
    ['customers_needed', 'customers_needed_share']
    """
    check_conf_level(conf_level)
    check_share(share)
    label = groups if isinstance(groups, str) else None
    wanted = [*by_columns(by), *([label] if label is not None and label not in by_columns(by) else [])]
    rows = amounts_paid(ds, of, by=wanted, policy=policy)
    if groups is not None:
        rows = rows.assign(group=rows[group_columns(label)[0]].astype("object") if label is not None else _labels(rows, groups))
    parts = []
    for keys, own in _cells(rows, by):
        parts.append(_of_customers(own["amount"].to_numpy("float64"), keys, share=share, conf_level=conf_level))
        if groups is not None:
            parts.append(_of_groups(own, keys, share=share, rng=generator(rng), conf_level=conf_level))
    return stack(parts or [estimates(_keyed({}, by), metric="customers_needed", unit="count", estimate=[], n=[])])


def revenue_lorenz(
    ds: Dataset, *, of: Money | None = None, points: int = 20, by: By = None, conf_level: float = 0.95, policy: RevenuePolicy | str = "default"
) -> pd.DataFrame:
    """The Lorenz curve of revenue: which share of it the customers who pay least have, for rising shares of customers.

    Parameters
    ----------
    ds, of
        As for `revenue_concentration`.
    points : int
        Number of steps from 0 to 1.
    by : str or list of str, optional
        As for `revenue_concentration`.
    conf_level : float
        Level of the limits, for each point by itself.
    policy : RevenuePolicy or str
        As for `revenue_concentration`.

    Returns
    -------
    DataFrame
        Estimates with the key `population` (share of customers, least first). Metric `revenue_lorenz`, unit `share`, `n` = customers. No limits at the two
        ends, and missing as for `revenue_concentration`.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `revenue_concentration`; `points` is no whole number of at least 1.

    References
    ----------
    Lorenz (1905), Publications of the American Statistical Association 9, 209-219. Beach and Davidson (1983), Review of Economic Studies 50, 723-735.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.revenue_lorenz(ds, points=4)["population"].tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    check_conf_level(conf_level)
    if isinstance(points, bool) or not isinstance(points, int | np.integer) or points < 1:
        raise ParameterError(f"points must be a whole number of at least 1, such as 20, not {points!r}.")
    rows = amounts_paid(ds, of, by=by, policy=policy)
    steps = np.arange(points + 1) / points
    parts = []
    for keys, own in _cells(rows, by):
        curve = pd.DataFrame([_lowest(Amounts.of(own["amount"]), float(step), conf_level=conf_level) for step in steps])
        parts.append(estimates(_keyed({**keys, "population": steps}, by), metric="revenue_lorenz", unit="share", **dict(curve.items()), n=len(own)))
    return stack(parts or [estimates(_keyed({"population": []}, by), metric="revenue_lorenz", unit="share", estimate=[], n=[])])


def always_true(groups: int, *, claimed: int = FEW_GROUPS) -> bool:
    """Tell whether "all but a little of the revenue is in up to so many groups" holds of so many groups whatever the data are."""
    return groups <= claimed


def _cells(rows: pd.DataFrame, by: By) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Return the customers of each group of `by`, with its keys under the caller's names."""
    columns = group_columns(by)
    if not columns:
        yield {}, rows
        return
    for key, own in rows.groupby(columns, dropna=False, sort=True):
        yield dict(zip(by_columns(by), key, strict=True)), own


def _keyed(keys: dict[str, Any], by: By) -> pd.DataFrame:
    """Return keys as a table, with the columns of `by` first."""
    length = max([len(value) for value in keys.values() if isinstance(value, list | np.ndarray)], default=1 if keys or by is None else 0)
    return pd.DataFrame({name: keys.get(name, []) for name in by_columns(by)} | keys, index=range(length))


def _of_customers(values: Any, keys: dict[str, Any], *, share: float, conf_level: float) -> pd.DataFrame:
    """Return the figures of one set of customers."""
    amounts, n = Amounts.of(values), len(values)
    part = needed_share(amounts, share, conf_level=conf_level)
    number = least_number(amounts, share)
    largest = float(amounts.falling[0] / amounts.total) if amounts.total > 0 else np.nan
    # The part counts the last customer as far as needed, the number counts all of him: its limits are the whole numbers around those of the part.
    low, high = (
        bound if np.isnan(bound) else min(max(round_to(bound * n), 1.0), n) for bound, round_to in ((part.conf_low, np.floor), (part.conf_high, np.ceil))
    )
    table = [
        ("customers_needed", "count", share, Interval(number, low, high)),
        ("customers_needed_share", "share", share, part),
        ("top_decile_share", "share", np.nan, top_share(amounts, _DECILE, conf_level=conf_level)),
        ("revenue_gini", "ratio", np.nan, gini(amounts, conf_level=conf_level)),
        ("largest_customer_share", "share", np.nan, Interval(largest, np.nan, np.nan)),
        ("revenue_herfindahl", "ratio", np.nan, Interval(herfindahl(amounts), np.nan, np.nan)),
    ]
    return stack([estimates({**_one(keys), "of_revenue": [of]}, metric=name, unit=unit, **found._asdict(), n=n) for name, unit, of, found in table])


def _of_groups(rows: pd.DataFrame, keys: dict[str, Any], *, share: float, rng: np.random.Generator, conf_level: float) -> pd.DataFrame:
    """Return how many groups are needed, and how many by chance."""
    values, nothing = rows["amount"].to_numpy("float64"), np.array([np.nan])
    codes, names = pd.factorize(rows["group"], use_na_sentinel=False)
    needed = int(groups_needed(np.bincount(codes, values, len(names))[None, :].astype("float64"), share)[0])
    paid, tails = needed > 0, [(1 - conf_level) / 2, (1 + conf_level) / 2]
    drawn, dealt = (
        groups_needed(sums(values, codes.astype("int64"), groups=len(names), replicates=_REPLICATES, rng=rng), share) if paid else nothing
        for sums in (resampled_sums, permuted_sums)
    )
    limits = np.quantile(drawn[drawn > 0], tails, method="inverted_cdf") if paid and len(values) > 1 else (np.nan, np.nan)
    by_chance = np.quantile(dealt, [0.5, *tails], method="inverted_cdf") if paid else (np.nan, np.nan, np.nan)
    chance = (1 + (dealt <= needed).sum()) / (1 + len(dealt)) if paid else np.nan
    table = [
        ("groups_needed", "count", (needed if paid else np.nan, min(limits[0], needed), max(limits[1], needed))),
        ("groups_in_all", "count", (len(names), np.nan, np.nan)),
        ("groups_needed_by_chance", "count", by_chance),
        ("groups_needed_chance", "share", (chance, np.nan, np.nan)),
    ]
    key = {**_one(keys), "of_revenue": [share]}
    return stack([estimates(key, metric=name, unit=unit, **Interval(*found)._asdict(), n=len(rows)) for name, unit, found in table])


def _one(keys: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [value] for name, value in keys.items()}


def _lowest(amounts: Amounts, population: float, *, conf_level: float) -> Interval:
    """Return the share of the amount that the lowest part of the units has."""
    if population in (0.0, 1.0) or not amounts.total > 0:
        return Interval(population if amounts.total > 0 else np.nan, np.nan, np.nan)
    top = top_share(amounts, 1 - population, conf_level=conf_level)
    return Interval(1 - top.estimate, 1 - top.conf_high, 1 - top.conf_low)


def _labels(rows: pd.DataFrame, groups: pd.DataFrame) -> pd.Series:
    """Return the group of each account from a table of accounts and groups."""
    if not isinstance(groups, pd.DataFrame):
        raise ParameterError(f"groups must be a column of accounts or a table with account_id and a column of groups, not {type(groups).__name__}.")
    if "account_id" not in groups.columns:
        raise MissingColumnsError(["account_id"], groups.columns, table="groups")
    name = "persona" if "persona" in groups.columns else next((column for column in groups.columns if column != "account_id"), None)
    if name is None:
        raise MissingColumnsError(["persona"], groups.columns, table="groups")
    twice = groups.loc[groups["account_id"].duplicated(), "account_id"]
    if len(twice):
        raise ParameterError(f"groups must have one row an account; {twice.iloc[0]!r} has several. Keep the rows of one date.")
    return rows["account_id"].map(groups.set_index("account_id")[name]).astype("object").where(lambda label: label.notna(), MISSING_GROUP).astype(str)
