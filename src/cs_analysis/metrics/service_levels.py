"""Service levels: the share of tickets answered, or resolved, within the time that was promised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, relation
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.clock_lengths import clock_days
from cs_analysis.facts.first_contact import calendar_periods
from cs_analysis.facts.groups import By, as_named, by_columns, group_columns
from cs_analysis.facts.opening_hours import Clock, check_clock
from cs_analysis.facts.support_times import Reopened, What, ticket_waits
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.stages import share_within

Target = str | timedelta
Targets = Mapping[What, Target | Mapping[str, Target]]

USUAL_TARGETS: Targets = {"response": "4h", "resolution": "3d"}
_ENDS_WITH: Mapping[What, str] = {"response": "first_response_at", "resolution": "resolved_at"}


def sla_attainment(
    ds: Dataset,
    *,
    targets: Targets | None = None,
    target_by: str | None = None,
    clock: Clock = "business",
    reopened: Reopened = "first",
    period: Period | None = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of tickets answered, or resolved, within a target time: 1 - Kaplan-Meier at the target.

    A ticket that waits longer than its target has missed it, whether it has been answered since or not; one that waits and is younger than that
    has not missed it yet and counts as far as it was seen. The naive figure, in time among those answered, never sees the tickets that nobody has
    answered, which are the worst.

    Parameters
    ----------
    ds : Dataset
        Needs `tickets` with `first_response_at` or `resolved_at`.
    targets : mapping, optional
        `"response"` and `"resolution"` -> time, its end included. Default: 4 hours and 3 days, as far as the columns are there. On the clock `business`
        hours and minutes are open time and `"3d"` is three business days; 24 hours a day, 7 days a week both clocks are one. A time may also be a mapping
        from the values of `target_by` to times; tickets with another value have no target and are left out.
    target_by : str, optional
        Column of `tickets` or `accounts` on whose value the time depends, such as a priority.
    clock : {"business", "elapsed"}
        Opening hours of the calendar, or all time.
    reopened : {"first", "last"}
        Which resolution counts: the first, or the last, so that a ticket opened again is not resolved until it is again.
    period : {"day", "week", "month", "quarter", "year"}, optional
        A row for each calendar period in which tickets were opened.
    by : str or list of str, optional
        Columns of `tickets` or `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `period` if asked for and `target` ("response", "resolution"), unit `share`. Metric `sla_attainment`: Wilson limits on the
        effective number, clustered by account, `n` = tickets; missing where no ticket has been seen for its target, the limits also where several
        tickets come from one account. Metric `sla_attainment_naive`: in time / answered so far, a fact without limits, `n` = tickets answered.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `tickets`; the column that ends the wait, or all of them; an unknown target or clock; a target in calendar months, or on the business
        clock in weeks or as a Timedelta of a day or more; a mapping of times without `target_by`.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457-481. Rothman (1978), Journal of Chronic Diseases 31, 557-560
    (limits). Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.sla_attainment(ds)[["target", "metric"]].to_dict("records")  # doctest: +NORMALIZE_WHITESPACE
    [{'target': 'response', 'metric': 'sla_attainment'}, {'target': 'response', 'metric': 'sla_attainment_naive'},
     {'target': 'resolution', 'metric': 'sla_attainment'}, {'target': 'resolution', 'metric': 'sla_attainment_naive'}]
    """
    check_conf_level(conf_level)
    check_clock(clock)
    columns = list(dict.fromkeys([*by_columns(by), *by_columns(target_by)]))
    keys = [*group_columns(by), *(["period"] if period else []), "target"]
    tables = []
    for what, target in _checked_targets(ds, targets).items():
        waits = ticket_waits(ds, what=what, clock=clock, reopened=reopened, by=columns)
        rows = _in_targets(waits, _days_of(ds, target, target_by, clock=clock), target_by).assign(target=what)
        if period is not None:
            rows["period"] = calendar_periods(ds, rows["opened_at"], period)
        if len(rows):
            tables += [_attained(rows, keys, conf_level=conf_level), _naive(rows, keys)]
    nothing = estimates({key: [] for key in keys}, metric="sla_attainment", unit="share", estimate=[], conf_low=[], conf_high=[], n=[])
    return as_named(stack(tables or [nothing]))


def _checked_targets(ds: Dataset, targets: Targets | None) -> Targets:
    """Return the targets asked for, or the usual ones that the columns allow."""
    relation(ds, "tickets")  # raises where there is no such table
    present = ds.tables["tickets"].columns
    if targets is None:
        usual = {what: target for what, target in USUAL_TARGETS.items() if _ENDS_WITH[what] in present}
        if not usual:
            raise MissingColumnsError(list(_ENDS_WITH.values()), present, table="tickets")
        return usual
    if not isinstance(targets, Mapping) or not targets or set(targets) - set(get_args(What)):
        raise ParameterError(f"targets must map 'response' or 'resolution' to a time, such as {dict(USUAL_TARGETS)!r}, not {targets!r}.")
    return targets


def _days_of(ds: Dataset, target: Target | Mapping[str, Target], target_by: str | None, *, clock: Clock) -> float | dict[str, float]:
    """Return a target in days of the clock, or one for each value of `target_by`."""
    if isinstance(target, Mapping) != (target_by is not None):
        raise ParameterError("target_by names the column on whose values the times depend: give it with a mapping of times for each target, or not at all.")
    if isinstance(target, Mapping):
        return {value: clock_days(ds, each, clock=clock, name="targets") for value, each in target.items()}
    return clock_days(ds, target, clock=clock, name="targets")


def _in_targets(waits: pd.DataFrame, days: float | dict[str, float], target_by: str | None) -> pd.DataFrame:
    """Return the tickets that have a target, with `duration_days` in multiples of their own: 1 is just in time."""
    if not isinstance(days, dict):
        return waits.assign(limit=days)
    limits = waits[group_columns(target_by)[0]].map(days).astype("float64")
    rows = waits.assign(limit=limits)[limits.notna()]
    return rows.assign(duration_days=_multiples(rows), limit=1.0)


def _multiples(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return durations over their own limits, kept on the side of 1 on which they are whatever the rounding."""
    times = (rows["duration_days"] / rows["limit"]).to_numpy("float64")
    late = (rows["duration_days"] > np.rint(rows["limit"] * 1e9) / 1e9).to_numpy()
    return np.asarray(np.where(late, np.maximum(times, 1 + 1e-9), np.where(rows["observed"], np.minimum(times, 1.0), times)))


def _attained(rows: pd.DataFrame, keys: list[str], *, conf_level: float) -> pd.DataFrame:
    horizon = pd.Timedelta(rows["limit"].iloc[0], "D")
    shares = share_within(rows, keys, horizon=horizon, cluster="account_id", conf_level=conf_level)
    return shares.assign(metric="sla_attainment")


def _naive(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the share in time among those answered so far, a row for every group there is."""
    in_time = rows["observed"] & (rows["duration_days"] <= np.rint(rows["limit"] * 1e9) / 1e9)
    sums = rows[keys].assign(hits=in_time.astype("int64"), units=rows["observed"].astype("int64")).groupby(keys, dropna=False, sort=True).sum().reset_index()
    share = sums["hits"] / sums["units"].where(sums["units"] > 0)
    return estimates(sums[keys], metric="sla_attainment_naive", unit="share", estimate=share, n=sums["units"])
