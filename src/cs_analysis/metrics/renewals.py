"""Whether contracts are renewed: the renewal rate of a period on both of its bases, and the chance of ending at each renewal and between them."""

from __future__ import annotations

from typing import Literal

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.contract_terms import contract_terms, valued_terms
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.periods import periods
from cs_analysis.facts.policy import RevenuePolicy, policy_of
from cs_analysis.facts.subscriptions import customers_by_period
from cs_analysis.stats.clustered_rates import rates_by_cell
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import wilson
from cs_analysis.stats.sum_ratios import ratios_by_cell
from cs_analysis.windows import parse_window

Basis = Literal["due", "all"]


def renewal_rate(
    ds: Dataset,
    *,
    basis: Basis = "due",
    period: Period = "month",
    grace: str | pd.Timedelta | None = None,
    by: By = None,
    conf_level: float = 0.95,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Share of the contracts due for renewal in each period that went on, or of all customers at its start that are still customers at its end.

    Basis `due`: a contract (a subscription) is due on the local day of `renewal_at` of the phase in force, with `interval` "year" also on its
    anniversaries as far as the phase reaches; without `renewal_at`, on the anniversaries of its start by `interval` (missing: monthly), on the
    wall calendar: 29 February falls on 28 February in other years. It went on if it runs beyond the day after, or if another contract of the account
    begins when it ends (within `grace`, if given). A contract that ended earlier is not due any more and is counted apart in the period in which it would have
    been (`ended_before_renewal`), unless another one had replaced it. By value, each contract counts with its amount a month: what
    goes on at a lower price counts with that, at a higher one with the old price. A period has a row when it, and the grace of its last day, are over.

    Basis `all`: one minus `logo_churn_rate`. With yearly contracts most customers could not leave in the month, and the rate looks high.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    basis : {"due", "all"}
        Whose share.
    period : {"week", "month", "quarter", "year"}
        Calendar period in the calendar's zone.
    grace : str or Timedelta, optional
        For how long after its end a contract may be renewed late, such as `"30d"`. Default: not at all, as everywhere else a gap is a loss.
    by : str or list of str, optional
        Columns of `subscriptions` (of the phase in force when it is due; basis `due` only) or of `accounts`, as of the export, to group by;
        `"interval"` keeps yearly and monthly contracts apart.
    conf_level : float
        Level of the limits.
    policy : RevenuePolicy or str
        Which phases make an account a customer. A pause ends the contract unless the policy says otherwise.

    Returns
    -------
    DataFrame
        Estimates with the keys `period` (its first day) and `basis`. Metric `renewal_rate`, unit `share`: `n` = contracts due, limits clustered by
        account (missing where one account has all of several contracts); or `n` = customers at the start, Wilson limits. On the basis `due`
        also `renewal_rate_by_value`, unit `share`, clustered limits (missing where the amounts rest on a single account), `n` = accounts
        due with an amount; and `ended_before_renewal`, unit `count`, a book fact, `n` = contracts due and ended before.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `subscriptions`; an unknown column in `by`; an unknown basis or period; a grace on the basis `all`; of 20 and more past `renewal_at` none was made,
        so that they seem to hold the next renewal only.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212. Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.renewal_rate(ds, period="quarter")["metric"].unique().tolist()
    ['renewal_rate', 'renewal_rate_by_value', 'ended_before_renewal']
    """
    check_conf_level(conf_level)
    if basis not in ("due", "all"):
        raise ParameterError(f"basis must be 'due' or 'all', not {basis!r}.")
    if basis == "due":
        return _of_due(ds, period=period, grace=grace, by=by, conf_level=conf_level, policy=policy_of(policy))
    if grace is not None:
        raise ParameterError("grace needs the basis 'due': on the basis 'all' who is a customer at the end of the period counts. Leave it out.")
    return _of_all(ds, period=period, by=by, conf_level=conf_level, policy=policy)


def renewal_hazard(
    ds: Dataset,
    *,
    grace: str | pd.Timedelta | None = None,
    by: By = None,
    conf_level: float = 0.95,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Chance that a contract ends at its first, second ... renewal, given that it reached it, and the rate at which contracts end between renewals.

    Contracts end where they can: of yearly ones most at the renewal, and a smooth curve through those steps is wrong between them. What is due,
    when, and what goes on is as for `renewal_rate`; yearly and monthly contracts are kept apart. A contract continued by another counts on. Renewals whose
    day or grace is not over yet are left out.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    grace, by, conf_level, policy
        As for `renewal_rate`.

    Returns
    -------
    DataFrame
        Estimates with the keys `interval` ("month", "year"; "(missing)" where a plan says when but not how often) and `renewal` (1, 2, ...).
        Metric `renewal_hazard`, unit `share`, `n` = contracts due, limits clustered by account (missing where one account has all of several).
        Metric `hazard_between`, unit `per_month` (of 365.25 / 12 days): ends since the renewal before (or the start) up to, and without, this
        one, over the time at risk; exact limits, widened where accounts have several contracts; `n` = contracts at risk.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `renewal_rate`.

    References
    ----------
    Garwood (1936), Biometrika 28, 437-442. Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.renewal_hazard(ds)[["interval", "metric"]].iloc[0].tolist()
    ['month', 'renewal_hazard']
    """
    check_conf_level(conf_level)
    keys = [*group_columns(by), "interval", "renewal"]
    terms = contract_terms(ds, by=by, grace=grace, policy=policy)
    known = terms.filter(terms.decided | terms.outcome.isin(["moved", "running"]))
    due = known.outcome.isin(["renewed", "lapsed"])
    rows = known.group_by(*keys, "account_id").agg(
        due=due.sum(), lapsed=(known.outcome == "lapsed").sum(), ended=(known.outcome == "ended_early").sum(), days=known.term_days.sum(), terms=known.count()
    )
    cells = _alike(ds, rows, keys, values=["due", "lapsed", "ended", "days", "terms"])
    at = _shares(cells[cells["due"] > 0], keys, hits="lapsed", units="due", conf_level=conf_level)
    between = rates_by_cell(cells.assign(months=cells["days"] * 12 / 365.25), keys, events="ended", exposure="months", conf_level=conf_level)
    between["n"] = _sums(cells, keys, "terms", of=between)
    both = stack([_estimates(at, keys, "renewal_hazard"), _estimates(between, keys, "hazard_between", unit="per_month")])
    return as_named(both.sort_values(keys, kind="stable", ignore_index=True)).astype({"renewal": "int64"})


def _of_due(ds: Dataset, *, period: Period, grace: str | pd.Timedelta | None, by: By, conf_level: float, policy: RevenuePolicy) -> pd.DataFrame:
    keys = [*group_columns(by), "period"]
    terms = contract_terms(ds, by=by, grace=grace, policy=policy)
    calendar = _finished(ds, terms, period=period, grace=grace)
    terms = terms.filter(terms.outcome.isin(["renewed", "lapsed", "ended_early"]))
    placed = _in_periods(terms, calendar)
    rows = placed.group_by(*keys, "account_id").agg(
        due=(placed.outcome != "ended_early").sum(), renewed=(placed.outcome == "renewed").sum(), early=(placed.outcome == "ended_early").sum()
    )
    cells = _alike(ds, rows, keys, values=["due", "renewed", "early"])
    rate = _shares(cells, keys, hits="renewed", units="due", conf_level=conf_level)
    early = rate[keys].assign(estimate=_sums(cells, keys, "early", of=rate), conf_low=float("nan"), conf_high=float("nan"))
    early["n"] = rate["n"] + early["estimate"].astype("int64")
    valued = _in_periods(valued_terms(ds, terms, policy=policy).drop("period"), calendar)
    amounts = valued.group_by(*keys, "account_id").agg(amount=valued.amount.sum().cast("float64"), kept=valued.kept.sum().cast("float64"))
    money = ratios_by_cell(
        _alike(ds, amounts, keys, values=["amount", "kept"]), keys, numerator="kept", denominator="amount", share=True, conf_level=conf_level
    )
    parts = {"renewal_rate": rate, "renewal_rate_by_value": money}
    tables = [_estimates(part, keys, name) for name, part in parts.items()]
    together = stack([*tables, _estimates(early, keys, "ended_before_renewal", unit="count")])
    together.insert(len(keys), "basis", "due")
    return as_named(together)


def _of_all(ds: Dataset, *, period: Period, by: By, conf_level: float, policy: RevenuePolicy | str) -> pd.DataFrame:
    counted = customers_by_period(ds, period=period, by=by, policy=policy)
    rate = wilson(counted["customers"] - counted["lost"], counted["customers"], conf_level=conf_level)
    keys = as_named(counted[[*group_columns(by), "period"]]).assign(basis="all")
    return estimates(keys, metric="renewal_rate", unit="share", **rate._asdict(), n=counted["customers"])


def _finished(ds: Dataset, terms: ir.Table, *, period: Period, grace: str | pd.Timedelta | None) -> ir.Table:
    """Return the periods that are over together with the grace of their last day: `period` and the first local day after it."""
    end = cutoff(ds)
    past = terms.filter(terms.due_on < ibis.literal(end))
    first = engine_of(ds).run(past.agg(first=past.due_on.min()).order_by("first"))["first"].iloc[0]
    since = end - pd.Timedelta(1, "us") if pd.isna(first) else min(ds.calendar.period_start(first.date(), "day").tz_localize(None), end)
    table = periods(ds, since, period=period, unfinished=False)
    until = table["ends_at"].dt.tz_localize("UTC").dt.tz_convert(ds.calendar.zone).dt.tz_localize(None)
    if grace is not None:
        window = parse_window(grace, name="grace")
        late = until + pd.DateOffset(months=window.months) + pd.Timedelta(window.microseconds, "us")
        now = end.tz_localize("UTC").tz_convert(ds.calendar.zone).tz_localize(None)
        table, until = table[late <= now], until[late <= now]
    days = pd.DataFrame({"period": table["period"], "next_period": until.dt.normalize()})
    return engine_of(ds).lookup(days.iloc[:0] if pd.isna(first) else days)


def _in_periods(terms: ir.Table, calendar: ir.Table) -> ir.Table:
    return terms.inner_join(calendar, [terms.due_on >= calendar.period, terms.due_on < calendar.next_period])


def _alike(ds: Dataset, rows: ir.Table, keys: list[str], *, values: list[str]) -> pd.DataFrame:
    """Return accounts with the same keys and values as one row with their number."""
    return engine_of(ds).run(rows.group_by(*keys, *values).agg(accounts=ibis._.count()).order_by([*keys, *values]))


def _shares(cells: pd.DataFrame, keys: list[str], *, hits: str, units: str, conf_level: float) -> pd.DataFrame:
    """Return the share of units that are hits in each cell, in order of first rows, with limits clustered by account; `n` = units."""
    number = cells.groupby(keys, sort=False, dropna=False).ngroup()
    share = clustered_share(cells[hits], cells[units], groups=number, counts=cells["accounts"], conf_level=conf_level)
    found = cells[keys][~number.duplicated()].reset_index(drop=True).assign(**share._asdict())
    return found.assign(n=_sums(cells, keys, units, of=found))


def _sums(cells: pd.DataFrame, keys: list[str], name: str, *, of: pd.DataFrame) -> pd.Series:
    """Return the sum of a column over the accounts of each cell, in the order of a table of cells."""
    sums = (cells[name] * cells["accounts"]).groupby([cells[key] for key in keys], dropna=False).sum().rename("sum").reset_index()
    return of[keys].merge(sums, on=keys, how="left")["sum"].astype("int64")


def _estimates(table: pd.DataFrame, keys: list[str], metric: str, *, unit: str = "share") -> pd.DataFrame:
    values = {name: table[name] for name in ("estimate", "conf_low", "conf_high", "n")}
    return estimates(table[keys], metric=metric, unit=unit, **values)
