"""Customers cohort by cohort at each renewal of their contracts: the counts that the models of contracts are fitted to."""

from __future__ import annotations

from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.groups import By, as_named, by_columns, group_columns
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.subscriptions import customer_spells
from cs_analysis.facts.uses import offset_changes

RenewalPeriod = Literal["month", "quarter", "year"]
MONTHS = {"month": 1, "quarter": 3, "year": 12}
_UNITS = {"month": "M", "quarter": "Q", "year": "Y"}


def retained_table(ds: Dataset, *, period: RenewalPeriod = "month", by: By = None, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """Return how many customers of each cohort were still there after each renewal that all of the cohort have behind them.

    A cohort are the customers whose first stretch began in the same calendar period and who have had as many renewals due by `as_of`
    (`renewals_due`): the younger half of a month ends one renewal earlier than the older one, and nothing that is known is left out. Renewal k
    is due k periods after the start, on the wall calendar (the last day of the month where the month has no such day). A customer is there after it who
    goes on beyond that instant; a contract that ends on it was not renewed.

    Columns: those of `by`, `cohort` (first day of the period of the start), `renewals_due`, `period` (0 = at the start) and `retained`.

    Raises
    ------
    ParameterError
        `period` is no known one.
    NotEnoughDataError
        Nobody was ever a customer.
    """
    if period not in MONTHS:
        raise ParameterError(f"period must be one of {', '.join(MONTHS)}, not {period!r}.")
    spells = customer_spells(ds, by=by, policy=policy)
    made = _renewals(ds, spells.filter(spells.spell == 1), period)
    keys = [*group_columns(by), "cohort", "renewals_due"]
    counts = engine_of(ds).run(made.group_by(*keys, "made").agg(customers=made.count()).order_by([*keys, "made"]))
    if counts.empty:
        raise NotEnoughDataError(
            f"nobody was a customer by {ds.as_of:%Y-%m-%d}: no account has a paying phase in `subscriptions`. Check `kind` and the policy."
        )
    return as_named(_cumulated(counts, keys)).astype({"cohort": "datetime64[us]"})


def contract_period(ds: Dataset) -> RenewalPeriod:
    """Return the period at which contracts are renewed: a year if every phase that says its interval is billed by the year, else a month."""
    if "interval" not in ds.tables["subscriptions"].columns:
        return "month"
    phases = relation(ds, "subscriptions")
    known = phases.filter(phases.interval.notnull())
    said = engine_of(ds).run(known.select("interval").distinct().order_by("interval"))["interval"].tolist()
    return "year" if said == ["year"] else "month"


def cohort_columns(by: By) -> list[str]:
    """Return the columns that tell the cohorts of `retained_table` apart."""
    return [*by_columns(by), "cohort", "renewals_due"]


def _renewals(ds: Dataset, spells: ir.Table, period: RenewalPeriod) -> ir.Table:
    """Return each customer's cohort, the renewals due by `as_of`, and those made."""
    end = cutoff(ds)
    first = engine_of(ds).run(spells.agg(first=spells.started_at.min()).order_by("first"))["first"].iloc[0]
    changes = offset_changes(ds.calendar, end - pd.Timedelta(1, "us") if pd.isna(first) else first, end)
    now = end.tz_localize("UTC").tz_convert(ds.calendar.zone).tz_localize(None)
    start = on_the_wall(spells.started_at, changes)
    left = spells.ended_at.notnull() & (spells.ended_at < ibis.literal(end))
    until = ibis.ifelse(left, on_the_wall(spells.ended_at, changes), ibis.literal(now))
    return spells.mutate(
        cohort=start.truncate(_UNITS[period]).cast("date"),
        renewals_due=_before(start, ibis.literal(now), MONTHS[period]),
        made=_before(start, until, MONTHS[period]),
    )


def on_the_wall(instants: ir.TimestampValue, changes: list[tuple[pd.Timestamp, int]]) -> ir.TimestampValue:
    """Return instants in UTC as the local clock showed them, given the changes of its offset (`offset_changes`)."""
    seconds = ibis.cases(*((instants >= since, offset) for since, offset in reversed(changes)), else_=changes[0][1])
    return instants + seconds.as_interval("s")


def _before(start: ir.TimestampValue, until: ir.TimestampValue, step: int) -> ir.IntegerValue:
    """Return how many anniversaries of a start lie before a time: the whole steps between the months, unless the last falls on it or after."""
    months = (until.year() - start.year()) * 12 + until.month() - start.month()
    steps = ((months - months % step) / step).cast("int64")
    last = start + (steps * step).cast("int64").as_interval("M")
    return ibis.greatest(ibis.ifelse(last < until, steps, steps - 1), 0)


def _cumulated(counts: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return a row a cohort and renewal from the numbers of customers with each number of renewals made."""
    sizes = counts.groupby(keys, sort=True, dropna=False).agg(size=("customers", "sum")).reset_index()
    times = sizes["renewals_due"].to_numpy() + 1
    rows = sizes.loc[sizes.index.repeat(times)].reset_index(drop=True)
    rows["period"] = np.concatenate([np.arange(each) for each in times])
    lost = counts[counts["made"] < counts["renewals_due"]].assign(period=counts["made"] + 1)
    gone = rows.merge(lost[[*keys, "period", "customers"]], on=[*keys, "period"], how="left")["customers"].fillna(0)
    passed = gone.groupby([rows[key] for key in keys], dropna=False).cumsum()
    return rows.assign(retained=(rows["size"] - passed.to_numpy()).astype("int64"))[[*keys, "period", "retained"]]
